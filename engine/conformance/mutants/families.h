// The mutants by what they are wrong about, and what they are made of.
//
// Used by `Mutants`; not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_FAMILIES_H_
#define SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_FAMILIES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/mutants/mutants.h"
#include "slipway/conformance/subject.h"
#include "slipway/v1/state.pb.h"

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

// Changes the request for a deployment.
template <typename Change>
InProcessHooks WithCreateDeployment(Change change) {
  InProcessHooks hooks;
  hooks.operation = [change](v1::Operation& operation) {
    if (!operation.has_create_deployment()) return;
    change(*operation.mutable_create_deployment()->mutable_request());
  };
  return hooks;
}

// Changes the request for a status.
template <typename Change>
InProcessHooks WithCreateStatus(Change change) {
  InProcessHooks hooks;
  hooks.operation = [change](v1::Operation& operation) {
    if (!operation.has_create_status()) return;
    change(*operation.mutable_create_status()->mutable_request());
  };
  return hooks;
}

// Changes each deployment in an answer.
template <typename Change>
InProcessHooks WithDeployments(Change change) {
  InProcessHooks hooks;
  hooks.answer = [change](const v1::Operation&, v1::Answer& answer) {
    if (answer.has_deployment()) change(*answer.mutable_deployment());
    for (auto& row : *answer.mutable_deployments()) change(row);
  };
  return hooks;
}

// nullptr: there is none.
inline const slipway::v1::DeploymentRecord* FindRecord(
    const slipway::v1::RepositoryState& state, int64_t deployment_id) {
  for (const slipway::v1::DeploymentRecord& record : state.deployments()) {
    if (record.deployment().id() == deployment_id) return &record;
  }
  return nullptr;
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
