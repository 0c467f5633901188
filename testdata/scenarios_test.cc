// Runs testdata/scenarios, and sees to it that they cover the rules.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "slipway/core/rules.h"
#include "slipway/scenario/v1/scenario.pb.h"
#include "slipway/v1/rules.pb.h"
#include "testdata/files.h"
#include "testdata/scenario_runner.h"

namespace slipway {
namespace testdata {
namespace {

using scenario::v1::Scenario;

// Rules that a scenario must be about.
const std::set<int>& CoveredRules() {
  static const auto* const rules =
      new std::set<int>{1,  2,  3,  4,  5,  6,  7,  8,  10, 11, 12, 13,  14, 15,
                        16, 17, 20, 21, 22, 23, 24, 25, 26, 30, 31, 32,  33, 34,
                        35, 36, 37, 40, 41, 42, 50, 51, 60, 80, 81, 100, 101};
  return *rules;
}

// Rules that no decision cites, since they are about what is derived from the
// state: scenarios check them with views.
const std::set<int>& RulesAboutViews() {
  static const auto* const rules = new std::set<int>{50, 51};
  return *rules;
}

// Every scenario, by the name of its file.
std::map<std::string, Scenario> Scenarios() {
  std::map<std::string, Scenario> scenarios;
  for (const std::string& path : FilesIn("testdata/scenarios", ".textproto")) {
    absl::StatusOr<Scenario> scenario = ParseScenario(ReadFile(path));
    EXPECT_TRUE(scenario.ok()) << path << ": " << scenario.status();
    if (scenario.ok()) scenarios[path] = *scenario;
  }
  return scenarios;
}

// The fields that are set.
std::vector<const google::protobuf::FieldDescriptor*> FieldsOf(
    const google::protobuf::Message& message) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields;
}

TEST(ScenariosTest, AllPass) {
  const std::map<std::string, Scenario> scenarios = Scenarios();
  EXPECT_GE(scenarios.size(), CoveredRules().size());
  for (const auto& entry : scenarios) {
    SCOPED_TRACE(entry.first);
    for (const std::string& failure : RunScenario(entry.second).failures) {
      ADD_FAILURE() << failure;
    }
  }
}

TEST(ScenariosTest, EachIsAboutRulesThatItsDecisionsCite) {
  for (const auto& entry : Scenarios()) {
    const std::set<int> cited = RunScenario(entry.second).cited;
    for (const int rule : entry.second.about()) {
      if (RulesAboutViews().count(rule) != 0) {
        const auto& steps = entry.second.steps();
        EXPECT_TRUE(std::any_of(
            steps.begin(), steps.end(),
            [](const scenario::v1::Step& step) { return step.has_view(); }))
            << entry.first << " is about R" << rule << " but has no view";
      } else {
        EXPECT_EQ(cited.count(rule), 1u)
            << entry.first << " is about R" << rule
            << ", which none of its decisions cites";
      }
    }
  }
}

TEST(ScenariosTest, EveryRuleHasOne) {
  std::set<int> missing = CoveredRules();
  for (const auto& entry : Scenarios()) {
    for (const int rule : entry.second.about()) missing.erase(rule);
  }
  for (const int rule : missing) ADD_FAILURE() << "no scenario for R" << rule;
}

// Knobs and limits that no decision looks at.
const std::set<std::string>& SettingsOfOthers() {
  static const auto* const settings = new std::set<std::string>{
      // Lists are given by stores (R70) and cut to pages by transports (R71).
      "list_environment_match",
      "per_page_default",
      "per_page_max",
      // Bodies are read by transports.
      "json_depth_max",
      "request_body_bytes_max",
  };
  return *settings;
}

TEST(ScenariosTest, EveryValueOfEveryKnobAndEveryLimitIsTried) {
  std::set<std::string> tried = SettingsOfOthers();
  for (const auto& entry : Scenarios()) {
    const v1::Rules& rules = entry.second.rules();
    for (const auto* field : FieldsOf(rules)) {
      if (field->enum_type() == nullptr) continue;
      tried.insert(
          absl::StrCat(field->name(), "=",
                       rules.GetReflection()->GetEnum(rules, field)->name()));
    }
    for (const auto* field : FieldsOf(rules.limits())) {
      tried.insert(std::string(field->name()));
    }
  }
  int knobs = 0;
  const google::protobuf::Descriptor& all = *v1::Rules::descriptor();
  for (int i = 0; i < all.field_count(); ++i) {
    const google::protobuf::EnumDescriptor* type = all.field(i)->enum_type();
    if (type == nullptr || tried.count(std::string(all.field(i)->name()))) {
      continue;
    }
    ++knobs;
    for (int j = 1; j < type->value_count(); ++j) {
      const std::string setting =
          absl::StrCat(all.field(i)->name(), "=", type->value(j)->name());
      EXPECT_EQ(tried.count(setting), 1u) << "no scenario has " << setting;
    }
  }
  EXPECT_GT(knobs, 0);
  const google::protobuf::Descriptor& limits = *v1::Limits::descriptor();
  for (int i = 0; i < limits.field_count(); ++i) {
    EXPECT_EQ(tried.count(std::string(limits.field(i)->name())), 1u)
        << "no scenario has the limit " << limits.field(i)->name();
  }
}

// A knob that is set to its default does what an unset one does, and the other
// way round.
TEST(ScenariosTest, UnsetKnobsAreTheDefaults) {
  const v1::Rules defaults = DocumentedRules();
  int left_out = 0;
  for (const auto& [path, scenario] : Scenarios()) {
    Scenario spelled_out = scenario;
    *spelled_out.mutable_rules() = defaults;
    spelled_out.mutable_rules()->MergeFrom(scenario.rules());
    EXPECT_TRUE(RunScenario(spelled_out).failures.empty())
        << path << " with every default spelled out";

    Scenario without = scenario;
    v1::Rules& rules = *without.mutable_rules();
    const google::protobuf::Reflection& reflection = *rules.GetReflection();
    for (const auto* field : FieldsOf(rules)) {
      if (field->enum_type() == nullptr ||
          reflection.GetEnumValue(rules, field) !=
              reflection.GetEnumValue(defaults, field)) {
        continue;
      }
      reflection.ClearField(&rules, field);
      ++left_out;
      EXPECT_TRUE(RunScenario(without).failures.empty())
          << path << " without " << field->name();
    }
  }
  EXPECT_GT(left_out, 0);
}

// r31_only_success_is_retired.textproto is about R31.
TEST(ScenariosTest, EachIsNamedAfterItsFirstRule) {
  for (const auto& entry : Scenarios()) {
    ASSERT_FALSE(entry.second.about().empty()) << entry.first;
    const std::string prefix =
        absl::StrCat("/r", entry.second.about(0) < 10 ? "0" : "",
                     entry.second.about(0), "_");
    EXPECT_TRUE(absl::StrContains(entry.first, prefix)) << entry.first;
  }
}

// The ids of a step begin with its number, so a reader wants to see it.
TEST(ScenariosTest, EachStepHasItsNumberAboveIt) {
  for (const std::string& path : FilesIn("testdata/scenarios", ".textproto")) {
    const std::string text = ReadFile(path);
    const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
    int number = 0;
    for (size_t i = 1; i < lines.size(); ++i) {
      if (lines[i] != "steps {") continue;
      EXPECT_EQ(lines[i - 1], absl::StrCat("# ", ++number))
          << path << ":" << i << ": the number of the step";
    }
    EXPECT_GT(number, 0) << path;
  }
}

// The runner itself: what must not pass.

std::vector<std::string> FailuresOf(const std::string& text) {
  const absl::StatusOr<Scenario> scenario = ParseScenario(text);
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  return scenario.ok() ? RunScenario(*scenario).failures
                       : std::vector<std::string>();
}

constexpr char kHead[] = "title: 'x' about: 10 ";
constexpr char kCreate[] = "command { create_deployment { ref: 'topic' } } ";

TEST(ScenarioRunnerTest, RefusesUnknownFields) {
  EXPECT_FALSE(ParseScenario("title: 'x' color: 'red'").ok());
  EXPECT_FALSE(
      ParseScenario("steps { command { create_deployment { branch: 'x' } } }")
          .ok());
}

TEST(ScenarioRunnerTest, FailsAScenarioThatExpectsNothing) {
  EXPECT_FALSE(FailuresOf(kHead).empty());
  EXPECT_FALSE(
      FailuresOf(absl::StrCat(kHead, "steps { given: true ", kCreate, "}"))
          .empty());
}

TEST(ScenarioRunnerTest, FailsAStepThatExpectsNothingOrTooMuch) {
  const std::string view =
      "steps { view { environments { name: 'production' } "
      "deployments { id: 100 environment: 'production' "
      "state: DEPLOYMENT_STATE_PENDING } } }";
  EXPECT_TRUE(FailuresOf(absl::StrCat(kHead, "steps { given: true ", kCreate,
                                      "}", view))
                  .empty());
  EXPECT_FALSE(
      FailuresOf(absl::StrCat(kHead, "steps { ", kCreate, "}", view)).empty());
  EXPECT_FALSE(FailuresOf(absl::StrCat(kHead, "steps { given: true accepted {}",
                                       kCreate, "}", view))
                   .empty());
  EXPECT_FALSE(FailuresOf(absl::StrCat(kHead, "steps { given: true ", kCreate,
                                       "} steps {}", view))
                   .empty());
}

TEST(ScenarioRunnerTest, FailsAWrongExpectation) {
  // An acceptance that leaves the events out.
  EXPECT_FALSE(FailuresOf(absl::StrCat(kHead,
                                       "steps { accepted { outcome: "
                                       "OUTCOME_DEPLOYMENT_CREATED } ",
                                       kCreate, "}"))
                   .empty());
  EXPECT_FALSE(FailuresOf(absl::StrCat(kHead,
                                       "steps { rejected { reason: "
                                       "REASON_REF_NOT_FOUND } ",
                                       kCreate, "}"))
                   .empty());
  // A view that leaves a deployment out.
  EXPECT_FALSE(
      FailuresOf(absl::StrCat(kHead, "steps { given: true ", kCreate,
                              "view { environments { name: 'production' } } }"))
          .empty());
  // A rule that no decision cites.
  EXPECT_FALSE(
      FailuresOf(
          absl::StrCat(
              kHead,
              "steps { command { delete_repository {} } accepted { outcome: "
              "OUTCOME_REPOSITORY_DELETED events { type: "
              "EVENT_TYPE_REPOSITORY_DELETED } } rules: 99 }"))
          .empty());
}

}  // namespace
}  // namespace testdata
}  // namespace slipway
