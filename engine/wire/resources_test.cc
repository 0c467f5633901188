#include "slipway/wire/resources.h"

#include <string>

#include "gtest/gtest.h"
#include "slipway/v1/actor.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/wire/json_writer.h"

namespace slipway {
namespace internal {
namespace {

const BaseUrls& Base() {
  static const BaseUrls* const base =
      new BaseUrls{"https://git.example.org/api/v3", "https://git.example.org"};
  return *base;
}

v1::Repository HelloWorld() {
  v1::Repository repository;
  repository.set_id(1296269);
  repository.set_owner("octocat");
  repository.set_name("hello-world");
  return repository;
}

v1::Deployment Deployment() {
  v1::Deployment deployment;
  deployment.set_id(42);
  deployment.mutable_creator()->set_id(1);
  deployment.mutable_creator()->set_login("octocat");
  deployment.mutable_creator()->set_type(v1::ACTOR_TYPE_USER);
  return deployment;
}

std::string Written(const v1::Deployment& deployment) {
  std::string text;
  JsonWriter json(&text);
  WriteDeployment(Base(), HelloWorld(), deployment, json);
  return text;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ResourcesTest, Addresses) {
  EXPECT_EQ(RepositoryUrl(Base(), HelloWorld()),
            "https://git.example.org/api/v3/repos/octocat/hello-world");
  EXPECT_EQ(DeploymentUrl(Base(), HelloWorld(), 42),
            "https://git.example.org/api/v3/repos/octocat/hello-world/"
            "deployments/42");
  EXPECT_EQ(StatusUrl(Base(), HelloWorld(), 42, 7),
            "https://git.example.org/api/v3/repos/octocat/hello-world/"
            "deployments/42/statuses/7");
}

TEST(ResourcesTest, NamesInAddressesAreEncoded) {
  v1::Repository repository;
  repository.set_owner("a/b");
  repository.set_name("c\"d");
  EXPECT_EQ(RepositoryUrl(Base(), repository),
            "https://git.example.org/api/v3/repos/a%2Fb/c%22d");
}

TEST(ResourcesTest, EveryStateHasItsName) {
  const struct {
    v1::StatusState state;
    const char* name;
  } cases[] = {
      // clang-format off
      {v1::STATUS_STATE_ERROR,       "error"},
      {v1::STATUS_STATE_FAILURE,     "failure"},
      {v1::STATUS_STATE_INACTIVE,    "inactive"},
      {v1::STATUS_STATE_IN_PROGRESS, "in_progress"},
      {v1::STATUS_STATE_QUEUED,      "queued"},
      {v1::STATUS_STATE_PENDING,     "pending"},
      {v1::STATUS_STATE_SUCCESS,     "success"},
      {v1::STATUS_STATE_WAITING,     "waiting"},
      // clang-format on
  };
  for (const auto& c : cases) {
    EXPECT_EQ(StateName(c.state), c.name);
    EXPECT_EQ(StateOfName(c.name), c.state);
  }
  EXPECT_EQ(StateName(v1::STATUS_STATE_UNSPECIFIED), "");
  for (const char* name : {"", "SUCCESS", "succes", "destroyed"}) {
    EXPECT_EQ(StateOfName(name), v1::STATUS_STATE_UNSPECIFIED) << name;
  }
}

TEST(ResourcesTest, TimesAreInUtcAndSeconds) {
  EXPECT_EQ(FormatApiTime(1342747153000), "2012-07-20T01:19:13Z");
  EXPECT_EQ(FormatApiTime(1342747153999), "2012-07-20T01:19:13Z");
  EXPECT_EQ(FormatApiTime(0), "1970-01-01T00:00:00Z");
}

TEST(ResourcesTest, NodeIdsAreTheClassicOnes) {
  v1::Deployment deployment = Deployment();
  deployment.set_id(1);
  EXPECT_TRUE(Contains(Written(deployment),
                       R"("id":1,"node_id":"MDEwOkRlcGxveW1lbnQx")"));
  EXPECT_TRUE(Contains(
      Written(deployment),
      R"("creator":{"login":"octocat","id":1,"node_id":"MDQ6VXNlcjE=")"));
}

TEST(ResourcesTest, ABotIsEncodedInAddressesAndHasAPageOfItsOwn) {
  v1::Deployment deployment = Deployment();
  deployment.mutable_creator()->set_id(49699333);
  deployment.mutable_creator()->set_login("dependabot[bot]");
  deployment.mutable_creator()->set_type(v1::ACTOR_TYPE_BOT);
  const std::string url =
      "https://git.example.org/api/v3/users/dependabot%5Bbot%5D";
  EXPECT_TRUE(Contains(
      Written(deployment),
      R"("creator":{"login":"dependabot[bot]","id":49699333,)"
      R"("node_id":"MDM6Qm90NDk2OTkzMzM=",)"
      R"("avatar_url":"https://git.example.org/avatars/u/49699333",)"
      R"("gravatar_id":"","url":")" +
          url + R"(","html_url":"https://git.example.org/apps/dependabot",)" +
          R"("followers_url":")" + url + R"(/followers",)" +
          R"("following_url":")" + url + R"(/following{/other_user}",)" +
          R"("gists_url":")" + url + R"(/gists{/gist_id}",)" +
          R"("starred_url":")" + url + R"(/starred{/owner}{/repo}",)" +
          R"("subscriptions_url":")" + url + R"(/subscriptions",)" +
          R"("organizations_url":")" + url + R"(/orgs",)" + R"("repos_url":")" +
          url + R"(/repos",)" + R"("events_url":")" + url +
          R"(/events{/privacy}",)" + R"("received_events_url":")" + url +
          R"(/received_events","type":"Bot","site_admin":false},)"))
      << Written(deployment);
}

TEST(ResourcesTest, TypesOfActors) {
  v1::Deployment deployment = Deployment();
  EXPECT_TRUE(Contains(Written(deployment), R"("type":"User")"));
  deployment.mutable_creator()->set_type(v1::ACTOR_TYPE_ORGANIZATION);
  deployment.mutable_creator()->set_site_admin(true);
  EXPECT_TRUE(Contains(Written(deployment),
                       R"("type":"Organization","site_admin":true)"));
}

// R11.
TEST(ResourcesTest, R11APayloadIsWhatItWasGivenAs) {
  v1::Deployment deployment = Deployment();
  EXPECT_TRUE(Contains(Written(deployment), R"("payload":{},)"));
  const std::string object = "{ \"b\":1.0, \"a\" :[ ],\"a\":\"\\u0041\\/\" }";
  deployment.set_payload_type(v1::PAYLOAD_TYPE_OBJECT);
  deployment.set_payload(object);
  EXPECT_TRUE(Contains(Written(deployment),
                       "\"payload\":" + object + ",\"transient_environment\""));
  deployment.set_payload_type(v1::PAYLOAD_TYPE_STRING);
  EXPECT_TRUE(Contains(
      Written(deployment),
      R"("payload":"{ \"b\":1.0, \"a\" :[ ],\"a\":\"\\u0041\\/\" }",)"));
}

// R11.
TEST(ResourcesTest, R11AMissingDescriptionIsNullAndAnEmptyOneIsNot) {
  v1::Deployment deployment = Deployment();
  EXPECT_TRUE(Contains(Written(deployment), R"("description":null)"));
  deployment.set_description("");
  EXPECT_TRUE(Contains(Written(deployment), R"("description":"")"));
}

TEST(ResourcesTest, TextIsEscapedAndOtherwiseLeftAlone) {
  v1::Deployment deployment = Deployment();
  deployment.set_description(
      std::string("\"\\\b\0\x1f/\xC3\xA9\xF0\x9F\x9A\x80", 12));
  EXPECT_TRUE(Contains(Written(deployment),
                       R"("description":"\"\\\b\u0000\u001F/)"
                       "\xC3\xA9\xF0\x9F\x9A\x80\""))
      << Written(deployment);
}

TEST(ResourcesTest, IdsAreWholeNumbersUpToTheLargest) {
  v1::Deployment deployment = Deployment();
  deployment.set_id(9007199254740991);
  EXPECT_TRUE(Contains(Written(deployment), R"("id":9007199254740991,)"));
}

}  // namespace
}  // namespace internal
}  // namespace slipway
