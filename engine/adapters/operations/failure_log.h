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
// That writes, such as "a request failed: UNAVAILABLE: /var/lib/slipway.db: no
// room is left: database or disk is full".

#ifndef SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_
#define SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
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
  static constexpr size_t kLineBytesMax = 1000;
  // The same failure is written again after this time.
  static constexpr int64_t kRepeatMs = 60'000;
  // So many are written at once, and one more for each of these times.
  static constexpr int64_t kBurst = 10;
  static constexpr int64_t kPauseMs = 1000;
  // Of so many it is known when they were written.
  static constexpr size_t kKnownMax = 100;

  // `write` is called with one line at a time, without its end, by one thread
  // at a time, which waits for it; others never do. That thread is one of those
  // that note, such as one that serves requests: where `write` may hang, as on
  // a pipe that nobody empties, let it leave the line out. Empty: nothing is
  // written. `now` is for tests.
  explicit FailureLog(std::function<void(const std::string&)> write,
                      std::function<Clock::time_point()> now = Clock::now);

  // `what` failed, such as "a request". What is not written is counted, and the
  // number stands behind the next line of the same failure, if it is known so
  // long: "(17 more before it)". One that is not met again when there is a
  // place for it is not written at all. Bytes that are not printable ASCII
  // become '?', so that nothing makes up a line. OK is no failure.
  void Note(absl::string_view what, const absl::Status& status);

  // The last one that was noted, written or not, without a number; empty: there
  // was none.
  std::string Last() const;

 private:
  struct Known {
    bool is_written = false;
    Clock::time_point written_at;
    Clock::time_point noted_at;
    int64_t unwritten = 0;
  };

  // The line to write now, or nothing.
  std::string LineToWrite(const std::string& failure);

  const std::function<void(const std::string&)> write_;
  const std::function<Clock::time_point()> now_;

  // Guards all below.
  mutable std::mutex mutex_;
  std::string last_;
  std::map<std::string, Known> known_;
  int64_t may_write_ = kBurst;
  Clock::time_point counted_at_;
  std::deque<std::string> to_write_;
  bool is_writing_ = false;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_FAILURE_LOG_H_
