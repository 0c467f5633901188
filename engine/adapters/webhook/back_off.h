// How long to wait for the next attempt (R105). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_BACK_OFF_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_BACK_OFF_H_

#include <algorithm>
#include <cstdint>

namespace slipway {
namespace internal {

struct BackOff {
  int64_t first_ms = 1000;
  int64_t ms_max = 3'600'000;
};

// The longest wait after so many attempts: doubled with each, up to the
// maximum. `attempts` is at least 1. Total, pure.
inline int64_t LongestWaitMs(const BackOff& back_off, int64_t attempts) {
  int64_t wait_ms = back_off.first_ms;
  for (int64_t i = 1; i < attempts && wait_ms < back_off.ms_max; ++i) {
    wait_ms *= 2;
  }
  return std::min(wait_ms, back_off.ms_max);
}

// Full jitter: evenly from 1 ms to the longest wait, so that what failed
// together does not come again together. `random`: a generator of 64 bits.
template <typename Random>
int64_t WaitMs(const BackOff& back_off, int64_t attempts, Random& random) {
  const auto longest = static_cast<uint64_t>(LongestWaitMs(back_off, attempts));
  return static_cast<int64_t>(random() % longest) + 1;
}

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_BACK_OFF_H_
