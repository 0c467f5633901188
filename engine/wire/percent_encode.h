// Text in addresses. Not for users.

#ifndef SLIPWAY_ENGINE_WIRE_PERCENT_ENCODE_H_
#define SLIPWAY_ENGINE_WIRE_PERCENT_ENCODE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

// Text for one segment of a path, or one name or value of a query: everything
// but letters, digits and "-._~" is percent-encoded.
std::string PercentEncode(absl::string_view text);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_WIRE_PERCENT_ENCODE_H_
