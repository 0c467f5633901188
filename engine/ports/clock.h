// Where the engine's times come from.

#ifndef SLIPWAY_ENGINE_PORTS_CLOCK_H_
#define SLIPWAY_ENGINE_PORTS_CLOCK_H_

#include <cstdint>

namespace slipway {

// Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Milliseconds since the Unix epoch, UTC. Total. It may step back, as
  // machines' clocks do: order comes from ids, not from times.
  virtual int64_t NowMs() = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_CLOCK_H_
