// The other end of a server's webhooks: takes what it sends, and notes it down.
//
//   slipway::conformance::WebhookReceiver receiver("It's a Secret");
//   auto listener = slipway::HttpServer::Start(options, &receiver);
//   // The server under test sends its webhooks there.
//   std::vector<WebhookDelivery> came =
//       receiver.WaitUntil([](const auto& all) { return all.size() == 2; },
//                          /*timeout_ms=*/5000);

#ifndef SLIPWAY_ENGINE_CONFORMANCE_HTTP_WEBHOOK_RECEIVER_H_
#define SLIPWAY_ENGINE_CONFORMANCE_HTTP_WEBHOOK_RECEIVER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace conformance {

struct WebhookDelivery {
  v1::Notification notification;
  // OWNER/NAME; empty where the body does not say.
  std::string repository;
};

// Deliveries of events other than `deployment` and `deployment_status` are
// thanked for and forgotten: a hook may be for more. Thread-safe.
class WebhookReceiver : public HttpHandler {
 public:
  // With a secret, signature and headers are looked at (R82): what is wrong
  // with them is the notification's flaw.
  explicit WebhookReceiver(std::string secret);

  bool has_secret() const { return !secret_.empty(); }

  // Total: 204 for a POST, whatever is in it, and 405 for all else.
  HttpResponse Handle(const HttpRequest& request) override;

  // What came since it was cleared, in that order: as soon as `enough` says so,
  // or when the time is over.
  using Deliveries = std::vector<WebhookDelivery>;
  Deliveries WaitUntil(const std::function<bool(const Deliveries&)>& enough,
                       int64_t timeout_ms);

  void Clear();

 private:
  std::string FlawOf(const HttpRequest& request) const;

  const std::string secret_;
  std::mutex mutex_;
  std::condition_variable came_;
  Deliveries deliveries_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_HTTP_WEBHOOK_RECEIVER_H_
