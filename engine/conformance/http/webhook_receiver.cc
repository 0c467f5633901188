#include "slipway/conformance/http/webhook_receiver.h"

#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/conformance/http/exchange.h"
#include "engine/conformance/http/rest_json.h"
#include "slipway/conformance/http/signature.h"

namespace slipway {
namespace conformance {
namespace {

absl::string_view HeaderOf(const HttpRequest& request, absl::string_view name) {
  const std::string* value = FindHeader(request.headers, name);
  return value == nullptr ? absl::string_view() : *value;
}

// "72d3162e-cc78-11e3-81ab-4c9367dc0958"
bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-'
             : !absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) {
      return false;
    }
  }
  return true;
}

bool IsNumber(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

}  // namespace

WebhookReceiver::WebhookReceiver(std::string secret)
    : secret_(std::move(secret)) {}

// The first thing that is wrong; empty: nothing.
std::string WebhookReceiver::FlawOf(const HttpRequest& request) const {
  if (secret_.empty()) return "";
  const absl::string_view signature = HeaderOf(request, "X-Hub-Signature-256");
  if (signature.empty()) return "it has no X-Hub-Signature-256";
  if (signature != internal::SignatureOf(secret_, request.body)) {
    return "its X-Hub-Signature-256 is not that of its body";
  }
  if (!IsUuid(HeaderOf(request, "X-GitHub-Delivery"))) {
    return "its X-GitHub-Delivery is no UUID";
  }
  if (!IsNumber(HeaderOf(request, "X-GitHub-Hook-ID"))) {
    return "its X-GitHub-Hook-ID is no number";
  }
  if (!absl::StartsWith(HeaderOf(request, "User-Agent"), "GitHub-Hookshot/")) {
    return "its User-Agent does not begin with GitHub-Hookshot/";
  }
  if (!absl::StartsWithIgnoreCase(HeaderOf(request, "Content-Type"),
                                  "application/json")) {
    return "its Content-Type is not application/json";
  }
  return "";
}

HttpResponse WebhookReceiver::Handle(const HttpRequest& request) {
  HttpResponse response;
  response.status = 204;
  if (request.method != "POST") {
    response.status = 405;
    response.headers = {{"Allow", "POST"}};
    return response;
  }
  const absl::string_view event = HeaderOf(request, "X-GitHub-Event");
  if (!event.empty() && event != "deployment" && event != "deployment_status") {
    return response;
  }
  WebhookDelivery delivery;
  v1::Notification& notification = delivery.notification;
  const bool read =
      internal::ReadWebhook(request.body, &notification, &delivery.repository);
  notification.set_flaw(event.empty() ? "it has no X-GitHub-Event"
                        : !read       ? "its body is no JSON"
                                      : FlawOf(request));
  notification.set_event(std::string(event));
  notification.set_exchange(
      internal::MessageText(absl::StrCat("POST ", request.target),
                            request.headers, request.body, /*mark=*/"< "));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    deliveries_.push_back(std::move(delivery));
  }
  came_.notify_all();
  return response;
}

WebhookReceiver::Deliveries WebhookReceiver::WaitUntil(
    const std::function<bool(const Deliveries&)>& enough, int64_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  came_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                 [&] { return enough(deliveries_); });
  return deliveries_;
}

void WebhookReceiver::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  deliveries_.clear();
}

}  // namespace conformance
}  // namespace slipway
