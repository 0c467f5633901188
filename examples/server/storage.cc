#include "slipway/examples/server/storage.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/sqlite/sqlite_store.h"

namespace {

Storage InMemory() {
  struct Parts {
    slipway::MemoryStore store;
    slipway::MemoryIds ids;
    slipway::MemoryDeliveryQueue deliveries{&store};
  };
  auto parts = std::make_shared<Parts>();
  return {parts, &parts->store, &parts->store, &parts->ids, &parts->deliveries};
}

// Of a store that is everything in one.
template <typename Whole>
Storage Of(std::unique_ptr<Whole> whole) {
  std::shared_ptr<Whole> owner = std::move(whole);
  return {owner, owner.get(), owner.get(), owner.get(), owner.get()};
}

absl::StatusOr<Storage> InFile(absl::string_view path,
                               const StorageParams& params) {
  slipway::SqliteStoreOptions options;
  options.path = std::string(path);
  options.pages_max = params.pages_max;
  options.metrics = params.metrics;
  auto store = slipway::SqliteStore::Open(std::move(options));
  if (!store.ok()) {
    return absl::Status(store.status().code(),
                        absl::StrCat("--store: ", store.status().message()));
  }
  return Of(*std::move(store));
}

}  // namespace

absl::StatusOr<Storage> OpenStorage(const StorageParams& params) {
  absl::string_view rest = params.name;
  if (rest == "memory") return InMemory();
  if (absl::ConsumePrefix(&rest, "sqlite:") && !rest.empty()) {
    return InFile(rest, params);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--store: '", absl::CEscape(params.name),
                   "' is not sqlite:FILE or memory"));
}
