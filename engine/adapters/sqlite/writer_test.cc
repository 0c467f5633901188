// Group commit. Commits are counted, not timed.

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/testing.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

constexpr int kCallers = 20;

// Holds the writer, with a decider that waits, until told to let go; what other
// threads ask for in the meantime is one group.
class Holder {
 public:
  explicit Holder(Engine& engine)
      : thread_([this, &engine] {
          const v1::Command command = AnyCommand();
          const v1::Rules rules;
          v1::Decision decision;
          status_ = engine.store->Transact(
              {rules, command,
               [&](const v1::Facts&, v1::Decision*) {
                 if (!entered_.exchange(true)) inside_.set_value();
                 release_.wait();
                 return absl::CancelledError("only held");
               }},
              &decision);
        }) {
    inside_.get_future().wait();
  }
  // Once so many threads have set out.
  void Release() {
    released_.set_value();
    thread_.join();
    EXPECT_TRUE(absl::IsCancelled(status_)) << status_;
  }

 private:
  std::atomic<bool> entered_{false};
  std::promise<void> inside_;
  std::promise<void> released_;
  const std::shared_future<void> release_ = released_.get_future().share();
  absl::Status status_;
  std::thread thread_;
};

TEST(WriterTest, ALoneCallerCommitsAlone) {
  const ScratchDirectory directory;
  RecordedMetrics metrics;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.metrics = &metrics;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  for (int i = 0; i < 5; ++i) engine.Accept(CreateDeployment());
  EXPECT_EQ(metrics.Observed("slipway_commit_group_size"),
            std::vector<double>(7, 1.0));
  EXPECT_EQ(metrics.Observed("slipway_commit_seconds").size(), 7);
}

TEST(WriterTest, CallersAtOnceShareCommits) {
  const ScratchDirectory directory;
  RecordedMetrics metrics;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.metrics = &metrics;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  const int64_t before = metrics.Commits();
  Holder holder(engine);
  std::vector<std::thread> threads;
  std::atomic<int> under_way{0};
  std::mutex mutex;
  std::set<int64_t> ids;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&] {
      ++under_way;
      const int64_t id = engine.Accept(CreateDeployment());
      std::lock_guard<std::mutex> lock(mutex);
      EXPECT_TRUE(ids.insert(id).second) << id << " twice";
    });
  }
  // All have set out; those that are not in the queue yet make groups of their
  // own, which is why the test asks for fewer commits, not for one.
  while (under_way < kCallers) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  holder.Release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), kCallers);
  EXPECT_EQ(engine.CountDeployments(), kCallers);
  EXPECT_LT(metrics.Commits() - before, kCallers);
}

// In one group: those who are answered yes, refused, fail, and decide what
// cannot be kept. Each gets what it would have got alone.
TEST(WriterTest, NobodyIsTouchedByOthersOfItsGroup) {
  const ScratchDirectory directory;
  RecordedMetrics metrics;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.metrics = &metrics;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  const int64_t before = metrics.Commits();
  Holder holder(engine);
  std::vector<std::thread> threads;
  std::atomic<int> under_way{0};
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      ++under_way;
      const v1::Rules rules;
      v1::Decision decision;
      switch (i % 4) {
        case 0:
          engine.Accept(CreateDeployment(absl::StrCat("qa", i)));
          break;
        case 1: {
          v1::Command command = CreateDeployment();
          command.mutable_create_deployment()->set_ref("nowhere");
          const absl::StatusOr<v1::Decision> refused = engine.Send(command);
          ASSERT_TRUE(refused.ok()) << refused.status();
          EXPECT_EQ(refused->rejection().reason(), v1::REASON_REF_NOT_FOUND);
          break;
        }
        case 2: {
          const v1::Command command = CreateDeployment();
          const absl::Status status =
              engine.store->Transact({rules, command,
                                      [&](const v1::Facts&, v1::Decision*) {
                                        return absl::AbortedError("mine");
                                      }},
                                     &decision);
          EXPECT_TRUE(absl::IsAborted(status)) << status;
          break;
        }
        case 3: {
          // A status of a deployment that is not there, after a new
          // environment, so that something of it has been written.
          const v1::Command command = CreateDeployment();
          const absl::Status status = engine.store->Transact(
              {rules, command,
               [&](const v1::Facts& facts, v1::Decision* bad) {
                 bad->Clear();
                 v1::Acceptance& yes = *bad->mutable_acceptance();
                 v1::Event& wrong = *yes.add_events();
                 wrong.set_type(v1::EVENT_TYPE_STATUS_CREATED);
                 wrong.mutable_status()->set_id(facts.last_id() + 1);
                 wrong.mutable_status()->set_deployment_id(1 << 30);
                 wrong.mutable_status()->set_state(v1::STATUS_STATE_SUCCESS);
                 wrong.mutable_status()->set_environment("broken");
                 v1::Event& event = *yes.add_events();
                 event.set_type(v1::EVENT_TYPE_ENVIRONMENT_CREATED);
                 event.mutable_environment()->set_id(facts.last_id() + 2);
                 event.mutable_environment()->set_name("broken");
                 return absl::OkStatus();
               }},
              &decision);
          EXPECT_TRUE(absl::IsDataLoss(status)) << status;
          break;
        }
      }
    });
  }
  while (under_way < kCallers) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  holder.Release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(engine.CountDeployments(), kCallers / 4);
  EXPECT_GT(metrics.Commits(), before);
  EXPECT_TRUE(engine.store->CheckIntegrity().ok())
      << engine.store->CheckIntegrity();
  // Nothing is left of what was undone: each environment's counters and labels
  // are those of its deployments.
  for (int i = 0; i < kCallers; i += 4) {
    Store::ListDeploymentsParams params;
    params.repository = HelloWorld();
    params.environment = absl::StrCat("qa", i);
    const auto page = engine.store->ListDeployments(params);
    ASSERT_TRUE(page.ok() && page->has_value());
    EXPECT_EQ((*page)->total, 1);
  }
  Store::ListDeploymentsParams params;
  params.repository = HelloWorld();
  params.environment = "broken";
  const auto page = engine.store->ListDeployments(params);
  ASSERT_TRUE(page.ok() && page->has_value());
  EXPECT_EQ((*page)->total, 0);
}

TEST(WriterTest, ADeciderMayReadAndTakeIdsButNotWrite) {
  const ScratchDirectory directory;
  Engine engine(directory);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  const v1::Rules rules;
  v1::Decision decision;
  const v1::Command command = AnyCommand();
  const absl::Status status = engine.store->Transact(
      {rules, command,
       [&](const v1::Facts&, v1::Decision*) {
         const absl::StatusOr<int64_t> first = engine.store->Take(3);
         const absl::StatusOr<int64_t> second = engine.store->Take(1);
         EXPECT_TRUE(first.ok() && second.ok());
         EXPECT_EQ(*second, *first + 3);
         const auto found = engine.store->FindRepository(HelloWorld());
         EXPECT_TRUE(found.ok() && found->has_value());
         v1::Decision inner;
         EXPECT_EQ(engine.store
                       ->Transact({rules, command,
                                   [](const v1::Facts&, v1::Decision*) {
                                     return absl::OkStatus();
                                   }},
                                  &inner)
                       .code(),
                   absl::StatusCode::kInternal);
         return absl::OkStatus();
       }},
      &decision);
  EXPECT_TRUE(status.ok()) << status;
}

// One store's decider may write to another, and is at work on the first all the
// while and afterwards.
TEST(WriterTest, ADeciderMayWriteToAnotherStore) {
  const ScratchDirectory directory;
  const ScratchDirectory other_directory;
  Engine engine(directory);
  Engine other(other_directory);
  ASSERT_TRUE(engine.status.ok() && other.status.ok());
  engine.PutAll();
  other.PutAll();
  const v1::Rules rules;
  const v1::Command command = AnyCommand();
  v1::Decision decision;
  const absl::Status status = engine.store->Transact(
      {rules, command,
       [&](const v1::Facts&, v1::Decision*) {
         const absl::StatusOr<int64_t> first = engine.store->Take(1);
         v1::Decision inner;
         const absl::Status nested = other.store->Transact(
             {rules, command,
              [&](const v1::Facts&, v1::Decision*) {
                EXPECT_EQ(*engine.store->Take(1), *first + 1);
                v1::Decision innermost;
                EXPECT_EQ(engine.store
                              ->Transact({rules, command,
                                          [](const v1::Facts&, v1::Decision*) {
                                            return absl::OkStatus();
                                          }},
                                         &innermost)
                              .code(),
                          absl::StatusCode::kInternal);
                return absl::OkStatus();
              }},
             &inner);
         EXPECT_TRUE(nested.ok()) << nested;
         EXPECT_EQ(*engine.store->Take(1), *first + 2);
         return absl::OkStatus();
       }},
      &decision);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(WriterTest, RefusalsAreNotCommitted) {
  const ScratchDirectory directory;
  RecordedMetrics metrics;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.metrics = &metrics;
  Engine engine(options);
  engine.PutAll();
  const int64_t before = metrics.Commits();
  v1::Command command = CreateDeployment();
  command.mutable_create_deployment()->set_ref("nowhere");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(engine.Send(command).ok());
  EXPECT_EQ(metrics.Commits(), before);
}

// R17: of ids that were taken before, whoever took them, none comes again.
TEST(WriterTest, R17IdsOfTwoStoresOverOneFileGrow) {
  const ScratchDirectory directory;
  Engine one(directory);
  Engine two(directory);
  int64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const absl::StatusOr<int64_t> first =
        (i % 3 == 0 ? one : two).store->Take(1 + i);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_GT(*first, last);
    last = *first + i;
  }
  EXPECT_EQ(one.store->Take(kIdMax).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// R17: ids that a command brings lock nobody out who takes the store's own.
TEST(WriterTest, R17IdsOfTheStoreGoOnAboveThoseThatCommandsBring) {
  constexpr int64_t kBrought = 1'000'000;
  const ScratchDirectory directory;
  {
    Engine engine(directory);
    engine.PutAll();
    v1::Command command = CreateDeployment();
    command.mutable_ids()->set_first(kBrought);
    command.mutable_ids()->set_count(2);
    EXPECT_EQ(engine.Accept(command), kBrought);
    EXPECT_GT(engine.Accept(CreateDeployment()), kBrought + 1);
  }
  Engine again(directory);
  EXPECT_GT(again.Accept(CreateDeployment()), kBrought + 1);
  EXPECT_EQ(again.CountDeployments(), 3);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
