// Calls to other people's HTTP servers.
//
//   slipway::HttpCall call;
//   call.method = "GET";
//   call.url = "https://api.example.org/repos/octocat/hello-world/deployments";
//   absl::StatusOr<slipway::HttpResponse> answer = client.Send(call);

#ifndef SLIPWAY_ENGINE_PORTS_HTTP_CLIENT_H_
#define SLIPWAY_ENGINE_PORTS_HTTP_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/ports/http.h"

namespace slipway {

// One call, with its limits.
struct HttpCall {
  std::string method = "GET";
  // "http://…" or "https://…".
  std::string url;
  std::vector<HttpHeader> headers;
  std::string body;
  // From the first byte of the connection to the last of the answer.
  int64_t timeout_ms = 10'000;
  // Of the answer's body.
  int64_t response_bytes_max = 16 << 20;
  // Whether to speak to public addresses only (R106): for URLs that somebody
  // else has chosen. Looked at is what the name resolved to.
  bool public_addresses_only = false;
  // Where it turns true, the call ends soon. nullptr: it cannot be ended. It
  // outlives the call.
  const std::atomic<bool>* cancelled = nullptr;
};

// Implementations are thread-safe, verify the certificates of TLS, and follow
// no redirect.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Makes the call and waits for the whole answer. Every status of HTTP is an
  // answer, not an error.
  //
  // INVALID_ARGUMENT: the URL is none, or of another scheme; a header has a
  //   line end in it.
  // PERMISSION_DENIED: the host has no address that may be spoken to; nothing
  //   was sent.
  // CANCELLED: `cancelled` became true; what was sent may have arrived.
  // DEADLINE_EXCEEDED: `timeout_ms` passed.
  // UNAVAILABLE: no connection, a certificate that is not trusted, or the
  //   connection ended before the answer was whole.
  // DATA_LOSS: what came is not HTTP.
  // RESOURCE_EXHAUSTED: the answer is larger than `response_bytes_max`.
  virtual absl::StatusOr<HttpResponse> Send(const HttpCall& call) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_HTTP_CLIENT_H_
