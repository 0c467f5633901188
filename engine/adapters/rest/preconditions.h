// The headers with which a client guards a change: `Idempotency-Key` (R100) and
// `If-Match` (R101). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_PRECONDITIONS_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_PRECONDITIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace internal {

// All values of a header, in the order received.
std::vector<absl::string_view> HeaderValues(
    const std::vector<HttpHeader>& headers, absl::string_view name);

// The strong entity tag of a deployment: the id of its latest status, 0 for
// none, so that every status makes another one; and a hash of `body`, for
// whatever else changes that.
std::string DeploymentTag(int64_t latest_status_id, absl::string_view body);

// What `If-Match` asks for (RFC 9110, 13.1.1).
struct IfMatch {
  // "*": that there is a deployment at all.
  bool any = false;
  // Of the strong tags that are of deployments; of the others none matches, and
  // of a header that cannot be read none does. What is behind the id does not
  // count: where that differs, the deployment's addresses are spelled in
  // another way, and a header has to mean the same whenever it is sent (R100).
  std::vector<int64_t> latest_status_ids;
};

// nullopt: there is no such header. Total.
absl::optional<IfMatch> IfMatchOf(const std::vector<HttpHeader>& headers);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_PRECONDITIONS_H_
