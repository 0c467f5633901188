#include "absl/time/clock.h"

namespace slipway {

absl::Time Impure() { return absl::Now(); }

}  // namespace slipway
