#include "slipway/examples/server/storage.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"

namespace {

Storage InMemory() {
  struct Parts {
    slipway::MemoryStore store;
    slipway::MemoryIds ids;
  };
  auto parts = std::make_shared<Parts>();
  return {parts, &parts->store, &parts->store, &parts->ids};
}

}  // namespace

absl::StatusOr<Storage> OpenStorage(const std::string& name,
                                    slipway::Metrics* /*metrics*/) {
  if (name == "memory") return InMemory();
  return absl::InvalidArgumentError(
      absl::StrCat("--store: '", absl::CEscape(name), "' is not memory"));
}
