#include "slipway/examples/server/storage.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"

namespace {

namespace v1 = slipway::v1;

// Puts the repository octocat/NAME; its id comes from the store.
void Put(const Storage& storage, const std::string& name) {
  slipway::SystemClock clock;
  slipway::Runner runner({storage.store, nullptr, &clock, storage.ids});
  v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name(name);
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  command.mutable_put_repository()->set_id(*storage.ids->Take(1));
  command.mutable_put_repository()->set_default_branch("main");
  const auto decision = runner.Execute(command);
  ASSERT_TRUE(decision.ok()) << decision.status();
  ASSERT_TRUE(decision->has_acceptance()) << decision->DebugString();
}

TEST(StorageTest, R107WhatWasAnsweredIsThereWhenItIsOpenedAgain) {
  const std::string name =
      absl::StrCat("sqlite:", ::testing::TempDir(), "/storage_test.db");
  for (int start = 1; start <= 3; ++start) {
    const absl::StatusOr<Storage> storage = OpenStorage({name});
    ASSERT_TRUE(storage.ok()) << storage.status();
    EXPECT_EQ(*storage->outbox->LastGlobalPosition(), start - 1);
    EXPECT_NE(storage->deliveries, nullptr);
    Put(*storage, absl::StrCat("repository-", start));
    EXPECT_EQ(*storage->outbox->LastGlobalPosition(), start);
  }
}

TEST(StorageTest, MemoryIsEmptyEachTime) {
  for (int start = 0; start < 2; ++start) {
    const absl::StatusOr<Storage> storage = OpenStorage({"memory"});
    ASSERT_TRUE(storage.ok()) << storage.status();
    EXPECT_EQ(*storage->outbox->LastGlobalPosition(), 0);
    EXPECT_NE(storage->deliveries, nullptr);
    Put(*storage, "a");
  }
}

TEST(StorageTest, WhatCannotBeOpenedIsSaidWithItsPathAndTheReason) {
  EXPECT_EQ(OpenStorage({"sqlite:/no/such/directory/a.db"}).status().message(),
            "--store: /no/such/directory/a.db: cannot be opened for reading "
            "and writing: No such file or directory");
}

TEST(StorageTest, WhatCannotBeOpenedIsOneLineThatNamesTheFlag) {
  for (const char* name :
       {"", "floppy", "sqlite", "sqlite:", "sqlite:/no/such/directory/a.db",
        "memory:", "postgresql//user:pa55word@127.0.0.1/none",
        "postgresql://nobody@127.0.0.1:1/none"}) {
    const absl::StatusOr<Storage> storage = OpenStorage({name});
    ASSERT_FALSE(storage.ok()) << name;
    EXPECT_TRUE(absl::StartsWith(storage.status().message(), "--store: "))
        << storage.status();
    EXPECT_FALSE(absl::StrContains(storage.status().message(), "\n"))
        << storage.status();
    EXPECT_FALSE(absl::StrContains(storage.status().message(), "pa55word"))
        << storage.status();
  }
}

}  // namespace
