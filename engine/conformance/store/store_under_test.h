// What the suite for stores needs to know of a store.
//
//   class MyStoreUnderTest : public slipway::StoreUnderTest {
//    public:
//     absl::StatusOr<std::unique_ptr<slipway::StoreHandle>> Open() override {
//       return MyHandle::Open(scratch_file_);
//     }
//   };
//
// docs/guides/conformance.md takes one step by step.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_UNDER_TEST_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_UNDER_TEST_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/id_source.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

namespace slipway {

// What a store can do beyond keeping rows until it is destroyed. Each is a
// promise that the suite then tests; what is not promised is not tested.
struct StoreCapabilities {
  // The data outlives its handles: all are closed, and `Open` finds it again.
  bool durable = false;
  // `Open` may be called while other handles are open; all see the same data.
  bool several_handles = false;
  // `Open` may be called in a process forked while no handle was open, and
  // several processes have the data open at once. One of them may be killed.
  // Asks for `durable` and `several_handles` too.
  bool several_processes = false;
  // A transaction on one repository does not wait for one on another. Not so
  // where the store has one writer.
  bool parallel_repositories = false;
  // `StoreHandle::ids` gives an IdSource.
  bool ids = false;
  // `StoreHandle::deliveries` gives a DeliveryQueue over the handle's outbox,
  // which is durable and shared by handles as the store is.
  bool deliveries = false;
  // `StoreHandle::BreakConnections` does something.
  bool breakable = false;
};

// One way in to the data: what one engine would hold. Everything that a handle
// gives belongs to it. Closed when it is destroyed.
class StoreHandle {
 public:
  virtual ~StoreHandle() = default;

  virtual Store& store() = 0;
  virtual Outbox& outbox() = 0;

  // The store's own source of ids. nullptr: it has none.
  virtual IdSource* ids() { return nullptr; }

  // The queue of what is to be sent to webhooks. nullptr: it has none.
  virtual DeliveryQueue* deliveries() { return nullptr; }

  // Thread-safe. Breaks the connections of this handle as a failing network
  // would, at whatever moment its transactions are; the next calls make new
  // ones. A transaction that is under way may fail (UNAVAILABLE), and then has
  // changed nothing.
  virtual void BreakConnections() {}
};

// The data of one store: empty when made, removed when destroyed, which
// happens after its handles are.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  // A new handle. Called once in the life of this object, unless the
  // capabilities say that it may be called again. A failure fails the check.
  virtual absl::StatusOr<std::unique_ptr<StoreHandle>> Open() = 0;
};

// Makes the data of a new store, empty and apart from all others. Called often:
// for every check, and for every random walk.
using StoreFactory =
    std::function<absl::StatusOr<std::unique_ptr<StoreUnderTest>>()>;

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_UNDER_TEST_H_
