// Every mutant is killed, in few sequences, with few steps, by its rule; and
// the engine that they are made of is not.
//
// Two seeds here, so that it is quick; the command that writes the table of the
// guide takes ten.

#include "slipway/conformance/mutants/mutants.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/mutants/kill.h"

namespace slipway {
namespace conformance {
namespace {

constexpr uint64_t kSeeds[] = {1, 2};

class MutantTest : public testing::TestWithParam<Mutant> {};

TEST_P(MutantTest, IsKilled) {
  const Mutant& mutant = GetParam();
  for (const uint64_t seed : kSeeds) {
    const Kill kill = TryToKill(mutant, seed, kSequencesToKillMax);
    ASSERT_TRUE(kill.killed) << mutant.wrong << ", seed " << seed;
    EXPECT_LE(kill.steps, kStepsMax) << kill.failure.DebugString();
    EXPECT_TRUE(IsAttributed(mutant, kill.failure))
        << "not R" << mutant.rule << ": " << kill.failure.DebugString();
    // Between clients it is up to chance.
    if (mutant.clients > 1) continue;
    EXPECT_TRUE(kill.failure.reproduced()) << kill.failure.DebugString();
  }
}

INSTANTIATE_TEST_SUITE_P(Kit, MutantTest, testing::ValuesIn(Mutants()),
                         [](const testing::TestParamInfo<Mutant>& param) {
                           return std::string(param.param.name);
                         });

// With every profile and number of clients that a mutant is held to.
TEST(Mutants, WhatTheyAreMadeOfIsRight) {
  std::set<std::string> seen;
  for (const Mutant& mutant : Mutants()) {
    Mutant right = mutant;
    right.make = [](const slipway::v1::Rules& rules) {
      return std::make_unique<InProcessSubject>(InProcessParams{rules, {}});
    };
    const std::string options =
        right.profile().SerializeAsString() + std::to_string(right.clients);
    if (!seen.insert(options).second) continue;
    for (const uint64_t seed : kSeeds) {
      const Kill kill = TryToKill(right, seed, kSequencesToKillMax);
      EXPECT_FALSE(kill.killed) << mutant.name << ", seed " << seed << ": "
                                << kill.failure.DebugString();
    }
  }
}

TEST(Mutants, HaveNamesOfTheirOwn) {
  std::set<absl::string_view> names;
  for (const Mutant& mutant : Mutants()) {
    EXPECT_TRUE(names.insert(mutant.name).second) << mutant.name;
    EXPECT_GT(mutant.rule, 0) << mutant.name;
    EXPECT_FALSE(mutant.wrong.empty()) << mutant.name;
  }
  EXPECT_GE(names.size(), 24U);
}

TEST(StepsOf, CountsEqualCallsOnce) {
  v1::Sequence sequence;
  for (int i = 0; i < 31; ++i) {
    v1::CreateStatus& create =
        *sequence.add_operations()->mutable_create_status();
    create.set_deployment("$d1");
    create.set_binds("$s" + std::to_string(i));
  }
  sequence.add_operations()->mutable_list_statuses()->set_deployment("$d1");
  sequence.add_parallel()->mutable_list_statuses()->set_deployment("$d1");
  EXPECT_EQ(StepsOf(sequence), 3);
}

TEST(Summarize, HasTheMedian) {
  Mutant mutant;
  mutant.rule = 31;
  std::vector<Kill> kills(3);
  const int64_t sequences[] = {7, 1, 4};
  for (size_t i = 0; i < kills.size(); ++i) {
    kills[i].sequences = sequences[i];
    kills[i].killed = true;
    kills[i].steps = static_cast<int>(i) + 2;
    kills[i].failure.add_rules(i == 0 ? 30 : 31);
  }
  const KillSummary summary = Summarize(mutant, kills);
  EXPECT_EQ(summary.median, 4);
  EXPECT_EQ(summary.worst, 7);
  EXPECT_EQ(summary.steps_worst, 4);
  EXPECT_EQ(summary.killed, 3);
  EXPECT_EQ(summary.attributed, 2);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
