// What the parts of a store share: its connections, and how calls are tried
// again. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DATABASE_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DATABASE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/ports/metrics.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace postgres_internal {

inline constexpr Statement kBegin = {"begin",
                                     "BEGIN ISOLATION LEVEL READ COMMITTED"};
// For several statements that must see one moment.
inline constexpr Statement kBeginReading = {
    "begin_reading", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
inline constexpr Statement kCommitWork = {"commit_work", "COMMIT"};
inline constexpr Statement kRollback = {"rollback", "ROLLBACK"};

// Before an attempt is made again: a random time, longer from attempt to
// attempt.
void BackOff(int attempt);

// Thread-safe.
class Database {
 public:
  static constexpr int kAttemptsMax = 12;

  struct Params {
    ConnectionPool::Params pool;
    int64_t wait_timeout_ms = 0;
    int64_t answer_timeout_ms = 0;
    Metrics* metrics = nullptr;
  };
  explicit Database(const Params& params);

  ConnectionPool& pool() { return pool_; }
  absl::StatusOr<PooledConnection> Connect();
  Deadline AnswerDeadline() const;

  void CountRetry(const Failure& failure);
  // Of a decision that another engine's had come before.
  void CountMovedOn();
  // Whether to try again after `failure`, which has changed nothing.
  bool TriesAgain(const Failure& failure, int attempt);

  // Sends what `add` adds, in one round trip, and tries again where that may
  // help: only for what may happen more than once, or not at all.
  absl::Status Read(absl::FunctionRef<void(Connection&)> add,
                    std::vector<Rows>* rows);

  // Which ids: those of a series are unique.
  enum class Series { kRows = 1, kDeliveries = 2 };
  // Takes ids that nobody has, of `count` the first, all above `after`. On a
  // connection of its own, so that it does not wait for those that wait for it.
  absl::StatusOr<int64_t> TakeIds(Series series, int64_t count, int64_t after);

  // The key of a repository's row; nullopt: no command has put it. It is asked
  // for once: keys stay for good.
  absl::StatusOr<absl::optional<int64_t>> FindKey(
      const v1::RepositoryName& name);
  void RememberKey(const v1::RepositoryName& name, int64_t key);
  void ForgetKey(const v1::RepositoryName& name);

 private:
  using Name = std::pair<std::string, std::string>;

  const Params params_;
  ConnectionPool pool_;
  ConnectionPool ids_pool_;
  std::mutex keys_mutex_;
  absl::flat_hash_map<Name, int64_t> keys_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_DATABASE_H_
