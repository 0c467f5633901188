#include "slipway/conformance/notification_check.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::HasSubstr;

constexpr char kDeployment[] =
    "event: 'deployment' action: 'created' deployment_id: 7 ";
constexpr char kSuccess[] =
    "event: 'deployment_status' action: 'created' deployment_id: 7 "
    "status_id: 8 state: STATUS_STATE_SUCCESS ";
constexpr char kInactive[] =
    "event: 'deployment_status' action: 'created' deployment_id: 5 "
    "status_id: 9 state: STATUS_STATE_INACTIVE ";

v1::Notification Parsed(const std::string& text) {
  v1::Notification notification;
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(text, &notification))
      << text;
  return notification;
}

NotificationCheck Check(const std::vector<std::string>& expected,
                        const std::vector<std::string>& actual) {
  v1::NotificationsRequest request;
  for (const std::string& text : expected) {
    *request.add_expected() = Parsed(text);
  }
  v1::NotificationsResponse response;
  for (const std::string& text : actual) {
    *response.add_notifications() = Parsed(text);
  }
  return CheckNotifications(request, response);
}

std::vector<int> RulesOf(const NotificationCheck& check) {
  return check.mismatch.has_value() ? check.mismatch->rules
                                    : std::vector<int>();
}

TEST(CheckNotifications, R80AnyOrderAndMoreThanOnceIsRight) {
  EXPECT_EQ(RulesOf(Check({}, {})), std::vector<int>());
  EXPECT_EQ(RulesOf(Check({kDeployment, kSuccess},
                          {kSuccess, kDeployment, kSuccess})),
            std::vector<int>());
}

TEST(CheckNotifications, WhatIsNotSaidIsNotWrong) {
  EXPECT_EQ(
      RulesOf(Check({kSuccess}, {"event: 'deployment_status' action: 'created' "
                                 "state: STATUS_STATE_SUCCESS"})),
      std::vector<int>());
}

TEST(CheckNotifications, R80WhatDidNotComeIsNamed) {
  const NotificationCheck check = Check({kDeployment, kSuccess}, {kDeployment});
  EXPECT_EQ(RulesOf(check), std::vector<int>{80});
  EXPECT_EQ(check.mismatch->summary,
            "others were not told of deployment_status created (success) of "
            "deployment 7");
  ASSERT_EQ(check.missing.notifications_size(), 1);
  EXPECT_EQ(check.missing.notifications(0).status_id(), 8);
  EXPECT_EQ(check.wrong.notifications_size(), 0);
}

TEST(CheckNotifications, R80WhatShouldNotHaveComeIsNamedAndShown) {
  const std::string wrong = std::string(kInactive) + "exchange: '> POST /\\n'";
  const NotificationCheck check = Check({kSuccess}, {wrong, kSuccess, wrong});
  EXPECT_EQ(RulesOf(check), std::vector<int>{80});
  EXPECT_EQ(check.mismatch->summary,
            "others were told of deployment_status created (inactive) of "
            "deployment 5");
  EXPECT_EQ(check.wrong.exchange(), "> POST /\n") << "twice is once";
}

TEST(CheckNotifications, R80EachFieldCounts) {
  for (const char* other :
       {"event: 'deployment_status' action: 'deleted' deployment_id: 7 "
        "status_id: 8 state: STATUS_STATE_SUCCESS",
        "event: 'deployment_status' action: 'created' deployment_id: 6 "
        "status_id: 8 state: STATUS_STATE_SUCCESS",
        "event: 'deployment_status' action: 'created' deployment_id: 7 "
        "status_id: 9 state: STATUS_STATE_SUCCESS",
        "event: 'deployment_status' action: 'created' deployment_id: 7 "
        "status_id: 8 state: STATUS_STATE_ERROR",
        "event: 'deployment' action: 'created' deployment_id: 7 "
        "status_id: 8 state: STATUS_STATE_SUCCESS"}) {
    const NotificationCheck check = Check({kSuccess}, {other});
    EXPECT_EQ(RulesOf(check), std::vector<int>{80}) << other;
    EXPECT_THAT(check.mismatch->summary, HasSubstr(", but were told of "));
    EXPECT_EQ(check.missing.notifications_size(), 1);
    EXPECT_EQ(check.wrong.notifications_size(), 1);
  }
}

TEST(CheckNotifications, R82AFlawIsNamed) {
  const NotificationCheck check =
      Check({kDeployment, kSuccess},
            {kDeployment, std::string(kSuccess) + "flaw: 'it is not signed'"});
  EXPECT_EQ(RulesOf(check), std::vector<int>{82});
  EXPECT_THAT(check.mismatch->summary, HasSubstr(", but it is not signed"));
  ASSERT_EQ(check.wrong.notifications_size(), 1);
}

TEST(CheckNotifications, WhatIsNoEventMayBreakBoth) {
  const NotificationCheck check =
      Check({kDeployment}, {kDeployment, "flaw: 'it has no X-GitHub-Event'"});
  EXPECT_EQ(RulesOf(check), (std::vector<int>{80, 82}));
  EXPECT_THAT(check.mismatch->summary, HasSubstr("no X-GitHub-Event"));
}

TEST(CheckNotifications, ASummaryStaysShort) {
  std::vector<std::string> expected(500, kDeployment);
  EXPECT_LT(Check(expected, {}).mismatch->summary.size(), 300u);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
