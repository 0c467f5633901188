#include "slipway/conformance/oracle.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

template <typename Message>
Message Parse(absl::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text),
                                                            &message))
      << text;
  return message;
}

const std::string& ShaOf(char digit) {
  static auto* const shas = new std::vector<std::string>(128);
  std::string& sha = (*shas)[static_cast<size_t>(digit)];
  sha = std::string(40, digit);
  return sha;
}

// A default branch, a branch that is up to date with a failing check, a tag,
// two branches that are behind, a tag that is, and a branch whose SHA nobody
// knows.
v1::Capabilities Refs() {
  return Parse<v1::Capabilities>(absl::StrCat(
      "refs { name: 'main' form: REF_FORM_BRANCH is_default_branch: true sha: "
      "'",
      ShaOf('1'), "' }", "refs { name: 'topic' form: REF_FORM_BRANCH sha: '",
      ShaOf('a'), "' }", "refs { name: 'v1' form: REF_FORM_TAG sha: '",
      ShaOf('3'), "' }",
      "refs { name: 'behind' form: REF_FORM_BRANCH is_behind: true "
      "merges_cleanly: true sha: '",
      ShaOf('4'),
      "' contexts { context: 'ci' state: COMMIT_CONTEXT_STATE_FAILURE } }",
      "refs { name: 'stuck' form: REF_FORM_BRANCH is_behind: true sha: '",
      ShaOf('5'), "' }",
      "refs { name: 'v0' form: REF_FORM_TAG is_behind: true merges_cleanly: "
      "true sha: '",
      ShaOf('6'), "' }", "refs { name: 'checked' form: REF_FORM_BRANCH sha: '",
      ShaOf('7'),
      "' contexts { context: 'lint' state: COMMIT_CONTEXT_STATE_SUCCESS }"
      "  contexts { context: 'CI' state: COMMIT_CONTEXT_STATE_FAILURE } }",
      "refs { name: 'mystery' form: REF_FORM_BRANCH }"));
}

// Makes calls on an oracle, a second after one another.
class OracleTest : public ::testing::Test {
 protected:
  // Starts again with these rules, as text.
  void Use(absl::string_view rules, bool others_exist = false) {
    oracle_ =
        Oracle(Parse<slipway::v1::Rules>(rules), Refs().refs(), others_exist);
  }

  const Expectation& Apply(v1::Operation operation) {
    time_ms_ += 1000;
    operation.set_time_ms(time_ms_);
    last_ = oracle_.Apply(operation);
    EXPECT_TRUE(std::is_sorted(last_.rules.begin(), last_.rules.end()));
    if (last_.answer.code() != 400) {
      EXPECT_THAT(last_.rules, Contains(last_.deciding_rule));
    }
    return last_;
  }

  // The request of a creation, as text; of `topic` where it names no ref.
  const Expectation& Create(absl::string_view binds,
                            absl::string_view request) {
    v1::Operation operation;
    v1::CreateDeployment* call = operation.mutable_create_deployment();
    call->set_binds(std::string(binds));
    *call->mutable_request() = Parse<slipway::v1::CreateDeployment>(request);
    if (call->request().ref().empty())
      call->mutable_request()->set_ref("topic");
    return Apply(std::move(operation));
  }

  const Expectation& CreateOf(absl::string_view ref) {
    return Create("", absl::StrCat("ref: '", ref, "'"));
  }

  const Expectation& Status(absl::string_view deployment,
                            absl::string_view request,
                            absl::string_view binds = "") {
    v1::Operation operation;
    v1::CreateStatus* call = operation.mutable_create_status();
    call->set_binds(std::string(binds));
    call->set_deployment(std::string(deployment));
    *call->mutable_request() = Parse<slipway::v1::CreateStatus>(request);
    return Apply(std::move(operation));
  }

  const Expectation& Succeed(absl::string_view deployment) {
    return Status(deployment, "state: STATUS_STATE_SUCCESS");
  }

  // A deployment that is live and has retired nobody.
  void CreateLive(absl::string_view binds, absl::string_view request) {
    EXPECT_EQ(Create(binds, request).answer.code(), 201);
    EXPECT_EQ(Status(binds, "state: STATUS_STATE_SUCCESS auto_inactive: false")
                  .answer.code(),
              201);
  }

  const Expectation& Delete(absl::string_view deployment) {
    v1::Operation operation;
    operation.mutable_delete_deployment()->set_deployment(
        std::string(deployment));
    return Apply(std::move(operation));
  }

  const Expectation& Get(absl::string_view deployment) {
    v1::Operation operation;
    operation.mutable_get_deployment()->set_deployment(std::string(deployment));
    return Apply(std::move(operation));
  }

  const Expectation& GetStatus(absl::string_view deployment,
                               absl::string_view status) {
    v1::Operation operation;
    v1::GetStatus* call = operation.mutable_get_status();
    call->set_deployment(std::string(deployment));
    call->set_status(std::string(status));
    return Apply(std::move(operation));
  }

  const Expectation& List(absl::string_view call) {
    v1::Operation operation;
    *operation.mutable_list_deployments() = Parse<v1::ListDeployments>(call);
    return Apply(std::move(operation));
  }

  const Expectation& ListStatuses(absl::string_view deployment,
                                  absl::string_view call = "") {
    v1::Operation operation;
    *operation.mutable_list_statuses() = Parse<v1::ListStatuses>(call);
    operation.mutable_list_statuses()->set_deployment(std::string(deployment));
    return Apply(std::move(operation));
  }

  // The refs, tasks and so on of the last list are told apart by their ids.
  std::vector<int64_t> Listed() const {
    std::vector<int64_t> ids;
    for (const auto& it : last_.answer.deployments()) ids.push_back(it.id());
    for (const auto& it : last_.answer.statuses()) ids.push_back(it.id());
    return ids;
  }

  int64_t Id(const std::string& symbol) const { return oracle_.IdOf(symbol); }

  const OracleRecord& Record(const std::string& symbol) const {
    for (const OracleRecord& record : oracle_.records()) {
      if (record.deployment.id() == Id(symbol)) return record;
    }
    ADD_FAILURE() << symbol << " is not there";
    static const auto* const kNone = new OracleRecord();
    return *kNone;
  }

  bool IsRetired(const std::string& symbol) const {
    const OracleRecord& record = Record(symbol);
    return !record.statuses.empty() &&
           record.statuses.back().state() == slipway::v1::STATUS_STATE_INACTIVE;
  }

  // The rule of the last row.
  int AppendedBy(const std::string& symbol) const {
    const OracleRecord& record = Record(symbol);
    if (record.statuses.empty()) return 0;
    return record.appended_by.at(record.statuses.back().id());
  }

  // "resource.field: message" of each.
  std::vector<std::string> Violations() const {
    std::vector<std::string> texts;
    for (const auto& violation : last_.answer.violations()) {
      EXPECT_EQ(violation.code(), slipway::v1::VIOLATION_CODE_CUSTOM);
      texts.push_back(absl::StrCat(violation.resource(), ".", violation.field(),
                                   ": ", violation.message()));
    }
    return texts;
  }

  // "name=STATE" of each.
  std::vector<std::string> Contexts() const {
    std::vector<std::string> texts;
    for (const auto& context : last_.answer.contexts()) {
      texts.push_back(
          absl::StrCat(context.context(), "=",
                       slipway::v1::CommitContextState_Name(context.state())
                           .substr(sizeof("COMMIT_CONTEXT_STATE_") - 1)));
    }
    return texts;
  }

  void ExpectRefused(int code, int rule, absl::string_view message) const {
    EXPECT_EQ(last_.answer.code(), code);
    EXPECT_EQ(last_.deciding_rule, rule);
    EXPECT_EQ(last_.answer.message(), message);
    EXPECT_FALSE(last_.answer.has_deployment());
    EXPECT_FALSE(last_.answer.has_status());
    EXPECT_THAT(last_.answer.notifications(), IsEmpty());
  }

  const slipway::v1::Deployment& deployment() const {
    EXPECT_EQ(last_.answer.code(), 201);
    return last_.answer.deployment();
  }

  const slipway::v1::DeploymentStatus& status() const {
    EXPECT_EQ(last_.answer.code(), 201);
    return last_.answer.status();
  }

  int64_t time_ms_ = 0;
  Oracle oracle_{{}, Refs().refs()};
  Expectation last_;
};

std::string Ae(int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += "\xC3\xA4";
  return text;
}

// Creation.

TEST_F(OracleTest, R2ARefIsABranchATagOrASha) {
  CreateOf("topic");
  EXPECT_EQ(deployment().ref(), "topic");
  EXPECT_EQ(deployment().sha(), ShaOf('a'));
  CreateOf("v1");
  EXPECT_EQ(deployment().sha(), ShaOf('3'));
  CreateOf(ShaOf('3'));
  EXPECT_EQ(deployment().ref(), ShaOf('3'));
  EXPECT_EQ(deployment().sha(), ShaOf('3'));
  EXPECT_EQ(last_.deciding_rule, 2);
}

TEST_F(OracleTest, R2AShaIsInEitherCase) {
  CreateOf(std::string(40, 'A'));
  EXPECT_EQ(deployment().ref(), std::string(40, 'A'));
  EXPECT_EQ(deployment().sha(), ShaOf('a'));
}

TEST_F(OracleTest, R2QualifiedNames) {
  for (const char* ref : {"refs/heads/topic", "heads/topic"}) {
    CreateOf(ref);
    EXPECT_EQ(deployment().ref(), ref);
    EXPECT_EQ(deployment().sha(), ShaOf('a'));
  }
  for (const char* ref : {"refs/tags/v1", "tags/v1"}) {
    CreateOf(ref);
    EXPECT_EQ(deployment().sha(), ShaOf('3'));
  }
}

TEST_F(OracleTest, R2WhatIsNothing) {
  for (const std::string& ref :
       {std::string("none"), std::string("Topic"), std::string("heads/v1"),
        std::string("tags/topic"), std::string("refs/topic"),
        std::string("Heads/topic"), ShaOf('9'), ShaOf('a').substr(1)}) {
    CreateOf(ref);
    ExpectRefused(422, 2, absl::StrCat("No ref found for: ", ref));
    EXPECT_THAT(Violations(), IsEmpty());
  }
  v1::Operation empty;
  empty.mutable_create_deployment()->mutable_request();
  Apply(std::move(empty));
  ExpectRefused(422, 2, "No ref found for: ");
}

TEST_F(OracleTest, R2OrderOfResolution) {
  const auto capabilities = Parse<v1::Capabilities>(absl::StrCat(
      "refs { name: 'both' form: REF_FORM_TAG sha: '", ShaOf('2'), "' }",
      "refs { name: 'both' form: REF_FORM_BRANCH sha: '", ShaOf('3'), "' }",
      "refs { name: '", ShaOf('3'), "' form: REF_FORM_TAG sha: '", ShaOf('4'),
      "' }", "refs { name: 'tags/both' form: REF_FORM_BRANCH sha: '",
      ShaOf('5'), "' }"));
  oracle_ = Oracle({}, capabilities.refs());
  CreateOf("both");
  EXPECT_EQ(deployment().sha(), ShaOf('3'));
  CreateOf(ShaOf('3'));
  EXPECT_EQ(deployment().sha(), ShaOf('4'));
  CreateOf("tags/both");
  EXPECT_EQ(deployment().sha(), ShaOf('5'));
  CreateOf("refs/tags/both");
  EXPECT_EQ(deployment().sha(), ShaOf('2'));
}

TEST_F(OracleTest, R2FixturesOfEveryForm) {
  const auto capabilities = Parse<v1::Capabilities>(absl::StrCat(
      "refs { name: '", ShaOf('b'), "' form: REF_FORM_SHA }",
      "refs { name: 'refs/heads/x' form: REF_FORM_QUALIFIED sha: '", ShaOf('c'),
      "' }", "refs { name: 'unset' sha: '", ShaOf('d'), "' }"));
  oracle_ = Oracle({}, capabilities.refs());
  CreateOf(ShaOf('b'));
  EXPECT_EQ(deployment().sha(), ShaOf('b'));
  CreateOf("refs/heads/x");
  EXPECT_EQ(deployment().sha(), ShaOf('c'));
  CreateOf("heads/unset");
  EXPECT_EQ(deployment().sha(), ShaOf('d'));
}

TEST_F(OracleTest, R2AShaThatNobodyKnowsIsNotTold) {
  CreateOf("mystery");
  EXPECT_EQ(deployment().sha(), "");
}

TEST_F(OracleTest, R4TextsOfADeploymentHaveLimits) {
  Use("limits { environment_name_characters_max: 3 payload_bytes_max: 4 "
      "name_bytes_max: 8 text_bytes_max: 5 required_contexts_max: 2 }");
  Create("",
         "ref: 'main' task: 't2345678' required_contexts {} payload_type: "
         "PAYLOAD_TYPE_STRING payload: '1234' environment: '\\303\\204\\303"
         "\\226\\303\\234' description: '12345'");
  EXPECT_EQ(last_.answer.code(), 201);
  Create("",
         "ref: '123456789' task: 't23456789' required_contexts { contexts: "
         "['a', 'b', 'c'] } payload_type: PAYLOAD_TYPE_STRING payload: '12345' "
         "environment: 'qa-1' description: '123456'");
  ExpectRefused(422, 4, "Validation Failed");
  EXPECT_THAT(
      Violations(),
      ElementsAre(
          "Deployment.ref: ref is too long (maximum is 8 bytes)",
          "Deployment.task: task is too long (maximum is 8 bytes)",
          "Deployment.required_contexts: required_contexts is too long "
          "(maximum is 2 contexts)",
          "Deployment.payload: payload is too long (maximum is 4 bytes)",
          "Deployment.environment: environment is too long (maximum is 3 "
          "characters)",
          "Deployment.description: description is too long (maximum is 5 "
          "bytes)"));
  EXPECT_THAT(last_.rules, IsSupersetOf({4, 12, 60}));
  Create("", "required_contexts { contexts: ['ok', 'c23456789'] }");
  EXPECT_THAT(Violations(),
              ElementsAre("Deployment.required_contexts: required_contexts is "
                          "too long (maximum is 8 bytes)"));
}

TEST_F(OracleTest, R4ANegativeLimitIsZero) {
  Use("limits { text_bytes_max: -1 }");
  Create("", "description: 'x'");
  EXPECT_THAT(Violations(),
              ElementsAre("Deployment.description: description is too long "
                          "(maximum is 0 bytes)"));
}

TEST_F(OracleTest, R4TextIsUtf8) {
  const auto code_of = [this](absl::string_view payload) {
    return Create("",
                  absl::StrCat("payload_type: PAYLOAD_TYPE_STRING payload: '",
                               payload, "'"))
        .answer.code();
  };
  EXPECT_EQ(code_of("\\377"), 422);
  EXPECT_THAT(Violations(),
              ElementsAre("Deployment.payload: payload is not valid UTF-8"));
  EXPECT_EQ(code_of("\\300\\200"), 422);            // overlong
  EXPECT_EQ(code_of("\\340\\200\\200"), 422);       // overlong
  EXPECT_EQ(code_of("\\355\\240\\200"), 422);       // half a surrogate pair
  EXPECT_EQ(code_of("\\364\\220\\200\\200"), 422);  // above U+10FFFF
  EXPECT_EQ(code_of("\\303"), 422);                 // cut short
  EXPECT_EQ(code_of("\\200"), 422);                 // the rest of one
  EXPECT_EQ(code_of("\\303a"), 422);
  EXPECT_EQ(code_of("\\360\\237\\232\\242"), 201);
  EXPECT_EQ(code_of("\\364\\217\\277\\277"), 201);
}

TEST_F(OracleTest, R10Defaults) {
  Create("$d1", "");
  EXPECT_EQ(deployment().task(), "deploy");
  EXPECT_EQ(deployment().environment(), "production");
  EXPECT_EQ(deployment().original_environment(), "production");
  EXPECT_FALSE(deployment().has_description());
  EXPECT_EQ(deployment().payload_type(), slipway::v1::PAYLOAD_TYPE_UNSPECIFIED);
  EXPECT_FALSE(deployment().transient_environment());
  EXPECT_TRUE(deployment().production_environment());
  EXPECT_EQ(deployment().created_at_ms(), 1000);
  EXPECT_EQ(deployment().updated_at_ms(), 1000);
  EXPECT_FALSE(deployment().has_creator());
  EXPECT_EQ(deployment().id(), Id("$d1"));
}

TEST_F(OracleTest, R10WhatIsGivenWins) {
  Create("", "environment: 'production' production_environment: false");
  EXPECT_FALSE(deployment().production_environment());
  Create("", "environment: 'qa' production_environment: true");
  EXPECT_TRUE(deployment().production_environment());
  Create("", "environment: 'qa' transient_environment: true task: 'migrate'");
  EXPECT_TRUE(deployment().transient_environment());
  EXPECT_FALSE(deployment().production_environment());
  EXPECT_EQ(deployment().task(), "migrate");
  Create("", "task: '' description: ''");
  EXPECT_EQ(deployment().task(), "");
  EXPECT_TRUE(deployment().has_description());
}

TEST_F(OracleTest, R10ProductionWithAndWithoutCase) {
  Create("", "environment: 'Production'");
  EXPECT_FALSE(deployment().production_environment());
  Use("production_name_match: NAME_MATCH_IGNORE_CASE");
  Create("", "environment: 'Production'");
  EXPECT_TRUE(deployment().production_environment());
}

TEST_F(OracleTest, R11PayloadsAreKeptAsTheyAre) {
  Create("", "payload_type: PAYLOAD_TYPE_OBJECT payload: '{ \"a\":1}'");
  EXPECT_EQ(deployment().payload_type(), slipway::v1::PAYLOAD_TYPE_OBJECT);
  EXPECT_EQ(deployment().payload(), "{ \"a\":1}");
  Create("", "payload_type: PAYLOAD_TYPE_STRING payload: ''");
  EXPECT_EQ(deployment().payload_type(), slipway::v1::PAYLOAD_TYPE_STRING);
  // Bytes without a kind are no payload.
  Create("", "payload: '\\377'");
  EXPECT_EQ(deployment().payload(), "");
}

TEST_F(OracleTest, R12TheFirstRefusalWins) {
  Create("", "ref: 'none' environment: ''");
  ExpectRefused(422, 60, "Validation Failed");
  EXPECT_THAT(last_.rules, Contains(12));
  Create("", "ref: 'none'");
  ExpectRefused(422, 2, "No ref found for: none");
  EXPECT_THAT(last_.rules, Not(Contains(12)));
  // It fails its checks, too.
  Create("", "ref: 'behind'");
  EXPECT_EQ(last_.answer.code(), 202);
  EXPECT_THAT(last_.rules, Contains(12));
}

TEST_F(OracleTest, R13ABranchThatIsBehindIsMergedInto) {
  Create("$d1", "ref: 'behind'");
  ExpectRefused(202, 13, "Auto-merged main into behind on deployment.");
  EXPECT_EQ(Id("$d1"), 0);
  EXPECT_THAT(oracle_.records(), IsEmpty());
  // It is up to date now, at a new commit.
  Create("$d1", "ref: 'behind'");
  EXPECT_EQ(deployment().sha(), "");
  CreateOf("heads/behind");
  EXPECT_EQ(last_.answer.code(), 201);
}

TEST_F(OracleTest, R13ACommitStaysKnownAndBehind) {
  CreateOf("behind");
  CreateOf(ShaOf('4'));
  ExpectRefused(409, 14,
                absl::StrCat("Conflict merging main into ", ShaOf('4'), "."));
  Create("", absl::StrCat("auto_merge: false ref: '", ShaOf('4'), "'"));
  ExpectRefused(409, 15,
                absl::StrCat("Conflict: Commit status checks failed for ",
                             ShaOf('4'), "."));
}

TEST_F(OracleTest, R13AConflict) {
  for (int i = 0; i < 2; ++i) {
    CreateOf("stuck");
    ExpectRefused(409, 13, "Conflict merging main into stuck.");
  }
}

TEST_F(OracleTest, R13NoAutoMerge) {
  Create("", "ref: 'stuck' auto_merge: false");
  EXPECT_EQ(deployment().sha(), ShaOf('5'));
  EXPECT_EQ(last_.deciding_rule, 13);
  Create("", "ref: 'stuck' auto_merge: true");
  EXPECT_EQ(last_.answer.code(), 409);
}

TEST_F(OracleTest, R14OnlyABranchCanBeMergedInto) {
  for (const std::string& ref :
       {std::string("v0"), ShaOf('4'), ShaOf('6'), std::string("heads/behind"),
        std::string("refs/heads/behind"), std::string("tags/v0")}) {
    CreateOf(ref);
    ExpectRefused(409, 14,
                  absl::StrCat("Conflict merging main into ", ref, "."));
  }
}

TEST_F(OracleTest, R14TheDefaultBranchIsNeverBehind) {
  const auto capabilities = Parse<v1::Capabilities>(
      "refs { name: 'main' form: REF_FORM_BRANCH is_default_branch: true "
      "is_behind: true }");
  oracle_ = Oracle({}, capabilities.refs());
  CreateOf("main");
  EXPECT_EQ(last_.answer.code(), 201);
}

TEST_F(OracleTest, R15EveryContextCounts) {
  CreateOf("checked");
  ExpectRefused(409, 15, "Conflict: Commit status checks failed for checked.");
  EXPECT_THAT(Contexts(), ElementsAre("CI=FAILURE", "lint=SUCCESS"));
  EXPECT_THAT(oracle_.records(), IsEmpty());
}

TEST_F(OracleTest, R15OnlyThoseOfAListCount) {
  Create("", "ref: 'checked' required_contexts { contexts: ['Lint'] }");
  EXPECT_EQ(last_.answer.code(), 201);
  EXPECT_EQ(last_.deciding_rule, 15);
  Create("", "ref: 'checked' required_contexts { contexts: ['ci', 'CI'] }");
  EXPECT_EQ(last_.answer.code(), 409);
  EXPECT_THAT(Contexts(), ElementsAre("CI=FAILURE"));
}

TEST_F(OracleTest, R15AnEmptyListSkipsTheCheck) {
  Create("", "ref: 'checked' required_contexts {}");
  EXPECT_EQ(last_.answer.code(), 201);
  EXPECT_THAT(last_.rules, Contains(15));
}

TEST_F(OracleTest, R15WhatWasNeverSubmittedFails) {
  Create("",
         "ref: 'checked' required_contexts { contexts: ['Zeta', 'LINT', "
         "'audit', 'ZETA'] }");
  EXPECT_EQ(last_.answer.code(), 409);
  EXPECT_THAT(Contexts(),
              ElementsAre("lint=SUCCESS", "Zeta=PENDING", "audit=PENDING"));
}

TEST_F(OracleTest, R15OnlySuccessPasses) {
  for (int state = slipway::v1::CommitContextState_MIN;
       state <= slipway::v1::CommitContextState_MAX; ++state) {
    v1::Capabilities capabilities = Refs();
    auto* context = capabilities.mutable_refs(1)->add_contexts();
    context->set_context("ci");
    context->set_state(static_cast<slipway::v1::CommitContextState>(state));
    oracle_ = Oracle({}, capabilities.refs());
    CreateOf("topic");
    EXPECT_EQ(last_.answer.code(),
              state == slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS ? 201 : 409)
        << state;
  }
}

TEST_F(OracleTest, R16ANewDeploymentHasNoStatus) {
  Create("$d1", "");
  EXPECT_EQ(last_.deciding_rule, 16);
  ListStatuses("$d1");
  EXPECT_EQ(last_.answer.code(), 200);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(last_.rules, Contains(16));
}

TEST_F(OracleTest, R17IdsGrowAndNeverComeAgain) {
  Create("$d1", "");
  Create("$d2", "");
  Succeed("$d1");
  const int64_t highest = last_.answer.status().id();
  EXPECT_LT(Id("$d1"), Id("$d2"));
  EXPECT_LT(Id("$d2"), highest);
  Delete("$d2");
  Delete("$d1");
  Create("$d3", "");
  EXPECT_GT(Id("$d3"), highest);
}

// Statuses.

TEST_F(OracleTest, R20AnyStateMayFollowAny) {
  Create("$d1", "");
  for (int round = 0; round < 2; ++round) {
    for (const char* state : {"ERROR", "FAILURE", "INACTIVE", "IN_PROGRESS",
                              "QUEUED", "PENDING", "SUCCESS"}) {
      Status("$d1", absl::StrCat("state: STATUS_STATE_", state));
      EXPECT_EQ(slipway::v1::StatusState_Name(status().state()),
                absl::StrCat("STATUS_STATE_", state));
    }
  }
  EXPECT_EQ(Record("$d1").statuses.size(), 14u);
}

TEST_F(OracleTest, R20StatesThatACallerCannotSet) {
  Create("$d1", "");
  for (const char* state : {"", "state: STATUS_STATE_WAITING", "state: 99"}) {
    Status("$d1", state);
    ExpectRefused(422, 20, "Validation Failed");
    EXPECT_THAT(
        Violations(),
        ElementsAre("DeploymentStatus.state: state is not included in the "
                    "list"));
  }
  EXPECT_THAT(Record("$d1").statuses, IsEmpty());
}

TEST_F(OracleTest, R21StatusesAreOnlyAppended) {
  Create("$d1", "environment: 'qa'");
  Status("$d1", "state: STATUS_STATE_QUEUED", "$s1");
  Status("$d1", "state: STATUS_STATE_FAILURE", "$s2");
  EXPECT_EQ(GetStatus("$d1", "$s1").answer.status().state(),
            slipway::v1::STATUS_STATE_QUEUED);
  EXPECT_EQ(GetStatus("$d1", "$s2").answer.code(), 200);
  ListStatuses("$d1");
  EXPECT_THAT(Listed(), ElementsAre(Id("$s2"), Id("$s1")));
  EXPECT_EQ(AppendedBy("$d1"), 21);
}

TEST_F(OracleTest, R22AStatusMovesTheTimeOfTheLastUpdate) {
  CreateLive("$d1", "environment: 'qa'");
  EXPECT_EQ(Get("$d1").answer.deployment().updated_at_ms(), 2000);
  EXPECT_EQ(last_.answer.deployment().created_at_ms(), 1000);
  Create("$d2", "environment: 'qa'");
  Succeed("$d2");  // an appended row does, too
  EXPECT_EQ(Get("$d1").answer.deployment().updated_at_ms(),
            Record("$d2").statuses.back().created_at_ms());
}

TEST_F(OracleTest, R23AStatusMovesItsDeployment) {
  Create("$d1", "transient_environment: true");
  Status("$d1", "state: STATUS_STATE_QUEUED environment: 'QA'");
  EXPECT_EQ(status().environment(), "QA");
  EXPECT_EQ(last_.deciding_rule, 23);
  Status("$d1", "state: STATUS_STATE_QUEUED");
  EXPECT_EQ(status().environment(), "QA");
  EXPECT_THAT(last_.rules, Contains(23));
  Get("$d1");
  EXPECT_EQ(last_.answer.deployment().environment(), "QA");
  EXPECT_EQ(last_.answer.deployment().original_environment(), "production");
  EXPECT_TRUE(last_.answer.deployment().transient_environment());
  EXPECT_TRUE(last_.answer.deployment().production_environment());
}

TEST_F(OracleTest, R24TheTwoUrlsMirrorEachOther) {
  struct Case {
    const char* request;
    const char* both;          // what an empty URL being none leads to
    const char* empty_counts;  // and an empty one being one
  };
  for (const Case& it : {
           Case{"", "", ""},
           Case{"log_url: 'a'", "a", "a"},
           Case{"target_url: 'b'", "b", "b"},
           Case{"log_url: 'a' target_url: 'b'", "a", "a"},
           Case{"log_url: '' target_url: 'b'", "b", ""},
           Case{"log_url: 'a' target_url: ''", "a", "a"},
           Case{"target_url: ''", "", ""},
       }) {
    const std::string request =
        absl::StrCat("state: STATUS_STATE_PENDING ", it.request);
    Use("");
    Create("$d1", "");
    Status("$d1", request);
    EXPECT_EQ(status().log_url(), it.both) << it.request;
    EXPECT_EQ(status().target_url(), it.both) << it.request;
    Use("empty_url: EMPTY_URL_GIVEN");
    Create("$d1", "");
    Status("$d1", request);
    EXPECT_EQ(status().log_url(), it.empty_counts) << it.request;
    EXPECT_EQ(status().target_url(), it.empty_counts) << it.request;
  }
}

TEST_F(OracleTest, R25ADescriptionIsMeasuredInCharacters) {
  Create("$d1", "");
  Status("$d1", absl::StrCat("state: STATUS_STATE_PENDING description: '",
                             Ae(140), "'"));
  EXPECT_EQ(status().description(), Ae(140));
  EXPECT_EQ(last_.deciding_rule, 25);
  Status("$d1", absl::StrCat("state: STATUS_STATE_PENDING description: '",
                             Ae(141), "'"));
  ExpectRefused(422, 25, "Validation Failed");
  EXPECT_THAT(Violations(),
              ElementsAre("DeploymentStatus.description: description is too "
                          "long (maximum is 140 characters)"));
}

TEST_F(OracleTest, R25ALimitOfOnesOwn) {
  Use("limits { status_description_characters_max: 3 text_bytes_max: 8 }");
  Create("$d1", "");
  Status("$d1",
         "state: STATUS_STATE_SUCCESS description: '123' environment_url: "
         "'http://a' log_url: '12345678'");
  EXPECT_EQ(last_.answer.code(), 201);
  Status("$d1",
         "state: STATUS_STATE_SUCCESS description: '1234' environment_url: "
         "'http://ab' log_url: '123456789' target_url: 'abcdefghi'");
  ExpectRefused(422, 25, "Validation Failed");
  EXPECT_THAT(Violations(),
              ElementsAre("DeploymentStatus.description: description is too "
                          "long (maximum is 3 characters)",
                          "DeploymentStatus.environment_url: environment_url "
                          "is too long (maximum is 8 bytes)",
                          "DeploymentStatus.log_url: log_url is too long "
                          "(maximum is 8 bytes)",
                          "DeploymentStatus.target_url: target_url is too long "
                          "(maximum is 8 bytes)"));
}

TEST_F(OracleTest, R25SchemesOfUrls) {
  Create("$d1", "");
  for (const char* url : {"", "https://a", "HTTP://a", "http://"}) {
    Status("$d1", absl::StrCat("state: STATUS_STATE_PENDING environment_url: '",
                               url, "'"));
    EXPECT_EQ(status().environment_url(), url);
  }
  for (const char* url : {"ftp://a", "a", "https:/a", " http://a"}) {
    Status("$d1", absl::StrCat("state: STATUS_STATE_PENDING environment_url: '",
                               url, "'"));
    ExpectRefused(422, 25, "Validation Failed");
    EXPECT_THAT(Violations(),
                ElementsAre("DeploymentStatus.environment_url: "
                            "environment_url must use http(s) scheme"));
  }
  Status("$d1", "state: STATUS_STATE_PENDING log_url: 'ftp://a'");
  EXPECT_EQ(status().log_url(), "ftp://a");
}

TEST_F(OracleTest, R25LogUrlsCanBeHeldToHttp) {
  Use("log_url_scheme: URL_SCHEME_HTTP_OR_HTTPS");
  Create("$d1", "");
  Status("$d1",
         "state: STATUS_STATE_PENDING environment_url: 'x' log_url: 'ftp://a' "
         "target_url: 'y'");
  EXPECT_THAT(
      Violations(),
      ElementsAre("DeploymentStatus.environment_url: environment_url must use "
                  "http(s) scheme",
                  "DeploymentStatus.log_url: log_url must use http(s) scheme",
                  "DeploymentStatus.target_url: target_url must use http(s) "
                  "scheme"));
  Status("$d1", "state: STATUS_STATE_PENDING log_url: '' target_url: ''");
  EXPECT_EQ(last_.answer.code(), 201);
  Status("$d1", "state: STATUS_STATE_PENDING log_url: 'https://a'");
  EXPECT_EQ(last_.answer.code(), 201);
}

TEST_F(OracleTest, R25EverythingThatIsWrongIsTold) {
  Create("$d1", "");
  Status("$d1", absl::StrCat("description: '", std::string(141, 'x'),
                             "' environment: '' environment_url: 'x'"));
  ExpectRefused(422, 20, "Validation Failed");
  EXPECT_EQ(Violations().size(), 4u);
  EXPECT_THAT(last_.rules, ElementsAre(20, 25, 60));
}

TEST_F(OracleTest, R26ACapOnStatuses) {
  Use("limits { statuses_per_deployment_max: 2 }");
  Create("$d1", "environment: 'qa'");
  Status("$d1", "state: STATUS_STATE_QUEUED");
  Succeed("$d1");
  EXPECT_THAT(last_.rules, Contains(26));
  Status("$d1", "state: STATUS_STATE_FAILURE");
  ExpectRefused(422, 26, "Validation Failed");
  EXPECT_THAT(
      last_.answer.errors(),
      ElementsAre(
          "This deployment has reached the maximum number of statuses."));
  // Fields come first.
  Status("$d1", "");
  ExpectRefused(422, 20, "Validation Failed");
  EXPECT_THAT(last_.rules, Contains(12));
  // A retirement is never refused.
  Create("$d2", "environment: 'qa'");
  Succeed("$d2");
  EXPECT_TRUE(IsRetired("$d1"));
}

// Retirement.

TEST_F(OracleTest, R30OnlyASuccessRetires) {
  CreateLive("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'qa'");
  for (const char* state :
       {"ERROR", "FAILURE", "INACTIVE", "IN_PROGRESS", "QUEUED", "PENDING"}) {
    Status("$d2", absl::StrCat("state: STATUS_STATE_", state));
    EXPECT_FALSE(IsRetired("$d1")) << state;
    EXPECT_THAT(last_.rules, Contains(30));
    EXPECT_EQ(Record("$d1").exempted_by, 30);
  }
  Status("$d2", "state: STATUS_STATE_SUCCESS auto_inactive: false");
  EXPECT_FALSE(IsRetired("$d1"));
  EXPECT_EQ(Record("$d1").exempted_by, 30);
  Status("$d2", "state: STATUS_STATE_SUCCESS auto_inactive: true");
  EXPECT_TRUE(IsRetired("$d1"));
  EXPECT_THAT(last_.rules, IsSupersetOf({30, 31, 35}));
}

TEST_F(OracleTest, R31ItAppendsARow) {
  CreateLive("$d1", "environment: 'QA'");
  Create("$d2", "environment: 'qa'");
  Status("$d2",
         "state: STATUS_STATE_SUCCESS description: 'x' log_url: 'y' "
         "environment_url: 'http://z'");
  const OracleRecord& record = Record("$d1");
  ASSERT_EQ(record.statuses.size(), 2u);
  const slipway::v1::DeploymentStatus& row = record.statuses[1];
  EXPECT_EQ(row.state(), slipway::v1::STATUS_STATE_INACTIVE);
  EXPECT_EQ(row.environment(), "QA");
  EXPECT_EQ(row.deployment_id(), Id("$d1"));
  EXPECT_EQ(row.created_at_ms(), last_.answer.status().created_at_ms());
  EXPECT_GT(row.id(), last_.answer.status().id());
  EXPECT_EQ(AppendedBy("$d1"), 31);
  ListStatuses("$d1");
  EXPECT_EQ(Listed().front(), row.id());
}

TEST_F(OracleTest, R31OnlySuccessIsTouched) {
  for (const char* state :
       {"ERROR", "FAILURE", "INACTIVE", "IN_PROGRESS", "QUEUED", "PENDING"}) {
    Use("");
    Create("$d1", "environment: 'qa'");
    Status("$d1", absl::StrCat("state: STATUS_STATE_", state));
    Create("$none", "environment: 'qa'");
    Create("$d2", "environment: 'qa'");
    Succeed("$d2");
    EXPECT_EQ(Record("$d1").statuses.size(), 1u) << state;
    EXPECT_EQ(Record("$d1").exempted_by, 31);
    EXPECT_THAT(Record("$none").statuses, IsEmpty());
    EXPECT_EQ(Record("$none").exempted_by, 31);
  }
}

TEST_F(OracleTest, R31OnceIsEnough) {
  CreateLive("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'qa'");
  Succeed("$d2");
  Succeed("$d2");
  EXPECT_EQ(Record("$d1").statuses.size(), 2u);
}

TEST_F(OracleTest, R31OtherEnvironmentsAndTransientOnes) {
  CreateLive("$other", "environment: 'staging'");
  CreateLive("$transient", "environment: 'qa' transient_environment: true");
  CreateLive("$task", "environment: 'qa' task: 'migrate'");
  Create("$d2", "environment: 'qa'");
  Succeed("$d2");
  EXPECT_FALSE(IsRetired("$other"));
  EXPECT_EQ(Record("$other").exempted_by, 31);
  EXPECT_FALSE(IsRetired("$transient"));
  EXPECT_EQ(Record("$transient").exempted_by, 31);
  EXPECT_TRUE(IsRetired("$task"));
  EXPECT_EQ(AppendedBy("$task"), 37);
}

TEST_F(OracleTest, R31EnvironmentsWithAndWithoutCase) {
  const auto retires = [this](absl::string_view one, absl::string_view other) {
    CreateLive("$d1", absl::StrCat("environment: '", one, "'"));
    Create("$d2", absl::StrCat("environment: '", other, "'"));
    Succeed("$d2");
    return IsRetired("$d1");
  };
  EXPECT_TRUE(retires("Qa", "qA"));
  // Only the letters A to Z.
  EXPECT_FALSE(retires("\xC3\xA4", "\xC3\x84"));
  Use("inactivation_name_match: NAME_MATCH_EXACT");
  EXPECT_FALSE(retires("Qa", "qA"));
  EXPECT_TRUE(retires("qa", "qa"));
}

TEST_F(OracleTest, R32ALowerIdIsPrior) {
  Create("$d1", "environment: 'qa'");
  CreateLive("$d2", "environment: 'qa'");
  Succeed("$d1");
  EXPECT_FALSE(IsRetired("$d2"));
  EXPECT_EQ(Record("$d2").exempted_by, 32);
  EXPECT_THAT(last_.rules, Contains(32));
}

TEST_F(OracleTest, R32EveryOtherCanBePrior) {
  Use("prior_deployments: PRIOR_DEPLOYMENTS_EVERY_OTHER");
  Create("$d1", "environment: 'qa'");
  CreateLive("$d2", "environment: 'qa'");
  Succeed("$d1");
  EXPECT_TRUE(IsRetired("$d2"));
  EXPECT_EQ(AppendedBy("$d2"), 32);
  Succeed("$d2");
  EXPECT_TRUE(IsRetired("$d1"));
  EXPECT_EQ(AppendedBy("$d1"), 31);
}

TEST_F(OracleTest, R33ProductionIsExcluded) {
  CreateLive("$d1", "");
  CreateLive("$plain", "production_environment: false");
  Create("$d2", "");
  Succeed("$d2");
  EXPECT_FALSE(IsRetired("$d1"));
  EXPECT_EQ(Record("$d1").exempted_by, 33);
  EXPECT_TRUE(IsRetired("$plain"));
  // Flags that differ: R34 had its say.
  EXPECT_EQ(AppendedBy("$plain"), 34);
}

TEST_F(OracleTest, R33ProductionCanBeIncluded) {
  Use("production_inactivation: PRODUCTION_INACTIVATION_INCLUDED");
  CreateLive("$d1", "");
  CreateLive("$transient", "transient_environment: true");
  Create("$d2", "");
  Succeed("$d2");
  EXPECT_TRUE(IsRetired("$d1"));
  EXPECT_EQ(AppendedBy("$d1"), 33);
  EXPECT_FALSE(IsRetired("$transient"));
  EXPECT_EQ(Record("$transient").exempted_by, 31);
}

TEST_F(OracleTest, R34FlagsOfTheOlderDeployment) {
  CreateLive("$plain", "environment: 'qa'");
  CreateLive("$flagged", "environment: 'qa' production_environment: true");
  Create("$d3", "environment: 'qa' transient_environment: true");
  Succeed("$d3");
  EXPECT_TRUE(IsRetired("$plain"));
  EXPECT_EQ(AppendedBy("$plain"), 34);
  EXPECT_FALSE(IsRetired("$flagged"));
  EXPECT_EQ(Record("$flagged").exempted_by, 33);
}

TEST_F(OracleTest, RemembersEveryStatusThatCameBy) {
  CreateLive("$d1", "environment: 'qa' transient_environment: true");
  Create("$d2", "environment: 'qa'");
  Status("$d2", "state: STATUS_STATE_QUEUED");
  Succeed("$d2");
  const std::vector<OracleEncounter>& encounters = Record("$d1").encounters;
  ASSERT_EQ(encounters.size(), 2U);
  EXPECT_LT(encounters[0].time_ms, encounters[1].time_ms);
  EXPECT_EQ(encounters[0].rule, 31);
  EXPECT_EQ(encounters[0].others, (std::vector<int>{31, 30, 34}));
  EXPECT_EQ(encounters[1].rule, 31);
  EXPECT_EQ(encounters[1].others, (std::vector<int>{31, 34}));
}

TEST_F(OracleTest, R34FlagsOfTheSucceededDeployment) {
  Use("inactivation_flags: FLAGS_OF_SUCCEEDED_DEPLOYMENT");
  CreateLive("$plain", "environment: 'qa'");
  CreateLive("$transient", "environment: 'qa' transient_environment: true");
  CreateLive("$production", "environment: 'qa' production_environment: true");
  Create("$d4", "environment: 'qa' transient_environment: true");
  Succeed("$d4");
  EXPECT_FALSE(IsRetired("$plain"));
  EXPECT_EQ(Record("$plain").exempted_by, 34);
  EXPECT_FALSE(IsRetired("$transient"));
  EXPECT_EQ(Record("$transient").exempted_by, 31);
  Create("$d5", "environment: 'qa' production_environment: true");
  Succeed("$d5");
  EXPECT_FALSE(IsRetired("$plain"));
  EXPECT_EQ(Record("$plain").exempted_by, 34);
  EXPECT_EQ(Record("$production").exempted_by, 33);
  Create("$d6", "environment: 'qa'");
  Succeed("$d6");
  EXPECT_TRUE(IsRetired("$plain"));
  EXPECT_EQ(AppendedBy("$plain"), 31);
  EXPECT_TRUE(IsRetired("$transient"));
  EXPECT_EQ(AppendedBy("$transient"), 34);
  EXPECT_TRUE(IsRetired("$production"));
  EXPECT_EQ(AppendedBy("$production"), 34);
}

TEST_F(OracleTest, R34TheEnvironmentAfterTheMove) {
  CreateLive("$qa", "environment: 'qa'");
  CreateLive("$staging", "environment: 'staging'");
  Create("$d3", "environment: 'staging'");
  Status("$d3", "state: STATUS_STATE_SUCCESS environment: 'qa'");
  EXPECT_TRUE(IsRetired("$qa"));
  EXPECT_EQ(AppendedBy("$qa"), 34);
  EXPECT_FALSE(IsRetired("$staging"));
  EXPECT_EQ(Record("$staging").exempted_by, 34);
}

TEST_F(OracleTest, R34WhereTheOlderDeploymentIsNow) {
  Create("$d1", "environment: 'staging'");
  Status("$d1", "state: STATUS_STATE_SUCCESS environment: 'qa'");
  Create("$d2", "environment: 'staging'");
  Succeed("$d2");
  EXPECT_FALSE(IsRetired("$d1"));
  EXPECT_EQ(Record("$d1").exempted_by, 34);
  Create("$d3", "environment: 'qa'");
  Succeed("$d3");
  EXPECT_TRUE(IsRetired("$d1"));
  EXPECT_EQ(AppendedBy("$d1"), 34);
}

TEST_F(OracleTest, R35TheRowSaysNothingMore) {
  for (const char* rules :
       {"", "inactive_creator: INACTIVE_CREATOR_CREATOR_OF_DEPLOYMENT"}) {
    Use(rules);
    CreateLive("$d1", "environment: 'qa'");
    Create("$d2", "environment: 'qa'");
    Status("$d2",
           "state: STATUS_STATE_SUCCESS description: 'x' log_url: 'y' "
           "environment_url: 'http://z'");
    EXPECT_THAT(last_.rules, Contains(35));
    const slipway::v1::DeploymentStatus& row = Record("$d1").statuses.back();
    EXPECT_EQ(row.description(), "");
    EXPECT_EQ(row.log_url(), "");
    EXPECT_EQ(row.target_url(), "");
    EXPECT_EQ(row.environment_url(), "");
    EXPECT_FALSE(row.has_creator());
  }
}

TEST_F(OracleTest, R36TwoSuccessesInEitherOrder) {
  Create("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'qa'");
  const Oracle before = oracle_;
  Succeed("$d1");
  Succeed("$d2");
  EXPECT_TRUE(IsRetired("$d1"));
  oracle_ = before;
  Succeed("$d2");
  Succeed("$d1");
  EXPECT_FALSE(IsRetired("$d1"));
  EXPECT_FALSE(IsRetired("$d2"));
}

TEST_F(OracleTest, R36RowsAreAppendedByAscendingDeployment) {
  for (const char* binds : {"$d1", "$d2", "$d3"}) {
    CreateLive(binds, "environment: 'qa'");
  }
  Create("$d4", "environment: 'qa'");
  const int64_t first = Succeed("$d4").answer.status().id();
  EXPECT_EQ(Record("$d1").statuses.back().id(), first + 1);
  EXPECT_EQ(Record("$d2").statuses.back().id(), first + 2);
  EXPECT_EQ(Record("$d3").statuses.back().id(), first + 3);
}

TEST_F(OracleTest, R37TheScopeCanBeTheTask) {
  Use("inactivation_scope: INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK");
  CreateLive("$web", "environment: 'qa' task: 'web'");
  CreateLive("$worker", "environment: 'qa' task: 'worker'");
  CreateLive("$case", "environment: 'qa' task: 'Web'");
  Create("$d4", "environment: 'qa' task: 'web'");
  Succeed("$d4");
  EXPECT_TRUE(IsRetired("$web"));
  EXPECT_EQ(AppendedBy("$web"), 31);
  EXPECT_FALSE(IsRetired("$worker"));
  EXPECT_EQ(Record("$worker").exempted_by, 37);
  EXPECT_FALSE(IsRetired("$case"));
  EXPECT_THAT(last_.rules, Contains(37));
}

TEST_F(OracleTest, OfSeveralReasonsNoneIsBlamed) {
  CreateLive("$task", "environment: 'qa' task: 'web'");
  CreateLive("$spelling", "environment: 'QA' task: 'web'");
  Create("$d3", "environment: 'qa'");
  Succeed("$d3");
  EXPECT_EQ(AppendedBy("$task"), 37);
  EXPECT_EQ(AppendedBy("$spelling"), 31);
}

TEST_F(OracleTest, TheNearestMissIsRemembered) {
  CreateLive("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'qa'");
  Create("$far", "");
  EXPECT_EQ(Record("$d1").exempted_by, 0);
  // Far: another environment, and no success.
  Status("$far", "state: STATUS_STATE_PENDING");
  EXPECT_EQ(Record("$d1").exempted_nearness, 1);
  Status("$d2", "state: STATUS_STATE_SUCCESS auto_inactive: false");
  EXPECT_EQ(Record("$d1").exempted_by, 30);
  Succeed("$far");
  EXPECT_EQ(Record("$d1").exempted_by, 30);
  EXPECT_EQ(Record("$d2").exempted_by, 31);
}

// Deletion.

TEST_F(OracleTest, R40OnlyAnActiveDeploymentStays) {
  Create("$none", "environment: 'qa'");
  Create("$failed", "environment: 'qa'");
  Status("$failed", "state: STATUS_STATE_FAILURE");
  CreateLive("$live", "environment: 'qa'");
  for (const char* symbol : {"$none", "$failed"}) {
    Delete(symbol);
    EXPECT_EQ(last_.answer.code(), 204);
    EXPECT_EQ(last_.deciding_rule, 40);
    EXPECT_EQ(last_.answer.message(), "");
  }
  // The only one by now.
  Delete("$live");
  EXPECT_EQ(last_.answer.code(), 204);
}

TEST_F(OracleTest, R40DeactivateThenDelete) {
  CreateLive("$d1", "environment: 'qa'");
  CreateLive("$d2", "environment: 'qa'");
  Delete("$d1");
  ExpectRefused(422, 40, "Validation Failed");
  Status("$d1", "state: STATUS_STATE_INACTIVE");
  EXPECT_EQ(Delete("$d1").answer.code(), 204);
}

TEST_F(OracleTest, R41TheScopeIsTheRepository) {
  CreateLive("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'staging'");
  Delete("$d1");
  ExpectRefused(422, 41, "Validation Failed");
  EXPECT_THAT(last_.rules, IsSupersetOf({40, 41}));
  EXPECT_THAT(last_.answer.errors(),
              ElementsAre("We cannot delete an active deployment unless it is "
                          "the only deployment in a given repository."));
}

TEST_F(OracleTest, R41TheScopeCanBeTheEnvironment) {
  Use("deletion_scope: DELETION_SCOPE_ENVIRONMENT");
  CreateLive("$d1", "environment: 'qa'");
  Create("$d2", "environment: 'QA'");
  Delete("$d1");
  ExpectRefused(422, 40, "Validation Failed");
  EXPECT_THAT(last_.answer.errors(),
              ElementsAre("We cannot delete an active deployment unless it is "
                          "the only deployment in a given environment."));
  // It moves away.
  Status("$d2", "state: STATUS_STATE_QUEUED environment: 'staging'");
  Delete("$d1");
  EXPECT_EQ(last_.answer.code(), 204);
  EXPECT_EQ(last_.deciding_rule, 41);
}

TEST_F(OracleTest, R41OthersThatTheKitDidNotMake) {
  Use("", true);
  CreateLive("$d1", "environment: 'qa'");
  Delete("$d1");
  ExpectRefused(422, 41, "Validation Failed");
  Use("deletion_scope: DELETION_SCOPE_ENVIRONMENT", true);
  CreateLive("$d1", "environment: 'qa'");
  EXPECT_EQ(Delete("$d1").answer.code(), 204);
}

TEST_F(OracleTest, R42StatusesGoWithTheirDeployment) {
  Create("$d1", "");
  Status("$d1", "state: STATUS_STATE_FAILURE", "$s1");
  EXPECT_EQ(Delete("$d1").answer.code(), 204);
  EXPECT_EQ(Get("$d1").answer.code(), 404);
  ExpectRefused(404, 42, "Not Found");
  EXPECT_EQ(GetStatus("$d1", "$s1").answer.code(), 404);
  EXPECT_EQ(ListStatuses("$d1").answer.code(), 404);
  EXPECT_EQ(Delete("$d1").answer.code(), 404);
  Status("$d1", "state: STATUS_STATE_FAILURE");
  ExpectRefused(404, 42, "Not Found");
  EXPECT_NE(Id("$d1"), 0);
}

TEST_F(OracleTest, R42WhatNeverWasIsUnknown) {
  Create("$d1", "");
  Create("$d2", "");
  Status("$d1", "state: STATUS_STATE_FAILURE", "$s1");
  EXPECT_EQ(Get("$none").answer.code(), 404);
  EXPECT_EQ(Get("").answer.code(), 404);
  EXPECT_EQ(GetStatus("$d1", "$none").answer.code(), 404);
  EXPECT_EQ(GetStatus("$d2", "$s1").answer.code(), 404);
  EXPECT_EQ(GetStatus("$none", "$s1").answer.code(), 404);
  // Before the fields (R12).
  Status("$none", "");
  ExpectRefused(404, 42, "Not Found");
  EXPECT_THAT(last_.rules, Contains(12));
}

TEST_F(OracleTest, R60NamesOfEnvironments) {
  Create("$d1", "environment: ''");
  ExpectRefused(422, 60, "Validation Failed");
  EXPECT_THAT(Violations(), ElementsAre("Deployment.environment: environment "
                                        "can't be blank"));
  Create("$d1", absl::StrCat("environment: '", Ae(255), "'"));
  EXPECT_EQ(deployment().environment(), Ae(255));
  Create("", absl::StrCat("environment: '", Ae(256), "'"));
  ExpectRefused(422, 60, "Validation Failed");
  EXPECT_THAT(Violations(),
              ElementsAre("Deployment.environment: environment is too long "
                          "(maximum is 255 characters)"));
  Create("", "environment: 'EU/West'");
  EXPECT_EQ(deployment().environment(), "EU/West");
  Status("$d1", "state: STATUS_STATE_SUCCESS environment: ''");
  ExpectRefused(422, 60, "Validation Failed");
  EXPECT_THAT(Violations(), ElementsAre("DeploymentStatus.environment: "
                                        "environment can't be blank"));
}

// Lists.

TEST_F(OracleTest, R70NewestFirst) {
  Create("$d1", "");
  Create("$d2", "");
  List("");
  EXPECT_EQ(last_.answer.code(), 200);
  EXPECT_THAT(Listed(), ElementsAre(Id("$d2"), Id("$d1")));
  EXPECT_EQ(last_.answer.last_page(), 0);
  EXPECT_FALSE(last_.answer.has_next_page());
  EXPECT_EQ(last_.deciding_rule, 70);
  EXPECT_THAT(last_.rules, ElementsAre(70));
}

TEST_F(OracleTest, R70FiltersAreExact) {
  Create("$d1", "environment: 'qa' task: 'web'");
  Create("$d2", "environment: 'QA' task: 'Web'");
  Create("$d3", "ref: 'v1'");
  const auto list = [this](absl::string_view filters) {
    List(filters);
    return Listed();
  };
  const std::vector<int64_t> all = {Id("$d3"), Id("$d2"), Id("$d1")};
  const std::vector<int64_t> first = {Id("$d1")};
  EXPECT_EQ(list("task: 'web'"), first);
  EXPECT_EQ(list("ref: 'topic' task: 'web' environment: 'Qa'"), first);
  EXPECT_EQ(list("ref: 'v1'"), (std::vector<int64_t>{Id("$d3")}));
  EXPECT_THAT(list("ref: 'V1'"), IsEmpty());
  EXPECT_EQ(list(absl::StrCat("sha: '", ShaOf('3'), "'")),
            (std::vector<int64_t>{Id("$d3")}));
  EXPECT_THAT(list(absl::StrCat("sha: '", std::string(40, 'A'), "'")),
              IsEmpty());
  EXPECT_THAT(list("ref: 'v1' task: 'web'"), IsEmpty());
  EXPECT_EQ(list("sha: 'none' ref: 'none' task: 'none' environment: 'none'"),
            all);
  EXPECT_EQ(list("sha: '' ref: '' task: '' environment: ''"), all);
}

TEST_F(OracleTest, R70EnvironmentsWithAndWithoutCase) {
  for (const bool with_case : {false, true}) {
    Use(with_case ? "list_environment_match: NAME_MATCH_EXACT" : "");
    Create("$d1", "environment: 'qa'");
    Create("$d2", "environment: 'QA'");
    List("environment: 'qa'");
    EXPECT_EQ(Listed().size(), with_case ? 1u : 2u);
  }
}

TEST_F(OracleTest, R70TheEnvironmentIsWhereADeploymentIsNow) {
  Create("$d1", "environment: 'qa'");
  Status("$d1", "state: STATUS_STATE_QUEUED environment: 'staging'");
  EXPECT_THAT(List("environment: 'qa'").answer.deployments(), IsEmpty());
  List("environment: 'staging'");
  EXPECT_THAT(Listed(), ElementsAre(Id("$d1")));
}

TEST_F(OracleTest, R71Pages) {
  std::vector<int64_t> newest_first;
  for (int i = 0; i < 101; ++i) {
    newest_first.insert(newest_first.begin(),
                        Create("", "").answer.deployment().id());
  }
  const auto size = [this](absl::string_view call) {
    List(call);
    return Listed().size();
  };
  EXPECT_EQ(size(""), 30u);
  EXPECT_THAT(last_.rules, ElementsAre(70, 71, 72));
  EXPECT_EQ(size("per_page: 0"), 30u);
  EXPECT_EQ(size("per_page: -1 page: 0"), 30u);
  EXPECT_EQ(size("per_page: 100"), 100u);
  EXPECT_EQ(size("per_page: 1000"), 100u);
  EXPECT_EQ(size("per_page: 1000 page: 2"), 1u);
  EXPECT_EQ(size("page: 4"), 11u);
  EXPECT_EQ(size("page: 5"), 0u);
  EXPECT_EQ(last_.deciding_rule, 71);
  EXPECT_EQ(size("page: 9223372036854775807"), 0u);
  EXPECT_EQ(size("per_page: 9223372036854775807"), 100u);
  size("per_page: 2 page: 2");
  EXPECT_THAT(Listed(), ElementsAre(newest_first[2], newest_first[3]));
}

TEST_F(OracleTest, R71LimitsOfOnesOwn) {
  Use("limits { per_page_default: 2 per_page_max: 3 }");
  for (int i = 0; i < 5; ++i) Create("", "");
  EXPECT_EQ(List("").answer.deployments_size(), 2);
  EXPECT_EQ(List("per_page: 4").answer.deployments_size(), 3);
}

TEST_F(OracleTest, R71StatusesHavePagesToo) {
  Create("$d1", "");
  for (int i = 0; i < 3; ++i) Status("$d1", "state: STATUS_STATE_PENDING");
  ListStatuses("$d1", "per_page: 2");
  EXPECT_THAT(Listed(), ElementsAre(4, 3));
  EXPECT_EQ(last_.answer.last_page(), 2);
  ListStatuses("$d1", "per_page: 2 page: 2");
  EXPECT_THAT(Listed(), ElementsAre(2));
}

TEST_F(OracleTest, R72PointersToOtherPages) {
  for (int i = 0; i < 5; ++i) Create("", "");
  List("per_page: 2");
  EXPECT_TRUE(last_.answer.has_next_page());
  EXPECT_EQ(last_.answer.last_page(), 3);
  List("per_page: 2 page: 2");
  EXPECT_TRUE(last_.answer.has_next_page());
  EXPECT_EQ(last_.answer.last_page(), 3);
  // On the last page there is nothing to point to.
  List("per_page: 2 page: 3");
  EXPECT_FALSE(last_.answer.has_next_page());
  EXPECT_EQ(last_.answer.last_page(), 0);
  List("per_page: 2 page: 4");
  EXPECT_FALSE(last_.answer.has_next_page());
  List("per_page: 5");
  EXPECT_FALSE(last_.answer.has_next_page());
  EXPECT_THAT(last_.rules, Not(Contains(72)));
}

// Notifications.

TEST_F(OracleTest, R80WhoIsTold) {
  Create("$d1", "environment: 'qa'");
  ASSERT_EQ(last_.answer.notifications_size(), 1);
  EXPECT_EQ(last_.answer.notifications(0).event(), "deployment");
  EXPECT_EQ(last_.answer.notifications(0).action(), "created");
  EXPECT_EQ(last_.answer.notifications(0).deployment_id(), Id("$d1"));
  EXPECT_EQ(last_.answer.notifications(0).status_id(), 0);
  Succeed("$d1");
  Create("$d2", "environment: 'qa'");
  Status("$d2", "state: STATUS_STATE_SUCCESS", "$s2");
  // The retirement is told to nobody.
  ASSERT_EQ(last_.answer.notifications_size(), 1);
  EXPECT_EQ(last_.answer.notifications(0).event(), "deployment_status");
  EXPECT_EQ(last_.answer.notifications(0).action(), "created");
  EXPECT_EQ(last_.answer.notifications(0).deployment_id(), Id("$d2"));
  EXPECT_EQ(last_.answer.notifications(0).status_id(), Id("$s2"));
  EXPECT_EQ(last_.answer.notifications(0).state(),
            slipway::v1::STATUS_STATE_SUCCESS);
  Status("$d2", "state: STATUS_STATE_INACTIVE");
  EXPECT_THAT(last_.answer.notifications(), IsEmpty());
  Delete("$d2");
  EXPECT_THAT(last_.answer.notifications(), IsEmpty());
}

TEST_F(OracleTest, ACallThatIsNone) {
  Apply({});
  EXPECT_EQ(last_.answer.code(), 400);
  EXPECT_THAT(last_.rules, IsEmpty());
}

TEST_F(OracleTest, ASymbolThatIsBoundAgain) {
  Create("$d1", "");
  const int64_t before = Id("$d1");
  Create("$d1", "");
  EXPECT_NE(Id("$d1"), before);
  Create("$d1", "ref: 'none'");
  EXPECT_NE(Id("$d1"), 0);
  EXPECT_EQ(Id(""), 0);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
