// The store in memory passes the suite for stores.

#include <memory>

#include "absl/status/statusor.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/conformance/store/store_suite.h"

namespace slipway {
namespace {

class MemoryHandle : public StoreHandle {
 public:
  Store& store() override { return store_; }
  Outbox& outbox() override { return store_; }
  IdSource* ids() override { return &ids_; }
  DeliveryQueue* deliveries() override { return &deliveries_; }

 private:
  MemoryStore store_;
  MemoryDeliveryQueue deliveries_{&store_};
  MemoryIds ids_;
};

class MemoryStoreUnderTest : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
    return std::make_unique<MemoryHandle>();
  }
};

StoreSuiteParams Params() {
  StoreSuiteParams params;
  params.make = [] { return std::make_unique<MemoryStoreUnderTest>(); };
  params.capabilities.parallel_repositories = true;
  params.capabilities.ids = true;
  params.capabilities.deliveries = true;
  params.walks = 100;
  return params;
}

SLIPWAY_INSTANTIATE_STORE_SUITE(Memory, Params());

}  // namespace
}  // namespace slipway
