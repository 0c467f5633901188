// Subjects that are wrong on purpose, each in one way in which a real
// implementation of the Deployments API could be: what the kit must notice.
//
//   for (const Mutant& mutant : Mutants()) {
//     std::unique_ptr<SubjectUnderTest> subject =
//         mutant.make(mutant.profile().rules());
//     ...
//   }
//
// Each is the engine with something between it and its callers, its rules, its
// store or its refs: see in_process_subject.h.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_MUTANTS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_MUTANTS_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/sequence.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace conformance {

struct Mutant {
  // In lower case, with underscores: the name of the function that makes it.
  absl::string_view name;
  // One clause, for people.
  absl::string_view wrong;
  // The number of the rule that it breaks.
  int rule = 0;
  // A new one, that lives by `rules` but for what is wrong with it.
  std::function<std::unique_ptr<SubjectUnderTest>(
      const slipway::v1::Rules& rules)>
      make;
  // What it is to be held to, and by how many clients at the same time.
  v1::Profile (*profile)() = DocumentedProfile;
  int clients = 1;
};

// By rule.
const std::vector<Mutant>& Mutants();

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_MUTANTS_H_
