// One decision, from the facts to its being durable. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "engine/adapters/postgres/turns.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/adapters/postgres/database.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/ports/store.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace postgres_internal {

struct TransactionParams {
  Database* database = nullptr;
  Metrics* metrics = nullptr;
  int64_t resolve_timeout_ms = 0;
  // For the statements of a repository's deletion.
  int64_t deletion_timeout_ms = 0;
};

// Used once, on one thread.
class Transaction {
 public:
  // Whether a command is to be in no batch.
  static bool IsAlone(const v1::Command& command);

  // Answers requests about one repository, in their order: together, so that
  // they share a commit, where they can be. What keeps one of them from the
  // repository's row, a time limit or an outage, is the answer to those after
  // it as well, so that nobody waits for the limits of sixteen.
  static void RunAll(const TransactionParams& params,
                     const std::vector<Turns::Request*>& requests);

  Transaction(const TransactionParams& params,
              const Store::TransactParams& request);

  absl::Status Run(v1::Decision* decision);

  // The transaction of `database` whose decider is running on this thread;
  // nullptr: none is.
  static Transaction* Running(const Database& database);

  // Only while the decider runs: ids that the repository has ready.
  absl::StatusOr<int64_t> TakeIds(int64_t count);

 private:
  enum class Next { kAgain, kDone };

  // In one transaction of the database. False: nothing has happened, so each is
  // to be tried by itself. A row that could not be locked in time is an answer.
  static bool RunTogether(const TransactionParams& params, int64_t key,
                          const std::vector<Turns::Request*>& requests);
  // Whether the answer changes a row, and which: events, and a kept answer.
  bool HasEvents(const v1::Decision& decision) const;

  // One attempt. kAgain: nothing has happened.
  absl::StatusOr<Next> Try(int attempt, v1::Decision* decision);
  absl::StatusOr<Next> AfterFailure(const Failure& failure, int attempt);
  // How long an answer to what is written may take.
  Deadline WritesDeadline() const;
  // Begins, locks the repository and reads. `key`: of its row, made anew where
  // there was none. False: somebody else has made it, so look again.
  Failure Begin(Connection& connection, bool is_new, int64_t key,
                std::vector<Rows>* rows);
  absl::Status Decide(v1::Decision* decision);
  absl::Status AddWrites(const v1::Decision& decision, bool has_events,
                         bool keeps_answer, Connection& connection);
  // Whether a decision whose commit was not answered has happened.
  absl::StatusOr<bool> HasHappened(bool is_new, bool has_events);

  const TransactionParams params_;
  const Store::TransactParams& request_;
  Snapshot snapshot_;
  std::string decision_id_;
  // Whether it failed before it had the repository's row.
  bool is_kept_away_ = false;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TRANSACTION_H_
