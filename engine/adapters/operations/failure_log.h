// What a server tells its operator of what fails inside of it, which clients
// are not told: a line where it begins, not one for each request.
//
//   slipway::FailureLog failures([](const std::string& line) {
//     std::cerr << line << std::endl;
//   });
//   rest_params.on_failure = [&](const absl::Status& status) {
//     failures.Note("a request", status);
//   };
//   operations_params.failures = &failures;
//
// That writes, such as "a request failed: UNAVAILABLE: slipway.db: disk full".

#ifndef SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_
#define SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace slipway {

// Thread-safe and total.
class FailureLog {
 public:
  using Clock = std::chrono::steady_clock;

  // What is longer is cut.
  static constexpr int64_t kLineBytesMax = 1000;
  // A failure like the last one that was written is written again after this
  // time, another one after a second.
  static constexpr int64_t kRepeatMs = 60'000;
  static constexpr int64_t kPauseMs = 1000;

  // `write` is called with one line at a time, without its end, by one thread
  // at a time. Empty: nothing is written. `now` is for tests.
  explicit FailureLog(std::function<void(const std::string&)> write,
                      std::function<Clock::time_point()> now = Clock::now);

  // `what` failed, such as "a request". What is not written for its number is
  // counted in the next line: "(17 more before it)". Bytes that are not
  // printable ASCII become '?', so that nothing makes up a line. OK is no
  // failure.
  void Note(absl::string_view what, const absl::Status& status);

  // The last one that was noted, written or not, as in a line; empty: there
  // was none.
  std::string Last() const;

 private:
  const std::function<void(const std::string&)> write_;
  const std::function<Clock::time_point()> now_;

  mutable std::mutex mutex_;
  std::string last_;
  std::string written_;
  Clock::time_point written_at_;
  int64_t unwritten_ = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_
