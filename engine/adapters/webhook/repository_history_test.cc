#include "slipway/adapters/webhook/repository_history.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "slipway/adapters/webhook/testing.h"

namespace slipway {
namespace internal {
namespace {

// Counts how much of the stream is read.
class CountingOutbox : public Outbox {
 public:
  explicit CountingOutbox(Outbox* outbox) : outbox_(outbox) {}
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    auto part = outbox_->ReadOutbox(params);
    entries_read += static_cast<int64_t>(part->size());
    return part;
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    return outbox_->ReadAll(params);
  }
  absl::StatusOr<int64_t> LastGlobalPosition() override {
    return outbox_->LastGlobalPosition();
  }
  int64_t entries_read = 0;

 private:
  Outbox* const outbox_;
};

std::vector<OutboxEntry> Stream(TestEngine& engine) {
  return *engine.store.ReadOutbox(
      {TestEngine::CommandOn().repository(), 0, 10'000});
}

TEST(RepositoryHistory, OfOneThatDidNotChangeIsTheRow) {
  TestEngine engine;
  for (int i = 0; i < 500; ++i) engine.Deploy();
  CountingOutbox outbox(&engine.store);
  RepositoryHistory history(&engine.store, &outbox);
  const auto repository = history.At(Stream(engine).back());
  ASSERT_TRUE(repository.ok()) << repository.status();
  EXPECT_EQ(repository->id(), 1296269);
  EXPECT_EQ(outbox.entries_read, 0);
}

TEST(RepositoryHistory, OfOneThatChangedIsInTheStream) {
  TestEngine engine;
  std::vector<std::string> expected;
  // By the clock or within one millisecond.
  for (const int64_t step_ms : {1000, 0, 0, 1000}) {
    const std::string branch = "main" + std::to_string(expected.size());
    engine.Put("hello-world", 1296269, branch);
    for (int i = 0; i < 300; ++i) {
      v1::Command context = TestEngine::CommandOn();
      context.mutable_put_commit_context()->set_sha(std::string(40, 'a'));
      context.mutable_put_commit_context()->set_context("ci");
      context.mutable_put_commit_context()->set_state(
          v1::COMMIT_CONTEXT_STATE_SUCCESS);
      engine.Send(context);
    }
    expected.push_back(branch);
    engine.clock.AdvanceMs(step_ms);
  }
  const std::vector<OutboxEntry> stream = Stream(engine);
  CountingOutbox outbox(&engine.store);
  RepositoryHistory history(&engine.store, &outbox);
  std::string branch;
  size_t looked_at = 0;
  for (const OutboxEntry& entry : stream) {
    if (entry.event.has_put_repository()) {
      branch = entry.event.put_repository().default_branch();
    }
    const auto repository = history.At(entry);
    ASSERT_TRUE(repository.ok()) << repository.status();
    EXPECT_EQ(repository->default_branch(), branch) << entry.position;
    ++looked_at;
  }
  EXPECT_GT(looked_at, 1200u);
  // Every entry once, more or less.
  EXPECT_LE(outbox.entries_read, static_cast<int64_t>(2 * stream.size()));
  // And backwards, as a redelivery may.
  for (auto entry = stream.rbegin(); entry != stream.rend(); entry += 7) {
    const auto repository = history.At(*entry);
    ASSERT_TRUE(repository.ok());
    if (entry->event.has_put_repository()) {
      EXPECT_EQ(repository->default_branch(),
                entry->event.put_repository().default_branch());
    }
    if (stream.rend() - entry <= 7) break;
  }
}

TEST(RepositoryHistory, OfOneThatIsGoneIsInTheStream) {
  TestEngine engine;
  engine.Deploy();
  const OutboxEntry entry = Stream(engine).back();
  v1::Command remove = TestEngine::CommandOn();
  remove.mutable_delete_repository();
  engine.Send(remove);
  RepositoryHistory history(&engine.store, &engine.store);
  const auto repository = history.At(entry);
  ASSERT_TRUE(repository.ok()) << repository.status();
  EXPECT_EQ(repository->id(), 1296269);
}

TEST(RepositoryHistory, OfOneThatNeverWas) {
  TestEngine engine;
  RepositoryHistory history(&engine.store, &engine.store);
  OutboxEntry entry = Stream(engine).back();
  entry.event.mutable_repository()->set_name("never");
  EXPECT_TRUE(absl::IsNotFound(history.At(entry).status()));
}

}  // namespace
}  // namespace internal
}  // namespace slipway
