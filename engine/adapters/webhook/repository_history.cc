#include "slipway/adapters/webhook/repository_history.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "slipway/core/names.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace internal {

absl::StatusOr<v1::Repository> RepositoryHistory::At(const OutboxEntry& entry) {
  const v1::RepositoryName& name = entry.event.repository();
  absl::StatusOr<absl::optional<v1::Repository>> row =
      store_->FindRepository(name);
  if (!row.ok()) return row.status();
  // Not put again since, by its time; one that was put in the same millisecond
  // may have been put later.
  if (row->has_value() && (*row)->updated_at_ms() < entry.event.time_ms()) {
    return **std::move(row);
  }
  const std::pair<std::string, std::string> key(FoldName(name.owner()),
                                                FoldName(name.name()));
  Known known;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) known = found->second;
  }
  if (known.first_position > entry.position) known = Known();
  constexpr int64_t kPart = 200;
  int64_t end = entry.position;
  while (end > known.last_position) {
    const int64_t begin =
        std::max(known.last_position, std::max<int64_t>(end - kPart, 0));
    const absl::StatusOr<std::vector<OutboxEntry>> part =
        outbox_->ReadOutbox({name, begin, end - begin});
    if (!part.ok()) return part.status();
    const auto put =
        std::find_if(part->rbegin(), part->rend(), [](const OutboxEntry& each) {
          return each.event.type() == v1::EVENT_TYPE_REPOSITORY_PUT;
        });
    if (put != part->rend()) {
      known.first_position = put->position;
      known.repository = put->event.put_repository();
      break;
    }
    end = begin;
  }
  if (known.first_position == 0) {
    return absl::NotFoundError(absl::StrCat("no repository ", FullName(name),
                                            " at position ", entry.position,
                                            " of its stream"));
  }
  known.last_position = std::max(known.last_position, entry.position);
  std::lock_guard<std::mutex> lock(mutex_);
  constexpr size_t kKnownMax = 1000;
  if (known_.size() >= kKnownMax) known_.clear();
  known_[key] = known;
  return known.repository;
}

}  // namespace internal
}  // namespace slipway
