#include "slipway/adapters/webhook/webhook_sender.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/webhook/hook_sender.h"
#include "slipway/adapters/webhook/repository_history.h"
#include "slipway/wire/resources.h"

namespace slipway {
namespace {

constexpr size_t kUrlBytesMax = 2048;

// Of "host", "host:8080", "[::1]:8080".
bool HasGoodPort(absl::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon =
      authority.find(':', bracket == absl::string_view::npos ? 0 : bracket);
  if (colon == absl::string_view::npos) return true;
  uint32_t port = 0;
  return absl::SimpleAtoi(authority.substr(colon + 1), &port) && port >= 1 &&
         port <= 65535;
}

absl::Status CheckHooks(const std::vector<WebhookHook>& hooks) {
  if (hooks.size() > static_cast<size_t>(WebhookOptions::kHooksMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", WebhookOptions::kHooksMax, " webhooks"));
  }
  std::set<std::string> urls;
  int number = 0;
  for (const WebhookHook& hook : hooks) {
    // Not by its URL, which may have in it what is nobody's business.
    const std::string what = absl::StrCat("webhook ", ++number);
    absl::Status status = CheckWebhookUrl(what, hook.url);
    if (!status.ok()) return status;
    if (!urls.insert(hook.url).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": its URL is there twice"));
    }
    if (hook.secret.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(what, " has no secret"));
    }
    for (const v1::EventType type : hook.types) {
      if (type != v1::EVENT_TYPE_DEPLOYMENT_CREATED &&
          type != v1::EVENT_TYPE_STATUS_CREATED) {
        return absl::InvalidArgumentError(absl::StrCat(
            what, ": nobody is told of ", v1::EventType_Name(type)));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const WebhookOptions& options) {
  constexpr int64_t kYearMs = int64_t{366} * 24 * 3'600'000;
  const struct {
    const char* name;
    int64_t value, min, max;
  } rows[] = {
      {"timeout_ms", options.timeout_ms, 1, WebhookOptions::kTimeoutMsMax},
      {"parallel_max", options.parallel_max, 1, 64},
      {"first_wait_ms", options.first_wait_ms, 1, kYearMs},
      {"wait_ms_max", options.wait_ms_max, options.first_wait_ms, kYearMs},
      {"give_up_after_ms", options.give_up_after_ms, 0, kYearMs},
      {"kept_ms", options.kept_ms, 0, 10 * kYearMs},
      {"poll_ms", options.poll_ms, 1, kYearMs},
      {"housekeeping_ms", options.housekeeping_ms, 1, kYearMs},
      {"lease_ms", options.lease_ms,
       options.timeout_ms + WebhookOptions::kLeaseMarginMs,
       WebhookOptions::kLeaseMsMax},
      {"stop_wait_ms", options.stop_wait_ms, 0, kYearMs},
  };
  for (const auto& row : rows) {
    if (row.value < row.min || row.value > row.max) {
      return absl::InvalidArgumentError(absl::StrCat(row.name, " is ",
                                                     row.value, ", not from ",
                                                     row.min, " to ", row.max));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const WebhookOptions& options) {
  absl::Status status = CheckHooks(options.hooks);
  if (status.ok()) status = CheckNumbers(options);
  if (status.ok()) status = CheckWebhookUrl("api_url", options.api_url);
  if (status.ok() && !options.html_url.empty()) {
    status = CheckWebhookUrl("html_url", options.html_url);
  }
  return status;
}

internal::BaseUrls BaseOf(const WebhookOptions& options) {
  internal::BaseUrls base;
  base.api = std::string(absl::StripSuffix(options.api_url, "/"));
  base.html = std::string(absl::StripSuffix(options.html_url, "/"));
  if (base.html.empty()) base.html = base.api;
  return base;
}

}  // namespace

absl::Status CheckWebhookUrl(absl::string_view what, absl::string_view url) {
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, "https://") &&
      !absl::ConsumePrefix(&rest, "http://")) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " does not begin with https:// or http://"));
  }
  const absl::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(what, " has no host"));
  }
  if (absl::StrContains(authority, "@")) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has a user or a password in it"));
  }
  const bool is_plain =
      std::all_of(authority.begin(), authority.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || absl::StrContains("-._:[]", c);
      });
  if (!is_plain) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " has more in its host than letters, digits and -._:[]"));
  }
  if (!HasGoodPort(authority)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has a port that is not from 1 to 65535"));
  }
  for (const unsigned char c : url) {
    if (c <= ' ' || c >= 0x7f) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " has a space, a control character or one beyond ASCII in it"));
    }
  }
  if (url.size() > kUrlBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has more than ", kUrlBytesMax, " bytes"));
  }
  return absl::OkStatus();
}

class WebhookSender::Impl {
 public:
  Impl(const WebhookParams& params, const WebhookOptions& options)
      : params_(params),
        options_(options),
        repositories_(params.store, params.outbox) {}

  ~Impl() { Stop(); }

  absl::Status AddHooks() {
    uint64_t seed = options_.seed;
    if (seed == 0) {
      std::random_device device;
      seed = (uint64_t{device()} << 32) | device();
    }
    for (const WebhookHook& hook : options_.hooks) {
      absl::StatusOr<Hook> added = params_.queue->AddHook({hook.url});
      if (!added.ok()) return added.status();
      hooks_.push_back(*added);
      senders_.push_back(std::make_unique<internal::HookSender>(
          internal::HookSender::Parts{params_.queue, params_.outbox,
                                      params_.http, params_.clock,
                                      params_.metrics, &repositories_,
                                      BaseOf(options_), params_.on_failure},
          options_, hook, added->id, seed++));
    }
    return absl::OkStatus();
  }

  absl::Status Start() {
    for (const auto& sender : senders_) {
      absl::Status status = sender->Start();
      if (!status.ok()) {
        Stop();
        return status;
      }
    }
    return absl::OkStatus();
  }

  void Wake() {
    for (const auto& sender : senders_) sender->Wake();
  }

  void Stop() {
    const auto deadline = std::chrono::steady_clock::now() +
                          std::chrono::milliseconds(options_.stop_wait_ms);
    for (const auto& sender : senders_) sender->RequestStop();
    for (const auto& sender : senders_) sender->WaitUntil(deadline);
    for (const auto& sender : senders_) sender->Cancel();
    for (const auto& sender : senders_) sender->Join();
  }

  absl::StatusOr<int64_t> SendDue() {
    absl::Status failure;
    int64_t attempts = 0;
    for (const auto& sender : senders_) {
      const absl::StatusOr<int64_t> made = sender->SendDue();
      if (made.ok()) attempts += *made;
      failure.Update(made.status());
    }
    if (!failure.ok()) return failure;
    return attempts;
  }

  void ReportGauges() {
    for (const auto& sender : senders_) sender->ReportGauges();
  }

  const WebhookParams& params() const { return params_; }
  const std::vector<Hook>& hooks() const { return hooks_; }

 private:
  const WebhookParams params_;
  // The senders refer to it.
  const WebhookOptions options_;
  internal::RepositoryHistory repositories_;
  std::vector<Hook> hooks_;
  std::vector<std::unique_ptr<internal::HookSender>> senders_;
};

absl::StatusOr<std::unique_ptr<WebhookSender>> WebhookSender::Create(
    const WebhookParams& params, const WebhookOptions& options) {
  if (params.queue == nullptr || params.outbox == nullptr ||
      params.store == nullptr || params.http == nullptr ||
      params.clock == nullptr) {
    return absl::InvalidArgumentError(
        "webhooks need a queue, an outbox, a store, an HTTP client and a "
        "clock");
  }
  absl::Status status = CheckOptions(options);
  if (!status.ok()) return status;
  auto impl = std::make_unique<Impl>(params, options);
  status = impl->AddHooks();
  if (!status.ok()) return status;
  return absl::WrapUnique(new WebhookSender(std::move(impl)));
}

WebhookSender::WebhookSender(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
WebhookSender::~WebhookSender() = default;

absl::Status WebhookSender::Start() { return impl_->Start(); }
void WebhookSender::Wake() { impl_->Wake(); }
void WebhookSender::Stop() { impl_->Stop(); }
absl::StatusOr<int64_t> WebhookSender::SendDue() { return impl_->SendDue(); }

void WebhookSender::ReportGauges() { impl_->ReportGauges(); }

const std::vector<Hook>& WebhookSender::hooks() const { return impl_->hooks(); }

absl::StatusOr<std::vector<Delivery>> WebhookSender::ListDeliveries(
    const DeliveryQueue::ListDeliveriesParams& params) {
  return impl_->params().queue->ListDeliveries(params);
}

absl::StatusOr<absl::optional<Delivery>> WebhookSender::FindDelivery(
    int64_t id) {
  return impl_->params().queue->FindDelivery(id);
}

absl::Status WebhookSender::Redeliver(int64_t delivery_id) {
  absl::Status status = impl_->params().queue->Redeliver(
      {delivery_id, impl_->params().clock->NowMs()});
  if (status.ok()) impl_->Wake();
  return status;
}

}  // namespace slipway
