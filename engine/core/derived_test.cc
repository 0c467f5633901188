#include "slipway/core/derived.h"

#include <cstdint>
#include <limits>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::FromText;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMinuteMs = 60 * 1000;

v1::DeploymentState StateOf(v1::StatusState latest, bool transient = false) {
  v1::Deployment deployment;
  deployment.set_transient_environment(transient);
  return DeriveState(v1::Rules(), deployment, latest, /*now_ms=*/0);
}

TEST(DeriveStateTest, R50EveryStateOfAStatus) {
  EXPECT_EQ(StateOf(v1::STATUS_STATE_UNSPECIFIED),
            v1::DEPLOYMENT_STATE_PENDING);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_PENDING), v1::DEPLOYMENT_STATE_PENDING);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_SUCCESS), v1::DEPLOYMENT_STATE_ACTIVE);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_INACTIVE), v1::DEPLOYMENT_STATE_INACTIVE);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_INACTIVE, /*transient=*/true),
            v1::DEPLOYMENT_STATE_DESTROYED);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_SUCCESS, /*transient=*/true),
            v1::DEPLOYMENT_STATE_ACTIVE);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_ERROR), v1::DEPLOYMENT_STATE_ERROR);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_FAILURE), v1::DEPLOYMENT_STATE_FAILURE);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_IN_PROGRESS),
            v1::DEPLOYMENT_STATE_IN_PROGRESS);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_QUEUED), v1::DEPLOYMENT_STATE_QUEUED);
  EXPECT_EQ(StateOf(v1::STATUS_STATE_WAITING), v1::DEPLOYMENT_STATE_WAITING);
  for (const int unknown : {-1, v1::StatusState_ARRAYSIZE, 1000}) {
    EXPECT_EQ(StateOf(static_cast<v1::StatusState>(unknown)),
              v1::DEPLOYMENT_STATE_UNSPECIFIED);
  }
}

TEST(DeriveStateTest, R50AbandonedOnceThirtyMinutesHavePassed) {
  v1::Deployment deployment;
  deployment.set_updated_at_ms(1000);
  for (const v1::StatusState latest :
       {v1::STATUS_STATE_UNSPECIFIED, v1::STATUS_STATE_PENDING}) {
    const auto at = [&](int64_t now_ms) {
      return DeriveState(v1::Rules(), deployment, latest, now_ms);
    };
    EXPECT_EQ(at(0), v1::DEPLOYMENT_STATE_PENDING);
    EXPECT_EQ(at(1000 + 30 * kMinuteMs - 1), v1::DEPLOYMENT_STATE_PENDING);
    EXPECT_EQ(at(1000 + 30 * kMinuteMs), v1::DEPLOYMENT_STATE_ABANDONED);
  }
}

TEST(DeriveStateTest, R50OtherStatesAreNeverAbandoned) {
  for (int latest = 0; latest < v1::StatusState_ARRAYSIZE; ++latest) {
    const auto state = static_cast<v1::StatusState>(latest);
    const bool waits = latest == v1::STATUS_STATE_UNSPECIFIED ||
                       state == v1::STATUS_STATE_PENDING;
    EXPECT_EQ(DeriveState(v1::Rules(), v1::Deployment(), state,
                          1000 * kMinuteMs) == v1::DEPLOYMENT_STATE_ABANDONED,
              waits)
        << v1::StatusState_Name(state);
  }
}

TEST(DeriveStateTest, R50TheTimeIsALimit) {
  v1::Rules rules;
  rules.mutable_limits()->set_abandoned_after_ms(5);
  const auto at = [&](int64_t now_ms) {
    return DeriveState(rules, v1::Deployment(), v1::STATUS_STATE_PENDING,
                       now_ms);
  };
  EXPECT_EQ(at(4), v1::DEPLOYMENT_STATE_PENDING);
  EXPECT_EQ(at(5), v1::DEPLOYMENT_STATE_ABANDONED);
}

TEST(DeriveStateTest, TimesThatCannotBeDoNoHarm) {
  v1::Deployment deployment;
  for (const int64_t updated_at_ms : {std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()}) {
    deployment.set_updated_at_ms(updated_at_ms);
    for (const int64_t now_ms : {std::numeric_limits<int64_t>::min(),
                                 std::numeric_limits<int64_t>::max()}) {
      EXPECT_EQ(DeriveState(v1::Rules(), deployment, v1::STATUS_STATE_PENDING,
                            now_ms),
                now_ms > 0 && updated_at_ms < 0 ? v1::DEPLOYMENT_STATE_ABANDONED
                                                : v1::DEPLOYMENT_STATE_PENDING);
    }
  }
}

TEST(ActiveDeploymentsTest, R51NewestFirstAndThereCanBeSeveral) {
  const auto state = FromText<v1::RepositoryState>(R"pb(
    deployments {
      deployment { id: 1 environment: "QA" }
      statuses { state: STATUS_STATE_SUCCESS }
    }
    deployments {
      deployment { id: 2 environment: "qa" }
      statuses { state: STATUS_STATE_SUCCESS }
      statuses { state: STATUS_STATE_FAILURE }
    }
    deployments {
      deployment { id: 3 original_environment: "qa" environment: "staging" }
      statuses { state: STATUS_STATE_SUCCESS }
    }
    deployments { deployment { id: 4 environment: "qa" } }
    deployments {
      deployment { id: 5 original_environment: "staging" environment: "qa" }
      statuses { state: STATUS_STATE_FAILURE }
      statuses { state: STATUS_STATE_SUCCESS }
    })pb");
  EXPECT_THAT(ActiveDeployments(state, "qa"), ElementsAre(5, 1));
  EXPECT_THAT(ActiveDeployments(state, "Staging"), ElementsAre(3));
  EXPECT_THAT(ActiveDeployments(state, "production"), IsEmpty());
  EXPECT_THAT(ActiveDeployments(v1::RepositoryState(), "qa"), IsEmpty());
}

}  // namespace
}  // namespace slipway
