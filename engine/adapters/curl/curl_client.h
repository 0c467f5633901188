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

// Thread-safe: connections are kept and shared out among the threads that call,
// but never one of a call that may speak to every address with one that may
// not. No proxy of the environment is used, nor its list of exceptions. A call
// that is cancelled ends within about a second.
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
