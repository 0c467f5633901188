// The signature of a webhook (R82), made here once more: the kit checks it
// without the code that makes it.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_HTTP_SIGNATURE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_HTTP_SIGNATURE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace slipway {
namespace conformance {
namespace internal {

// "sha256=" and the HMAC-SHA-256 of the body, in hexadecimal digits in lower
// case: the value of X-Hub-Signature-256. Total, pure.
std::string SignatureOf(absl::string_view secret, absl::string_view body);

}  // namespace internal
}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_HTTP_SIGNATURE_H_
