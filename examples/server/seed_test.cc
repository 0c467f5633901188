#include "slipway/examples/server/seed.h"

#include <string>

#include "gtest/gtest.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/system/system_clock.h"

namespace {

namespace v1 = slipway::v1;

// A server's life with one store, start by start.
class SeedTest : public ::testing::Test {
 protected:
  SeedTest() {
    actor_.set_id(1);
    actor_.set_login("octocat");
    name_.set_owner("octocat");
    name_.set_name("hello-world");
  }
  absl::Status Start() {
    return PutMissingRepositories(*ReadSeed(""), actor_, store_, store_,
                                  runner_);
  }
  v1::Command CommandOf() {
    v1::Command command;
    *command.mutable_repository() = name_;
    *command.mutable_actor() = actor_;
    return command;
  }
  int64_t Events() { return *store_.LastGlobalPosition(); }

  slipway::MemoryStore store_;
  slipway::SystemClock clock_;
  slipway::MemoryIds ids_;
  slipway::Runner runner_{{&store_, nullptr, &clock_, &ids_}};
  v1::Actor actor_;
  v1::RepositoryName name_;
};

TEST_F(SeedTest, ARestartPutsNothingAgain) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Events(), 1);
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Events(), 1);
  EXPECT_EQ((*store_.FindRepository(name_))->default_branch(), "main");
}

TEST_F(SeedTest, ARestartLeavesWhatWasChanged) {
  ASSERT_TRUE(Start().ok());
  v1::Command command = CommandOf();
  command.mutable_put_repository()->set_id(1296269);
  command.mutable_put_repository()->set_default_branch("trunk");
  ASSERT_TRUE(runner_.Execute(command)->has_acceptance());
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ((*store_.FindRepository(name_))->default_branch(), "trunk");
}

TEST_F(SeedTest, ARestartLeavesWhatWasDeleted) {
  ASSERT_TRUE(Start().ok());
  v1::Command command = CommandOf();
  command.mutable_delete_repository();
  ASSERT_TRUE(runner_.Execute(command)->has_acceptance());
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(store_.FindRepository(name_)->has_value());
}

TEST_F(SeedTest, AnIdThatIsTakenIsAnError) {
  v1::Command command = CommandOf();
  command.mutable_repository()->set_name("other");
  command.mutable_put_repository()->set_id(1296269);
  command.mutable_put_repository()->set_default_branch("main");
  ASSERT_TRUE(runner_.Execute(command)->has_acceptance());
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("octocat/hello-world"),
            absl::string_view::npos)
      << status;
}

}  // namespace
