// What a list by several filters costs.

#include "slipway/adapters/sqlite/deployment_list.h"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/rows.h"
#include "slipway/adapters/sqlite/testing.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/deployment.pb.h"

namespace slipway {
namespace internal {
namespace {

constexpr int kCommon = 200;

v1::Command PutBranch(const std::string& name, char digit) {
  v1::Command command = PutMain();
  command.mutable_put_ref()->set_name(name);
  command.mutable_put_ref()->set_sha(std::string(40, digit));
  return command;
}

// Many deployments that are alike, and one that is rare for each filter, and
// else like them.
void Fill(Engine& engine) {
  engine.PutAll();
  for (int i = 0; i < kCommon; ++i) engine.Accept(CreateDeployment("common"));
  engine.Accept(CreateDeployment("rare"));
  v1::Command task = CreateDeployment("common");
  task.mutable_create_deployment()->set_task("rare");
  engine.Accept(task);
  engine.Accept(PutBranch("rare", 'a'));
  v1::Command ref = CreateDeployment("common");
  ref.mutable_create_deployment()->set_ref("rare");
  engine.Accept(ref);
  engine.Accept(PutBranch("main", 'b'));
  engine.Accept(CreateDeployment("common"));
}

// The steps of the machine that all statements have run in.
int64_t StepsOf(Database& database) {
  int64_t steps = 0;
  for (sqlite3_stmt* statement = sqlite3_next_stmt(database.handle(), nullptr);
       statement != nullptr;
       statement = sqlite3_next_stmt(database.handle(), statement)) {
    steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
  }
  return steps;
}

TEST(DeploymentListTest, SeveralFiltersCostWhatTheRarestHas) {
  const ScratchDirectory directory;
  { Fill(*std::make_unique<Engine>(directory)); }
  Database::OpenParams open;
  open.path = directory.File();
  const absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(open);
  ASSERT_TRUE(database.ok()) << database.status();
  Rows rows(**database);
  const absl::StatusOr<Rows::Repository*> repository =
      rows.FindRepository(HelloWorld());
  ASSERT_TRUE(repository.ok()) << repository.status();
  ASSERT_NE(*repository, nullptr);

  const auto list = [&](const Store::ListDeploymentsParams& params,
                        int64_t* total) {
    const int64_t before = StepsOf(**database);
    Store::Page<v1::Deployment> page;
    const absl::Status status =
        ListDeployments(rows, **repository, params, &page);
    EXPECT_TRUE(status.ok()) << status;
    *total = page.total;
    return StepsOf(**database) - before;
  };
  Store::ListDeploymentsParams common;
  common.sha = std::string(40, 'a');
  common.ref = "main";
  common.task = "deploy";
  common.environment = "common";
  int64_t total = 0;
  EXPECT_GT(list(common, &total), 5 * kCommon) << "steps tell nothing";
  EXPECT_EQ(total, kCommon);
  for (const bool exact : {false, true}) {
    if (exact) common.environment_match = v1::NAME_MATCH_EXACT;
    for (int rare = 0; rare < 4; ++rare) {
      Store::ListDeploymentsParams params = common;
      if (rare == 0) params.sha = std::string(40, 'b');
      if (rare == 1) params.ref = "rare";
      if (rare == 2) params.task = "rare";
      if (rare == 3) params.environment = "rare";
      EXPECT_LT(list(params, &total), 2 * kCommon) << exact << " " << rare;
      EXPECT_EQ(total, 1) << exact << " " << rare;
    }
  }
}

}  // namespace
}  // namespace internal
}  // namespace slipway
