#include "slipway/conformance/runner/known_failures.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(ParseKnownFailures, ReadsRulesAndReasons) {
  const auto known =
      ParseKnownFailures("# ours\n\nR31: not yet\r\n  R4 :a: b\n");
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_THAT(*known, ElementsAre(Pair(4, "a: b"), Pair(31, "not yet")));
  EXPECT_TRUE(ParseKnownFailures("")->empty());
}

TEST(ParseKnownFailures, SaysWhichLineIsWrong) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"31: x",
       "line 1: not a rule and a reason, such as \"R31: to be fixed\""},
      {"\nRx: x",
       "line 2: not a rule and a reason, such as \"R31: to be fixed\""},
      {"R31", "line 1: not a rule and a reason, such as \"R31: to be fixed\""},
      {"R-1: x",
       "line 1: not a rule and a reason, such as \"R31: to be fixed\""},
      {"R31: ", "line 1: a reason is missing"},
      {"R31: x\nR31: y", "line 2: R31 is there twice"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ParseKnownFailures(c.text).status().message(), c.error);
  }
}

TEST(UpdatedKnownFailures, TakesOffAndPutsOn) {
  v1::Report report;
  const auto add = [&](int rule, v1::RuleOutcome outcome) {
    report.add_rules()->set_rule(rule);
    report.mutable_rules(report.rules_size() - 1)->set_outcome(outcome);
  };
  add(10, v1::RULE_OUTCOME_PASSED);
  add(11, v1::RULE_OUTCOME_KNOWN);
  add(12, v1::RULE_OUTCOME_NOT_REACHED);
  add(13, v1::RULE_OUTCOME_FAILED);
  add(14, v1::RULE_OUTCOME_FAILED);
  add(15, v1::RULE_OUTCOME_PASSED);
  report.add_failures()->add_rules(13);
  report.mutable_failures(0)->set_summary("code: expected 404,\ngot 200");
  EXPECT_EQ(UpdatedKnownFailures("# ours\n#\nR10: a\n# not this\nR11: b\n"
                                 "R12: c\n",
                                 report),
            "# ours\n#\nR11: b\nR12: c\nR13: code: expected 404, got 200\n"
            "R14: no reason given\n");
  EXPECT_EQ(UpdatedKnownFailures("", v1::Report()), "");
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
