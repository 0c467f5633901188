// One decision, from the facts to its being durable. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/adapters/postgres/database.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/adapters/postgres/memory.h"
#include "slipway/ports/store.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace postgres_internal {

struct TransactionParams {
  Database* database = nullptr;
  Memories* memories = nullptr;
  Metrics* metrics = nullptr;
  int64_t resolve_timeout_ms = 0;
  // For the statements of a repository's deletion.
  int64_t deletion_timeout_ms = 0;
};

// Whether a commit that failed has surely not happened: a statement before it
// was refused, or it was rolled back for the sake of another one.
bool HasNotHappened(const Failure& failure);

// Whether a transaction that has had no lock yet failed for a reason that
// others would meet there, too, after a wait as long.
bool KeepsOthersAway(const Failure& failure);

// Used once, on one thread.
class Transaction {
 public:
  // Whether a command is to be in no batch.
  static bool IsAlone(const v1::Command& command);

  Transaction(const TransactionParams& params,
              const Store::TransactParams& request);

  // By itself, from the lock of the row to the end.
  absl::Status Run(v1::Decision* decision);
  // Whether that failed before it had the row.
  bool is_kept_away() const { return is_kept_away_; }

  // The transaction of `database` whose decider is running on this thread;
  // nullptr: none is.
  static Transaction* Running(const Database& database);

  // Only while the decider runs: ids that the repository has ready.
  absl::StatusOr<int64_t> TakeIds(int64_t count);

  // The steps, for who makes them for several decisions at once.

  // What is decided on; to be filled before `Decide`.
  Snapshot& snapshot() { return snapshot_; }
  absl::Status Decide(v1::Decision* decision);
  // The row, with the ids that the decision has left, and the first of those
  // that are left where the decision uses none.
  const RepositoryRow& row() const { return snapshot_.row; }
  int64_t first_unused_id() const { return snapshot_.row.ids_next - taken_; }
  // Whether a decision changes rows by its events.
  bool HasEvents(const v1::Decision& decision) const;
  // `row`: what becomes of it; not set where there are no events.
  absl::Status AddWrites(const v1::Decision& decision, bool has_events,
                         bool keeps_answer, Connection& connection,
                         RepositoryRow* row);
  bool has_written() const { return !decision_id_.empty(); }
  // Whether a decision whose commit was not answered has happened.
  absl::StatusOr<bool> HasHappened(bool is_new, bool has_events);

 private:
  enum class Next { kAgain, kDone };

  // One attempt. kAgain: nothing has happened.
  absl::StatusOr<Next> Try(int attempt, v1::Decision* decision);
  absl::StatusOr<Next> AfterFailure(const Failure& failure, int attempt);
  // How long an answer to what is written may take.
  Deadline WritesDeadline() const;
  // Begins, locks the repository and reads. `key`: of its row, made anew where
  // there was none. False: somebody else has made it, so look again.
  Failure Begin(Connection& connection, bool is_new, int64_t key,
                std::vector<Rows>* rows);

  const TransactionParams params_;
  const Store::TransactParams& request_;
  Snapshot snapshot_;
  // From the block of ids that the snapshot's row has now.
  int64_t taken_ = 0;
  std::string decision_id_;
  // Whether it failed before it had the repository's row.
  bool is_kept_away_ = false;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_
