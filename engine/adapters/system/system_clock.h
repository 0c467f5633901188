// The machine's clock.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SYSTEM_SYSTEM_CLOCK_H_
#define SLIPWAY_ENGINE_ADAPTERS_SYSTEM_SYSTEM_CLOCK_H_

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "slipway/ports/clock.h"

namespace slipway {

// Thread-safe.
class SystemClock : public Clock {
 public:
  int64_t NowMs() override { return absl::ToUnixMillis(absl::Now()); }
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SYSTEM_SYSTEM_CLOCK_H_
