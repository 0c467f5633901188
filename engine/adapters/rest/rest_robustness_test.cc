// Whatever is asked, the handler answers, and what it answers is well formed.
// Requests are made from a seed, so a failure comes back.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "slipway/adapters/rest/testing.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace {

using internal::Header;
using internal::RestWorld;

// Makes requests out of what the API knows, broken here and there.
class RequestMaker {
 public:
  explicit RequestMaker(uint32_t seed) : random_(seed) {}

  HttpRequest Make() {
    HttpRequest request;
    request.id = "1:2:3";
    request.method = Pick({"GET", "GET", "HEAD", "POST", "POST", "POST",
                           "DELETE", "PUT", "PATCH", "", "get"});
    request.target = Broken(Target());
    if (Chance(90)) request.headers.push_back({"Host", Pick(kHosts)});
    if (Chance(20)) {
      request.headers.push_back({"If-None-Match", Broken("W/\"0123\", *")});
    }
    if (Chance(20)) {
      request.headers.push_back(
          {"If-Modified-Since", Broken("Fri, 20 Jul 2012 01:19:13 GMT")});
    }
    if (Chance(10)) {
      request.headers.push_back({"X-GitHub-Api-Version", Broken("2026-03-10")});
    }
    request.body = Broken(Body());
    return request;
  }

 private:
  using Choices = std::vector<std::string>;
  static const Choices kHosts;

  int Below(int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random_);
  }
  bool Chance(int percent) { return Below(100) < percent; }
  std::string Pick(const Choices& choices) {
    return choices[Below(static_cast<int>(choices.size()))];
  }

  std::string Id() {
    return Chance(70) ? std::to_string(1 + Below(12))
                      : Pick({"0", "-1", "abc", "9223372036854775807",
                              "9223372036854775808", "%31", ""});
  }
  std::string Target() {
    std::string target =
        Pick({"/repos/octocat/Hello-World", "/repos/a/b",
              "/repositories/1296269", "/repositories/2", "/"});
    absl::StrAppend(&target, "/deployments");
    if (Chance(60)) absl::StrAppend(&target, "/", Id());
    if (Chance(40)) absl::StrAppend(&target, "/statuses");
    if (Chance(20)) absl::StrAppend(&target, "/", Id());
    for (char mark = '?'; Chance(40); mark = '&') {
      absl::StrAppend(
          &target, std::string(1, mark),
          Pick({"page", "per_page", "ref", "sha", "task", "environment", "x"}),
          "=",
          Pick({"1", "2", "0", "-1", "999999999999", "main", "production",
                "%22%3E%0D%0A", "none", ""}));
    }
    return target;
  }
  std::string Value(int depth = 0) {
    if (depth < 4 && Chance(20)) {
      return absl::StrCat("[", Value(depth + 1), ",", Value(depth + 1), "]");
    }
    if (depth < 4 && Chance(20)) {
      return absl::StrCat("{\"a\": ", Value(depth + 1), "}");
    }
    return Pick({"null", "true", "false", "0", "-1.5e9", "\"\"", "\"main\"",
                 "\"red\"", "\"behind\"", "\"success\"", "\"error\"",
                 "\"https://a.example.org\"", "\"\\u0000\\r\\n\"",
                 "\"\\ud83d\\ude80\"", "[]", "{}", "[\"build\"]"});
  }
  std::string Body() {
    if (Chance(10)) return Value();
    std::string fields;
    if (Chance(80)) {
      fields = absl::StrCat(
          "\"state\":\"success\",\"ref\":\"",
          Pick({"main", "main", "main", "behind", "conflict", "red"}), "\"");
    }
    while (Chance(60)) {
      absl::StrAppend(
          &fields, fields.empty() ? "" : ",", "\"",
          Pick({"ref", "task", "auto_merge", "required_contexts", "payload",
                "environment", "description", "transient_environment",
                "production_environment", "state", "log_url", "target_url",
                "environment_url", "auto_inactive", "x"}),
          "\":", Value());
    }
    return absl::StrCat("{", fields, "}");
  }
  // The same, or with a few bytes changed, added or left out.
  std::string Broken(std::string text) {
    if (Chance(70)) return text;
    for (int times = 1 + Below(3); times > 0 && !text.empty(); --times) {
      const size_t at = Below(static_cast<int>(text.size()));
      const char c = Chance(50) ? static_cast<char>(Below(256))
                                : Pick({"/", "%", "?", "&", "\"", "{", "}", "[",
                                        "]", ",", ":", "\\", "1"})[0];
      switch (Below(3)) {
        case 0:
          text[at] = c;
          break;
        case 1:
          text.insert(at, 1, c);
          break;
        default:
          text.erase(at, 1 + Below(4));
      }
    }
    return text;
  }

  std::mt19937 random_;
};

const RequestMaker::Choices RequestMaker::kHosts = {
    "api.example.org", "127.0.0.1:8080", "a\"b", "a\r\nX: y", ""};

std::string Shown(const HttpRequest& request) {
  return absl::StrCat(request.method, " ", request.target, "\n", request.body);
}

void ExpectWellFormed(const HttpRequest& request,
                      const HttpResponse& response) {
  SCOPED_TRACE(Shown(request));
  const std::vector<int> known = {200, 201, 202, 204, 304, 400, 404, 409, 422};
  EXPECT_EQ(std::count(known.begin(), known.end(), response.status), 1)
      << response.status;
  for (const HttpHeader& header : response.headers) {
    for (const char c : header.value) {
      EXPECT_TRUE(c >= ' ' && c <= '~') << header.name << ": " << header.value;
    }
  }
  EXPECT_EQ(Header(response, "X-GitHub-Request-Id"), "1:2:3");
  EXPECT_NE(Header(response, "X-GitHub-Media-Type"), "");
  EXPECT_EQ(Header(response, "Location").empty(), response.status != 201);
  if (response.status == 204 || response.status == 304) {
    EXPECT_EQ(response.body, "");
    return;
  }
  rapidjson::Document body;
  body.Parse<rapidjson::kParseValidateEncodingFlag>(response.body.data(),
                                                    response.body.size());
  ASSERT_FALSE(body.HasParseError()) << response.body;
  if (response.status >= 400) {
    ASSERT_TRUE(body.IsObject());
    ASSERT_TRUE(body.HasMember("status"));
    EXPECT_EQ(body["status"].GetString(), std::to_string(response.status));
  }
}

TEST(RestRobustnessTest, EveryRequestHasAWellFormedAnswer) {
  RestWorld world;
  world.Start();
  RequestMaker maker(20120720);
  std::vector<int> seen(600);
  for (int i = 0; i < 30'000 && !::testing::Test::HasFailure(); ++i) {
    const HttpRequest request = maker.Make();
    const HttpResponse response = world.SendAs(request);
    ExpectWellFormed(request, response);
    ++seen[response.status];
  }
  // Else the requests would not be what they are meant to be.
  for (const int status : {200, 201, 202, 204, 304, 400, 404, 409, 422}) {
    EXPECT_GT(seen[status], 0) << status;
  }
}

TEST(RestRobustnessTest, NoiseHasAWellFormedAnswer) {
  RestWorld world;
  world.Start();
  std::mt19937 random(42);
  const auto noise = [&](int size_max) {
    std::string text(random() % size_max, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (int i = 0; i < 5'000 && !::testing::Test::HasFailure(); ++i) {
    HttpRequest request;
    request.id = "1:2:3";
    request.method = i % 2 == 0 ? noise(5) : "POST";
    request.target = i % 3 == 0 ? "/repos/octocat/Hello-World/deployments"
                                : absl::StrCat("/", noise(50));
    request.headers = {{"Host", noise(20)}, {noise(20), noise(20)}};
    request.body = noise(100);
    const HttpResponse response = world.SendAs(request);
    ExpectWellFormed(request, response);
    EXPECT_GE(response.status, 400) << Shown(request);
  }
}

}  // namespace
}  // namespace slipway
