#include "slipway/core/apply.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/core/rules.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace {

using internal::FromText;
using internal::MergeText;
using internal::SameMessage;
using ::testing::ElementsAre;

// A repository that is told what happens, with ids and a clock that count up.
class ApplyTest : public ::testing::Test {
 protected:
  ApplyTest() {
    Do("put_repository { id: 1 default_branch: 'main' }");
    PutBranch("main", internal::kShaA, "");
    PutBranch("topic", internal::kShaB, internal::kShaA);
  }

  v1::Decision Do(const std::string& request) {
    auto command = FromText<v1::Command>(R"pb(
      repository { owner: "octo" name: "app" }
      actor { id: 7 login: "ann" }
      ids { count: 10 })pb");
    MergeText(request, &command);
    command.set_time_ms(++time_ms_);
    command.mutable_ids()->set_first(state_.last_id() + 1);
    const absl::StatusOr<v1::Decision> decision =
        Apply(rules_, command, &state_);
    EXPECT_TRUE(decision.ok()) << decision.status();
    return decision.value_or(v1::Decision());
  }

  void PutBranch(const std::string& name, const std::string& sha,
                 const std::string& merge_base) {
    Do("put_ref { type: REF_TYPE_BRANCH name: '" + name + "' sha: '" + sha +
       "' merge_base_sha: '" + merge_base + "' }");
  }

  int64_t Deploy(const std::string& environment) {
    const v1::Decision decision =
        Do("create_deployment { ref: 'topic' environment: '" + environment +
           "' }");
    return decision.acceptance().events(0).deployment().id();
  }

  v1::Decision Report(int64_t id, const std::string& status) {
    return Do("create_status { deployment_id: " + std::to_string(id) + " " +
              status + " }");
  }

  v1::Decision Delete(int64_t id) {
    return Do("delete_deployment { deployment_id: " + std::to_string(id) +
              " }");
  }

  // "environment state" of each deployment.
  std::vector<std::string> Deployments() const {
    std::vector<std::string> result;
    for (const v1::DeploymentRecord& record : state_.deployments()) {
      result.push_back(
          record.deployment().environment() + " " +
          (record.statuses().empty()
               ? "-"
               : v1::StatusState_Name(record.statuses().rbegin()->state())
                     .substr(sizeof("STATUS_STATE"))));
    }
    return result;
  }

  v1::Rules rules_;
  v1::RepositoryState state_;
  int64_t time_ms_ = 1000;
};

TEST_F(ApplyTest, R31ASuccessRetiresTheOneBefore) {
  const int64_t first = Deploy("staging");
  const int64_t second = Deploy("Staging");
  Report(first, "state: STATUS_STATE_SUCCESS");
  Report(second, "state: STATUS_STATE_SUCCESS");
  EXPECT_THAT(Deployments(),
              ElementsAre("staging INACTIVE", "Staging SUCCESS"));
  EXPECT_EQ(state_.environments_size(), 1);
  // R22: its updated_at is that of its newest status.
  EXPECT_EQ(state_.deployments(0).deployment().updated_at_ms(), time_ms_);
  // R21: a later status of the older one brings it back, and retires nothing
  // newer (R32).
  Report(first, "state: STATUS_STATE_SUCCESS");
  EXPECT_THAT(Deployments(), ElementsAre("staging SUCCESS", "Staging SUCCESS"));
  EXPECT_EQ(state_.deployments(0).statuses_size(), 3);
}

TEST_F(ApplyTest, R23R31AMovedDeploymentIsRetiredWhereItIs) {
  const int64_t moved = Deploy("staging");
  Report(moved, "state: STATUS_STATE_QUEUED environment: 'qa'");
  Report(moved, "state: STATUS_STATE_SUCCESS");
  EXPECT_EQ(state_.deployments(0).deployment().original_environment(),
            "staging");
  const int64_t staging = Deploy("staging");
  Report(staging, "state: STATUS_STATE_SUCCESS");
  EXPECT_THAT(Deployments(), ElementsAre("qa SUCCESS", "staging SUCCESS"));
  // This success moves its deployment, and retires where that arrives.
  const int64_t mover = Deploy("staging");
  Report(mover, "state: STATUS_STATE_SUCCESS environment: 'QA'");
  EXPECT_THAT(Deployments(),
              ElementsAre("qa INACTIVE", "staging SUCCESS", "QA SUCCESS"));
}

TEST_F(ApplyTest, R40R41DeletionAfterAMove) {
  rules_ = ObservedRules();
  const int64_t first = Deploy("staging");
  const int64_t second = Deploy("staging");
  Report(second, "state: STATUS_STATE_SUCCESS");
  EXPECT_EQ(Delete(second).rejection().reason(), v1::REASON_DEPLOYMENT_ACTIVE);
  Report(first, "state: STATUS_STATE_PENDING environment: 'qa'");
  const int64_t highest = state_.last_id();
  EXPECT_TRUE(Delete(second).has_acceptance());
  EXPECT_THAT(Deployments(), ElementsAre("qa PENDING"));
  EXPECT_EQ(state_.environments_size(), 2);  // R42
  EXPECT_EQ(state_.last_id(), highest);      // R17
}

TEST_F(ApplyTest, R17IdsGoOnAfterARepositoryWasDeleted) {
  const int64_t first = Deploy("staging");
  Do("delete_repository {}");
  EXPECT_FALSE(state_.has_repository());
  Do("put_repository { id: 2 default_branch: 'main' }");
  PutBranch("topic", internal::kShaB, "");
  EXPECT_GT(Deploy("staging"), first);
}

TEST_F(ApplyTest, R13MergeRequiredChangesNothingUntilTheRefIsPut) {
  PutBranch("main", internal::kShaC, "");
  const v1::RepositoryState before = state_;
  constexpr char kRequest[] = "create_deployment { ref: 'topic' }";
  EXPECT_EQ(Do(kRequest).acceptance().outcome(), v1::OUTCOME_MERGE_REQUIRED);
  EXPECT_TRUE(SameMessage(state_, before));
  PutBranch("topic", std::string(40, 'd'), internal::kShaC);
  EXPECT_EQ(Do(kRequest).acceptance().outcome(),
            v1::OUTCOME_DEPLOYMENT_CREATED);
}

TEST_F(ApplyTest, ARejectionLeavesTheStateAsItWas) {
  const v1::RepositoryState before = state_;
  EXPECT_TRUE(Do("create_deployment { ref: 'nope' }").has_rejection());
  EXPECT_TRUE(Do("").has_rejection());
  EXPECT_TRUE(SameMessage(state_, before));
}

TEST_F(ApplyTest, R36ADamagedStateIsLeftAsItWas) {
  // Out of order: 10 is seen to be live, but cannot be found by its id. The
  // status of 50 has been folded by then.
  for (const int id : {30, 10, 50}) {
    state_.add_deployments()->mutable_deployment()->set_id(id);
  }
  state_.mutable_deployments(1)->add_statuses()->set_state(
      v1::STATUS_STATE_SUCCESS);
  const v1::RepositoryState before = state_;
  auto command = FromText<v1::Command>(R"pb(
    repository { owner: "octo" name: "app" }
    actor { id: 7 login: "ann" }
    ids { first: 101 count: 10 }
    create_status { deployment_id: 50 state: STATUS_STATE_SUCCESS })pb");
  const auto decision = Apply(rules_, command, &state_);
  EXPECT_EQ(decision.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(SameMessage(state_, before));
}

}  // namespace
}  // namespace slipway
