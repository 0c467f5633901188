#include "slipway/runner/history.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "slipway/core/evolve.h"

namespace slipway {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

absl::Status Gap(int64_t expected, int64_t found) {
  return absl::DataLossError(absl::StrCat("the stream has the position ", found,
                                          " where ", expected, " is due"));
}

}  // namespace

absl::StatusOr<Past> History::Replay(
    const v1::RepositoryName& repository) const {
  return AsOfPosition(repository, kEnd);
}

absl::StatusOr<Past> History::AsOfPosition(const v1::RepositoryName& repository,
                                           int64_t position) const {
  Past past;
  const absl::Status status =
      ForEachOf(repository, position, [&](const OutboxEntry& entry) {
        past.position = entry.position;
        return Evolve(entry.event, &past.state);
      });
  if (!status.ok()) return status;
  return past;
}

absl::StatusOr<Past> History::AsOfTime(const v1::RepositoryName& repository,
                                       int64_t time_ms) const {
  int64_t position = 0;
  const absl::Status status =
      ForEachOf(repository, kEnd, [&](const OutboxEntry& entry) {
        if (entry.event.time_ms() <= time_ms) position = entry.position;
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return AsOfPosition(repository, position);
}

absl::StatusOr<int64_t> History::ForEachAfter(
    int64_t after_position,
    absl::FunctionRef<absl::Status(const OutboxEntry&)> take) const {
  int64_t position = std::max<int64_t>(after_position, 0);
  while (true) {
    const absl::StatusOr<std::vector<OutboxEntry>> entries =
        outbox_.ReadAll({position, page_size_});
    if (!entries.ok()) return entries.status();
    if (entries->empty()) return position;
    for (const OutboxEntry& entry : *entries) {
      if (entry.global_position != position + 1) {
        return Gap(position + 1, entry.global_position);
      }
      const absl::Status status = take(entry);
      if (!status.ok()) return status;
      ++position;
    }
  }
}

absl::Status History::ForEachOf(
    const v1::RepositoryName& repository, int64_t position,
    absl::FunctionRef<absl::Status(const OutboxEntry&)> take) const {
  int64_t read = 0;
  while (read < position) {
    const absl::StatusOr<std::vector<OutboxEntry>> entries = outbox_.ReadOutbox(
        {repository, read, std::min(page_size_, position - read)});
    if (!entries.ok()) return entries.status();
    if (entries->empty()) break;
    for (const OutboxEntry& entry : *entries) {
      if (entry.position != read + 1) return Gap(read + 1, entry.position);
      const absl::Status status = take(entry);
      if (!status.ok()) return status;
      ++read;
    }
  }
  return absl::OkStatus();
}

}  // namespace slipway
