// The rows of hooks and deliveries. Not for users.
//
// All but the queries are work of the `Writer`: a failure leaves it half done.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_DELIVERIES_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_DELIVERIES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/rows.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/outbox.h"

namespace slipway {
namespace internal {

// As `Outbox` has them; `repository` as the file numbers it.
absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(Database& database,
                                                    int64_t repository,
                                                    int64_t after_position,
                                                    int64_t limit);
absl::StatusOr<std::vector<OutboxEntry>> ReadAll(Database& database,
                                                 int64_t after_position,
                                                 int64_t limit);
absl::StatusOr<int64_t> LastGlobalPosition(Database& database);

// As `DeliveryQueue` has them.
absl::StatusOr<Hook> AddHook(Rows& rows,
                             const DeliveryQueue::AddHookParams& params);
absl::StatusOr<int64_t> Enqueue(Rows& rows,
                                const DeliveryQueue::EnqueueParams& params);
absl::StatusOr<std::vector<Delivery>> Claim(
    Rows& rows, const DeliveryQueue::ClaimParams& params);
absl::Status Record(Rows& rows, const DeliveryQueue::RecordParams& params);
absl::StatusOr<std::vector<Delivery>> ListDeliveries(
    Database& database, const DeliveryQueue::ListDeliveriesParams& params);
absl::StatusOr<absl::optional<Delivery>> FindDelivery(Database& database,
                                                      int64_t id);
absl::Status Redeliver(Rows& rows,
                       const DeliveryQueue::RedeliverParams& params);
absl::StatusOr<int64_t> Prune(Rows& rows,
                              const DeliveryQueue::PruneParams& params);
absl::StatusOr<int64_t> CountPending(Database& database, int64_t hook_id);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_DELIVERIES_H_
