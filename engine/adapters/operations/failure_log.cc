#include "slipway/adapters/operations/failure_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace slipway {

FailureLog::FailureLog(std::function<void(const std::string&)> write,
                       std::function<Clock::time_point()> now)
    : write_(std::move(write)), now_(std::move(now)) {}

void FailureLog::Note(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return;
  std::string line = absl::StrCat(what, " failed: ", status.ToString());
  if (line.size() > static_cast<size_t>(kLineBytesMax)) {
    line.resize(kLineBytesMax);
  }
  std::replace_if(
      line.begin(), line.end(),
      [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');

  std::lock_guard<std::mutex> lock(mutex_);
  last_ = line;
  if (write_ == nullptr) return;
  const Clock::time_point now = now_();
  const std::chrono::milliseconds pause(line == written_ ? kRepeatMs
                                                         : kPauseMs);
  if (!written_.empty() && now - written_at_ < pause) {
    ++unwritten_;
    return;
  }
  written_ = line;
  written_at_ = now;
  if (unwritten_ > 0) {
    absl::StrAppend(&line, " (", unwritten_, " more before it)");
    unwritten_ = 0;
  }
  write_(line);
}

std::string FailureLog::Last() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_;
}

}  // namespace slipway
