#include "slipway/runner/history.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/core/evolve.h"
#include "slipway/runner/runner.h"

namespace slipway {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

v1::RepositoryName Name(const std::string& name) {
  v1::RepositoryName repository;
  repository.set_owner("octo");
  repository.set_name(name);
  return repository;
}

// A store whose entries a test can spoil, or keep from being read.
class SpoiledStore : public MemoryStore {
 public:
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    ++reads;
    if (!failure.ok()) return failure;
    auto entries = MemoryStore::ReadOutbox(params);
    Spoil(*entries);
    return entries;
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    if (!failure.ok()) return failure;
    auto entries = MemoryStore::ReadAll(params);
    Spoil(*entries);
    return entries;
  }

  absl::Status failure;
  // The position that is left out.
  int64_t gap_at = 0;
  int reads = 0;

 private:
  void Spoil(std::vector<OutboxEntry>& entries) const {
    for (OutboxEntry& entry : entries) {
      if (gap_at > 0 && entry.position >= gap_at) ++entry.position;
      if (gap_at > 0 && entry.global_position >= gap_at) {
        ++entry.global_position;
      }
    }
  }
};

class HistoryTest : public testing::Test {
 protected:
  // A second goes by before each command, but for a clock that steps back.
  void SetUp() override {
    Put("app", 1);
    Create();    // 4, 5: the environment
    Succeed(1);  // 6
    Create();    // 7
    Succeed(4);  // 8, 9: retires the first
    clock_.AdvanceMs(-5000);
    Create();  // 10
    v1::Command command = CommandOn("app");
    command.mutable_delete_deployment()->set_deployment_id(1);
    Run(command);  // 11
    Put("other", 2);
  }

  v1::Command CommandOn(const std::string& name) {
    v1::Command command;
    *command.mutable_repository() = Name(name);
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("ann");
    return command;
  }
  void Put(const std::string& name, int64_t id) {
    v1::Command command = CommandOn(name);
    command.mutable_put_repository()->set_id(id);
    command.mutable_put_repository()->set_default_branch("main");
    Run(command);
    for (const char* branch : {"main", "topic"}) {
      command.mutable_put_ref()->set_name(branch);
      command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
      command.mutable_put_ref()->set_sha(std::string(40, 'a'));
      Run(command);
    }
  }
  void Create() {
    v1::Command command = CommandOn("app");
    command.mutable_create_deployment()->set_ref("main");
    command.mutable_create_deployment()->set_environment("qa");
    Run(command);
  }
  void Succeed(int64_t id) {
    v1::Command command = CommandOn("app");
    command.mutable_create_status()->set_deployment_id(id);
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    Run(command);
  }
  void Run(const v1::Command& command) {
    clock_.AdvanceMs(1000);
    const absl::StatusOr<v1::Decision> decision = runner_.Execute(command);
    ASSERT_TRUE(decision.ok()) << decision.status();
    ASSERT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
  }

  // The stream's events up to a position, added up.
  v1::RepositoryState Expected(int64_t position) {
    v1::RepositoryState state;
    const auto entries =
        store_.MemoryStore::ReadOutbox({Name("app"), 0, position});
    for (const OutboxEntry& entry : *entries) {
      EXPECT_TRUE(Evolve(entry.event, &state).ok());
    }
    return state;
  }

  SpoiledStore store_;
  ManualClock clock_{1000000};
  MemoryIds ids_;
  Runner runner_{{&store_, nullptr, &clock_, &ids_}};
  History history_{store_};
};

TEST_F(HistoryTest, R102TheStreamAddsUpToTheRepository) {
  const absl::StatusOr<Past> past = history_.Replay(Name("APP"));
  ASSERT_TRUE(past.ok()) << past.status();
  EXPECT_EQ(past->position, 11);
  EXPECT_EQ(past->state.deployments_size(), 2);
  EXPECT_EQ(past->state.SerializeAsString(), Expected(11).SerializeAsString());
  const absl::StatusOr<Past> nothing = history_.Replay(Name("never"));
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->position, 0);
  EXPECT_EQ(nothing->state.SerializeAsString(), "");
}

TEST_F(HistoryTest, R103AsOfEveryPosition) {
  for (const int64_t page_size : {1, 3, 1000}) {
    const History history(store_, page_size);
    for (int64_t position = -1; position <= 13; ++position) {
      const absl::StatusOr<Past> past =
          history.AsOfPosition(Name("app"), position);
      ASSERT_TRUE(past.ok()) << past.status();
      const int64_t last =
          std::min<int64_t>(std::max<int64_t>(position, 0), 11);
      EXPECT_EQ(past->position, last);
      EXPECT_EQ(past->state.SerializeAsString(),
                Expected(last).SerializeAsString())
          << position;
    }
  }
}

TEST_F(HistoryTest, ReadsNoMoreThanItNeeds) {
  ASSERT_TRUE(history_.AsOfPosition(Name("app"), 0).ok());
  EXPECT_EQ(store_.reads, 0);
  ASSERT_TRUE(history_.AsOfPosition(Name("app"), 4).ok());
  EXPECT_EQ(store_.reads, 1);
}

TEST_F(HistoryTest, R103AsOfATimeIsTheLastEntryNotAfterIt) {
  const struct {
    int64_t time_ms;
    int64_t position;
  } cases[] = {
      {std::numeric_limits<int64_t>::min(), 0},
      {1000999, 0},
      {1001000, 1},
      {1001999, 1},
      {1002000, 2},
      {1003000, 10},  // the clock has stepped back to that by then
      {1003999, 10},
      {1004000, 11},
      {1007000, 11},
      {kFar, 11},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Past> past = history_.AsOfTime(Name("app"), c.time_ms);
    ASSERT_TRUE(past.ok()) << past.status();
    EXPECT_EQ(past->position, c.position) << c.time_ms;
    EXPECT_EQ(past->state.SerializeAsString(),
              Expected(c.position).SerializeAsString());
  }
}

TEST_F(HistoryTest, R36R103ATimeNeverDividesADecision) {
  // A deployment with its environment, a success with what it retires.
  for (int64_t time_ms = 1000000; time_ms < 1009000; time_ms += 500) {
    const int64_t position = history_.AsOfTime(Name("app"), time_ms)->position;
    EXPECT_NE(position, 4) << time_ms;
    EXPECT_NE(position, 8) << time_ms;
  }
}

TEST_F(HistoryTest, R17R103AfterItsDeletionThereIsTheLastId) {
  v1::Command command = CommandOn("app");
  command.mutable_delete_repository();
  Run(command);
  const absl::StatusOr<Past> past = history_.Replay(Name("app"));
  ASSERT_TRUE(past.ok());
  EXPECT_FALSE(past->state.has_repository());
  EXPECT_GT(past->state.last_id(), 0);
  EXPECT_TRUE(history_.AsOfPosition(Name("app"), 11)->state.has_repository());
}

TEST_F(HistoryTest, R102AllRepositoriesFromACursor) {
  for (const int64_t page_size : {1, 4, 1000}) {
    const History history(store_, page_size);
    for (const int64_t after : {-1, 0, 1, 11, 14, 15}) {
      std::vector<int64_t> positions;
      const absl::StatusOr<int64_t> cursor =
          history.ForEachAfter(after, [&](const OutboxEntry& entry) {
            positions.push_back(entry.global_position);
            return absl::OkStatus();
          });
      ASSERT_TRUE(cursor.ok()) << cursor.status();
      EXPECT_EQ(*cursor, std::max<int64_t>(after, 14));
      EXPECT_EQ(positions.size(),
                after > 14 ? 0 : 14 - std::max<int64_t>(after, 0));
      for (size_t i = 0; i < positions.size(); ++i) {
        EXPECT_EQ(positions[i],
                  std::max<int64_t>(after, 0) + static_cast<int64_t>(i) + 1);
      }
    }
  }
}

TEST_F(HistoryTest, WhoTakesAnEntryMayEndIt) {
  int taken = 0;
  EXPECT_EQ(history_
                .ForEachAfter(0,
                              [&](const OutboxEntry&) {
                                return ++taken < 3
                                           ? absl::OkStatus()
                                           : absl::AbortedError("enough");
                              })
                .status(),
            absl::AbortedError("enough"));
  EXPECT_EQ(taken, 3);
}

TEST_F(HistoryTest, FailuresAreToldAndGapsAreDamage) {
  const auto statuses = [&] {
    return std::vector<absl::Status>{
        history_.Replay(Name("app")).status(),
        history_.AsOfPosition(Name("app"), 9).status(),
        history_.AsOfTime(Name("app"), kFar).status(),
        history_
            .ForEachAfter(0,
                          [](const OutboxEntry&) { return absl::OkStatus(); })
            .status()};
  };
  store_.gap_at = 5;
  for (const absl::Status& status : statuses()) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  }
  store_.failure = absl::UnavailableError("away");
  for (const absl::Status& status : statuses()) {
    EXPECT_EQ(status, store_.failure);
  }
}

}  // namespace
}  // namespace slipway
