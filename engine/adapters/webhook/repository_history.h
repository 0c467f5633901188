// What a repository was at the time of an event. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_REPOSITORY_HISTORY_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_REPOSITORY_HISTORY_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace internal {

// Every attempt at a delivery has the same bytes, whatever has become of the
// repository since. Mostly nothing has, and the store's row is it; else the
// repository's stream is read backwards to where it was put.
//
// Thread-safe.
class RepositoryHistory {
 public:
  RepositoryHistory(Store* store, Outbox* outbox)
      : store_(store), outbox_(outbox) {}

  // NOT_FOUND: the stream has no such repository before the entry.
  // UNAVAILABLE, DATA_LOSS: of the store.
  absl::StatusOr<v1::Repository> At(const OutboxEntry& entry);

 private:
  // What was found last of a repository: it was so from `first` to `last`.
  struct Known {
    int64_t first_position = 0;
    int64_t last_position = 0;
    v1::Repository repository;
  };

  Store* const store_;
  Outbox* const outbox_;
  std::mutex mutex_;
  // By owner and name, folded. Of repositories that have changed only.
  std::map<std::pair<std::string, std::string>, Known> known_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_REPOSITORY_HISTORY_H_
