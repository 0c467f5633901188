// What becomes of decisions when the disk, or one of their group, fails
// (R107, R108).

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/failing_vfs.h"
#include "slipway/adapters/sqlite/testing.h"
#include "slipway/adapters/sqlite/writer.h"
#include "slipway/core/decide.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

using Operation = FailingVfs::Operation;

constexpr int64_t kBusyTimeoutMs = 200;

bool IsOutcomeUnknown(const absl::Status& status) {
  return absl::IsUnknown(status) &&
         absl::StartsWith(status.message(), "outcome unknown");
}

// What another process would find if this one died now.
std::unique_ptr<Engine> AfterACrash(const ScratchDirectory& of,
                                    const ScratchDirectory& copy) {
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(
        of.File() + suffix, copy.File() + suffix,
        std::filesystem::copy_options::overwrite_existing);
  }
  std::filesystem::remove(copy.File() + "-shm");
  auto engine = std::make_unique<Engine>(copy);
  EXPECT_TRUE(engine->status.ok()) << engine->status;
  EXPECT_TRUE(engine->store->CheckIntegrity().ok())
      << engine->store->CheckIntegrity();
  return engine;
}

// ---------------------------------------------------------------------------
// Commits.

class FailingCommitTest : public testing::Test {
 protected:
  FailingCommitTest() : disk_(FailingVfs::Install()), engine_(directory_) {
    engine_.PutAll();
  }
  ~FailingCommitTest() override { disk_.Heal(); }

  absl::Status Create() { return engine_.Send(CreateDeployment()).status(); }
  int64_t CountAfterACrash() {
    const ScratchDirectory copy;
    return AfterACrash(directory_, copy)->CountDeployments();
  }

  FailingVfs& disk_;
  const ScratchDirectory directory_;
  Engine engine_;
};

TEST_F(FailingCommitTest, R107WhatCouldNotBeSyncedIsGoneAfterACrashToo) {
  disk_.FailNext(Operation::kSync, "-wal", 1);
  const absl::Status status = Create();
  EXPECT_EQ(disk_.failed(), 1);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_FALSE(IsOutcomeUnknown(status)) << status;
  EXPECT_EQ(engine_.CountDeployments(), 0);
  EXPECT_EQ(CountAfterACrash(), 0);
  EXPECT_TRUE(Create().ok());
  EXPECT_EQ(engine_.CountDeployments(), 1);
  EXPECT_EQ(CountAfterACrash(), 1);
}

// Each write of a commit in turn, the last one of which completes it.
TEST_F(FailingCommitTest, R107WhatCouldNotBeWrittenIsGoneAfterACrashToo) {
  int64_t accepted = 0;
  int failures = 0;
  for (int64_t skipped = 0;; ++skipped) {
    disk_.FailNext(Operation::kWrite, "-wal", 1, skipped);
    const absl::Status status = Create();
    if (disk_.failed() == 0) {
      EXPECT_TRUE(status.ok()) << status;
      break;
    }
    ++failures;
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_FALSE(IsOutcomeUnknown(status)) << status;
    EXPECT_EQ(engine_.CountDeployments(), accepted);
    EXPECT_EQ(CountAfterACrash(), accepted);
    EXPECT_TRUE(Create().ok());
    ++accepted;
  }
  EXPECT_GT(failures, 5);
  EXPECT_EQ(engine_.CountDeployments(), accepted + 1);
  EXPECT_EQ(CountAfterACrash(), accepted + 1);
}

TEST_F(FailingCommitTest, R108WhereNobodyCanKnowItSaysSoAndWritesNothing) {
  disk_.FailNext(Operation::kSync, "-wal", 1'000'000);
  const absl::Status unknown = Create();
  EXPECT_TRUE(IsOutcomeUnknown(unknown)) << unknown;
  // Those who come later change nothing, and know that.
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Create();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_FALSE(IsOutcomeUnknown(status)) << status;
  }
  EXPECT_EQ(engine_.CountDeployments(), 0);
  EXPECT_EQ(CountAfterACrash(), 0);
  disk_.Heal();
  EXPECT_TRUE(Create().ok());
  EXPECT_EQ(engine_.CountDeployments(), 1);
  EXPECT_EQ(CountAfterACrash(), 1);
}

TEST_F(FailingCommitTest, R108AReadThatFails) {
  engine_.Accept(CreateDeployment());
  engine_.store.reset();
  Engine again(directory_);
  ASSERT_TRUE(again.status.ok()) << again.status;
  disk_.FailNext(Operation::kRead, "", 1'000'000);
  const auto found = again.store->FindRepository(HelloWorld());
  EXPECT_TRUE(absl::IsUnavailable(found.status())) << found.status();
  const absl::Status status = again.Send(CreateDeployment()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  disk_.Heal();
  EXPECT_EQ(again.CountDeployments(), 1);
  EXPECT_TRUE(again.Send(CreateDeployment()).ok());
  EXPECT_EQ(again.CountDeployments(), 2);
}

// ---------------------------------------------------------------------------
// Groups.

// What is asked of a writer, and what came of it.
struct Ask {
  explicit Ask(std::function<absl::Status(Rows&)> given)
      : work(std::move(given)) {}
  std::function<absl::Status(Rows&)> work;
  int runs = 0;
  absl::Status status;
};

class FailingGroupTest : public testing::Test {
 protected:
  FailingGroupTest() : disk_(FailingVfs::Install()) {
    {
      Engine engine(directory_);
      engine.PutAll();
      // So large that it has pages of its own, which nobody else reads.
      v1::Command command = CreateDeployment("old");
      command.mutable_create_deployment()->set_payload_type(
          v1::PAYLOAD_TYPE_STRING);
      command.mutable_create_deployment()->set_payload(std::string(60000, 'p'));
      old_id_ = engine.Accept(command);
    }
    Database::OpenParams params;
    params.path = directory_.File();
    params.busy_timeout_ms = kBusyTimeoutMs;
    absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(params);
    EXPECT_TRUE(opened.ok()) << opened.status();
    database_ = opened->get();
    EXPECT_TRUE(database_->PrepareToWrite(1000).ok());
    Writer::Params writer_params;
    writer_params.database = *std::move(opened);
    // The one that holds the others up, and three.
    writer_params.group_size_max = 4;
    writer_ = std::make_unique<Writer>(std::move(writer_params));
  }
  ~FailingGroupTest() override { disk_.Heal(); }

  // Has them wait one behind the other, so that the first three are one group.
  void RunTogether(const std::vector<Ask*>& asks) {
    std::promise<void> inside;
    std::promise<void> released;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      std::atomic<bool> entered{false};
      const absl::Status status = writer_->Run([&](Rows&) {
        if (entered.exchange(true)) return absl::OkStatus();
        inside.set_value();
        released.get_future().wait();
        return absl::OkStatus();
      });
      holder_status_ = status;
    });
    inside.get_future().wait();
    for (size_t i = 0; i < asks.size(); ++i) {
      threads.emplace_back([&, i] {
        Ask& ask = *asks[i];
        ask.status = writer_->Run([&](Rows& rows) {
          ++ask.runs;
          return ask.work(rows);
        });
      });
      while (writer_->CountWaiting() <= i) std::this_thread::yield();
    }
    released.set_value();
    for (std::thread& thread : threads) thread.join();
  }

  static absl::Status Create(Rows& rows) {
    const v1::Rules rules;
    // In an environment that is there, so that it could be kept without what
    // those before it have done.
    v1::Command command = CreateDeployment("old");
    command.set_time_ms(1700000000000);
    const absl::StatusOr<Rows::Repository*> repository =
        rows.FindRepository(command.repository());
    if (!repository.ok()) return repository.status();
    v1::Facts facts;
    absl::Status status = rows.AddFacts(rules, command, *repository, &facts);
    if (!status.ok()) return status;
    const absl::StatusOr<int64_t> first = rows.TakeIds(2);
    if (!first.ok()) return first.status();
    command.mutable_ids()->set_first(*first);
    command.mutable_ids()->set_count(2);
    // It has to stay until the group is committed.
    static auto& kept = *new std::deque<v1::Decision>();
    const v1::Decision& decision =
        kept.emplace_back(Decide(rules, facts, command));
    EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
    return rows.Keep(rules, command, *repository, decision);
  }

  // A lookup that the disk fails.
  absl::Status LookUp(Rows& rows) {
    // What is not in memory is read.
    sqlite3_db_release_memory(rows.database().handle());
    disk_.FailNext(Operation::kRead, "", 1);
    const absl::Status status = rows.FindDeployment(1, old_id_).status();
    EXPECT_EQ(disk_.failed(), 1);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    return status;
  }

  // Counters, lists and rows agree on this number, beside the old one.
  void ExpectCreated(int64_t count) {
    Engine engine(directory_);
    EXPECT_EQ(engine.CountDeployments(), 1 + count);
    EXPECT_EQ(*database_->Ask("SELECT count(*) FROM deployments"), 1 + count);
    EXPECT_EQ(*database_->Ask("SELECT deployment_count FROM outbox "
                              "ORDER BY global_position DESC LIMIT 1"),
              1 + count);
    const auto last = engine.store->LastGlobalPosition();
    const auto entries = engine.store->ReadAll({0, 1000});
    ASSERT_TRUE(last.ok() && entries.ok());
    EXPECT_EQ(static_cast<int64_t>(entries->size()), *last);
    EXPECT_TRUE(engine.store->CheckIntegrity().ok())
        << engine.store->CheckIntegrity();
    // And whoever comes next goes on from there.
    EXPECT_TRUE(writer_->Run(&FailingGroupTest::Create).ok());
    EXPECT_EQ(engine.CountDeployments(), 2 + count);
  }

  FailingVfs& disk_;
  const ScratchDirectory directory_;
  int64_t old_id_ = 0;
  std::unique_ptr<Writer> writer_;
  Database* database_ = nullptr;
  absl::Status holder_status_;
};

TEST_F(FailingGroupTest, R107ALookupThatFailsTakesNothingFromTheOthers) {
  Ask first(&FailingGroupTest::Create);
  Ask fails([&](Rows& rows) { return LookUp(rows); });
  Ask last(&FailingGroupTest::Create);
  RunTogether({&first, &fails, &last});
  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(absl::IsUnavailable(fails.status)) << fails.status;
  EXPECT_TRUE(last.status.ok()) << last.status;
  // SQLite has undone the first with the second.
  EXPECT_EQ(first.runs, 2);
  ExpectCreated(2);
}

TEST_F(FailingGroupTest, R107WhoDoesNotSeeAFailureCommitsNothingByHimself) {
  Ask first(&FailingGroupTest::Create);
  Ask careless([&](Rows& rows) {
    LookUp(rows).IgnoreError();
    const absl::Status status = Create(rows);
    EXPECT_FALSE(status.ok());
    return absl::OkStatus();
  });
  Ask last(&FailingGroupTest::Create);
  RunTogether({&first, &careless, &last});
  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(absl::IsUnavailable(careless.status)) << careless.status;
  EXPECT_TRUE(last.status.ok()) << last.status;
  ExpectCreated(2);
}

TEST_F(FailingGroupTest, AContradictionAtTheCommitIsOfTheOneWhoMadeIt) {
  Ask first(&FailingGroupTest::Create);
  Ask contradicts([&](Rows& rows) {
    rows.NoteChange();
    // A latest status that is not there, which is looked at in the end.
    return rows.database().Execute(
        "UPDATE deployments SET latest_status_id = 77, status_count = 1, "
        "latest_state = 1");
  });
  Ask last(&FailingGroupTest::Create);
  Ask waits(&FailingGroupTest::Create);
  RunTogether({&first, &contradicts, &last, &waits});
  EXPECT_TRUE(holder_status_.ok()) << holder_status_;
  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(absl::IsDataLoss(contradicts.status)) << contradicts.status;
  EXPECT_TRUE(last.status.ok()) << last.status;
  EXPECT_TRUE(waits.status.ok()) << waits.status;
  EXPECT_EQ(waits.runs, 1);
  ExpectCreated(3);
}

TEST_F(FailingGroupTest, ASyncThatFailsOnceCostsNobodyAnything) {
  Ask first([&](Rows& rows) {
    if (first.runs == 1) disk_.FailNext(Operation::kSync, "-wal", 1);
    return Create(rows);
  });
  Ask second(&FailingGroupTest::Create);
  RunTogether({&first, &second});
  EXPECT_EQ(disk_.failed(), 1);
  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(second.status.ok()) << second.status;
  ExpectCreated(2);
}

// The rest of the group is told, and does not try the disk one by one.
TEST_F(FailingGroupTest, ASyncThatFailsAgainIsTheEndForAll) {
  Ask first([&](Rows& rows) {
    disk_.FailNext(Operation::kSync, "-wal", 1);
    return Create(rows);
  });
  Ask second(&FailingGroupTest::Create);
  Ask third(&FailingGroupTest::Create);
  RunTogether({&first, &second, &third});
  for (const Ask* ask : {&first, &second, &third}) {
    EXPECT_TRUE(absl::IsUnavailable(ask->status)) << ask->status;
    EXPECT_FALSE(IsOutcomeUnknown(ask->status)) << ask->status;
  }
  EXPECT_EQ(first.runs, 2);
  EXPECT_EQ(second.runs, 1);
  EXPECT_EQ(third.runs, 1);
  ExpectCreated(0);
}

// Nobody waits longer for another process than he may, with what those before
// him have waited in the meantime.
TEST_F(FailingGroupTest, R108ALockOfAnotherProcessIsWaitedForTogether) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(directory_.File().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  constexpr int kCallers = 10;
  // The last wait may end late.
  constexpr int64_t kTooLateMs = 150;
  std::vector<std::thread> threads;
  std::mutex mutex;
  int64_t last_begin_us = 0;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&] {
      {
        std::lock_guard<std::mutex> lock(mutex);
        last_begin_us = std::max(last_begin_us, database_->busy_us());
      }
      const absl::Status status = writer_->Run(&FailingGroupTest::Create);
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(database_->busy_us(), kBusyTimeoutMs * 1000);
  EXPECT_LE(database_->busy_us(),
            last_begin_us + (kBusyTimeoutMs + kTooLateMs) * 1000);
  sqlite3_close(other);
  ExpectCreated(0);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
