#include "slipway/conformance/notification_check.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace slipway {
namespace conformance {
namespace {

// How many of each kind a summary names, and how many exchanges are shown.
constexpr int kShownMax = 3;

bool Fits(int64_t expected, int64_t actual) {
  return actual == 0 || expected == actual;
}

bool Fits(const v1::Notification& expected, const v1::Notification& actual) {
  return expected.event() == actual.event() &&
         expected.action() == actual.action() &&
         expected.state() == actual.state() &&
         Fits(expected.deployment_id(), actual.deployment_id()) &&
         Fits(expected.status_id(), actual.status_id());
}

bool IsAmong(const v1::Notification& expected,
             const v1::NotificationsResponse& response) {
  return std::any_of(
      response.notifications().begin(), response.notifications().end(),
      [&](const v1::Notification& one) { return Fits(expected, one); });
}

// "deployment_status created (success) of deployment 7"
std::string Shown(const v1::Notification& notification) {
  if (notification.event().empty()) {
    return absl::StrCat("what is no event (", notification.flaw(), ")");
  }
  std::string text =
      absl::StrCat(notification.event(), " ", notification.action());
  if (notification.state() != slipway::v1::STATUS_STATE_UNSPECIFIED) {
    absl::StrAppend(&text, " (",
                    absl::AsciiStrToLower(absl::StripPrefix(
                        slipway::v1::StatusState_Name(notification.state()),
                        "STATUS_STATE_")),
                    ")");
  }
  absl::StrAppend(&text, " of deployment ", notification.deployment_id());
  return text;
}

std::string Shown(const v1::Answer& answer) {
  std::string text;
  for (const v1::Notification& notification : answer.notifications()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", Shown(notification));
  }
  return text;
}

// Once each.
void Add(v1::Notification notification, v1::Answer& answer) {
  const std::string exchange = std::move(*notification.mutable_exchange());
  notification.clear_exchange();
  const auto& shown = answer.notifications();
  const bool known =
      std::any_of(shown.begin(), shown.end(), [&](const auto& other) {
        return other.SerializeAsString() == notification.SerializeAsString();
      });
  if (known || shown.size() >= kShownMax) return;
  absl::StrAppend(answer.mutable_exchange(), exchange);
  *answer.add_notifications() = std::move(notification);
}

}  // namespace

bool AreAmong(const v1::NotificationsRequest& request,
              const v1::NotificationsResponse& response) {
  return std::all_of(request.expected().begin(), request.expected().end(),
                     [&](const v1::Notification& expected) {
                       return IsAmong(expected, response);
                     });
}

NotificationCheck CheckNotifications(const v1::NotificationsRequest& request,
                                     v1::NotificationsResponse response) {
  NotificationCheck check;
  for (const v1::Notification& expected : request.expected()) {
    if (!IsAmong(expected, response)) Add(expected, check.missing);
  }
  v1::Answer flawed;
  bool without_event = false;
  for (v1::Notification& one : *response.mutable_notifications()) {
    const bool right = std::any_of(
        request.expected().begin(), request.expected().end(),
        [&](const v1::Notification& expected) { return Fits(expected, one); });
    without_event = without_event || one.event().empty();
    if (!right) {
      Add(std::move(one), check.wrong);
    } else if (!one.flaw().empty()) {
      Add(std::move(one), flawed);
    }
  }
  std::string summary;
  if (check.missing.notifications_size() > 0) {
    summary = absl::StrCat("others were not told of ", Shown(check.missing));
  }
  if (check.wrong.notifications_size() > 0) {
    absl::StrAppend(&summary, summary.empty() ? "others" : ", but",
                    " were told of ", Shown(check.wrong));
  }
  if (!summary.empty()) {
    check.mismatch.emplace();
    check.mismatch->rules = {80};
    if (without_event) check.mismatch->rules.push_back(82);
    check.mismatch->summary = std::move(summary);
    return check;
  }
  if (flawed.notifications_size() > 0) {
    check.mismatch.emplace();
    check.mismatch->rules = {82};
    check.mismatch->summary =
        absl::StrCat("others were told of ", Shown(flawed.notifications(0)),
                     ", but ", flawed.notifications(0).flaw());
    check.wrong = std::move(flawed);
  }
  return check;
}

}  // namespace conformance
}  // namespace slipway
