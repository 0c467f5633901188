// Calls over HTTP and HTTPS, by libcurl.
//
//   slipway::CurlClient client;
//   absl::StatusOr<slipway::HttpResponse> answer = client.Send(call);

#ifndef SLIPWAY_ENGINE_ADAPTERS_CURL_CURL_CLIENT_H_
#define SLIPWAY_ENGINE_ADAPTERS_CURL_CURL_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "slipway/ports/http_client.h"

namespace slipway {

// Thread-safe: connections (64 that may go to every address, and 64 that may
// not) are kept and shared out among the threads that call, but never one of
// the former to a call of the latter. No proxy of the environment is used, nor
// its list of exceptions. A call that is cancelled ends within about a second;
// it and the time-out also end one whose host is still being looked up. The
// look-up itself then goes on, on a thread of libcurl's, for as long as the
// system's resolver lets it.
class CurlClient : public HttpClient {
 public:
  CurlClient();
  ~CurlClient() override;

  absl::StatusOr<HttpResponse> Send(const HttpCall& call) override;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_CURL_CURL_CLIENT_H_
