// What the handler answers where nothing is wrong: bodies to the byte, headers,
// dialects and addresses. What it refuses is in rest_errors_test.cc.

#include "slipway/adapters/rest/rest_handler.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "slipway/adapters/rest/testing.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace {

using internal::Header;
using internal::RestWorld;

constexpr char kDeployments[] = "/repos/octocat/Hello-World/deployments";

// octocat, as the creator of everything. $API and $HTML are where the two
// begin.
constexpr char kCreator[] =
    R"({"login":"octocat","id":1,"node_id":"MDQ6VXNlcjE=",)"
    R"("avatar_url":"$HTML/avatars/u/1","gravatar_id":"",)"
    R"("url":"$API/users/octocat","html_url":"$HTML/octocat",)"
    R"("followers_url":"$API/users/octocat/followers",)"
    R"("following_url":"$API/users/octocat/following{/other_user}",)"
    R"("gists_url":"$API/users/octocat/gists{/gist_id}",)"
    R"("starred_url":"$API/users/octocat/starred{/owner}{/repo}",)"
    R"("subscriptions_url":"$API/users/octocat/subscriptions",)"
    R"("organizations_url":"$API/users/octocat/orgs",)"
    R"("repos_url":"$API/users/octocat/repos",)"
    R"("events_url":"$API/users/octocat/events{/privacy}",)"
    R"("received_events_url":"$API/users/octocat/received_events",)"
    R"("type":"User","site_admin":false})";

// The first deployment, of main, with nothing else given.
constexpr char kDeployment[] =
    R"({"url":"$REPO/deployments/1","id":1,"node_id":"MDEwOkRlcGxveW1lbnQx",)"
    R"("task":"deploy","original_environment":"production",)"
    R"("environment":"production","description":null,)"
    R"("created_at":"2012-07-20T01:19:13Z",)"
    R"("updated_at":"2012-07-20T01:19:13Z",)"
    R"("statuses_url":"$REPO/deployments/1/statuses",)"
    R"("repository_url":"$REPO","creator":$CREATOR,)"
    R"("sha":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","ref":"main",)"
    R"("payload":{},"transient_environment":false,)"
    R"("production_environment":true,"performed_via_github_app":null})";

std::string Filled(absl::string_view text, absl::string_view api,
                   absl::string_view html) {
  const std::string with_creator = absl::StrReplaceAll(
      text,
      {{"$CREATOR", kCreator}, {"$REPO", "$API/repos/octocat/Hello-World"}});
  return absl::StrReplaceAll(with_creator, {{"$API", api}, {"$HTML", html}});
}

// For the dialect of api.github.com, and the Host that tests send.
std::string Filled(absl::string_view text) {
  return Filled(text, "http://api.example.org", "http://api.example.org");
}

class RestHandlerTest : public ::testing::Test {
 protected:
  HttpResponse Create(absl::string_view body = R"({"ref":"main"})") {
    return world_.Send("POST", kDeployments, body);
  }
  HttpResponse Get(absl::string_view target,
                   const std::vector<HttpHeader>& headers = {
                       {"Host", "api.example.org"}}) {
    return world_.Send("GET", target, "", headers);
  }

  RestWorld world_;
};

std::vector<std::string> Names(const HttpResponse& response) {
  std::vector<std::string> names;
  for (const HttpHeader& header : response.headers)
    names.push_back(header.name);
  return names;
}

TEST_F(RestHandlerTest, ADeploymentToTheByte) {
  world_.Start();
  const HttpResponse created = Create();
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, Filled(kDeployment));
  EXPECT_EQ(Names(created),
            (std::vector<std::string>{
                "Content-Type", "Location", "X-GitHub-Media-Type",
                "X-GitHub-Api-Version-Selected", "X-GitHub-Request-Id"}));
  EXPECT_EQ(Header(created, "Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(Header(created, "Location"), Filled("$REPO/deployments/1"));
  EXPECT_EQ(Header(created, "X-GitHub-Media-Type"), "github.v3; format=json");
  EXPECT_EQ(Header(created, "X-GitHub-Api-Version-Selected"), "2022-11-28");
  EXPECT_EQ(Header(created, "X-GitHub-Request-Id"), "1:2:3");

  const HttpResponse got = Get(absl::StrCat(kDeployments, "/1"));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, created.body);
  EXPECT_EQ(Names(got),
            (std::vector<std::string>{
                "Content-Type", "ETag", "Last-Modified", "X-GitHub-Media-Type",
                "X-GitHub-Api-Version-Selected", "X-GitHub-Request-Id"}));
  EXPECT_EQ(Header(got, "Last-Modified"), "Fri, 20 Jul 2012 01:19:13 GMT");

  const HttpResponse list = Get(kDeployments);
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.body, absl::StrCat("[", created.body, "]"));
  EXPECT_EQ(Names(list),
            (std::vector<std::string>{
                "Content-Type", "ETag", "X-GitHub-Media-Type",
                "X-GitHub-Api-Version-Selected", "X-GitHub-Request-Id"}));
}

TEST_F(RestHandlerTest, AStatusToTheByte) {
  world_.Start();
  Create();
  world_.clock.AdvanceMs(1000);
  const std::string statuses = absl::StrCat(kDeployments, "/1/statuses");
  const HttpResponse created = world_.Send(
      "POST", statuses,
      R"({"state":"in_progress","log_url":"https://ci.example.org/1",)"
      R"("description":"Deploying","environment":"staging",)"
      R"("environment_url":"https://staging.example.org"})");
  EXPECT_EQ(created.status, 201);
  const std::string status = Filled(
      R"({"url":"$REPO/deployments/1/statuses/3","id":3,)"
      R"("node_id":"MDE2OkRlcGxveW1lbnRTdGF0dXMz","state":"in_progress",)"
      R"("creator":$CREATOR,"description":"Deploying",)"
      R"("environment":"staging","target_url":"https://ci.example.org/1",)"
      R"("created_at":"2012-07-20T01:19:14Z",)"
      R"("updated_at":"2012-07-20T01:19:14Z",)"
      R"("deployment_url":"$REPO/deployments/1","repository_url":"$REPO",)"
      R"("environment_url":"https://staging.example.org",)"
      R"("log_url":"https://ci.example.org/1",)"
      R"("performed_via_github_app":null})");
  EXPECT_EQ(created.body, status);
  EXPECT_EQ(Header(created, "Location"),
            Filled("$REPO/deployments/1/statuses/3"));
  const HttpResponse got = Get(absl::StrCat(statuses, "/3"));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, status);
  EXPECT_EQ(Header(got, "Last-Modified"), "Fri, 20 Jul 2012 01:19:14 GMT");
  const HttpResponse list = Get(statuses);
  EXPECT_EQ(list.body, absl::StrCat("[", status, "]"));
  EXPECT_EQ(Header(list, "Last-Modified"), "");
}

TEST_F(RestHandlerTest, DeletingAnswersNothing) {
  world_.Start();
  Create();
  const HttpResponse deleted =
      world_.Send("DELETE", absl::StrCat(kDeployments, "/1"));
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  EXPECT_EQ(Names(deleted),
            (std::vector<std::string>{"X-GitHub-Media-Type",
                                      "X-GitHub-Api-Version-Selected",
                                      "X-GitHub-Request-Id"}));
  EXPECT_EQ(Get(kDeployments).body, "[]");
}

// R13.
TEST_F(RestHandlerTest, R13AnAutoMergeIs202AndThenADeployment) {
  world_.Start();
  const HttpResponse merged = Create(R"({"ref":"behind"})");
  EXPECT_EQ(merged.status, 202);
  EXPECT_EQ(merged.body,
            R"({"message":"Auto-merged main into behind on deployment."})");
  EXPECT_EQ(Header(merged, "Location"), "");
  EXPECT_EQ(Get(kDeployments).body, "[]");
  EXPECT_EQ(Create(R"({"ref":"behind"})").status, 201);
}

TEST_F(RestHandlerTest, APayloadIsKeptToTheByte) {
  world_.Start();
  for (const char* payload :
       {R"({ "b":1.0, "a" :[ 1,{"c":[]} ] ,"a":"\u0041\/" })",
        R"({"n":123456789012345678901234567890,"e":-0.0E+5})",
        R"({"}":"]","\\":"\""})", "{\n}"}) {
    const HttpResponse created =
        Create(absl::StrCat(R"({"payload" : )", payload, R"( ,"ref":"main"})"));
    EXPECT_EQ(created.status, 201);
    EXPECT_TRUE(absl::StrContains(
        created.body,
        absl::StrCat(R"("payload":)", payload, R"(,"transient_environment")")))
        << created.body;
  }
}

TEST_F(RestHandlerTest, HeadIsGetForTheTransportToCut) {
  world_.Start();
  Create();
  for (const char* path : {"", "/1", "/1/statuses"}) {
    const std::string target = absl::StrCat(kDeployments, path);
    const HttpResponse get = Get(target);
    const HttpResponse head = world_.Send("HEAD", target);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, get.body);
    EXPECT_EQ(Names(head), Names(get));
  }
}

TEST_F(RestHandlerTest, NamesOfRepositoriesCompareWithoutCase) {
  world_.Start();
  const HttpResponse created = world_.Send(
      "POST", "/repos/OCTOCAT/hello-world/deployments", R"({"ref":"main"})");
  EXPECT_EQ(created.body, Filled(kDeployment));
}

TEST_F(RestHandlerTest, ARepositoryIsServedByItsIdToo) {
  world_.Start();
  const std::string by_id = "/repositories/1296269/deployments";
  const HttpResponse created = world_.Send("POST", by_id, R"({"ref":"main"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, Filled(kDeployment));
  EXPECT_EQ(Get(absl::StrCat(by_id, "/1")).body, created.body);
  EXPECT_EQ(Get(by_id).body, Get(kDeployments).body);
  EXPECT_EQ(world_
                .Send("POST", absl::StrCat(by_id, "/1/statuses"),
                      R"({"state":"success"})")
                .status,
            201);
  EXPECT_EQ(world_.Send("DELETE", absl::StrCat(by_id, "/1")).status, 204);
}

// R70.
TEST_F(RestHandlerTest, R70FiltersOfTheQuery) {
  world_.Start();
  Create(R"({"ref":"main","task":"a","environment":"qa"})");
  Create(R"({"ref":"main","task":"b","environment":"x y"})");
  const struct {
    const char* query;
    int count;
  } cases[] = {
      // clang-format off
      {"",                                              2},
      {"?task=a",                                       1},
      {"?task=A",                                       0},
      {"?task=b&environment=X%20Y",                     1},
      {"?environment=x+y",                              1},
      {"?task=a&environment=x+y",                       0},
      {"?ref=main",                                     2},
      {"?ref=MAIN",                                     0},
      {"?sha=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 2},
      {"?sha=b",                                        0},
      {"?task=none&ref=none&sha=none&environment=none", 2},
      {"?task=&ref=&sha=&environment=",                 2},
      {"?unknown=1",                                    2},
      // clang-format on
  };
  for (const auto& c : cases) {
    const HttpResponse list = Get(absl::StrCat(kDeployments, c.query));
    EXPECT_EQ(list.status, 200);
    int count = 0;
    for (size_t at = 0;
         (at = list.body.find("\"statuses_url\"", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    EXPECT_EQ(count, c.count) << c.query;
  }
}

// R72.
TEST_F(RestHandlerTest, R72LinkIsByIdAndItsAddressesAreServed) {
  world_.Start();
  for (int i = 0; i < 3; ++i) Create();
  const HttpResponse page =
      Get("/repos/octocat/hello-world/deployments?ref=main&per_page=1&page=2");
  const std::string list =
      "http://api.example.org/repositories/1296269/"
      "deployments?ref=main&per_page=1&page=";
  EXPECT_EQ(Header(page, "Link"),
            absl::StrCat("<", list, "1>; rel=\"prev\", <", list,
                         "3>; rel=\"next\", <", list, "3>; rel=\"last\", <",
                         list, "1>; rel=\"first\""));
  const HttpResponse next =
      Get("/repositories/1296269/deployments?ref=main&per_page=1&page=3");
  EXPECT_TRUE(absl::StrContains(next.body, "\"id\":1,"));
  EXPECT_EQ(Header(Get(kDeployments), "Link"), "");
}

TEST_F(RestHandlerTest, R72LinkOfStatuses) {
  world_.Start();
  Create();
  const std::string statuses = absl::StrCat(kDeployments, "/1/statuses");
  for (int i = 0; i < 2; ++i) {
    world_.Send("POST", statuses, R"({"state":"pending"})");
  }
  const std::string list =
      "http://api.example.org/repositories/1296269/deployments/1/"
      "statuses?per_page=1&page=2";
  EXPECT_EQ(
      Header(Get(absl::StrCat(statuses, "?per_page=1")), "Link"),
      absl::StrCat("<", list, ">; rel=\"next\", <", list, ">; rel=\"last\""));
}

TEST_F(RestHandlerTest, WhatIsUnchangedIs304WithItsValidators) {
  world_.Start();
  Create();
  for (const char* path : {"", "/1"}) {
    const std::string target = absl::StrCat(kDeployments, path);
    const HttpResponse first = Get(target);
    const HttpResponse again =
        Get(target, {{"Host", "api.example.org"},
                     {"If-None-Match", Header(first, "ETag")}});
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(Header(again, "ETag"), Header(first, "ETag"));
    EXPECT_EQ(Header(again, "Last-Modified"), Header(first, "Last-Modified"));
    EXPECT_EQ(Header(again, "Content-Type"), "");
    EXPECT_EQ(Header(again, "X-GitHub-Request-Id"), "1:2:3");
  }
}

// R22: what a status changes is seen by those who ask for changes.
TEST_F(RestHandlerTest, R22AStatusMakesItsDeploymentNew) {
  world_.Start();
  Create();
  const std::string target = absl::StrCat(kDeployments, "/1");
  const HttpResponse before = Get(target);
  const std::vector<HttpHeader> if_modified = {
      {"Host", "api.example.org"},
      {"If-Modified-Since", Header(before, "Last-Modified")}};
  EXPECT_EQ(Get(target, if_modified).status, 304);
  world_.clock.AdvanceMs(1000);
  world_.Send("POST", absl::StrCat(target, "/statuses"),
              R"({"state":"pending"})");
  const HttpResponse after = Get(target, if_modified);
  EXPECT_EQ(after.status, 200);
  EXPECT_EQ(Header(after, "Last-Modified"), "Fri, 20 Jul 2012 01:19:14 GMT");
  EXPECT_NE(Header(after, "ETag"), Header(before, "ETag"));
}

TEST_F(RestHandlerTest, TheEnterpriseDialectIsBelowItsPrefix) {
  world_.dialect = RestDialect::kEnterprise;
  world_.Start();
  const std::string deployments = absl::StrCat("/api/v3", kDeployments);
  const HttpResponse created =
      world_.Send("POST", deployments, R"({"ref":"main"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.body, Filled(kDeployment, "http://api.example.org/api/v3",
                                 "http://api.example.org"));
  EXPECT_EQ(Header(created, "Location"),
            "http://api.example.org/api/v3/repos/octocat/Hello-World/"
            "deployments/1");
  world_.Send("POST", deployments, R"({"ref":"main"})");
  const HttpResponse list = Get(absl::StrCat(deployments, "?per_page=1"));
  EXPECT_TRUE(absl::StartsWith(
      Header(list, "Link"),
      "<http://api.example.org/api/v3/repositories/1296269/deployments?"));
  EXPECT_EQ(Get("/api/v3/repositories/1296269/deployments/1").status, 200);
  for (const char* prefix : {"", "/api", "/v3", "/api/v3/api/v3", "/API/v3"}) {
    EXPECT_EQ(Get(absl::StrCat(prefix, kDeployments)).status, 404) << prefix;
  }
}

TEST_F(RestHandlerTest, ABaseUrlIsWhereAddressesBegin) {
  for (const char* base_url :
       {"https://git.example.org", "https://git.example.org/"}) {
    for (const RestDialect dialect :
         {RestDialect::kGitHub, RestDialect::kEnterprise}) {
      RestWorld world;
      const bool enterprise = dialect == RestDialect::kEnterprise;
      const std::string prefix = enterprise ? "/api/v3" : "";
      world.base_url = base_url;
      world.dialect = dialect;
      world.Start();
      EXPECT_EQ(
          world
              .Send("POST", absl::StrCat(prefix, kDeployments),
                    R"({"ref":"main"})")
              .body,
          Filled(kDeployment, absl::StrCat("https://git.example.org", prefix),
                 "https://git.example.org"));
    }
  }
}

TEST_F(RestHandlerTest, AHostThatIsNoneIsNotWrittenAnywhere) {
  world_.Start();
  Create();
  const std::string page = absl::StrCat(kDeployments, "?per_page=1");
  Create();
  for (const std::string& host :
       {std::string("a\"b"), std::string("a\r\nSet-Cookie: b"),
        std::string("a\nb"), std::string("a b"), std::string("a/b"),
        std::string("a@b"), std::string("a\\b"), std::string("<a>"),
        std::string("a?b"), std::string("a#b"), std::string("a,b"),
        std::string("a%0d%0ab"), std::string("a\0b", 3), std::string(),
        std::string("\xC3\xA9")}) {
    const HttpResponse list = Get(page, {{"Host", host}});
    EXPECT_EQ(list.status, 200);
    EXPECT_TRUE(absl::StartsWith(list.body, "[{\"url\":\"http://localhost/"))
        << host;
    EXPECT_TRUE(absl::StartsWith(Header(list, "Link"), "<http://localhost/"));
  }
  EXPECT_TRUE(
      absl::StartsWith(Get(page, {}).body, "[{\"url\":\"http://localhost/"));
}

TEST_F(RestHandlerTest, AHostIsAsTheClientWroteIt) {
  world_.Start();
  Create();
  for (const char* host : {"git.example.org", "GIT.example.org:8443",
                           "127.0.0.1:1", "[::1]:8080", "a_b-c"}) {
    EXPECT_TRUE(
        absl::StartsWith(Get(kDeployments, {{"host", host}}).body,
                         absl::StrCat("[{\"url\":\"http://", host, "/repos/")))
        << host;
  }
}

TEST_F(RestHandlerTest, ABotIsTheCreator) {
  world_.actor.set_id(29110);
  world_.actor.set_login("rocket-ci[bot]");
  world_.actor.set_type(v1::ACTOR_TYPE_BOT);
  world_.Start();
  const HttpResponse created = Create();
  EXPECT_TRUE(absl::StrContains(
      created.body, R"("creator":{"login":"rocket-ci[bot]","id":29110,)"));
  EXPECT_TRUE(absl::StrContains(
      created.body,
      R"("url":"http://api.example.org/users/rocket-ci%5Bbot%5D",)"
      R"("html_url":"http://api.example.org/apps/rocket-ci",)"));
  EXPECT_TRUE(absl::StrContains(created.body, R"("type":"Bot")"));
}

TEST_F(RestHandlerTest, KnownVersionsAreSelected) {
  world_.Start();
  for (const char* version : {"2022-11-28", "2026-03-10"}) {
    const HttpResponse list =
        Get(kDeployments, {{"x-github-api-version", version}});
    EXPECT_EQ(list.status, 200);
    EXPECT_EQ(Header(list, "X-GitHub-Api-Version-Selected"), version);
  }
}

TEST_F(RestHandlerTest, MediaTypesAndUnknownKeysAreIgnored) {
  world_.Start();
  for (const char* type :
       {"application/json", "text/plain", "application/x-www-form-urlencoded",
        "multipart/form-data", "nonsense", ""}) {
    EXPECT_EQ(world_
                  .Send("POST", kDeployments, R"({"ref":"main","new":[{}]})",
                        {{"Content-Type", type},
                         {"Accept",
                          "application/vnd.github.flash-preview+json, "
                          "application/xml"}})
                  .status,
              201)
        << type;
  }
}

TEST_F(RestHandlerTest, WithoutAnIdOfTheRequestThatHeaderIsLeftOut) {
  world_.Start();
  HttpRequest request;
  request.method = "GET";
  request.target = kDeployments;
  const HttpResponse with = world_.Send("GET", kDeployments);
  EXPECT_EQ(Header(with, "X-GitHub-Request-Id"), "1:2:3");
  EXPECT_EQ(FindHeader(world_.SendAs(request).headers, "X-GitHub-Request-Id"),
            nullptr);
}

TEST_F(RestHandlerTest, CommonHeadersAreThoseOfEveryAnswer) {
  world_.Start();
  for (const HttpHeader& header : RestHandler::CommonHeaders()) {
    EXPECT_NE(header.value, "");
    for (const char* target : {kDeployments, "/nowhere", "no path"}) {
      EXPECT_EQ(Header(Get(target), header.name), header.value);
    }
  }
  EXPECT_EQ(RestHandler::CommonHeaders().size(), 2);
}

}  // namespace
}  // namespace slipway
