// Where the server keeps deployments.

#ifndef EXAMPLES_SERVER_STORAGE_H_
#define EXAMPLES_SERVER_STORAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/id_source.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

// A store with what belongs to it.
struct Storage {
  // Keeps all of them; closes the store at its end.
  std::shared_ptr<void> owner;
  slipway::Store* store = nullptr;
  slipway::Outbox* outbox = nullptr;
  slipway::IdSource* ids = nullptr;
  // nullptr: the store has none.
  slipway::DeliveryQueue* deliveries = nullptr;
  // Thread-safe and cheap: what the store knows to be wrong with it, beside
  // what reading from it shows.
  std::function<absl::Status()> check = [] { return absl::OkStatus(); };
};

struct StorageParams {
  // "sqlite:FILE", "postgresql://…", or "memory", which is empty each time.
  std::string name;
  // How large a file may get, in pages of 4096 bytes; 0: as the disk lets it.
  int64_t pages_max = 0;
  // Not owned; outlives the storage. nullptr: nobody counts.
  slipway::Metrics* metrics = nullptr;
};

// Opens the store.
//
// INVALID_ARGUMENT: it names none. Else as the store fails to open.
absl::StatusOr<Storage> OpenStorage(const StorageParams& params);

#endif  // EXAMPLES_SERVER_STORAGE_H_
