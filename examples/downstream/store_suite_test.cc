// A store passes the suite for stores. Put yours in place of the one in memory.

#include "slipway/conformance/store/store_suite.h"

#include <memory>

#include "absl/status/statusor.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"

namespace {

// One way in: what one engine would hold.
class MyHandle : public slipway::StoreHandle {
 public:
  slipway::Store& store() override { return store_; }
  slipway::Outbox& outbox() override { return store_; }
  slipway::IdSource* ids() override { return &ids_; }

 private:
  slipway::MemoryStore store_;
  slipway::MemoryIds ids_;
};

// The data: empty when made, gone when destroyed.
class MyStoreUnderTest : public slipway::StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<slipway::StoreHandle>> Open() override {
    return std::make_unique<MyHandle>();
  }
};

slipway::StoreSuiteParams Params() {
  slipway::StoreSuiteParams params;
  params.make = [] { return std::make_unique<MyStoreUnderTest>(); };
  // What yours can do, and the suite is to test.
  params.capabilities.parallel_repositories = true;
  params.capabilities.ids = true;
  return params;
}

SLIPWAY_INSTANTIATE_STORE_SUITE(MyStore, Params());

}  // namespace
