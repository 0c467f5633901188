// R20 to R37.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/core/draft.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

constexpr absl::string_view kResource = "DeploymentStatus";

bool HasWebScheme(absl::string_view url) {
  return absl::StartsWithIgnoreCase(url, "http://") ||
         absl::StartsWithIgnoreCase(url, "https://");
}

void CheckWebUrl(absl::string_view field, absl::string_view url, Draft& draft) {
  if (url.empty() || HasWebScheme(url)) return;
  absl::StrAppend(
      draft.Violate(kResource, field, v1::VIOLATION_CODE_CUSTOM, 25), field,
      " must use http(s) scheme");
}

void CheckFields(const Question& question, Draft& draft) {
  const v1::CreateStatus& request = question.command.create_status();
  const v1::Limits& limits = question.limits;
  if (request.state() == v1::STATUS_STATE_UNSPECIFIED ||
      request.state() == v1::STATUS_STATE_WAITING ||
      !v1::StatusState_IsValid(request.state())) {
    draft.Violate(kResource, "state", v1::VIOLATION_CODE_CUSTOM, 20)
        ->append("state is not included in the list");
  }
  if (CharacterCount(request.description()) >
      limits.status_description_characters_max()) {
    absl::StrAppend(
        draft.Violate(kResource, "description", v1::VIOLATION_CODE_CUSTOM, 25),
        "description is too long (maximum is ",
        limits.status_description_characters_max(), " characters)");
  } else {
    draft.CheckText(kResource, "description", request.description(),
                    limits.text_bytes_max());
  }
  if (request.has_environment()) {
    draft.CheckEnvironmentName(kResource, request.environment());
  }
  draft.CheckText(kResource, "environment_url", request.environment_url(),
                  limits.text_bytes_max());
  CheckWebUrl("environment_url", request.environment_url(), draft);
  draft.CheckText(kResource, "log_url", request.log_url(),
                  limits.text_bytes_max());
  draft.CheckText(kResource, "target_url", request.target_url(),
                  limits.text_bytes_max());
  if (question.rules.log_url_scheme() == v1::URL_SCHEME_HTTP_OR_HTTPS) {
    CheckWebUrl("log_url", request.log_url(), draft);
    CheckWebUrl("target_url", request.target_url(), draft);
  }
}

// R24: the one address that both `log_url` and `target_url` show.
const std::string& MirroredUrl(const Question& question) {
  const v1::CreateStatus& request = question.command.create_status();
  const bool log_url_given = question.rules.empty_url() == v1::EMPTY_URL_GIVEN
                                 ? request.has_log_url()
                                 : !request.log_url().empty();
  return log_url_given ? request.log_url() : request.target_url();
}

// R31, R35: one real row for each deployment that this success retires.
void RetireOthers(const Question& question, const std::string& environment,
                  Draft& draft) {
  draft.Cite({31, 32, 33, 34});
  if (question.rules.inactivation_scope() ==
      v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK) {
    draft.Cite({37});
  }
  for (const v1::LiveDeployment& live : question.facts.live_deployments()) {
    if (!Retires(question.rules, question.facts.deployment(), environment,
                 live)) {
      continue;
    }
    draft.Cite({35, 36});
    v1::DeploymentStatus* status =
        draft.AddEvent(v1::EVENT_TYPE_STATUS_CREATED)->mutable_status();
    status->set_id(draft.TakeId());
    status->set_deployment_id(live.id());
    status->set_state(v1::STATUS_STATE_INACTIVE);
    *status->mutable_creator() =
        question.rules.inactive_creator() ==
                v1::INACTIVE_CREATOR_CREATOR_OF_DEPLOYMENT
            ? live.creator()
            : question.command.actor();
    status->set_environment(live.environment());
    status->set_created_at_ms(question.command.time_ms());
  }
}

}  // namespace

void DecideCreateStatus(const Question& question, Draft& draft) {
  const v1::Facts& facts = question.facts;
  const v1::CreateStatus& request = question.command.create_status();
  if (!facts.has_deployment()) {
    draft.Reject(v1::REASON_DEPLOYMENT_NOT_FOUND, 42)->append("Not Found");
    return;
  }
  CheckFields(question, draft);
  if (draft.RejectIfViolated()) return;
  const int64_t statuses_max = question.limits.statuses_per_deployment_max();
  if (statuses_max > 0) draft.Cite({26});
  if (statuses_max > 0 && facts.status_count() >= statuses_max) {
    absl::StrAppend(draft.Reject(v1::REASON_TOO_MANY_STATUSES, 26),
                    "This deployment has reached the maximum number of "
                    "statuses.");
    return;
  }
  if (draft.RejectIfMovedOn()) return;

  const std::string& environment =
      TargetEnvironment(facts.deployment(), request);
  draft.Cite({17, 20, 21, 22});
  if (!request.has_description()) draft.Cite({11});
  if (request.has_environment() ||
      environment != facts.deployment().original_environment()) {
    draft.Cite({23});
  }
  if (request.has_log_url() || request.has_target_url()) draft.Cite({24});
  if (request.has_description() || request.has_environment_url()) {
    draft.Cite({25});
  }
  draft.Accept(v1::OUTCOME_STATUS_CREATED);
  v1::DeploymentStatus* status =
      draft.AddEvent(v1::EVENT_TYPE_STATUS_CREATED)->mutable_status();
  status->set_id(draft.TakeId());
  status->set_deployment_id(request.deployment_id());
  status->set_state(request.state());
  *status->mutable_creator() = question.command.actor();
  status->set_description(request.description());
  status->set_environment(environment);
  status->set_environment_url(request.environment_url());
  status->set_log_url(MirroredUrl(question));
  status->set_target_url(MirroredUrl(question));
  status->set_created_at_ms(question.command.time_ms());
  if (request.state() == v1::STATUS_STATE_INACTIVE) {
    draft.Cite({80});  // which is silent about it
  } else {
    draft.NotifyOfStatus(*status);
  }
  draft.Cite({30});
  if (TriggersInactivation(request)) {
    RetireOthers(question, environment, draft);
  }
  CreateEnvironmentIfNew(question, environment, draft);
}

}  // namespace internal
}  // namespace slipway
