// What a transport hands to the engine's REST function, and what it gets back.
//
// The two sides never meet: `engine/adapters/rest` implements `HttpHandler`
// without knowing a socket, and `engine/adapters/http` carries requests to any
// `HttpHandler` without knowing a route. An embedder with its own HTTP stack
// fills a `HttpRequest` and sends the `HttpResponse` back:
//
//   slipway::HttpRequest request;
//   request.method = "GET";
//   request.target = "/repos/octocat/hello-world/deployments?per_page=10";
//   request.headers = {{"Host", "127.0.0.1:8080"}};
//   slipway::HttpResponse response = handler.Handle(request);

#ifndef SLIPWAY_ENGINE_PORTS_HTTP_H_
#define SLIPWAY_ENGINE_PORTS_HTTP_H_

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace slipway {

// One header field. Names compare without case.
struct HttpHeader {
  std::string name;
  std::string value;
};

// One request, complete: the body has been read to its end.
struct HttpRequest {
  // As on the wire, upper case: "GET", "POST", …
  std::string method;
  // The origin form, still percent-encoded: path and, after '?', the query.
  std::string target;
  // In the order received.
  std::vector<HttpHeader> headers;
  std::string body;
  // Chosen by the transport, unique per request; comes back to the client as
  // `X-GitHub-Request-Id`. Empty: that header is left out.
  std::string id;
};

// One answer. The transport adds what belongs to the connection: `Date`,
// `Server`, `Connection` and `Content-Length`.
struct HttpResponse {
  int status = 200;
  // In the order to send.
  std::vector<HttpHeader> headers;
  // For a HEAD request this is the body that a GET would have had; the
  // transport sends its length only.
  std::string body;
};

// Answers requests. Implementations are thread-safe and total: every request
// gets a response, faults of the machinery included (500, 503).
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual HttpResponse Handle(const HttpRequest& request) = 0;
};

// The value of the first header called `name`, without case; nullptr where
// there is none. Total.
inline const std::string* FindHeader(const std::vector<HttpHeader>& headers,
                                     absl::string_view name) {
  for (const HttpHeader& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) return &header.value;
  }
  return nullptr;
}

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_HTTP_H_
