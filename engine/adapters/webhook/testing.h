// What the tests of webhooks share: an engine in memory, and a receiver.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_TESTING_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_TESTING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/webhook/webhook_sender.h"
#include "slipway/core/decide.h"
#include "slipway/core/rules.h"
#include "slipway/ports/http_client.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace internal {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr char kSecret[] = "It's a Secret to Everybody";

// Store, queue and clock, with octocat/hello-world in it.
struct TestEngine {
  ManualClock clock{kStartMs};
  MemoryStore store;
  MemoryDeliveryQueue queue{&store};
  int64_t next_id = 1;

  TestEngine() {
    Put("hello-world", 1296269);
    clock.AdvanceMs(1000);
  }

  void Put(const std::string& name, int64_t id,
           const std::string& default_branch = "main") {
    v1::Command put = CommandOn(name);
    put.mutable_put_repository()->set_id(id);
    put.mutable_put_repository()->set_default_branch(default_branch);
    Send(put);
    v1::Command ref = CommandOn(name);
    ref.mutable_put_ref()->set_name(default_branch);
    ref.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
    ref.mutable_put_ref()->set_sha(std::string(40, 'a'));
    Send(ref);
  }

  static v1::Command CommandOn(const std::string& name = "hello-world") {
    v1::Command command;
    command.mutable_repository()->set_owner("octocat");
    command.mutable_repository()->set_name(name);
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("octocat");
    return command;
  }

  v1::Decision Send(v1::Command command) {
    const v1::Rules rules = DocumentedRules();
    command.set_time_ms(clock.NowMs());
    command.mutable_ids()->set_first(next_id);
    command.mutable_ids()->set_count(100);
    next_id += 100;
    v1::Decision decision;
    const absl::Status status =
        store.Transact({rules, command,
                        [&](const v1::Facts& facts, v1::Decision* answer) {
                          Decide(rules, facts, command, answer);
                          return absl::OkStatus();
                        }},
                       &decision);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
    return decision;
  }

  // The id of the new deployment.
  int64_t Deploy(const std::string& name = "hello-world") {
    v1::Command command = CommandOn(name);
    command.mutable_create_deployment()->set_ref("main");
    command.mutable_create_deployment()->set_auto_merge(false);
    command.mutable_create_deployment()->mutable_required_contexts();
    return Send(command).acceptance().events(0).deployment().id();
  }

  void Report(int64_t deployment_id, v1::StatusState state,
              const std::string& name = "hello-world") {
    v1::Command command = CommandOn(name);
    command.mutable_create_status()->set_deployment_id(deployment_id);
    command.mutable_create_status()->set_state(state);
    Send(command);
  }
};

// Receives what is sent, and answers as it is told to.
class FakeClient : public HttpClient {
 public:
  using Answer = std::function<absl::StatusOr<int>(const HttpCall&)>;

  absl::StatusOr<HttpResponse> Send(const HttpCall& call) override {
    Answer answer;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      calls_.push_back(call);
      answer = answer_;
    }
    const absl::StatusOr<int> status = answer(call);
    if (!status.ok()) return status.status();
    HttpResponse response;
    response.status = *status;
    return response;
  }

  void set_answer(Answer answer) {
    std::lock_guard<std::mutex> lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<HttpCall> calls() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<HttpCall> calls_;
  Answer answer_ = [](const HttpCall&) { return 204; };
};

inline std::string HeaderOf(const HttpCall& call, absl::string_view name) {
  const std::string* value = FindHeader(call.headers, name);
  return value == nullptr ? "" : *value;
}

inline WebhookOptions OptionsFor(const std::vector<std::string>& urls) {
  WebhookOptions options;
  for (const std::string& url : urls) {
    options.hooks.push_back({url, kSecret, {}});
  }
  options.api_url = "https://git.example.org/api/v3";
  options.html_url = "https://git.example.org";
  options.seed = 1;
  return options;
}

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_TESTING_H_
