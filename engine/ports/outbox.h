// The events of committed decisions, waiting for whoever passes them on.

#ifndef SLIPWAY_ENGINE_PORTS_OUTBOX_H_
#define SLIPWAY_ENGINE_PORTS_OUTBOX_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {

// One event in the stream of its repository.
struct OutboxEntry {
  // 1, 2, 3, … without gaps in each repository's stream.
  int64_t position = 0;
  v1::Event event;
  // Whether the decision asked for others to be told (R80); the stream has
  // every change (R81).
  bool notify = false;
};

// Implementations are thread-safe. A store fills its outbox in the transaction
// that commits the decision.
class Outbox {
 public:
  virtual ~Outbox() = default;

  struct ReadParams {
    v1::RepositoryName repository;
    // The position read last; 0 for the start.
    int64_t after_position = 0;
    int64_t limit = 100;
  };
  // The next entries in their order, at most `limit`; empty at the end, and for
  // a repository that never was. The stream outlives the repository. Reading
  // takes nothing out.
  //
  // UNAVAILABLE: it cannot be read now.
  virtual absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_OUTBOX_H_
