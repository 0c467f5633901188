// Asks a question that may hang, and answers in time, so that a server can say
// that its store hangs.
//
//   auto probe = slipway::DeadlineProbe::Start(
//       "the store", [&] { return store.FindRepositoryById(1).status(); });
//   if (!probe.ok()) return probe.status();
//   operations_params.ready = [&] { return (*probe)->Answer(); };

#ifndef SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_DEADLINE_PROBE_H_
#define SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_DEADLINE_PROBE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace slipway {

// Thread-safe. One question is under way at a time, on a thread of its own;
// those who ask meanwhile share its answer.
class DeadlineProbe {
 public:
  static constexpr int64_t kDeadlineMs = 1000;

  // `what` is asked, for messages: "the store".
  //
  // RESOURCE_EXHAUSTED: the system has no thread left.
  static absl::StatusOr<std::unique_ptr<DeadlineProbe>> Start(
      std::string what, std::function<absl::Status()> ask,
      int64_t deadline_ms = kDeadlineMs);

  // Waits for the question that is under way.
  ~DeadlineProbe();

  DeadlineProbe(const DeadlineProbe&) = delete;
  DeadlineProbe& operator=(const DeadlineProbe&) = delete;

  // What the question came to.
  //
  // UNAVAILABLE: "the store has not answered for 3 s". That is said when a
  //   question is `deadline_ms` old, and at once while it stays unanswered.
  absl::Status Answer();

 private:
  using Clock = std::chrono::steady_clock;

  DeadlineProbe(std::string what, std::function<absl::Status()> ask,
                int64_t deadline_ms);
  void Work();

  const std::string what_;
  const std::function<absl::Status()> ask_;
  const std::chrono::milliseconds deadline_;

  // Guards all below.
  std::mutex mutex_;
  std::condition_variable is_wanted_;
  std::condition_variable has_ended_;
  bool is_stopping_ = false;
  // How many questions there were.
  int64_t wanted_ = 0;
  int64_t begun_ = 0;
  int64_t ended_ = 0;
  Clock::time_point begun_at_;
  absl::Status answer_;
  std::thread thread_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_DEADLINE_PROBE_H_
