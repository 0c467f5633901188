// R4, R11 and R20 to R37: what `Decide` makes of create_status.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::AskCreateStatus;
using internal::Asked;
using internal::FromText;
using internal::MergeText;
using internal::RulesOf;
using internal::SameMessage;
using internal::ViolationsOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr char kQueued[] = "state: STATUS_STATE_QUEUED ";
constexpr char kSuccess[] = "state: STATUS_STATE_SUCCESS ";

// The status that the answer, which is yes, appends to the deployment.
v1::DeploymentStatus Created(const Asked& asked) {
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.acceptance().outcome(), v1::OUTCOME_STATUS_CREATED)
      << decision.ShortDebugString();
  if (decision.acceptance().events().empty()) return {};
  return decision.acceptance().events(0).status();
}

// A success with one deployment to retire, 40, which bob created.
Asked AskSuccess() {
  Asked asked = AskCreateStatus(kSuccess);
  MergeText(R"pb(
              id: 40
              environment: "Staging"
              task: "deploy"
              creator { id: 8 login: "bob" })pb",
            asked.facts.add_live_deployments());
  return asked;
}

// The deployments that the answer retires.
std::vector<int> Retired(const Asked& asked) {
  const v1::Decision decision = asked.Answer();
  EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
  std::vector<int> ids;
  for (int i = 1; i < decision.acceptance().events_size(); ++i) {
    const v1::Event& event = decision.acceptance().events(i);
    if (!event.has_status()) continue;
    EXPECT_EQ(event.status().state(), v1::STATUS_STATE_INACTIVE);
    ids.push_back(static_cast<int>(event.status().deployment_id()));
  }
  return ids;
}

TEST(CreateStatusTest, R12RefusalsInTheirOrder) {
  Asked good = AskCreateStatus(kQueued);
  good.rules.mutable_limits()->set_statuses_per_deployment_max(3);
  // clang-format off
  internal::ExpectPrecedence(good, {
      {v1::REASON_MALFORMED_COMMAND,     8, [](Asked& asked) { asked.command.set_time_ms(-1); }},
      {v1::REASON_IDEMPOTENCY_KEY_REUSED, 100, internal::ReuseKey},
      {v1::REASON_REPOSITORY_NOT_FOUND,  1, [](Asked& asked) { asked.facts.clear_repository(); }},
      {v1::REASON_DEPLOYMENT_NOT_FOUND, 42, [](Asked& asked) { asked.facts.clear_deployment(); }},
      {v1::REASON_INVALID_FIELDS,       20, [](Asked& asked) { asked.command.mutable_create_status()->clear_state(); }},
      {v1::REASON_TOO_MANY_STATUSES,    26, [](Asked& asked) { asked.facts.set_status_count(3); }},
      {v1::REASON_STATUS_MOVED_ON,     101, [](Asked& asked) { asked.command.mutable_expectation(); }},
  });
  // clang-format on
}

TEST(CreateStatusTest, R42AnUnknownDeployment) {
  Asked asked = AskCreateStatus(kQueued);
  asked.facts.clear_deployment();
  asked.command.clear_ids();  // which are not needed then
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.rejection().reason(), v1::REASON_DEPLOYMENT_NOT_FOUND);
  EXPECT_EQ(decision.rejection().message(), "Not Found");
  EXPECT_THAT(RulesOf(decision), ElementsAre(42));
}

TEST(CreateStatusTest, R11R17R21TheStatusIsWhatWasAskedFor) {
  EXPECT_TRUE(SameMessage(Created(AskCreateStatus(kQueued)),
                          FromText<v1::DeploymentStatus>(R"pb(
                            id: 101
                            deployment_id: 50
                            state: STATUS_STATE_QUEUED
                            creator { id: 7 login: "ann" }
                            environment: "staging"
                            created_at_ms: 5000)pb")));
  EXPECT_TRUE(SameMessage(
      Created(AskCreateStatus(absl::StrCat(
          kQueued,
          "description: 'd' environment: 'qa' environment_url: 'https://e' "
          "log_url: 'l' auto_inactive: false"))),
      FromText<v1::DeploymentStatus>(R"pb(
        id: 101
        deployment_id: 50
        state: STATUS_STATE_QUEUED
        creator { id: 7 login: "ann" }
        description: "d"
        environment: "qa"
        environment_url: "https://e"
        log_url: "l"
        target_url: "l"
        created_at_ms: 5000)pb")));
  EXPECT_THAT(RulesOf(AskCreateStatus(kQueued).Answer()),
              ElementsAre(11, 17, 20, 21, 22, 30, 80, 81));
}

TEST(CreateStatusTest, R20WhichStatesACallerMaySet) {
  for (int state = -1; state <= v1::StatusState_ARRAYSIZE; ++state) {
    Asked asked = AskCreateStatus("");
    asked.command.mutable_create_status()->set_state(
        static_cast<v1::StatusState>(state));
    const bool may =
        state == v1::STATUS_STATE_ERROR || state == v1::STATUS_STATE_FAILURE ||
        state == v1::STATUS_STATE_INACTIVE ||
        state == v1::STATUS_STATE_IN_PROGRESS ||
        state == v1::STATUS_STATE_QUEUED || state == v1::STATUS_STATE_PENDING ||
        state == v1::STATUS_STATE_SUCCESS;
    if (may) {
      EXPECT_EQ(Created(asked).state(), state);
    } else {
      EXPECT_THAT(ViolationsOf(asked.Answer()),
                  ElementsAre("state: state is not included in the list"));
      EXPECT_EQ(asked.Answer().rejection().rule(), 20);
    }
  }
}

TEST(CreateStatusTest, R20AnyStateMayFollowAnyState) {
  for (int before = 0; before < v1::StatusState_ARRAYSIZE; ++before) {
    for (const char* after : {kQueued, kSuccess, "state: STATUS_STATE_ERROR"}) {
      Asked asked = AskCreateStatus(after);
      asked.facts.set_latest_state(static_cast<v1::StatusState>(before));
      EXPECT_TRUE(asked.Answer().has_acceptance());
    }
  }
}

TEST(CreateStatusTest, R23AStatusStaysOrMovesAndMayCreateTheEnvironment) {
  Asked asked = AskCreateStatus(kQueued);
  MergeText("original_environment: 'first' environment: 'Moved'",
            asked.facts.mutable_deployment());
  EXPECT_EQ(Created(asked).environment(), "Moved");
  asked.command.mutable_create_status()->set_environment("qa");
  EXPECT_EQ(Created(asked).environment(), "qa");
  EXPECT_EQ(asked.Answer().acceptance().events_size(), 1);

  asked.facts.clear_environment();  // R16
  const v1::Acceptance acceptance = asked.Answer().acceptance();
  ASSERT_EQ(acceptance.events_size(), 2);
  EXPECT_TRUE(SameMessage(acceptance.events(1).environment(),
                          FromText<v1::Environment>(R"pb(
                            id: 102
                            name: "qa"
                            created_at_ms: 5000
                            updated_at_ms: 5000)pb")));
  EXPECT_THAT(RulesOf(asked.Answer()), IsSupersetOf({16, 23, 60}));
}

TEST(CreateStatusTest, R24LogUrlAndTargetUrlMirrorEachOther) {
  constexpr char kNotGiven[] = "empty_url: EMPTY_URL_NOT_GIVEN";
  constexpr char kGiven[] = "empty_url: EMPTY_URL_GIVEN";
  // clang-format off
  const struct {
    const char* rules;
    const char* request;
    const char* both;
  } cases[] = {
      {"",        "",                             ""},
      {"",        "log_url: 'a'",                 "a"},
      {"",        "target_url: 'b'",              "b"},
      {"",        "log_url: 'a' target_url: 'b'", "a"},
      {"",        "log_url: ''  target_url: 'b'", "b"},
      {"",        "log_url: 'a' target_url: ''",  "a"},
      {"",        "log_url: ''  target_url: ''",  ""},
      {kNotGiven, "log_url: ''  target_url: 'b'", "b"},
      {kGiven,    "log_url: ''  target_url: 'b'", ""},
      {kGiven,    "target_url: 'b'",              "b"},
      {kGiven,    "log_url: 'a' target_url: ''",  "a"},
      {kGiven,    "target_url: ''",               ""},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateStatus(absl::StrCat(kQueued, c.request));
    MergeText(c.rules, &asked.rules);
    EXPECT_EQ(Created(asked).log_url(), c.both) << c.request;
    EXPECT_EQ(Created(asked).target_url(), c.both) << c.request;
  }
}

TEST(CreateStatusTest, R25SchemesOfUrls) {
  constexpr char kAny[] = "log_url_scheme: URL_SCHEME_ANY";
  constexpr char kWeb[] = "log_url_scheme: URL_SCHEME_HTTP_OR_HTTPS";
  // clang-format off
  const struct {
    const char* rules;
    const char* request;
    std::vector<std::string> violations;
  } cases[] = {
      {"",   "environment_url: 'http://e'",  {}},
      {"",   "environment_url: 'https://e'", {}},
      {"",   "environment_url: 'HTTPS://e'", {}},
      {"",   "environment_url: ''",          {}},
      {"",   "environment_url: 'ftp://e'",   {"environment_url: environment_url must use http(s) scheme"}},
      {"",   "environment_url: 'httpx://e'", {"environment_url: environment_url must use http(s) scheme"}},
      {"",   "environment_url: 'http:/e'",   {"environment_url: environment_url must use http(s) scheme"}},
      {"",   "environment_url: ' http://e'", {"environment_url: environment_url must use http(s) scheme"}},
      {"",   "log_url: 'ftp://l' target_url: 'x'", {}},
      {kAny, "log_url: 'ftp://l' target_url: 'x'", {}},
      {kAny, "environment_url: 'ftp://e'",   {"environment_url: environment_url must use http(s) scheme"}},
      {kWeb, "log_url: 'ftp://l' target_url: 'x'", {"log_url: log_url must use http(s) scheme",
                                                    "target_url: target_url must use http(s) scheme"}},
      {kWeb, "log_url: 'http://l' target_url: 'https://x'", {}},
      {kWeb, "log_url: '' target_url: ''",   {}},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateStatus(absl::StrCat(kQueued, c.request));
    MergeText(c.rules, &asked.rules);
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(ViolationsOf(decision), c.violations) << c.request;
    EXPECT_EQ(decision.has_acceptance(), c.violations.empty()) << c.request;
    if (!c.violations.empty()) {
      EXPECT_EQ(decision.rejection().rule(), 25);
    }
  }
}

TEST(CreateStatusTest, R4R25R60EachLimitAtItsBoundary) {
  constexpr char kShip[] = "\xF0\x9F\x9A\xA2";
  const struct {
    const char* field;
    const char* character;
    int most;  // characters that are allowed
    int rule;
    const char* violation;
  } cases[] = {
      {"description", "x", 140, 25,
       "description: description is too long (maximum is 140 characters)"},
      {"description", "ä", 140, 25,
       "description: description is too long (maximum is 140 characters)"},
      {"description", kShip, 140, 25,
       "description: description is too long (maximum is 140 characters)"},
      {"environment", "x", 255, 60,
       "environment: environment is too long (maximum is 255 characters)"},
      {"environment", kShip, 255, 60,
       "environment: environment is too long (maximum is 255 characters)"},
      {"log_url", "x", 65536, 4,
       "log_url: log_url is too long (maximum is 65536 bytes)"},
      {"target_url", "ä", 32768, 4,
       "target_url: target_url is too long (maximum is 65536 bytes)"},
      {"environment_url", "x", 65536 - 8, 4,
       "environment_url: environment_url is too long (maximum is 65536 bytes)"},
  };
  for (const auto& c : cases) {
    for (const int more : {0, 1}) {
      Asked asked = AskCreateStatus(kQueued);
      std::string text =
          std::string(c.field) == "environment_url" ? "https://" : "";
      for (int i = 0; i < c.most + more; ++i) text += c.character;
      v1::CreateStatus* request = asked.command.mutable_create_status();
      request->GetReflection()->SetString(
          request, request->GetDescriptor()->FindFieldByName(c.field), text);
      const v1::Decision decision = asked.Answer();
      if (more == 0) {
        EXPECT_TRUE(decision.has_acceptance()) << c.violation;
      } else {
        EXPECT_THAT(ViolationsOf(decision), ElementsAre(c.violation));
        EXPECT_EQ(decision.rejection().rule(), c.rule);
      }
    }
  }
}

TEST(CreateStatusTest, R4R25LimitsAreKnobs) {
  Asked asked = AskCreateStatus(absl::StrCat(kQueued, "description: 'äöü'"));
  v1::Limits* limits = asked.rules.mutable_limits();
  limits->set_status_description_characters_max(3);
  EXPECT_TRUE(asked.Answer().has_acceptance());
  limits->set_status_description_characters_max(2);
  EXPECT_FALSE(asked.Answer().has_acceptance());
  limits->set_status_description_characters_max(1000);
  limits->set_text_bytes_max(6);
  EXPECT_TRUE(asked.Answer().has_acceptance());
  limits->set_text_bytes_max(5);
  EXPECT_THAT(
      ViolationsOf(asked.Answer()),
      ElementsAre("description: description is too long (maximum is 5 bytes)"));
}

TEST(CreateStatusTest, R12EveryViolationIsListed) {
  Asked asked = AskCreateStatus("state: STATUS_STATE_WAITING");
  asked.rules.set_log_url_scheme(v1::URL_SCHEME_HTTP_OR_HTTPS);
  v1::CreateStatus* request = asked.command.mutable_create_status();
  request->set_description("\xFF");
  request->set_environment("");
  request->set_environment_url("x\xFF");
  request->set_log_url("x\xFF");
  request->set_target_url("x\xFF");
  const v1::Decision decision = asked.Answer();
  EXPECT_THAT(ViolationsOf(decision),
              ElementsAre("state: state is not included in the list",
                          "description: description is not valid UTF-8",
                          "environment: environment can't be blank",
                          "environment_url: environment_url is not valid UTF-8",
                          "environment_url: environment_url must use http(s) "
                          "scheme",
                          "log_url: log_url is not valid UTF-8",
                          "target_url: target_url is not valid UTF-8",
                          "log_url: log_url must use http(s) scheme",
                          "target_url: target_url must use http(s) scheme"));
  EXPECT_EQ(decision.rejection().message(), "Validation Failed");
  EXPECT_THAT(RulesOf(decision), ElementsAre(4, 20, 25, 60));
  for (const v1::Violation& violation : decision.rejection().violations()) {
    EXPECT_EQ(violation.resource(), "DeploymentStatus");
    EXPECT_EQ(violation.code(), v1::VIOLATION_CODE_CUSTOM);
  }
}

TEST(CreateStatusTest, R26TheCapOnStatuses) {
  const struct {
    int statuses_max;
    int status_count;
    bool accepted;
  } cases[] = {{-1, 1000000, true}, {0, 1000000, true}, {3, 2, true},
               {3, 3, false},       {3, 4, false},      {1, 0, true}};
  for (const auto& c : cases) {
    Asked asked = AskCreateStatus(kQueued);
    asked.rules.mutable_limits()->set_statuses_per_deployment_max(
        c.statuses_max);
    asked.facts.set_status_count(c.status_count);
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.has_acceptance(), c.accepted)
        << c.statuses_max << " " << c.status_count;
    EXPECT_THAT(RulesOf(decision),
                Contains(26).Times(c.statuses_max > 0 ? 1 : 0));
  }
  Asked unlimited = AskCreateStatus(kQueued);
  unlimited.facts.set_status_count(1000000);
  EXPECT_TRUE(unlimited.Answer().has_acceptance());
}

TEST(CreateStatusTest, R30R31ASuccessAppendsARealRowForEachItRetires) {
  Asked asked = AskSuccess();
  MergeText("live_deployments { id: 45 environment: 'staging' }", &asked.facts);
  const v1::Acceptance acceptance = asked.Answer().acceptance();
  ASSERT_EQ(acceptance.events_size(), 3);
  EXPECT_TRUE(SameMessage(acceptance.events(1), FromText<v1::Event>(R"pb(
                            type: EVENT_TYPE_STATUS_CREATED
                            repository { owner: "octo" name: "app" }
                            time_ms: 5000
                            actor { id: 7 login: "ann" }
                            status {
                              id: 102
                              deployment_id: 40
                              state: STATUS_STATE_INACTIVE
                              creator { id: 7 login: "ann" }
                              environment: "Staging"
                              created_at_ms: 5000
                            })pb")));
  EXPECT_EQ(acceptance.events(2).status().id(), 103);
  EXPECT_EQ(acceptance.events(2).status().deployment_id(), 45);
  EXPECT_THAT(RulesOf(asked.Answer()), ElementsAre(11, 17, 20, 21, 22, 30, 31,
                                                   32, 33, 34, 35, 36, 80, 81));
}

TEST(CreateStatusTest, R30OnlyASuccessThatDoesNotTurnItOff) {
  for (int state = v1::STATUS_STATE_ERROR; state < v1::STATUS_STATE_WAITING;
       ++state) {
    Asked asked = AskSuccess();
    v1::CreateStatus* request = asked.command.mutable_create_status();
    request->set_state(static_cast<v1::StatusState>(state));
    const bool success = state == v1::STATUS_STATE_SUCCESS;
    EXPECT_EQ(Retired(asked).size(), success ? 1 : 0);
    request->set_auto_inactive(true);
    EXPECT_EQ(Retired(asked).size(), success ? 1 : 0);
    request->set_auto_inactive(false);
    EXPECT_THAT(Retired(asked), IsEmpty());
    EXPECT_THAT(RulesOf(asked.Answer()), Contains(30));
    EXPECT_THAT(RulesOf(asked.Answer()), Not(Contains(31)));
  }
}

TEST(CreateStatusTest, R31OnlySuccessIsTouched) {
  // The facts hold only deployments whose latest state is success; of those
  // the decision looks again at everything else.
  EXPECT_THAT(Retired(AskSuccess()), ElementsAre(40));
  // clang-format off
  const char* const spared[] = {
      "environment: 'production'",     // elsewhere
      "environment: 'staging '",
      "transient_environment: true",
      "production_environment: true",
      "id: 50",                        // itself
      "id: 51",                        // not prior
  };
  // clang-format on
  for (const char* live : spared) {
    Asked asked = AskSuccess();
    MergeText(live, asked.facts.mutable_live_deployments(0));
    EXPECT_THAT(Retired(asked), IsEmpty()) << live;
    EXPECT_THAT(RulesOf(asked.Answer()), Contains(31));
    EXPECT_THAT(RulesOf(asked.Answer()), Not(Contains(35)));
  }
}

TEST(CreateStatusTest, R23R31TheEnvironmentThatItMovesToIsTheOneThatCounts) {
  Asked asked = AskSuccess();
  asked.command.mutable_create_status()->set_environment("production");
  EXPECT_THAT(Retired(asked), IsEmpty());
  asked.facts.mutable_live_deployments(0)->set_environment("PRODUCTION");
  EXPECT_THAT(Retired(asked), ElementsAre(40));
  // A retired deployment stays where it is.
  EXPECT_EQ(asked.Answer().acceptance().events(1).status().environment(),
            "PRODUCTION");
}

TEST(CreateStatusTest, R26TheCapDoesNotKeepADeploymentFromBeingRetired) {
  Asked asked = AskSuccess();
  asked.rules.mutable_limits()->set_statuses_per_deployment_max(1);
  EXPECT_THAT(Retired(asked), ElementsAre(40));
}

TEST(CreateStatusTest, R31ToR37Knobs) {
  // clang-format off
  const struct {
    const char* rules;
    const char* live;
    bool retires;
  } cases[] = {
      {"inactivation_name_match: NAME_MATCH_IGNORE_CASE",                "",                             true},
      {"inactivation_name_match: NAME_MATCH_EXACT",                      "",                             false},
      {"prior_deployments: PRIOR_DEPLOYMENTS_LOWER_ID",                  "id: 51",                       false},
      {"prior_deployments: PRIOR_DEPLOYMENTS_EVERY_OTHER",               "id: 51",                       true},
      {"production_inactivation: PRODUCTION_INACTIVATION_EXCLUDED",      "production_environment: true", false},
      {"production_inactivation: PRODUCTION_INACTIVATION_INCLUDED",      "production_environment: true", true},
      {"inactivation_flags: FLAGS_OF_OLDER_DEPLOYMENT",                  "transient_environment: true",  false},
      {"inactivation_flags: FLAGS_OF_SUCCEEDED_DEPLOYMENT",              "transient_environment: true",  true},
      {"inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT",             "task: 'migrate'",              true},
      {"inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK",    "task: 'migrate'",              false},
      {"inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK",    "",                             true},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskSuccess();
    MergeText(c.rules, &asked.rules);
    MergeText(c.live, asked.facts.mutable_live_deployments(0));
    EXPECT_EQ(!Retired(asked).empty(), c.retires) << c.rules << c.live;
    EXPECT_THAT(
        RulesOf(asked.Answer()),
        Contains(37).Times(asked.rules.inactivation_scope() ==
                                   v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK
                               ? 1
                               : 0));
  }
}

TEST(CreateStatusTest, R35WhoRetires) {
  const struct {
    v1::InactiveCreator knob;
    const char* login;
  } cases[] = {{v1::INACTIVE_CREATOR_UNSPECIFIED, "ann"},
               {v1::INACTIVE_CREATOR_ACTOR_OF_SUCCESS, "ann"},
               {v1::INACTIVE_CREATOR_CREATOR_OF_DEPLOYMENT, "bob"}};
  for (const auto& c : cases) {
    Asked asked = AskSuccess();
    asked.rules.set_inactive_creator(c.knob);
    const v1::Acceptance acceptance = asked.Answer().acceptance();
    ASSERT_EQ(acceptance.events_size(), 2);
    EXPECT_EQ(acceptance.events(1).status().creator().login(), c.login);
    EXPECT_EQ(acceptance.events(1).actor().login(), "ann");
    EXPECT_EQ(acceptance.events(0).status().creator().login(), "ann");
  }
}

TEST(CreateStatusTest, R101TheLatestStatusMustBeAnExpectedOne) {
  const struct {
    int64_t latest_status_id;
    std::vector<int64_t> expected;
    bool accepted;
  } cases[] = {{0, {0}, true},    {0, {}, false},      {0, {70}, false},
               {70, {70}, true},  {70, {0}, false},    {70, {71, 70}, true},
               {70, {71}, false}, {70, {0, 69}, false}};
  for (const auto& c : cases) {
    Asked asked = AskSuccess();
    asked.facts.set_latest_status_id(c.latest_status_id);
    v1::Expectation* expectation = asked.command.mutable_expectation();
    for (const int64_t id : c.expected) {
      expectation->add_latest_status_ids(id);
    }
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.has_acceptance(), c.accepted)
        << asked.command.ShortDebugString();
    EXPECT_THAT(RulesOf(decision), Contains(101));
    if (c.accepted) continue;
    EXPECT_EQ(decision.rejection().reason(), v1::REASON_STATUS_MOVED_ON);
    EXPECT_EQ(decision.rejection().rule(), 101);
    EXPECT_EQ(decision.rejection().message(),
              "The latest status of the deployment is not the expected one.");
  }
  EXPECT_THAT(RulesOf(AskSuccess().Answer()), Not(Contains(101)));
}

TEST(CreateStatusTest, R80EveryStatusIsToldButInactiveOnes) {
  for (int state = v1::STATUS_STATE_ERROR; state < v1::STATUS_STATE_WAITING;
       ++state) {
    Asked asked = AskSuccess();
    asked.facts.clear_environment();
    asked.command.mutable_create_status()->set_state(
        static_cast<v1::StatusState>(state));
    const v1::Decision decision = asked.Answer();
    ASSERT_TRUE(decision.has_acceptance());
    EXPECT_THAT(RulesOf(decision), IsSupersetOf({80, 81}));
    if (state == v1::STATUS_STATE_INACTIVE) {
      EXPECT_THAT(decision.acceptance().effects(), IsEmpty());
      continue;
    }
    // Neither the retired deployments nor the environment are told.
    ASSERT_EQ(decision.acceptance().effects_size(), 1);
    EXPECT_TRUE(
        SameMessage(decision.acceptance().effects(0), FromText<v1::Effect>(R"pb(
                      type: EFFECT_TYPE_NOTIFY
                      event_index: 0
                      deployment {
                        id: 50
                        task: "deploy"
                        original_environment: "staging"
                        environment: "staging"
                        creator { id: 8 login: "bob" }
                        updated_at_ms: 5000
                      })pb")));
  }
}

TEST(CreateStatusTest, R80TheDeploymentIsToldOfAsTheStatusLeavesIt) {
  Asked asked = AskSuccess();
  asked.facts.mutable_deployment()->set_updated_at_ms(4000);
  asked.command.mutable_create_status()->set_environment("qa");
  v1::Deployment left = asked.facts.deployment();
  left.set_environment("qa");
  left.set_updated_at_ms(5000);
  EXPECT_TRUE(
      SameMessage(asked.Answer().acceptance().effects(0).deployment(), left));
}

}  // namespace
}  // namespace slipway
