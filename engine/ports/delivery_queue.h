// What is still to be sent to whom, and what has been: the durable side of
// webhooks. `engine/adapters/webhook` is the caller, a store the
// implementation.
//
//   auto hook = queue.AddHook({"https://ci.example.org/hook"});
//   queue.Enqueue({hook->id, now_ms});
//   auto claimed = queue.Claim({hook->id, now_ms});
//   for (const slipway::Delivery& delivery : *claimed) {
//     ...  // send it
//     queue.Record({delivery.id, delivery.leased_until_ms, attempt,
//                   slipway::DeliveryState::kDelivered});
//   }

#ifndef SLIPWAY_ENGINE_PORTS_DELIVERY_QUEUE_H_
#define SLIPWAY_ENGINE_PORTS_DELIVERY_QUEUE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/outbox.h"
#include "slipway/v1/event.pb.h"

namespace slipway {

// Somebody who is told of events. Secrets are not kept here.
struct Hook {
  // Positive; never another hook's.
  int64_t id = 0;
  std::string url;
  // The global position up to which deliveries have been made of the stream.
  int64_t cursor = 0;
};

enum class DeliveryState {
  // To be sent, for the first time or again.
  kPending = 1,
  // The hook has taken it.
  kDelivered = 2,
  // Given up.
  kFailed = 3,
};

// One try of one delivery.
struct DeliveryAttempt {
  // 1, 2, 3, … of its delivery.
  int64_t number = 0;
  // Milliseconds since the Unix epoch.
  int64_t started_at_ms = 0;
  int64_t duration_ms = 0;
  // Of HTTP; 0: no answer came, and `error` says why.
  int status_code = 0;
  std::string error;
};

// One event for one hook.
struct Delivery {
  // Grows in the order of the stream for each hook.
  int64_t id = 0;
  int64_t hook_id = 0;
  // A random UUID in lower case, the same for every attempt.
  std::string guid;
  OutboxEntry entry;  // with its global position
  // The event cannot be read any more: `entry` has nothing but its positions,
  // and there is nothing to send.
  bool is_damaged = false;
  DeliveryState state = DeliveryState::kPending;
  // When it was enqueued, and when it is due again, in milliseconds since the
  // Unix epoch.
  int64_t enqueued_at_ms = 0;
  int64_t due_at_ms = 0;
  // Attempts since it was enqueued or redelivered: what a back-off counts from.
  int64_t attempts_since_due = 0;
  // When the lease of the claim that gave it ends, which tells this claim from
  // the others of the delivery: for `Record`. Only `Claim` fills this.
  int64_t leased_until_ms = 0;
  // All of them; the oldest first. Only `ListDeliveries` and `FindDelivery`
  // fill this.
  std::vector<DeliveryAttempt> attempts;
};

// Implementations are thread-safe, and so are several of them over the same
// data: no two claim the same delivery at once. What a call has changed is as
// durable as a decision.
//
// Every method may fail with
//   UNAVAILABLE: the queue cannot answer now; trying again may help.
//   DATA_LOSS: what is stored is damaged, and not a single event of the stream
//     only.
class DeliveryQueue {
 public:
  virtual ~DeliveryQueue() = default;

  struct AddHookParams {
    std::string url;
  };
  // The hook of that URL, byte for byte, which is made where there is none; its
  // cursor is then at the end of the stream, so that a new hook hears of what
  // comes after it.
  virtual absl::StatusOr<Hook> AddHook(const AddHookParams& params) = 0;

  struct EnqueueParams {
    int64_t hook_id = 0;
    int64_t now_ms = 0;
    // How many entries of the stream to look at, at most. At least 1.
    int64_t limit = 100;
    // The hook hears of events of these types only; empty: of all.
    std::vector<v1::EventType> types = {};
  };
  // Makes pending deliveries, due now, of the next entries after the hook's
  // cursor that ask for others to be told and are of one of the types, and
  // moves the cursor past all that were looked at, all or nothing. How many
  // these were; 0 at the end of the stream.
  //
  // An entry that cannot be read stops no hook: nobody can tell any more whom
  // it was for, so it becomes a delivery in any case, which `is_damaged` and
  // is of no deployment. It stays in the stream.
  //
  // NOT_FOUND: there is no such hook.
  virtual absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) = 0;

  struct ClaimParams {
    int64_t hook_id = 0;
    int64_t now_ms = 0;
    // For how long nobody else gets them, unless they are recorded before. From
    // now_ms + lease_ms on they are to be had again. At least 1, so that each
    // claim of a delivery ends later than the one whose lease ran out.
    int64_t lease_ms = 60'000;
    int64_t limit = 16;
  };
  // Pending deliveries that are due (due_at_ms <= now_ms), the longest due
  // first: of each deployment, which is an id in a repository, the one of the
  // lowest id that is pending, and no other, so that a deployment's events
  // arrive in their order (R104). It costs what it gives, however many wait
  // behind them. Those that are damaged are among them, so that somebody gives
  // them up. Of a hook that is none there are none.
  virtual absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) = 0;

  struct RecordParams {
    int64_t delivery_id = 0;
    // As the claim gave it; 0: the attempt was made without one.
    int64_t leased_until_ms = 0;
    // Its number is given by the queue.
    DeliveryAttempt attempt;
    // kPending: to be tried again at `due_at_ms`, which is else not looked at,
    // and until then the deployment's others wait.
    DeliveryState state = DeliveryState::kPending;
    int64_t due_at_ms = 0;
  };
  // Notes an attempt, always. What becomes of the delivery depends on who has
  // it now; a claim holds until it is recorded, or released by a `Claim` that
  // comes at its lease's end or later:
  //
  //   this claim, or none: the state is as given, the claim ends. So an attempt
  //     that outlasts its lease counts as long as nobody else has claimed.
  //   another claim: the attempt is noted and counted, and nothing else. The
  //     delivery stays pending and claimed, even where the attempt was taken,
  //     so that the deployment's next does not overtake what is being sent. It
  //     may so be sent once more, never lost; who has it finds the attempt in
  //     `FindDelivery`.
  //   it is not pending: the attempt is noted, and nothing else.
  //
  // NOT_FOUND: there is no such delivery.
  virtual absl::Status Record(const RecordParams& params) = 0;

  struct ListDeliveriesParams {
    int64_t hook_id = 0;
    // Only those with a lower id; 0: from the newest on.
    int64_t before_id = 0;
    int64_t limit = 30;
  };
  // The newest first, in whatever state. Of a hook that is none there are none.
  virtual absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) = 0;

  // nullopt: there is no such delivery.
  virtual absl::StatusOr<absl::optional<Delivery>> FindDelivery(int64_t id) = 0;

  struct RedeliverParams {
    int64_t delivery_id = 0;
    int64_t now_ms = 0;
  };
  // Makes a delivery pending, whatever became of it, and due now: at once where
  // it is the oldest of its deployment that is pending, else after those. Its
  // attempts are kept, and the back-off starts anew. A claim on it stays.
  //
  // NOT_FOUND: there is no such delivery.
  virtual absl::Status Redeliver(const RedeliverParams& params) = 0;

  struct PruneParams {
    // Those that are not pending and were enqueued before this time.
    int64_t before_ms = 0;
    int64_t limit = 1000;
  };
  // Forgets old deliveries with their attempts, of all hooks. How many it was.
  // Their ids are not used again.
  virtual absl::StatusOr<int64_t> Prune(const PruneParams& params) = 0;

  // How many deliveries of a hook are pending, claimed ones included.
  virtual absl::StatusOr<int64_t> CountPending(int64_t hook_id) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_DELIVERY_QUEUE_H_
