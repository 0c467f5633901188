#include "slipway/adapters/webhook/webhook_sender.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "slipway/adapters/webhook/back_off.h"
#include "slipway/adapters/webhook/testing.h"

namespace slipway {
namespace internal {
namespace {

constexpr char kUrl[] = "https://a.example/hook";
constexpr int64_t kDayMs = 24 * 3'600'000;

// An engine and a sender over it.
class WebhookSenderTest : public testing::Test {
 protected:
  std::unique_ptr<WebhookSender> Create(const WebhookOptions& options) {
    auto sender =
        WebhookSender::Create({&engine_.queue, &engine_.store, &engine_.store,
                               &client_, &engine_.clock, metrics_},
                              options);
    EXPECT_TRUE(sender.ok()) << sender.status();
    return sender.ok() ? *std::move(sender) : nullptr;
  }

  Delivery Find(int64_t id) {
    const auto found = engine_.queue.FindDelivery(id);
    EXPECT_TRUE(found->has_value()) << id;
    return found->value_or(Delivery());
  }

  TestEngine engine_;
  FakeClient client_;
  Metrics* metrics_ = nullptr;
};

absl::StatusOr<int> Fail(const HttpCall& /*call*/) { return 500; }
absl::StatusOr<int> Take(const HttpCall& /*call*/) { return 200; }

// The id of the deployment that a call is about, and of its status (0: none).
std::pair<int64_t, int64_t> AboutOf(const HttpCall& call) {
  rapidjson::Document json;
  json.Parse(call.body.c_str());
  const int64_t status = json.HasMember("deployment_status")
                             ? json["deployment_status"]["id"].GetInt64()
                             : 0;
  return {json["deployment"]["id"].GetInt64(), status};
}

// Waits for what threads do; not for long.
template <typename Condition>
bool Soon(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

TEST_F(WebhookSenderTest, R80TellsOfWhatComesAfterIt) {
  engine_.Deploy();
  const auto sender = Create(OptionsFor({kUrl}));
  ASSERT_EQ(*sender->SendDue(), 0);
  const int64_t id = engine_.Deploy();
  engine_.Report(id, v1::STATUS_STATE_SUCCESS);
  engine_.Report(id, v1::STATUS_STATE_INACTIVE);
  EXPECT_EQ(*sender->SendDue(), 2);
  const std::vector<HttpCall> calls = client_.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(HeaderOf(calls[0], "X-GitHub-Event"), "deployment");
  EXPECT_EQ(HeaderOf(calls[1], "X-GitHub-Event"), "deployment_status");
  for (const HttpCall& call : calls) {
    EXPECT_EQ(call.method, "POST");
    EXPECT_EQ(call.url, kUrl);
    EXPECT_EQ(call.timeout_ms, 10'000);
    EXPECT_TRUE(call.public_addresses_only);
    EXPECT_EQ(AboutOf(call).first, id);
  }
  EXPECT_EQ(*sender->SendDue(), 0);
}

TEST_F(WebhookSenderTest, R106OtherAddressesByTheOption) {
  WebhookOptions options = OptionsFor({kUrl});
  options.allow_private_addresses = true;
  options.timeout_ms = 1234;
  const auto sender = Create(options);
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_FALSE(client_.calls().at(0).public_addresses_only);
  EXPECT_EQ(client_.calls().at(0).timeout_ms, 1234);
}

TEST_F(WebhookSenderTest, AHookHearsOfItsTypesOnly) {
  WebhookOptions options =
      OptionsFor({"https://a.example/", "https://b.example/"});
  options.hooks[0].types = {v1::EVENT_TYPE_STATUS_CREATED};
  options.hooks[1].types = {v1::EVENT_TYPE_DEPLOYMENT_CREATED};
  const auto sender = Create(options);
  engine_.Report(engine_.Deploy(), v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(*sender->SendDue(), 2);
  for (const HttpCall& call : client_.calls()) {
    EXPECT_EQ(HeaderOf(call, "X-GitHub-Event"), call.url == "https://a.example/"
                                                    ? "deployment_status"
                                                    : "deployment");
  }
}

TEST_F(WebhookSenderTest, R105OnlyTwoHundredsAreTaken) {
  const struct {
    absl::StatusOr<int> answer;
    DeliveryState state;
  } rows[] = {
      {200, DeliveryState::kDelivered},
      {204, DeliveryState::kDelivered},
      {299, DeliveryState::kDelivered},
      {199, DeliveryState::kPending},
      {300, DeliveryState::kPending},
      {302, DeliveryState::kPending},
      {304, DeliveryState::kPending},
      {404, DeliveryState::kPending},
      {410, DeliveryState::kPending},
      {500, DeliveryState::kPending},
      {absl::DeadlineExceededError("slow"), DeliveryState::kPending},
      {absl::PermissionDeniedError("private"), DeliveryState::kPending},
      {absl::UnavailableError("refused"), DeliveryState::kPending},
      {absl::ResourceExhaustedError("large"), DeliveryState::kPending},
      {absl::DataLossError("no HTTP"), DeliveryState::kPending},
  };
  const auto sender = Create(OptionsFor({kUrl}));
  for (const auto& row : rows) {
    client_.set_answer([&](const HttpCall&) { return row.answer; });
    engine_.Deploy();
    EXPECT_GE(*sender->SendDue(), 1);
    const Delivery delivery = sender->ListDeliveries({1, 0, 1})->at(0);
    EXPECT_EQ(delivery.state, row.state) << row.answer.status();
    ASSERT_EQ(delivery.attempts.size(), 1u);
    EXPECT_EQ(delivery.attempts[0].status_code, row.answer.value_or(0));
    EXPECT_EQ(delivery.attempts[0].started_at_ms, engine_.clock.NowMs());
    EXPECT_EQ(delivery.attempts[0].error.empty(), row.answer.ok());
  }
}

TEST_F(WebhookSenderTest, R104EveryAttemptHasTheSameBytes) {
  const auto sender = Create(OptionsFor({kUrl}));
  client_.set_answer(Fail);
  const int64_t id = engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  // Whatever becomes of it all.
  engine_.clock.AdvanceMs(10'000);
  engine_.Put("hello-world", 1296269, "other");
  engine_.Report(id, v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(*sender->SendDue(), 1);
  engine_.clock.AdvanceMs(10'000);
  v1::Command remove = TestEngine::CommandOn();
  remove.mutable_delete_repository();
  engine_.Send(remove);
  EXPECT_EQ(*sender->SendDue(), 1);
  const std::vector<HttpCall> calls = client_.calls();
  ASSERT_EQ(calls.size(), 3u);
  for (const HttpCall& call : calls) {
    EXPECT_EQ(call.body, calls[0].body);
    ASSERT_EQ(call.headers.size(), calls[0].headers.size());
    for (size_t i = 0; i < call.headers.size(); ++i) {
      EXPECT_EQ(call.headers[i].value, calls[0].headers[i].value);
    }
  }
}

TEST_F(WebhookSenderTest, R105WaitsDoubleAndEndAfterThreeDays) {
  const auto sender = Create(OptionsFor({kUrl}));
  client_.set_answer(Fail);
  engine_.Deploy();
  const int64_t start_ms = engine_.clock.NowMs();
  int64_t attempts = 0;
  while (true) {
    const int64_t made = *sender->SendDue();
    ASSERT_EQ(made, 1);
    ++attempts;
    const Delivery delivery = Find(1);
    if (delivery.state != DeliveryState::kPending) break;
    EXPECT_EQ(delivery.attempts_since_due, attempts);
    const int64_t wait_ms = delivery.due_at_ms - engine_.clock.NowMs();
    ASSERT_GE(wait_ms, 1);
    EXPECT_LE(wait_ms, LongestWaitMs({1000, 3'600'000}, attempts)) << attempts;
    // Not before it is due.
    engine_.clock.AdvanceMs(wait_ms - 1);
    EXPECT_EQ(*sender->SendDue(), 0);
    engine_.clock.AdvanceMs(1);
    ASSERT_LT(attempts, 1000);
  }
  EXPECT_EQ(Find(1).state, DeliveryState::kFailed);
  EXPECT_EQ(engine_.clock.NowMs() - start_ms, 3 * kDayMs);
  EXPECT_EQ(static_cast<int64_t>(Find(1).attempts.size()), attempts);
  // The middle of an hour, mostly.
  EXPECT_GT(attempts, 3 * 24);
  EXPECT_LT(attempts, 3 * 24 * 4);
  engine_.clock.AdvanceMs(kDayMs);
  EXPECT_EQ(*sender->SendDue(), 0);
}

TEST_F(WebhookSenderTest, R105WhatWaitedForAnEngineIsTriedForThreeDaysToo) {
  const auto sender = Create(OptionsFor({kUrl}));
  engine_.Deploy();
  ASSERT_TRUE(engine_.queue.Enqueue({1, engine_.clock.NowMs()}).ok());
  engine_.clock.AdvanceMs(2 * kDayMs + 1);
  client_.set_answer(Fail);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  engine_.clock.AdvanceMs(2 * kDayMs);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  engine_.clock.AdvanceMs(kDayMs);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kFailed);
}

TEST_F(WebhookSenderTest, R104ADeploymentWaitsForItsHeadAndNobodyElse) {
  const auto sender = Create(OptionsFor({kUrl}));
  const int64_t stuck = engine_.Deploy();
  client_.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
    return AboutOf(call).first == stuck ? 500 : 200;
  });
  engine_.Report(stuck, v1::STATUS_STATE_SUCCESS);
  const int64_t other = engine_.Deploy();
  engine_.Report(other, v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(*sender->SendDue(), 3);
  EXPECT_EQ(*engine_.queue.CountPending(1), 2);
  client_.set_answer(Take);
  engine_.clock.AdvanceMs(1000);
  EXPECT_EQ(*sender->SendDue(), 2);
  EXPECT_EQ(*engine_.queue.CountPending(1), 0);
}

// A receiver that fails at random: of each deployment all arrives, in order.
TEST_F(WebhookSenderTest, R104InOrderPerDeploymentUnderRandomFailures) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    TestEngine engine;
    FakeClient client;
    std::mt19937_64 random(seed);
    std::map<int64_t, std::vector<int64_t>> expected;
    std::map<int64_t, std::vector<int64_t>> taken;
    client.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
      const auto [deployment, status] = AboutOf(call);
      const uint64_t luck = random() % 4;
      if (luck == 0) return 503;
      // Taken, but the answer is lost.
      const bool is_new =
          taken[deployment].empty() || taken[deployment].back() != status;
      if (is_new) taken[deployment].push_back(status);
      if (luck == 1) return absl::UnavailableError("the answer was lost");
      return 200;
    });
    WebhookOptions options = OptionsFor({kUrl});
    options.seed = seed;
    auto sender =
        WebhookSender::Create({&engine.queue, &engine.store, &engine.store,
                               &client, &engine.clock, nullptr},
                              options);
    ASSERT_TRUE(sender.ok());
    std::vector<int64_t> deployments;
    for (int step = 0; step < 60; ++step) {
      if (deployments.empty() || random() % 4 == 0) {
        deployments.push_back(engine.Deploy());
        expected[deployments.back()].push_back(0);
      } else {
        const int64_t id = deployments[random() % deployments.size()];
        v1::Command status = TestEngine::CommandOn();
        status.mutable_create_status()->set_deployment_id(id);
        status.mutable_create_status()->set_state(v1::STATUS_STATE_IN_PROGRESS);
        expected[id].push_back(
            engine.Send(status).acceptance().events(0).status().id());
      }
      if (random() % 2 == 0) {
        engine.clock.AdvanceMs(static_cast<int64_t>(random() % 3000));
      }
      if (random() % 3 == 0) {
        ASSERT_TRUE((*sender)->SendDue().ok());
      }
    }
    for (int i = 0; i < 90; ++i) {
      ASSERT_TRUE((*sender)->SendDue().ok());
      engine.clock.AdvanceMs(3'600'000);
    }
    EXPECT_EQ(*engine.queue.CountPending(1), 0) << seed;
    EXPECT_EQ(taken, expected) << seed;
  }
}

TEST_F(WebhookSenderTest, R104WhatWasSentAndNotRecordedIsSentAgain) {
  // As an engine that dies between the two.
  class Dying : public MemoryDeliveryQueue {
   public:
    using MemoryDeliveryQueue::MemoryDeliveryQueue;
    absl::Status Record(const RecordParams& params) override {
      if (is_dead) return absl::UnavailableError("dead");
      return MemoryDeliveryQueue::Record(params);
    }
    bool is_dead = true;
  };
  Dying queue(&engine_.store);
  const auto create = [&] {
    return *WebhookSender::Create({&queue, &engine_.store, &engine_.store,
                                   &client_, &engine_.clock, nullptr},
                                  OptionsFor({kUrl}));
  };
  auto sender = create();
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  sender.reset();
  queue.is_dead = false;
  sender = create();
  // Until the lease has run out it may still be under way.
  EXPECT_EQ(*sender->SendDue(), 0);
  engine_.clock.AdvanceMs(60'000);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(*sender->SendDue(), 0);
  const std::vector<HttpCall> calls = client_.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(HeaderOf(calls[0], "X-GitHub-Delivery"),
            HeaderOf(calls[1], "X-GitHub-Delivery"));
  EXPECT_EQ(calls[0].body, calls[1].body);
}

TEST_F(WebhookSenderTest, R104ALateRecordLeavesAnothersClaimAlone) {
  const auto sender = Create(OptionsFor({kUrl}));
  engine_.Report(engine_.Deploy(), v1::STATUS_STATE_SUCCESS);
  std::vector<Delivery> anothers;
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    // So slow that another engine takes it over.
    engine_.clock.AdvanceMs(60'000);
    anothers = *engine_.queue.Claim({1, engine_.clock.NowMs()});
    return 200;
  });
  EXPECT_EQ(*sender->SendDue(), 1);
  ASSERT_EQ(anothers.size(), 1u);
  EXPECT_EQ(anothers[0].id, 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  ASSERT_EQ(Find(1).attempts.size(), 1u);
  EXPECT_EQ(Find(1).attempts[0].status_code, 200);
  // The next one waits for the other engine.
  client_.set_answer(Take);
  EXPECT_EQ(*sender->SendDue(), 0);
  ASSERT_TRUE(
      engine_.queue
          .Record(
              {1, anothers[0].leased_until_ms, {}, DeliveryState::kDelivered})
          .ok());
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(2).state, DeliveryState::kDelivered);
}

TEST_F(WebhookSenderTest, R104WhatALateAttemptDeliveredIsNotTriedAgain) {
  const auto sender = Create(OptionsFor({kUrl}));
  engine_.Report(engine_.Deploy(), v1::STATUS_STATE_SUCCESS);
  ASSERT_TRUE(engine_.queue.Enqueue({1, engine_.clock.NowMs()}).ok());
  const std::vector<Delivery> anothers =
      *engine_.queue.Claim({1, engine_.clock.NowMs()});
  ASSERT_EQ(anothers.size(), 1u);
  engine_.clock.AdvanceMs(60'000);
  int asked = 0;
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    if (++asked > 1) return 200;
    DeliveryAttempt taken;
    taken.status_code = 204;
    EXPECT_TRUE(engine_.queue
                    .Record({1, anothers[0].leased_until_ms, taken,
                             DeliveryState::kDelivered})
                    .ok());
    EXPECT_TRUE(engine_.queue.Claim({1, engine_.clock.NowMs()})->empty());
    return 500;
  });
  // The second one is the status, at once.
  EXPECT_EQ(*sender->SendDue(), 2);
  const Delivery delivery = Find(1);
  EXPECT_EQ(delivery.state, DeliveryState::kDelivered);
  ASSERT_EQ(delivery.attempts.size(), 2u);
  EXPECT_EQ(delivery.attempts[0].status_code, 204);
  EXPECT_EQ(delivery.attempts[1].status_code, 500);
  EXPECT_EQ(Find(2).state, DeliveryState::kDelivered);
}

TEST_F(WebhookSenderTest, R104RedeliversWhatWasDeliveredOrGivenUp) {
  WebhookOptions options = OptionsFor({kUrl});
  options.give_up_after_ms = 0;
  const auto sender = Create(options);
  client_.set_answer(Fail);
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kFailed);
  client_.set_answer(Take);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(sender->Redeliver(1).ok());
    EXPECT_EQ(*sender->SendDue(), 1);
    EXPECT_EQ(sender->FindDelivery(1)->value().state,
              DeliveryState::kDelivered);
  }
  const std::vector<HttpCall> calls = client_.calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].body, calls[2].body);
  EXPECT_EQ(HeaderOf(calls[0], "X-GitHub-Delivery"),
            HeaderOf(calls[2], "X-GitHub-Delivery"));
  EXPECT_EQ(Find(1).attempts.size(), 3u);
  EXPECT_TRUE(absl::IsNotFound(sender->Redeliver(4711)));
}

TEST_F(WebhookSenderTest, R105ARedeliveryHasThreeDaysAnew) {
  const auto sender = Create(OptionsFor({kUrl}));
  client_.set_answer(Fail);
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  engine_.clock.AdvanceMs(3 * kDayMs);
  EXPECT_EQ(*sender->SendDue(), 1);
  ASSERT_EQ(Find(1).state, DeliveryState::kFailed);
  engine_.clock.AdvanceMs(kDayMs);
  ASSERT_TRUE(sender->Redeliver(1).ok());
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  engine_.clock.AdvanceMs(3 * kDayMs - 1);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  engine_.clock.AdvanceMs(1);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kFailed);
}

TEST_F(WebhookSenderTest, R105ARedeliveryDuringAnAttemptHasThreeDaysAnewToo) {
  const auto sender = Create(OptionsFor({kUrl}));
  client_.set_answer(Fail);
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  engine_.clock.AdvanceMs(3 * kDayMs);
  bool has_asked = false;
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    if (!has_asked) {
      EXPECT_TRUE(sender->Redeliver(1).ok());
    }
    has_asked = true;
    return 500;
  });
  ASSERT_TRUE(sender->SendDue().ok());
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  EXPECT_LE(Find(1).due_at_ms, engine_.clock.NowMs() + 2000);
}

TEST_F(WebhookSenderTest, R104ALongStreamIsSentFromItsBeginning) {
  const auto sender = Create(OptionsFor({kUrl}));
  for (int i = 0; i < 250; ++i) engine_.Deploy();
  int64_t first_cursor = 0;
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    if (first_cursor == 0) first_cursor = engine_.queue.AddHook({kUrl})->cursor;
    return 200;
  });
  EXPECT_EQ(*sender->SendDue(), 250);
  EXPECT_LT(first_cursor, *engine_.store.LastGlobalPosition());
}

TEST_F(WebhookSenderTest, OldDeliveriesAreForgotten) {
  const auto sender = Create(OptionsFor({kUrl}));
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  engine_.clock.AdvanceMs(6 * kDayMs);
  ASSERT_TRUE(sender->SendDue().ok());
  EXPECT_EQ(sender->ListDeliveries({1})->size(), 1u);
  engine_.clock.AdvanceMs(10'000);
  ASSERT_TRUE(sender->SendDue().ok());
  EXPECT_EQ(sender->ListDeliveries({1})->size(), 0u);
}

// ---------------------------------------------------------------------------
// With threads.

TEST_F(WebhookSenderTest, R104WakeSendsAtOnceAndInParallel) {
  WebhookOptions options = OptionsFor({kUrl});
  // Nothing happens by polling.
  options.poll_ms = 3'600'000;
  const auto sender = Create(options);
  ASSERT_TRUE(sender->Start().ok());
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> under_way{0};
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    ++under_way;
    released.wait();
    return 200;
  });
  for (int i = 0; i < 10; ++i) {
    engine_.Report(engine_.Deploy(), v1::STATUS_STATE_SUCCESS);
  }
  sender->Wake();
  // Four at once, each of another deployment.
  EXPECT_TRUE(Soon([&] { return under_way == 4; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(under_way, 4);
  std::set<int64_t> deployments;
  for (const HttpCall& call : client_.calls()) {
    deployments.insert(AboutOf(call).first);
  }
  EXPECT_EQ(deployments.size(), 4u);
  release.set_value();
  EXPECT_TRUE(Soon([&] { return *engine_.queue.CountPending(1) == 0; }));
  sender->Stop();
  EXPECT_EQ(client_.calls().size(), 20u);
}

TEST_F(WebhookSenderTest, R104OneWakeIsEnoughForALongStream) {
  WebhookOptions options = OptionsFor({kUrl});
  options.poll_ms = 3'600'000;
  const auto sender = Create(options);
  ASSERT_TRUE(sender->Start().ok());
  for (int i = 0; i < 450; ++i) engine_.Deploy();
  sender->Wake();
  EXPECT_TRUE(Soon([&] { return client_.calls().size() == 450; }));
  sender->Stop();
}

TEST_F(WebhookSenderTest, StopDoesNotWaitForTheEndOfTheStream) {
  class Endless : public MemoryDeliveryQueue {
   public:
    using MemoryDeliveryQueue::MemoryDeliveryQueue;
    absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
      ++looks;
      return params.limit;
    }
    absl::StatusOr<int64_t> Prune(const PruneParams& params) override {
      return params.limit;
    }
    std::atomic<int> looks{0};
  };
  Endless queue(&engine_.store);
  const auto sender =
      *WebhookSender::Create({&queue, &engine_.store, &engine_.store, &client_,
                              &engine_.clock, nullptr},
                             OptionsFor({kUrl}));
  ASSERT_TRUE(sender->Start().ok());
  EXPECT_TRUE(Soon([&] { return queue.looks > 10; }));
  sender->Stop();
}

TEST_F(WebhookSenderTest, R104PollsWithoutAWake) {
  WebhookOptions options = OptionsFor({kUrl});
  options.poll_ms = 1;
  const auto sender = Create(options);
  ASSERT_TRUE(sender->Start().ok());
  engine_.Deploy();
  EXPECT_TRUE(Soon([&] { return client_.calls().size() == 1; }));
}

TEST_F(WebhookSenderTest, R104ADeadHookDelaysNoOther) {
  WebhookOptions options =
      OptionsFor({"https://dead.example/", "https://fine.example/"});
  options.poll_ms = 3'600'000;
  const auto sender = Create(options);
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> fine{0};
  client_.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
    if (call.url == "https://fine.example/") {
      ++fine;
      return 200;
    }
    released.wait();
    return absl::DeadlineExceededError("slow");
  });
  ASSERT_TRUE(sender->Start().ok());
  // More than the dead one has threads.
  for (int i = 0; i < 20; ++i) engine_.Deploy();
  sender->Wake();
  EXPECT_TRUE(Soon([&] { return fine == 20; }));
  EXPECT_EQ(*engine_.queue.CountPending(sender->hooks()[0].id), 20);
  release.set_value();
  // Before what its threads wait for is gone.
  sender->Stop();
}

TEST_F(WebhookSenderTest, R104TwoSendersOverOneQueueDoNotSendTwice) {
  WebhookOptions options = OptionsFor({kUrl});
  options.poll_ms = 1;
  const auto left = Create(options);
  const auto right = Create(options);
  EXPECT_EQ(left->hooks()[0].id, right->hooks()[0].id);
  std::mutex mutex;
  std::map<int64_t, std::vector<int64_t>> taken;
  client_.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
    std::lock_guard<std::mutex> lock(mutex);
    const auto [deployment, status] = AboutOf(call);
    taken[deployment].push_back(status);
    return 200;
  });
  ASSERT_TRUE(left->Start().ok());
  ASSERT_TRUE(right->Start().ok());
  for (int i = 0; i < 50; ++i) {
    const int64_t id = engine_.Deploy();
    engine_.Report(id, v1::STATUS_STATE_IN_PROGRESS);
    engine_.Report(id, v1::STATUS_STATE_SUCCESS);
  }
  EXPECT_TRUE(Soon([&] {
    std::lock_guard<std::mutex> lock(mutex);
    size_t count = 0;
    for (const auto& [deployment, statuses] : taken) count += statuses.size();
    return count >= 150;
  }));
  left->Stop();
  right->Stop();
  EXPECT_EQ(*engine_.queue.CountPending(1), 0);
  for (const auto& [deployment, statuses] : taken) {
    EXPECT_EQ(statuses.size(), 3u);
    EXPECT_TRUE(std::is_sorted(statuses.begin(), statuses.end()));
  }
}

TEST_F(WebhookSenderTest, StopWaitsForCallsInFlight) {
  const auto sender = Create(OptionsFor({kUrl}));
  std::atomic<bool> is_under_way{false};
  client_.set_answer([&](const HttpCall&) -> absl::StatusOr<int> {
    is_under_way = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return 200;
  });
  ASSERT_TRUE(sender->Start().ok());
  engine_.Deploy();
  sender->Wake();
  ASSERT_TRUE(Soon([&] { return is_under_way.load(); }));
  sender->Stop();
  EXPECT_EQ(Find(1).state, DeliveryState::kDelivered);
  // And sends nothing any more.
  engine_.Deploy();
  sender->Wake();
  EXPECT_TRUE(sender->Start().ok());
  sender->Stop();
  EXPECT_EQ(*sender->SendDue(), 0);
  EXPECT_EQ(client_.calls().size(), 1u);
}

TEST_F(WebhookSenderTest, StopEndsWhatTakesTooLong) {
  WebhookOptions options = OptionsFor({kUrl});
  options.stop_wait_ms = 1;
  const auto sender = Create(options);
  std::atomic<bool> is_under_way{false};
  client_.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
    is_under_way = true;
    while (!call.cancelled->load()) std::this_thread::yield();
    return absl::CancelledError("cancelled");
  });
  ASSERT_TRUE(sender->Start().ok());
  engine_.Deploy();
  sender->Wake();
  ASSERT_TRUE(Soon([&] { return is_under_way.load(); }));
  sender->Stop();
  // The next engine sends it at once.
  EXPECT_EQ(Find(1).state, DeliveryState::kPending);
  client_.set_answer(Take);
  EXPECT_EQ(*Create(OptionsFor({kUrl}))->SendDue(), 1);
  EXPECT_EQ(Find(1).state, DeliveryState::kDelivered);
}

// ---------------------------------------------------------------------------

TEST_F(WebhookSenderTest, AQueueThatFailsIsToldAndDelaysNoOtherHook) {
  class Failing : public MemoryDeliveryQueue {
   public:
    using MemoryDeliveryQueue::MemoryDeliveryQueue;
    absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
      if (params.hook_id == 1) return absl::UnavailableError("no disk");
      return MemoryDeliveryQueue::Enqueue(params);
    }
  };
  Failing queue(&engine_.store);
  const auto sender = *WebhookSender::Create(
      {&queue, &engine_.store, &engine_.store, &client_, &engine_.clock,
       nullptr},
      OptionsFor({"https://a.example/", "https://b.example/"}));
  engine_.Deploy();
  EXPECT_TRUE(absl::IsUnavailable(sender->SendDue().status()));
  ASSERT_EQ(client_.calls().size(), 1u);
  EXPECT_EQ(client_.calls()[0].url, "https://b.example/");
}

TEST_F(WebhookSenderTest, WhatFailsOnItsThreadsIsTold) {
  class Failing : public MemoryDeliveryQueue {
   public:
    using MemoryDeliveryQueue::MemoryDeliveryQueue;
    absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
      absl::Status status = FailOnce("enqueue");
      if (!status.ok()) return status;
      return MemoryDeliveryQueue::Enqueue(params);
    }
    absl::StatusOr<std::vector<Delivery>> Claim(
        const ClaimParams& params) override {
      absl::Status status = FailOnce("claim");
      if (!status.ok()) return status;
      return MemoryDeliveryQueue::Claim(params);
    }
    absl::Status Record(const RecordParams& params) override {
      // It is tried twice.
      absl::Status status = FailOnce("record");
      if (status.ok()) status = FailOnce("record again");
      if (!status.ok()) return status;
      return MemoryDeliveryQueue::Record(params);
    }
    absl::StatusOr<int64_t> Prune(const PruneParams& params) override {
      absl::Status status = FailOnce("prune");
      if (!status.ok()) return status;
      return MemoryDeliveryQueue::Prune(params);
    }

   private:
    absl::Status FailOnce(const std::string& what) {
      std::lock_guard<std::mutex> lock(mutex_);
      return failed_.insert(what).second ? absl::UnavailableError(what)
                                         : absl::OkStatus();
    }
    std::mutex mutex_;
    std::set<std::string> failed_;
  };
  Failing queue(&engine_.store);
  std::mutex mutex;
  std::set<std::string> told;
  WebhookOptions options = OptionsFor({kUrl});
  options.poll_ms = 1;
  const auto sender =
      *WebhookSender::Create({&queue, &engine_.store, &engine_.store, &client_,
                              &engine_.clock, nullptr,
                              [&](const absl::Status& status) {
                                std::lock_guard<std::mutex> lock(mutex);
                                told.insert(status.ToString());
                              }},
                             options);
  engine_.Deploy();
  ASSERT_TRUE(sender->Start().ok());
  const std::set<std::string> expected = {
      "UNAVAILABLE: claim", "UNAVAILABLE: enqueue", "UNAVAILABLE: prune",
      "UNAVAILABLE: record again"};
  EXPECT_TRUE(Soon([&] {
    std::lock_guard<std::mutex> lock(mutex);
    return told == expected;
  }));
  sender->Stop();
  EXPECT_EQ(told, expected);
}

TEST_F(WebhookSenderTest, WithoutHooksThereIsNothingToDo) {
  const auto sender = Create(OptionsFor({}));
  EXPECT_TRUE(sender->Start().ok());
  sender->Wake();
  sender->Stop();
  EXPECT_TRUE(sender->hooks().empty());
  EXPECT_EQ(*sender->SendDue(), 0);
}

class KeptMetrics : public Metrics {
 public:
  void Add(absl::string_view name, Labels labels, double amount) override {
    std::lock_guard<std::mutex> lock(mutex_);
    values_[Series(name, labels)] += amount;
  }
  void Set(absl::string_view name, Labels labels, double value) override {
    std::lock_guard<std::mutex> lock(mutex_);
    values_[Series(name, labels)] = value;
  }
  void Observe(absl::string_view name, Labels labels, double) override {
    Add(name, labels, 1);
  }
  std::map<std::string, double> values() {
    std::lock_guard<std::mutex> lock(mutex_);
    return values_;
  }

 private:
  static std::string Series(absl::string_view name, Labels labels) {
    std::string series(name);
    for (const MetricLabel& label : labels) {
      absl::StrAppend(&series, " ", label.name, "=", label.value);
    }
    return series;
  }
  std::mutex mutex_;
  std::map<std::string, double> values_;
};

TEST_F(WebhookSenderTest, Metrics) {
  KeptMetrics metrics;
  metrics_ = &metrics;
  const auto sender = Create(OptionsFor({kUrl}));
  engine_.Deploy();
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 2);
  client_.set_answer(Fail);
  engine_.Deploy();
  engine_.clock.AdvanceMs(5000);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(
      metrics.values(),
      (std::map<std::string, double>{
          {"slipway_webhook_deliveries_total hook=1 outcome=delivered", 2},
          {"slipway_webhook_deliveries_total hook=1 outcome=retry", 1},
          {"slipway_webhook_delivery_seconds hook=1", 3},
          {"slipway_webhook_pending hook=1", 1},
          {"slipway_outbox_lag hook=1", 0}}));
  engine_.clock.AdvanceMs(3 * kDayMs);
  EXPECT_EQ(*sender->SendDue(), 1);
  EXPECT_EQ(
      metrics
          .values()["slipway_webhook_deliveries_total hook=1 outcome=failed"],
      1);
  EXPECT_EQ(metrics.values()["slipway_webhook_pending hook=1"], 0);
}

TEST_F(WebhookSenderTest, ADamagedEventIsGivenUpAndStopsNothingElse) {
  // The third of its deliveries is damaged.
  class Damaged : public MemoryDeliveryQueue {
   public:
    using MemoryDeliveryQueue::MemoryDeliveryQueue;
    absl::StatusOr<std::vector<Delivery>> Claim(
        const ClaimParams& params) override {
      auto claimed = MemoryDeliveryQueue::Claim(params);
      for (Delivery& delivery : *claimed) {
        if (delivery.id != 3) continue;
        delivery.is_damaged = true;
        delivery.entry = OutboxEntry();
      }
      return claimed;
    }
  };
  Damaged queue(&engine_.store);
  KeptMetrics metrics;
  const auto sender =
      *WebhookSender::Create({&queue, &engine_.store, &engine_.store, &client_,
                              &engine_.clock, &metrics},
                             OptionsFor({kUrl}));
  const int64_t id = engine_.Deploy();
  engine_.Deploy();
  engine_.Report(id, v1::STATUS_STATE_IN_PROGRESS);
  engine_.Report(id, v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(*sender->SendDue(), 4);
  EXPECT_EQ(client_.calls().size(), 3u);
  const Delivery delivery = **queue.FindDelivery(3);
  EXPECT_EQ(delivery.state, DeliveryState::kFailed);
  ASSERT_EQ(delivery.attempts.size(), 1u);
  EXPECT_EQ(delivery.attempts[0].error,
            "DATA_LOSS: the stored event is damaged");
  EXPECT_EQ((**queue.FindDelivery(4)).state, DeliveryState::kDelivered);
  EXPECT_EQ(
      metrics.values(),
      (std::map<std::string, double>{
          {"slipway_webhook_deliveries_total hook=1 outcome=delivered", 3},
          {"slipway_webhook_deliveries_total hook=1 outcome=damaged", 1},
          {"slipway_webhook_delivery_seconds hook=1", 3},
          {"slipway_webhook_pending hook=1", 0},
          {"slipway_outbox_lag hook=1", 0}}));
}

TEST_F(WebhookSenderTest, TheGaugesAreTrueWhereNobodySends) {
  KeptMetrics metrics;
  metrics_ = &metrics;
  const auto sender = Create(OptionsFor({kUrl}));
  client_.set_answer(Fail);
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  engine_.Deploy();
  engine_.Deploy();
  sender->ReportGauges();
  EXPECT_EQ(metrics.values()["slipway_outbox_lag hook=1"], 2);
  EXPECT_EQ(metrics.values()["slipway_webhook_pending hook=1"], 1);
}

TEST_F(WebhookSenderTest, R82TheSecretIsNowhere) {
  KeptMetrics metrics;
  metrics_ = &metrics;
  const std::string url = "https://a.example/hook?token=t0p";
  const auto sender = Create(OptionsFor({url}));
  // A client that tells all that it was given.
  client_.set_answer([&](const HttpCall& call) -> absl::StatusOr<int> {
    return absl::UnavailableError(
        absl::StrCat(call.url, " ", kSecret, " \x01\xff", call.body));
  });
  engine_.Deploy();
  EXPECT_EQ(*sender->SendDue(), 1);
  const Delivery delivery = Find(1);
  ASSERT_EQ(delivery.attempts.size(), 1u);
  const std::string& error = delivery.attempts[0].error;
  EXPECT_TRUE(absl::StartsWith(error, "UNAVAILABLE: hook")) << error;
  EXPECT_FALSE(absl::StrContains(error, kSecret)) << error;
  EXPECT_FALSE(absl::StrContains(error, "t0p")) << error;
  EXPECT_LE(error.size(), 300u);
  for (const char c : error) EXPECT_TRUE(c >= ' ' && c <= '~');
  for (const auto& [series, value] : metrics.values()) {
    EXPECT_FALSE(absl::StrContains(series, kSecret)) << series;
    EXPECT_FALSE(absl::StrContains(series, "a.example")) << series;
  }
  for (const HttpCall& call : client_.calls()) {
    EXPECT_FALSE(absl::StrContains(call.body, kSecret));
    for (const HttpHeader& header : call.headers) {
      EXPECT_FALSE(absl::StrContains(header.value, kSecret)) << header.name;
    }
  }
  EXPECT_FALSE(absl::StrContains(sender->hooks()[0].url, kSecret));
}

TEST_F(WebhookSenderTest, R82BadOptionsAreRefusedWithoutTheSecret) {
  struct Row {
    const char* part;
    std::function<void(WebhookOptions&)> spoil;
  };
  const Row rows[] = {
      // clang-format off
      {"webhook 1 does not begin", [](WebhookOptions& o) { o.hooks[0].url = "ftp://a.example/"; }},
      {"webhook 1 does not begin", [](WebhookOptions& o) { o.hooks[0].url = ""; }},
      {"webhook 1 has no host",    [](WebhookOptions& o) { o.hooks[0].url = "https:///x"; }},
      {"webhook 1 has a user",     [](WebhookOptions& o) { o.hooks[0].url = "https://ann:t0p@a.example/"; }},
      {"webhook 1 has more in",    [](WebhookOptions& o) { o.hooks[0].url = "https://a.example;x/"; }},
      {"webhook 1 has more in",    [](WebhookOptions& o) { o.hooks[0].url = "https://a example/"; }},
      {"webhook 1 has a port",     [](WebhookOptions& o) { o.hooks[0].url = "https://a.example:/x"; }},
      {"webhook 1 has a port",     [](WebhookOptions& o) { o.hooks[0].url = "https://[::1]:65536"; }},
      {"webhook 1 has a port",     [](WebhookOptions& o) { o.hooks[0].url = "https://a.example:0?x"; }},
      {"webhook 1 has a port",     [](WebhookOptions& o) { o.hooks[0].url = "https://a.example:http/x"; }},
      {"webhook 1 has a space",    [](WebhookOptions& o) { o.hooks[0].url = "https://a.example/ x"; }},
      {"webhook 1 has a space",    [](WebhookOptions& o) { o.hooks[0].url = "https://a.example/\r\nX: y"; }},
      {"webhook 1 has more than",  [](WebhookOptions& o) { o.hooks[0].url += std::string(3000, 'x'); }},
      {"webhook 1 has no secret",  [](WebhookOptions& o) { o.hooks[0].secret = ""; }},
      {"webhook 2: its URL",       [](WebhookOptions& o) { o.hooks.push_back(o.hooks[0]); }},
      {"webhook 1: nobody is told of EVENT_TYPE_REF_PUT", [](WebhookOptions& o) { o.hooks[0].types = {v1::EVENT_TYPE_REF_PUT}; }},
      {"more than 100 webhooks",   [](WebhookOptions& o) { o.hooks.resize(101); }},
      {"api_url does not begin",   [](WebhookOptions& o) { o.api_url = ""; }},
      {"html_url has a user",      [](WebhookOptions& o) { o.html_url = "https://a:b@git.example.org"; }},
      {"timeout_ms is 0",          [](WebhookOptions& o) { o.timeout_ms = 0; }},
      {"timeout_ms is 60001",      [](WebhookOptions& o) { o.timeout_ms = 60'001; }},
      {"parallel_max is 65",       [](WebhookOptions& o) { o.parallel_max = 65; }},
      {"first_wait_ms is 0",       [](WebhookOptions& o) { o.first_wait_ms = 0; }},
      {"wait_ms_max is 999",       [](WebhookOptions& o) { o.wait_ms_max = 999; }},
      {"give_up_after_ms is -1",   [](WebhookOptions& o) { o.give_up_after_ms = -1; }},
      {"kept_ms is -1",            [](WebhookOptions& o) { o.kept_ms = -1; }},
      {"poll_ms is 0",             [](WebhookOptions& o) { o.poll_ms = 0; }},
      {"housekeeping_ms is 0",     [](WebhookOptions& o) { o.housekeeping_ms = 0; }},
      {"lease_ms is 14999",        [](WebhookOptions& o) { o.lease_ms = 14'999; }},
      {"stop_wait_ms is -1",       [](WebhookOptions& o) { o.stop_wait_ms = -1; }},
      // clang-format on
  };
  for (const Row& row : rows) {
    WebhookOptions options = OptionsFor({kUrl});
    row.spoil(options);
    const auto sender =
        WebhookSender::Create({&engine_.queue, &engine_.store, &engine_.store,
                               &client_, &engine_.clock, nullptr},
                              options);
    ASSERT_TRUE(absl::IsInvalidArgument(sender.status())) << row.part;
    const std::string message(sender.status().message());
    EXPECT_TRUE(absl::StartsWith(message, row.part)) << message;
    EXPECT_FALSE(absl::StrContains(message, kSecret)) << message;
    EXPECT_FALSE(absl::StrContains(message, "t0p")) << message;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      WebhookSender::Create({}, OptionsFor({kUrl})).status()));
  // Nothing was added.
  EXPECT_EQ(engine_.queue.AddHook({"https://new.example/"})->id, 1);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
