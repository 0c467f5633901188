// What is still to be sent to webhooks, in memory, over any outbox.
//
//   slipway::MemoryStore store;
//   slipway::MemoryDeliveryQueue deliveries(&store);

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_DELIVERY_QUEUE_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_DELIVERY_QUEUE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/outbox.h"

namespace slipway {

// Keeps hooks and deliveries until it is destroyed, or they are pruned.
//
// Thread-safe, by one lock. The methods fail where the outbox does.
class MemoryDeliveryQueue : public DeliveryQueue {
 public:
  // `outbox` outlives the queue.
  explicit MemoryDeliveryQueue(Outbox* outbox);
  ~MemoryDeliveryQueue() override;

  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override;
  absl::Status Record(const RecordParams& params) override;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override;
  absl::StatusOr<absl::optional<Delivery>> FindDelivery(int64_t id) override;
  absl::Status Redeliver(const RedeliverParams& params) override;
  absl::StatusOr<int64_t> Prune(const PruneParams& params) override;
  absl::StatusOr<int64_t> CountPending(int64_t hook_id) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_DELIVERY_QUEUE_H_
