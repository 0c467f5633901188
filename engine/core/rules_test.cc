#include "slipway/core/rules.h"

#include <cstdint>
#include <limits>
#include <string>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;
using internal::FromText;
using internal::SameMessage;

TEST(PresetsTest, EveryKnobOfThePresetsIsSpelledOut) {
  for (const v1::Rules& rules : {DocumentedRules(), ObservedRules()}) {
    const Reflection* reflection = rules.GetReflection();
    int knobs = 0;
    for (int i = 0; i < v1::Rules::descriptor()->field_count(); ++i) {
      const FieldDescriptor* field = v1::Rules::descriptor()->field(i);
      if (field->enum_type() == nullptr) continue;
      EXPECT_GT(reflection->GetEnumValue(rules, field), 0) << field->name();
      ++knobs;
    }
    EXPECT_EQ(knobs, 11);
    EXPECT_TRUE(SameMessage(rules.limits(), LimitsOf(v1::Rules())));
    EXPECT_EQ(UnknownKnob(rules), "");
  }
}

TEST(PresetsTest, R41IsAllThatTheObservedRulesDoOtherwise) {
  v1::Rules rules = DocumentedRules();
  EXPECT_EQ(rules.deletion_scope(), v1::DELETION_SCOPE_REPOSITORY);
  rules.set_deletion_scope(v1::DELETION_SCOPE_ENVIRONMENT);
  EXPECT_TRUE(SameMessage(ObservedRules(), rules));
}

TEST(LimitsTest, R4UnsetLimitsHaveTheirDefaults) {
  const auto defaults = FromText<v1::Limits>(R"pb(
    environment_name_characters_max: 255
    status_description_characters_max: 140
    statuses_per_deployment_max: 0
    payload_bytes_max: 65536
    name_bytes_max: 1024
    text_bytes_max: 65536
    required_contexts_max: 1000
    abandoned_after_ms: 1800000
    per_page_default: 30
    per_page_max: 100
    request_body_bytes_max: 1048576
    json_depth_max: 100
    idempotency_key_bytes_max: 255
    idempotency_kept_ms: 86400000)pb");
  EXPECT_TRUE(SameMessage(LimitsOf(v1::Rules()), defaults));
  v1::Rules rules;
  rules.mutable_limits();
  EXPECT_TRUE(SameMessage(LimitsOf(rules), defaults));
}

TEST(LimitsTest, R4EachLimitIsTakenAsSetAndNegativeOnesAreZero) {
  const google::protobuf::Descriptor* descriptor = v1::Limits::descriptor();
  ASSERT_GT(descriptor->field_count(), 0);
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    for (const int64_t value :
         {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
          int64_t{7}, std::numeric_limits<int64_t>::max()}) {
      v1::Rules rules;
      v1::Limits* given = rules.mutable_limits();
      given->GetReflection()->SetInt64(given, field, value);
      v1::Limits expected = LimitsOf(v1::Rules());
      expected.GetReflection()->SetInt64(&expected, field,
                                         value < 0 ? 0 : value);
      EXPECT_TRUE(SameMessage(LimitsOf(rules), expected)) << field->name();
    }
  }
}

TEST(UnknownKnobTest, R8KnownValuesOfEveryKnobAreKnownAndOthersAreNot) {
  const google::protobuf::Descriptor* descriptor = v1::Rules::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const EnumDescriptor* values = field->enum_type();
    if (values == nullptr) continue;
    const auto unknown_knob = [&](int value) {
      v1::Rules rules;
      rules.GetReflection()->SetEnumValue(&rules, field, value);
      return std::string(UnknownKnob(rules));
    };
    for (int j = 0; j < values->value_count(); ++j) {
      EXPECT_EQ(unknown_knob(values->value(j)->number()), "") << field->name();
    }
    EXPECT_EQ(unknown_knob(values->value_count()), field->name());
    EXPECT_EQ(unknown_knob(-1), field->name());
  }
}

TEST(UnknownKnobTest, R8FieldsOfALaterSchemaAreUnknownKnobsAndLimits) {
  const std::string later_field("\xC8\x3E\x01", 3);  // field 1001, value 1
  v1::Rules rules;
  EXPECT_EQ(UnknownKnob(rules), "");
  ASSERT_TRUE(rules.mutable_limits()->ParseFromString(later_field));
  EXPECT_EQ(UnknownKnob(rules), "limits");
  ASSERT_TRUE(rules.ParseFromString(later_field));
  EXPECT_EQ(UnknownKnob(rules), "rules");
}

TEST(TargetEnvironmentTest, R23TheOneAskedForElseWhereTheDeploymentIs) {
  v1::Deployment deployment;
  deployment.set_original_environment("first");
  deployment.set_environment("now");
  v1::CreateStatus request;
  EXPECT_EQ(TargetEnvironment(deployment, request), "now");
  request.set_environment("next");
  EXPECT_EQ(TargetEnvironment(deployment, request), "next");
}

TEST(TriggersInactivationTest, R30OnlySuccessAndOnlyIfNotTurnedOff) {
  for (int state = -1; state <= v1::StatusState_ARRAYSIZE; ++state) {
    v1::CreateStatus request;
    request.set_state(static_cast<v1::StatusState>(state));
    const bool success = state == v1::STATUS_STATE_SUCCESS;
    EXPECT_EQ(TriggersInactivation(request), success);
    request.set_auto_inactive(true);
    EXPECT_EQ(TriggersInactivation(request), success);
    request.set_auto_inactive(false);
    EXPECT_FALSE(TriggersInactivation(request));
  }
}

// The knobs, a deployment 50 of the task "deploy" that succeeds in "staging",
// what is particular about it and about the other one, which is 40 of the same
// task in the same environment, and whether the other one is retired.
struct RetiresCase {
  const char* rules;
  const char* succeeded;
  const char* live;
  bool retires;
};

TEST(RetiresTest, R31ToR37) {
  constexpr char kTransient[] = "transient_environment: true";
  constexpr char kProduction[] = "production_environment: true";
  constexpr char kEveryOther[] =
      "prior_deployments: PRIOR_DEPLOYMENTS_EVERY_OTHER";
  constexpr char kLowerId[] = "prior_deployments: PRIOR_DEPLOYMENTS_LOWER_ID";
  constexpr char kIncluded[] =
      "production_inactivation: PRODUCTION_INACTIVATION_INCLUDED";
  constexpr char kExcluded[] =
      "production_inactivation: PRODUCTION_INACTIVATION_EXCLUDED";
  constexpr char kOfSucceeded[] =
      "inactivation_flags: FLAGS_OF_SUCCEEDED_DEPLOYMENT";
  constexpr char kOfOlder[] = "inactivation_flags: FLAGS_OF_OLDER_DEPLOYMENT";
  constexpr char kIncludedOfSucceeded[] =
      "inactivation_flags: FLAGS_OF_SUCCEEDED_DEPLOYMENT "
      "production_inactivation: PRODUCTION_INACTIVATION_INCLUDED";
  constexpr char kExact[] = "inactivation_name_match: NAME_MATCH_EXACT";
  constexpr char kIgnore[] = "inactivation_name_match: NAME_MATCH_IGNORE_CASE";
  constexpr char kTask[] =
      "inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK";
  constexpr char kNoTask[] =
      "inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT";
  constexpr char kCapitals[] = "environment: 'Staging'";
  // clang-format off
  const RetiresCase cases[] = {
      // R31
      {"",                   "",          "",                   true},
      {"",                   "",          "environment: 'qa'",  false},
      {"",                   "",          kCapitals,            true},
      {kIgnore,              "",          kCapitals,            true},
      {kExact,               "",          kCapitals,            false},
      {kExact,               "",          "",                   true},
      {"",                   "",          kTransient,           false},
      // R32
      {"",                   "",          "id: 49",             true},
      {"",                   "",          "id: 50",             false},
      {"",                   "",          "id: 51",             false},
      {kLowerId,             "",          "id: 51",             false},
      {kEveryOther,          "",          "id: 49",             true},
      {kEveryOther,          "",          "id: 50",             false},
      {kEveryOther,          "",          "id: 51",             true},
      // R33
      {"",                   "",          kProduction,          false},
      {kExcluded,            "",          kProduction,          false},
      {kIncluded,            "",          kProduction,          true},
      {kIncluded,            "",          kTransient,           false},
      // R34
      {"",                   kTransient,  "",                   true},
      {"",                   kProduction, "",                   true},
      {kOfOlder,             kTransient,  "",                   true},
      {kOfOlder,             kProduction, "",                   true},
      {kOfOlder,             "",          kTransient,           false},
      {kOfSucceeded,         kTransient,  "",                   false},
      {kOfSucceeded,         kProduction, "",                   false},
      {kOfSucceeded,         "",          kTransient,           true},
      {kOfSucceeded,         "",          kProduction,          true},
      {kIncludedOfSucceeded, kProduction, "",                   true},
      {kIncludedOfSucceeded, kTransient,  "",                   false},
      // R37
      {"",                   "",          "task: 'migrate'",    true},
      {kNoTask,              "",          "task: 'migrate'",    true},
      {kTask,                "",          "task: 'migrate'",    false},
      {kTask,                "",          "task: 'Deploy'",     false},
      {kTask,                "",          "",                   true},
      {kTask,                "",          "environment: 'qa'",  false},
  };
  // clang-format on
  for (const RetiresCase& c : cases) {
    const auto rules = FromText<v1::Rules>(c.rules);
    // Where it was before its success moved it (R23) does not count.
    auto succeeded =
        FromText<v1::Deployment>("id: 50 task: 'deploy' environment: 'qa'");
    internal::MergeText(c.succeeded, &succeeded);
    auto live = FromText<v1::LiveDeployment>(
        "id: 40 task: 'deploy' environment: 'staging'");
    internal::MergeText(c.live, &live);
    EXPECT_EQ(Retires(rules, succeeded, "staging", live), c.retires)
        << c.rules << " / " << c.succeeded << " / " << c.live;
  }
}

}  // namespace
}  // namespace slipway
