#include "slipway/core/rules.h"

#include <algorithm>

#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "slipway/core/names.h"

namespace slipway {
namespace {

bool HasUnknownField(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

}  // namespace

v1::Rules DocumentedRules() {
  v1::Rules rules;
  rules.set_production_name_match(v1::NAME_MATCH_EXACT);
  rules.set_empty_url(v1::EMPTY_URL_NOT_GIVEN);
  rules.set_log_url_scheme(v1::URL_SCHEME_ANY);
  rules.set_inactivation_name_match(v1::NAME_MATCH_IGNORE_CASE);
  rules.set_prior_deployments(v1::PRIOR_DEPLOYMENTS_LOWER_ID);
  rules.set_production_inactivation(v1::PRODUCTION_INACTIVATION_EXCLUDED);
  rules.set_inactivation_flags(v1::FLAGS_OF_OLDER_DEPLOYMENT);
  rules.set_inactive_creator(v1::INACTIVE_CREATOR_ACTOR_OF_SUCCESS);
  rules.set_inactivation_scope(v1::INACTIVATION_SCOPE_ENVIRONMENT);
  rules.set_deletion_scope(v1::DELETION_SCOPE_REPOSITORY);
  rules.set_list_environment_match(v1::NAME_MATCH_IGNORE_CASE);
  *rules.mutable_limits() = LimitsOf(v1::Rules());
  return rules;
}

v1::Rules ObservedRules() {
  v1::Rules rules = DocumentedRules();
  rules.set_deletion_scope(v1::DELETION_SCOPE_ENVIRONMENT);
  return rules;
}

v1::Limits LimitsOf(const v1::Rules& rules) {
  const v1::Limits& given = rules.limits();
  v1::Limits all;
#define SLIPWAY_LIMIT(name, default_value)                               \
  all.set_##name(given.has_##name() ? std::max<int64_t>(given.name(), 0) \
                                    : (default_value))
  SLIPWAY_LIMIT(environment_name_characters_max, 255);
  SLIPWAY_LIMIT(status_description_characters_max, 140);
  SLIPWAY_LIMIT(statuses_per_deployment_max, 0);
  SLIPWAY_LIMIT(payload_bytes_max, 65536);
  SLIPWAY_LIMIT(name_bytes_max, 1024);
  SLIPWAY_LIMIT(text_bytes_max, 65536);
  SLIPWAY_LIMIT(required_contexts_max, 1000);
  SLIPWAY_LIMIT(abandoned_after_ms, 30 * 60 * 1000);
  SLIPWAY_LIMIT(per_page_default, 30);
  SLIPWAY_LIMIT(per_page_max, 100);
  SLIPWAY_LIMIT(request_body_bytes_max, 1 << 20);
  SLIPWAY_LIMIT(json_depth_max, 100);
  SLIPWAY_LIMIT(idempotency_key_bytes_max, 255);
  SLIPWAY_LIMIT(idempotency_kept_ms, 24 * 60 * 60 * 1000);
#undef SLIPWAY_LIMIT
  return all;
}

absl::string_view UnknownKnob(const v1::Rules& rules) {
#define SLIPWAY_KNOB(name, Type) \
  if (!v1::Type##_IsValid(rules.name())) return #name
  SLIPWAY_KNOB(production_name_match, NameMatch);
  SLIPWAY_KNOB(empty_url, EmptyUrl);
  SLIPWAY_KNOB(log_url_scheme, UrlScheme);
  SLIPWAY_KNOB(inactivation_name_match, NameMatch);
  SLIPWAY_KNOB(prior_deployments, PriorDeployments);
  SLIPWAY_KNOB(production_inactivation, ProductionInactivation);
  SLIPWAY_KNOB(inactivation_flags, FlagsOf);
  SLIPWAY_KNOB(inactive_creator, InactiveCreator);
  SLIPWAY_KNOB(inactivation_scope, InactivationScope);
  SLIPWAY_KNOB(deletion_scope, DeletionScope);
  SLIPWAY_KNOB(list_environment_match, NameMatch);
#undef SLIPWAY_KNOB
  if (HasUnknownField(rules)) return "rules";
  if (HasUnknownField(rules.limits())) return "limits";
  return {};
}

absl::string_view TargetEnvironment(const v1::CreateDeployment& request) {
  return request.has_environment() ? absl::string_view(request.environment())
                                   : kProductionEnvironment;
}

const std::string& TargetEnvironment(const v1::Deployment& deployment,
                                     const v1::CreateStatus& request) {
  return request.has_environment() ? request.environment()
                                   : deployment.environment();
}

bool TriggersInactivation(const v1::CreateStatus& request) {
  return request.state() == v1::STATUS_STATE_SUCCESS &&
         (!request.has_auto_inactive() || request.auto_inactive());
}

bool Retires(const v1::Rules& rules, const v1::Deployment& succeeded,
             absl::string_view environment, const v1::LiveDeployment& live) {
  if (live.id() == succeeded.id()) return false;
  if (rules.prior_deployments() != v1::PRIOR_DEPLOYMENTS_EVERY_OTHER &&
      live.id() > succeeded.id()) {
    return false;
  }
  const bool flags_of_succeeded =
      rules.inactivation_flags() == v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT;
  const bool transient = flags_of_succeeded ? succeeded.transient_environment()
                                            : live.transient_environment();
  const bool production = flags_of_succeeded
                              ? succeeded.production_environment()
                              : live.production_environment();
  if (transient) return false;
  if (production &&
      rules.production_inactivation() != v1::PRODUCTION_INACTIVATION_INCLUDED) {
    return false;
  }
  if (rules.inactivation_scope() ==
          v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK &&
      live.task() != succeeded.task()) {
    return false;
  }
  return Matches(rules.inactivation_name_match(), v1::NAME_MATCH_IGNORE_CASE,
                 live.environment(), environment);
}

bool IsKept(const v1::Rules& rules, int64_t answered_at_ms, int64_t now_ms) {
  const int64_t kept_ms = LimitsOf(rules).idempotency_kept_ms();
  if (answered_at_ms >= now_ms) return kept_ms > 0;
  // As unsigned numbers, for what the difference of any two is.
  return static_cast<uint64_t>(now_ms) - static_cast<uint64_t>(answered_at_ms) <
         static_cast<uint64_t>(kept_ms);
}

bool KeepsAnswer(const v1::Command& command, const v1::Decision& decision) {
  if (command.idempotency_key().empty() || decision.replayed()) return false;
  return decision.acceptance().outcome() != v1::OUTCOME_MERGE_REQUIRED &&
         decision.rejection().reason() != v1::REASON_MALFORMED_COMMAND &&
         decision.rejection().reason() != v1::REASON_IDEMPOTENCY_KEY_REUSED;
}

}  // namespace slipway
