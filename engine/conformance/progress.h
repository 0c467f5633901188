// How far a run of the conformance kit is.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_PROGRESS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_PROGRESS_H_

#include <cstdint>

namespace slipway {
namespace conformance {

struct Progress {
  int64_t sequences = 0;
  int64_t sequences_max = 0;
  int64_t steps = 0;
  double steps_per_second = 0;
  int rules_reached = 0;
  int rules_to_reach = 0;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_PROGRESS_H_
