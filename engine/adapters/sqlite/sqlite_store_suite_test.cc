// The store in a file passes the suite for stores.

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/sqlite_store.h"
#include "slipway/conformance/store/store_suite.h"

namespace slipway {
namespace {

class SqliteHandle : public StoreHandle {
 public:
  explicit SqliteHandle(std::unique_ptr<SqliteStore> store)
      : store_(std::move(store)) {}

  Store& store() override { return *store_; }
  Outbox& outbox() override { return *store_; }
  IdSource* ids() override { return store_.get(); }
  DeliveryQueue* deliveries() override { return store_.get(); }

 private:
  const std::unique_ptr<SqliteStore> store_;
};

class SqliteStoreUnderTest : public StoreUnderTest {
 public:
  SqliteStoreUnderTest() {
    std::string directory = testing::TempDir() + "/sqlite-XXXXXX";
    if (mkdtemp(directory.data()) != nullptr) directory_ = directory;
  }
  ~SqliteStoreUnderTest() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
    SqliteStoreOptions options;
    options.path = directory_ + "/slipway.db";
    options.busy_timeout_ms = 60'000;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(std::move(options));
    if (!store.ok()) return store.status();
    return std::make_unique<SqliteHandle>(*std::move(store));
  }

 private:
  std::string directory_;
};

StoreSuiteParams Params() {
  StoreSuiteParams params;
  params.make = [] { return std::make_unique<SqliteStoreUnderTest>(); };
  params.capabilities.durable = true;
  params.capabilities.several_handles = true;
  params.capabilities.several_processes = true;
  params.capabilities.ids = true;
  params.capabilities.deliveries = true;
  return params;
}

SLIPWAY_INSTANTIATE_STORE_SUITE(Sqlite, Params());

}  // namespace
}  // namespace slipway
