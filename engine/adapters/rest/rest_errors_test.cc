// What the handler refuses, and in which order. What it answers otherwise is in
// rest_handler_test.cc.

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/adapters/rest/testing.h"
#include "slipway/ports/http.h"
#include "slipway/ports/store.h"
#include "slipway/runner/runner.h"

namespace slipway {
namespace {

using internal::Header;
using internal::RestWorld;

constexpr char kDeployments[] = "/repos/octocat/Hello-World/deployments";

class RestErrorsTest : public ::testing::Test {
 protected:
  // Deployment 1 is a success, by its status 3; deployment 4 has no status.
  void SetUp() override {
    world_.Start();
    ASSERT_EQ(world_.Send("POST", kDeployments, R"({"ref":"main"})").status,
              201);
    ASSERT_EQ(world_
                  .Send("POST", absl::StrCat(kDeployments, "/1/statuses"),
                        R"({"state":"success"})")
                  .status,
              201);
    ASSERT_EQ(world_.Send("POST", kDeployments, R"({"ref":"main"})").status,
              201);
  }

  // Everything that the repository holds.
  std::string Everything() {
    std::string all = world_.Send("GET", kDeployments).body;
    for (const char* path : {"/1/statuses", "/4/statuses"}) {
      absl::StrAppend(
          &all, world_.Send("GET", absl::StrCat(kDeployments, path)).body);
    }
    return all;
  }

  RestWorld world_;
};

// The body of an error, with `errors` where it is not empty.
std::string ErrorBody(int status, absl::string_view message,
                      absl::string_view errors, absl::string_view page) {
  return absl::StrCat(
      "{\"message\":\"", message, "\"",
      errors.empty() ? "" : absl::StrCat(",\"errors\":[", errors, "]"),
      ",\"documentation_url\":\"https://docs.github.com/rest", page,
      "\",\"status\":\"", status, "\"}");
}

// Pages of the documentation that errors point to.
constexpr char kRoot[] = "";
constexpr char kList[] = "/deployments/deployments#list-deployments";
constexpr char kCreate[] = "/deployments/deployments#create-a-deployment";
constexpr char kGet[] = "/deployments/deployments#get-a-deployment";
constexpr char kDelete[] = "/deployments/deployments#delete-a-deployment";
constexpr char kStatuses[] = "/deployments/statuses#list-deployment-statuses";
constexpr char kSetStatus[] =
    "/deployments/statuses#create-a-deployment-status";
constexpr char kGetStatus[] = "/deployments/statuses#get-a-deployment-status";

TEST_F(RestErrorsTest, EachIsToTheByteAndLeavesNoTrace) {
  const std::string long_name(256, 'x');
  const std::string long_text(141, 'x');
  const std::string too_long_environment =
      R"({"resource":"Deployment","code":"custom","field":"environment",)"
      R"j("message":"environment is too long (maximum is 255 characters)"})j";
  const std::string blank_environment =
      R"({"resource":"Deployment","code":"custom","field":"environment",)"
      R"("message":"environment can't be blank"})";
  const std::string unknown_state =
      R"({"resource":"DeploymentStatus","code":"custom","field":"state",)"
      R"("message":"state is not included in the list"})";
  const std::string too_long_description =
      R"({"resource":"DeploymentStatus","code":"custom",)"
      R"("field":"description",)"
      R"j("message":"description is too long (maximum is 140 characters)"})j";
  const std::string no_web_scheme =
      R"({"resource":"DeploymentStatus","code":"custom",)"
      R"("field":"environment_url",)"
      R"("message":"environment_url must use http(s) scheme"})";
  const std::string failed_contexts =
      R"({"contexts":[{"context":"build","state":"success"},)"
      R"({"context":"test","state":"failure"}],"resource":"Deployment",)"
      R"("field":"required_contexts","code":"invalid"})";
  const std::string missing_context =
      R"({"contexts":[{"context":"new","state":"pending"}],)"
      R"("resource":"Deployment","field":"required_contexts",)"
      R"("code":"invalid"})";
  const std::string not_the_only_one =
      "\"We cannot delete an active deployment unless it is the only "
      "deployment in a given repository.\"";
  const struct {
    const char* method;
    const char* path;
    std::string body;
    int status;
    const char* message;
    std::string errors;
    const char* page;
  } cases[] = {
      // clang-format off
      {"POST",   "",               "nonsense",                                    400, "Problems parsing JSON",                                              "",                   kCreate},
      {"POST",   "",               "[]",                                          400, "Body should be a JSON object",                                       "",                   kCreate},
      {"POST",   "",               R"({"ref":"a","ref":"a"})",                    400, "Problems parsing JSON",                                              "",                   kCreate},
      {"POST",   "",               "",                                            422, R"(Invalid request.\n\n\"ref\" wasn't supplied.)",                    "",                   kCreate},
      {"POST",   "",               R"({"ref":1})",                                422, R"(Invalid request.\n\nFor 'properties/ref', 1 is not a string.)",    "",                   kCreate},
      {"POST",   "",               R"({"ref":"no"})",                             422, "No ref found for: no",                                               "",                   kCreate},
      {"POST",   "",               R"({"ref":"a\"\u0000\r\n"})",                  422, R"(No ref found for: a\"\u0000\r\n)",                                 "",                   kCreate},
      {"POST",   "",               R"({"ref":"main","environment":""})",          422, "Validation Failed",                                                  blank_environment,    kCreate},
      {"POST",   "",               R"({"ref":"main","environment":")" + long_name + "\"}", 422, "Validation Failed",                                          too_long_environment, kCreate},
      {"POST",   "",               R"({"ref":"conflict"})",                       409, "Conflict merging main into conflict.",                               "",                   kCreate},
      {"POST",   "",               R"({"ref":"refs/heads/behind"})",              409, "Conflict merging main into refs/heads/behind.",                      "",                   kCreate},
      {"POST",   "",               R"({"ref":"red"})",                            409, "Conflict: Commit status checks failed for red.",                     failed_contexts,      kCreate},
      {"POST",   "",               R"({"ref":"main","required_contexts":["new"]})", 409, "Conflict: Commit status checks failed for main.",                  missing_context,      kCreate},
      {"POST",   "/1/statuses",    "{",                                           400, "Problems parsing JSON",                                              "",                   kSetStatus},
      {"POST",   "/1/statuses",    "1",                                           400, "Body should be a JSON object",                                       "",                   kSetStatus},
      {"POST",   "/1/statuses",    "{}",                                          422, R"(Invalid request.\n\n\"state\" wasn't supplied.)",                  "",                   kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":null})",                           422, R"(Invalid request.\n\nFor 'properties/state', nil is not a string.)", "",                  kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":"waiting"})",                      422, "Validation Failed",                                                  unknown_state,        kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":"ok"})",                           422, "Validation Failed",                                                  unknown_state,        kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":"success","description":")" + long_text + "\"}", 422, "Validation Failed",                                     too_long_description, kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":"error","environment_url":"a"})",  422, "Validation Failed",                                                  no_web_scheme,        kSetStatus},
      {"POST",   "/1/statuses",    R"({"state":"ok","environment_url":"a"})",     422, "Validation Failed",                                                  unknown_state + "," + no_web_scheme, kSetStatus},
      {"DELETE", "/1",             "",                                            422, "Validation Failed",                                                  not_the_only_one,     kDelete},
      {"GET",    "/999",           "",                                            404, "Not Found",                                                          "",                   kGet},
      {"DELETE", "/999",           "",                                            404, "Not Found",                                                          "",                   kDelete},
      {"GET",    "/999/statuses",  "",                                            404, "Not Found",                                                          "",                   kStatuses},
      {"POST",   "/999/statuses",  R"({"state":"error"})",                        404, "Not Found",                                                          "",                   kSetStatus},
      {"GET",    "/1/statuses/99", "",                                            404, "Not Found",                                                          "",                   kGetStatus},
      {"GET",    "/4/statuses/3",  "",                                            404, "Not Found",                                                          "",                   kGetStatus},
      {"GET",    "/0",             "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/abc",           "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/9223372036854775808", "",                                      404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/",              "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/1/",            "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/1/status",      "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/1/statuses/",   "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "/1/statuses/3/", "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"GET",    "?ref=%zz",       "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"PUT",    "",               R"({"ref":"main"})",                           404, "Not Found",                                                          "",                   kRoot},
      {"DELETE", "",               "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"POST",   "/1",             R"({"ref":"main"})",                           404, "Not Found",                                                          "",                   kRoot},
      {"PATCH",  "/1",             R"({"ref":"main"})",                           404, "Not Found",                                                          "",                   kRoot},
      {"DELETE", "/1/statuses",    "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"POST",   "/1/statuses/3",  R"({"state":"error"})",                        404, "Not Found",                                                          "",                   kRoot},
      {"DELETE", "/1/statuses/3",  "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"get",    "",               "",                                            404, "Not Found",                                                          "",                   kRoot},
      {"",       "",               "",                                            404, "Not Found",                                                          "",                   kRoot},
      // clang-format on
  };
  const std::string before = Everything();
  for (const auto& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.method, " ", c.path, " ", c.body));
    const HttpResponse response =
        world_.Send(c.method, absl::StrCat(kDeployments, c.path), c.body);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.body, ErrorBody(c.status, c.message, c.errors, c.page));
    EXPECT_EQ(Header(response, "Content-Type"),
              "application/json; charset=utf-8");
    EXPECT_EQ(Header(response, "X-GitHub-Media-Type"),
              "github.v3; format=json");
    EXPECT_EQ(Header(response, "X-GitHub-Api-Version-Selected"), "2022-11-28");
    EXPECT_EQ(Header(response, "X-GitHub-Request-Id"), "1:2:3");
    EXPECT_EQ(Header(response, "Location"), "");
    EXPECT_EQ(Header(response, "ETag"), "");
    EXPECT_EQ(Everything(), before);
  }
}

// Each body is wrong in all the ways of the lines below it too: the first
// refusal wins (R12).
TEST_F(RestErrorsTest, R12TheFirstRefusalWins) {
  const struct {
    const char* target;
    const char* version;
    std::string body;
    int status;
    const char* message;
  } cases[] = {
      // clang-format off
      {"/repos/no/no/deployments",                       "v0",         std::string(2 << 20, '['),                       400, "Unsupported X-GitHub-Api-Version"},
      {"/repos/no/no/deployments",                       "2022-11-28", std::string(2 << 20, '['),                       413, "Payload Too Large"},
      {"/repos/no/no/deployments",                       "2022-11-28", "[",                                             404, "Not Found"},
      {"/repos/octocat/Hello-World/deployments/9/statuses", "2022-11-28", "[",                                          404, "Not Found"},
      {"/repos/octocat/Hello-World/deployments/9/statuses", "2022-11-28", R"({"state":1})",                             404, "Not Found"},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":1,"ref":"a","environment":""})",       400, "Problems parsing JSON"},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":1,"environment":""})",                 422, "Invalid request."},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":"no","environment":""})",              422, "Validation Failed"},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":"no","required_contexts":["no"]})",    422, "No ref found for: no"},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":"conflict","required_contexts":["no"]})", 409, "Conflict merging main into conflict."},
      {"/repos/octocat/Hello-World/deployments",         "2022-11-28", R"({"ref":"main","required_contexts":["no"]})",  409, "Conflict: Commit status checks failed for main."},
      // clang-format on
  };
  for (const auto& c : cases) {
    const HttpResponse response = world_.Send(
        "POST", c.target, c.body, {{"X-GitHub-Api-Version", c.version}});
    EXPECT_EQ(response.status, c.status) << c.message;
    EXPECT_TRUE(absl::StartsWith(response.body,
                                 absl::StrCat("{\"message\":\"", c.message)))
        << response.body;
  }
}

TEST_F(RestErrorsTest, OutsideOfTheApiNothingIsFound) {
  for (const char* target : {"",
                             "/",
                             "*",
                             "repos/octocat/Hello-World/deployments",
                             "http://a/repos/octocat/Hello-World/deployments",
                             "/repos",
                             "/repos/octocat",
                             "/repos/octocat/Hello-World",
                             "/repos//x/deployments",
                             "/repos/octocat//deployments",
                             "//repos/octocat/Hello-World/deployments",
                             "/repos/octocat%2FHello-World/deployments",
                             "/repos/octocat/Hello-World/Deployments",
                             "/repos/octocat/Hello-World/deployments%00",
                             "/repositories",
                             "/repositories/1296269",
                             "/repositories/0/deployments",
                             "/repositories/-1/deployments",
                             "/repositories/2/deployments",
                             "/repositories/x/deployments",
                             "/%",
                             "/%zz",
                             "/api/v3/repos/octocat/Hello-World/deployments"}) {
    const HttpResponse response = world_.Send("GET", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_TRUE(absl::StartsWith(response.body, "{\"message\":\"Not Found\","));
  }
}

TEST_F(RestErrorsTest, AnUnknownRepositoryHidesWhatItsPathMeans) {
  const HttpResponse response =
      world_.Send("GET", "/repos/octocat/other/deployments");
  EXPECT_EQ(response.body, ErrorBody(404, "Not Found", "", kList));
}

TEST_F(RestErrorsTest, UnknownVersions) {
  for (const char* version : {"", "v3", "2022-11-29", "2022-11-28 ",
                              "2022-11-28, 2026-03-10", "\r\n"}) {
    const HttpResponse response = world_.Send(
        "GET", kDeployments, "", {{"X-GitHub-Api-Version", version}});
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body,
              ErrorBody(400,
                        "Unsupported X-GitHub-Api-Version. Supported are: "
                        "2022-11-28, 2026-03-10.",
                        "", kRoot));
    EXPECT_EQ(Header(response, "X-GitHub-Api-Version-Selected"), "2022-11-28");
  }
}

TEST_F(RestErrorsTest, ABodyIsTooLargeFromOneByteOverTheLimit) {
  const std::string start = R"({"ref":"main","x":")";
  const std::string fits = absl::StrCat(
      start, std::string((1 << 20) - start.size() - 2, 'x'), "\"}");
  ASSERT_EQ(fits.size(), 1 << 20);
  EXPECT_EQ(world_.Send("POST", kDeployments, fits).status, 201);
  const HttpResponse refused =
      world_.Send("POST", kDeployments, absl::StrCat(fits, " "));
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.body, ErrorBody(413, "Payload Too Large", "", kRoot));
}

TEST_F(RestErrorsTest, LimitsAreThoseOfTheRules) {
  RestWorld world;
  world.rules.mutable_limits()->set_request_body_bytes_max(20);
  world.rules.mutable_limits()->set_json_depth_max(2);
  world.Start();
  EXPECT_EQ(world.Send("POST", kDeployments, R"({"ref":"main"})").status, 201);
  EXPECT_EQ(world.Send("POST", kDeployments, R"({"ref":"main"}       )").status,
            413);
  const auto status = [&](const char* body) {
    return world.Send("POST", kDeployments, body).status;
  };
  EXPECT_EQ(status(R"({"a":[1],"b":{}})"), 422);
  EXPECT_EQ(status(R"({"a":[[1]]})"), 400);
  EXPECT_EQ(status(R"({"a":[{}]})"), 400);
}

// R41.
TEST_F(RestErrorsTest, R41TheScopeIsNamed) {
  RestWorld world;
  world.rules = ObservedRules();
  world.Start();
  world.Send("POST", kDeployments, R"({"ref":"main"})");
  world.Send("POST", absl::StrCat(kDeployments, "/1/statuses"),
             R"({"state":"success"})");
  world.Send("POST", kDeployments, R"({"ref":"main"})");
  EXPECT_EQ(world.Send("DELETE", absl::StrCat(kDeployments, "/1")).body,
            ErrorBody(422, "Validation Failed",
                      "\"We cannot delete an active deployment unless it is "
                      "the only deployment in a given environment.\"",
                      kDelete));
}

// R26.
TEST_F(RestErrorsTest, R26TooManyStatuses) {
  RestWorld world;
  world.rules.mutable_limits()->set_statuses_per_deployment_max(1);
  world.Start();
  world.Send("POST", kDeployments, R"({"ref":"main"})");
  const std::string statuses = absl::StrCat(kDeployments, "/1/statuses");
  EXPECT_EQ(world.Send("POST", statuses, R"({"state":"error"})").status, 201);
  EXPECT_EQ(world.Send("POST", statuses, R"({"state":"error"})").body,
            ErrorBody(422, "Validation Failed",
                      "\"This deployment has reached the maximum number of "
                      "statuses.\"",
                      kSetStatus));
}

// A store that is there for a number of calls, and then fails.
class FailingStore : public Store {
 public:
  FailingStore(Store* store, int calls_until_failure, absl::Status failure)
      : store_(store),
        calls_left_(calls_until_failure),
        failure_(std::move(failure)) {}

  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    return Fails() ? failure_ : store_->Transact(params, decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    if (Fails()) return failure_;
    return store_->Facts(params);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    if (Fails()) return failure_;
    return store_->FindRepository(name);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    if (Fails()) return failure_;
    return store_->FindRepositoryById(id);
  }
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override {
    if (Fails()) return failure_;
    return store_->FindDeployment(params);
  }
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    if (Fails()) return failure_;
    return store_->ListDeployments(params);
  }
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override {
    if (Fails()) return failure_;
    return store_->ListStatuses(params);
  }
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    if (Fails()) return failure_;
    return store_->FindStatus(params);
  }

 private:
  bool Fails() { return calls_left_-- <= 0; }

  Store* store_;
  int calls_left_;
  absl::Status failure_;
};

// A store that can be read, but not written to.
class FullStore : public FailingStore {
 public:
  FullStore(Store* store, absl::Status failure)
      : FailingStore(store, std::numeric_limits<int>::max(), failure),
        failure_(std::move(failure)) {}
  absl::Status Transact(const TransactParams& /*params*/,
                        v1::Decision* /*decision*/) override {
    return failure_;
  }

 private:
  absl::Status failure_;
};

TEST_F(RestErrorsTest, R108ReadsGoOnWhereWritesFail) {
  FullStore store(&world_.store, absl::UnavailableError("disk full"));
  MemoryIds ids;
  Runner runner({&store, nullptr, &world_.clock, &ids, DocumentedRules()});
  RestHandler rest(
      {&runner, &store, RestDialect::kGitHub, "", internal::Octocat()});
  const struct {
    const char* method;
    const char* path;
    const char* body;
    int status;
  } cases[] = {
      // clang-format off
      {"POST",   "",                R"({"ref":"main"})",    503},
      {"POST",   "/1/statuses",     R"({"state":"error"})", 503},
      {"DELETE", "/4",              "",                     503},
      {"GET",    "",                "",                     200},
      {"GET",    "/1",              "",                     200},
      {"GET",    "/1/statuses",     "",                     200},
      {"GET",    "/1/statuses/3",   "",                     200},
      {"GET",    "/9",              "",                     404},
      {"POST",   "",                "[",                    400},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.method, " ", c.path, " ", c.body));
    HttpRequest request;
    request.method = c.method;
    request.target = absl::StrCat(kDeployments, c.path);
    request.headers = {{"Host", "api.example.org"}};
    request.body = c.body;
    const HttpResponse response = rest.Handle(request);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(Header(response, "Retry-After"), c.status == 503 ? "1" : "");
    if (c.status == 200) {
      EXPECT_EQ(response.body, world_.Send("GET", request.target).body);
    }
  }
}

TEST_F(RestErrorsTest, R108AFailingStoreIsAnAnswerToo) {
  const struct {
    const char* method;
    const char* target;
    const char* body;
    // Calls of the store that such a request needs.
    int calls;
  } requests[] = {
      // clang-format off
      {"GET",    "/repos/octocat/Hello-World/deployments",              "",                     2},
      {"HEAD",   "/repos/octocat/Hello-World/deployments",              "",                     2},
      {"GET",    "/repositories/1296269/deployments",                   "",                     2},
      {"GET",    "/repos/octocat/Hello-World/deployments/1",            "",                     2},
      {"GET",    "/repos/octocat/Hello-World/deployments/1/statuses",   "",                     2},
      {"GET",    "/repos/octocat/Hello-World/deployments/1/statuses/3", "",                     2},
      {"POST",   "/repos/octocat/Hello-World/deployments",              R"({"ref":"main"})",    2},
      {"POST",   "/repos/octocat/Hello-World/deployments/1/statuses",   R"({"state":"error"})", 2},
      {"POST",   "/repos/octocat/Hello-World/deployments/1/statuses",   "[]",                   2},
      {"DELETE", "/repos/octocat/Hello-World/deployments/4",            "",                     2},
      // clang-format on
  };
  const struct {
    absl::Status failure;
    int status;
    const char* message;
    const char* retry_after;
  } failures[] = {
      // clang-format off
      {absl::UnavailableError("the password is secret"), 503, "Service Unavailable", "1"},
      {absl::AbortedError("the password is secret"),     503, "Service Unavailable", "1"},
      {absl::DataLossError("the password is secret"),    503, "Service Unavailable", "60"},
      {absl::InternalError("the password is secret"),    500, "Server Error",        ""},
      // clang-format on
  };
  const std::string before = Everything();
  for (const auto& r : requests) {
    for (const auto& f : failures) {
      for (int calls = 0; calls < r.calls; ++calls) {
        SCOPED_TRACE(absl::StrCat(r.method, " ", r.target, " ", r.body, " ",
                                  f.failure.ToString(), " after ", calls));
        FailingStore store(&world_.store, calls, f.failure);
        MemoryIds ids;
        Runner runner(
            {&store, nullptr, &world_.clock, &ids, DocumentedRules()});
        std::vector<absl::Status> told;
        RestHandler rest(
            {&runner, &store, RestDialect::kGitHub, "", internal::Octocat(),
             [&](const absl::Status& status) { told.push_back(status); }});
        HttpRequest request;
        request.method = r.method;
        request.target = r.target;
        request.body = r.body;
        const HttpResponse response = rest.Handle(request);
        EXPECT_EQ(told, std::vector<absl::Status>{f.failure});
        EXPECT_EQ(response.status, f.status);
        EXPECT_EQ(Header(response, "Retry-After"), f.retry_after);
        EXPECT_TRUE(absl::StartsWith(
            response.body, absl::StrCat("{\"message\":\"", f.message, "\",")));
        EXPECT_FALSE(absl::StrContains(response.body, "secret"));
        EXPECT_NE(Header(response, "X-GitHub-Media-Type"), "");
      }
    }
  }
  EXPECT_EQ(Everything(), before);
}

}  // namespace
}  // namespace slipway
