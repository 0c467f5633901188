// Wrong about statuses and the names of environments: R20 to R26, and R60.

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "engine/conformance/mutants/families.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using slipway::v1::Command;
using slipway::v1::Decision;
using slipway::v1::Deployment;
using slipway::v1::DeploymentRecord;
using slipway::v1::DeploymentStatus;
using slipway::v1::RepositoryState;

// Changes the row of a status that a caller has asked for, on the deployment as
// it was before.
template <typename Change>
InProcessHooks WithStatus(Change change) {
  InProcessHooks hooks;
  hooks.decision = [change](const RepositoryState& state,
                            const Command& command,
                            const InProcessHooks::TakeId&, Decision& decision) {
    if (decision.acceptance().outcome() !=
        slipway::v1::OUTCOME_STATUS_CREATED) {
      return;
    }
    const slipway::v1::CreateStatus& request = command.create_status();
    const DeploymentRecord* record = FindRecord(state, request.deployment_id());
    if (record == nullptr) return;
    change(*record, request,
           *decision.mutable_acceptance()->mutable_events(0)->mutable_status());
  };
  return hooks;
}

// Refuses, for a field, what the engine would take.
template <typename Refuses>
InProcessHooks Refusing(absl::string_view field, Refuses refuses) {
  InProcessHooks hooks;
  hooks.decision = [field, refuses](
                       const RepositoryState& state, const Command& command,
                       const InProcessHooks::TakeId&, Decision& decision) {
    if (!decision.has_acceptance() || !refuses(state, command)) return;
    decision.Clear();
    slipway::v1::Rejection& rejection = *decision.mutable_rejection();
    rejection.set_reason(slipway::v1::REASON_INVALID_FIELDS);
    rejection.set_message("Validation Failed");
    slipway::v1::Violation& violation = *rejection.add_violations();
    violation.set_field(std::string(field));
    violation.set_message("is not valid");
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R20 and R21.

InProcessHooks InactiveIsFinal() {
  return Refusing(
      "state", [](const RepositoryState& state, const Command& command) {
        if (!command.has_create_status()) return false;
        const DeploymentRecord* record =
            FindRecord(state, command.create_status().deployment_id());
        return record != nullptr && !record->statuses().empty() &&
               record->statuses().rbegin()->state() ==
                   slipway::v1::STATUS_STATE_INACTIVE;
      });
}

InProcessHooks WaitingCanBeSet() {
  return WithCreateStatus([](slipway::v1::CreateStatus& request) {
    if (request.state() == slipway::v1::STATUS_STATE_WAITING) {
      request.set_state(slipway::v1::STATUS_STATE_PENDING);
    }
  });
}

InProcessHooks ErrorIsFailure() {
  return WithStatus([](const DeploymentRecord&,
                       const slipway::v1::CreateStatus&,
                       DeploymentStatus& status) {
    if (status.state() == slipway::v1::STATUS_STATE_ERROR) {
      status.set_state(slipway::v1::STATUS_STATE_FAILURE);
    }
  });
}

InProcessHooks OnlyLatestStatusKept() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.has_list_statuses()) return;
    if (operation.list_statuses().page() > 1) answer.clear_statuses();
    while (answer.statuses_size() > 1) {
      answer.mutable_statuses()->RemoveLast();
    }
    answer.clear_has_next_page();
    answer.clear_last_page();
  };
  return hooks;
}

// The query looks for the id alone.
InProcessHooks StatusOfAnyDeployment() {
  InProcessHooks hooks;
  auto owners = std::make_shared<std::map<int64_t, int64_t>>();
  hooks.reset = [owners] { owners->clear(); };
  hooks.operation = [owners](v1::Operation& operation) {
    if (!operation.has_get_status()) return;
    v1::GetStatus& get = *operation.mutable_get_status();
    const auto owner = owners->find(get.status_id());
    if (owner != owners->end()) get.set_deployment_id(owner->second);
  };
  hooks.answer = [owners](const v1::Operation& operation, v1::Answer& answer) {
    if (operation.has_create_status() && answer.has_status()) {
      (*owners)[answer.status().id()] = answer.status().deployment_id();
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R22 and R23.

InProcessHooks UpdatedAtNotMoved() {
  return WithDeployments([](Deployment& deployment) {
    deployment.set_updated_at_ms(deployment.created_at_ms());
  });
}

InProcessHooks UpdatedAtNotMovedByRetirement() {
  InProcessHooks hooks;
  auto times = std::make_shared<std::map<int64_t, int64_t>>();
  hooks.reset = [times] { times->clear(); };
  hooks.answer = [times](const v1::Operation& operation, v1::Answer& answer) {
    if (operation.has_create_status() && answer.has_status()) {
      (*times)[answer.status().deployment_id()] =
          answer.status().created_at_ms();
    }
    const auto change = [&](Deployment& row) {
      const auto time = times->find(row.id());
      if (time != times->end()) row.set_updated_at_ms(time->second);
    };
    if (answer.has_deployment()) change(*answer.mutable_deployment());
    for (Deployment& row : *answer.mutable_deployments()) change(row);
  };
  return hooks;
}

InProcessHooks OriginalEnvironmentOverwritten() {
  return WithDeployments([](Deployment& deployment) {
    deployment.set_original_environment(deployment.environment());
  });
}

InProcessHooks MoveChangesProduction() {
  return WithDeployments([](Deployment& deployment) {
    if (deployment.environment() == deployment.original_environment()) return;
    deployment.set_production_environment(deployment.environment() ==
                                          "production");
  });
}

InProcessHooks StatusEnvironmentIgnored() {
  return WithStatus([](const DeploymentRecord& record,
                       const slipway::v1::CreateStatus&,
                       DeploymentStatus& status) {
    status.set_environment(record.deployment().environment());
  });
}

InProcessHooks DeploymentDoesNotMove() {
  return WithDeployments([](Deployment& deployment) {
    deployment.set_environment(deployment.original_environment());
  });
}

InProcessHooks BackToTheOriginalEnvironment() {
  return WithStatus([](const DeploymentRecord& record,
                       const slipway::v1::CreateStatus& request,
                       DeploymentStatus& status) {
    if (!request.has_environment()) {
      status.set_environment(record.deployment().original_environment());
    }
  });
}

// ---------------------------------------------------------------------------
// R24 and R25.

InProcessHooks LogUrlNotMirrored() {
  return WithStatus([](const DeploymentRecord&,
                       const slipway::v1::CreateStatus& request,
                       DeploymentStatus& status) {
    status.set_log_url(request.log_url());
    status.set_target_url(request.target_url());
  });
}

InProcessHooks TargetUrlWins() {
  return WithStatus([](const DeploymentRecord&,
                       const slipway::v1::CreateStatus& request,
                       DeploymentStatus& status) {
    if (request.target_url().empty()) return;
    status.set_log_url(request.target_url());
    status.set_target_url(request.target_url());
  });
}

InProcessHooks EmptyLogUrlWins() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_empty_url(slipway::v1::EMPTY_URL_GIVEN);
  });
}

InProcessHooks DescriptionCountedInBytes() {
  return Refusing("description",
                  [](const RepositoryState&, const Command& command) {
                    return command.create_status().description().size() > 140;
                  });
}

InProcessHooks DescriptionWithoutCap() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.mutable_limits()->set_status_description_characters_max(65536);
  });
}

InProcessHooks DescriptionCapOneLess() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.mutable_limits()->set_status_description_characters_max(139);
  });
}

// Cut to 140 characters, and taken.
InProcessHooks DescriptionCut() {
  return WithCreateStatus([](slipway::v1::CreateStatus& request) {
    if (!request.has_description()) return;
    std::string& text = *request.mutable_description();
    int characters = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
      if (++characters > 140) {
        text.resize(i);
        return;
      }
    }
  });
}

InProcessHooks EnvironmentUrlOfAnyScheme() {
  return WithCreateStatus([](slipway::v1::CreateStatus& request) {
    if (!absl::StartsWith(request.environment_url(), "http")) {
      request.clear_environment_url();
    }
  });
}

InProcessHooks LogUrlOnlyOfTheWeb() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_log_url_scheme(slipway::v1::URL_SCHEME_HTTP_OR_HTTPS);
  });
}

InProcessHooks EnvironmentUrlInherited() {
  return WithStatus([](const DeploymentRecord& record,
                       const slipway::v1::CreateStatus& request,
                       DeploymentStatus& status) {
    if (request.has_environment_url() || record.statuses().empty()) return;
    status.set_environment_url(record.statuses().rbegin()->environment_url());
  });
}

// ---------------------------------------------------------------------------
// R26, where the profile has a cap.

v1::Profile ProfileWithCapOnStatuses() {
  v1::Profile profile = DocumentedProfile();
  profile.mutable_rules()->mutable_limits()->set_statuses_per_deployment_max(3);
  return profile;
}

InProcessHooks CapOnStatusesOneMore() {
  return WithRules([](slipway::v1::Rules& rules) {
    slipway::v1::Limits& limits = *rules.mutable_limits();
    limits.set_statuses_per_deployment_max(
        limits.statuses_per_deployment_max() + 1);
  });
}

// ---------------------------------------------------------------------------
// R60.

const std::string* EnvironmentAskedFor(const Command& command) {
  if (command.create_deployment().has_environment()) {
    return &command.create_deployment().environment();
  }
  if (command.create_status().has_environment()) {
    return &command.create_status().environment();
  }
  return nullptr;
}

InProcessHooks EnvironmentCountedInBytes() {
  return Refusing("environment",
                  [](const RepositoryState&, const Command& command) {
                    const std::string* name = EnvironmentAskedFor(command);
                    return name != nullptr && name->size() > 255;
                  });
}

InProcessHooks EnvironmentWithoutCap() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.mutable_limits()->set_environment_name_characters_max(65536);
  });
}

InProcessHooks EnvironmentWithoutSlash() {
  return Refusing("environment",
                  [](const RepositoryState&, const Command& command) {
                    const std::string* name = EnvironmentAskedFor(command);
                    return name != nullptr && absl::StrContains(*name, "/");
                  });
}

InProcessHooks EnvironmentInLowerCase() {
  InProcessHooks hooks;
  hooks.operation = [](v1::Operation& operation) {
    if (!operation.create_deployment().request().has_environment()) return;
    for (char& c : *operation.mutable_create_deployment()
                        ->mutable_request()
                        ->mutable_environment()) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  };
  return hooks;
}

}  // namespace

std::vector<Mutant> StatusMutants() {
  return {
      {"inactive_is_final", "nothing may follow `inactive`", 20,
       Hooked(InactiveIsFinal)},
      {"waiting_can_be_set", "callers may set `waiting`", 20,
       Hooked(WaitingCanBeSet)},
      {"error_is_failure", "`error` is kept as `failure`", 20,
       Hooked(ErrorIsFailure)},
      {"only_latest_status_kept", "a new status takes the place of the last",
       21, Hooked(OnlyLatestStatusKept)},
      {"status_of_any_deployment", "a status is found under another deployment",
       42, Hooked(StatusOfAnyDeployment)},
      {"updated_at_not_moved", "a status does not move `updated_at`", 22,
       Hooked(UpdatedAtNotMoved)},
      {"updated_at_not_moved_by_retirement",
       "a retirement does not move `updated_at`", 22,
       Hooked(UpdatedAtNotMovedByRetirement)},
      {"original_environment_overwritten",
       "a move overwrites `original_environment`", 23,
       Hooked(OriginalEnvironmentOverwritten)},
      {"move_changes_production",
       "a move changes the production flag to what the name says", 23,
       Hooked(MoveChangesProduction)},
      {"status_environment_ignored", "the environment of a status is ignored",
       23, Hooked(StatusEnvironmentIgnored)},
      {"deployment_does_not_move",
       "a status keeps its environment, and its deployment another", 23,
       Hooked(DeploymentDoesNotMove)},
      {"back_to_the_original_environment",
       "a status without an environment moves back", 23,
       Hooked(BackToTheOriginalEnvironment)},
      {"log_url_not_mirrored", "`log_url` and `target_url` are two fields", 24,
       Hooked(LogUrlNotMirrored)},
      {"target_url_wins", "of two links `target_url` wins", 24,
       Hooked(TargetUrlWins)},
      {"empty_log_url_wins", "an empty `log_url` counts as given", 24,
       Hooked(EmptyLogUrlWins)},
      {"description_counted_in_bytes", "140 characters are counted in bytes",
       25, Hooked(DescriptionCountedInBytes)},
      {"description_without_cap", "a description has no limit", 25,
       Hooked(DescriptionWithoutCap)},
      {"description_cap_one_less", "a description has at most 139 characters",
       25, Hooked(DescriptionCapOneLess)},
      {"description_cut", "a description that is too long is cut", 25,
       Hooked(DescriptionCut)},
      {"environment_url_of_any_scheme", "`environment_url` may have any scheme",
       25, Hooked(EnvironmentUrlOfAnyScheme)},
      {"log_url_only_of_the_web", "`log_url` must be of http or https", 25,
       Hooked(LogUrlOnlyOfTheWeb)},
      {"environment_url_inherited",
       "a status without `environment_url` has that of the one before", 25,
       Hooked(EnvironmentUrlInherited)},
      {"cap_on_statuses_one_more",
       "held to a cap of 3: a fourth status is taken", 26,
       Hooked(CapOnStatusesOneMore), ProfileWithCapOnStatuses},
      {"environment_counted_in_bytes", "255 characters are counted in bytes",
       60, Hooked(EnvironmentCountedInBytes)},
      {"environment_without_cap", "the name of an environment has no limit", 60,
       Hooked(EnvironmentWithoutCap)},
      {"environment_without_slash", "the name of an environment has no slash",
       60, Hooked(EnvironmentWithoutSlash)},
      {"environment_in_lower_case",
       "the name of an environment is kept in lower case", 60,
       Hooked(EnvironmentInLowerCase)},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
