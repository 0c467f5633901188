// R2, R3, R4 and R10 to R17: what `Decide` makes of create_deployment.

#include <string>
#include <vector>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::AskCreateDeployment;
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

// The deployment that the answer, which is yes, creates.
v1::Deployment Created(const Asked& asked) {
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.acceptance().outcome(), v1::OUTCOME_DEPLOYMENT_CREATED)
      << decision.ShortDebugString();
  if (decision.acceptance().events().empty()) return {};
  return decision.acceptance().events(0).deployment();
}

TEST(CreateDeploymentTest, R12RefusalsInTheirOrder) {
  // clang-format off
  internal::ExpectPrecedence(AskCreateDeployment(), {
      {v1::REASON_MALFORMED_COMMAND,     8, [](Asked& asked) { asked.command.set_time_ms(-1); }},
      {v1::REASON_IDEMPOTENCY_KEY_REUSED, 100, internal::ReuseKey},
      {v1::REASON_REPOSITORY_NOT_FOUND,  1, [](Asked& asked) { asked.facts.clear_repository(); }},
      {v1::REASON_INVALID_FIELDS,       60, [](Asked& asked) { asked.command.mutable_create_deployment()->set_environment(""); }},
      {v1::REASON_REF_NOT_FOUND,         2, [](Asked& asked) { asked.facts.clear_ref(); }},
      {v1::REASON_MERGE_CONFLICT,       14, [](Asked& asked) { MergeText("form: REF_FORM_TAG contains_default_branch: false", asked.facts.mutable_ref()); }},
      {v1::REASON_CONTEXTS_FAILED,      15, [](Asked& asked) { asked.facts.mutable_ref()->add_contexts()->set_context("build"); }},
  });
  // clang-format on
}

TEST(CreateDeploymentTest, R10Defaults) {
  const Asked asked = AskCreateDeployment();
  EXPECT_TRUE(SameMessage(Created(asked), FromText<v1::Deployment>(R"pb(
                            id: 101
                            ref: "topic"
                            sha: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                            task: "deploy"
                            original_environment: "production"
                            environment: "production"
                            production_environment: true
                            creator { id: 7 login: "ann" }
                            created_at_ms: 5000
                            updated_at_ms: 5000)pb")));
  EXPECT_THAT(RulesOf(asked.Answer()),
              ElementsAre(2, 10, 11, 12, 13, 15, 16, 17, 80, 81));
}

TEST(CreateDeploymentTest, R10EverythingGiven) {
  const Asked asked = AskCreateDeployment(R"pb(
    task: "migrate"
    payload_type: PAYLOAD_TYPE_OBJECT
    payload: " {\"a\" : 1}"
    environment: "qa"
    description: "try it"
    transient_environment: true
    production_environment: true)pb");
  EXPECT_TRUE(SameMessage(Created(asked), FromText<v1::Deployment>(R"pb(
                            id: 101
                            ref: "topic"
                            sha: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                            task: "migrate"
                            payload_type: PAYLOAD_TYPE_OBJECT
                            payload: " {\"a\" : 1}"
                            description: "try it"
                            original_environment: "qa"
                            environment: "qa"
                            transient_environment: true
                            production_environment: true
                            creator { id: 7 login: "ann" }
                            created_at_ms: 5000
                            updated_at_ms: 5000)pb")));
}

TEST(CreateDeploymentTest, R10ProductionIsANameUnlessSaidOtherwise) {
  constexpr char kExact[] = "production_name_match: NAME_MATCH_EXACT";
  constexpr char kIgnore[] = "production_name_match: NAME_MATCH_IGNORE_CASE";
  // clang-format off
  const struct {
    const char* rules;
    const char* request;
    bool production;
  } cases[] = {
      {"",      "",                                                        true},
      {"",      "environment: 'production'",                               true},
      {"",      "environment: 'Production'",                               false},
      {"",      "environment: 'production/eu'",                            false},
      {"",      "environment: 'qa'",                                       false},
      {"",      "environment: 'qa'         production_environment: true",  true},
      {"",      "environment: 'production' production_environment: false", false},
      {"",      "production_environment: false",                           false},
      {kExact,  "environment: 'Production'",                               false},
      {kExact,  "environment: 'production'",                               true},
      {kIgnore, "environment: 'Production'",                               true},
      {kIgnore, "environment: 'qa'",                                       false},
      {kIgnore, "environment: 'Production' production_environment: false", false},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateDeployment(c.request);
    MergeText(c.rules, &asked.rules);
    EXPECT_EQ(Created(asked).production_environment(), c.production)
        << c.rules << " / " << c.request;
  }
}

TEST(CreateDeploymentTest, R11PayloadIsKeptByteForByteAsItsKind) {
  const struct {
    v1::PayloadType type;
    std::string payload;
  } cases[] = {
      {v1::PAYLOAD_TYPE_UNSPECIFIED, ""},
      {v1::PAYLOAD_TYPE_OBJECT, "{ \"b\":1e2,\n\"a\":\"\\u00e4\" }"},
      {v1::PAYLOAD_TYPE_STRING, ""},
      {v1::PAYLOAD_TYPE_STRING, "{}"},
      {v1::PAYLOAD_TYPE_STRING, "ä\n"},
  };
  for (const auto& c : cases) {
    Asked asked = AskCreateDeployment();
    asked.command.mutable_create_deployment()->set_payload_type(c.type);
    asked.command.mutable_create_deployment()->set_payload(c.payload);
    EXPECT_EQ(Created(asked).payload_type(), c.type);
    EXPECT_EQ(Created(asked).payload(), c.payload);
  }
}

TEST(CreateDeploymentTest, R11AMissingDescriptionStaysMissing) {
  EXPECT_FALSE(Created(AskCreateDeployment()).has_description());
  EXPECT_TRUE(
      Created(AskCreateDeployment("description: ''")).has_description());
}

TEST(CreateDeploymentTest, R2NoRef) {
  Asked asked = AskCreateDeployment("ref: 'nope'");
  asked.facts.clear_ref();
  asked.command.clear_ids();  // which are not needed then
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.rejection().reason(), v1::REASON_REF_NOT_FOUND);
  EXPECT_EQ(decision.rejection().message(), "No ref found for: nope");
  EXPECT_THAT(RulesOf(decision), ElementsAre(2, 12));
}

TEST(CreateDeploymentTest, R2TheRefIsKeptAsWrittenAndTheShaAsResolved) {
  Asked asked = AskCreateDeployment("ref: 'refs/heads/Topic'");
  asked.facts.mutable_ref()->set_form(v1::REF_FORM_QUALIFIED);
  asked.facts.mutable_ref()->set_sha(internal::kShaB);
  EXPECT_EQ(Created(asked).ref(), "refs/heads/Topic");
  EXPECT_EQ(Created(asked).sha(), internal::kShaB);
}

// What an answer about merging is, in one line.
std::string Summary(const v1::Decision& decision) {
  if (decision.has_rejection()) {
    return std::to_string(decision.rejection().rule()) + ": " +
           decision.rejection().message();
  }
  if (decision.acceptance().outcome() == v1::OUTCOME_DEPLOYMENT_CREATED) {
    return "created";
  }
  EXPECT_THAT(decision.acceptance().events(), IsEmpty());  // R13
  if (decision.acceptance().outcome() == v1::OUTCOME_AUTO_MERGED) {
    EXPECT_THAT(decision.acceptance().effects(), IsEmpty());  // R80
    return decision.acceptance().message();
  }
  EXPECT_EQ(decision.acceptance().outcome(), v1::OUTCOME_MERGE_REQUIRED);
  EXPECT_EQ(decision.acceptance().effects_size(), 1);
  const v1::Effect& effect = decision.acceptance().effects(0);
  EXPECT_EQ(effect.type(), v1::EFFECT_TYPE_MERGE);
  return "merge " + effect.merge().head() + " into " + effect.merge().base();
}

TEST(CreateDeploymentTest, R13R14AutoMerge) {
  constexpr char kBehind[] = "contains_default_branch: false";
  constexpr char kUpToDate[] = "contains_default_branch: true";
  constexpr char kTag[] = "form: REF_FORM_TAG contains_default_branch: false";
  constexpr char kSha[] = "form: REF_FORM_SHA contains_default_branch: false";
  constexpr char kQualified[] =
      "form: REF_FORM_QUALIFIED contains_default_branch: false";
  constexpr char kUnknown[] =
      "form: REF_FORM_UNSPECIFIED contains_default_branch: false";
  constexpr v1::MergeOutcome kNone = v1::MERGE_OUTCOME_UNSPECIFIED;
  constexpr v1::MergeOutcome kMerged = v1::MERGE_OUTCOME_MERGED;
  constexpr v1::MergeOutcome kConflict = v1::MERGE_OUTCOME_CONFLICT;
  constexpr char kMergedMessage[] =
      "Auto-merged main into topic on deployment.";
  constexpr char k13[] = "13: Conflict merging main into topic.";
  constexpr char k14[] = "14: Conflict merging main into topic.";
  // clang-format off
  const struct {
    const char* request;
    const char* ref;
    v1::MergeOutcome outcome;
    const char* answer;
  } cases[] = {
      {"",                  kUpToDate,  kNone,     "created"},
      {"",                  kBehind,    kNone,     "merge main into topic"},
      {"auto_merge: true",  kBehind,    kNone,     "merge main into topic"},
      {"auto_merge: false", kBehind,    kNone,     "created"},
      {"",                  kBehind,    kMerged,   kMergedMessage},
      {"",                  kUpToDate,  kMerged,   kMergedMessage},  // facts read anew
      {"",                  kBehind,    kConflict, k13},
      {"",                  kUpToDate,  kConflict, "created"},       // somebody else merged
      {"auto_merge: false", kBehind,    kMerged,   "created"},
      {"auto_merge: false", kBehind,    kConflict, "created"},
      {"",                  kTag,       kNone,     k14},
      {"",                  kSha,       kNone,     k14},
      {"",                  kQualified, kNone,     k14},
      {"",                  kUnknown,   kNone,     k14},
      {"",                  kTag,       kMerged,   k14},
      {"",                  kTag,       kConflict, k14},
      {"auto_merge: false", kTag,       kNone,     "created"},
      {"auto_merge: false", kSha,       kNone,     "created"},
      // The default branch is never behind itself, whatever source control says.
      {"ref: 'main'",       kBehind,    kNone,     "created"},
      {"ref: 'main'",       kBehind,    kMerged,   "created"},
      {"ref: 'MAIN'",       kBehind,    kNone,     "merge main into MAIN"},
      {"ref: 'main'",       kTag,       kNone,     "14: Conflict merging main into main."},
      {"ref: 'heads/main'", kQualified, kNone,     "14: Conflict merging main into heads/main."},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateDeployment(c.request);
    MergeText(c.ref, asked.facts.mutable_ref());
    asked.facts.set_merge_outcome(c.outcome);
    EXPECT_EQ(Summary(asked.Answer()), c.answer)
        << c.request << " / " << c.ref << " / "
        << v1::MergeOutcome_Name(c.outcome);
  }
}

TEST(CreateDeploymentTest,
     R14TaggedAndQualifiedRefsThatAreUpToDateAreDeployed) {
  for (const char* form :
       {"REF_FORM_TAG", "REF_FORM_SHA", "REF_FORM_QUALIFIED"}) {
    Asked asked = AskCreateDeployment();
    MergeText(std::string("form: ") + form, asked.facts.mutable_ref());
    EXPECT_EQ(Summary(asked.Answer()), "created") << form;
  }
}

TEST(CreateDeploymentTest, R3R14TheDefaultBranchIsCited) {
  Asked asked = AskCreateDeployment("ref: 'main'");
  EXPECT_THAT(RulesOf(asked.Answer()), IsSupersetOf({3, 13, 14}));
  asked = AskCreateDeployment();
  EXPECT_THAT(RulesOf(asked.Answer()), Not(Contains(14)));
  asked = AskCreateDeployment("auto_merge: false");
  EXPECT_THAT(RulesOf(asked.Answer()), Not(Contains(13)));
}

// The contexts that a refusal shows, as "name state", or "created".
std::vector<std::string> ContextsOf(const Asked& asked) {
  const v1::Decision decision = asked.Answer();
  if (decision.has_acceptance()) return {"created"};
  EXPECT_EQ(decision.rejection().message(),
            "Conflict: Commit status checks failed for topic.");
  std::vector<std::string> contexts;
  for (const v1::CommitContext& context : decision.rejection().contexts()) {
    contexts.push_back(context.context() + " " +
                       v1::CommitContextState_Name(context.state())
                           .substr(sizeof("COMMIT_CONTEXT_STATE")));
  }
  return contexts;
}

TEST(CreateDeploymentTest, R15RequiredContexts) {
  constexpr char kGreen[] =
      "contexts { context: 'Build' state: COMMIT_CONTEXT_STATE_SUCCESS }";
  constexpr char kMixed[] =
      "contexts { context: 'Build' state: COMMIT_CONTEXT_STATE_SUCCESS }"
      "contexts { context: 'lint' state: COMMIT_CONTEXT_STATE_FAILURE }";
  const std::vector<std::string> created = {"created"};
  // clang-format off
  const struct {
    const char* request;
    const char* ref;
    std::vector<std::string> contexts;
  } cases[] = {
      // Omitted: every context.
      {"", "",     created},
      {"", kGreen, created},
      {"", kMixed, {"Build SUCCESS", "lint FAILURE"}},
      // Empty: none.
      {"required_contexts {}", "",     created},
      {"required_contexts {}", kMixed, created},
      // A list: only those.
      {"required_contexts { contexts: 'Build' }", kMixed, created},
      {"required_contexts { contexts: 'bUILD' }", kMixed, created},
      {"required_contexts { contexts: 'LINT' }",  kMixed, {"lint FAILURE"}},
      {"required_contexts { contexts: 'lint' contexts: 'Lint' }", kMixed, {"lint FAILURE"}},
      {"required_contexts { contexts: 'lint' contexts: 'build' }", kMixed, {"Build SUCCESS", "lint FAILURE"}},
      // Never submitted.
      {"required_contexts { contexts: 'docs' }", "",     {"docs PENDING"}},
      {"required_contexts { contexts: 'docs' contexts: 'DOCS' }", "", {"docs PENDING"}},
      {"required_contexts { contexts: 'docs' contexts: 'build' }", kGreen, {"Build SUCCESS", "docs PENDING"}},
      {"required_contexts { contexts: '' }", kGreen, {" PENDING"}},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateDeployment(c.request);
    MergeText(c.ref, asked.facts.mutable_ref());
    EXPECT_EQ(ContextsOf(asked), c.contexts) << c.request << " / " << c.ref;
  }
}

// Compared each with each, these would take a second, and as many names as this
// come in one request.
TEST(CreateDeploymentTest, R15ManyLongContextsThatDifferInTheEnd) {
  Asked asked = AskCreateDeployment();
  v1::RequiredContexts& required =
      *asked.command.mutable_create_deployment()->mutable_required_contexts();
  const std::string lower(1000, 'x');
  const std::string upper(1000, 'X');
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    required.add_contexts(lower + std::to_string(999 - i));
    expected.push_back(required.contexts(i) + " PENDING");
  }
  for (int i = 0; i < 500; ++i) {
    required.add_contexts(upper + std::to_string(500 + i));
  }
  EXPECT_EQ(ContextsOf(asked), expected);
}

TEST(CreateDeploymentTest, R15OnlySuccessPasses) {
  for (int state = 0; state <= v1::CommitContextState_ARRAYSIZE; ++state) {
    Asked asked = AskCreateDeployment();
    v1::CommitContext* context = asked.facts.mutable_ref()->add_contexts();
    context->set_context("build");
    context->set_state(static_cast<v1::CommitContextState>(state));
    EXPECT_EQ(asked.Answer().has_acceptance(),
              state == v1::COMMIT_CONTEXT_STATE_SUCCESS)
        << state;
  }
}

TEST(CreateDeploymentTest, R16AnUnknownEnvironmentIsCreated) {
  Asked asked = AskCreateDeployment("environment: 'qa/EU'");
  asked.facts.clear_environment();
  const v1::Decision decision = asked.Answer();
  ASSERT_EQ(decision.acceptance().events_size(), 2);
  EXPECT_TRUE(
      SameMessage(decision.acceptance().events(1), FromText<v1::Event>(R"pb(
                    type: EVENT_TYPE_ENVIRONMENT_CREATED
                    repository { owner: "octo" name: "app" }
                    time_ms: 5000
                    actor { id: 7 login: "ann" }
                    environment {
                      id: 102
                      name: "qa/EU"
                      created_at_ms: 5000
                      updated_at_ms: 5000
                    })pb")));
  EXPECT_THAT(RulesOf(decision), IsSupersetOf({16, 60}));
  // A known one is not, nor is there a first status.
  EXPECT_EQ(AskCreateDeployment().Answer().acceptance().events_size(), 1);
}

TEST(CreateDeploymentTest, R80R81ACreationIsAnEventAndANotification) {
  Asked asked = AskCreateDeployment();
  // The event carries the name as the repository spells it (R1).
  asked.command.mutable_repository()->set_owner("OCTO");
  asked.command.mutable_repository()->set_name("APP");
  const v1::Acceptance acceptance = asked.Answer().acceptance();
  ASSERT_EQ(acceptance.events_size(), 1);
  v1::Event event = acceptance.events(0);
  event.clear_deployment();
  EXPECT_TRUE(SameMessage(event, FromText<v1::Event>(R"pb(
                            type: EVENT_TYPE_DEPLOYMENT_CREATED
                            repository { owner: "octo" name: "app" }
                            time_ms: 5000
                            actor { id: 7 login: "ann" })pb")));
  ASSERT_EQ(acceptance.effects_size(), 1);
  EXPECT_TRUE(SameMessage(
      acceptance.effects(0),
      FromText<v1::Effect>("type: EFFECT_TYPE_NOTIFY event_index: 0")));
}

TEST(CreateDeploymentTest, R4R60EachLimitAtItsBoundary) {
  const struct {
    const char* field;
    const char* last;
    int most;  // of them that are allowed
    const char* violation;
  } cases[] = {
      {"ref", "x", 8, "ref: ref is too long (maximum is 8 bytes)"},
      {"ref", "ä", 4, "ref: ref is too long (maximum is 8 bytes)"},
      {"task", "x", 8, "task: task is too long (maximum is 8 bytes)"},
      {"environment", "x", 255,
       "environment: environment is too long (maximum is 255 characters)"},
      {"environment", "ä", 255,
       "environment: environment is too long (maximum is 255 characters)"},
      {"environment", "日", 255,
       "environment: environment is too long (maximum is 255 characters)"},
      {"environment", "\xF0\x9F\x9A\xA2", 255,
       "environment: environment is too long (maximum is 255 characters)"},
      {"description", "x", 20,
       "description: description is too long (maximum is 20 bytes)"},
      {"description", "ä", 10,
       "description: description is too long (maximum is 20 bytes)"},
      {"payload", "x", 16,
       "payload: payload is too long (maximum is 16 bytes)"},
  };
  for (const auto& c : cases) {
    for (const int more : {0, 1}) {
      Asked asked = AskCreateDeployment("payload_type: PAYLOAD_TYPE_STRING");
      MergeText("name_bytes_max: 8 text_bytes_max: 20 payload_bytes_max: 16",
                asked.rules.mutable_limits());
      std::string text;
      for (int i = 0; i < c.most + more; ++i) text += c.last;
      v1::CreateDeployment* request = asked.command.mutable_create_deployment();
      request->GetReflection()->SetString(
          request, request->GetDescriptor()->FindFieldByName(c.field), text);
      const v1::Decision decision = asked.Answer();
      if (more == 0) {
        EXPECT_TRUE(decision.has_acceptance()) << c.field;
      } else {
        EXPECT_THAT(ViolationsOf(decision), ElementsAre(c.violation));
      }
    }
  }
}

TEST(CreateDeploymentTest, R4DefaultLimits) {
  const struct {
    const char* field;
    int bytes_max;
  } cases[] = {{"ref", 1024},
               {"task", 1024},
               {"payload", 65536},
               {"description", 65536},
               {"environment", 255}};
  for (const auto& c : cases) {
    for (const int more : {0, 1}) {
      Asked asked = AskCreateDeployment();
      v1::CreateDeployment* request = asked.command.mutable_create_deployment();
      request->GetReflection()->SetString(
          request, request->GetDescriptor()->FindFieldByName(c.field),
          std::string(c.bytes_max + more, 'x'));
      EXPECT_EQ(asked.Answer().has_acceptance(), more == 0) << c.field;
    }
  }
}

TEST(CreateDeploymentTest, R4RequiredContextsAreLimitedInNumberAndLength) {
  for (const int more : {0, 1}) {
    Asked asked = AskCreateDeployment();
    for (int i = 0; i < 1000 + more; ++i) {
      asked.command.mutable_create_deployment()
          ->mutable_required_contexts()
          ->add_contexts("c" + std::to_string(i));
    }
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.rejection().reason(), more == 0
                                                 ? v1::REASON_CONTEXTS_FAILED
                                                 : v1::REASON_INVALID_FIELDS);
    EXPECT_EQ(decision.rejection().contexts_size(), more == 0 ? 1000 : 0);
    EXPECT_EQ(decision.rejection().violations_size(), more);

    asked = AskCreateDeployment();
    asked.command.mutable_create_deployment()
        ->mutable_required_contexts()
        ->add_contexts(std::string(1024 + more, 'x'));
    EXPECT_EQ(
        asked.Answer().rejection().reason(),
        more == 0 ? v1::REASON_CONTEXTS_FAILED : v1::REASON_INVALID_FIELDS);
  }
}

TEST(CreateDeploymentTest, R12EveryViolationIsListed) {
  Asked asked = AskCreateDeployment();
  v1::CreateDeployment* request = asked.command.mutable_create_deployment();
  request->set_ref("\xFF");
  request->set_task("\xFF");
  request->mutable_required_contexts()->add_contexts("\xFF");
  request->mutable_required_contexts()->add_contexts("fine");
  request->mutable_required_contexts()->add_contexts(std::string(1025, 'x'));
  request->set_payload_type(static_cast<v1::PayloadType>(99));
  request->set_payload("\xFF");
  request->set_environment("\xFF");
  request->set_description("\xFF");
  const v1::Decision decision = asked.Answer();
  EXPECT_THAT(ViolationsOf(decision),
              ElementsAre("ref: ref is not valid UTF-8",
                          "task: task is not valid UTF-8",
                          "required_contexts: required_contexts is not valid "
                          "UTF-8",
                          "required_contexts: required_contexts is too long "
                          "(maximum is 1024 bytes)",
                          "payload: payload is of an unknown type",
                          "payload: payload is not valid UTF-8",
                          "environment: environment is not valid UTF-8",
                          "description: description is not valid UTF-8"));
  EXPECT_EQ(decision.rejection().reason(), v1::REASON_INVALID_FIELDS);
  EXPECT_EQ(decision.rejection().message(), "Validation Failed");
  EXPECT_EQ(decision.rejection().rule(), 4);
  EXPECT_THAT(RulesOf(decision), ElementsAre(4, 11, 12));
  for (const v1::Violation& violation : decision.rejection().violations()) {
    EXPECT_EQ(violation.resource(), "Deployment");
    EXPECT_NE(violation.code(), v1::VIOLATION_CODE_UNSPECIFIED);
  }
}

}  // namespace
}  // namespace slipway
