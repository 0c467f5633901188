#include "slipway/adapters/rest/replies.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "slipway/ports/http.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace internal {
namespace {

std::string Header(const HttpResponse& response, const std::string& name) {
  const std::string* value = FindHeader(response.headers, name);
  return value == nullptr ? "" : *value;
}

TEST(RepliesTest, EveryReasonHasItsStatus) {
  const struct {
    v1::Reason reason;
    int status;
  } cases[] = {
      // clang-format off
      {v1::REASON_REPOSITORY_NOT_FOUND, 404},
      {v1::REASON_DEPLOYMENT_NOT_FOUND, 404},
      {v1::REASON_INVALID_FIELDS,       422},
      {v1::REASON_REF_NOT_FOUND,        422},
      {v1::REASON_MERGE_CONFLICT,       409},
      {v1::REASON_CONTEXTS_FAILED,      409},
      {v1::REASON_TOO_MANY_STATUSES,    422},
      {v1::REASON_DEPLOYMENT_ACTIVE,    422},
      {v1::REASON_UNSPECIFIED,          500},
      // clang-format on
  };
  for (const auto& c : cases) {
    v1::Rejection rejection;
    rejection.set_reason(c.reason);
    EXPECT_EQ(RejectionReply(rejection, "d").status, c.status) << c.reason;
  }
}

TEST(RepliesTest, CodesOfViolations) {
  const struct {
    v1::ViolationCode code;
    const char* name;
  } cases[] = {
      // clang-format off
      {v1::VIOLATION_CODE_INVALID,        "invalid"},
      {v1::VIOLATION_CODE_MISSING_FIELD,  "missing_field"},
      {v1::VIOLATION_CODE_MISSING,        "missing"},
      {v1::VIOLATION_CODE_ALREADY_EXISTS, "already_exists"},
      {v1::VIOLATION_CODE_CUSTOM,         "custom"},
      // clang-format on
  };
  for (const auto& c : cases) {
    v1::Rejection rejection;
    rejection.set_reason(v1::REASON_INVALID_FIELDS);
    rejection.set_message("Validation Failed");
    v1::Violation& violation = *rejection.add_violations();
    violation.set_resource("Deployment");
    violation.set_field("ref");
    violation.set_code(c.code);
    violation.set_message("ref is \"odd\"");
    EXPECT_EQ(RejectionReply(rejection, "d").body,
              std::string(R"({"message":"Validation Failed","errors":[)") +
                  R"({"resource":"Deployment","code":")" + c.name +
                  R"(","field":"ref","message":"ref is \"odd\""}],)" +
                  R"("documentation_url":"d","status":"422"})");
  }
}

// R15.
TEST(RepliesTest, R15StatesOfContexts) {
  v1::Rejection rejection;
  rejection.set_reason(v1::REASON_CONTEXTS_FAILED);
  rejection.set_message("m");
  v1::CommitContext& context = *rejection.add_contexts();
  context.set_context("ci");
  context.set_state(v1::COMMIT_CONTEXT_STATE_ACTION_REQUIRED);
  EXPECT_EQ(RejectionReply(rejection, "d").body,
            R"({"message":"m","errors":[{"contexts":[{"context":"ci",)"
            R"("state":"action_required"}],"resource":"Deployment",)"
            R"("field":"required_contexts","code":"invalid"}],)"
            R"("documentation_url":"d","status":"409"})");
}

TEST(RepliesTest, R108FailuresTellWhetherToTryAgainAndNothingElse) {
  const struct {
    absl::Status status;
    int code;
    const char* retry_after;
    const char* message;
  } cases[] = {
      // clang-format off
      {absl::UnavailableError("secret"),       503, "1",  "Service Unavailable"},
      {absl::AbortedError("secret"),           503, "1",  "Service Unavailable"},
      {absl::DeadlineExceededError("secret"),  503, "1",  "Service Unavailable"},
      {absl::DataLossError("secret"),          503, "60", "Service Unavailable"},
      {absl::ResourceExhaustedError("secret"), 503, "60", "Service Unavailable"},
      {absl::UnknownError("secret"),           500, "",   "Server Error"},
      {absl::InternalError("secret"),          500, "",   "Server Error"},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.status.ToString());
    const HttpResponse response = FailureReply(c.status, "d");
    EXPECT_EQ(response.status, c.code);
    EXPECT_EQ(Header(response, "Retry-After"), c.retry_after);
    EXPECT_EQ(response.body, std::string(R"({"message":")") + c.message +
                                 R"(","documentation_url":"d","status":")" +
                                 std::to_string(c.code) + R"("})");
  }
}

TEST(RepliesTest, ANewBodyHasANewTag) {
  const HttpRequest request;
  const auto tag = [&](const std::string& body) {
    return Header(Conditional(request, -1, JsonReply(200, body)), "ETag");
  };
  EXPECT_EQ(tag("[1]"), tag("[1]"));
  EXPECT_NE(tag("[1]"), tag("[2]"));
  EXPECT_NE(tag(""), tag("[]"));
  EXPECT_NE(tag("[1,2]"), tag("[2,1]"));
}

TEST(RepliesTest, IfNoneMatchComparesWeakly) {
  const std::string tag =
      Header(Conditional(HttpRequest(), -1, JsonReply(200, "[]")), "ETag");
  ASSERT_EQ(tag.substr(0, 3), "W/\"");
  const std::string strong = tag.substr(2);
  const struct {
    std::string header;
    int status;
  } cases[] = {
      // clang-format off
      {tag,                          304},
      {strong,                       304},
      {"*",                          304},
      {"\"a\", " + tag,              304},
      {" \"a\" ,  " + strong + " , ", 304},
      {"\"a\"",                      200},
      {"",                           200},
      {strong.substr(1),             200},
      {"w/" + strong,                200},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.header);
    HttpRequest request;
    request.headers = {{"if-none-match", c.header}};
    const HttpResponse response =
        Conditional(request, -1, JsonReply(200, "[]"));
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(Header(response, "ETag"), tag);
    EXPECT_EQ(response.body, c.status == 304 ? "" : "[]");
    EXPECT_EQ(Header(response, "Content-Type").empty(), c.status == 304);
  }
}

TEST(RepliesTest, IfModifiedSinceComparesSeconds) {
  constexpr int64_t kTimeMs = 784111777999;
  const struct {
    const char* header;
    int status;
  } cases[] = {
      // clang-format off
      {"Sun, 06 Nov 1994 08:49:37 GMT", 304},
      {"Sun, 06 Nov 1994 08:49:38 GMT", 304},
      {"Sun, 06 Nov 1994 08:49:36 GMT", 200},
      {"1994-11-06T08:49:37Z",          200},
      {"",                              200},
      {"Sun, 06 Nov 1994 08:49:37 CET", 200},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.header);
    HttpRequest request;
    request.headers = {{"If-Modified-Since", c.header}};
    const HttpResponse response =
        Conditional(request, kTimeMs, JsonReply(200, "{}"));
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(Header(response, "Last-Modified"),
              "Sun, 06 Nov 1994 08:49:37 GMT");
    // What has no time is never unmodified.
    EXPECT_EQ(Conditional(request, -1, JsonReply(200, "{}")).status, 200);
  }
}

TEST(RepliesTest, ATagThatIsNewCountsBeforeATimeThatIsNot) {
  HttpRequest request;
  request.headers = {{"If-None-Match", "\"old\""},
                     {"If-Modified-Since", "Sun, 06 Nov 2094 08:49:37 GMT"}};
  EXPECT_EQ(Conditional(request, 0, JsonReply(200, "{}")).status, 200);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
