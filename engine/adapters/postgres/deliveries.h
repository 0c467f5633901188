// The queue of deliveries. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DELIVERIES_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DELIVERIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "engine/adapters/postgres/stream.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/adapters/postgres/database.h"
#include "slipway/ports/delivery_queue.h"

namespace slipway {
namespace postgres_internal {

// As `DeliveryQueue` has them. Thread-safe.
class Deliveries {
 public:
  Deliveries(Database& database, Stream& stream)
      : database_(database), stream_(stream) {}

  absl::StatusOr<Hook> AddHook(const DeliveryQueue::AddHookParams& params);
  absl::StatusOr<int64_t> Enqueue(const DeliveryQueue::EnqueueParams& params);
  absl::StatusOr<std::vector<Delivery>> Claim(
      const DeliveryQueue::ClaimParams& params);
  absl::Status Record(const DeliveryQueue::RecordParams& params);
  absl::StatusOr<std::vector<Delivery>> List(
      const DeliveryQueue::ListDeliveriesParams& params);
  absl::StatusOr<absl::optional<Delivery>> Find(int64_t id);
  absl::Status Redeliver(const DeliveryQueue::RedeliverParams& params);
  absl::StatusOr<int64_t> Prune(const DeliveryQueue::PruneParams& params);
  absl::StatusOr<int64_t> CountPending(int64_t hook_id);

 private:
  // A delivery whose hook is locked.
  struct Locked {
    int64_t hook = 0;
    int64_t repository = 0;
    int64_t deployment_id = 0;
    bool is_pending = false;
    // nullopt: nobody has claimed it.
    absl::optional<int64_t> leased_until_ms;
    // Whether the attempt has been noted before.
    bool is_noted = false;
  };
  // Locks the delivery's hook, lets `write` add what is to be written, and
  // commits; tries again where that may help, so `write` tells by `is_noted`
  // what has happened already. NOT_FOUND: there is no such delivery.
  absl::Status Change(
      int64_t id, const std::string& token,
      absl::FunctionRef<void(const Locked&, Connection&)> write);

  // Deliveries of rows with kDeliveryColumns and the event.
  static std::vector<Delivery> Read(const Rows& rows);
  static void AddAttempts(const Rows& rows, std::vector<Delivery>* deliveries);

  Database& database_;
  Stream& stream_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DELIVERIES_H_
