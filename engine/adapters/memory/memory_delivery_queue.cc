#include "slipway/adapters/memory/memory_delivery_queue.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "slipway/core/names.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace {

// Owner, name and id of a deployment.
using DeploymentKey = std::tuple<std::string, std::string, int64_t>;

DeploymentKey KeyOf(const v1::Event& event) {
  const int64_t id = event.has_status() ? event.status().deployment_id()
                                        : event.deployment().id();
  return {FoldName(event.repository().owner()),
          FoldName(event.repository().name()), id};
}

struct Row {
  // Without attempts.
  Delivery delivery;
  std::vector<DeliveryAttempt> attempts;
  // Until then it is claimed; 0: it is not.
  int64_t leased_until_ms = 0;
};

// A time and the id of a delivery.
using TimeAndId = std::pair<int64_t, int64_t>;

struct HookRow {
  Hook hook;
  absl::btree_set<int64_t> deliveries;
  int64_t pending_count = 0;
  // The pending ones of each deployment that has any; the first is its head.
  absl::flat_hash_map<DeploymentKey, absl::btree_set<int64_t>> pending;
  // The heads: those that are not claimed by when they are due, the claimed by
  // when their lease runs out.
  absl::btree_set<TimeAndId> free_heads;
  absl::btree_set<TimeAndId> claimed_heads;
};

// Version 4: 122 random bits.
std::string RandomUuid(std::mt19937_64& random) {
  const uint64_t high = (random() & 0xffffffffffff0fff) | 0x4000;
  const uint64_t low = (random() & 0x3fffffffffffffff) | 0x8000000000000000;
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32,
                         (high >> 16) & 0xffff, high & 0xffff, low >> 48,
                         low & 0xffffffffffff);
}

}  // namespace

struct MemoryDeliveryQueue::Impl {
  Outbox* outbox = nullptr;
  // Guards everything below.
  std::mutex mutex;
  std::mt19937_64 random{std::random_device()()};
  std::map<int64_t, HookRow> hooks;
  absl::flat_hash_map<std::string, int64_t> hook_ids_by_url;
  int64_t last_delivery_id = 0;
  absl::btree_map<int64_t, Row> rows;

  void PlaceHead(HookRow& hook, const DeploymentKey& key) {
    const auto pending = hook.pending.find(key);
    if (pending == hook.pending.end()) return;
    const Row& row = rows.at(*pending->second.begin());
    if (row.leased_until_ms > 0) {
      hook.claimed_heads.emplace(row.leased_until_ms, row.delivery.id);
    } else {
      hook.free_heads.emplace(row.delivery.due_at_ms, row.delivery.id);
    }
  }

  void TakeHeadAway(HookRow& hook, const DeploymentKey& key) {
    const auto pending = hook.pending.find(key);
    if (pending == hook.pending.end()) return;
    const Row& row = rows.at(*pending->second.begin());
    hook.claimed_heads.erase({row.leased_until_ms, row.delivery.id});
    hook.free_heads.erase({row.delivery.due_at_ms, row.delivery.id});
  }

  // Changes a row, and everything that is ordered by what is in it.
  template <typename Change>
  void Update(Row& row, const Change& change) {
    HookRow& hook = hooks.at(row.delivery.hook_id);
    const DeploymentKey key = KeyOf(row.delivery.entry.event);
    TakeHeadAway(hook, key);
    const bool was_pending = row.delivery.state == DeliveryState::kPending;
    change(row);
    const bool is_pending = row.delivery.state == DeliveryState::kPending;
    if (is_pending && !was_pending) Add(hook, key, row.delivery.id);
    if (was_pending && !is_pending) Remove(hook, key, row.delivery.id);
    PlaceHead(hook, key);
  }

  static void Add(HookRow& hook, const DeploymentKey& key, int64_t id) {
    hook.pending[key].insert(id);
    ++hook.pending_count;
  }

  static void Remove(HookRow& hook, const DeploymentKey& key, int64_t id) {
    const auto pending = hook.pending.find(key);
    pending->second.erase(id);
    if (pending->second.empty()) hook.pending.erase(pending);
    --hook.pending_count;
  }

  void Enqueue(HookRow& hook, const OutboxEntry& entry, int64_t now_ms) {
    const int64_t id = ++last_delivery_id;
    const DeploymentKey key = KeyOf(entry.event);
    TakeHeadAway(hook, key);
    Delivery& delivery = rows[id].delivery;
    delivery.id = id;
    delivery.hook_id = hook.hook.id;
    delivery.guid = RandomUuid(random);
    delivery.entry = entry;
    delivery.enqueued_at_ms = now_ms;
    delivery.due_at_ms = now_ms;
    hook.deliveries.insert(id);
    Add(hook, key, id);
    PlaceHead(hook, key);
  }
};

MemoryDeliveryQueue::MemoryDeliveryQueue(Outbox* outbox)
    : impl_(std::make_unique<Impl>()) {
  impl_->outbox = outbox;
}

MemoryDeliveryQueue::~MemoryDeliveryQueue() = default;

absl::StatusOr<Hook> MemoryDeliveryQueue::AddHook(const AddHookParams& params) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->hook_ids_by_url.find(params.url);
  if (found != impl_->hook_ids_by_url.end()) {
    return impl_->hooks.at(found->second).hook;
  }
  const absl::StatusOr<int64_t> last = impl_->outbox->LastGlobalPosition();
  if (!last.ok()) return last.status();
  Hook hook;
  hook.id = static_cast<int64_t>(impl_->hooks.size()) + 1;
  hook.url = params.url;
  hook.cursor = *last;
  impl_->hook_ids_by_url[hook.url] = hook.id;
  impl_->hooks[hook.id].hook = hook;
  return hook;
}

absl::StatusOr<int64_t> MemoryDeliveryQueue::Enqueue(
    const EnqueueParams& params) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->hooks.find(params.hook_id);
  if (found == impl_->hooks.end()) {
    return absl::NotFoundError(absl::StrCat("no hook ", params.hook_id));
  }
  HookRow& hook = found->second;
  const absl::StatusOr<std::vector<OutboxEntry>> entries =
      impl_->outbox->ReadAll({hook.hook.cursor, params.limit});
  if (!entries.ok()) return entries.status();
  for (const OutboxEntry& entry : *entries) {
    hook.hook.cursor = entry.global_position;
    const bool is_wanted = params.types.empty() ||
                           std::find(params.types.begin(), params.types.end(),
                                     entry.event.type()) != params.types.end();
    if (entry.notify && is_wanted) impl_->Enqueue(hook, entry, params.now_ms);
  }
  return static_cast<int64_t>(entries->size());
}

absl::StatusOr<std::vector<Delivery>> MemoryDeliveryQueue::Claim(
    const ClaimParams& params) {
  std::vector<Delivery> claimed;
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->hooks.find(params.hook_id);
  if (found == impl_->hooks.end()) return claimed;
  HookRow& hook = found->second;
  while (!hook.claimed_heads.empty() &&
         hook.claimed_heads.begin()->first <= params.now_ms) {
    impl_->Update(impl_->rows.at(hook.claimed_heads.begin()->second),
                  [](Row& row) { row.leased_until_ms = 0; });
  }
  while (static_cast<int64_t>(claimed.size()) < params.limit &&
         !hook.free_heads.empty() &&
         hook.free_heads.begin()->first <= params.now_ms) {
    Row& row = impl_->rows.at(hook.free_heads.begin()->second);
    impl_->Update(row, [&](Row& head) {
      head.leased_until_ms =
          std::max<int64_t>(params.now_ms + params.lease_ms, 1);
    });
    claimed.push_back(row.delivery);
    claimed.back().leased_until_ms = row.leased_until_ms;
  }
  return claimed;
}

absl::Status MemoryDeliveryQueue::Record(const RecordParams& params) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->rows.find(params.delivery_id);
  if (found == impl_->rows.end()) {
    return absl::NotFoundError(
        absl::StrCat("no delivery ", params.delivery_id));
  }
  impl_->Update(found->second, [&](Row& row) {
    row.attempts.push_back(params.attempt);
    row.attempts.back().number = static_cast<int64_t>(row.attempts.size());
    if (row.delivery.state != DeliveryState::kPending) return;
    ++row.delivery.attempts_since_due;
    const bool is_anothers = row.leased_until_ms > 0 &&
                             row.leased_until_ms != params.leased_until_ms;
    if (is_anothers) return;
    row.leased_until_ms = 0;
    row.delivery.state = params.state;
    if (params.state == DeliveryState::kPending) {
      row.delivery.due_at_ms = params.due_at_ms;
    }
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Delivery>> MemoryDeliveryQueue::ListDeliveries(
    const ListDeliveriesParams& params) {
  std::vector<Delivery> page;
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->hooks.find(params.hook_id);
  if (found == impl_->hooks.end()) return page;
  const absl::btree_set<int64_t>& ids = found->second.deliveries;
  auto next =
      params.before_id == 0 ? ids.end() : ids.lower_bound(params.before_id);
  while (static_cast<int64_t>(page.size()) < params.limit &&
         next != ids.begin()) {
    const Row& row = impl_->rows.at(*--next);
    page.push_back(row.delivery);
    page.back().attempts = row.attempts;
  }
  return page;
}

absl::StatusOr<absl::optional<Delivery>> MemoryDeliveryQueue::FindDelivery(
    int64_t id) {
  absl::optional<Delivery> delivery;
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->rows.find(id);
  if (found == impl_->rows.end()) return delivery;
  delivery = found->second.delivery;
  delivery->attempts = found->second.attempts;
  return delivery;
}

absl::Status MemoryDeliveryQueue::Redeliver(const RedeliverParams& params) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->rows.find(params.delivery_id);
  if (found == impl_->rows.end()) {
    return absl::NotFoundError(
        absl::StrCat("no delivery ", params.delivery_id));
  }
  impl_->Update(found->second, [&](Row& row) {
    row.delivery.state = DeliveryState::kPending;
    row.delivery.due_at_ms = params.now_ms;
    row.delivery.attempts_since_due = 0;
  });
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryDeliveryQueue::Prune(const PruneParams& params) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  int64_t pruned = 0;
  for (auto next = impl_->rows.begin();
       next != impl_->rows.end() && pruned < params.limit;) {
    const Delivery& delivery = next->second.delivery;
    if (delivery.state == DeliveryState::kPending ||
        delivery.enqueued_at_ms >= params.before_ms) {
      ++next;
      continue;
    }
    impl_->hooks.at(delivery.hook_id).deliveries.erase(delivery.id);
    next = impl_->rows.erase(next);
    ++pruned;
  }
  return pruned;
}

absl::StatusOr<int64_t> MemoryDeliveryQueue::CountPending(int64_t hook_id) {
  std::lock_guard<std::mutex> lock(impl_->mutex);
  const auto found = impl_->hooks.find(hook_id);
  return found == impl_->hooks.end() ? 0 : found->second.pending_count;
}

}  // namespace slipway
