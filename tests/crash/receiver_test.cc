#include "slipway/tests/crash/receiver.h"

#include <string>

#include "gtest/gtest.h"

namespace crash {
namespace {

slipway::HttpRequest RequestOf(const std::string& body,
                               const std::string& signature) {
  slipway::HttpRequest request;
  request.method = "POST";
  request.headers = {{"X-GitHub-Event", "deployment_status"},
                     {"X-GitHub-Delivery", "a-guid"},
                     {"X-Hub-Signature-256", signature}};
  request.body = body;
  return request;
}

// The test vector of GitHub's documentation.
TEST(ReceiverTest, R82TheSignatureIsThatOfTheBody) {
  const std::string secret = "It's a Secret to Everybody";
  const std::string signature =
      "sha256="
      "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  EXPECT_TRUE(
      ReadDelivery(RequestOf("Hello, World!", signature), secret).is_signed);
  EXPECT_FALSE(
      ReadDelivery(RequestOf("Hello, world!", signature), secret).is_signed);
  EXPECT_FALSE(
      ReadDelivery(RequestOf("Hello, World!", signature), "x").is_signed);
  EXPECT_FALSE(ReadDelivery(RequestOf("Hello, World!", ""), secret).is_signed);
}

TEST(ReceiverTest, WhatTheBodySays) {
  const Delivery delivery = ReadDelivery(
      RequestOf(R"({"action":"created","deployment_status":{"id":9},)"
                R"("deployment":{"id":7,"creator":{"id":1}}})",
                ""),
      "");
  EXPECT_EQ(delivery.event, "deployment_status");
  EXPECT_EQ(delivery.guid, "a-guid");
  EXPECT_EQ(delivery.action, "created");
  EXPECT_EQ(delivery.row_id, 9);
  EXPECT_EQ(delivery.deployment_id, 7);
}

TEST(ReceiverTest, OneInSoManyIsRefused) {
  const auto receiver = Receiver::Start({"", /*refuse_one_in=*/2});
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  const slipway::HttpRequest request =
      RequestOf(R"({"action":"created","deployment_status":{"id":9}})", "");
  EXPECT_EQ((*receiver)->Handle(request).status, 200);
  EXPECT_EQ((*receiver)->Handle(request).status, 500);
  EXPECT_EQ((*receiver)->count(), 2U);
  EXPECT_EQ((*receiver)->taken(), 1U);
  EXPECT_TRUE((*receiver)->Deliveries()[1].was_refused);
}

}  // namespace
}  // namespace crash
