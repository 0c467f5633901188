#include "slipway/adapters/postgres/memory.h"

#include <algorithm>
#include <iterator>

#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace postgres_internal {
namespace {

bool HasLowerId(const v1::LiveDeployment& a, const v1::LiveDeployment& b) {
  return a.id() < b.id();
}

}  // namespace

bool Memory::Recall(const v1::Rules& rules, const v1::Command& command,
                    Snapshot* snapshot) const {
  if (!has_row_ || !command.idempotency_key().empty()) return false;
  *snapshot = Snapshot();
  snapshot->has_row = true;
  snapshot->row = row_;
  v1::Facts& facts = snapshot->facts;
  facts.set_last_id(row_.last_id);
  if (repository_.has_value()) *facts.mutable_repository() = *repository_;

  const auto recall_environment = [&](absl::string_view name) {
    const auto found = environments_.find(FoldName(name));
    if (found == environments_.end()) return false;
    if (found->second.has_value()) {
      *facts.mutable_environment() = *found->second;
    }
    return true;
  };
  const auto recall_deployment = [&](int64_t id) -> const Deployment* {
    const auto found = deployments_.find(id);
    if (found == deployments_.end()) return nullptr;
    *facts.mutable_deployment() = found->second.deployment;
    facts.set_latest_status_id(found->second.latest_status_id);
    snapshot->latest_state = found->second.latest_state;
    return &found->second;
  };
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment: {
      if (!repository_.has_value()) return true;
      const v1::CreateDeployment& request = command.create_deployment();
      const auto found = refs_.find(request.ref());
      if (found == refs_.end()) return false;
      if (found->second.has_value()) *facts.mutable_ref() = *found->second;
      return recall_environment(TargetEnvironment(request));
    }
    case v1::Command::kCreateStatus: {
      if (!repository_.has_value()) return true;
      const v1::CreateStatus& request = command.create_status();
      const Deployment* const known =
          recall_deployment(request.deployment_id());
      if (known == nullptr) return false;
      facts.set_status_count(known->status_count);
      const std::string& environment =
          TargetEnvironment(facts.deployment(), request);
      if (!recall_environment(environment)) return false;
      if (!TriggersInactivation(request)) return true;
      const RetiringFlags flags = RetiringFlagsOf(rules);
      const int64_t own_flags =
          FlagsOf(facts.deployment().transient_environment(),
                  facts.deployment().production_environment());
      if (own_flags > flags.succeeded_max) return true;
      const auto found = live_.find(FoldName(environment));
      if (found == live_.end()) return false;
      for (int64_t each = 0; each <= flags.live_max; ++each) {
        const LiveList& list = found->second[each];
        if (!list.has_value()) return false;
        for (const v1::LiveDeployment& live : *list) {
          if (Retires(rules, facts.deployment(), environment, live)) {
            *facts.add_live_deployments() = live;
          }
        }
      }
      std::sort(facts.mutable_live_deployments()->begin(),
                facts.mutable_live_deployments()->end(), &HasLowerId);
      return true;
    }
    case v1::Command::kDeleteDeployment:
      if (!repository_.has_value()) return true;
      // How many an environment has is only in the database.
      if (rules.deletion_scope() == v1::DELETION_SCOPE_ENVIRONMENT ||
          recall_deployment(command.delete_deployment().deployment_id()) ==
              nullptr) {
        return false;
      }
      facts.set_latest_state(snapshot->latest_state);
      facts.set_only_one_in_scope(row_.deployments == 1);
      return true;
    case v1::Command::kPutRef:
    case v1::Command::REQUEST_NOT_SET:
      return true;
    default:
      return !repository_.has_value() && !command.has_put_repository();
  }
}

bool Memory::SetRow(const Snapshot& snapshot) {
  const RepositoryRow& row = snapshot.row;
  const bool is_same = has_row_ && row.position == row_.position &&
                       row.stamp_us == row_.stamp_us;
  // What it has of ids may be newer than the row.
  if (is_same) return true;
  Forget();
  row_ = row;
  has_row_ = true;
  repository_.reset();
  if (snapshot.facts.has_repository()) {
    repository_ = snapshot.facts.repository();
  }
  return false;
}

void Memory::Learn(const v1::Rules& rules, const v1::Command& command,
                   const Snapshot& snapshot) {
  const v1::Facts& facts = snapshot.facts;
  if (!facts.has_repository()) return;
  const auto learn_environment = [&](absl::string_view name) {
    absl::optional<v1::Environment> environment;
    if (facts.has_environment()) environment = facts.environment();
    environments_[FoldName(name)] = std::move(environment);
    Grow(name.size() + facts.environment().ByteSizeLong());
  };
  if (command.has_create_deployment()) {
    const v1::CreateDeployment& request = command.create_deployment();
    absl::optional<v1::ResolvedRef> ref;
    if (facts.has_ref()) ref = facts.ref();
    refs_[request.ref()] = std::move(ref);
    learn_environment(TargetEnvironment(request));
    Grow(request.ref().size() + facts.ref().ByteSizeLong());
    return;
  }
  if (!command.has_create_status() || !facts.has_deployment()) return;
  const v1::Deployment& deployment = facts.deployment();
  deployments_[deployment.id()] = {deployment, facts.latest_status_id(),
                                   snapshot.latest_state, facts.status_count()};
  const v1::CreateStatus& request = command.create_status();
  const std::string& environment = TargetEnvironment(deployment, request);
  learn_environment(environment);
  if (snapshot.live.has_value()) {
    LiveLists& lists = live_[FoldName(environment)];
    const RetiringFlags flags = RetiringFlagsOf(rules);
    for (int64_t each = 0; each <= flags.live_max; ++each) {
      lists[each].emplace();
    }
    size_t bytes = environment.size();
    for (const v1::LiveDeployment& live : *snapshot.live) {
      LiveList& list = lists[FlagsOf(live.transient_environment(),
                                     live.production_environment())];
      if (list.has_value()) list->push_back(live);
      bytes += live.ByteSizeLong() + sizeof(live);
    }
    for (LiveList& list : lists) {
      if (list.has_value()) std::sort(list->begin(), list->end(), &HasLowerId);
    }
    // The lists that were read do not have the deployment itself. Where it is
    // elsewhere, a list that is known has it already.
    if (snapshot.latest_state == v1::STATUS_STATE_SUCCESS &&
        SameName(deployment.environment(), environment)) {
      AddLive(deployment);
    }
    Grow(bytes);
  }
  Grow(deployment.ByteSizeLong());
}

void Memory::Apply(const v1::Acceptance& acceptance, const RepositoryRow& row) {
  for (const v1::Event& event : acceptance.events()) {
    switch (event.type()) {
      case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
        deployments_[event.deployment().id()].deployment = event.deployment();
        Grow(event.deployment().ByteSizeLong());
        break;
      case v1::EVENT_TYPE_STATUS_CREATED:
        ApplyStatus(event.status());
        break;
      case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
        deployments_.erase(event.deployment_id());
        EraseLive(event.deployment_id());
        break;
      case v1::EVENT_TYPE_ENVIRONMENT_CREATED:
        environments_[FoldName(event.environment().name())] =
            event.environment();
        Grow(event.environment().ByteSizeLong());
        break;
      default:
        // Of refs, commits and contexts; a ref may lead by way of any of them.
        refs_.clear();
        break;
    }
  }
  row_ = row;
}

void Memory::ApplyStatus(const v1::DeploymentStatus& status) {
  const int64_t id = status.deployment_id();
  EraseLive(id);
  const auto found = deployments_.find(id);
  if (found == deployments_.end()) {
    // A list without one that has become live would be wrong. Only a status
    // that was asked for can be a success, and its deployment is known.
    if (status.state() == v1::STATUS_STATE_SUCCESS) live_.clear();
    return;
  }
  Deployment& known = found->second;
  known.deployment.set_environment(status.environment());
  known.deployment.set_updated_at_ms(status.created_at_ms());
  known.latest_status_id = status.id();
  known.latest_state = status.state();
  ++known.status_count;
  if (status.state() == v1::STATUS_STATE_SUCCESS) AddLive(known.deployment);
}

void Memory::EraseLive(int64_t id) {
  for (auto& [environment, lists] : live_) {
    for (LiveList& list : lists) {
      if (!list.has_value()) continue;
      const auto place =
          std::find_if(list->begin(), list->end(),
                       [id](const auto& live) { return live.id() >= id; });
      if (place != list->end() && place->id() == id) list->erase(place);
    }
  }
}

void Memory::AddLive(const v1::Deployment& deployment) {
  const auto found = live_.find(FoldName(deployment.environment()));
  if (found == live_.end()) return;
  LiveList& list = found->second[FlagsOf(deployment.transient_environment(),
                                         deployment.production_environment())];
  if (!list.has_value()) return;
  v1::LiveDeployment live = LiveDeploymentOf(deployment);
  Grow(live.ByteSizeLong() + sizeof(live));
  // Growing may have forgotten it.
  if (live_.empty()) return;
  const auto place =
      std::lower_bound(list->begin(), list->end(), live, &HasLowerId);
  if (place != list->end() && place->id() == live.id()) {
    *place = std::move(live);
  } else {
    list->insert(place, std::move(live));
  }
}

void Memory::CountFound(bool is_same) {
  if (!is_same) {
    distrust_ = kDistrust;
  } else if (distrust_ > 0) {
    --distrust_;
  }
}

void Memory::Forget() {
  refs_.clear();
  environments_.clear();
  deployments_.clear();
  live_.clear();
  bytes_ = kEntryBytes;
}

void Memory::Grow(size_t bytes) {
  bytes_ += bytes + kEntryBytes;
  if (bytes_ > kBytesMax) Forget();
}

std::unique_ptr<Memory> Memories::Take(int64_t key) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return std::make_unique<Memory>(key);
  std::unique_ptr<Memory> memory = std::move(*found->second);
  bytes_ -= memory->bytes();
  order_.erase(found->second);
  places_.erase(found);
  return memory;
}

void Memories::Keep(std::unique_ptr<Memory> memory) {
  if (memory->bytes() > bytes_max_) return;
  const int64_t key = memory->row().key;
  // Destroyed when the lock is free again.
  Order forgotten;
  std::lock_guard<std::mutex> lock(mutex_);
  bytes_ += memory->bytes();
  order_.push_front(std::move(memory));
  places_[key] = order_.begin();
  while (bytes_ > bytes_max_) {
    bytes_ -= order_.back()->bytes();
    places_.erase(order_.back()->row().key);
    forgotten.splice(forgotten.begin(), order_, std::prev(order_.end()));
  }
}

}  // namespace postgres_internal
}  // namespace slipway
