// Idempotency-Key and If-Match (R100, R101), as the handler has them.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/adapters/rest/testing.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace {

using internal::Header;
using internal::RestWorld;
using ::testing::HasSubstr;

constexpr char kDeployments[] = "/repos/octocat/Hello-World/deployments";
constexpr char kFirst[] = "/repos/octocat/Hello-World/deployments/1";
constexpr char kStatuses[] =
    "/repos/octocat/Hello-World/deployments/1/statuses";
constexpr char kQueued[] = R"({"state":"queued"})";
constexpr char kReplayed[] = "Idempotent-Replayed";

class RestGuardsTest : public testing::Test {
 protected:
  void SetUp() override { world_.Start(); }

  HttpResponse Send(absl::string_view method, absl::string_view target,
                    absl::string_view body,
                    std::vector<HttpHeader> headers = {}) {
    headers.push_back({"Host", "api.example.org"});
    return world_.Send(method, target, body, std::move(headers));
  }
  HttpResponse Keyed(absl::string_view method, absl::string_view target,
                     absl::string_view body, const std::string& key = "key") {
    return Send(method, target, body, {{"Idempotency-Key", key}});
  }
  HttpResponse Matching(absl::string_view method, absl::string_view target,
                        absl::string_view body, const std::string& tags) {
    return Send(method, target, body, {{"If-Match", tags}});
  }
  // Creates the deployment 1.
  void Create() {
    ASSERT_EQ(Send("POST", kDeployments, R"({"ref":"main"})").status, 201);
  }
  std::string Tag() { return Header(Send("GET", kFirst, ""), "ETag"); }

  // That `again` is `first` once more.
  static void ExpectReplay(const HttpResponse& first,
                           const HttpResponse& again) {
    EXPECT_EQ(Header(first, kReplayed), "");
    EXPECT_EQ(Header(again, kReplayed), "true");
    EXPECT_EQ(again.status, first.status);
    EXPECT_EQ(again.body, first.body);
    ASSERT_EQ(again.headers.size(), first.headers.size() + 1);
    for (const HttpHeader& header : first.headers) {
      EXPECT_EQ(Header(again, header.name), header.value) << header.name;
    }
  }

  RestWorld world_;
};

TEST_F(RestGuardsTest, R100EveryAnswerComesAgainAsItWas) {
  Create();
  ASSERT_EQ(Send("POST", kDeployments, R"({"ref":"main"})").status, 201);
  const struct {
    const char* method;
    const char* target;
    const char* body;
    int status;
  } cases[] = {
      {"POST", kDeployments, R"({"ref":"main","payload":{"a":[1]}})", 201},
      {"POST", kDeployments, R"({"ref":"behind"})", 202},
      {"POST", kDeployments, R"({"ref":"conflict"})", 409},
      {"POST", kDeployments, R"({"ref":"red","auto_merge":false})", 409},
      {"POST", kDeployments, R"({"ref":"nowhere"})", 422},
      {"POST", kStatuses, R"({"state":"success","log_url":"l"})", 201},
      {"POST", kStatuses, R"({"state":"waiting"})", 422},
      {"DELETE", kFirst, "", 422},
      {"DELETE", "/repos/octocat/Hello-World/deployments/3", "", 204},
      {"DELETE", "/repos/octocat/Hello-World/deployments/4711", "", 404},
  };
  std::vector<HttpResponse> first;
  for (size_t i = 0; i < std::size(cases); ++i) {
    first.push_back(Keyed(cases[i].method, cases[i].target, cases[i].body,
                          absl::StrCat("key ", i)));
    EXPECT_EQ(first.back().status, cases[i].status) << first.back().body;
  }
  // Whatever has become of it all since.
  world_.clock.AdvanceMs(3600 * 1000);
  EXPECT_EQ(Send("POST", kStatuses, R"({"state":"inactive"})").status, 201);
  EXPECT_EQ(Send("DELETE", kFirst, "").status, 204);
  const size_t entries = world_.store.ReadAll({0, 1000})->size();
  for (size_t i = 0; i < std::size(cases); ++i) {
    SCOPED_TRACE(i);
    ExpectReplay(first[i], Keyed(cases[i].method, cases[i].target,
                                 cases[i].body, absl::StrCat("key ", i)));
  }
  EXPECT_EQ(world_.store.ReadAll({0, 1000})->size(), entries);
}

TEST_F(RestGuardsTest, R100TheSameRequestMayBeWrittenInAnotherWay) {
  const HttpResponse first = Keyed("POST", kDeployments, R"({"ref":"main"})");
  ExpectReplay(first, Keyed("POST", "/repos/OCTOCAT/hello-world/deployments",
                            R"( { "unknown" : 1, "ref" : "m\u0061in" } )"));
  ExpectReplay(first, Keyed("POST", "/repositories/1296269/deployments",
                            R"({"ref":"main"})"));
}

TEST_F(RestGuardsTest, R100AnotherRequestUnderTheKeyIsRefused) {
  Keyed("POST", kDeployments, R"({"ref":"main"})");
  for (const HttpResponse& reused :
       {Keyed("POST", kDeployments, R"({"ref":"main","task":"deploy"})"),
        Keyed("POST", kStatuses, kQueued), Keyed("DELETE", kFirst, "")}) {
    EXPECT_EQ(reused.status, 422);
    EXPECT_THAT(
        reused.body,
        HasSubstr(R"("message":"This idempotency key has been used for )"
                  R"(another request.")"));
    EXPECT_EQ(Header(reused, kReplayed), "");
  }
  // Another key is another request.
  EXPECT_EQ(Keyed("DELETE", kFirst, "", "KEY").status, 204);
}

TEST_F(RestGuardsTest, R100KeysThatCannotBe) {
  const struct {
    std::string key;
    const char* problem;
  } cases[] = {
      {"", "Idempotency-Key is empty"},
      {std::string(256, 'k'),
       "idempotency_key is too long (maximum is 255 bytes)"},
      {"k\xFF", "idempotency_key is not valid UTF-8"},
  };
  for (const auto& c : cases) {
    const HttpResponse response =
        Keyed("POST", kDeployments, R"({"ref":"main"})", c.key);
    EXPECT_EQ(response.status, 422);
    EXPECT_THAT(response.body, HasSubstr(c.problem));
  }
  const HttpResponse twice =
      Send("POST", kDeployments, R"({"ref":"main"})",
           {{"Idempotency-Key", "a"}, {"idempotency-key", "a"}});
  EXPECT_EQ(twice.status, 422);
  EXPECT_THAT(twice.body, HasSubstr("Idempotency-Key is given twice"));
  EXPECT_EQ(Send("GET", kDeployments, "").body, "[]");
  EXPECT_EQ(
      Keyed("POST", kDeployments, R"({"ref":"main"})", std::string(255, 'k'))
          .status,
      201);
}

TEST_F(RestGuardsTest, R100ABodyThatCannotBeReadUsesNoKey) {
  EXPECT_EQ(Keyed("POST", kDeployments, "{").status, 400);
  EXPECT_EQ(Keyed("POST", kDeployments, "{}").status, 422);
  const HttpResponse first = Keyed("POST", kDeployments, R"({"ref":"main"})");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(Header(first, kReplayed), "");
}

TEST_F(RestGuardsTest, R100ReadingTakesNoKey) {
  Create();
  Keyed("POST", kStatuses, kQueued);
  for (const char* target : {kDeployments, kFirst, kStatuses}) {
    const HttpResponse response = Keyed("GET", target, "");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(Header(response, kReplayed), "");
  }
}

TEST_F(RestGuardsTest, R100AnswersOutliveTheRepository) {
  const HttpResponse first = Keyed("POST", kDeployments, R"({"ref":"main"})");
  v1::Command deletion;
  deletion.mutable_repository()->set_owner("octocat");
  deletion.mutable_repository()->set_name("hello-world");
  v1::Decision decision;
  ASSERT_TRUE(world_.store
                  .Transact({world_.rules, deletion,
                             [](const v1::Facts&, v1::Decision* answer) {
                               v1::Event& event =
                                   *answer->mutable_acceptance()->add_events();
                               event.set_type(
                                   v1::EVENT_TYPE_REPOSITORY_DELETED);
                               return absl::OkStatus();
                             }},
                            &decision)
                  .ok());
  ExpectReplay(first, Keyed("POST", kDeployments, R"({"ref":"main"})"));
  const struct {
    const char* method;
    const char* target;
    const char* body;
    std::string key;
    int status;
  } cases[] = {
      {"POST", kDeployments, R"({"ref":"main"})", "another", 404},
      {"POST", kDeployments, R"({"ref":"red"})", "key", 422},
      {"POST", kDeployments, "{", "key", 404},
      {"POST", kDeployments, R"({"ref":"main"})", "\xFF", 404},
      {"POST", kStatuses, "{", "key", 404},
      {"POST", "/repositories/1296269/deployments", "{}", "key", 404},
      {"POST", "/repos/octocat/%FF/deployments", R"({"ref":"main"})", "key",
       404},
      {"POST", "/repos/octocat/never/deployments", R"({"ref":"main"})", "key",
       404},
      {"DELETE", kFirst, "", "third", 404},
      {"GET", kFirst, "", "key", 404},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Keyed(c.method, c.target, c.body, c.key).status, c.status)
        << c.method << " " << c.target << " " << c.key;
  }
}

TEST_F(RestGuardsTest, R101TheTagOfADeploymentChangesWithEveryStatus) {
  Create();
  const std::string none = Tag();
  EXPECT_EQ(none.substr(0, 3), "\"0-");
  Send("POST", kStatuses, kQueued);
  const std::string one = Tag();
  // In the same millisecond, with nothing that the body shows.
  Send("POST", kStatuses, kQueued);
  const std::string two = Tag();
  EXPECT_NE(none, one);
  EXPECT_NE(one, two);
  EXPECT_EQ(two, Tag());
  // With whatever else the body shows, too.
  EXPECT_NE(two, Header(world_.Send("GET", kFirst, "",
                                    {{"Host", "other.example.org"}}),
                        "ETag"));
}

TEST_F(RestGuardsTest, R101AStatusOnlyWhereTheTagIsTheLatest) {
  Create();
  const std::string stale = Tag();
  EXPECT_EQ(Matching("POST", kStatuses, kQueued, stale).status, 201);
  const HttpResponse refused = Matching("POST", kStatuses, kQueued, stale);
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(
      refused.body,
      R"({"message":"The latest status of the deployment is not the expected )"
      R"(one.","documentation_url":"https://docs.github.com/rest/deployments/)"
      R"(statuses#create-a-deployment-status","status":"412"})");
  EXPECT_EQ(Header(refused, "Content-Type"), "application/json; charset=utf-8");
  EXPECT_FALSE(absl::StrContains(Send("GET", kStatuses, "").body, "},{\"url"));
}

TEST_F(RestGuardsTest, R101WhatMatches) {
  Create();
  const std::string stale = Tag();
  Send("POST", kStatuses, kQueued);
  const std::string tag = Tag();
  const struct {
    std::string tags;
    int status;
  } cases[] = {{"*", 201},
               {stale, 412},
               {absl::StrCat("W/", tag), 412},
               {tag.substr(1, tag.size() - 2), 412},
               {"garbage", 412},
               {"", 412},
               {"\"x\"", 412}};
  for (const auto& c : cases) {
    // Of DELETE first, since a status would change the tag.
    if (c.status == 412) {
      EXPECT_EQ(Matching("DELETE", kFirst, "", c.tags).status, 412) << c.tags;
    }
    if (c.status == 201) continue;
    EXPECT_EQ(Matching("POST", kStatuses, kQueued, c.tags).status, c.status)
        << c.tags;
  }
  EXPECT_EQ(Tag(), tag);
  EXPECT_EQ(Matching("POST", kStatuses, kQueued,
                     absl::StrCat("\"x\", ", stale, ",", tag))
                .status,
            201);
  EXPECT_EQ(Matching("POST", kStatuses, kQueued, "*").status, 201);
  EXPECT_EQ(Matching("DELETE", kFirst, "", tag).status, 412);
  EXPECT_EQ(Matching("DELETE", kFirst, "", Tag()).status, 204);
  EXPECT_EQ(Matching("DELETE", kFirst, "", "*").status, 404);
}

TEST_F(RestGuardsTest, R101EveryOtherRefusalComesFirst) {
  Create();
  EXPECT_EQ(Matching("POST", kStatuses, R"({"state":"nope"})", "\"x\"").status,
            422);
  EXPECT_EQ(Matching("POST", kStatuses, "{", "\"x\"").status, 400);
  EXPECT_EQ(Matching("DELETE", "/repos/octocat/Hello-World/deployments/9", "",
                     "\"0-a\"")
                .status,
            404);
  Send("POST", kStatuses, R"({"state":"success"})");
  ASSERT_EQ(Send("POST", kDeployments, R"({"ref":"main"})").status, 201);
  EXPECT_EQ(Matching("DELETE", kFirst, "", "\"x\"").status, 422);
  // A list has no tag that could be matched.
  EXPECT_EQ(Matching("POST", kDeployments, R"({"ref":"main"})", "\"x\"").status,
            201);
}

TEST_F(RestGuardsTest, R100R101AGuardedRequestIsTheSameWhenItIsSentAgain) {
  Create();
  const std::vector<HttpHeader> headers = {{"Idempotency-Key", "key"},
                                           {"If-Match", Tag()}};
  const HttpResponse first = Send("POST", kStatuses, kQueued, headers);
  EXPECT_EQ(first.status, 201);
  ExpectReplay(first, Send("POST", kStatuses, kQueued, headers));
  Send("DELETE", kFirst, "");
  ExpectReplay(first, Send("POST", kStatuses, kQueued, headers));
  // Without the header, or with another one, it is another request.
  EXPECT_EQ(Keyed("POST", kStatuses, kQueued).status, 422);
}

TEST_F(RestGuardsTest, R100R101ARefusalIsTheSameAfterTheStatusHasMovedOn) {
  Create();
  Send("POST", kStatuses, kQueued);
  const std::string tag = Tag();
  Send("POST", kStatuses, kQueued);
  const std::vector<HttpHeader> headers = {{"Idempotency-Key", "key"},
                                           {"If-Match", tag + ", \"99-a\""}};
  const HttpResponse first = Send("POST", kStatuses, kQueued, headers);
  EXPECT_EQ(first.status, 412);
  Send("POST", kStatuses, kQueued);
  ExpectReplay(first, Send("POST", kStatuses, kQueued, headers));
}

TEST_F(RestGuardsTest, R100R101WhomItWasAskedOfMakesNoOtherRequest) {
  Create();
  const std::string tag = Header(
      world_.Send("GET", kFirst, "", {{"Host", "other.example.org"}}), "ETag");
  ASSERT_NE(tag, Tag());
  const std::vector<HttpHeader> headers = {{"Idempotency-Key", "key"},
                                           {"If-Match", tag}};
  const HttpResponse first = Send("POST", kStatuses, kQueued, headers);
  EXPECT_EQ(first.status, 201);
  ExpectReplay(first, Send("POST", kStatuses, kQueued, headers));
}

}  // namespace
}  // namespace slipway
