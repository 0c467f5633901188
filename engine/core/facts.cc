#include "slipway/core/facts.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/core/names.h"
#include "slipway/core/refs.h"
#include "slipway/core/rules.h"
#include "slipway/core/state_index.h"

namespace slipway {
namespace {

using internal::Find;

const v1::Ref* FindRef(const v1::RepositoryState& state, v1::RefType type,
                       absl::string_view name) {
  return Find(state.refs(), std::pair<int, absl::string_view>(type, name));
}

int64_t LatestStatusId(const v1::DeploymentRecord& record) {
  if (record.statuses().empty()) return 0;
  return record.statuses(record.statuses_size() - 1).id();
}

v1::StatusState LatestState(const v1::DeploymentRecord& record) {
  return record.statuses().empty() ? v1::STATUS_STATE_UNSPECIFIED
                                   : record.statuses().rbegin()->state();
}

void AddEnvironment(const v1::RepositoryState& state, absl::string_view name,
                    v1::Facts& facts) {
  for (const v1::Environment& environment : state.environments()) {
    if (!SameName(environment.name(), name)) continue;
    *facts.mutable_environment() = environment;
    return;
  }
}

void AddRef(const v1::RepositoryState& state, const std::string& ref,
            v1::Facts& facts) {
  const auto sha_of = [&](v1::RefType type,
                          absl::string_view name) -> const std::string* {
    const v1::Ref* found = FindRef(state, type, name);
    return found == nullptr ? nullptr : &found->sha();
  };
  const auto commit_of = [&](absl::string_view sha) {
    return Find(state.commits(), sha);
  };
  const absl::optional<RefMatch> match = MatchRef(
      ref, sha_of,
      [&](absl::string_view sha) { return commit_of(sha) != nullptr; });
  if (!match.has_value()) return;
  v1::ResolvedRef& resolved = *facts.mutable_ref();
  resolved.set_form(match->form);
  resolved.set_sha(match->sha);
  const v1::Commit* commit = commit_of(match->sha);
  resolved.set_contains_default_branch(ContainsDefaultBranch(
      match->sha, commit == nullptr ? "" : commit->merge_base_sha(),
      sha_of(v1::REF_TYPE_BRANCH, state.repository().default_branch())));
  if (commit != nullptr) *resolved.mutable_contexts() = commit->contexts();
}

void AddStatusFacts(const v1::Rules& rules, const v1::RepositoryState& state,
                    const v1::CreateStatus& request,
                    const v1::DeploymentRecord& record, v1::Facts& facts) {
  const std::string& environment =
      TargetEnvironment(record.deployment(), request);
  facts.set_status_count(record.statuses_size());
  AddEnvironment(state, environment, facts);
  if (!TriggersInactivation(request)) return;
  for (const v1::DeploymentRecord& other : state.deployments()) {
    if (LatestState(other) != v1::STATUS_STATE_SUCCESS) continue;
    const v1::LiveDeployment live = LiveDeploymentOf(other.deployment());
    if (Retires(rules, record.deployment(), environment, live)) {
      *facts.add_live_deployments() = live;
    }
  }
}

bool IsOnlyOneInScope(const v1::Rules& rules, const v1::RepositoryState& state,
                      const v1::Deployment& deployment) {
  if (rules.deletion_scope() != v1::DELETION_SCOPE_ENVIRONMENT) {
    return state.deployments_size() == 1;
  }
  return std::none_of(state.deployments().begin(), state.deployments().end(),
                      [&](const v1::DeploymentRecord& other) {
                        return other.deployment().id() != deployment.id() &&
                               SameName(other.deployment().environment(),
                                        deployment.environment());
                      });
}

}  // namespace

v1::LiveDeployment LiveDeploymentOf(const v1::Deployment& deployment) {
  v1::LiveDeployment live;
  SetLiveDeployment(deployment, &live);
  return live;
}

void SetLiveDeployment(const v1::Deployment& deployment,
                       v1::LiveDeployment* live) {
  live->set_id(deployment.id());
  live->set_environment(deployment.environment());
  live->set_task(deployment.task());
  live->set_transient_environment(deployment.transient_environment());
  live->set_production_environment(deployment.production_environment());
  *live->mutable_creator() = deployment.creator();
}

v1::Facts FactsFor(const v1::Rules& rules, const v1::RepositoryState& state,
                   const v1::Command& command) {
  v1::Facts facts;
  facts.set_last_id(state.last_id());
  if (!state.has_repository()) return facts;
  *facts.mutable_repository() = state.repository();
  const auto add_deployment = [&](int64_t id) {
    const v1::DeploymentRecord* record = Find(state.deployments(), id);
    if (record == nullptr) return record;
    *facts.mutable_deployment() = record->deployment();
    facts.set_latest_status_id(LatestStatusId(*record));
    return record;
  };
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment: {
      const v1::CreateDeployment& request = command.create_deployment();
      AddRef(state, request.ref(), facts);
      AddEnvironment(state, TargetEnvironment(request), facts);
      break;
    }
    case v1::Command::kCreateStatus: {
      const v1::CreateStatus& request = command.create_status();
      if (const auto* record = add_deployment(request.deployment_id())) {
        AddStatusFacts(rules, state, request, *record, facts);
      }
      break;
    }
    case v1::Command::kDeleteDeployment: {
      const int64_t id = command.delete_deployment().deployment_id();
      if (const auto* record = add_deployment(id)) {
        facts.set_latest_state(LatestState(*record));
        facts.set_only_one_in_scope(
            IsOnlyOneInScope(rules, state, record->deployment()));
      }
      break;
    }
    case v1::Command::kDeleteRef: {
      const v1::DeleteRef& request = command.delete_ref();
      const v1::Ref* ref = FindRef(state, request.type(), request.name());
      if (ref != nullptr) *facts.mutable_existing_ref() = *ref;
      break;
    }
    case v1::Command::kPutCommitContext: {
      const absl::string_view sha = command.put_commit_context().sha();
      facts.set_commit_exists(Find(state.commits(), sha) != nullptr);
      break;
    }
    case v1::Command::kDeleteCommitContext: {
      const v1::DeleteCommitContext& request = command.delete_commit_context();
      const v1::Commit* commit =
          Find(state.commits(), absl::string_view(request.sha()));
      if (commit == nullptr) break;
      facts.set_commit_exists(true);
      const std::string key = FoldName(request.context());
      if (const auto* existing = Find(commit->contexts(), key)) {
        *facts.mutable_existing_context() = *existing;
      }
      break;
    }
    case v1::Command::kPutRepository:
    case v1::Command::kDeleteRepository:
    case v1::Command::kPutRef:
    case v1::Command::REQUEST_NOT_SET:
      break;
  }
  return facts;
}

const v1::KeyedAnswer* KeptAnswer(const v1::Rules& rules,
                                  const v1::Facts& facts,
                                  const v1::Command& command) {
  if (command.idempotency_key().empty() || !facts.has_keyed_answer()) {
    return nullptr;
  }
  const v1::KeyedAnswer& answer = facts.keyed_answer();
  const v1::Decision& decision = answer.decision();
  // What no store keeps is nobody's answer.
  if (answer.command().idempotency_key() != command.idempotency_key() ||
      decision.has_acceptance() == decision.has_rejection() ||
      !KeepsAnswer(answer.command(), decision)) {
    return nullptr;
  }
  return IsKept(rules, decision.answered_at_ms(), command.time_ms()) ? &answer
                                                                     : nullptr;
}

int64_t IdsNeeded(const v1::Facts& facts, const v1::Command& command) {
  if (!facts.has_repository()) return 0;
  const int64_t environments = facts.has_environment() ? 0 : 1;
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment:
      return facts.has_ref() ? 1 + environments : 0;
    case v1::Command::kCreateStatus:
      return facts.has_deployment()
                 ? 1 + facts.live_deployments_size() + environments
                 : 0;
    default:
      return 0;
  }
}

}  // namespace slipway
