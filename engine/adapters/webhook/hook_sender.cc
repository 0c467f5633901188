#include "slipway/adapters/webhook/hook_sender.h"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/webhook/back_off.h"
#include "slipway/adapters/webhook/payload.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace internal {
namespace {

constexpr int64_t kEnqueueLimit = 200;
constexpr int64_t kPruneLimit = 1000;
// Nothing that a receiver answers is looked at.
constexpr int64_t kResponseBytesMax = 1 << 20;
constexpr size_t kErrorBytesMax = 300;

bool IsSuccess(int status_code) {
  return status_code >= 200 && status_code < 300;
}

}  // namespace

HookSender::HookSender(Parts parts, const WebhookOptions& options,
                       const WebhookHook& hook, int64_t hook_id, uint64_t seed)
    : parts_(std::move(parts)),
      options_(options),
      hook_(hook),
      hook_id_(hook_id),
      label_(absl::StrCat(hook_id)),
      random_(seed) {}

absl::StatusOr<int64_t> HookSender::SendDue() {
  int64_t attempts = 0;
  bool has_more = true;
  while (has_more && !cancelled_) {
    const absl::StatusOr<bool> followed = Follow();
    if (!followed.ok()) return followed.status();
    has_more = *followed;
    while (!cancelled_) {
      absl::StatusOr<std::vector<Delivery>> claimed =
          Claim(options_.parallel_max);
      if (!claimed.ok()) return claimed.status();
      if (claimed->empty()) break;
      for (const Delivery& delivery : *claimed) Send(delivery);
      attempts += static_cast<int64_t>(claimed->size());
    }
  }
  if (!cancelled_) KeepHouse();
  return attempts;
}

absl::StatusOr<bool> HookSender::Follow() {
  const absl::StatusOr<int64_t> passed = parts_.queue->Enqueue(
      {hook_id_, parts_.clock->NowMs(), kEnqueueLimit, hook_.types});
  if (!passed.ok()) return passed.status();
  return *passed == kEnqueueLimit;
}

absl::StatusOr<std::vector<Delivery>> HookSender::Claim(int64_t limit) {
  return parts_.queue->Claim(
      {hook_id_, parts_.clock->NowMs(), options_.lease_ms, limit});
}

void HookSender::Send(const Delivery& delivery) {
  DeliveryQueue::RecordParams record;
  record.delivery_id = delivery.id;
  record.leased_until_ms = delivery.leased_until_ms;
  record.attempt.started_at_ms = parts_.clock->NowMs();
  record.state = Attempt(delivery, record.attempt);
  // The clock may step back.
  record.attempt.duration_ms = std::max<int64_t>(
      parts_.clock->NowMs() - record.attempt.started_at_ms, 0);
  if (record.state == DeliveryState::kPending) {
    DecideAfterFailure(delivery, record);
  }
  // What is not recorded is sent again, which is allowed, when the lease has
  // run out, which is long.
  if (!parts_.queue->Record(record).ok()) Tell(parts_.queue->Record(record));
  if (parts_.metrics == nullptr) return;
  absl::string_view outcome = delivery.is_damaged ? "damaged" : "failed";
  if (record.state == DeliveryState::kDelivered) outcome = "delivered";
  if (record.state == DeliveryState::kPending) outcome = "retry";
  parts_.metrics->Add("slipway_webhook_deliveries_total",
                      {{"hook", label_}, {"outcome", outcome}});
  if (delivery.is_damaged) return;
  parts_.metrics->Observe(
      "slipway_webhook_delivery_seconds", {{"hook", label_}},
      static_cast<double>(record.attempt.duration_ms) / 1000);
}

DeliveryState HookSender::Attempt(const Delivery& delivery,
                                  DeliveryAttempt& attempt) {
  if (delivery.is_damaged) {
    attempt.error =
        ErrorText(absl::DataLossError("the stored event is damaged"));
    return DeliveryState::kFailed;
  }
  const absl::StatusOr<v1::Repository> repository =
      parts_.repositories->At(delivery.entry);
  if (!repository.ok()) {
    attempt.error = ErrorText(repository.status());
    return absl::IsNotFound(repository.status()) ? DeliveryState::kFailed
                                                 : DeliveryState::kPending;
  }
  absl::StatusOr<WebhookMessage> message =
      MessageFor({parts_.base, *repository, delivery, hook_.secret});
  if (!message.ok()) {
    attempt.error = ErrorText(message.status());
    return DeliveryState::kFailed;
  }
  HttpCall call;
  call.method = "POST";
  call.url = hook_.url;
  call.headers = std::move(message->headers);
  call.body = std::move(message->body);
  call.timeout_ms = options_.timeout_ms;
  call.response_bytes_max = kResponseBytesMax;
  call.public_addresses_only = !options_.allow_private_addresses;
  call.cancelled = &cancelled_;
  const absl::StatusOr<HttpResponse> answer = parts_.http->Send(call);
  if (!answer.ok()) {
    attempt.error = ErrorText(answer.status());
    return DeliveryState::kPending;
  }
  attempt.status_code = answer->status;
  return IsSuccess(answer->status) ? DeliveryState::kDelivered
                                   : DeliveryState::kPending;
}

void HookSender::DecideAfterFailure(const Delivery& delivery,
                                    DeliveryQueue::RecordParams& record) {
  int64_t first_ms = record.attempt.started_at_ms;
  int64_t attempts_since_due = delivery.attempts_since_due;
  const absl::StatusOr<absl::optional<Delivery>> found =
      parts_.queue->FindDelivery(delivery.id);
  // What cannot be looked up now, is looked up after the next attempt.
  if (found.ok() && found->has_value()) {
    // It may have been redelivered while this attempt was under way.
    attempts_since_due = (*found)->attempts_since_due;
    const std::vector<DeliveryAttempt>& attempts = (*found)->attempts;
    const auto since = std::min<size_t>(
        attempts.size(), static_cast<size_t>(attempts_since_due));
    if (since > 0) first_ms = attempts[attempts.size() - since].started_at_ms;
    // The attempt of an earlier claim, which came in late, has been taken.
    const bool is_taken =
        std::any_of(attempts.end() - static_cast<std::ptrdiff_t>(since),
                    attempts.end(), [](const DeliveryAttempt& each) {
                      return IsSuccess(each.status_code);
                    });
    if (is_taken) {
      record.state = DeliveryState::kDelivered;
      return;
    }
  }
  const int64_t now_ms = parts_.clock->NowMs();
  record.due_at_ms = now_ms;
  // Ended by Stop: for whoever comes next, at once.
  if (cancelled_) return;
  const int64_t last_ms = first_ms + options_.give_up_after_ms;
  if (now_ms >= last_ms) {
    record.state = DeliveryState::kFailed;
    return;
  }
  std::lock_guard<std::mutex> lock(random_mutex_);
  const int64_t wait_ms = WaitMs({options_.first_wait_ms, options_.wait_ms_max},
                                 attempts_since_due + 1, random_);
  record.due_at_ms = std::min(now_ms + wait_ms, last_ms);
}

void HookSender::KeepHouse() {
  const int64_t now_ms = parts_.clock->NowMs();
  int64_t kept_at_ms = kept_house_at_ms_;
  if (now_ms < kept_at_ms + options_.housekeeping_ms && now_ms >= kept_at_ms) {
    return;
  }
  if (!kept_house_at_ms_.compare_exchange_strong(kept_at_ms, now_ms)) return;
  const int64_t before_ms =
      now_ms - options_.give_up_after_ms - options_.kept_ms;
  const absl::StatusOr<int64_t> pruned =
      parts_.queue->Prune({before_ms, kPruneLimit});
  // Nobody waits for all of a heap: the rest goes with the next look.
  if (pruned.ok() && *pruned == kPruneLimit) kept_house_at_ms_ = 0;
  Tell(pruned.status());
  ReportGauges();
}

void HookSender::ReportGauges() {
  if (parts_.metrics == nullptr) return;
  const absl::StatusOr<int64_t> pending = parts_.queue->CountPending(hook_id_);
  if (pending.ok()) {
    parts_.metrics->Set("slipway_webhook_pending", {{"hook", label_}},
                        static_cast<double>(*pending));
  }
  const absl::StatusOr<Hook> hook = parts_.queue->AddHook({hook_.url});
  const absl::StatusOr<int64_t> last = parts_.outbox->LastGlobalPosition();
  if (hook.ok() && last.ok()) {
    parts_.metrics->Set(
        "slipway_outbox_lag", {{"hook", label_}},
        static_cast<double>(std::max<int64_t>(*last - hook->cursor, 0)));
  }
}

std::string HookSender::ErrorText(const absl::Status& status) const {
  std::string text = absl::StrCat(
      absl::StatusCodeToString(status.code()), ": ",
      absl::StrReplaceAll(
          status.message(),
          {{absl::string_view(hook_.url), "hook"}, {hook_.secret, "secret"}}));
  if (text.size() > kErrorBytesMax) text.resize(kErrorBytesMax);
  for (char& c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

absl::Status HookSender::Start() {
  std::lock_guard<std::mutex> lock(mutex_);
  try {
    for (int64_t i = 0; i < options_.parallel_max; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
    threads_.emplace_back([this] { Pump(); });
    is_pump_running_ = true;
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no threads for webhooks: ", error.what()));
  }
  return absl::OkStatus();
}

void HookSender::Wake() {
  std::lock_guard<std::mutex> lock(mutex_);
  was_woken_ = true;
  pump_wakes_.notify_one();
}

void HookSender::RequestStop() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_stopping_ = true;
  pump_wakes_.notify_all();
  worker_wakes_.notify_all();
}

void HookSender::WaitUntil(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  all_is_done_.wait_until(
      lock, deadline, [this] { return !is_pump_running_ && under_way_ == 0; });
}

void HookSender::Cancel() { cancelled_ = true; }

void HookSender::Join() {
  std::vector<std::thread> threads;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void HookSender::Tell(const absl::Status& status) const {
  if (!status.ok() && parts_.on_failure != nullptr) parts_.on_failure(status);
}

void HookSender::Pump() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_look = Clock::now();
  bool has_more = false;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!is_stopping_) {
    const bool looks = was_woken_ || has_more || Clock::now() >= next_look;
    const int64_t free = options_.parallel_max - under_way_;
    was_woken_ = false;
    was_freed_ = false;
    lock.unlock();
    if (looks) {
      // Where the queue cannot answer, the next look tries again. Where there
      // is more, it is claimed from first, so that sending does not wait for
      // the end of a long stream.
      const absl::StatusOr<bool> followed = Follow();
      Tell(followed.status());
      has_more = followed.value_or(false);
      KeepHouse();
      next_look = Clock::now() + std::chrono::milliseconds(options_.poll_ms);
    }
    absl::StatusOr<std::vector<Delivery>> claimed = std::vector<Delivery>();
    if (free > 0) claimed = Claim(free);
    Tell(claimed.status());
    lock.lock();
    if (claimed.ok()) {
      under_way_ += static_cast<int64_t>(claimed->size());
      for (Delivery& delivery : *claimed) {
        to_send_.push_back(std::move(delivery));
        worker_wakes_.notify_one();
      }
    }
    pump_wakes_.wait_until(lock, next_look, [&] {
      return is_stopping_ || was_woken_ || was_freed_ || has_more;
    });
  }
  is_pump_running_ = false;
  worker_wakes_.notify_all();
  all_is_done_.notify_all();
}

void HookSender::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    worker_wakes_.wait(lock, [this] {
      return !to_send_.empty() || (is_stopping_ && !is_pump_running_);
    });
    if (to_send_.empty()) return;
    const Delivery delivery = std::move(to_send_.front());
    to_send_.pop_front();
    lock.unlock();
    Send(delivery);
    lock.lock();
    --under_way_;
    was_freed_ = true;
    pump_wakes_.notify_one();
    all_is_done_.notify_all();
  }
}

}  // namespace internal
}  // namespace slipway
