// The fields of a request's body, by the types that the API gives them. Not for
// users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_REQUEST_FIELDS_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_REQUEST_FIELDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/adapters/rest/json_body.h"
#include "slipway/v1/command.pb.h"

namespace slipway {
namespace internal {

// What is wrong with a body before any rule looks at it. With the status 0
// nothing is.
struct BodyProblem {
  int status = 0;
  std::string message;
};

// The one field whose array is looked into: to be asked for in `ParseJsonBody`.
inline constexpr absl::string_view kRequiredContextsField = "required_contexts";

// Fills in a command's request from a body. Unknown fields are ignored; a known
// field that is given twice leaves open which one is meant, so the body counts
// as no JSON. A wrong type is one line of the problem's message; all of them
// are listed, up to a hundred.
BodyProblem ReadCreateDeployment(const JsonBody& body,
                                 v1::CreateDeployment* request);
BodyProblem ReadCreateStatus(const JsonBody& body, v1::CreateStatus* request);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_REQUEST_FIELDS_H_
