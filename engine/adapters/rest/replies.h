// Answers that are not objects of the API: errors, and the headers that every
// answer has. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_REPLIES_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_REPLIES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "slipway/ports/http.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace internal {

// With its content type.
HttpResponse JsonReply(int status, std::string body);

// {"message", "documentation_url", "status"}.
HttpResponse ErrorReply(int status, absl::string_view message,
                        absl::string_view documentation_url);

// What a rejection is on the wire.
HttpResponse RejectionReply(const v1::Rejection& rejection,
                            absl::string_view documentation_url);

// What a failure of the machinery is on the wire (R108): 503 with `Retry-After`
// where the store or source control failed, after a minute where somebody has
// to see to it first; 500 for what should not happen. Its details are for the
// host, not for clients.
HttpResponse FailureReply(const absl::Status& status,
                          absl::string_view documentation_url);

// Gives a 200 its validators, and makes it a 304 where the request has them
// already. `last_modified_ms` below 0: the answer has no time. `tag` empty: a
// weak entity tag of the body.
HttpResponse Conditional(const HttpRequest& request, int64_t last_modified_ms,
                         HttpResponse response, std::string tag = "");

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_REPLIES_H_
