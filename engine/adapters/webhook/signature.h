// What a receiver checks that a delivery is ours by (R82). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_SIGNATURE_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_SIGNATURE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

// The value of X-Hub-Signature-256: "sha256=" and the HMAC-SHA-256 of the body,
// in hexadecimal digits in lower case. Total, pure.
std::string SignatureOf(absl::string_view secret, absl::string_view body);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_SIGNATURE_H_
