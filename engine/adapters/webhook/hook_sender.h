// Sends to one hook. Not for users; `WebhookSender` has one for each.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_HOOK_SENDER_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_HOOK_SENDER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/adapters/webhook/repository_history.h"
#include "slipway/adapters/webhook/webhook_options.h"
#include "slipway/ports/clock.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/http.h"
#include "slipway/ports/http_client.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/outbox.h"
#include "slipway/wire/resources.h"

namespace slipway {
namespace internal {

// Thread-safe. All that it works with outlives it.
//
// With threads, one of them (the pump) looks for what is new or due and claims
// no more than the others are free to send, so that a claim is never old when
// its delivery goes out.
class HookSender {
 public:
  struct Parts {
    DeliveryQueue* queue = nullptr;
    Outbox* outbox = nullptr;
    HttpClient* http = nullptr;
    Clock* clock = nullptr;
    Metrics* metrics = nullptr;
    RepositoryHistory* repositories = nullptr;
    BaseUrls base;
    std::function<void(const absl::Status&)> on_failure = nullptr;
  };

  HookSender(Parts parts, const WebhookOptions& options,
             const WebhookHook& hook, int64_t hook_id, uint64_t seed);
  // Only when no thread is left: `Join`.
  ~HookSender() = default;

  HookSender(const HookSender&) = delete;
  HookSender& operator=(const HookSender&) = delete;

  // As `WebhookSender::SendDue`, for this hook.
  absl::StatusOr<int64_t> SendDue();
  // As `WebhookSender::ReportGauges`.
  void ReportGauges();

  // RESOURCE_EXHAUSTED: no threads; those that there are, `Join` ends.
  absl::Status Start();
  void Wake();
  // In this order. Nothing new is taken up; what is under way may end; it has
  // to; it has ended.
  void RequestStop();
  void WaitUntil(std::chrono::steady_clock::time_point deadline);
  void Cancel();
  void Join();

 private:
  // What is next in the stream becomes deliveries. Whether there may be more.
  absl::StatusOr<bool> Follow();
  absl::StatusOr<std::vector<Delivery>> Claim(int64_t limit);
  void Send(const Delivery& delivery);
  // Fills in what is known of the attempt, and says what becomes of the
  // delivery.
  DeliveryState Attempt(const Delivery& delivery, DeliveryAttempt& attempt);
  // What becomes of a delivery after an attempt that failed, and when it is
  // tried again.
  void DecideAfterFailure(const Delivery& delivery,
                          DeliveryQueue::RecordParams& record);
  // Forgets old deliveries and sets the gauges, now and then.
  void KeepHouse();

  // Text from elsewhere, fit to be kept: short, printable, without the URL.
  std::string ErrorText(const absl::Status& status) const;

  // Tells of a failure of the queue that nobody else hears of.
  void Tell(const absl::Status& status) const;

  void Pump();
  void Work();

  const Parts parts_;
  const WebhookOptions& options_;
  const WebhookHook& hook_;
  const int64_t hook_id_;
  const std::string label_;

  std::mutex random_mutex_;
  std::mt19937_64 random_;
  std::atomic<int64_t> kept_house_at_ms_{0};
  std::atomic<bool> cancelled_{false};

  // Guards all below.
  std::mutex mutex_;
  std::condition_variable pump_wakes_;
  std::condition_variable worker_wakes_;
  std::condition_variable all_is_done_;
  bool is_stopping_ = false;
  bool is_pump_running_ = false;
  bool was_woken_ = false;
  bool was_freed_ = false;
  // Claimed and not recorded.
  int64_t under_way_ = 0;
  std::deque<Delivery> to_send_;
  std::vector<std::thread> threads_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_HOOK_SENDER_H_
