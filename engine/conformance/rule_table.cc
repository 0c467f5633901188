#include "slipway/conformance/rule_table.h"

namespace slipway {
namespace conformance {
namespace {

bool IsBehind(const v1::RefFixture& ref) {
  return ref.is_behind() && !ref.is_default_branch();
}

bool HasRefBehind(const v1::Capabilities& capabilities, bool only_branches) {
  for (const v1::RefFixture& ref : capabilities.refs()) {
    const bool is_branch = ref.form() == slipway::v1::REF_FORM_BRANCH ||
                           ref.form() == slipway::v1::REF_FORM_UNSPECIFIED;
    if (IsBehind(ref) && (is_branch || !only_branches)) return true;
  }
  return false;
}

}  // namespace

// Not here, as no answer of the API shows them to a kit that works in one
// repository: R1 (other spellings of its name), R3 (seen only in what R13 and
// R14 say), R4 to R8 (the engine's own limits and the commands of its host),
// R50 and R51 (derived, not on the wire of REST), R61 to R64 and R90 to R92
// (not built yet), R81 (the engine's own stream), and from R100 on what the
// engine has beyond GitHub.
const std::vector<RuleRow>& RuleTable() {
  constexpr v1::Level kRequired = v1::LEVEL_REQUIRED;
  constexpr v1::Level kRecommended = v1::LEVEL_RECOMMENDED;
  constexpr v1::Level kOpen = v1::LEVEL_OPEN;
  static const auto* const kTable = new std::vector<RuleRow>{
      {2, "A ref is a branch, a tag or a SHA", kRequired, RuleNeed::kNothing},
      {10, "What is left out has its default", kRequired, RuleNeed::kNothing},
      {11, "Payload and description come back as given", kRecommended,
       RuleNeed::kNothing},
      {12, "Of several refusals the first check's is told", kRecommended,
       RuleNeed::kNothing},
      {13, "A branch that is behind is merged into first", kRequired,
       RuleNeed::kBranchBehind},
      {14, "Only a branch can be merged into", kRecommended,
       RuleNeed::kRefBehind},
      {15, "Required contexts must have passed", kRequired, RuleNeed::kNothing},
      {16, "A new deployment has no status", kRecommended, RuleNeed::kNothing},
      {17, "Ids grow and are never used again", kRequired, RuleNeed::kNothing},
      {20, "Callers set seven states, in any order", kRequired,
       RuleNeed::kNothing},
      {21, "Statuses are only ever appended", kRequired, RuleNeed::kNothing},
      {22, "A status moves the time of the last update", kRecommended,
       RuleNeed::kNothing},
      {23, "A status can move its deployment", kRequired, RuleNeed::kNothing},
      {24, "The log URL and the target URL are one", kRecommended,
       RuleNeed::kNothing},
      {25, "Descriptions and URLs of a status", kRequired, RuleNeed::kNothing},
      {26, "A cap on the statuses of a deployment", kOpen,
       RuleNeed::kCapOnStatuses},
      {30, "Only a success retires others", kRequired, RuleNeed::kNothing},
      {31, "A success retires what was live in its environment", kRequired,
       RuleNeed::kNothing},
      {32, "Which deployments are prior", kOpen, RuleNeed::kNothing},
      {33, "Whether production deployments are retired", kOpen,
       RuleNeed::kNothing},
      {34, "Whose flags and which environment count", kOpen,
       RuleNeed::kNothing},
      {35, "What the status of a retirement says", kOpen, RuleNeed::kNothing},
      // Without a mark: no public documentation promises it, yet two successes
      // that both leave a prior deployment live break R31 as a caller sees it.
      {36, "Successes at once are as one after the other", kRecommended,
       RuleNeed::kSeveralClients},
      // Without a mark: a knob, so open as those marked S.
      {37, "Whether a success reaches other tasks", kOpen, RuleNeed::kNothing},
      {40, "An active deployment stays unless it is the only one", kRequired,
       RuleNeed::kNothing},
      {41, "Where an active deployment must be the only one", kOpen,
       RuleNeed::kNothing},
      {42, "What is deleted is gone, statuses and all", kRequired,
       RuleNeed::kNothing},
      {60, "Names of environments", kRequired, RuleNeed::kNothing},
      {70, "Lists are newest first, and filtered", kRequired,
       RuleNeed::kNothing},
      {71, "Pages of lists", kRequired, RuleNeed::kNothing},
      {72, "A list points to its next and last page", kRequired,
       RuleNeed::kNothing},
      {80, "Others are told of what was created", kRequired,
       RuleNeed::kNotifications},
      {82, "What others are told is signed", kRequired, RuleNeed::kSignatures},
  };
  return *kTable;
}

std::string WhyNotTested(const RuleRow& row,
                         const v1::Capabilities& capabilities,
                         const slipway::v1::Rules& rules) {
  switch (row.need) {
    case RuleNeed::kNothing:
      return "";
    case RuleNeed::kBranchBehind:
      if (HasRefBehind(capabilities, true)) return "";
      return "the subject has no branch that is behind the default branch";
    case RuleNeed::kRefBehind:
      if (HasRefBehind(capabilities, false)) return "";
      return "the subject has no ref that is behind the default branch";
    case RuleNeed::kCapOnStatuses:
      if (rules.limits().statuses_per_deployment_max() > 0) return "";
      return "the profile leaves it open: it has no cap on statuses";
    case RuleNeed::kNotifications:
      if (capabilities.notifications() || capabilities.late_notifications()) {
        return "";
      }
      return "nobody listens to what the subject tells others (over HTTP: "
             "--webhook_listen)";
    case RuleNeed::kSignatures:
      if (capabilities.signed_notifications()) return "";
      return "nobody looks at signatures (over HTTP: --webhook_secret_file)";
    case RuleNeed::kSeveralClients:
      if (capabilities.clients_max() > 1) return "";
      return "the subject takes one call at a time";
  }
  return "";
}

}  // namespace conformance
}  // namespace slipway
