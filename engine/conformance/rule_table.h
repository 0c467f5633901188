// The rules that the kit tests: their numbers, titles and levels, as docs/spec
// has them, and what a subject must be able to do for a rule to be tested.
//
//   for (const RuleRow& row : RuleTable()) {
//     const std::string why_not = WhyNotTested(row, capabilities, rules);
//     if (why_not.empty()) ...
//   }
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/subject.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace conformance {

// What a rule cannot be tested without.
enum class RuleNeed {
  // Any subject will do.
  kNothing,
  // A branch that is behind the default branch.
  kBranchBehind,
  // A ref of any form that is behind; of a branch there is the qualified name.
  kRefBehind,
  // Rules with a limit on the statuses of a deployment.
  kCapOnStatuses,
  // `notifications`, or `late_notifications`.
  kNotifications,
  // `signed_notifications`.
  kSignatures,
  // `clients_max` of 2 or more.
  kSeveralClients,
};

struct RuleRow {
  int number = 0;
  // A few words: "Only a success retires others".
  absl::string_view title;
  // By the rule's mark: that of its main sentence.
  v1::Level level = v1::LEVEL_UNSPECIFIED;
  RuleNeed need = RuleNeed::kNothing;
};

// Ascending by number. Every rule that can be seen from outside; a test
// compares the table with docs/spec.
const std::vector<RuleRow>& RuleTable();

// Why a subject with these capabilities cannot be tested for a rule, for
// people; empty: it can.
std::string WhyNotTested(const RuleRow& row,
                         const v1::Capabilities& capabilities,
                         const slipway::v1::Rules& rules);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_
