// The REST API's JSON: requests written, answers read. Not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_HTTP_REST_JSON_H_
#define SLIPWAY_ENGINE_CONFORMANCE_HTTP_REST_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/v1/command.pb.h"

namespace slipway {
namespace conformance {
namespace internal {

// The body of a request. Only fields that are present are written.
std::string CreateDeploymentJson(const slipway::v1::CreateDeployment& request);
std::string CreateStatusJson(const slipway::v1::CreateStatus& request);

// What the body of an answer holds. Total: what is not JSON, or not of the type
// that the API has, is left out.
enum class BodyKind {
  kNone,
  kDeployment,
  kStatus,
  kDeployments,
  kStatuses,
};
void ReadBody(absl::string_view body, BodyKind kind, v1::Answer* answer);

// Reads the body of a webhook: what it tells, but for the event, and the OWNER/
// NAME that it is about. False: it is no object of JSON. Total: what it has not
// is left out.
bool ReadWebhook(absl::string_view body, v1::Notification* notification,
                 std::string* repository);

// Reads a `Link` header into `has_next_page` and `last_page`.
void ReadLink(absl::string_view link, v1::Answer* answer);

}  // namespace internal
}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_HTTP_REST_JSON_H_
