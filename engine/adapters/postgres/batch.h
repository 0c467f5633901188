// Decisions about one repository that are made together, in one transaction of
// the database: by what the engine remembers and in one round trip where it
// remembers enough, else by facts that are read under the lock of the
// repository's row. Not for users.
//
//   Batch::RunAll(params, requests);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_BATCH_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_BATCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/optional.h"
#include "engine/adapters/postgres/transaction.h"
#include "engine/adapters/postgres/turns.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/adapters/postgres/memory.h"

namespace slipway {
namespace postgres_internal {

// Used once, on one thread, by whoever has the turn of the repository among
// those of this engine.
class Batch {
 public:
  // Answers requests about one repository, in their order: together, so that
  // they share a commit, where they can be. What keeps one of them from the
  // repository's row, a time limit or an outage, is the answer to those after
  // it as well, so that nobody waits for the limits of sixteen.
  static void RunAll(const TransactionParams& params,
                     const std::vector<Turns::Request*>& requests);

  // `requests` are about the repository with that key, in their order; none is
  // alone. All must outlive this.
  Batch(const TransactionParams& params, int64_t key,
        const std::vector<Turns::Request*>& requests);

  // Answers all of them. What keeps them from the row, a time limit or a lock,
  // is an answer too. False: nothing has happened, and each is to be tried by
  // itself.
  bool Run();

 private:
  enum class End {
    kAnswered,
    // Decided by what is no longer so; nothing has happened.
    kMovedOn,
    // Nothing has happened.
    kFailed,
  };

  // One attempt.
  End Try(bool looks_first);
  // Fills the transaction's facts; nullopt: go on.
  absl::optional<End> Ask(size_t place, Transaction& transaction);
  // Decides, and adds what that writes.
  absl::optional<End> DecideOne(size_t place, Transaction& transaction);
  // Sends what is left, and finds out what became of it.
  End Finish();
  End Check();
  End AfterFailure(const Failure& failure);
  void AnswerAll(const absl::Status& status);
  void RollBack();

  const TransactionParams& params_;
  const int64_t key_;
  const std::vector<Turns::Request*>& requests_;
  std::unique_ptr<Memory> memory_;
  // Whether the memory is as the database has it, as far as anybody knows.
  bool keeps_memory_ = false;

  // Of one attempt:
  PooledConnection connection_;
  // Whether a transaction of the database has begun, which then holds the row.
  bool has_begun_ = false;
  // Whether something was decided that the row has not been checked for.
  bool relies_on_memory_ = false;
  std::vector<std::unique_ptr<Transaction>> transactions_;
  std::vector<std::chrono::steady_clock::time_point> decided_;
  // The last one that writes: where it has happened, all have.
  absl::optional<size_t> writer_;
  // In the pipeline: the statement whose answer is the row's stamp.
  absl::optional<size_t> stamp_place_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_BATCH_H_
