// A project that embeds the core by its promised targets: a deployment from
// nothing to success, in memory.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "slipway/core/apply.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace {

using ::slipway::v1::Command;
using ::slipway::v1::Decision;
using ::slipway::v1::RepositoryState;
using ::slipway::v1::Rules;

class Embedding : public testing::Test {
 protected:
  // A command at the next second, with ids that nobody had.
  Command Next() {
    Command command;
    command.mutable_repository()->set_owner("octocat");
    command.mutable_repository()->set_name("hello-world");
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("octocat");
    command.set_time_ms(clock_ms_ += 1000);
    command.mutable_ids()->set_first(next_id_);
    command.mutable_ids()->set_count(10);
    next_id_ += 10;
    return command;
  }

  Decision Accepted(const Command& command) {
    absl::StatusOr<Decision> decision =
        slipway::Apply(rules_, command, &state_);
    EXPECT_TRUE(decision.ok()) << decision.status();
    if (!decision.ok()) return Decision();
    EXPECT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
    return *decision;
  }

  Rules rules_;
  RepositoryState state_;

 private:
  int64_t clock_ms_ = 1700000000000;
  int64_t next_id_ = 100;
};

TEST_F(Embedding, TakesADeploymentToSuccess) {
  Command command = Next();
  command.mutable_put_repository()->set_id(1);
  command.mutable_put_repository()->set_default_branch("main");
  Accepted(command);

  command = Next();
  slipway::v1::PutRef& branch = *command.mutable_put_ref();
  branch.set_name("main");
  branch.set_type(slipway::v1::REF_TYPE_BRANCH);
  branch.set_sha(std::string(40, 'a'));
  Accepted(command);

  command = Next();
  command.mutable_create_deployment()->set_ref("main");
  EXPECT_EQ(Accepted(command).acceptance().outcome(),
            slipway::v1::OUTCOME_DEPLOYMENT_CREATED);
  ASSERT_EQ(state_.deployments_size(), 1);

  command = Next();
  slipway::v1::CreateStatus& status = *command.mutable_create_status();
  status.set_deployment_id(state_.deployments(0).deployment().id());
  status.set_state(slipway::v1::STATUS_STATE_SUCCESS);
  Accepted(command);
  ASSERT_EQ(state_.deployments(0).statuses_size(), 1);
  EXPECT_EQ(state_.deployments(0).statuses(0).state(),
            slipway::v1::STATUS_STATE_SUCCESS);
}

TEST_F(Embedding, GetsARefusalAsData) {
  Command command = Next();
  command.mutable_create_deployment()->set_ref("main");
  absl::StatusOr<Decision> decision = slipway::Apply(rules_, command, &state_);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_TRUE(decision->has_rejection());
  EXPECT_NE(decision->rejection().message(), "");
}

}  // namespace
