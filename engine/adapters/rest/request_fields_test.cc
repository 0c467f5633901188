#include "slipway/adapters/rest/request_fields.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/rest/json_body.h"
#include "slipway/v1/command.pb.h"

namespace slipway {
namespace internal {
namespace {

BodyProblem Deployment(const std::string& body,
                       v1::CreateDeployment* request = nullptr) {
  v1::CreateDeployment ignored;
  return ReadCreateDeployment(
      ParseJsonBody(body, 100, {kRequiredContextsField}),
      request == nullptr ? &ignored : request);
}

BodyProblem Status(const std::string& body,
                   v1::CreateStatus* request = nullptr) {
  v1::CreateStatus ignored;
  return ReadCreateStatus(ParseJsonBody(body, 100),
                          request == nullptr ? &ignored : request);
}

std::string Lines(const BodyProblem& problem) {
  EXPECT_EQ(problem.status, 422);
  const std::string start = "Invalid request.\n\n";
  EXPECT_TRUE(absl::StartsWith(problem.message, start)) << problem.message;
  return problem.message.substr(start.size());
}

TEST(RequestFieldsTest, WhatIsNotGivenIsNotSet) {
  v1::CreateDeployment deployment;
  EXPECT_EQ(Deployment(R"({"ref":"main"})", &deployment).status, 0);
  v1::CreateDeployment expected;
  expected.set_ref("main");
  EXPECT_EQ(deployment.DebugString(), expected.DebugString());

  v1::CreateStatus status;
  EXPECT_EQ(Status(R"({"state":"success"})", &status).status, 0);
  v1::CreateStatus expected_status;
  expected_status.set_state(v1::STATUS_STATE_SUCCESS);
  EXPECT_EQ(status.DebugString(), expected_status.DebugString());
}

TEST(RequestFieldsTest, EveryFieldOfADeployment) {
  v1::CreateDeployment request;
  EXPECT_EQ(Deployment(R"({"ref":"r","task":"t","auto_merge":false,
      "required_contexts":["a","b"],"payload":{"k": [1]},"environment":"e",
      "description":"d","transient_environment":true,
      "production_environment":false,"unknown":1})",
                       &request)
                .status,
            0);
  v1::CreateDeployment expected;
  expected.set_ref("r");
  expected.set_task("t");
  expected.set_auto_merge(false);
  expected.mutable_required_contexts()->add_contexts("a");
  expected.mutable_required_contexts()->add_contexts("b");
  expected.set_payload_type(v1::PAYLOAD_TYPE_OBJECT);
  expected.set_payload(R"({"k": [1]})");
  expected.set_environment("e");
  expected.set_description("d");
  expected.set_transient_environment(true);
  expected.set_production_environment(false);
  EXPECT_EQ(request.DebugString(), expected.DebugString());
}

TEST(RequestFieldsTest, EveryFieldOfAStatus) {
  v1::CreateStatus request;
  EXPECT_EQ(Status(R"({"state":"in_progress","target_url":"t","log_url":"l",
      "description":"d","environment":"e","environment_url":"u",
      "auto_inactive":false,"unknown":{}})",
                   &request)
                .status,
            0);
  v1::CreateStatus expected;
  expected.set_state(v1::STATUS_STATE_IN_PROGRESS);
  expected.set_target_url("t");
  expected.set_log_url("l");
  expected.set_description("d");
  expected.set_environment("e");
  expected.set_environment_url("u");
  expected.set_auto_inactive(false);
  EXPECT_EQ(request.DebugString(), expected.DebugString());
}

// R15: an empty list is not an omitted one.
TEST(RequestFieldsTest, R15AnEmptyListOfContextsIsGiven) {
  v1::CreateDeployment request;
  EXPECT_EQ(Deployment(R"({"ref":"r"})", &request).status, 0);
  EXPECT_FALSE(request.has_required_contexts());
  EXPECT_EQ(
      Deployment(R"({"ref":"r","required_contexts":[]})", &request).status, 0);
  EXPECT_TRUE(request.has_required_contexts());
}

// R11.
TEST(RequestFieldsTest, R11APayloadThatIsAStringIsItsText) {
  v1::CreateDeployment request;
  EXPECT_EQ(Deployment(R"({"ref":"r","payload":"{\"a\":1}"})", &request).status,
            0);
  EXPECT_EQ(request.payload_type(), v1::PAYLOAD_TYPE_STRING);
  EXPECT_EQ(request.payload(), R"({"a":1})");
}

TEST(RequestFieldsTest, NullIsNothingForADeploymentsDescriptionOnly) {
  v1::CreateDeployment request;
  EXPECT_EQ(Deployment(R"({"ref":"r","description":null})", &request).status,
            0);
  EXPECT_FALSE(request.has_description());
  EXPECT_EQ(Lines(Status(R"({"state":"success","description":null})")),
            "For 'properties/description', nil is not a string.");
}

TEST(RequestFieldsTest, WhatIsWrongIsTold) {
  const struct {
    const char* body;
    const char* lines;
  } cases[] = {
      // clang-format off
      {R"({})",                                       R"("ref" wasn't supplied.)"},
      {R"({"ref":1})",                                "For 'properties/ref', 1 is not a string."},
      {R"({"ref":null})",                             "For 'properties/ref', nil is not a string."},
      {R"({"ref":"r","task":{"a": 1}})",              "For 'properties/task', {\"a\": 1} is not a string."},
      {R"({"ref":"r","auto_merge":"true"})",          "For 'properties/auto_merge', \"true\" is not a boolean."},
      {R"({"ref":"r","auto_merge":null})",            "For 'properties/auto_merge', nil is not a boolean."},
      {R"({"ref":"r","required_contexts":null})",     "For 'properties/required_contexts', nil is not an array."},
      {R"({"ref":"r","required_contexts":"a"})",      "For 'properties/required_contexts', \"a\" is not an array."},
      {R"({"ref":"r","required_contexts":["a",[1]]})", "For 'properties/required_contexts/1', [1] is not a string."},
      {R"({"ref":"r","payload":[]})",                 "For 'properties/payload', [] is not an object or a string."},
      {R"({"ref":"r","payload":null})",               "For 'properties/payload', nil is not an object or a string."},
      {R"({"ref":"r","description":false})",          "For 'properties/description', false is not a string."},
      {R"({"task":1})",                               "\"ref\" wasn't supplied.\nFor 'properties/task', 1 is not a string."},
      // clang-format on
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Lines(Deployment(c.body)), c.lines) << c.body;
  }
  EXPECT_EQ(Lines(Status("{}")), "\"state\" wasn't supplied.");
}

TEST(RequestFieldsTest, AKnownFieldTwiceIsNoJson) {
  for (const char* name : {"ref", "task", "auto_merge", "required_contexts",
                           "payload", "environment", "description",
                           "transient_environment", "production_environment"}) {
    for (const char* value : {"null", "1", "\"a\""}) {
      const BodyProblem problem = Deployment(absl::StrCat(
          "{\"", name, "\":", value, ",\"", name, "\":", value, "}"));
      EXPECT_EQ(problem.status, 400) << name << value;
      EXPECT_EQ(problem.message, "Problems parsing JSON");
    }
  }
  for (const char* name : {"state", "target_url", "log_url", "description",
                           "environment", "environment_url", "auto_inactive"}) {
    EXPECT_EQ(
        Status(absl::StrCat("{\"", name, "\":1,\"", name, "\":1}")).status, 400)
        << name;
  }
  EXPECT_EQ(Deployment(R"({"x":1,"ref":"r","x":2})").status, 0);
}

TEST(RequestFieldsTest, ProblemsOfTheBodyComeFirst) {
  EXPECT_EQ(Deployment("nonsense").message, "Problems parsing JSON");
  EXPECT_EQ(Deployment("nonsense").status, 400);
  EXPECT_EQ(Status("[]").message, "Body should be a JSON object");
  EXPECT_EQ(Status("[]").status, 400);
}

TEST(RequestFieldsTest, ALongValueIsCutBetweenCharacters) {
  // The hundredth byte is the first of a character of two.
  const std::string list =
      absl::StrCat("[\"", std::string(97, 'x'), "\xC3\xA9\"]");
  EXPECT_EQ(Lines(Deployment(absl::StrCat("{\"ref\":", list, "}"))),
            absl::StrCat("For 'properties/ref', [\"", std::string(97, 'x'),
                         "... is not a string."));
}

TEST(RequestFieldsTest, AHundredComplaintsAreEnough) {
  const auto body = [](int count) {
    std::string list = "1";
    for (int i = 1; i < count; ++i) absl::StrAppend(&list, ",1");
    return absl::StrCat("{\"ref\":\"r\",\"required_contexts\":[", list, "]}");
  };
  const std::string all = Lines(Deployment(body(100)));
  EXPECT_TRUE(absl::EndsWith(
      all, "\nFor 'properties/required_contexts/99', 1 is not a string."));
  EXPECT_EQ(Lines(Deployment(body(101))), all + "\nAnd 1 more.");
  EXPECT_EQ(Lines(Deployment(body(5000))), all + "\nAnd 4900 more.");
}

}  // namespace
}  // namespace internal
}  // namespace slipway
