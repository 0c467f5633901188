// What went over the wire, for people. Not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_HTTP_EXCHANGE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_HTTP_EXCHANGE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace conformance {
namespace internal {

// The first line and the headers, each after `mark`, then the beginning of the
// body. Headers that hold secrets are without them. Total, pure.
std::string MessageText(absl::string_view first_line,
                        const std::vector<HttpHeader>& headers,
                        const std::string& body, absl::string_view mark);

}  // namespace internal
}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_HTTP_EXCHANGE_H_
