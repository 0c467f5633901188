#include "slipway/conformance/walks/command_walk.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

std::vector<v1::Decision> Play(const CommandWalk& walk) {
  Model model({RulesOf(walk)});
  std::vector<v1::Decision> decisions;
  for (size_t i = 0; i < walk.steps.size(); ++i) {
    const v1::Command command = CommandOf(walk.steps[i], i, model);
    absl::StatusOr<v1::Decision> decision = model.Execute(command);
    EXPECT_TRUE(decision.ok()) << decision.status();
    if (decision.ok()) decisions.push_back(*decision);
  }
  return decisions;
}

TEST(CommandWalk, ThePlainestStepsAreTheOrdinaryLife) {
  CommandWalk walk;
  walk.steps.resize(4);
  walk.steps[3][kStepKind] = 80;
  const std::vector<v1::Decision> decisions = Play(walk);
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_EQ(decisions[0].acceptance().outcome(), v1::OUTCOME_REPOSITORY_PUT);
  EXPECT_EQ(decisions[1].acceptance().outcome(), v1::OUTCOME_REF_PUT);
  EXPECT_EQ(decisions[2].acceptance().outcome(),
            v1::OUTCOME_DEPLOYMENT_CREATED);
  EXPECT_EQ(decisions[3].acceptance().outcome(), v1::OUTCOME_STATUS_CREATED);
  EXPECT_EQ(decisions[3].acceptance().events(0).status().state(),
            v1::STATUS_STATE_SUCCESS);
}

TEST(CommandWalk, ThePlainestRulesAreTheDocumentedOnes) {
  EXPECT_EQ(RulesOf(CommandWalk()).SerializeAsString(),
            DocumentedRules().SerializeAsString());
}

TEST(CommandWalk, EveryByteOfAKindMeansSomething) {
  std::set<v1::Command::RequestCase> kinds;
  for (int byte = 0; byte < 256; ++byte) {
    CommandWalk walk;
    walk.steps.resize(4);
    walk.steps[3][kStepKind] = static_cast<uint8_t>(byte);
    Model model({RulesOf(walk)});
    for (size_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(model.Execute(CommandOf(walk.steps[i], i, model)).ok());
    }
    kinds.insert(CommandOf(walk.steps[3], 3, model).request_case());
  }
  EXPECT_EQ(kinds.size(), 9u);
  EXPECT_EQ(kinds.count(v1::Command::REQUEST_NOT_SET), 0u);
}

TEST(CommandWalk, AStepMeansTheSameEachTime) {
  WalkStep step;
  step.fill(77);
  const Model model({DocumentedRules()});
  EXPECT_EQ(CommandOf(step, 5, model).SerializeAsString(),
            CommandOf(step, 5, model).SerializeAsString());
}

}  // namespace
}  // namespace slipway
