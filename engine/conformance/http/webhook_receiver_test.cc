#include "slipway/conformance/http/webhook_receiver.h"

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/conformance/http/signature.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace conformance {
namespace {

using testing::HasSubstr;
using Deliveries = WebhookReceiver::Deliveries;

constexpr char kSecret[] = "hush";
constexpr char kBody[] = R"({
  "action": "created",
  "deployment_status": {"id": 8, "state": "success"},
  "deployment": {"id": 7},
  "repository": {"full_name": "octocat/hello-world"}
})";

HttpRequest Webhook(const std::string& event, const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/hook";
  request.headers = {
      {"X-GitHub-Event", event},
      {"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
      {"X-GitHub-Hook-ID", "292430182"},
      {"X-Hub-Signature-256", internal::SignatureOf(kSecret, body)},
      {"User-Agent", "GitHub-Hookshot/044aadd"},
      {"Content-Type", "application/json"}};
  request.body = body;
  return request;
}

void Set(const std::string& name, const std::string& value,
         HttpRequest& request) {
  for (HttpHeader& header : request.headers) {
    if (header.name == name) header.value = value;
  }
}

Deliveries CameTo(WebhookReceiver& receiver) {
  return receiver.WaitUntil([](const Deliveries&) { return true; }, 0);
}

// The flaw of the only delivery.
std::string FlawOf(const HttpRequest& request, const std::string& secret) {
  WebhookReceiver receiver(secret);
  EXPECT_EQ(receiver.Handle(request).status, 204);
  const Deliveries came = CameTo(receiver);
  EXPECT_EQ(came.size(), 1u);
  return came.empty() ? "" : came[0].notification.flaw();
}

TEST(WebhookReceiver, NotesDownWhatItIsTold) {
  WebhookReceiver receiver(kSecret);
  EXPECT_EQ(receiver.Handle(Webhook("deployment_status", kBody)).status, 204);
  EXPECT_EQ(receiver.Handle(Webhook("deployment", kBody)).status, 204);
  const Deliveries came = CameTo(receiver);
  ASSERT_EQ(came.size(), 2u);
  EXPECT_EQ(came[0].repository, "octocat/hello-world");
  const v1::Notification& told = came[0].notification;
  EXPECT_EQ(told.event(), "deployment_status");
  EXPECT_EQ(told.action(), "created");
  EXPECT_EQ(told.deployment_id(), 7);
  EXPECT_EQ(told.status_id(), 8);
  EXPECT_EQ(told.state(), slipway::v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(told.flaw(), "");
  EXPECT_THAT(told.exchange(), HasSubstr("< POST /hook\n"));
  EXPECT_THAT(told.exchange(), HasSubstr("< X-GitHub-Event: deployment_sta"));
  EXPECT_EQ(came[1].notification.event(), "deployment");
  receiver.Clear();
  EXPECT_TRUE(CameTo(receiver).empty());
}

TEST(WebhookReceiver, ForgetsOtherEventsAndTakesOnlyPosts) {
  WebhookReceiver receiver(kSecret);
  EXPECT_EQ(receiver.Handle(Webhook("ping", "{}")).status, 204);
  HttpRequest get = Webhook("deployment", kBody);
  get.method = "GET";
  EXPECT_EQ(receiver.Handle(get).status, 405);
  EXPECT_TRUE(CameTo(receiver).empty());
}

TEST(WebhookReceiver, R82EachFlawIsNamed) {
  const struct {
    const char* header;
    const char* value;
    const char* flaw;
  } cases[] = {
      {"X-Hub-Signature-256", "", "it has no X-Hub-Signature-256"},
      {"X-Hub-Signature-256", "sha256=00",
       "its X-Hub-Signature-256 is not that of its body"},
      {"X-GitHub-Delivery", "", "its X-GitHub-Delivery is no UUID"},
      {"X-GitHub-Delivery", "72d3162e+cc78-11e3-81ab-4c9367dc0958",
       "its X-GitHub-Delivery is no UUID"},
      {"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc095g",
       "its X-GitHub-Delivery is no UUID"},
      {"X-GitHub-Hook-ID", "one", "its X-GitHub-Hook-ID is no number"},
      {"User-Agent", "curl/8",
       "its User-Agent does not begin with GitHub-Hookshot/"},
      {"Content-Type", "text/plain",
       "its Content-Type is not application/json"},
  };
  for (const auto& c : cases) {
    HttpRequest request = Webhook("deployment", kBody);
    Set(c.header, c.value, request);
    EXPECT_EQ(FlawOf(request, kSecret), c.flaw);
    // Without the secret nothing can be said.
    EXPECT_EQ(FlawOf(request, ""), "");
  }
}

TEST(WebhookReceiver, WhatIsNoWebhookIsAFlawWithoutASecretToo) {
  HttpRequest request = Webhook("", kBody);
  EXPECT_EQ(FlawOf(request, ""), "it has no X-GitHub-Event");
  for (const char* body : {"", "payload=%7B%7D", "[]", "{", "\xff"}) {
    EXPECT_EQ(FlawOf(Webhook("deployment", body), ""), "its body is no JSON");
  }
}

TEST(WebhookReceiver, WhatABodyDoesNotSayIsLeftOut) {
  for (const char* body :
       {"{}", R"({"deployment": 7, "repository": "x"})",
        R"({"deployment_status": [], "deployment": {"id": "7"}})"}) {
    WebhookReceiver receiver("");
    receiver.Handle(Webhook("deployment", body));
    const Deliveries came = CameTo(receiver);
    ASSERT_EQ(came.size(), 1u);
    EXPECT_EQ(came[0].notification.deployment_id(), 0) << body;
    EXPECT_EQ(came[0].repository, "");
  }
}

TEST(WebhookReceiver, WaitsUntilItIsEnoughOrTooLate) {
  WebhookReceiver receiver("");
  std::thread sender([&receiver] {
    for (int i = 0; i < 3; ++i) receiver.Handle(Webhook("deployment", kBody));
  });
  EXPECT_EQ(
      receiver
          .WaitUntil([](const Deliveries& all) { return all.size() == 3; },
                     /*timeout_ms=*/60'000)
          .size(),
      3u);
  sender.join();
  EXPECT_EQ(
      receiver
          .WaitUntil([](const Deliveries& all) { return all.size() == 4; },
                     /*timeout_ms=*/1)
          .size(),
      3u);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
