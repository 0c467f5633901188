// The one writer of a store: what several callers want at once is done in one
// transaction, so that one sync serves them all. Not for users.
//
//   absl::Status status = writer.Run([&](Rows& rows) {
//     ...  // reads and changes rows; a status other than OK undoes it
//     return absl::OkStatus();
//   });

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_WRITER_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_WRITER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/rows.h"
#include "slipway/ports/metrics.h"

namespace slipway {
namespace internal {

// Thread-safe. Whoever comes while nobody writes does so at once, on its own
// thread, and takes in what others bring until there is no more. They wait for
// that; the first of those who come later goes next.
class Writer {
 public:
  // May be called several times, on any thread; each time that it does not
  // succeed it leaves the rows as they were, or is undone.
  using Work = absl::FunctionRef<absl::Status(Rows&)>;

  struct Params {
    std::unique_ptr<Database> database;
    size_t group_size_max = 0;
    Metrics* metrics = nullptr;
  };
  explicit Writer(Params params);

  // OK: what `work` has done is durable. Else its own status, or UNAVAILABLE or
  // DATA_LOSS where it could not be made so; then nothing has changed. UNKNOWN:
  // nobody can know whether it has.
  absl::Status Run(Work work);

  // The rows that a piece of work on this thread has now; nullptr: there is no
  // such work.
  Rows* Current();

  // What it writes to.
  const OpenFiles& files() const { return files_; }

  // How many calls wait for their turn; for tests.
  size_t CountWaiting();

 private:
  struct Caller;
  using Group = std::vector<std::shared_ptr<Caller>>;

  void Lead(const std::shared_ptr<Caller>& self);
  // Takes up to `limit` of those who wait.
  void Admit(size_t limit, Group* group);
  // Takes those who have come since, or are about to.
  void AdmitMore(Group* group);
  enum class Outcome {
    // Everybody has a status.
    kAnswered,
    // All was undone because of one of several, and nobody has a status; each
    // needs a transaction of its own.
    kUndone,
    // Everybody has a status, which is that the storage fails, as it would for
    // whoever comes next: `broken_` says how.
    kBroken,
  };
  // One transaction for the group.
  Outcome CommitTogether(Group* group, bool admits_more);
  absl::Status Begin();
  // Whether the files are in their places, looked at now and then.
  absl::Status CheckFiles();
  absl::Status Commit(size_t size);
  // Undoes the transaction.
  void Undo();
  // Where a commit has failed: makes sure that it cannot come back.
  absl::Status Settle();

  const std::unique_ptr<Database> database_;
  const OpenFiles files_;
  const size_t group_size_max_;
  Metrics* const metrics_;

  std::mutex mutex_;
  std::deque<std::shared_ptr<Caller>> waiting_;
  bool is_led_ = false;

  // The leader's.
  Rows rows_;
  absl::Status files_status_;
  std::chrono::steady_clock::time_point files_checked_at_;
  size_t last_group_size_ = 1;
  // A commit has failed, and what it wrote might be found after a crash.
  bool is_in_doubt_ = false;
  absl::Status broken_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_WRITER_H_
