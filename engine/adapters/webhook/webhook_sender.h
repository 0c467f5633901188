// Tells webhooks of deployments and their statuses (R80, R82, R104 to R106).
//
//   slipway::CurlClient http;
//   slipway::WebhookOptions options;
//   options.hooks.push_back({"https://ci.example.org/hook", secret, {}});
//   options.api_url = "https://git.example.org";
//   auto sender = slipway::WebhookSender::Create(
//       {&queue, &store, &store, &http, &clock, &metrics}, options);
//   if (!sender.ok()) return sender.status();
//   (*sender)->Start();
//   …                  // after every decision: (*sender)->Wake();
//   (*sender)->Stop();
//
// The stream of all repositories (`Outbox`) is followed for each hook by
// itself: what it is to be told becomes a delivery in the `DeliveryQueue`,
// which is claimed, sent and recorded. So nothing is lost when the engine dies,
// each deployment's events arrive in their order, and several engines over one
// store share the work. One hook never waits for another, and a delivery that
// fails holds up its own deployment only. docs/guides/webhooks.md has it at
// length.
//
// An event that cannot be read any more is given up at once, with an error that
// says so, and stops nothing else.
//
// Metrics, by hook (its id): slipway_webhook_deliveries_total with the outcome
// "delivered", "retry", "failed" or "damaged",
// slipway_webhook_delivery_seconds, and the gauges slipway_outbox_lag and
// slipway_webhook_pending, which are set now and then, and by `ReportGauges`.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_SENDER_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_SENDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/webhook/webhook_options.h"
#include "slipway/ports/clock.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/http_client.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

namespace slipway {

// OK: `WebhookSender::Create` takes this URL of a hook. Total.
//
// INVALID_ARGUMENT: it does not; the message begins with `what`, says why, and
//   has nothing of the URL in it.
absl::Status CheckWebhookUrl(absl::string_view what, absl::string_view url);

// What the sender works with. Not owned; all must outlive it.
struct WebhookParams {
  DeliveryQueue* queue = nullptr;
  Outbox* outbox = nullptr;
  Store* store = nullptr;
  HttpClient* http = nullptr;
  Clock* clock = nullptr;
  // nullptr: none are kept.
  Metrics* metrics = nullptr;
  // Thread-safe and quick: told where the queue fails to give what is new or
  // due, to record an attempt (twice), or to forget what is old, and nobody is
  // answered that. The sender tries again by itself. Attempts that fail are not
  // among them: the queue has those. Empty: nobody is told.
  std::function<void(const absl::Status&)> on_failure = nullptr;
};

// Thread-safe.
class WebhookSender {
 public:
  // Adds the hooks to the queue, and sends nothing yet. What is decided after
  // this call, they are told.
  //
  // INVALID_ARGUMENT: a part is missing, or an option is out of its range; the
  //   message says which, and no secret.
  // UNAVAILABLE, DATA_LOSS: of the queue.
  static absl::StatusOr<std::unique_ptr<WebhookSender>> Create(
      const WebhookParams& params, const WebhookOptions& options);

  // Stops.
  ~WebhookSender();

  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  // Begins to send, on threads of its own: `parallel_max` and one more for each
  // hook. Called once at most, and never together with `SendDue`.
  //
  // RESOURCE_EXHAUSTED: the system has no thread left; nothing is sent.
  absl::Status Start();

  // Says that something was decided, so that it goes out within milliseconds
  // instead of at the next poll. Quick.
  void Wake();

  // Takes up nothing new and waits for the calls in flight, up to
  // `stop_wait_ms`; those that are left are cancelled, and sent again by
  // whoever comes next. `SendDue` on another thread ends, too. Nothing is sent
  // after that, and it cannot be started again.
  void Stop();

  // Sends what is due, on the caller's thread, one delivery after the other:
  // for hosts with a loop of their own, and for tests. How many attempts it
  // made. What fails is due later, by the clock.
  //
  // UNAVAILABLE, DATA_LOSS: of the queue; the other hooks had their turn.
  absl::StatusOr<int64_t> SendDue();

  // Sets the gauges to what the queue says now, also while nothing is sent: for
  // whoever is about to read them. It waits where the queue does; what the
  // queue cannot say stays as it was.
  void ReportGauges();

  // The hooks, in the order of the options, as they were when they were added.
  const std::vector<Hook>& hooks() const;

  // What was sent to a hook, or will be: the newest first, with all attempts.
  //
  // UNAVAILABLE, DATA_LOSS: of the queue.
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const DeliveryQueue::ListDeliveriesParams& params);
  // nullopt: there is no such delivery, or it was forgotten.
  absl::StatusOr<absl::optional<Delivery>> FindDelivery(int64_t id);

  // Sends a delivery again, whatever became of it, with the same guid and
  // bytes; three days for it begin anew.
  //
  // NOT_FOUND: there is no such delivery, or it was forgotten.
  absl::Status Redeliver(int64_t delivery_id);

 private:
  class Impl;
  explicit WebhookSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_SENDER_H_
