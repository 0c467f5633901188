// R40 to R42: what `Decide` makes of delete_deployment.

#include <cstdint>
#include <vector>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::AskDeleteDeployment;
using internal::Asked;
using internal::FromText;
using internal::RulesOf;
using internal::SameMessage;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DeleteDeploymentTest, R12RefusalsInTheirOrder) {
  Asked good = AskDeleteDeployment();
  good.facts.set_latest_state(v1::STATUS_STATE_SUCCESS);
  // clang-format off
  internal::ExpectPrecedence(good, {
      {v1::REASON_MALFORMED_COMMAND,     8, [](Asked& asked) { asked.command.set_time_ms(-1); }},
      {v1::REASON_IDEMPOTENCY_KEY_REUSED, 100, internal::ReuseKey},
      {v1::REASON_REPOSITORY_NOT_FOUND,  1, [](Asked& asked) { asked.facts.clear_repository(); }},
      {v1::REASON_DEPLOYMENT_NOT_FOUND, 42, [](Asked& asked) { asked.facts.clear_deployment(); }},
      {v1::REASON_DEPLOYMENT_ACTIVE,    40, [](Asked& asked) { asked.facts.set_only_one_in_scope(false); }},
      {v1::REASON_STATUS_MOVED_ON,     101, [](Asked& asked) { asked.command.mutable_expectation()->add_latest_status_ids(1); }},
  });
  // clang-format on
}

TEST(DeleteDeploymentTest, R101TheLatestStatusMustBeAnExpectedOne) {
  for (const int64_t expected : {0, 70, 71}) {
    Asked asked = AskDeleteDeployment();
    asked.facts.set_latest_status_id(70);
    asked.command.mutable_expectation()->add_latest_status_ids(expected);
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.has_acceptance(), expected == 70);
    EXPECT_EQ(decision.rejection().reason(), expected == 70
                                                 ? v1::REASON_UNSPECIFIED
                                                 : v1::REASON_STATUS_MOVED_ON);
    EXPECT_THAT(RulesOf(decision), Contains(101));
  }
}

TEST(DeleteDeploymentTest, R40OnlyAnActiveOneThatIsNotAloneIsRefused) {
  for (int state = -1; state <= v1::StatusState_ARRAYSIZE; ++state) {
    for (const bool only_one : {false, true}) {
      Asked asked = AskDeleteDeployment();
      asked.facts.set_latest_state(static_cast<v1::StatusState>(state));
      asked.facts.set_only_one_in_scope(only_one);
      const bool active = state == v1::STATUS_STATE_SUCCESS;
      const v1::Decision decision = asked.Answer();
      EXPECT_EQ(decision.has_rejection(), active && !only_one) << state;
      EXPECT_EQ(RulesOf(decision), decision.has_rejection()
                                       ? (std::vector<int>{40, 41})
                                   : active ? (std::vector<int>{40, 41, 42, 81})
                                            : (std::vector<int>{40, 42, 81}));
    }
  }
}

TEST(DeleteDeploymentTest, R41TheRefusalNamesTheScope) {
  const struct {
    v1::DeletionScope scope;
    const char* message;
  } cases[] = {
      {v1::DELETION_SCOPE_UNSPECIFIED,
       "We cannot delete an active deployment unless it is the only deployment "
       "in a given repository."},
      {v1::DELETION_SCOPE_REPOSITORY,
       "We cannot delete an active deployment unless it is the only deployment "
       "in a given repository."},
      {v1::DELETION_SCOPE_ENVIRONMENT,
       "We cannot delete an active deployment unless it is the only deployment "
       "in a given environment."},
  };
  for (const auto& c : cases) {
    Asked asked = AskDeleteDeployment();
    asked.facts.set_latest_state(v1::STATUS_STATE_SUCCESS);
    asked.facts.set_only_one_in_scope(false);
    asked.rules.set_deletion_scope(c.scope);
    EXPECT_EQ(asked.Answer().rejection().message(), c.message);
    EXPECT_THAT(asked.Answer().rejection().violations(), IsEmpty());
  }
}

TEST(DeleteDeploymentTest, R42AnUnknownOneIsNotFound) {
  Asked asked = AskDeleteDeployment();
  asked.facts.clear_deployment();
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.rejection().reason(), v1::REASON_DEPLOYMENT_NOT_FOUND);
  EXPECT_EQ(decision.rejection().message(), "Not Found");
  EXPECT_THAT(RulesOf(decision), ElementsAre(42));
}

TEST(DeleteDeploymentTest, R80R81ADeletionIsAnEventThatIsNotTold) {
  const v1::Decision decision = AskDeleteDeployment().Answer();
  EXPECT_TRUE(SameMessage(decision.acceptance(), FromText<v1::Acceptance>(R"pb(
                            outcome: OUTCOME_DEPLOYMENT_DELETED
                            events {
                              type: EVENT_TYPE_DEPLOYMENT_DELETED
                              repository { owner: "octo" name: "app" }
                              time_ms: 5000
                              actor { id: 7 login: "ann" }
                              deployment_id: 50
                            })pb")));
}

}  // namespace
}  // namespace slipway
