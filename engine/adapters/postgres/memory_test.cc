// What is remembered is what a state says, whatever happens.

#include "slipway/adapters/postgres/memory.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/core/apply.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace postgres_internal {
namespace {

// A repository as a database would have it, with the memory of one engine.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {
    v1::Command command = Start();
    command.mutable_put_repository()->set_id(1);
    command.mutable_put_repository()->set_default_branch("main");
    Happen(command);
    command.mutable_put_ref()->set_name("main");
    command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
    command.mutable_put_ref()->set_sha(std::string(40, 'a'));
    Happen(command);
  }

  int Below(int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random_);
  }

  v1::Command Start() const {
    v1::Command command;
    command.mutable_repository()->set_owner("octo");
    command.mutable_repository()->set_name("app");
    command.mutable_actor()->set_id(7);
    command.mutable_actor()->set_login("ann");
    command.set_time_ms(1000 + row_.position);
    return command;
  }

  std::string Environment() {
    static constexpr const char* kNames[] = {"production", "qa", "QA", "Test"};
    return kNames[Below(4)];
  }

  v1::Command Any() {
    v1::Command command = Start();
    const int64_t deployment_id = 1 + Below(static_cast<int>(row_.last_id) + 2);
    const std::string sha(40, static_cast<char>('a' + Below(3)));
    switch (Below(12)) {
      case 0:
        command.mutable_put_ref()->set_name(Below(2) == 0 ? "main" : "topic");
        command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
        command.mutable_put_ref()->set_sha(sha);
        break;
      case 1:
        command.mutable_delete_ref()->set_name("topic");
        command.mutable_delete_ref()->set_type(v1::REF_TYPE_BRANCH);
        break;
      case 2:
        command.mutable_put_commit_context()->set_sha(sha);
        command.mutable_put_commit_context()->set_context("ci");
        command.mutable_put_commit_context()->set_state(
            Below(2) == 0 ? v1::COMMIT_CONTEXT_STATE_SUCCESS
                          : v1::COMMIT_CONTEXT_STATE_FAILURE);
        break;
      case 3:
        command.mutable_delete_deployment()->set_deployment_id(deployment_id);
        break;
      case 4:
      case 5:
      case 6:
      case 7: {
        v1::CreateDeployment& create = *command.mutable_create_deployment();
        create.set_ref(Below(3) == 0 ? "topic" : "main");
        create.set_environment(Environment());
        create.set_auto_merge(false);
        create.mutable_required_contexts();
        if (Below(3) == 0) create.clear_required_contexts();
        if (Below(3) == 0) create.set_transient_environment(true);
        if (Below(3) == 0) create.set_production_environment(Below(2) == 0);
        break;
      }
      default: {
        v1::CreateStatus& status = *command.mutable_create_status();
        status.set_deployment_id(deployment_id);
        status.set_state(Below(3) == 0 ? v1::STATUS_STATE_FAILURE
                                       : v1::STATUS_STATE_SUCCESS);
        if (Below(4) == 0) status.set_environment(Environment());
        if (Below(4) == 0) status.set_auto_inactive(false);
      }
    }
    return command;
  }

  v1::Rules AnyRules() {
    v1::Rules rules = DocumentedRules();
    if (Below(2) == 0) rules = ObservedRules();
    if (Below(4) == 0) {
      rules.set_prior_deployments(v1::PRIOR_DEPLOYMENTS_EVERY_OTHER);
    }
    if (Below(4) == 0) {
      rules.set_production_inactivation(v1::PRODUCTION_INACTIVATION_INCLUDED);
    }
    if (Below(4) == 0) {
      rules.set_inactivation_flags(v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT);
    }
    if (Below(4) == 0) {
      rules.set_inactivation_scope(v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK);
    }
    if (Below(4) == 0) {
      rules.set_inactivation_name_match(v1::NAME_MATCH_EXACT);
    }
    return rules;
  }

  // What a query would read.
  Snapshot Read(const v1::Rules& rules, const v1::Command& command) const {
    Snapshot snapshot;
    snapshot.has_row = true;
    snapshot.row = row_;
    snapshot.facts = FactsFor(rules, state_, command);
    const auto record = std::find_if(
        state_.deployments().begin(), state_.deployments().end(),
        [&](const auto& each) {
          return each.deployment().id() == snapshot.facts.deployment().id();
        });
    if (record == state_.deployments().end()) return snapshot;
    snapshot.latest_state = LatestOf(*record);
    const v1::CreateStatus& request = command.create_status();
    const v1::Deployment& deployment = record->deployment();
    const RetiringFlags flags = RetiringFlagsOf(rules);
    const auto flags_of = [](const v1::Deployment& of) {
      return FlagsOf(of.transient_environment(), of.production_environment());
    };
    if (!command.has_create_status() || !TriggersInactivation(request) ||
        flags_of(deployment) > flags.succeeded_max ||
        rules.inactivation_scope() ==
            v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK) {
      return snapshot;
    }
    snapshot.live.emplace();
    for (const v1::DeploymentRecord& other : state_.deployments()) {
      if (LatestOf(other) == v1::STATUS_STATE_SUCCESS &&
          other.deployment().id() != deployment.id() &&
          flags_of(other.deployment()) <= flags.live_max &&
          SameName(other.deployment().environment(),
                   TargetEnvironment(deployment, request))) {
        snapshot.live->push_back(LiveDeploymentOf(other.deployment()));
      }
    }
    return snapshot;
  }

  // Something that this engine hears nothing of until it looks.
  void Happen(const v1::Command& command) {
    const v1::Rules rules = DocumentedRules();
    Decide(rules, command);
  }

  v1::Decision Decide(const v1::Rules& rules, v1::Command command) {
    command.mutable_ids()->set_first(row_.last_id + 1);
    command.mutable_ids()->set_count(1000);
    absl::StatusOr<v1::Decision> decision = Apply(rules, command, &state_);
    EXPECT_TRUE(decision.ok()) << decision.status();
    const int events = decision->acceptance().events_size();
    row_.last_id = state_.last_id();
    row_.deployments = state_.deployments_size();
    row_.position += events;
    if (events > 0) ++row_.stamp_us;
    return *std::move(decision);
  }

  const RepositoryRow& row() const { return row_; }

 private:
  static v1::StatusState LatestOf(const v1::DeploymentRecord& record) {
    return record.statuses().empty() ? v1::STATUS_STATE_UNSPECIFIED
                                     : record.statuses().rbegin()->state();
  }

  std::mt19937 random_;
  RepositoryRow row_;
  v1::RepositoryState state_;
};

struct Taken {
  v1::Decision decision;
  bool is_recalled = false;
};

// A command is decided; what is remembered must be what a query reads.
Taken Take(World& world, Memory& memory, const v1::Rules& rules,
           const v1::Command& command) {
  Taken taken;
  const Snapshot read = world.Read(rules, command);
  Snapshot snapshot;
  taken.is_recalled = memory.Recall(rules, command, &snapshot);
  [&] {
    if (taken.is_recalled) {
      ASSERT_EQ(snapshot.facts.DebugString(), read.facts.DebugString())
          << command.DebugString();
      ASSERT_EQ(snapshot.latest_state, read.latest_state);
      ASSERT_TRUE(snapshot.has_row);
    } else {
      ASSERT_TRUE(memory.SetRow(read));
      memory.Learn(rules, command, read);
    }
  }();
  taken.decision = world.Decide(rules, command);
  if (!taken.decision.acceptance().events().empty()) {
    memory.Apply(taken.decision.acceptance(), world.row());
  }
  return taken;
}

TEST(MemoryTest, RecallsWhatTheStateSaysWhateverHappens) {
  int recalled = 0;
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    World world(seed);
    Memory memory(0);
    for (int step = 0; step < 250; ++step) {
      const v1::Rules rules = world.AnyRules();
      const v1::Command command = world.Any();
      // Now and then another engine decides, and this one looks at the row.
      if (step == 0 || world.Below(40) == 0) {
        world.Happen(world.Any());
        memory.SetRow(world.Read(rules, command));
      }
      recalled += Take(world, memory, rules, command).is_recalled;
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
  }
  // Most of the commands, though not of every kind.
  EXPECT_GT(recalled, 6000);
}

// One that is live moves to an environment of which nothing is known yet: it is
// live there, and no more where it was.
TEST(MemoryTest, R31WhatMovesWhileItIsLiveIsNotRetiredWhereItWas) {
  World world(1);
  Memory memory(0);
  const v1::Rules rules = DocumentedRules();
  const auto create = [&](const std::string& environment) {
    v1::Command command = world.Start();
    command.mutable_create_deployment()->set_ref("main");
    command.mutable_create_deployment()->set_environment(environment);
    command.mutable_create_deployment()->set_auto_merge(false);
    return Take(world, memory, rules, command)
        .decision.acceptance()
        .events(0)
        .deployment()
        .id();
  };
  const auto succeed = [&](int64_t id, const std::string& environment = "") {
    v1::Command command = world.Start();
    command.mutable_create_status()->set_deployment_id(id);
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    if (!environment.empty()) {
      command.mutable_create_status()->set_environment(environment);
    }
    return Take(world, memory, rules, command);
  };
  v1::Command start = world.Start();
  start.mutable_delete_ref()->set_name("topic");
  EXPECT_FALSE(memory.SetRow(world.Read(rules, start)));
  const int64_t first = create("qa");
  succeed(first);
  succeed(first, "staging");
  // Nor is it there twice where only the spelling changes.
  succeed(first, "Staging");
  const Taken second = succeed(create("qa"));
  EXPECT_TRUE(second.is_recalled);
  EXPECT_EQ(second.decision.acceptance().events_size(), 1);
  const Taken third = succeed(create("staging"));
  EXPECT_TRUE(third.is_recalled);
  EXPECT_EQ(third.decision.acceptance().events_size(), 2);
}

TEST(MemoryTest, WhatHasAKeyOrIsAboutARepositoryIsNotRecalled) {
  World world(1);
  Memory memory(0);
  v1::Command command = world.Start();
  command.mutable_put_ref()->set_name("main");
  const v1::Rules rules = DocumentedRules();
  Snapshot snapshot;
  EXPECT_FALSE(memory.Recall(rules, command, &snapshot));
  EXPECT_TRUE(memory.looks_first());
  EXPECT_FALSE(memory.SetRow(world.Read(rules, command)));
  EXPECT_FALSE(memory.looks_first());
  EXPECT_TRUE(memory.Recall(rules, command, &snapshot));
  command.set_idempotency_key("once");
  EXPECT_FALSE(memory.Recall(rules, command, &snapshot));
  command.clear_idempotency_key();
  command.mutable_put_repository()->set_id(1);
  EXPECT_FALSE(memory.Recall(rules, command, &snapshot));
  command.mutable_delete_repository();
  EXPECT_FALSE(memory.Recall(rules, command, &snapshot));
}

TEST(MemoryTest, ARowThatWasMovedIsLookedAtForAWhile) {
  World world(1);
  Memory memory(0);
  const v1::Rules rules = DocumentedRules();
  memory.SetRow(world.Read(rules, world.Start()));
  memory.CountFound(false);
  EXPECT_TRUE(memory.looks_first());
  memory.CountFound(true);
  EXPECT_TRUE(memory.looks_first());
  memory.CountFound(false);
  memory.CountFound(true);
  EXPECT_TRUE(memory.looks_first());
  memory.CountFound(true);
  EXPECT_FALSE(memory.looks_first());
}

TEST(MemoryTest, AStampTellsAHistoryFromAnother) {
  World world(1);
  Memory memory(0);
  Snapshot snapshot = world.Read(DocumentedRules(), world.Start());
  EXPECT_FALSE(memory.SetRow(snapshot));
  EXPECT_TRUE(memory.SetRow(snapshot));
  // As of a database that was restored from a copy.
  ++snapshot.row.stamp_us;
  EXPECT_FALSE(memory.SetRow(snapshot));
  EXPECT_TRUE(memory.SetRow(snapshot));
  ++snapshot.row.position;
  EXPECT_FALSE(memory.SetRow(snapshot));
}

// A deployment whose payload is so large.
v1::Acceptance Created(int64_t id, size_t bytes) {
  v1::Acceptance acceptance;
  v1::Event& event = *acceptance.add_events();
  event.set_type(v1::EVENT_TYPE_DEPLOYMENT_CREATED);
  event.mutable_deployment()->set_id(id);
  event.mutable_deployment()->set_payload(std::string(bytes, 'p'));
  return acceptance;
}

v1::Command Deletion(int64_t id) {
  v1::Command command;
  command.mutable_delete_deployment()->set_deployment_id(id);
  return command;
}

TEST(MemoryTest, ForgetsWhatIsTooMuch) {
  World world(1);
  Memory memory(0);
  const v1::Rules rules = DocumentedRules();
  memory.SetRow(world.Read(rules, world.Start()));
  Snapshot snapshot;
  bool has_forgotten = false;
  for (int64_t id = 1; id <= 100; ++id) {
    memory.Apply(Created(id, 60'000), world.row());
    EXPECT_LE(memory.bytes(), Memory::kBytesMax);
    if (!memory.Recall(rules, Deletion(1), &snapshot)) has_forgotten = true;
  }
  EXPECT_TRUE(has_forgotten);
  EXPECT_TRUE(memory.has_row());
}

TEST(MemoriesTest, KeepsThoseThatWereUsedLast) {
  World world(1);
  const v1::Rules rules = DocumentedRules();
  Memories memories(300'000);
  const auto knows = [&](int64_t key) {
    std::unique_ptr<Memory> memory = memories.Take(key);
    const bool has_row = memory->has_row();
    memories.Keep(std::move(memory));
    return has_row;
  };
  for (int64_t key = 1; key <= 4; ++key) {
    std::unique_ptr<Memory> memory = memories.Take(key);
    EXPECT_FALSE(memory->has_row());
    Snapshot snapshot = world.Read(rules, world.Start());
    snapshot.row.key = key;
    memory->SetRow(snapshot);
    memory->Apply(Created(1, 80'000), snapshot.row);
    memories.Keep(std::move(memory));
    EXPECT_TRUE(knows(1));
  }
  EXPECT_FALSE(knows(2));
  EXPECT_TRUE(knows(4));
  EXPECT_TRUE(knows(3));
  // What was taken is gone.
  memories.Take(3);
  EXPECT_FALSE(memories.Take(3)->has_row());

  Memories none(0);
  EXPECT_FALSE(none.is_keeping());
  std::unique_ptr<Memory> memory = none.Take(1);
  memory->SetRow(world.Read(rules, world.Start()));
  none.Keep(std::move(memory));
  EXPECT_FALSE(none.Take(1)->has_row());
}

}  // namespace
}  // namespace postgres_internal
}  // namespace slipway
