// The past of a repository, from its stream: what it adds up to, now, at a
// position, or at a time.
//
//   slipway::History history(outbox);
//   absl::StatusOr<slipway::Past> past =
//       history.AsOfTime(repository, yesterday_ms);
//   if (!past.ok()) return past.status();
//   for (const slipway::v1::DeploymentRecord& record :
//        past->state.deployments()) …
//
// and the stream of all repositories, entry by entry, for whoever keeps a copy:
//
//   absl::StatusOr<int64_t> cursor = history.ForEachAfter(
//       last_seen, [&](const slipway::OutboxEntry& entry) {
//         return Take(entry);  // a status that is not OK ends it
//       });

#ifndef SLIPWAY_ENGINE_RUNNER_HISTORY_H_
#define SLIPWAY_ENGINE_RUNNER_HISTORY_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/ports/outbox.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

// A repository as it was.
struct Past {
  // Empty before its first entry, and for a repository that never was; after
  // its deletion it holds the last id (R17).
  v1::RepositoryState state;
  // Of the last entry that is in it; 0: none is.
  int64_t position = 0;
};

// Thread-safe. It reads as much of the stream as it needs, from the start, in
// pages, and keeps one page in memory: an answer costs what the stream is long.
// Equal streams give equal answers.
//
// Every method may fail with
//   UNAVAILABLE: the outbox cannot be read now; trying again may help.
//   DATA_LOSS: the stream is damaged: a gap, or an event that cannot follow
//     those before it.
class History {
 public:
  static constexpr int64_t kPageSize = 1000;

  // `outbox` is not owned and must outlive this.
  explicit History(Outbox& outbox, int64_t page_size = kPageSize)
      : outbox_(outbox), page_size_(page_size) {}

  // What the whole stream adds up to (R102): the repository as it is, up to
  // what is decided meanwhile.
  absl::StatusOr<Past> Replay(const v1::RepositoryName& repository) const;

  // After the entry at `position` (R103). Past the end: as it is. Below 1:
  // before everything. In the middle of a decision it is a state that no reader
  // ever saw (R36).
  absl::StatusOr<Past> AsOfPosition(const v1::RepositoryName& repository,
                                    int64_t position) const;

  // After the last entry whose time is not after `time_ms` (R103): clocks step
  // back, and what was decided before that entry counts, whatever its own time.
  // A decision is in it whole or not at all, because its events have one time.
  // It reads to the end of the stream, twice.
  absl::StatusOr<Past> AsOfTime(const v1::RepositoryName& repository,
                                int64_t time_ms) const;

  // Gives every entry of all repositories after a global position to `take`, in
  // their order, up to the end (R102). The position of the last entry that
  // `take` has taken; `after_position` where there was none. A status of
  // `take` that is not OK ends it and is returned.
  absl::StatusOr<int64_t> ForEachAfter(
      int64_t after_position,
      absl::FunctionRef<absl::Status(const OutboxEntry&)> take) const;

 private:
  // The entries of a repository up to `position`, to `take`.
  absl::Status ForEachOf(
      const v1::RepositoryName& repository, int64_t position,
      absl::FunctionRef<absl::Status(const OutboxEntry&)> take) const;

  Outbox& outbox_;
  const int64_t page_size_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_RUNNER_HISTORY_H_
