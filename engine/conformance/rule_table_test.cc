#include "slipway/conformance/rule_table.h"

#include <fstream>
#include <map>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

// A rule of docs/spec/semantics.md, by the head of its first line.
struct WrittenRule {
  // 'D', 'O' or 'S'; ' ' where it has no mark.
  char mark = ' ';
  bool is_built = true;
};

// "- R31 (D) It appends", "- R61 (D) **Not built yet.** Settings".
std::map<int, WrittenRule> WrittenRules() {
  std::ifstream file("docs/spec/semantics.md");
  EXPECT_TRUE(file.good());
  std::map<int, WrittenRule> rules;
  std::string line;
  while (std::getline(file, line)) {
    absl::string_view rest = line;
    if (!absl::ConsumePrefix(&rest, "- R")) continue;
    size_t digits = 0;
    while (digits < rest.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(rest[digits]))) {
      ++digits;
    }
    int number = 0;
    if (!absl::SimpleAtoi(rest.substr(0, digits), &number)) continue;
    rest.remove_prefix(digits);
    WrittenRule rule;
    if (rest.size() > 3 && rest.substr(0, 2) == " (" && rest[3] == ')') {
      rule.mark = rest[2];
      rest.remove_prefix(4);
    }
    rule.is_built = !absl::ConsumePrefix(&rest, " **Not built yet.**");
    rules[number] = rule;
  }
  EXPECT_GE(rules.size(), 50u);
  return rules;
}

// The kit may know of a rule before the engine has it.
TEST(RuleTableTest, EveryRuleIsWritten) {
  const std::map<int, WrittenRule> written = WrittenRules();
  for (const RuleRow& row : RuleTable()) {
    EXPECT_EQ(written.count(row.number), 1u) << row.number;
  }
}

TEST(RuleTableTest, LevelsAreThoseOfTheMarks) {
  const std::map<int, WrittenRule> written = WrittenRules();
  for (const RuleRow& row : RuleTable()) {
    const auto rule = written.find(row.number);
    ASSERT_NE(rule, written.end()) << row.number;
    switch (rule->second.mark) {
      case 'D':
        EXPECT_EQ(row.level, v1::LEVEL_REQUIRED) << row.number;
        break;
      case 'O':
        EXPECT_EQ(row.level, v1::LEVEL_RECOMMENDED) << row.number;
        break;
      case 'S':
        EXPECT_EQ(row.level, v1::LEVEL_OPEN) << row.number;
        break;
      default:
        // The engine's own: the documentation demands them of nobody.
        EXPECT_TRUE(row.level == v1::LEVEL_RECOMMENDED ||
                    row.level == v1::LEVEL_OPEN)
            << row.number;
    }
  }
}

TEST(RuleTableTest, EveryBuiltRuleIsThereOrLeftOutOnPurpose) {
  const std::set<int> left_out = {1, 3, 4, 5, 6, 7, 8, 50, 51, 81};
  std::set<int> there;
  for (const RuleRow& row : RuleTable()) there.insert(row.number);
  EXPECT_LT(*there.rbegin(), 100);
  for (const auto& rule : WrittenRules()) {
    // From 100 on they are this engine's own, beyond what GitHub has.
    if (!rule.second.is_built || rule.first >= 100) continue;
    EXPECT_NE(there.count(rule.first), left_out.count(rule.first))
        << rule.first;
  }
}

TEST(RuleTableTest, RowsAscendAndHaveTitles) {
  int last = 0;
  std::set<absl::string_view> titles;
  for (const RuleRow& row : RuleTable()) {
    EXPECT_GT(row.number, last);
    last = row.number;
    EXPECT_FALSE(row.title.empty()) << row.number;
    EXPECT_LE(row.title.size(), 60u) << row.title;
    EXPECT_TRUE(titles.insert(row.title).second) << row.title;
  }
}

std::set<int> NotTested(const v1::Capabilities& capabilities,
                        const slipway::v1::Rules& rules) {
  std::set<int> numbers;
  for (const RuleRow& row : RuleTable()) {
    if (!WhyNotTested(row, capabilities, rules).empty()) {
      numbers.insert(row.number);
    }
  }
  return numbers;
}

TEST(RuleTableTest, ThePlainestSubjectLeavesAFewRulesUntested) {
  v1::Capabilities capabilities;
  capabilities.add_refs()->set_is_default_branch(true);
  EXPECT_EQ(NotTested(capabilities, {}),
            (std::set<int>{13, 14, 26, 36, 80, 82}));
}

TEST(RuleTableTest, EachNeedCanBeMet) {
  v1::Capabilities capabilities;
  v1::RefFixture& ref = *capabilities.add_refs();
  ref.set_form(slipway::v1::REF_FORM_TAG);
  ref.set_is_behind(true);
  EXPECT_EQ(NotTested(capabilities, {}), (std::set<int>{13, 26, 36, 80, 82}));

  ref.set_form(slipway::v1::REF_FORM_BRANCH);
  capabilities.set_notifications(true);
  capabilities.set_clients_max(1);
  EXPECT_EQ(NotTested(capabilities, {}), (std::set<int>{26, 36, 82}));

  capabilities.set_notifications(false);
  capabilities.set_late_notifications(true);
  capabilities.set_signed_notifications(true);
  capabilities.set_clients_max(2);
  slipway::v1::Rules rules;
  rules.mutable_limits()->set_statuses_per_deployment_max(3);
  EXPECT_EQ(NotTested(capabilities, rules), std::set<int>{});
}

TEST(RuleTableTest, TheDefaultBranchIsNeverBehind) {
  v1::Capabilities capabilities;
  v1::RefFixture& ref = *capabilities.add_refs();
  ref.set_form(slipway::v1::REF_FORM_BRANCH);
  ref.set_is_behind(true);
  ref.set_is_default_branch(true);
  EXPECT_EQ(NotTested(capabilities, {}).count(14), 1u);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
