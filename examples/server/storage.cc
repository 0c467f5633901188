#include "slipway/examples/server/storage.h"

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/postgres/postgres_store.h"
#include "slipway/adapters/sqlite/sqlite_store.h"

namespace {

Storage InMemory() {
  struct Parts {
    slipway::MemoryStore store;
    slipway::MemoryIds ids;
    slipway::MemoryDeliveryQueue deliveries{&store};
  };
  auto parts = std::make_shared<Parts>();
  Storage storage;
  storage.owner = parts;
  storage.store = &parts->store;
  storage.outbox = &parts->store;
  storage.ids = &parts->ids;
  storage.deliveries = &parts->deliveries;
  return storage;
}

// Of a store that is everything in one.
template <typename Whole>
Storage Of(std::unique_ptr<Whole> whole) {
  std::shared_ptr<Whole> owner = std::move(whole);
  Storage storage;
  storage.owner = owner;
  storage.store = owner.get();
  storage.outbox = owner.get();
  storage.ids = owner.get();
  if constexpr (std::is_base_of_v<slipway::DeliveryQueue, Whole>) {
    storage.deliveries = owner.get();
  }
  return storage;
}

absl::Status OfFlag(const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("--store: ", status.message()));
}

absl::StatusOr<Storage> InFile(absl::string_view path,
                               const StorageParams& params) {
  slipway::SqliteStoreOptions options;
  options.path = std::string(path);
  options.pages_max = params.pages_max;
  options.metrics = params.metrics;
  auto store = slipway::SqliteStore::Open(std::move(options));
  if (!store.ok()) return OfFlag(store.status());
  const slipway::SqliteStore* const opened = store->get();
  Storage storage = Of(*std::move(store));
  storage.check = [opened] { return opened->CheckFiles(); };
  return storage;
}

absl::StatusOr<Storage> InDatabase(const StorageParams& storage_params) {
  slipway::PostgresStoreParams params;
  params.connection = storage_params.name;
  params.metrics = storage_params.metrics;
  auto store = slipway::PostgresStore::Open(params);
  if (!store.ok()) return OfFlag(store.status());
  return Of(*std::move(store));
}

}  // namespace

absl::StatusOr<Storage> OpenStorage(const StorageParams& params) {
  absl::string_view rest = params.name;
  if (rest == "memory") return InMemory();
  if (absl::ConsumePrefix(&rest, "sqlite:") && !rest.empty()) {
    return InFile(rest, params);
  }
  if (absl::StartsWith(params.name, "postgresql://") ||
      absl::StartsWith(params.name, "postgres://")) {
    return InDatabase(params);
  }
  // What was mistyped may have a password in it.
  return absl::InvalidArgumentError(
      "--store: it is not sqlite:FILE, postgresql://… or memory");
}
