// Wrong about deletion: R40 to R42.

#include <map>
#include <set>

#include "absl/status/statusor.h"
#include "engine/conformance/mutants/families.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using slipway::v1::Command;
using slipway::v1::Facts;
using slipway::v1::RepositoryState;

// What a deletion is decided on.
template <typename Change>
InProcessHooks WithDeletionFacts(Change change) {
  InProcessHooks hooks;
  hooks.facts = [change](const RepositoryState& state, const Command& command,
                         Facts& facts) {
    if (command.has_delete_deployment()) change(state, facts);
  };
  return hooks;
}

InProcessHooks ActiveDeleted() {
  return WithDeletionFacts([](const RepositoryState&, Facts& facts) {
    facts.set_only_one_in_scope(true);
  });
}

InProcessHooks LastActiveKept() {
  return WithDeletionFacts([](const RepositoryState&, Facts& facts) {
    facts.set_only_one_in_scope(false);
  });
}

// Only what was set to `inactive` can go, says one page of the documentation.
InProcessHooks OnlyInactiveDeleted() {
  return WithDeletionFacts([](const RepositoryState&, Facts& facts) {
    if (facts.latest_state() != slipway::v1::STATUS_STATE_INACTIVE) {
      facts.set_latest_state(slipway::v1::STATUS_STATE_SUCCESS);
    }
  });
}

// Active is what ever succeeded.
InProcessHooks OnceActiveAlwaysActive() {
  return WithDeletionFacts([](const RepositoryState& state, Facts& facts) {
    const auto* record = FindRecord(state, facts.deployment().id());
    if (record == nullptr) return;
    for (const auto& status : record->statuses()) {
      if (status.state() == slipway::v1::STATUS_STATE_SUCCESS) {
        facts.set_latest_state(status.state());
      }
    }
  });
}

// Others count only while they are active themselves.
InProcessHooks OnlyActiveOnesCount() {
  return WithDeletionFacts([](const RepositoryState& state, Facts& facts) {
    bool alone = true;
    for (const auto& record : state.deployments()) {
      if (record.deployment().id() == facts.deployment().id()) continue;
      if (!record.statuses().empty() && record.statuses().rbegin()->state() ==
                                            slipway::v1::STATUS_STATE_SUCCESS) {
        alone = false;
      }
    }
    facts.set_only_one_in_scope(alone);
  });
}

InProcessHooks DeletionScopeEnvironment() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_deletion_scope(slipway::v1::DELETION_SCOPE_ENVIRONMENT);
  });
}

InProcessHooks DeletionScopeRepository() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_deletion_scope(slipway::v1::DELETION_SCOPE_REPOSITORY);
  });
}

InProcessHooks DeletionDoesNothing() {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command& command,
                      const InProcessHooks::TakeId&,
                      slipway::v1::Decision& decision) {
    if (command.has_delete_deployment() && decision.has_acceptance()) {
      decision.mutable_acceptance()->clear_events();
    }
  };
  return hooks;
}

InProcessHooks DeletionAnswers200() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    if (answer.code() == 204) answer.set_code(200);
  };
  return hooks;
}

// A deletion of what is not there is as good as done.
InProcessHooks UnknownDeleted() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.has_delete_deployment() || answer.code() != 404) return;
    answer.Clear();
    answer.set_code(204);
  };
  return hooks;
}

// Nothing cascades: the statuses stay in their table.
class StatusesSurvive : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<std::string> Reset() override {
    statuses_.clear();
    return InProcessSubject::Reset();
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (operation.has_delete_deployment()) {
      const int64_t id = operation.delete_deployment().deployment_id();
      v1::Operation list;
      list.mutable_list_statuses()->set_deployment_id(id);
      absl::StatusOr<v1::Answer> rows = InProcessSubject::Apply(list);
      if (rows.ok() && rows->code() == 200) statuses_[id] = *std::move(rows);
    }
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok() || answer->code() != 404) return answer;
    if (operation.has_list_statuses()) {
      const auto left =
          statuses_.find(operation.list_statuses().deployment_id());
      if (left != statuses_.end()) return left->second;
    }
    return answer;
  }

 private:
  // As they were listed last, by deployment.
  std::map<int64_t, v1::Answer> statuses_;
};

// A mark on the deployment, which reading it does not look at.
class DeletedStillRead : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<std::string> Reset() override {
    deployments_.clear();
    return InProcessSubject::Reset();
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (operation.has_delete_deployment()) {
      const int64_t id = operation.delete_deployment().deployment_id();
      v1::Operation get;
      get.mutable_get_deployment()->set_deployment_id(id);
      absl::StatusOr<v1::Answer> row = InProcessSubject::Apply(get);
      if (row.ok() && row->code() == 200) deployments_[id] = *std::move(row);
    }
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok() || answer->code() != 404) return answer;
    if (operation.has_get_deployment()) {
      const auto marked =
          deployments_.find(operation.get_deployment().deployment_id());
      if (marked != deployments_.end()) return marked->second;
    }
    return answer;
  }

 private:
  std::map<int64_t, v1::Answer> deployments_;
};

}  // namespace

std::vector<Mutant> DeletionMutants() {
  return {
      {"active_deleted", "an active deployment can always be deleted", 40,
       Hooked(ActiveDeleted)},
      {"last_active_kept", "an active deployment can never be deleted", 40,
       Hooked(LastActiveKept)},
      {"only_inactive_deleted",
       "what is not inactive is kept as if it were active", 40,
       Hooked(OnlyInactiveDeleted)},
      {"once_active_always_active",
       "what ever succeeded is kept as if it were active", 40,
       Hooked(OnceActiveAlwaysActive)},
      {"only_active_ones_count",
       "an active deployment is deleted where no other is active", 40,
       Hooked(OnlyActiveOnesCount)},
      {"deletion_scope_environment",
       "the only one of its environment counts as the only one", 41,
       Hooked(DeletionScopeEnvironment)},
      {"deletion_scope_repository",
       "held to `observed`: only the only one of the repository can be deleted",
       41, Hooked(DeletionScopeRepository), ObservedProfile},
      {"deletion_does_nothing", "a deletion is answered and not made", 42,
       Hooked(DeletionDoesNothing)},
      {"deletion_answers_200", "a deletion is answered with 200", 42,
       Hooked(DeletionAnswers200)},
      {"unknown_deleted", "an unknown id is deleted with success", 42,
       Hooked(UnknownDeleted)},
      {"statuses_survive", "the statuses of what is deleted are still listed",
       42, Wrapped<StatusesSurvive>()},
      {"deleted_still_read", "what is deleted can still be read", 42,
       Wrapped<DeletedStillRead>()},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
