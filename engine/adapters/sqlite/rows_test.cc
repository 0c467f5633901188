// What the writer keeps in memory from decision to decision, and what of a
// group's changes it writes once: the facts are those of the pure core at every
// step, and the file has what was decided.

#include "slipway/adapters/sqlite/rows.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/deliveries.h"
#include "slipway/adapters/sqlite/schema.h"
#include "slipway/adapters/sqlite/testing.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {
namespace {

class RowsTest : public testing::Test {
 protected:
  RowsTest() {
    Database::OpenParams params;
    params.path = directory_.File();
    absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(params);
    EXPECT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
    EXPECT_TRUE(database_->PrepareToWrite(4000).ok());
    EXPECT_TRUE(Migrate(*database_).ok());
    rows_ = std::make_unique<Rows>(*database_);
    Begin();
    Accept(PutRepository());
    Accept(PutMain());
    Commit();
  }

  void Begin() {
    ASSERT_TRUE(internal::Run(*database_, Sql::kBeginImmediate).ok());
    rows_->ClearIfLarge();
  }
  void Commit() {
    const absl::Status status = rows_->Flush();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(internal::Run(*database_, Sql::kCommit).ok());
  }

  // The facts of the file and of what is in memory, which must be those of the
  // state that the events so far make.
  v1::Facts FactsOf(const v1::Command& command) {
    absl::StatusOr<Rows::Repository*> repository =
        rows_->FindRepository(command.repository());
    EXPECT_TRUE(repository.ok()) << repository.status();
    v1::Facts facts;
    const absl::Status status =
        rows_->AddFacts(rules_, command, *repository, &facts);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(facts.DebugString(),
              FactsFor(rules_, state_, command).DebugString());
    return facts;
  }

  // Decides `command` on facts that are checked, or on those of the core, and
  // keeps the decision, which must be a yes.
  const v1::Acceptance& Accept(v1::Command command, bool checks = true) {
    command.set_time_ms(1700000000000);
    v1::Facts facts;
    absl::StatusOr<Rows::Repository*> repository =
        rows_->FindRepository(command.repository());
    EXPECT_TRUE(repository.ok()) << repository.status();
    if (checks) {
      facts = FactsOf(command);
    } else {
      const absl::Status status =
          rows_->AddFacts(rules_, command, *repository, &facts);
      EXPECT_TRUE(status.ok()) << status;
    }
    const int64_t needed = IdsNeeded(facts, command);
    if (needed > 0) {
      const absl::StatusOr<int64_t> first = rows_->TakeIds(needed);
      EXPECT_TRUE(first.ok()) << first.status();
      command.mutable_ids()->set_first(*first);
      command.mutable_ids()->set_count(needed);
    }
    const v1::Decision& decision =
        decisions_.emplace_back(Decide(rules_, facts, command));
    EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
    const absl::Status kept =
        rows_->Keep(rules_, command, *repository, decision);
    EXPECT_TRUE(kept.ok()) << kept;
    for (const v1::Event& event : decision.acceptance().events()) {
      const absl::Status evolved = Evolve(event, &state_);
      EXPECT_TRUE(evolved.ok()) << evolved;
    }
    return decision.acceptance();
  }

  int64_t Create(const std::string& task = "deploy", bool checks = true) {
    v1::Command command = CreateDeployment();
    command.mutable_create_deployment()->set_task(task);
    return Accept(command, checks).events(0).deployment().id();
  }

  // The ids of those that a success retires.
  std::vector<int64_t> Succeed(int64_t id) {
    std::vector<int64_t> retired;
    for (const v1::Event& event : Accept(CreateStatus(id)).events()) {
      if (event.status().deployment_id() == id) continue;
      retired.push_back(event.status().deployment_id());
    }
    return retired;
  }

  // Deployments of three tasks, all of them live: the newest succeeded first.
  std::vector<int64_t> MakeLive(int count) {
    std::vector<int64_t> ids;
    ids.reserve(count);
    for (int i = 0; i < count; ++i) {
      ids.push_back(Create(absl::StrCat("task", i % 3)));
    }
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      EXPECT_EQ(Succeed(*id), std::vector<int64_t>());
    }
    return ids;
  }

  const ScratchDirectory directory_;
  v1::Rules rules_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Rows> rows_;
  v1::RepositoryState state_;
  std::deque<v1::Decision> decisions_;
};

// More than are remembered: they are asked for, task by task.
TEST_F(RowsTest, R31ManyLiveDeploymentsInOneGroup) {
  Begin();
  const std::vector<int64_t> ids = MakeLive(100);
  // Those with higher ids stay (R32).
  EXPECT_EQ(Succeed(ids[40]),
            std::vector<int64_t>(ids.begin(), ids.begin() + 40));
  EXPECT_EQ(Succeed(Create("other")),
            std::vector<int64_t>(ids.begin() + 40, ids.end()));
  Commit();
}

TEST_F(RowsTest, R31ManyLiveDeploymentsThatAreInTheFile) {
  Begin();
  const std::vector<int64_t> ids = MakeLive(100);
  Commit();
  rows_->Clear();
  Begin();
  EXPECT_EQ(Succeed(ids[40]),
            std::vector<int64_t>(ids.begin(), ids.begin() + 40));
  EXPECT_EQ(Succeed(ids[40]), std::vector<int64_t>());
  EXPECT_EQ(Succeed(Create("other")),
            std::vector<int64_t>(ids.begin() + 40, ids.end()));
  Commit();
}

TEST_F(RowsTest, R37ManyLiveDeploymentsOfOneTask) {
  rules_.set_inactivation_scope(v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK);
  Begin();
  const std::vector<int64_t> ids = MakeLive(100);
  EXPECT_EQ(Succeed(ids[9]), (std::vector<int64_t>{ids[0], ids[3], ids[6]}));
  EXPECT_EQ(Succeed(Create("other")), std::vector<int64_t>());
  Commit();
}

// The set is remembered again when it has become small, and grows over what is
// remembered.
TEST_F(RowsTest, R31TheLiveOnesBecomeFewAndMany) {
  Begin();
  const std::vector<int64_t> ids = MakeLive(66);
  EXPECT_EQ(Succeed(ids[60]).size(), 60U);
  for (int i = 0; i < 3; ++i) {
    Accept(CreateStatus(ids[61 + i], v1::STATUS_STATE_FAILURE));
  }
  const int64_t last = Create();
  EXPECT_EQ(Succeed(last), (std::vector<int64_t>{ids[60], ids[64], ids[65]}));
  Accept(CreateStatus(last, v1::STATUS_STATE_ERROR));
  MakeLive(70);
  EXPECT_EQ(Succeed(Create()).size(), 70U);
  Commit();
}

// What has been forgotten is read again, with the status that it had.
TEST_F(RowsTest, OldDeploymentsAreForgotten) {
  Begin();
  const int64_t first = Create();
  Accept(CreateStatus(first, v1::STATUS_STATE_IN_PROGRESS));
  constexpr int kMany = 4100;  // More than are kept
  for (int i = 0; i < kMany; ++i) Create("deploy", /*checks=*/false);
  Commit();
  Begin();
  const v1::Facts facts = FactsOf(CreateStatus(first));
  EXPECT_EQ(facts.status_count(), 1);
  EXPECT_EQ(Succeed(first), std::vector<int64_t>());
  EXPECT_EQ(Succeed(Create()), std::vector<int64_t>{first});
  Commit();
}

// A large one is not remembered from one transaction to the next, and is read
// again as it was.
TEST_F(RowsTest, LargeDeploymentsAreReadAnew) {
  v1::Command command = CreateDeployment();
  command.mutable_create_deployment()->set_description(std::string(5000, 'd'));
  Begin();
  const int64_t id = Accept(command).events(0).deployment().id();
  Accept(CreateStatus(id, v1::STATUS_STATE_IN_PROGRESS));
  Commit();
  ASSERT_TRUE(internal::Run(*database_, Sql::kBeginImmediate).ok());
  rows_->ClearIfLarge();
  // As another program could not while this one holds the lock: only who reads
  // the file sees it.
  ASSERT_TRUE(database_
                  ->Execute("UPDATE deployments SET status_count = 7 "
                            "WHERE length(body) > 4096")
                  .ok());
  v1::Facts facts;
  absl::StatusOr<Rows::Repository*> repository =
      rows_->FindRepository(command.repository());
  ASSERT_TRUE(repository.ok());
  ASSERT_TRUE(
      rows_->AddFacts(rules_, CreateStatus(id), *repository, &facts).ok());
  EXPECT_EQ(facts.status_count(), 7);
  database_->Rollback();
}

// One status after another of one deployment: the last one counts, and the
// deployment's row is written once.
TEST_F(RowsTest, R21StatusesOfOneGroupAreAllThere) {
  Begin();
  const int64_t id = Create();
  Accept(CreateStatus(id, v1::STATUS_STATE_QUEUED));
  Accept(CreateStatus(id, v1::STATUS_STATE_IN_PROGRESS));
  EXPECT_EQ(*database_->Ask("SELECT status_count FROM deployments"), 0);
  // What is live is looked for in the file.
  Accept(CreateStatus(id));
  EXPECT_EQ(*database_->Ask("SELECT status_count FROM deployments"), 2);
  Commit();
  EXPECT_EQ(*database_->Ask("SELECT status_count FROM deployments"), 3);
  EXPECT_EQ(*database_->Ask("SELECT latest_state FROM deployments"),
            v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(*database_->Ask("SELECT count(*) FROM statuses"), 3);
  EXPECT_EQ(*database_->Ask("SELECT latest_status_id FROM deployments"),
            *database_->Ask("SELECT max(id) FROM statuses"));
}

// Deleted in the group that changed it: nothing of it is written afterwards.
TEST_F(RowsTest, R42ADeploymentThatWasChangedAndDeleted) {
  Begin();
  const int64_t id = Create();
  Accept(CreateStatus(id, v1::STATUS_STATE_FAILURE));
  v1::Command command = AnyCommand();
  command.mutable_delete_deployment()->set_deployment_id(id);
  Accept(command);
  const int64_t other = Create();
  Commit();
  EXPECT_EQ(*database_->Ask("SELECT id FROM deployments"), other);
  EXPECT_EQ(*database_->Ask("SELECT count(*) FROM statuses"), 0);
  Begin();
  FactsOf(CreateStatus(id));
  FactsOf(CreateStatus(other));
  Commit();
}

// Several decisions share a row of the outbox, up to 64 events, and each event
// is found at its position, with the deployment that is told of it.
TEST_F(RowsTest, R81DecisionsOfOneGroupShareRowsOfTheOutbox) {
  const int64_t before = *database_->Ask("SELECT count(*) FROM outbox");
  const size_t first = decisions_.size();
  Begin();
  std::vector<int64_t> ids = MakeLive(70);
  Succeed(Create());  // Retires all of them
  Succeed(Create());
  Commit();
  std::vector<v1::Event> events;
  std::vector<int64_t> told;
  for (size_t i = 0; i < decisions_.size(); ++i) {
    const v1::Acceptance& acceptance = decisions_[i].acceptance();
    for (const v1::Effect& effect : acceptance.effects()) {
      if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
      told.push_back(static_cast<int64_t>(events.size()) +
                     effect.event_index() + 1);
    }
    events.insert(events.end(), acceptance.events().begin(),
                  acceptance.events().end());
  }
  const int64_t in_group = static_cast<int64_t>(events.size()) -
                           static_cast<int64_t>(first);  // One each before
  EXPECT_EQ(*database_->Ask("SELECT count(*) FROM outbox") - before,
            (in_group + 63) / 64);
  EXPECT_EQ(*database_->Ask("SELECT max(events) FROM outbox"), 64);
  const auto entries = ReadOutbox(*database_, 1, 0, 1000);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), events.size());
  std::vector<int64_t> notified;
  for (size_t i = 0; i < events.size(); ++i) {
    const OutboxEntry& entry = (*entries)[i];
    EXPECT_EQ(entry.position, static_cast<int64_t>(i + 1));
    EXPECT_EQ(entry.event.DebugString(), events[i].DebugString());
    if (entry.notify) notified.push_back(entry.position);
    if (entry.deployment.has_value()) {
      EXPECT_EQ(entry.deployment->id(), entry.event.status().deployment_id());
    }
  }
  std::sort(told.begin(), told.end());
  EXPECT_EQ(notified, told);
  EXPECT_FALSE(told.empty());
  // The last row has the counters of all.
  rows_->Clear();
  Begin();
  FactsOf(CreateDeployment());
  Commit();
}

}  // namespace
}  // namespace internal
}  // namespace slipway
