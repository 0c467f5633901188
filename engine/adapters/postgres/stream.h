// The stream of one repository, and that of all. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_STREAM_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_STREAM_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/adapters/postgres/database.h"
#include "slipway/adapters/postgres/values.h"
#include "slipway/ports/outbox.h"

namespace slipway {
namespace postgres_internal {

// The entry at `position` of its repository's stream, from a row with the
// columns first_position, last_position, global_last, body, from `column` on.
// DATA_LOSS: it is not in there.
absl::StatusOr<OutboxEntry> ReadEntry(const Rows& rows, int row, int column,
                                      int64_t position);

// What becomes of rows of the stream that cannot be read.
enum class Damage { kIsAnError, kIsMarked };

// An entry with the key of its repository.
struct KeyedEntry {
  int64_t key = 0;
  OutboxEntry entry;
  // The entry has its positions only.
  bool is_damaged = false;
};

// Thread-safe.
class Stream {
 public:
  explicit Stream(Database& database) : database_(database) {}

  absl::StatusOr<std::vector<OutboxEntry>> Read(int64_t key, int64_t after,
                                                int64_t limit);
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(int64_t after,
                                                   int64_t limit);
  absl::StatusOr<std::vector<KeyedEntry>> ReadKeyed(int64_t after,
                                                    int64_t limit,
                                                    Damage damage);
  absl::StatusOr<int64_t> Last();

 private:
  // Gives global positions to decisions that have none yet. How many it was.
  absl::StatusOr<int64_t> Place();

  Database& database_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_STREAM_H_
