#include "slipway/adapters/memory/memory_store.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/adapters/memory/repository_table.h"
#include "slipway/adapters/memory/keyed_answers.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

// One repository: its rows, its stream, its answers, and the lock of all.
struct Repository {
  std::shared_mutex mutex;
  internal::RepositoryTable table;
  std::vector<OutboxEntry> outbox;
  internal::KeyedAnswers answers;

  v1::Facts FactsFor(const v1::Rules& rules, const v1::Command& command) const {
    v1::Facts facts = table.FactsFor(rules, command);
    answers.AddTo(command, facts);
    return facts;
  }
};

// Owner and name apart, because either may have a slash in it.
using Key = std::pair<std::string, std::string>;

Key KeyOf(const v1::RepositoryName& name) {
  return {FoldName(name.owner()), FoldName(name.name())};
}

void Commit(const v1::Acceptance& acceptance, Repository& repository) {
  const size_t first = repository.outbox.size();
  for (const v1::Event& event : acceptance.events()) {
    repository.table.Apply(event);
    OutboxEntry& entry = repository.outbox.emplace_back();
    entry.position = static_cast<int64_t>(repository.outbox.size());
    entry.event = event;
  }
  for (const v1::Effect& effect : acceptance.effects()) {
    if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
    OutboxEntry& entry = repository.outbox[first + effect.event_index()];
    entry.notify = true;
    if (effect.has_deployment()) entry.deployment = effect.deployment();
  }
}

}  // namespace

struct MemoryStore::Impl {
  // Guards the map, not what it points to. A repository stays in it for good,
  // because its stream and its ids outlive it.
  std::shared_mutex repositories_mutex;
  absl::flat_hash_map<Key, std::unique_ptr<Repository>> repositories;

  // Taken after a repository's lock, by the commands that need to know who has
  // an id.
  std::shared_mutex names_by_id_mutex;
  absl::flat_hash_map<int64_t, v1::RepositoryName> names_by_id;

  // Taken after a repository's lock. Where each entry of the stream of all
  // repositories stands: the place in its repository's outbox.
  std::shared_mutex stream_mutex;
  std::vector<std::pair<Repository*, size_t>> stream;

  // Only under the repository's lock.
  void CommitTo(Repository& repository, const v1::Acceptance& acceptance) {
    const size_t first = repository.outbox.size();
    Commit(acceptance, repository);
    std::unique_lock<std::shared_mutex> lock(stream_mutex);
    for (size_t place = first; place < repository.outbox.size(); ++place) {
      stream.emplace_back(&repository, place);
    }
  }

  // nullptr: no command has named it.
  Repository* Find(const v1::RepositoryName& name) {
    const Key key = KeyOf(name);
    std::shared_lock<std::shared_mutex> lock(repositories_mutex);
    const auto found = repositories.find(key);
    return found == repositories.end() ? nullptr : found->second.get();
  }

  Repository& FindOrAdd(const v1::RepositoryName& name) {
    if (Repository* found = Find(name)) return *found;
    std::unique_lock<std::shared_mutex> lock(repositories_mutex);
    std::unique_ptr<Repository>& repository = repositories[KeyOf(name)];
    if (repository == nullptr) repository = std::make_unique<Repository>();
    return *repository;
  }

  // Only under `names_by_id_mutex`.
  void AddIdHolder(const v1::Command& command, v1::Facts& facts) {
    const auto holder = names_by_id.find(command.put_repository().id());
    if (holder == names_by_id.end()) return;
    if (SameName(holder->second, command.repository())) return;
    *facts.mutable_repository_id_holder() = holder->second;
  }

  // Only under `names_by_id_mutex`.
  void UpdateNames(const v1::Facts& before, const v1::Decision& decision) {
    for (const v1::Event& event : decision.acceptance().events()) {
      if (event.type() == v1::EVENT_TYPE_REPOSITORY_PUT) {
        names_by_id[event.put_repository().id()] = event.repository();
      } else if (event.type() == v1::EVENT_TYPE_REPOSITORY_DELETED) {
        names_by_id.erase(before.repository().id());
      }
    }
  }
};

MemoryStore::MemoryStore() : impl_(std::make_unique<Impl>()) {}
MemoryStore::~MemoryStore() = default;

absl::Status MemoryStore::Transact(const TransactParams& params,
                                   v1::Decision* decision) {
  const v1::Command& command = params.command;
  const bool changes_names =
      command.has_put_repository() || command.has_delete_repository();
  // Only a put makes a place for a repository, so that asking for names that
  // do not exist fills no memory.
  static Repository& nobody = *new Repository();
  Repository* found = command.has_put_repository()
                          ? &impl_->FindOrAdd(command.repository())
                          : impl_->Find(command.repository());
  if (found == nullptr) {
    absl::Status status =
        params.decide(nobody.table.FactsFor(params.rules, command), decision);
    return status;
  }
  std::unique_lock<std::shared_mutex> lock(found->mutex);
  std::unique_lock<std::shared_mutex> names_lock(impl_->names_by_id_mutex,
                                                 std::defer_lock);
  v1::Facts facts = found->FactsFor(params.rules, command);
  if (changes_names) {
    names_lock.lock();
    impl_->AddIdHolder(command, facts);
  }
  absl::Status status = params.decide(facts, decision);
  if (!status.ok() || decision->replayed()) return status;
  if (changes_names) impl_->UpdateNames(facts, *decision);
  if (decision->has_acceptance()) {
    impl_->CommitTo(*found, decision->acceptance());
  }
  // A name that was only asked for is no repository.
  if (!found->outbox.empty() && KeepsAnswer(command, *decision)) {
    found->answers.Keep(params.rules, command, *decision);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Facts> MemoryStore::Facts(const FactsParams& params) {
  Repository* found = impl_->Find(params.command.repository());
  v1::Facts facts;
  if (found != nullptr) {
    std::shared_lock<std::shared_mutex> lock(found->mutex);
    facts = found->FactsFor(params.rules, params.command);
  }
  if (params.command.has_put_repository()) {
    std::shared_lock<std::shared_mutex> lock(impl_->names_by_id_mutex);
    impl_->AddIdHolder(params.command, facts);
  }
  return facts;
}

absl::StatusOr<absl::optional<v1::Repository>> MemoryStore::FindRepository(
    const v1::RepositoryName& name) {
  Repository* found = impl_->Find(name);
  if (found == nullptr) return absl::optional<v1::Repository>();
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  return found->table.repository();
}

absl::StatusOr<absl::optional<v1::Repository>> MemoryStore::FindRepositoryById(
    int64_t id) {
  v1::RepositoryName name;
  {
    std::shared_lock<std::shared_mutex> lock(impl_->names_by_id_mutex);
    const auto found = impl_->names_by_id.find(id);
    if (found == impl_->names_by_id.end()) {
      return absl::optional<v1::Repository>();
    }
    name = found->second;
  }
  absl::StatusOr<absl::optional<v1::Repository>> repository =
      FindRepository(name);
  // Deleted, and put again with another id, since the name was looked up.
  if (repository.ok() && repository->has_value() && (*repository)->id() != id) {
    return absl::optional<v1::Repository>();
  }
  return repository;
}

absl::StatusOr<absl::optional<Store::DeploymentResult>>
MemoryStore::FindDeployment(const DeploymentParams& params) {
  absl::optional<DeploymentResult> result;
  Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return result;
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  const auto* record = found->table.Find(params.deployment_id);
  if (record == nullptr) return result;
  result.emplace();
  result->deployment = record->deployment;
  if (!record->statuses.empty()) {
    result->latest_status = record->statuses.back();
  }
  return result;
}

absl::StatusOr<absl::optional<Store::Page<v1::Deployment>>>
MemoryStore::ListDeployments(const ListDeploymentsParams& params) {
  absl::optional<Page<v1::Deployment>> page;
  Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return page;
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  if (found->table.repository().has_value()) page = found->table.List(params);
  return page;
}

absl::StatusOr<absl::optional<Store::Page<v1::DeploymentStatus>>>
MemoryStore::ListStatuses(const ListStatusesParams& params) {
  absl::optional<Page<v1::DeploymentStatus>> page;
  Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return page;
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  const auto* record = found->table.Find(params.deployment_id);
  if (record == nullptr) return page;
  page.emplace();
  const auto total = static_cast<int64_t>(record->statuses.size());
  page->total = total;
  const int64_t begin = std::clamp<int64_t>(params.offset, 0, total);
  const int64_t end =
      begin + std::clamp<int64_t>(params.limit, 0, total - begin);
  page->rows.assign(record->statuses.rbegin() + begin,
                    record->statuses.rbegin() + end);
  return page;
}

absl::StatusOr<absl::optional<v1::DeploymentStatus>> MemoryStore::FindStatus(
    const StatusParams& params) {
  absl::optional<v1::DeploymentStatus> status;
  Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return status;
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  const auto* record = found->table.Find(params.deployment_id);
  if (record == nullptr) return status;
  const auto place = std::lower_bound(record->statuses.begin(),
                                      record->statuses.end(), params.status_id,
                                      [](const v1::DeploymentStatus& row,
                                         int64_t id) { return row.id() < id; });
  if (place != record->statuses.end() && place->id() == params.status_id) {
    status = *place;
  }
  return status;
}

absl::StatusOr<std::vector<OutboxEntry>> MemoryStore::ReadOutbox(
    const ReadParams& params) {
  std::vector<OutboxEntry> entries;
  Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return entries;
  std::shared_lock<std::shared_mutex> lock(found->mutex);
  const auto total = static_cast<int64_t>(found->outbox.size());
  const int64_t begin = std::clamp<int64_t>(params.after_position, 0, total);
  const int64_t end =
      begin + std::clamp<int64_t>(params.limit, 0, total - begin);
  entries.assign(found->outbox.begin() + begin, found->outbox.begin() + end);
  return entries;
}

absl::StatusOr<std::vector<OutboxEntry>> MemoryStore::ReadAll(
    const ReadAllParams& params) {
  std::vector<std::pair<Repository*, size_t>> places;
  int64_t position = 0;
  {
    std::shared_lock<std::shared_mutex> lock(impl_->stream_mutex);
    const auto total = static_cast<int64_t>(impl_->stream.size());
    position = std::clamp<int64_t>(params.after_position, 0, total);
    const int64_t end =
        position + std::clamp<int64_t>(params.limit, 0, total - position);
    places.assign(impl_->stream.begin() + position,
                  impl_->stream.begin() + end);
  }
  std::vector<OutboxEntry> entries;
  entries.reserve(places.size());
  for (const auto& [repository, place] : places) {
    std::shared_lock<std::shared_mutex> lock(repository->mutex);
    entries.push_back(repository->outbox[place]);
    entries.back().global_position = ++position;
  }
  return entries;
}

absl::StatusOr<int64_t> MemoryStore::LastGlobalPosition() {
  std::shared_lock<std::shared_mutex> lock(impl_->stream_mutex);
  return static_cast<int64_t>(impl_->stream.size());
}

}  // namespace slipway
