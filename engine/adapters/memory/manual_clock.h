// A clock that stands still until it is told to move, for tests.
//
//   slipway::ManualClock clock(1700000000000);
//   clock.AdvanceMs(30 * 60 * 1000);

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_MANUAL_CLOCK_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "slipway/ports/clock.h"

namespace slipway {

// Thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(int64_t now_ms) : now_ms_(now_ms) {}

  int64_t NowMs() override { return now_ms_.load(); }
  void AdvanceMs(int64_t ms) { now_ms_.fetch_add(ms); }

 private:
  std::atomic<int64_t> now_ms_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_MANUAL_CLOCK_H_
