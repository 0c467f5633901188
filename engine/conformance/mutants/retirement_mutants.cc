// Wrong about what a success does to others: R30 to R37.

#include <set>

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
using slipway::v1::Event;
using slipway::v1::RepositoryState;
using slipway::v1::StatusState;

// What R30 to R34 ask of a status and of one of the deployments that it comes
// by. All of it must hold for that one to be retired.
struct Encounter {
  // A success, with auto_inactive.
  bool triggers = false;
  // The other's latest status.
  StatusState state = slipway::v1::STATUS_STATE_UNSPECIFIED;
  bool is_prior = false;
  bool is_transient = false;
  bool is_production = false;
  bool same_environment = false;
  const Deployment& other;
  // As it was before the status.
  const Deployment& it;
  const DeploymentStatus& status;

  bool is_live() const { return state == slipway::v1::STATUS_STATE_SUCCESS; }
  bool is_exempt() const { return is_transient || is_production; }
};

Encounter Meet(const Command& command, const Deployment& it,
               const DeploymentStatus& status, const DeploymentRecord& record) {
  const Deployment& other = record.deployment();
  const slipway::v1::CreateStatus& request = command.create_status();
  return {
      status.state() == slipway::v1::STATUS_STATE_SUCCESS &&
          (!request.has_auto_inactive() || request.auto_inactive()),
      record.statuses().empty() ? slipway::v1::STATUS_STATE_UNSPECIFIED
                                : record.statuses().rbegin()->state(),
      other.id() < it.id(),
      other.transient_environment(),
      other.production_environment(),
      absl::EqualsIgnoreCase(other.environment(), status.environment()),
      other,
      it,
      status,
  };
}

bool IsStatus(const Event& event) {
  return event.type() == slipway::v1::EVENT_TYPE_STATUS_CREATED;
}

// The row that the call asked for; nullptr: it asked for no status, or got
// none.
Event* OwnStatus(Decision& decision) {
  if (decision.acceptance().outcome() != slipway::v1::OUTCOME_STATUS_CREATED) {
    return nullptr;
  }
  Event* first = decision.mutable_acceptance()->mutable_events(0);
  return IsStatus(*first) ? first : nullptr;
}

// A row as the engine makes it for a retirement.
void AddRetirement(const Deployment& retired, int64_t id, Decision& decision) {
  const Event own = decision.acceptance().events(0);
  Event& event = *decision.mutable_acceptance()->add_events();
  event = own;
  DeploymentStatus& row = *event.mutable_status();
  row.Clear();
  row.set_id(id);
  row.set_deployment_id(retired.id());
  row.set_state(slipway::v1::STATUS_STATE_INACTIVE);
  *row.mutable_creator() = own.status().creator();
  row.set_environment(retired.environment());
  row.set_created_at_ms(own.status().created_at_ms());
}

void DropRetirements(Decision& decision) {
  auto& events = *decision.mutable_acceptance()->mutable_events();
  for (int i = events.size() - 1; i > 0; --i) {
    if (IsStatus(events[i])) events.DeleteSubrange(i, 1);
  }
}

// Others retire when `retires` says so, and only then.
template <typename Retires>
InProcessHooks Retiring(Retires retires) {
  InProcessHooks hooks;
  hooks.decision = [retires](const RepositoryState& state,
                             const Command& command,
                             const InProcessHooks::TakeId& take_id,
                             Decision& decision) {
    if (OwnStatus(decision) == nullptr) return;
    DropRetirements(decision);
    const DeploymentStatus status = decision.acceptance().events(0).status();
    const DeploymentRecord* it = FindRecord(state, status.deployment_id());
    if (it == nullptr) return;
    for (const DeploymentRecord& record : state.deployments()) {
      if (&record == it) continue;
      if (retires(Meet(command, it->deployment(), status, record))) {
        AddRetirement(record.deployment(), take_id(), decision);
      }
    }
  };
  return hooks;
}

// Changes the rows of retirements, which are as they should be so far.
template <typename Change>
InProcessHooks WithRetirements(Change change) {
  InProcessHooks hooks;
  hooks.decision = [change](const RepositoryState&, const Command&,
                            const InProcessHooks::TakeId&, Decision& decision) {
    const Event* own = OwnStatus(decision);
    if (own == nullptr) return;
    const DeploymentStatus status = own->status();
    for (Event& event : *decision.mutable_acceptance()->mutable_events()) {
      if (IsStatus(event) && event.status().id() != status.id()) {
        change(status, *event.mutable_status());
      }
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R30.

InProcessHooks AutoInactiveIgnored() {
  InProcessHooks hooks;
  hooks.operation = [](v1::Operation& operation) {
    if (!operation.has_create_status()) return;
    operation.mutable_create_status()->mutable_request()->clear_auto_inactive();
  };
  return hooks;
}

InProcessHooks EveryStateRetires() {
  return Retiring([](const Encounter& e) {
    return e.is_live() && e.is_prior && !e.is_exempt() && e.same_environment;
  });
}

// ---------------------------------------------------------------------------
// R31.

InProcessHooks TransientRetired() {
  return Retiring([](const Encounter& e) {
    return e.triggers && e.is_live() && e.is_prior && !e.is_production &&
           e.same_environment;
  });
}

InProcessHooks QueuedRetired() {
  return Retiring([](const Encounter& e) {
    return e.triggers &&
           (e.is_live() || e.state == slipway::v1::STATUS_STATE_QUEUED) &&
           e.is_prior && !e.is_exempt() && e.same_environment;
  });
}

InProcessHooks FailedRetired() {
  return Retiring([](const Encounter& e) {
    return e.triggers &&
           (e.is_live() || e.state == slipway::v1::STATUS_STATE_FAILURE ||
            e.state == slipway::v1::STATUS_STATE_ERROR) &&
           e.is_prior && !e.is_exempt() && e.same_environment;
  });
}

InProcessHooks NeverStartedRetired() {
  return Retiring([](const Encounter& e) {
    return e.triggers &&
           (e.is_live() || e.state == slipway::v1::STATUS_STATE_UNSPECIFIED) &&
           e.is_prior && !e.is_exempt() && e.same_environment;
  });
}

InProcessHooks RetiredTwice() {
  return Retiring([](const Encounter& e) {
    return e.triggers &&
           (e.is_live() || e.state == slipway::v1::STATUS_STATE_INACTIVE) &&
           e.is_prior && !e.is_exempt() && e.same_environment;
  });
}

InProcessHooks EnvironmentsWithCase() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_inactivation_name_match(slipway::v1::NAME_MATCH_EXACT);
  });
}

InProcessHooks EveryEnvironmentRetired() {
  return Retiring([](const Encounter& e) {
    return e.triggers && e.is_live() && e.is_prior && !e.is_exempt();
  });
}

InProcessHooks NothingRetired() {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command&,
                      const InProcessHooks::TakeId&, Decision& decision) {
    if (OwnStatus(decision) != nullptr) DropRetirements(decision);
  };
  return hooks;
}

InProcessHooks OnlyOneRetired() {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command&,
                      const InProcessHooks::TakeId&, Decision& decision) {
    if (OwnStatus(decision) == nullptr) return;
    auto& events = *decision.mutable_acceptance()->mutable_events();
    int retirements = 0;
    for (int i = events.size() - 1; i > 0; --i) {
      if (!IsStatus(events[i])) continue;
      if (++retirements > 1) events.DeleteSubrange(i, 1);
    }
  };
  return hooks;
}

// The deployment that succeeded is live in its environment too.
InProcessHooks ItselfRetired() {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState& state, const Command& command,
                      const InProcessHooks::TakeId& take_id,
                      Decision& decision) {
    const Event* own = OwnStatus(decision);
    if (own == nullptr) return;
    const DeploymentRecord* it =
        FindRecord(state, own->status().deployment_id());
    if (it == nullptr) return;
    const Encounter e = Meet(command, it->deployment(), own->status(), *it);
    if (!e.triggers || !e.is_live() || e.is_exempt()) return;
    AddRetirement(it->deployment(), take_id(), decision);
  };
  return hooks;
}

// The deployment is marked, and its history does not say so.
InProcessHooks RetiredWithoutARow() {
  InProcessHooks hooks;
  auto marks = std::make_shared<std::set<int64_t>>();
  hooks.reset = [marks] { marks->clear(); };
  hooks.decision = [marks](const RepositoryState&, const Command&,
                           const InProcessHooks::TakeId&, Decision& decision) {
    const Event* own = OwnStatus(decision);
    if (own == nullptr) return;
    for (const Event& event : decision.acceptance().events()) {
      if (IsStatus(event) && &event != own) marks->insert(event.status().id());
    }
  };
  hooks.answer = [marks](const v1::Operation&, v1::Answer& answer) {
    auto& rows = *answer.mutable_statuses();
    for (int i = rows.size() - 1; i >= 0; --i) {
      if (marks->count(rows[i].id()) > 0) rows.DeleteSubrange(i, 1);
    }
  };
  return hooks;
}

// The success itself becomes `inactive`: an update where a row is to be added.
InProcessHooks RetiredInPlace() {
  InProcessHooks hooks = RetiredWithoutARow();
  auto retired = std::make_shared<std::set<int64_t>>();
  const auto forget = hooks.reset;
  hooks.reset = [forget, retired] {
    forget();
    retired->clear();
  };
  const auto mark = hooks.decision;
  hooks.decision = [mark, retired](const RepositoryState& state,
                                   const Command& command,
                                   const InProcessHooks::TakeId& take_id,
                                   Decision& decision) {
    mark(state, command, take_id, decision);
    const Event* own = OwnStatus(decision);
    if (own == nullptr) return;
    for (const Event& event : decision.acceptance().events()) {
      if (!IsStatus(event) || &event == own) continue;
      const DeploymentRecord* record =
          FindRecord(state, event.status().deployment_id());
      if (record != nullptr) {
        retired->insert(record->statuses().rbegin()->id());
      }
    }
  };
  const auto drop = hooks.answer;
  hooks.answer = [drop, retired](const v1::Operation& operation,
                                 v1::Answer& answer) {
    drop(operation, answer);
    for (DeploymentStatus& row : *answer.mutable_statuses()) {
      if (retired->count(row.id()) > 0) {
        row.set_state(slipway::v1::STATUS_STATE_INACTIVE);
      }
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R32 to R34.

InProcessHooks NewerOnesRetired() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_prior_deployments(slipway::v1::PRIOR_DEPLOYMENTS_EVERY_OTHER);
  });
}

InProcessHooks ProductionRetired() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_production_inactivation(
        slipway::v1::PRODUCTION_INACTIVATION_INCLUDED);
  });
}

// The flag is overlooked, and the name decides.
InProcessHooks ProductionByName() {
  return Retiring([](const Encounter& e) {
    return e.triggers && e.is_live() && e.is_prior && !e.is_transient &&
           e.other.environment() != "production" && e.same_environment;
  });
}

InProcessHooks FlagsOfTheNewOne() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_inactivation_flags(slipway::v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT);
  });
}

InProcessHooks EnvironmentBeforeTheMove() {
  return Retiring([](const Encounter& e) {
    return e.triggers && e.is_live() && e.is_prior && !e.is_exempt() &&
           absl::EqualsIgnoreCase(e.other.environment(), e.it.environment());
  });
}

InProcessHooks OriginalEnvironments() {
  return Retiring([](const Encounter& e) {
    return e.triggers && e.is_live() && e.is_prior && !e.is_exempt() &&
           absl::EqualsIgnoreCase(e.other.original_environment(),
                                  e.status.environment());
  });
}

// ---------------------------------------------------------------------------
// R35 and R37.

InProcessHooks RetirementDescribed() {
  return WithRetirements([](const DeploymentStatus&, DeploymentStatus& row) {
    row.set_description("Superseded by a newer deployment");
  });
}

InProcessHooks RetirementRepeatsLinks() {
  return WithRetirements(
      [](const DeploymentStatus& own, DeploymentStatus& row) {
        row.set_log_url(own.log_url());
        row.set_target_url(own.target_url());
      });
}

InProcessHooks RetirementLater() {
  return WithRetirements([](const DeploymentStatus&, DeploymentStatus& row) {
    row.set_created_at_ms(row.created_at_ms() + 1000);
  });
}

InProcessHooks RetirementTakesTheSpelling() {
  return WithRetirements(
      [](const DeploymentStatus& own, DeploymentStatus& row) {
        row.set_environment(own.environment());
      });
}

InProcessHooks OnlyItsTaskRetired() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_inactivation_scope(
        slipway::v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK);
  });
}

}  // namespace

std::vector<Mutant> RetirementMutants() {
  return {
      {"auto_inactive_ignored", "`auto_inactive: false` is ignored", 30,
       Hooked(AutoInactiveIgnored)},
      {"every_state_retires", "a status of any state retires others", 30,
       Hooked(EveryStateRetires)},
      {"transient_retired", "transient deployments are retired", 31,
       Hooked(TransientRetired)},
      {"queued_retired", "queued deployments are retired", 31,
       Hooked(QueuedRetired)},
      {"failed_retired", "failed deployments are retired", 31,
       Hooked(FailedRetired)},
      {"never_started_retired", "deployments without a status are retired", 31,
       Hooked(NeverStartedRetired)},
      {"retired_twice", "inactive deployments are retired again", 31,
       Hooked(RetiredTwice)},
      {"environments_with_case",
       "`Staging` does not retire what is live in `staging`", 31,
       Hooked(EnvironmentsWithCase)},
      {"every_environment_retired", "other environments are retired too", 31,
       Hooked(EveryEnvironmentRetired)},
      {"nothing_retired", "a success retires nothing", 31,
       Hooked(NothingRetired)},
      {"only_one_retired", "of several only the latest is retired", 31,
       Hooked(OnlyOneRetired)},
      {"itself_retired", "a second success retires the deployment itself", 31,
       Hooked(ItselfRetired)},
      {"retired_without_a_row", "a retirement leaves no row", 31,
       Hooked(RetiredWithoutARow)},
      {"retired_in_place",
       "a retirement turns the row of the success into `inactive`", 21,
       Hooked(RetiredInPlace)},
      {"newer_ones_retired", "any other deployment counts as prior", 32,
       Hooked(NewerOnesRetired)},
      {"production_retired", "production deployments are retired", 33,
       Hooked(ProductionRetired)},
      {"production_by_name",
       "the name of the environment exempts, not the flag", 33,
       Hooked(ProductionByName)},
      {"flags_of_the_new_one", "the flags of the new deployment count", 34,
       Hooked(FlagsOfTheNewOne)},
      {"environment_before_the_move",
       "a success that moves retires in the environment it comes from", 34,
       Hooked(EnvironmentBeforeTheMove)},
      {"original_environments", "the original environment of the others counts",
       34, Hooked(OriginalEnvironments)},
      {"retirement_described", "the row of a retirement has a description", 35,
       Hooked(RetirementDescribed)},
      {"retirement_repeats_links",
       "the row of a retirement has the links of the success", 35,
       Hooked(RetirementRepeatsLinks)},
      {"retirement_later", "the row of a retirement has a time of its own", 35,
       Hooked(RetirementLater)},
      {"retirement_takes_the_spelling",
       "the row of a retirement spells the environment as the success", 23,
       Hooked(RetirementTakesTheSpelling)},
      {"only_its_task_retired", "only deployments of its task are retired", 37,
       Hooked(OnlyItsTaskRetired)},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
