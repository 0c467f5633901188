// Where the server keeps deployments.

#ifndef EXAMPLES_SERVER_STORAGE_H_
#define EXAMPLES_SERVER_STORAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
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
};

// Opens the store that --store names. `metrics` outlives it.
//
// INVALID_ARGUMENT: it names none. Else as the store fails to open.
absl::StatusOr<Storage> OpenStorage(const std::string& name,
                                    slipway::Metrics* metrics);

#endif  // EXAMPLES_SERVER_STORAGE_H_
