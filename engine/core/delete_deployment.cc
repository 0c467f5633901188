// R40 to R42.

#include "absl/strings/str_cat.h"
#include "engine/core/draft.h"

namespace slipway {
namespace internal {

void DecideDeleteDeployment(const Question& question, Draft& draft) {
  const v1::Facts& facts = question.facts;
  if (!facts.has_deployment()) {
    draft.Reject(v1::REASON_DEPLOYMENT_NOT_FOUND, 42)->append("Not Found");
    return;
  }
  draft.Cite({40});
  if (facts.latest_state() == v1::STATUS_STATE_SUCCESS) {
    draft.Cite({41});
    if (!facts.only_one_in_scope()) {
      absl::StrAppend(
          draft.Reject(v1::REASON_DEPLOYMENT_ACTIVE, 40),
          "We cannot delete an active deployment unless it is the "
          "only deployment in a given ",
          question.rules.deletion_scope() == v1::DELETION_SCOPE_ENVIRONMENT
              ? "environment."
              : "repository.");
      return;
    }
  }
  if (draft.RejectIfMovedOn()) return;
  draft.Cite({42});
  draft.Accept(v1::OUTCOME_DEPLOYMENT_DELETED);
  draft.AddEvent(v1::EVENT_TYPE_DEPLOYMENT_DELETED)
      ->set_deployment_id(facts.deployment().id());
}

}  // namespace internal
}  // namespace slipway
