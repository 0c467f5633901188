#include "engine/core/draft.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "slipway/core/names.h"

namespace slipway {
namespace internal {

void Draft::Cite(std::initializer_list<int> rules) {
  google::protobuf::RepeatedField<int32_t>& cited = *decision_->mutable_rules();
  for (const int rule : rules) {
    auto place = std::lower_bound(cited.begin(), cited.end(), rule);
    if (place != cited.end() && *place == rule) continue;
    const auto index = place - cited.begin();
    cited.Add(rule);
    std::rotate(cited.begin() + index, cited.end() - 1, cited.end());
  }
}

v1::Acceptance* Draft::Accept(v1::Outcome outcome) {
  v1::Acceptance* acceptance = decision_->mutable_acceptance();
  acceptance->set_outcome(outcome);
  return acceptance;
}

v1::Event* Draft::AddEvent(v1::EventType type) {
  const v1::Command& command = question_.command;
  v1::Event* event = decision_->mutable_acceptance()->add_events();
  event->set_type(type);
  *event->mutable_repository() = command.repository();
  if (question_.facts.has_repository()) {
    event->mutable_repository()->set_owner(
        question_.facts.repository().owner());
    event->mutable_repository()->set_name(question_.facts.repository().name());
  }
  event->set_time_ms(command.time_ms());
  *event->mutable_actor() = command.actor();
  Cite({81});
  return event;
}

void Draft::NotifyOfLastEvent() {
  v1::Acceptance* acceptance = decision_->mutable_acceptance();
  v1::Effect* effect = acceptance->add_effects();
  effect->set_type(v1::EFFECT_TYPE_NOTIFY);
  effect->set_event_index(acceptance->events_size() - 1);
  Cite({80});
}

void Draft::NotifyOfStatus(const v1::DeploymentStatus& status) {
  NotifyOfLastEvent();
  v1::Acceptance* acceptance = decision_->mutable_acceptance();
  v1::Deployment* deployment =
      acceptance->mutable_effects(acceptance->effects_size() - 1)
          ->mutable_deployment();
  *deployment = question_.facts.deployment();
  deployment->set_environment(status.environment());
  deployment->set_updated_at_ms(status.created_at_ms());
}

std::string* Draft::Reject(v1::Reason reason, int rule) {
  v1::Rejection* rejection = decision_->mutable_rejection();
  rejection->set_reason(reason);
  rejection->set_rule(rule);
  Cite({rule});
  return rejection->mutable_message();
}

v1::CommitContext* Draft::AddContext() {
  return decision_->mutable_rejection()->add_contexts();
}

std::string* Draft::Violate(absl::string_view resource, absl::string_view field,
                            v1::ViolationCode code, int rule) {
  if (first_violated_rule_ == 0) first_violated_rule_ = rule;
  Cite({rule});
  v1::Violation* violation = decision_->mutable_rejection()->add_violations();
  violation->mutable_resource()->assign(resource.data(), resource.size());
  violation->mutable_field()->assign(field.data(), field.size());
  violation->set_code(code);
  return violation->mutable_message();
}

bool Draft::RejectIfViolated() {
  if (first_violated_rule_ == 0) return false;
  Reject(v1::REASON_INVALID_FIELDS, first_violated_rule_)
      ->append("Validation Failed");
  return true;
}

bool Draft::RejectIfMovedOn() {
  if (!question_.command.has_expectation()) return false;
  Cite({101});
  const auto& expected = question_.command.expectation().latest_status_ids();
  if (std::find(expected.begin(), expected.end(),
                question_.facts.latest_status_id()) != expected.end()) {
    return false;
  }
  Reject(v1::REASON_STATUS_MOVED_ON, 101)
      ->append("The latest status of the deployment is not the expected one.");
  return true;
}

void Draft::CheckText(absl::string_view resource, absl::string_view field,
                      absl::string_view value, int64_t bytes_max) {
  if (static_cast<int64_t>(value.size()) > bytes_max) {
    absl::StrAppend(
        Violate(resource, field, v1::VIOLATION_CODE_CUSTOM, /*rule=*/4), field,
        " is too long (maximum is ", bytes_max, " bytes)");
  } else if (!IsUtf8(value)) {
    absl::StrAppend(
        Violate(resource, field, v1::VIOLATION_CODE_CUSTOM, /*rule=*/4), field,
        " is not valid UTF-8");
  }
}

void Draft::CheckName(absl::string_view resource, absl::string_view field,
                      absl::string_view value) {
  if (value.empty()) {
    absl::StrAppend(
        Violate(resource, field, v1::VIOLATION_CODE_CUSTOM, /*rule=*/4), field,
        " can't be blank");
    return;
  }
  CheckText(resource, field, value, question_.limits.name_bytes_max());
}

void Draft::CheckEnvironmentName(absl::string_view resource,
                                 absl::string_view value) {
  const int64_t characters_max =
      question_.limits.environment_name_characters_max();
  if (value.empty()) {
    Violate(resource, "environment", v1::VIOLATION_CODE_CUSTOM, 60)
        ->append("environment can't be blank");
  } else if (!IsUtf8(value)) {
    Violate(resource, "environment", v1::VIOLATION_CODE_CUSTOM, 4)
        ->append("environment is not valid UTF-8");
  } else if (CharacterCount(value) > characters_max) {
    absl::StrAppend(
        Violate(resource, "environment", v1::VIOLATION_CODE_CUSTOM, 60),
        "environment is too long (maximum is ", characters_max, " characters)");
  }
}

void CreateEnvironmentIfNew(const Question& question, const std::string& name,
                            Draft& draft) {
  if (question.facts.has_environment()) return;
  draft.Cite({16, 60});
  v1::Environment* environment =
      draft.AddEvent(v1::EVENT_TYPE_ENVIRONMENT_CREATED)->mutable_environment();
  environment->set_id(draft.TakeId());
  environment->set_name(name);
  environment->set_created_at_ms(question.command.time_ms());
  environment->set_updated_at_ms(question.command.time_ms());
}

}  // namespace internal
}  // namespace slipway
