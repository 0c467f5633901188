// The bytes of a response, from status line to empty line, and the answers
// that the transport gives itself. Pure but for `HttpDateNow`.
//
//   HttpResponse response = ErrorResponse(413, documentation_url, id);
//   ResponseFraming framing;
//   framing.keep_alive = false;
//   std::string head = ResponseHead(response, framing, HttpDateNow());
//   // send head; then response.body, if SendsBody(response, framing)

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_RESPONSE_HEAD_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_RESPONSE_HEAD_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace http_internal {

// What the connection knows and the handler does not.
struct ResponseFraming {
  bool head_request = false;
  // The peer speaks HTTP/1.0, where staying open must be said.
  bool http_1_0 = false;
  bool keep_alive = true;
};

// An error in the shape of the engine's own: `message` (the reason phrase),
// `documentation_url` and `status`, with `request_id` as
// `X-GitHub-Request-Id`.
HttpResponse ErrorResponse(int status, absl::string_view documentation_url,
                           absl::string_view request_id);

// The head, empty line included. Total:
// - `Date`, `Server`, `Connection` and `Content-Length` are the transport's; a
//   handler's own, and its hop-by-hop headers, are left out.
// - 204 carries neither `Content-Length` nor `Content-Type`, nor does 304.
// - A header name that is no token is left out with its value. Control
//   characters in a value, CR and LF among them, become spaces: no value can
//   end its line.
// `response.status` is 200 to 599.
std::string ResponseHead(const HttpResponse& response,
                         const ResponseFraming& framing,
                         absl::string_view date);

// Whether `response.body` follows the head: not for HEAD, 204 and 304.
bool SendsBody(const HttpResponse& response, const ResponseFraming& framing);

// The standard phrase, empty for a code that has none. Total.
absl::string_view ReasonPhrase(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT", in English under every locale. Total for
// years 0 to 9999.
std::string HttpDate(int64_t unix_seconds);
// The same for the present second.
std::string HttpDateNow();

}  // namespace http_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_RESPONSE_HEAD_H_
