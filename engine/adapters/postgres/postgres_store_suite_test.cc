// The store in PostgreSQL passes the suite for stores.

#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/postgres_server.h"
#include "slipway/adapters/postgres/postgres_store.h"
#include "slipway/conformance/store/store_suite.h"

namespace slipway {
namespace {

class PostgresHandle : public StoreHandle {
 public:
  PostgresHandle(std::string connection, std::unique_ptr<PostgresStore> store)
      : connection_(std::move(connection)), store_(std::move(store)) {}

  Store& store() override { return *store_; }
  Outbox& outbox() override { return *store_; }
  IdSource* ids() override { return store_.get(); }
  DeliveryQueue* deliveries() override { return store_.get(); }

  void BreakConnections() override {
    // Now and then, as networks fail: a store whose connections never live for
    // longer than it takes to make one can do nothing at all.
    std::lock_guard<std::mutex> lock(mutex_);
    std::this_thread::sleep_for(
        std::chrono::microseconds(milliseconds_(random_) * 1000));
    PostgresServer::Execute(
        connection_,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname "
        "= current_database() AND pid <> pg_backend_pid()")
        .IgnoreError();
  }

 private:
  const std::string connection_;
  const std::unique_ptr<PostgresStore> store_;
  std::mutex mutex_;
  std::minstd_rand random_;
  std::uniform_int_distribution<int> milliseconds_{0, 40};
};

class PostgresStoreUnderTest : public StoreUnderTest {
 public:
  static absl::StatusOr<std::unique_ptr<StoreUnderTest>> Make() {
    absl::StatusOr<std::string> connection =
        PostgresServer::Shared().CreateDatabase();
    if (!connection.ok()) return connection.status();
    return absl::WrapUnique(new PostgresStoreUnderTest(*std::move(connection)));
  }
  ~PostgresStoreUnderTest() override {
    PostgresServer::Shared().DropDatabase(connection_).IgnoreError();
  }

  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
    PostgresStoreParams params;
    params.connection = connection_;
    absl::StatusOr<std::unique_ptr<PostgresStore>> store =
        PostgresStore::Open(params);
    if (!store.ok()) return store.status();
    return std::make_unique<PostgresHandle>(connection_, *std::move(store));
  }

 private:
  explicit PostgresStoreUnderTest(std::string connection)
      : connection_(std::move(connection)) {}

  const std::string connection_;
};

StoreSuiteParams Params() {
  StoreSuiteParams params;
  // Each has a database of its own, which takes a while to make.
  params.walks = 25;
  params.make = &PostgresStoreUnderTest::Make;
  params.capabilities.durable = true;
  params.capabilities.several_handles = true;
  params.capabilities.several_processes = true;
  params.capabilities.parallel_repositories = true;
  params.capabilities.ids = true;
  params.capabilities.deliveries = true;
  params.capabilities.breakable = true;
  return params;
}

SLIPWAY_INSTANTIATE_STORE_SUITE(Postgres, Params());

}  // namespace
}  // namespace slipway
