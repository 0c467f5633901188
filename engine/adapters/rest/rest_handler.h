// The REST surface of the GitHub Deployments API, as a function from request to
// response. It knows no socket:
//
//   slipway::RestParams params;
//   params.runner = &runner;
//   params.store = &store;
//   params.actor.set_id(1);
//   params.actor.set_login("octocat");
//   slipway::RestHandler rest(params);
//   slipway::HttpRequest request;
//   request.method = "POST";
//   request.target = "/repos/octocat/hello-world/deployments";
//   request.headers = {{"Host", "127.0.0.1:8080"}};
//   request.body = R"({"ref": "main"})";
//   slipway::HttpResponse response = rest.Handle(request);  // 201
//
// docs/spec/wire.md says what is served, and how.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_REST_HANDLER_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_REST_HANDLER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "slipway/ports/http.h"
#include "slipway/ports/store.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/actor.pb.h"

namespace slipway {

// The two dialects differ only in where the API begins.
enum class RestDialect {
  // At "/", as on api.github.com.
  kGitHub,
  // At "/api/v3", as on GitHub Enterprise Server.
  kEnterprise,
};

// What the handler works with. Not owned; all must outlive it.
struct RestParams {
  Runner* runner = nullptr;
  Store* store = nullptr;
  RestDialect dialect = RestDialect::kGitHub;
  // Scheme, host and port under which clients reach the server, such as
  // "https://git.example.org", for the addresses in answers. Empty: "http://"
  // and the request's Host header.
  std::string base_url;
  // Who every caller acts as.
  v1::Actor actor;
  // Thread-safe and quick: told of each failure of the store or source control
  // that a client is answered 503 or 500 for. Clients are not told more than
  // that. Empty: nobody is.
  std::function<void(const absl::Status&)> on_failure = nullptr;
};

// Thread-safe and total. Limits are those of the runner's rules. Failures of
// the store or source control are answered 503 with `Retry-After` (R108):
// UNAVAILABLE, ABORTED and DEADLINE_EXCEEDED after a second, DATA_LOSS and
// RESOURCE_EXHAUSTED after a minute. Other failures are answered 500.
class RestHandler : public HttpHandler {
 public:
  // `runner`, `store` and `actor` are needed.
  explicit RestHandler(RestParams params);

  HttpResponse Handle(const HttpRequest& request) override;

  // What every answer has, for a transport that answers some requests itself:
  // `X-GitHub-Media-Type` and `X-GitHub-Api-Version-Selected`, as they are for
  // a request that asks for no version.
  static std::vector<HttpHeader> CommonHeaders();

 private:
  RestParams params_;
  v1::Limits limits_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_REST_HANDLER_H_
