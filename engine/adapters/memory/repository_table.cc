#include "engine/adapters/memory/repository_table.h"

#include <algorithm>

#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/refs.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

int FlagsIndex(bool transient, bool production) {
  return (transient ? 2 : 0) + (production ? 1 : 0);
}

void EraseFrom(absl::flat_hash_map<std::string, OrderedIds>& index,
               const std::string& key, int64_t id) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  found->second.Erase(id);
  if (found->second.empty()) index.erase(found);
}

}  // namespace

v1::StatusState RepositoryTable::LatestState(const Record& record) {
  return record.statuses.empty() ? v1::STATUS_STATE_UNSPECIFIED
                                 : record.statuses.back().state();
}

bool RepositoryTable::IsLive(const Record& record) {
  return LatestState(record) == v1::STATUS_STATE_SUCCESS;
}

const RepositoryTable::Record* RepositoryTable::Find(
    int64_t deployment_id) const {
  const auto found = records_.find(deployment_id);
  return found == records_.end() ? nullptr : found->second.get();
}

const v1::Ref* RepositoryTable::FindRef(v1::RefType type,
                                        absl::string_view name) const {
  const auto found =
      refs_.find(std::make_pair(static_cast<int>(type), std::string(name)));
  return found == refs_.end() ? nullptr : &found->second;
}

// ---------------------------------------------------------------------------
// Facts.

v1::Facts RepositoryTable::FactsFor(const v1::Rules& rules,
                                    const v1::Command& command) const {
  v1::Facts facts;
  facts.set_last_id(last_id_);
  if (!repository_.has_value()) return facts;
  *facts.mutable_repository() = *repository_;
  const auto add_deployment = [&](int64_t id) {
    const Record* record = Find(id);
    if (record == nullptr) return record;
    *facts.mutable_deployment() = record->deployment;
    if (!record->statuses.empty()) {
      facts.set_latest_status_id(record->statuses.back().id());
    }
    return record;
  };
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment: {
      const v1::CreateDeployment& request = command.create_deployment();
      AddRefFacts(request.ref(), facts);
      AddEnvironmentFacts(TargetEnvironment(request), facts);
      break;
    }
    case v1::Command::kCreateStatus: {
      const v1::CreateStatus& request = command.create_status();
      if (const Record* record = add_deployment(request.deployment_id())) {
        AddStatusFacts(rules, request, *record, facts);
      }
      break;
    }
    case v1::Command::kDeleteDeployment: {
      const int64_t id = command.delete_deployment().deployment_id();
      if (const Record* record = add_deployment(id)) {
        facts.set_latest_state(LatestState(*record));
        facts.set_only_one_in_scope(IsOnlyOneInScope(rules, *record));
      }
      break;
    }
    case v1::Command::kDeleteRef: {
      const v1::DeleteRef& request = command.delete_ref();
      const v1::Ref* ref = FindRef(request.type(), request.name());
      if (ref != nullptr) *facts.mutable_existing_ref() = *ref;
      break;
    }
    case v1::Command::kPutCommitContext:
      facts.set_commit_exists(
          commits_.contains(command.put_commit_context().sha()));
      break;
    case v1::Command::kDeleteCommitContext: {
      const v1::DeleteCommitContext& request = command.delete_commit_context();
      const auto commit = commits_.find(request.sha());
      if (commit == commits_.end()) break;
      facts.set_commit_exists(true);
      for (const v1::CommitContext& existing : commit->second.contexts()) {
        if (!SameName(existing.context(), request.context())) continue;
        *facts.mutable_existing_context() = existing;
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

void RepositoryTable::AddRefFacts(const std::string& ref,
                                  v1::Facts& facts) const {
  const auto sha_of = [&](v1::RefType type,
                          absl::string_view name) -> const std::string* {
    const v1::Ref* found = FindRef(type, name);
    return found == nullptr ? nullptr : &found->sha();
  };
  const absl::optional<RefMatch> match =
      MatchRef(ref, sha_of,
               [&](absl::string_view sha) { return commits_.contains(sha); });
  if (!match.has_value()) return;
  v1::ResolvedRef& resolved = *facts.mutable_ref();
  resolved.set_form(match->form);
  resolved.set_sha(match->sha);
  const v1::Commit& commit = commits_.at(match->sha);
  resolved.set_contains_default_branch(ContainsDefaultBranch(
      match->sha, commit.merge_base_sha(),
      sha_of(v1::REF_TYPE_BRANCH, repository_->default_branch())));
  *resolved.mutable_contexts() = commit.contexts();
}

void RepositoryTable::AddEnvironmentFacts(absl::string_view name,
                                          v1::Facts& facts) const {
  const auto found = environments_.find(FoldName(name));
  if (found == environments_.end()) return;
  if (!found->second.environment.has_value()) return;
  *facts.mutable_environment() = *found->second.environment;
}

void RepositoryTable::AddStatusFacts(const v1::Rules& rules,
                                     const v1::CreateStatus& request,
                                     const Record& record,
                                     v1::Facts& facts) const {
  const std::string& environment =
      TargetEnvironment(record.deployment, request);
  facts.set_status_count(static_cast<int64_t>(record.statuses.size()));
  AddEnvironmentFacts(environment, facts);
  if (!TriggersInactivation(request)) return;
  const auto row = environments_.find(FoldName(environment));
  if (row == environments_.end()) return;

  const int64_t id = record.deployment.id();
  const auto add_from = [&](const absl::btree_set<int64_t>& ids) {
    // Under R32 only lower ids can be retired; higher ones are not looked at.
    const auto end =
        rules.prior_deployments() == v1::PRIOR_DEPLOYMENTS_EVERY_OTHER
            ? ids.end()
            : ids.lower_bound(id);
    for (auto live_id = ids.begin(); live_id != end; ++live_id) {
      v1::LiveDeployment live = LiveDeploymentOf(Find(*live_id)->deployment);
      if (Retires(rules, record.deployment, environment, live)) {
        *facts.add_live_deployments() = std::move(live);
      }
    }
  };
  const bool by_task =
      rules.inactivation_scope() == v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK;
  for (const bool transient : {false, true}) {
    for (const bool production : {false, true}) {
      // A whole pair of flags is left out where the rules exempt it, so that
      // what stays live is never looked at.
      v1::LiveDeployment probe;
      probe.set_id(id - 1);
      probe.set_environment(environment);
      probe.set_task(record.deployment.task());
      probe.set_transient_environment(transient);
      probe.set_production_environment(production);
      if (!Retires(rules, record.deployment, environment, probe)) continue;
      const LiveIds& live = row->second.live[FlagsIndex(transient, production)];
      if (!by_task) {
        add_from(live.ids);
        continue;
      }
      const auto ids = live.ids_by_task.find(record.deployment.task());
      if (ids != live.ids_by_task.end()) add_from(ids->second);
    }
  }
  std::sort(facts.mutable_live_deployments()->begin(),
            facts.mutable_live_deployments()->end(),
            [](const v1::LiveDeployment& a, const v1::LiveDeployment& b) {
              return a.id() < b.id();
            });
}

bool RepositoryTable::IsOnlyOneInScope(const v1::Rules& rules,
                                       const Record& record) const {
  if (rules.deletion_scope() != v1::DELETION_SCOPE_ENVIRONMENT) {
    return ids_.size() == 1;
  }
  return environments_.at(FoldName(record.deployment.environment()))
             .deployments.size() == 1;
}

// ---------------------------------------------------------------------------
// Changes.

void RepositoryTable::Apply(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      CreateDeployment(event.deployment());
      break;
    case v1::EVENT_TYPE_STATUS_CREATED:
      CreateStatus(event.status());
      break;
    case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
      DeleteDeployment(event.deployment_id());
      break;
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED:
      last_id_ = std::max(last_id_, event.environment().id());
      environments_[FoldName(event.environment().name())].environment =
          event.environment();
      break;
    case v1::EVENT_TYPE_REPOSITORY_PUT:
      repository_ = event.put_repository();
      break;
    case v1::EVENT_TYPE_REPOSITORY_DELETED: {
      const int64_t last_id = last_id_;
      *this = RepositoryTable();
      last_id_ = last_id;
      break;
    }
    case v1::EVENT_TYPE_REF_PUT: {
      refs_[{event.ref().type(), event.ref().name()}] = event.ref();
      v1::Commit& commit = commits_[event.commit().sha()];
      commit.set_sha(event.commit().sha());
      if (!event.commit().merge_base_sha().empty()) {
        commit.set_merge_base_sha(event.commit().merge_base_sha());
      }
      break;
    }
    case v1::EVENT_TYPE_REF_DELETED:
      refs_.erase({event.ref().type(), event.ref().name()});
      break;
    case v1::EVENT_TYPE_COMMIT_CONTEXT_PUT:
    case v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED: {
      // Sorted by folded name, as in `v1::Commit`.
      auto& contexts = *commits_[event.commit().sha()].mutable_contexts();
      const std::string key = FoldName(event.context().context());
      int place = 0;
      while (place < contexts.size() &&
             FoldName(contexts[place].context()) < key) {
        ++place;
      }
      const bool exists =
          place < contexts.size() &&
          SameName(contexts[place].context(), event.context().context());
      if (event.type() == v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED) {
        if (exists) contexts.DeleteSubrange(place, 1);
        break;
      }
      if (!exists) {
        contexts.Add();
        for (int i = contexts.size() - 1; i > place; --i) {
          contexts.SwapElements(i, i - 1);
        }
      }
      contexts[place] = event.context();
      break;
    }
    default:
      break;  // The core has no other
  }
}

RepositoryTable::EnvironmentRow& RepositoryTable::EnvironmentOf(
    const Record& record) {
  return environments_[FoldName(record.deployment.environment())];
}

void RepositoryTable::EnterEnvironment(const Record& record) {
  const v1::Deployment& deployment = record.deployment;
  EnvironmentRow& row = EnvironmentOf(record);
  row.deployments.Insert(deployment.id());
  row.deployments_by_spelling[deployment.environment()].Insert(deployment.id());
}

void RepositoryTable::LeaveEnvironment(const Record& record) {
  const v1::Deployment& deployment = record.deployment;
  EnvironmentRow& row = EnvironmentOf(record);
  row.deployments.Erase(deployment.id());
  EraseFrom(row.deployments_by_spelling, deployment.environment(),
            deployment.id());
}

void RepositoryTable::SetLive(const Record& record, bool live) {
  const v1::Deployment& deployment = record.deployment;
  LiveIds& ids = EnvironmentOf(record).live[FlagsIndex(
      deployment.transient_environment(), deployment.production_environment())];
  if (live) {
    ids.ids.insert(deployment.id());
    ids.ids_by_task[deployment.task()].insert(deployment.id());
    return;
  }
  ids.ids.erase(deployment.id());
  const auto by_task = ids.ids_by_task.find(deployment.task());
  if (by_task == ids.ids_by_task.end()) return;
  by_task->second.erase(deployment.id());
  if (by_task->second.empty()) ids.ids_by_task.erase(by_task);
}

void RepositoryTable::CreateDeployment(const v1::Deployment& deployment) {
  const int64_t id = deployment.id();
  last_id_ = std::max(last_id_, id);
  auto record = std::make_unique<Record>();
  record->deployment = deployment;
  EnterEnvironment(*record);
  ids_.Insert(id);
  ids_by_sha_[deployment.sha()].Insert(id);
  ids_by_ref_[deployment.ref()].Insert(id);
  ids_by_task_[deployment.task()].Insert(id);
  records_[id] = std::move(record);
}

void RepositoryTable::CreateStatus(const v1::DeploymentStatus& status) {
  last_id_ = std::max(last_id_, status.id());
  Record& record = *records_.at(status.deployment_id());
  if (IsLive(record)) SetLive(record, false);
  if (status.environment() != record.deployment.environment()) {
    LeaveEnvironment(record);
    record.deployment.set_environment(status.environment());
    EnterEnvironment(record);
  }
  record.deployment.set_updated_at_ms(status.created_at_ms());
  record.statuses.push_back(status);
  if (IsLive(record)) SetLive(record, true);
}

void RepositoryTable::DeleteDeployment(int64_t id) {
  const auto found = records_.find(id);
  if (found == records_.end()) return;
  const Record& record = *found->second;
  if (IsLive(record)) SetLive(record, false);
  LeaveEnvironment(record);
  ids_.Erase(id);
  EraseFrom(ids_by_sha_, record.deployment.sha(), id);
  EraseFrom(ids_by_ref_, record.deployment.ref(), id);
  EraseFrom(ids_by_task_, record.deployment.task(), id);
  records_.erase(found);
}

// ---------------------------------------------------------------------------
// Lists.

Store::Page<v1::Deployment> RepositoryTable::List(
    const Store::ListDeploymentsParams& params) const {
  static const OrderedIds& none = *new OrderedIds();
  // The shortest of the indexes that the filters have; what it does not settle
  // is compared row by row.
  const OrderedIds* shortest = &ids_;
  int filters = 0;
  const auto narrow = [&](const OrderedIds& ids) {
    ++filters;
    if (ids.size() <= shortest->size()) shortest = &ids;
  };
  const auto narrow_by = [&](const IdsByText& index,
                             const absl::optional<std::string>& text) {
    if (!text.has_value()) return;
    const auto found = index.find(*text);
    narrow(found == index.end() ? none : found->second);
  };
  narrow_by(ids_by_sha_, params.sha);
  narrow_by(ids_by_ref_, params.ref);
  narrow_by(ids_by_task_, params.task);
  if (params.environment.has_value()) {
    const auto found = environments_.find(FoldName(*params.environment));
    if (found == environments_.end()) {
      narrow(none);
    } else if (params.environment_match == v1::NAME_MATCH_EXACT) {
      narrow_by(found->second.deployments_by_spelling, params.environment);
    } else {
      narrow(found->second.deployments);
    }
  }

  Store::Page<v1::Deployment> page;
  if (filters <= 1) {
    page.total = shortest->size();
    const int64_t offset = std::max<int64_t>(params.offset, 0);
    shortest->VisitDescending(offset, [&](int64_t id) {
      if (static_cast<int64_t>(page.rows.size()) >= params.limit) return false;
      page.rows.push_back(Find(id)->deployment);
      return true;
    });
    return page;
  }
  const auto differs = [](const absl::optional<std::string>& text,
                          const std::string& value) {
    return text.has_value() && *text != value;
  };
  shortest->VisitDescending(0, [&](int64_t id) {
    const v1::Deployment& deployment = Find(id)->deployment;
    if (differs(params.sha, deployment.sha()) ||
        differs(params.ref, deployment.ref()) ||
        differs(params.task, deployment.task())) {
      return true;
    }
    if (params.environment.has_value() &&
        !Matches(params.environment_match, v1::NAME_MATCH_IGNORE_CASE,
                 deployment.environment(), *params.environment)) {
      return true;
    }
    if (page.total >= params.offset &&
        static_cast<int64_t>(page.rows.size()) < params.limit) {
      page.rows.push_back(deployment);
    }
    ++page.total;
    return true;
  });
  return page;
}

}  // namespace internal
}  // namespace slipway
