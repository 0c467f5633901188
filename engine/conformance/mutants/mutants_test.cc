// Every mutant is killed, in few sequences, with few steps, by its rule; and
// the engine that they are made of is not.
//
// Two seeds here, so that it is quick; the command that writes the table of the
// guide takes ten.

#include "slipway/conformance/mutants/mutants.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/mutants/kill.h"

namespace slipway {
namespace conformance {

// What is printed of one where its test fails.
void PrintTo(const Mutant& mutant, std::ostream* out) {
  *out << mutant.name << ": " << mutant.wrong;
}

namespace {

constexpr uint64_t kSeeds[] = {1, 2};
constexpr uint64_t kRunsByChanceMax = 5;
// How many sequences what is right has to pass.
constexpr int64_t kSequencesOfTheRight = 300;

class MutantTest : public testing::TestWithParam<Mutant> {};

TEST_P(MutantTest, IsKilled) {
  const Mutant& mutant = GetParam();
  if (mutant.clients > 1) {
    // Up to chance: one run of several has to be good enough.
    Kill kill;
    for (uint64_t seed = 1; seed <= kRunsByChanceMax; ++seed) {
      kill = TryToKill(mutant, seed, kSequencesToKillMax);
      if (IsGoodEnough(mutant, {kill})) return;
    }
    FAIL() << "R" << mutant.rule << "\n" << kill.failure.DebugString();
  }
  for (const uint64_t seed : kSeeds) {
    const Kill kill = TryToKill(mutant, seed, kSequencesToKillMax);
    ASSERT_TRUE(kill.killed) << "seed " << seed;
    EXPECT_TRUE(IsGoodEnough(mutant, {kill})) << "R" << mutant.rule << "\n"
                                              << kill.failure.DebugString();
    EXPECT_TRUE(kill.failure.reproduced()) << kill.failure.DebugString();
  }
}

INSTANTIATE_TEST_SUITE_P(Kit, MutantTest, testing::ValuesIn(Mutants()),
                         [](const testing::TestParamInfo<Mutant>& param) {
                           return std::string(param.param.name);
                         });

// Runs that once ended in failures of seven steps and more, or of another rule.
TEST(Mutants, AreReadWithOtherSeedsToo) {
  const struct {
    absl::string_view name;
    uint64_t seed;
  } cases[] = {
      {"ids_in_blocks", 52},
      {"only_one_retired", 18},
      {"itself_retired", 59},
      {"production_by_name", 42},
      {"filter_task_ignored", 48},
      {"page_skips_a_row", 14},
      {"once_active_always_active", 44},
      {"page_skips_a_row", 60},
  };
  for (const auto& c : cases) {
    for (const Mutant& mutant : Mutants()) {
      if (mutant.name != c.name) continue;
      const Kill kill = TryToKill(mutant, c.seed, kSequencesToKillMax);
      EXPECT_TRUE(IsGoodEnough(mutant, {kill})) << c.name << "\n"
                                                << kill.failure.DebugString();
    }
  }
}

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
    const Kill kill = TryToKill(right, kSeeds[0], kSequencesOfTheRight);
    EXPECT_FALSE(kill.killed)
        << mutant.name << ": " << kill.failure.DebugString();
  }
}

// A row of the guide's table for each, but for its figures.
TEST(Mutants, AreInTheGuide) {
  std::ifstream in("docs/guides/conformance.md");
  const std::string guide((std::istreambuf_iterator<char>(in)),
                          std::istreambuf_iterator<char>());
  ASSERT_FALSE(guide.empty());
  for (const Mutant& mutant : Mutants()) {
    EXPECT_NE(guide.find(absl::StrCat("| `", mutant.name, "` | ", mutant.wrong,
                                      " | R", mutant.rule, " | ")),
              std::string::npos)
        << mutant.name;
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
  EXPECT_EQ(summary.steps_median, 3);
  EXPECT_EQ(summary.steps_worst, 4);
  EXPECT_EQ(summary.killed, 3);
  EXPECT_EQ(summary.attributed, 2);
  EXPECT_FALSE(IsGoodEnough(mutant, kills));
}

TEST(IsGoodEnough, BearsOneFailureThatChanceDidNotShrink) {
  Mutant mutant;
  mutant.rule = 36;
  std::vector<Kill> kills(3);
  for (Kill& kill : kills) {
    kill.killed = true;
    kill.steps = 4;
    kill.failure.add_rules(36);
  }
  EXPECT_TRUE(IsGoodEnough(mutant, kills));
  kills[0].steps = kStepsMax + 1;
  EXPECT_FALSE(IsGoodEnough(mutant, kills));
  mutant.clients = 2;
  EXPECT_TRUE(IsGoodEnough(mutant, kills));
  kills[1].killed = false;
  EXPECT_FALSE(IsGoodEnough(mutant, kills));
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
