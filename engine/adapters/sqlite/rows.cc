#include "slipway/adapters/sqlite/rows.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/refs.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

// Of repositories, environments, labels and sets of live deployments each,
// before it starts anew.
constexpr size_t kCachedMax = 20'000;
// Of deployments, before those that came first are forgotten.
constexpr size_t kDeploymentsCachedMax = 4'000;
// One with a body of more bytes is not remembered longer than a transaction.
constexpr int kDeploymentBytesMax = 4096;
// Of each repository's refs, and how long they may be.
constexpr size_t kRefsCachedMax = 100;
constexpr size_t kRefBytesMax = 1024;
// In one row of the outbox, so that a page of it costs what it gives.
constexpr int kEventsPerRow = 64;
// With every answer that is kept, so many old ones go at the most.
constexpr int64_t kAnswersPruned = 4;

}  // namespace

namespace {

bool IsLarge(const v1::Deployment& deployment) {
  return deployment.payload().size() + deployment.description().size() >
         kDeploymentBytesMax;
}

}  // namespace

absl::Status ReadDeployment(const Query& query, DeploymentRow* row) {
  absl::Status status = query.Parse(1, &row->deployment);
  if (!status.ok()) return status;
  if (row->deployment.id() != query.Int(0)) return query.Damaged();
  const absl::string_view environment = query.Blob(2);
  row->deployment.set_environment(environment.data(), environment.size());
  row->deployment.set_updated_at_ms(query.Int(3));
  row->latest_status_id = query.Int(4);
  row->latest_state = static_cast<v1::StatusState>(query.Int(5));
  row->status_count = query.Int(6);
  row->environment_id = query.Int(7);
  row->task_label = query.Int(8);
  return absl::OkStatus();
}

void Rows::Clear() {
  repositories_.clear();
  environments_.clear();
  labels_.clear();
  dirty_repositories_.clear();
  dirty_labels_.clear();
  deployments_.clear();
  arrivals_.clear();
  large_deployments_.clear();
  dirty_deployments_.clear();
  live_.clear();
  stream_.reset();
  next_id_is_dirty_ = false;
}

void Rows::ClearIfLarge() {
  if (repositories_.size() > kCachedMax || environments_.size() > kCachedMax ||
      labels_.size() > kCachedMax || live_.size() > kCachedMax) {
    Clear();
  }
  for (const std::pair<int64_t, int64_t>& key : large_deployments_) {
    Forget(key);
  }
  large_deployments_.clear();
  while (arrivals_.size() > kDeploymentsCachedMax) {
    Forget(arrivals_.front());
    arrivals_.pop_front();
  }
}

DeploymentRow* Rows::AddRow(int64_t repository, int64_t id) {
  std::unique_ptr<DeploymentRow>& place = deployments_[{repository, id}];
  if (place != nullptr) {
    place->Clear();
  } else {
    arrivals_.emplace_back(repository, id);
    if (spare_rows_.empty()) {
      place = std::make_unique<DeploymentRow>();
    } else {
      place = std::move(spare_rows_.back());
      spare_rows_.pop_back();
    }
  }
  place->repository = repository;
  return place.get();
}

void Rows::Forget(const std::pair<int64_t, int64_t>& key) {
  const auto found = deployments_.find(key);
  if (found == deployments_.end()) return;
  if (spare_rows_.size() < kDeploymentsCachedMax &&
      !IsLarge(found->second->deployment)) {
    found->second->Clear();
    spare_rows_.push_back(std::move(found->second));
  }
  deployments_.erase(found);
}

absl::Status Rows::Contradiction(absl::string_view what) const {
  return absl::DataLossError(absl::StrCat(
      database_.path(), ": the decision does not fit what is stored: ", what));
}

// ---------------------------------------------------------------------------
// Looking up.

absl::StatusOr<Rows::Repository*> Rows::FindRepository(
    const v1::RepositoryName& name) {
  std::pair<std::string, std::string> key(FoldName(name.owner()),
                                          FoldName(name.name()));
  const auto known = repositories_.find(key);
  if (known != repositories_.end()) return known->second.get();
  Query query(database_, Sql::kFindRepository, key.first, key.second);
  if (!query.Next()) {
    if (!query.status().ok()) return query.status();
    return nullptr;
  }
  auto found = std::make_unique<Repository>();
  found->number = query.Int(0);
  if (!query.IsNull(1)) {
    absl::Status status = query.Parse(2, &found->body.emplace());
    if (!status.ok()) return status;
    if (found->body->id() != query.Int(1)) return query.Damaged();
  }
  found->last_position = query.Int(3);
  found->last_id = query.Int(4);
  found->last_label = query.Int(5);
  found->deployment_count = query.Int(6);
  std::unique_ptr<Repository>& place = repositories_[std::move(key)];
  place = std::move(found);
  return place.get();
}

absl::StatusOr<Rows::Environment*> Rows::FindEnvironment(
    int64_t repository, absl::string_view name) {
  std::pair<int64_t, std::string> key(repository, FoldName(name));
  const auto known = environments_.find(key);
  if (known != environments_.end()) return known->second.get();
  Query query(database_, Sql::kFindEnvironment, repository, key.second);
  if (!query.Next()) {
    if (!query.status().ok()) return query.status();
    return nullptr;
  }
  auto found = std::make_unique<Environment>();
  found->repository = repository;
  absl::Status status = query.Parse(1, &found->body);
  if (!status.ok()) return status;
  if (found->body.id() != query.Int(0)) return query.Damaged();
  std::unique_ptr<Environment>& place = environments_[std::move(key)];
  place = std::move(found);
  return place.get();
}

absl::StatusOr<Rows::Label*> Rows::FindLabel(int64_t repository, LabelKind kind,
                                             absl::string_view value) {
  const auto known = labels_.find(LabelKey(repository, kind, value));
  if (known != labels_.end()) return known->get();
  Query query(database_, Sql::kFindLabel, repository, static_cast<int>(kind),
              value);
  if (!query.Next()) {
    if (!query.status().ok()) return query.status();
    return nullptr;
  }
  auto found = std::make_unique<Label>();
  found->repository = repository;
  found->kind = kind;
  found->value = std::string(value);
  found->number = query.Int(0);
  found->deployment_count = query.Int(1);
  return labels_.insert(std::move(found)).first->get();
}

absl::StatusOr<DeploymentRow*> Rows::FindDeployment(int64_t repository,
                                                    int64_t id) {
  const auto known = deployments_.find({repository, id});
  if (known != deployments_.end()) return known->second.get();
  Query query(database_, Sql::kFindDeployment, repository, id);
  if (!query.Next()) {
    if (!query.status().ok()) return query.status();
    return nullptr;
  }
  return Remember(repository, query);
}

absl::StatusOr<DeploymentRow*> Rows::Remember(int64_t repository,
                                              const Query& query) {
  const int64_t id = query.Int(0);
  const auto known = deployments_.find({repository, id});
  if (known != deployments_.end()) return known->second.get();
  DeploymentRow* row = AddRow(repository, id);
  absl::Status status = ReadDeployment(query, row);
  if (status.ok()) {
    if (IsLarge(row->deployment)) {
      large_deployments_.emplace_back(repository, id);
    }
    return row;
  }
  Forget({repository, id});
  return status;
}

absl::StatusOr<int64_t> Rows::CountDeployments(int64_t repository,
                                               absl::string_view environment) {
  absl::StatusOr<Label*> label =
      FindLabel(repository, LabelKind::kEnvironment, FoldName(environment));
  if (!label.ok()) return label.status();
  return *label == nullptr ? 0 : (*label)->deployment_count;
}

// ---------------------------------------------------------------------------
// Facts.

absl::Status Rows::AddFacts(const v1::Rules& rules, const v1::Command& command,
                            Repository* repository, v1::Facts* facts) {
  if (command.has_put_repository()) {
    Query query(database_, Sql::kFindRepositoryById,
                command.put_repository().id());
    if (query.Next()) {
      v1::Repository holder;
      absl::Status status = query.Parse(0, &holder);
      if (!status.ok()) return status;
      v1::RepositoryName name;
      name.set_owner(std::move(*holder.mutable_owner()));
      name.set_name(std::move(*holder.mutable_name()));
      if (!SameName(name, command.repository())) {
        *facts->mutable_repository_id_holder() = std::move(name);
      }
    }
    if (!query.status().ok()) return query.status();
  }
  if (repository == nullptr) return absl::OkStatus();
  facts->set_last_id(repository->last_id);
  if (!command.idempotency_key().empty()) {
    absl::Status status = AddAnswer(command, *repository, facts);
    if (!status.ok()) return status;
  }
  if (!repository->body.has_value()) return absl::OkStatus();
  *facts->mutable_repository() = *repository->body;

  const int64_t number = repository->number;
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment: {
      const v1::CreateDeployment& request = command.create_deployment();
      absl::Status status = AddRefFacts(*repository, request.ref(), facts);
      if (!status.ok()) return status;
      return AddEnvironmentFact(*repository, TargetEnvironment(request), facts);
    }
    case v1::Command::kCreateStatus:
    case v1::Command::kDeleteDeployment: {
      const int64_t id = command.has_create_status()
                             ? command.create_status().deployment_id()
                             : command.delete_deployment().deployment_id();
      absl::StatusOr<DeploymentRow*> row = FindDeployment(number, id);
      if (!row.ok()) return row.status();
      if (*row == nullptr) return absl::OkStatus();
      *facts->mutable_deployment() = (*row)->deployment;
      facts->set_latest_status_id((*row)->latest_status_id);
      return command.has_create_status()
                 ? AddStatusFacts(rules, command.create_status(), *repository,
                                  **row, facts)
                 : AddDeletionFacts(rules, *repository, **row, facts);
    }
    case v1::Command::kDeleteRef: {
      const v1::DeleteRef& request = command.delete_ref();
      Query query(database_, Sql::kFindRef, number, request.type(),
                  request.name());
      if (query.Next()) {
        v1::Ref& ref = *facts->mutable_existing_ref();
        ref.set_name(request.name());
        ref.set_type(request.type());
        ref.set_sha(std::string(query.Blob(0)));
      }
      return query.status();
    }
    case v1::Command::kPutCommitContext: {
      Query query(database_, Sql::kFindCommit, number,
                  command.put_commit_context().sha());
      facts->set_commit_exists(query.Next());
      return query.status();
    }
    case v1::Command::kDeleteCommitContext: {
      const v1::DeleteCommitContext& request = command.delete_commit_context();
      Query commit(database_, Sql::kFindCommit, number, request.sha());
      if (!commit.Next()) return commit.status();
      facts->set_commit_exists(true);
      const std::string key = FoldName(request.context());
      Query query(database_, Sql::kFindContext, number, request.sha(), key);
      if (!query.Next()) return query.status();
      return query.Parse(0, facts->mutable_existing_context());
    }
    case v1::Command::kPutRepository:
    case v1::Command::kDeleteRepository:
    case v1::Command::kPutRef:
    case v1::Command::REQUEST_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::Status Rows::AddAnswer(const v1::Command& command,
                             const Repository& repository, v1::Facts* facts) {
  Query query(database_, Sql::kFindAnswer, repository.number,
              command.idempotency_key());
  if (!query.Next()) return query.status();
  return query.Parse(0, facts->mutable_keyed_answer());
}

absl::Status Rows::AddRefFacts(Repository& repository, const std::string& ref,
                               v1::Facts* facts) {
  auto known = repository.refs.find(ref);
  if (known == repository.refs.end()) {
    absl::StatusOr<absl::optional<v1::ResolvedRef>> resolved =
        Resolve(repository, ref);
    if (!resolved.ok()) return resolved.status();
    if (ref.size() > kRefBytesMax || !resolved->has_value()) {
      if (resolved->has_value()) *facts->mutable_ref() = **resolved;
      return absl::OkStatus();
    }
    if (repository.refs.size() >= kRefsCachedMax) repository.refs.clear();
    known = repository.refs.emplace(ref, *std::move(resolved)).first;
  }
  if (known->second.has_value()) *facts->mutable_ref() = *known->second;
  return absl::OkStatus();
}

absl::StatusOr<absl::optional<v1::ResolvedRef>> Rows::Resolve(
    const Repository& repository, const std::string& ref) {
  absl::optional<v1::ResolvedRef> answer;
  absl::Status status;
  std::string sha;
  const auto sha_of = [&](v1::RefType type,
                          absl::string_view name) -> const std::string* {
    if (!status.ok()) return nullptr;
    Query query(database_, Sql::kFindRef, repository.number, type, name);
    const bool found = query.Next();
    if (found) sha = std::string(query.Blob(0));
    status = query.status();
    return found ? &sha : nullptr;
  };
  const auto is_commit = [&](absl::string_view wanted) {
    if (!status.ok()) return false;
    Query query(database_, Sql::kFindCommit, repository.number, wanted);
    const bool found = query.Next();
    status = query.status();
    return found;
  };
  const absl::optional<RefMatch> match = MatchRef(ref, sha_of, is_commit);
  if (!status.ok()) return status;
  if (!match.has_value()) return answer;
  v1::ResolvedRef& resolved = answer.emplace();
  resolved.set_form(match->form);
  resolved.set_sha(match->sha);
  std::string merge_base_sha;
  {
    Query query(database_, Sql::kFindCommit, repository.number, match->sha);
    if (query.Next()) merge_base_sha = std::string(query.Blob(0));
    if (!query.status().ok()) return query.status();
  }
  resolved.set_contains_default_branch(ContainsDefaultBranch(
      match->sha, merge_base_sha,
      sha_of(v1::REF_TYPE_BRANCH, repository.body->default_branch())));
  if (!status.ok()) return status;
  Query contexts(database_, Sql::kListContexts, repository.number, match->sha);
  while (contexts.Next()) {
    status = contexts.Parse(0, resolved.add_contexts());
    if (!status.ok()) return status;
  }
  if (!contexts.status().ok()) return contexts.status();
  return answer;
}

absl::Status Rows::AddEnvironmentFact(const Repository& repository,
                                      absl::string_view name,
                                      v1::Facts* facts) {
  absl::StatusOr<Environment*> found = FindEnvironment(repository.number, name);
  if (!found.ok()) return found.status();
  if (*found != nullptr) *facts->mutable_environment() = (*found)->body;
  return absl::OkStatus();
}

absl::Status Rows::AddStatusFacts(const v1::Rules& rules,
                                  const v1::CreateStatus& request,
                                  const Repository& repository,
                                  const DeploymentRow& row, v1::Facts* facts) {
  const std::string& name = TargetEnvironment(row.deployment, request);
  facts->set_status_count(row.status_count);
  absl::StatusOr<Environment*> environment =
      FindEnvironment(repository.number, name);
  if (!environment.ok()) return environment.status();
  if (*environment == nullptr) return absl::OkStatus();
  *facts->mutable_environment() = (*environment)->body;
  if (!TriggersInactivation(request)) return absl::OkStatus();

  const int64_t id = row.deployment.id();
  // Under R32 only lower ids can be retired; higher ones are not looked at.
  const int64_t id_end =
      rules.prior_deployments() == v1::PRIOR_DEPLOYMENTS_EVERY_OTHER
          ? std::numeric_limits<int64_t>::max()
          : id;
  const int64_t task_label =
      rules.inactivation_scope() == v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK
          ? row.task_label
          : 0;
  v1::LiveDeployment& probe = probe_;
  probe.set_id(id - 1);
  probe.set_environment(name);
  probe.set_task(row.deployment.task());
  for (const bool transient : {false, true}) {
    for (const bool production : {false, true}) {
      // A whole pair of flags is left out where the rules exempt it, so that
      // what stays live is never looked at.
      probe.set_transient_environment(transient);
      probe.set_production_environment(production);
      if (!Retires(rules, row.deployment, name, probe)) continue;
      absl::Status status = ForEachLive(
          LiveKey(repository.number, (*environment)->body.id(), transient,
                  production),
          id_end, task_label, [&](const DeploymentRow& other) {
            v1::LiveDeployment* live = facts->add_live_deployments();
            SetLiveDeployment(other.deployment, live);
            if (!Retires(rules, row.deployment, name, *live)) {
              facts->mutable_live_deployments()->RemoveLast();
            }
          });
      if (!status.ok()) return status;
    }
  }
  std::sort(facts->mutable_live_deployments()->begin(),
            facts->mutable_live_deployments()->end(),
            [](const v1::LiveDeployment& a, const v1::LiveDeployment& b) {
              return a.id() < b.id();
            });
  return absl::OkStatus();
}

absl::Status Rows::ForEachLive(
    const LiveKey& key, int64_t id_end, int64_t task_label,
    absl::FunctionRef<void(const DeploymentRow&)> see) {
  absl::StatusOr<LiveSet*> known = FindLive(key);
  if (!known.ok()) return known.status();
  if (*known != nullptr) {
    for (const int64_t id : **known) {
      if (id >= id_end) break;
      absl::StatusOr<DeploymentRow*> row = FindDeployment(std::get<0>(key), id);
      if (!row.ok()) return row.status();
      if (*row == nullptr) return Contradiction("a live deployment is missing");
      see(**row);
    }
    return absl::OkStatus();
  }
  // Task by task, so that of those with higher ids one is looked at for each
  // task at the most.
  const auto& [repository, environment, transient, production] = key;
  int64_t task = task_label;
  while (true) {
    if (task_label == 0) {
      Query next(database_, Sql::kNextLiveTask, repository, environment,
                 transient, production, task);
      if (!next.Next()) return next.status();
      task = next.Int(0);
    }
    Query query(database_, Sql::kListLiveByTask, repository, environment,
                transient, production, task, id_end);
    while (query.Next()) {
      absl::StatusOr<DeploymentRow*> row = Remember(repository, query);
      if (!row.ok()) return row.status();
      see(**row);
    }
    if (!query.status().ok() || task_label != 0) return query.status();
  }
}

absl::StatusOr<Rows::LiveSet*> Rows::FindLive(const LiveKey& key) {
  const auto known = live_.find(key);
  if (known != live_.end()) return known->second.get();
  absl::Status status = FlushDeployments();
  if (!status.ok()) return status;
  const auto& [repository, environment, transient, production] = key;
  auto found = std::make_unique<LiveSet>();
  Query query(database_, Sql::kListLive, repository, environment, transient,
              production, kLiveCachedMax + 1);
  while (query.Next()) {
    absl::StatusOr<DeploymentRow*> row = Remember(repository, query);
    if (!row.ok()) return row.status();
    found->push_back(query.Int(0));
  }
  if (!query.status().ok()) return query.status();
  if (found->size() > size_t{kLiveCachedMax}) return nullptr;
  std::sort(found->begin(), found->end());
  std::unique_ptr<LiveSet>& place = live_[key];
  place = std::move(found);
  return place.get();
}

void Rows::NoteLive(const DeploymentRow& row, bool is_live) {
  const auto known =
      live_.find(LiveKey(row.repository, row.environment_id,
                         row.deployment.transient_environment(),
                         row.deployment.production_environment()));
  if (known == live_.end()) return;
  LiveSet& live = *known->second;
  const auto place =
      std::lower_bound(live.begin(), live.end(), row.deployment.id());
  const bool was_live = place != live.end() && *place == row.deployment.id();
  if (was_live == is_live) return;
  if (!is_live) {
    live.erase(place);
  } else if (live.size() < size_t{kLiveCachedMax}) {
    live.insert(place, row.deployment.id());
  } else {
    live_.erase(known);
  }
}

absl::Status Rows::AddDeletionFacts(const v1::Rules& rules,
                                    const Repository& repository,
                                    const DeploymentRow& row,
                                    v1::Facts* facts) {
  facts->set_latest_state(row.latest_state);
  if (rules.deletion_scope() != v1::DELETION_SCOPE_ENVIRONMENT) {
    facts->set_only_one_in_scope(repository.deployment_count == 1);
    return absl::OkStatus();
  }
  const absl::StatusOr<int64_t> count =
      CountDeployments(repository.number, row.deployment.environment());
  if (!count.ok()) return count.status();
  facts->set_only_one_in_scope(*count == 1);
  return absl::OkStatus();
}

// ---------------------------------------------------------------------------
// Changes.

void Rows::Count(Label& label, int64_t by) {
  label.deployment_count += by;
  if (label.is_dirty) return;
  label.is_dirty = true;
  dirty_labels_.push_back(&label);
}

absl::Status Rows::CountLess(const Repository& repository, LabelKind kind,
                             absl::string_view value) {
  absl::StatusOr<Label*> label = FindLabel(repository.number, kind, value);
  if (!label.ok()) return label.status();
  if (*label == nullptr) return Contradiction("a label is missing");
  Count(**label, -1);
  return absl::OkStatus();
}

absl::StatusOr<Rows::Repository*> Rows::InsertRepository(
    const v1::RepositoryName& name) {
  ++changes_;
  std::pair<std::string, std::string> key(FoldName(name.owner()),
                                          FoldName(name.name()));
  absl::Status status =
      Run(database_, Sql::kInsertRepository, key.first, key.second);
  if (!status.ok()) return status;
  auto added = std::make_unique<Repository>();
  added->number = sqlite3_last_insert_rowid(database_.handle());
  std::unique_ptr<Repository>& place = repositories_[std::move(key)];
  place = std::move(added);
  return place.get();
}

absl::StatusOr<Rows::Label*> Rows::FindOrAddLabel(Repository& repository,
                                                  LabelKind kind,
                                                  absl::string_view value) {
  absl::StatusOr<Label*> found = FindLabel(repository.number, kind, value);
  if (!found.ok() || *found != nullptr) return found;
  auto added = std::make_unique<Label>();
  added->repository = repository.number;
  added->kind = kind;
  added->value = std::string(value);
  added->number = ++repository.last_label;
  absl::Status status = Run(database_, Sql::kInsertLabel, repository.number,
                            added->number, static_cast<int>(kind), value);
  if (!status.ok()) return status;
  return labels_.insert(std::move(added)).first->get();
}

absl::StatusOr<Rows::Environment*> Rows::NeedEnvironment(
    const Repository& repository, absl::string_view name) {
  absl::StatusOr<Environment*> found = FindEnvironment(repository.number, name);
  if (found.ok() && *found == nullptr) {
    return Contradiction(absl::StrCat("no environment ", name));
  }
  return found;
}

absl::Status Rows::Keep(const v1::Rules& rules, const v1::Command& command,
                        Repository* repository, const v1::Decision& decision) {
  // What happened then is not to happen again (R100).
  if (decision.replayed()) return absl::OkStatus();
  if (decision.has_acceptance() && !decision.acceptance().events().empty()) {
    if (repository == nullptr && command.has_put_repository()) {
      absl::StatusOr<Repository*> added =
          InsertRepository(command.repository());
      if (!added.ok()) return added.status();
      repository = *added;
    }
    if (repository != nullptr &&
        (repository->body.has_value() || command.has_put_repository())) {
      const v1::Acceptance& acceptance = decision.acceptance();
      ++changes_;
      // What others refer to comes first; it is the last of its decision (R17).
      for (const v1::Event& event : acceptance.events()) {
        if (event.type() != v1::EVENT_TYPE_ENVIRONMENT_CREATED) continue;
        absl::Status status = Apply(event, *repository);
        if (!status.ok()) return status;
      }
      for (const v1::Event& event : acceptance.events()) {
        if (event.type() == v1::EVENT_TYPE_ENVIRONMENT_CREATED) continue;
        absl::Status status = Apply(event, *repository);
        if (!status.ok()) return status;
      }
      absl::Status status = LoadStream();
      if (!status.ok()) return status;
      // Ids may come from elsewhere: those of the store's own source go on
      // above them, or the repository would refuse each until they are there.
      stream_->next_id = std::max(stream_->next_id, repository->last_id + 1);
      if (repository->unwritten.empty()) {
        dirty_repositories_.push_back(repository);
      }
      repository->unwritten.push_back(&acceptance);
    }
  }
  if (repository == nullptr || command.idempotency_key().empty() ||
      !KeepsAnswer(command, decision) ||
      decision.has_acceptance() == decision.has_rejection()) {
    return absl::OkStatus();
  }
  return KeepAnswer(rules, command, *repository, decision);
}

absl::Status Rows::KeepAnswer(const v1::Rules& rules,
                              const v1::Command& command,
                              const Repository& repository,
                              const v1::Decision& decision) {
  ++changes_;
  v1::KeyedAnswer answer;
  *answer.mutable_command() = command;
  *answer.mutable_decision() = decision;
  answer.SerializeToString(&bytes_);
  absl::Status status =
      Run(database_, Sql::kPutAnswer, repository.number,
          command.idempotency_key(), decision.answered_at_ms(), bytes_);
  if (!status.ok()) return status;
  return Run(database_, Sql::kPruneAnswers, repository.number,
             decision.answered_at_ms() - LimitsOf(rules).idempotency_kept_ms(),
             kAnswersPruned);
}

absl::Status Rows::Apply(const v1::Event& event, Repository& repository) {
  const int64_t number = repository.number;
  if (event.type() != v1::EVENT_TYPE_STATUS_CREATED &&
      event.type() != v1::EVENT_TYPE_DEPLOYMENT_CREATED) {
    repository.refs.clear();
  }
  const auto note_id = [&](int64_t id) {
    repository.last_id = std::max(repository.last_id, id);
  };
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      note_id(event.deployment().id());
      return CreateDeployment(event.deployment(), repository);
    case v1::EVENT_TYPE_STATUS_CREATED:
      note_id(event.status().id());
      return CreateStatus(event.status(), repository);
    case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
      return DeleteDeployment(event.deployment_id(), repository);
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED: {
      note_id(event.environment().id());
      const std::string key = FoldName(event.environment().name());
      event.environment().SerializeToString(&bytes_);
      return Run(database_, Sql::kInsertEnvironment, number,
                 event.environment().id(), key, bytes_);
    }
    case v1::EVENT_TYPE_REPOSITORY_PUT:
      repository.body = event.put_repository();
      return PutBody(repository);
    case v1::EVENT_TYPE_REPOSITORY_DELETED:
      return DeleteRepository(repository);
    case v1::EVENT_TYPE_REF_PUT: {
      absl::Status status =
          Run(database_, Sql::kPutCommit, number, event.commit().sha(),
              event.commit().merge_base_sha());
      if (!status.ok()) return status;
      return Run(database_, Sql::kPutRef, number, event.ref().type(),
                 event.ref().name(), event.ref().sha());
    }
    case v1::EVENT_TYPE_REF_DELETED:
      return Run(database_, Sql::kDeleteRef, number, event.ref().type(),
                 event.ref().name());
    case v1::EVENT_TYPE_COMMIT_CONTEXT_PUT: {
      const std::string key = FoldName(event.context().context());
      event.context().SerializeToString(&bytes_);
      return Run(database_, Sql::kPutContext, number, event.commit().sha(), key,
                 bytes_);
    }
    case v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED: {
      const std::string key = FoldName(event.context().context());
      return Run(database_, Sql::kDeleteContext, number, event.commit().sha(),
                 key);
    }
    default:
      return Contradiction("an event of an unknown type");
  }
}

absl::Status Rows::CreateDeployment(const v1::Deployment& deployment,
                                    Repository& repository) {
  absl::StatusOr<Environment*> environment =
      NeedEnvironment(repository, deployment.environment());
  if (!environment.ok()) return environment.status();
  std::array<Label*, 5> labels;
  const std::string environment_key = FoldName(deployment.environment());
  const std::array<std::pair<LabelKind, absl::string_view>, 5> values = {{
      {LabelKind::kSha, deployment.sha()},
      {LabelKind::kRef, deployment.ref()},
      {LabelKind::kTask, deployment.task()},
      {LabelKind::kSpelling, deployment.environment()},
      {LabelKind::kEnvironment, environment_key},
  }};
  for (size_t i = 0; i < values.size(); ++i) {
    absl::StatusOr<Label*> label =
        FindOrAddLabel(repository, values[i].first, values[i].second);
    if (!label.ok()) return label.status();
    labels[i] = *label;
    Count(**label, 1);
  }
  ++repository.deployment_count;
  deployment.SerializeToString(&bytes_);
  absl::Status status =
      Run(database_, Sql::kInsertDeployment, repository.number, deployment.id(),
          (*environment)->body.id(), deployment.transient_environment(),
          deployment.production_environment(), labels[0]->number,
          labels[1]->number, labels[2]->number, labels[3]->number,
          deployment.updated_at_ms(), deployment.environment(), bytes_);
  if (!status.ok()) return status;
  DeploymentRow& row = *AddRow(repository.number, deployment.id());
  row.deployment = deployment;
  row.environment_id = (*environment)->body.id();
  row.task_label = labels[2]->number;
  if (IsLarge(deployment)) {
    large_deployments_.emplace_back(repository.number, deployment.id());
  }
  return status;
}

absl::Status Rows::CreateStatus(const v1::DeploymentStatus& status,
                                Repository& repository) {
  absl::StatusOr<DeploymentRow*> found =
      FindDeployment(repository.number, status.deployment_id());
  if (!found.ok()) return found.status();
  if (*found == nullptr) return Contradiction("a status of no deployment");
  DeploymentRow& row = **found;
  status.SerializeToString(&bytes_);
  absl::Status done = Run(database_, Sql::kInsertStatus, repository.number,
                          status.deployment_id(), status.id(), bytes_);
  if (done.ok() && status.environment() != row.deployment.environment()) {
    done = Move(status.environment(), repository, &row);
  }
  if (!done.ok()) return done;
  row.latest_status_id = status.id();
  row.latest_state = status.state();
  ++row.status_count;
  row.deployment.set_updated_at_ms(status.created_at_ms());
  NoteLive(row, status.state() == v1::STATUS_STATE_SUCCESS);
  if (!row.is_dirty) {
    row.is_dirty = true;
    dirty_deployments_.emplace_back(repository.number, row.deployment.id());
  }
  return done;
}

absl::Status Rows::Move(const std::string& environment, Repository& repository,
                        DeploymentRow* row) {
  NoteLive(*row, false);
  const std::string& from = row->deployment.environment();
  absl::Status status = CountLess(repository, LabelKind::kSpelling, from);
  if (status.ok()) {
    status = CountLess(repository, LabelKind::kEnvironment, FoldName(from));
  }
  if (!status.ok()) return status;
  absl::StatusOr<Environment*> to = NeedEnvironment(repository, environment);
  if (!to.ok()) return to.status();
  absl::StatusOr<Label*> spelling =
      FindOrAddLabel(repository, LabelKind::kSpelling, environment);
  if (!spelling.ok()) return spelling.status();
  absl::StatusOr<Label*> label = FindOrAddLabel(
      repository, LabelKind::kEnvironment, FoldName(environment));
  if (!label.ok()) return label.status();
  Count(**spelling, 1);
  Count(**label, 1);
  row->deployment.set_environment(environment);
  row->environment_id = (*to)->body.id();
  return Run(database_, Sql::kMoveDeployment, repository.number,
             row->deployment.id(), row->environment_id, (*spelling)->number,
             environment);
}

absl::Status Rows::DeleteDeployment(int64_t id, Repository& repository) {
  absl::StatusOr<DeploymentRow*> row = FindDeployment(repository.number, id);
  if (!row.ok()) return row.status();
  if (*row == nullptr) return Contradiction("no such deployment");
  const v1::Deployment& deployment = (*row)->deployment;
  const std::string environment_key = FoldName(deployment.environment());
  const std::array<std::pair<LabelKind, absl::string_view>, 5> values = {{
      {LabelKind::kSha, deployment.sha()},
      {LabelKind::kRef, deployment.ref()},
      {LabelKind::kTask, deployment.task()},
      {LabelKind::kSpelling, deployment.environment()},
      {LabelKind::kEnvironment, environment_key},
  }};
  for (const auto& [kind, value] : values) {
    absl::Status status = CountLess(repository, kind, value);
    if (!status.ok()) return status;
  }
  --repository.deployment_count;
  NoteLive(**row, false);
  Forget({repository.number, id});
  absl::Status status =
      Run(database_, Sql::kDeleteStatuses, repository.number, id);
  if (!status.ok()) return status;
  return Run(database_, Sql::kDeleteDeployment, repository.number, id);
}

absl::Status Rows::DeleteRepository(Repository& repository) {
  // What is left in memory must not come after it.
  absl::Status status = Flush();
  if (!status.ok()) return status;
  for (const Sql sql :
       {Sql::kDropStatuses, Sql::kDropDeployments, Sql::kDropEnvironments,
        Sql::kDropLabels, Sql::kDropContexts, Sql::kDropRefs,
        Sql::kDropCommits}) {
    status = Run(database_, sql, repository.number);
    if (!status.ok()) return status;
  }
  environments_.clear();
  labels_.clear();
  deployments_.clear();
  arrivals_.clear();
  large_deployments_.clear();
  live_.clear();
  repository.body.reset();
  repository.deployment_count = 0;
  return PutBody(repository);
}

absl::Status Rows::PutBody(const Repository& repository) {
  absl::optional<int64_t> id;
  bytes_.clear();
  if (repository.body.has_value()) {
    id = repository.body->id();
    repository.body->SerializeToString(&bytes_);
  }
  return Run(database_, Sql::kPutRepositoryBody, repository.number, id, bytes_);
}

absl::Status Rows::FlushOutbox(Repository& repository) {
  const std::vector<const v1::Acceptance*>& unwritten = repository.unwritten;
  if (unwritten.size() == 1 && unwritten[0]->events_size() <= kEventsPerRow) {
    return InsertOutbox(*unwritten[0], repository);
  }
  entries_.Clear();
  for (const v1::Acceptance* acceptance : unwritten) {
    const int count = acceptance->events_size();
    for (int begin = 0, end = 0; begin < count; begin = end) {
      const int shift = entries_.events_size() - begin;
      end = std::min(count, kEventsPerRow - shift);
      for (int i = begin; i < end; ++i) {
        *entries_.add_events() = acceptance->events(i);
      }
      for (const v1::Effect& effect : acceptance->effects()) {
        if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
        const int index = effect.event_index();
        if (index < begin || index >= end) continue;
        v1::Effect& copy = *entries_.add_effects();
        copy = effect;
        copy.set_event_index(index + shift);
      }
      if (entries_.events_size() < kEventsPerRow) continue;
      absl::Status status = InsertOutbox(entries_, repository);
      if (!status.ok()) return status;
      entries_.Clear();
    }
  }
  if (entries_.events().empty()) return absl::OkStatus();
  return InsertOutbox(entries_, repository);
}

absl::Status Rows::InsertOutbox(const v1::Acceptance& acceptance,
                                Repository& repository) {
  const int count = acceptance.events_size();
  stream_->last_global_position += count;
  repository.last_position += count;
  acceptance.SerializeToString(&bytes_);
  return Run(database_, Sql::kInsertOutbox, stream_->last_global_position,
             stream_->next_id, repository.number, repository.last_position,
             count, repository.last_id, repository.last_label,
             repository.deployment_count, bytes_);
}

absl::Status Rows::LoadStream() {
  if (stream_.has_value()) return absl::OkStatus();
  Stream stream;
  {
    Query query(database_, Sql::kGetNextId);
    if (!query.Next()) {
      return query.status().ok() ? Contradiction("no next id") : query.status();
    }
    stream.next_id = std::max(query.Int(0), next_id_min_);
  }
  Query query(database_, Sql::kFindEndOfStream);
  if (query.Next()) {
    stream.last_global_position = query.Int(0);
    stream.next_id = std::max(stream.next_id, query.Int(1));
  }
  if (query.status().ok()) stream_ = stream;
  return query.status();
}

absl::StatusOr<int64_t> Rows::TakeIds(int64_t count) {
  absl::Status status = LoadStream();
  if (!status.ok()) return status;
  if (count > kIdMax - stream_->next_id + 1) {
    return absl::ResourceExhaustedError("no ids are left below 2^53");
  }
  const int64_t first = stream_->next_id;
  stream_->next_id += count;
  next_id_min_ = stream_->next_id;
  return first;
}

absl::StatusOr<int64_t> Rows::ReserveIds(int64_t count) {
  absl::StatusOr<int64_t> first = TakeIds(count);
  if (!first.ok()) return first;
  ++changes_;
  next_id_is_dirty_ = true;
  return first;
}

absl::Status Rows::FlushDeployments() {
  for (const std::pair<int64_t, int64_t>& key : dirty_deployments_) {
    const auto found = deployments_.find(key);
    if (found == deployments_.end() || !found->second->is_dirty) continue;
    DeploymentRow& row = *found->second;
    row.is_dirty = false;
    absl::Status status =
        Run(database_, Sql::kNoteStatus, key.first, key.second,
            row.latest_status_id, row.latest_state,
            row.deployment.updated_at_ms(), row.status_count);
    if (status.ok() && sqlite3_changes(database_.handle()) != 1) {
      status = Contradiction("a deployment is missing");
    }
    if (!status.ok()) {
      // It is among the facts of another decision that it may fail.
      ++changes_;
      return status;
    }
  }
  dirty_deployments_.clear();
  return absl::OkStatus();
}

absl::Status Rows::Flush() {
  absl::Status status = FlushAll();
  // Who asks for it may have changed nothing himself.
  if (!status.ok()) ++changes_;
  return status;
}

absl::Status Rows::FlushAll() {
  absl::Status status = FlushDeployments();
  if (!status.ok()) return status;
  for (Repository* repository : dirty_repositories_) {
    status = FlushOutbox(*repository);
    repository->unwritten.clear();
    if (!status.ok()) return status;
  }
  dirty_repositories_.clear();
  for (Label* label : dirty_labels_) {
    label->is_dirty = false;
    if (label->deployment_count < 0) return Contradiction("a count below 0");
    if (label->deployment_count > 0) {
      status = Run(database_, Sql::kUpdateLabelCount, label->repository,
                   label->number, label->deployment_count);
    } else {
      status =
          Run(database_, Sql::kDeleteLabel, label->repository, label->number);
      const auto gone =
          labels_.find(LabelKey(label->repository, label->kind, label->value));
      if (gone != labels_.end()) labels_.erase(gone);
    }
    if (!status.ok()) return status;
  }
  dirty_labels_.clear();
  if (next_id_is_dirty_) {
    next_id_is_dirty_ = false;
    status = Run(database_, Sql::kSetNextId, stream_->next_id);
  }
  return status;
}

}  // namespace internal
}  // namespace slipway
