// The mutants by what they are wrong about, and what they are made of.
//
// Used by `Mutants`; not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_FAMILIES_H_
#define SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_FAMILIES_H_

#include <functional>
#include <memory>
#include <vector>

#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/mutants/mutants.h"
#include "slipway/conformance/subject.h"

namespace slipway {
namespace conformance {
namespace internal {

using MakeMutant =
    std::function<std::unique_ptr<SubjectUnderTest>(const slipway::v1::Rules&)>;

// Of hooks alone. Each subject gets hooks of its own, so that they may remember
// something.
inline MakeMutant Hooked(InProcessHooks (*hooks)()) {
  return [hooks](const slipway::v1::Rules& rules) {
    return std::make_unique<InProcessSubject>(InProcessParams{rules, hooks()});
  };
}

// Of a subclass that does something else with some calls.
template <typename Subject>
MakeMutant Wrapped() {
  return [](const slipway::v1::Rules& rules) {
    return std::make_unique<Subject>(InProcessParams{rules, {}});
  };
}

// The knobs of the engine, turned to where the profile does not have them.
template <typename Turn>
InProcessHooks WithRules(Turn turn) {
  InProcessHooks hooks;
  hooks.rules = [turn](const v1::Operation&, slipway::v1::Rules& rules) {
    turn(rules);
  };
  return hooks;
}

// R2 to R17.
std::vector<Mutant> CreationMutants();
// R20 to R26, and R60.
std::vector<Mutant> StatusMutants();
// R30 to R37, one call at a time.
std::vector<Mutant> RetirementMutants();
// R36.
std::vector<Mutant> ConcurrencyMutants();
// R40 to R42.
std::vector<Mutant> DeletionMutants();
// R70 to R72, and R80.
std::vector<Mutant> ListMutants();

}  // namespace internal
}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_FAMILIES_H_
