#include "slipway/conformance/in_process_subject.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using slipway::v1::Command;
using slipway::v1::Decision;
using slipway::v1::Event;
using slipway::v1::RepositoryState;
using testing::ElementsAre;
using testing::IsEmpty;

// The subject, and operations in Protobuf's text format, one second apart.
class World {
 public:
  explicit World(InProcessHooks hooks = {}) : subject_({{}, std::move(hooks)}) {
    EXPECT_TRUE(subject_.Reset().ok());
  }

  v1::Answer Make(const std::string& call) {
    v1::Operation operation;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(call, &operation))
        << call;
    operation.set_time_ms(now_ms_ += 1000);
    absl::StatusOr<v1::Answer> answer = subject_.Apply(operation);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : v1::Answer();
  }
  // The id of a new one in staging.
  int64_t Create(const std::string& fields = "ref: 'main'") {
    const v1::Answer answer =
        Make("create_deployment { request { environment: 'staging' " + fields +
             " } }");
    EXPECT_EQ(answer.code(), 201) << answer.DebugString();
    return answer.deployment().id();
  }
  v1::Answer SetState(int64_t deployment_id, const std::string& state) {
    return Make(
        "create_status { deployment_id: " + std::to_string(deployment_id) +
        " request { state: STATUS_STATE_" + state + " } }");
  }
  // The newest first.
  std::vector<std::string> StatesOf(int64_t deployment_id) {
    std::vector<std::string> states;
    const v1::Answer answer =
        Make("list_statuses { deployment_id: " + std::to_string(deployment_id) +
             " }");
    for (const auto& status : answer.statuses()) {
      states.push_back(
          slipway::v1::StatusState_Name(status.state()).substr(13));
    }
    return states;
  }
  InProcessSubject& subject() { return subject_; }

 private:
  InProcessSubject subject_;
  int64_t now_ms_ = 1700000000000;
};

// "deployment", "deployment_status SUCCESS"
std::vector<std::string> TextsOf(const v1::Answer& answer) {
  std::vector<std::string> texts;
  for (const v1::Notification& notification : answer.notifications()) {
    EXPECT_EQ(notification.action(), "created");
    texts.push_back(notification.event());
    if (notification.state() != slipway::v1::STATUS_STATE_UNSPECIFIED) {
      texts.back() +=
          " " + slipway::v1::StatusState_Name(notification.state()).substr(13);
    }
  }
  return texts;
}

TEST(InProcessSubject, NeedsAResetAndACall) {
  InProcessSubject subject({});
  EXPECT_EQ(subject.Apply(v1::Operation()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(subject.Reset().ok());
  EXPECT_EQ(subject.Apply(v1::Operation()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(InProcessSubject, AnswersEveryKindOfCall) {
  World world;
  const int64_t id = world.Create();
  const std::string its_id = "deployment_id: " + std::to_string(id);
  const v1::Answer status = world.SetState(id, "SUCCESS");
  EXPECT_EQ(status.code(), 201);
  const std::string status_id =
      "status_id: " + std::to_string(status.status().id());
  EXPECT_EQ(world.Make("get_deployment { " + its_id + " }").deployment().id(),
            id);
  EXPECT_EQ(
      world.Make("get_status { " + its_id + " " + status_id + " }").code(),
      200);
  EXPECT_EQ(world.Make("list_deployments {}").deployments_size(), 1);
  EXPECT_THAT(world.StatesOf(id), ElementsAre("SUCCESS"));
  EXPECT_EQ(world.Make("delete_deployment { " + its_id + " }").code(), 204);
  EXPECT_EQ(world.Make("get_deployment { " + its_id + " }").code(), 404);
  EXPECT_EQ(
      world.Make("get_status { " + its_id + " " + status_id + " }").code(),
      404);
  EXPECT_EQ(world.Make("list_statuses { " + its_id + " }").code(), 404);

  const std::string create = "create_deployment { request { ref: ";
  EXPECT_EQ(world.Make(create + "'topic' } }").code(), 202);
  EXPECT_EQ(world.Make(create + "'clash' } }").code(), 409);
  EXPECT_EQ(world.Make(create + "'absent' } }").code(), 422);
}

TEST(InProcessSubject, TheRefsAreAsItSays) {
  World world;
  const auto capabilities = world.subject().Describe();
  ASSERT_TRUE(capabilities.ok());
  for (const v1::RefFixture& ref : capabilities->refs()) {
    SCOPED_TRACE(ref.name());
    const std::string request =
        "environment: 'staging' ref: '" + ref.name() + "' ";
    const v1::Answer created =
        world.Make("create_deployment { request { " + request +
                   "auto_merge: false required_contexts {} } }");
    EXPECT_EQ(created.deployment().sha(), ref.sha());
    const v1::Answer merged = world.Make("create_deployment { request { " +
                                         request + "required_contexts {} } }");
    EXPECT_EQ(merged.code(), !ref.is_behind()       ? 201
                             : ref.merges_cleanly() ? 202
                                                    : 409);
  }
}

TEST(InProcessSubject, PagesAreThoseOfTheApi) {
  World world;
  for (int i = 0; i < 5; ++i) world.Create();
  const v1::Answer first = world.Make("list_deployments { per_page: 2 }");
  EXPECT_EQ(first.deployments_size(), 2);
  EXPECT_TRUE(first.has_next_page());
  EXPECT_EQ(first.last_page(), 3);
  const v1::Answer last =
      world.Make("list_deployments { per_page: 2 page: 3 }");
  EXPECT_EQ(last.deployments_size(), 1);
  EXPECT_FALSE(last.has_next_page());
  EXPECT_EQ(last.last_page(), 0);
  EXPECT_EQ(
      world.Make("list_deployments { environment: 'none' }").deployments_size(),
      5);
}

TEST(InProcessSubject, R80AnswersHaveTheirNotifications) {
  World world;
  EXPECT_THAT(
      TextsOf(world.Make("create_deployment { request { ref: 'main' } }")),
      ElementsAre("deployment"));
  const int64_t id = world.Create();
  EXPECT_THAT(TextsOf(world.SetState(id, "SUCCESS")),
              ElementsAre("deployment_status SUCCESS"));
  EXPECT_THAT(TextsOf(world.SetState(id, "INACTIVE")), IsEmpty());
}

TEST(InProcessSubject, AResetForgetsEverything) {
  World world;
  const int64_t id = world.Create();
  EXPECT_EQ(world.Make("create_deployment { request { ref: 'topic' } }").code(),
            202);
  EXPECT_EQ(*world.subject().Reset(), "");
  EXPECT_EQ(world.Make("list_deployments {}").deployments_size(), 0);
  EXPECT_EQ(world.Create(), id);
  EXPECT_EQ(world.Make("create_deployment { request { ref: 'topic' } }").code(),
            202)
      << "it is behind again";
}

// ---------------------------------------------------------------------------
// Hooks.

TEST(InProcessHooks, PassOneAfterTheOther) {
  std::vector<std::string> passed;
  InProcessHooks hooks;
  hooks.reset = [&] { passed.push_back("reset"); };
  hooks.operation = [&](v1::Operation&) { passed.push_back("operation"); };
  hooks.rules = [&](const v1::Operation&, slipway::v1::Rules&) {
    passed.push_back("rules");
  };
  hooks.ref = [&](const std::string& ref, slipway::v1::ResolvedRef& resolved) {
    passed.push_back("ref " + ref);
    EXPECT_TRUE(resolved.contains_default_branch());
    EXPECT_EQ(resolved.contexts_size(), 2);
  };
  hooks.between = [&] { passed.push_back("between"); };
  hooks.state = [&](const Command& command, RepositoryState&) {
    if (command.has_create_deployment()) passed.push_back("state");
  };
  hooks.facts = [&](const RepositoryState&, const Command& command,
                    slipway::v1::Facts&) {
    if (command.has_create_deployment()) passed.push_back("facts");
  };
  hooks.decision = [&](const RepositoryState&, const Command& command,
                       const InProcessHooks::TakeId&, Decision&) {
    if (command.has_create_deployment()) passed.push_back("decision");
  };
  hooks.answer = [&](const v1::Operation&, v1::Answer&) {
    passed.push_back("answer");
  };
  World world(hooks);
  // The repository itself is put by a command, too.
  EXPECT_THAT(passed, ElementsAre("reset", "between"));
  passed.clear();
  world.Create();
  EXPECT_THAT(passed, ElementsAre("operation", "rules", "ref main", "between",
                                  "state", "facts", "decision", "answer"));
}

TEST(InProcessHooks, AResetHookIsCalledByEachReset) {
  int resets = 0;
  InProcessHooks hooks;
  hooks.reset = [&] { ++resets; };
  World world(hooks);
  EXPECT_EQ(resets, 1);
  EXPECT_TRUE(world.subject().Reset().ok());
  EXPECT_EQ(resets, 2);
}

// Two in staging, of which the older one is live, and a success of the other.
std::vector<std::string> OlderOneAfterASuccess(World& world) {
  const int64_t older = world.Create();
  world.SetState(older, "SUCCESS");
  world.SetState(world.Create(), "SUCCESS");
  return world.StatesOf(older);
}

TEST(InProcessHooks, WithoutThemTheEngineIsRight) {
  World world;
  EXPECT_THAT(OlderOneAfterASuccess(world), ElementsAre("INACTIVE", "SUCCESS"));
}

TEST(InProcessHooks, FactsCanBeOverlooked) {
  int live = 0;
  InProcessHooks hooks;
  hooks.facts = [&](const RepositoryState& state, const Command& command,
                    slipway::v1::Facts& facts) {
    if (!command.has_create_status()) return;
    live += facts.live_deployments_size();
    // The state is the true one.
    EXPECT_GE(state.deployments_size(), facts.live_deployments_size());
    facts.clear_live_deployments();
  };
  World world(hooks);
  EXPECT_THAT(OlderOneAfterASuccess(world), ElementsAre("SUCCESS"));
  EXPECT_EQ(live, 1);
}

TEST(InProcessHooks, TheStateCanBeMistaken) {
  InProcessHooks hooks;
  hooks.state = [](const Command& command, RepositoryState& state) {
    if (!command.has_create_status()) return;
    for (auto& record : *state.mutable_deployments()) {
      record.mutable_deployment()->set_transient_environment(true);
    }
  };
  World world(hooks);
  EXPECT_THAT(OlderOneAfterASuccess(world), ElementsAre("SUCCESS"));
  // Only what is believed is another: the rows are not.
  EXPECT_FALSE(
      world.Make("list_deployments {}").deployments(0).transient_environment());
}

TEST(InProcessHooks, ADecisionCanHaveMoreAndLess) {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command& command,
                      const InProcessHooks::TakeId& take_id,
                      Decision& decision) {
    if (!command.has_create_status()) return;
    auto& events = *decision.mutable_acceptance()->mutable_events();
    // The retirement is lost, and the status comes twice.
    while (events.size() > 1) events.RemoveLast();
    Event again = events[0];
    again.mutable_status()->set_id(take_id());
    *events.Add() = again;
  };
  World world(hooks);
  EXPECT_THAT(OlderOneAfterASuccess(world), ElementsAre("SUCCESS", "SUCCESS"));
}

TEST(InProcessHooks, WhatTheStateCannotTakeIsDroppedWithItsEffects) {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command& command,
                      const InProcessHooks::TakeId& take_id,
                      Decision& decision) {
    if (!command.has_create_status()) return;
    slipway::v1::Acceptance& acceptance = *decision.mutable_acceptance();
    // First of all, a status of a deployment that is not there.
    Event impossible = acceptance.events(0);
    impossible.mutable_status()->set_deployment_id(999999);
    impossible.mutable_status()->set_id(take_id());
    Event possible = acceptance.events(0);
    acceptance.clear_events();
    acceptance.clear_effects();
    *acceptance.add_events() = impossible;
    *acceptance.add_events() = possible;
    for (int i = 0; i < 2; ++i) {
      slipway::v1::Effect& effect = *acceptance.add_effects();
      effect.set_type(slipway::v1::EFFECT_TYPE_NOTIFY);
      effect.set_event_index(i);
    }
  };
  World world(hooks);
  const int64_t id = world.Create();
  const v1::Answer answer = world.SetState(id, "QUEUED");
  EXPECT_EQ(answer.code(), 201);
  EXPECT_EQ(answer.status().deployment_id(), id);
  EXPECT_THAT(TextsOf(answer), ElementsAre("deployment_status QUEUED"));
  EXPECT_EQ(answer.notifications(0).deployment_id(), id);
  EXPECT_THAT(world.StatesOf(id), ElementsAre("QUEUED"));
}

TEST(InProcessHooks, ADecisionCanBecomeARefusal) {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command& command,
                      const InProcessHooks::TakeId&, Decision& decision) {
    if (!command.has_create_status()) return;
    decision.clear_acceptance();
    decision.mutable_rejection()->set_reason(
        slipway::v1::REASON_DEPLOYMENT_ACTIVE);
    decision.mutable_rejection()->set_message("No.");
  };
  World world(hooks);
  const int64_t id = world.Create();
  const v1::Answer answer = world.SetState(id, "QUEUED");
  EXPECT_EQ(answer.code(), 422);
  EXPECT_THAT(answer.errors(), ElementsAre("No."));
  EXPECT_THAT(world.StatesOf(id), IsEmpty());
}

// What was read before the other call was committed is decided on.
TEST(InProcessHooks, BetweenReadingAndDecidingAnotherCallFits) {
  World* other = nullptr;
  int64_t second = 0;
  InProcessHooks hooks;
  hooks.between = [&] {
    if (other == nullptr || second == 0) return;
    World& world = *std::exchange(other, nullptr);
    world.SetState(second, "SUCCESS");
  };
  World world(hooks);
  const int64_t first = world.Create();
  world.SetState(first, "SUCCESS");
  second = world.Create();
  const int64_t third = world.Create();
  other = &world;
  world.SetState(third, "SUCCESS");
  // The success in between had retired it already.
  EXPECT_THAT(world.StatesOf(first),
              ElementsAre("INACTIVE", "INACTIVE", "SUCCESS"));
  EXPECT_THAT(world.StatesOf(second), ElementsAre("SUCCESS"));
}

TEST(InProcessHooks, ACallIsTakenForAnother) {
  InProcessHooks hooks;
  hooks.operation = [](v1::Operation& operation) {
    if (operation.has_list_deployments()) {
      operation.mutable_list_deployments()->set_per_page(1);
    }
  };
  int64_t per_page = 0;
  hooks.answer = [&](const v1::Operation& operation, v1::Answer&) {
    per_page = operation.list_deployments().per_page();
  };
  World world(hooks);
  world.Create();
  world.Create();
  EXPECT_EQ(world.Make("list_deployments { per_page: 50 }").deployments_size(),
            1);
  EXPECT_EQ(per_page, 1) << "what it was taken for";
}

TEST(InProcessHooks, RulesAreForOneCall) {
  InProcessHooks hooks;
  hooks.rules = [](const v1::Operation& operation, slipway::v1::Rules& rules) {
    if (operation.has_create_status()) {
      rules.mutable_limits()->set_statuses_per_deployment_max(1);
    }
  };
  World world(hooks);
  const int64_t id = world.Create();
  EXPECT_EQ(world.SetState(id, "QUEUED").code(), 201);
  EXPECT_EQ(world.SetState(id, "QUEUED").code(), 422);
}

TEST(InProcessHooks, ARefCanBeMistaken) {
  InProcessHooks hooks;
  hooks.ref = [](const std::string&, slipway::v1::ResolvedRef& ref) {
    ref.set_contains_default_branch(true);
    ref.clear_contexts();
  };
  World world(hooks);
  world.Create("ref: 'topic'");
  world.Create("ref: 'broken'");
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
