#include "slipway/adapters/operations/failure_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace slipway {

FailureLog::FailureLog(std::function<void(const std::string&)> write,
                       std::function<Clock::time_point()> now)
    : write_(std::move(write)), now_(std::move(now)), counted_at_(now_()) {}

void FailureLog::Note(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return;
  std::string failure = absl::StrCat(what, " failed: ", status.ToString());
  if (failure.size() > kLineBytesMax) failure.resize(kLineBytesMax);
  std::replace_if(
      failure.begin(), failure.end(),
      [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');

  std::unique_lock<std::mutex> lock(mutex_);
  last_ = failure;
  if (write_ == nullptr) return;
  std::string line = LineToWrite(failure);
  if (line.empty()) return;
  to_write_.push_back(std::move(line));
  if (is_writing_) return;
  is_writing_ = true;
  while (!to_write_.empty()) {
    line = std::move(to_write_.front());
    to_write_.pop_front();
    lock.unlock();
    write_(line);
    lock.lock();
  }
  is_writing_ = false;
}

std::string FailureLog::LineToWrite(const std::string& failure) {
  const Clock::time_point now = now_();
  const std::chrono::milliseconds pause(kPauseMs);
  const int64_t pauses = (now - counted_at_) / pause;
  counted_at_ += pauses * pause;
  may_write_ = std::min(may_write_ + pauses, kBurst);

  if (known_.size() >= kKnownMax && known_.count(failure) == 0) {
    known_.erase(std::min_element(
        known_.begin(), known_.end(), [](const auto& a, const auto& b) {
          return a.second.noted_at < b.second.noted_at;
        }));
  }
  Known& known = known_[failure];
  known.noted_at = now;
  const bool is_repeated =
      known.is_written &&
      now - known.written_at < std::chrono::milliseconds(kRepeatMs);
  // More than these only wait where nobody takes them.
  const bool has_room =
      may_write_ > 0 && to_write_.size() < static_cast<size_t>(kBurst);
  if (is_repeated || !has_room) {
    ++known.unwritten;
    return "";
  }
  --may_write_;
  known.is_written = true;
  known.written_at = now;
  const int64_t unwritten = std::exchange(known.unwritten, 0);
  if (unwritten == 0) return failure;
  return absl::StrCat(failure, " (", unwritten, " more before it)");
}

std::string FailureLog::Last() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_;
}

}  // namespace slipway
