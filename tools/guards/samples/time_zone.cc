#include "absl/time/time.h"

namespace slipway {

absl::TimeZone Impure() { return absl::LocalTimeZone(); }

}  // namespace slipway
