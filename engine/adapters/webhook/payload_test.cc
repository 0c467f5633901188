#include "slipway/adapters/webhook/payload.h"

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "rapidjson/pointer.h"
#include "rapidjson/schema.h"
#include "rapidjson/stringbuffer.h"
#include "slipway/adapters/webhook/signature.h"
#include "slipway/adapters/webhook/testing.h"

namespace slipway {
namespace internal {
namespace {

const rapidjson::Document& Schemas() {
  static const auto* const document = [] {
    std::ifstream file("testdata/openapi/webhooks-github.com.json");
    std::stringstream text;
    text << file.rdbuf();
    auto* parsed = new rapidjson::Document;
    parsed->Parse(text.str().c_str());
    return parsed;
  }();
  return *document;
}

// With a pool, because schemas leak some of what they allocate one by one.
using Schema =
    rapidjson::GenericSchemaDocument<rapidjson::Value,
                                     rapidjson::MemoryPoolAllocator<>>;

// nullptr: there is none.
const Schema* SchemaOf(const std::string& event) {
  static auto& compiled = *new std::map<std::string, std::unique_ptr<Schema>>;
  const std::string path =
      absl::StrCat("/webhooks/",
                   event == "deployment" ? "deployment-created"
                                         : "deployment-status-created",
                   "/post/requestBody/content/application~1json/schema");
  const rapidjson::Value* schema =
      rapidjson::Pointer(path.c_str()).Get(Schemas());
  if (schema == nullptr) return nullptr;
  std::unique_ptr<Schema>& document = compiled[event];
  if (document == nullptr) {
    document = std::make_unique<Schema>(*schema);
  }
  return document.get();
}

// What is wrong with a body, by the schema of its event; empty: nothing.
std::string Violation(const std::string& event, const std::string& body) {
  const Schema* schema = SchemaOf(event);
  if (schema == nullptr) return "no schema for " + event;
  rapidjson::GenericSchemaValidator<Schema> validator(*schema);
  rapidjson::Document document;
  if (document.Parse(body.c_str(), body.size()).HasParseError()) {
    return "no JSON";
  }
  if (document.Accept(validator)) return "";
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(place);
  return absl::StrCat(place.GetString(), ": ",
                      validator.GetInvalidSchemaKeyword());
}

const BaseUrls& Base() {
  static const auto* const base =
      new BaseUrls{"https://git.example.org/api/v3", "https://git.example.org"};
  return *base;
}

// Everything that an engine told others of, as messages.
std::vector<WebhookMessage> MessagesOf(TestEngine& engine) {
  std::vector<WebhookMessage> messages;
  const auto entries = engine.store.ReadAll({0, 1000});
  for (const OutboxEntry& entry : *entries) {
    if (!entry.notify) continue;
    Delivery delivery;
    delivery.id = 5;
    delivery.hook_id = 42;
    delivery.guid = "0b989ba4-242f-11e5-81e1-c7b6966d2516";
    delivery.entry = entry;
    const auto repository =
        engine.store.FindRepository(entry.event.repository());
    auto message = MessageFor({Base(), **repository, delivery, kSecret});
    EXPECT_TRUE(message.ok()) << message.status();
    if (message.ok()) messages.push_back(*message);
  }
  return messages;
}

TEST(Payload, R80EveryPayloadIsValidByGitHubsSchema) {
  TestEngine engine;
  v1::Command put = TestEngine::CommandOn("hidden.repo_1");
  put.mutable_put_repository()->set_id(2);
  put.mutable_put_repository()->set_default_branch("main");
  put.mutable_put_repository()->set_visibility(
      v1::REPOSITORY_VISIBILITY_PRIVATE);
  engine.Send(put);
  v1::Command ref = TestEngine::CommandOn("hidden.repo_1");
  ref.mutable_put_ref()->set_name("main");
  ref.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
  ref.mutable_put_ref()->set_sha(std::string(40, 'b'));
  engine.Send(ref);
  for (const char* name : {"hello-world", "hidden.repo_1"}) {
    for (const v1::ActorType type : {v1::ACTOR_TYPE_USER, v1::ACTOR_TYPE_BOT,
                                     v1::ACTOR_TYPE_ORGANIZATION}) {
      v1::Command create = TestEngine::CommandOn(name);
      create.mutable_actor()->set_type(type);
      create.mutable_actor()->set_login("robot[bot]");
      v1::CreateDeployment& request = *create.mutable_create_deployment();
      request.set_ref("main");
      request.set_auto_merge(false);
      request.mutable_required_contexts();
      request.set_environment("Qualit\xC3\xA4t/1");
      switch (type) {
        case v1::ACTOR_TYPE_USER:
          break;
        case v1::ACTOR_TYPE_BOT:
          request.set_payload_type(v1::PAYLOAD_TYPE_OBJECT);
          request.set_payload(R"({ "a":[1,null,{"b":"\u0000"}] })");
          request.set_description("");
          break;
        default:
          request.set_payload_type(v1::PAYLOAD_TYPE_STRING);
          request.set_payload("\"quoted\"\n");
          request.set_description("to \xE2\x82\xAC");
      }
      const int64_t id =
          engine.Send(create).acceptance().events(0).deployment().id();
      for (const v1::StatusState state :
           {v1::STATUS_STATE_ERROR, v1::STATUS_STATE_FAILURE,
            v1::STATUS_STATE_IN_PROGRESS, v1::STATUS_STATE_QUEUED,
            v1::STATUS_STATE_PENDING, v1::STATUS_STATE_SUCCESS}) {
        engine.Report(id, state, name);
      }
      v1::Command status = TestEngine::CommandOn(name);
      v1::CreateStatus& report = *status.mutable_create_status();
      report.set_deployment_id(id);
      report.set_state(v1::STATUS_STATE_FAILURE);
      report.set_environment("moved");
      report.set_description("failed");
      report.set_log_url("https://ci.example.org/1?a=b");
      report.set_environment_url("https://qa.example.org");
      engine.Send(status);
    }
  }
  const std::vector<WebhookMessage> messages = MessagesOf(engine);
  ASSERT_EQ(messages.size(), 2u * 3 * 8);
  for (const WebhookMessage& message : messages) {
    EXPECT_EQ(Violation(message.event, message.body), "")
        << message.event << " " << message.body;
  }
}

TEST(Payload, TheSchemaIsLookedAt) {
  TestEngine engine;
  engine.Deploy();
  const WebhookMessage message = MessagesOf(engine).at(0);
  EXPECT_EQ(Violation("deployment", message.body), "");
  EXPECT_NE(Violation("deployment_status", message.body), "");
  EXPECT_NE(Violation("deployment", "{}"), "");
  std::string wrong = message.body;
  wrong.replace(wrong.find("\"action\":\"created\""), 18,
                "\"action\":\"deleted\"");
  EXPECT_NE(Violation("deployment", wrong), "");
}

TEST(Payload, R80ADeploymentIsAsItsStatusLeftIt) {
  TestEngine engine;
  const int64_t id = engine.Deploy();
  engine.clock.AdvanceMs(60'000);
  v1::Command status = TestEngine::CommandOn();
  status.mutable_create_status()->set_deployment_id(id);
  status.mutable_create_status()->set_state(v1::STATUS_STATE_QUEUED);
  status.mutable_create_status()->set_environment("canary");
  engine.Send(status);
  engine.clock.AdvanceMs(60'000);
  engine.Report(id, v1::STATUS_STATE_SUCCESS);
  const WebhookMessage message = MessagesOf(engine).at(1);
  rapidjson::Document json;
  json.Parse(message.body.c_str());
  EXPECT_STREQ(json["action"].GetString(), "created");
  EXPECT_STREQ(json["deployment_status"]["state"].GetString(), "queued");
  EXPECT_STREQ(json["deployment"]["environment"].GetString(), "canary");
  EXPECT_STREQ(json["deployment"]["original_environment"].GetString(),
               "production");
  EXPECT_STREQ(json["deployment"]["updated_at"].GetString(),
               json["deployment_status"]["created_at"].GetString());
  EXPECT_STREQ(
      json["deployment_status"]["deployment_url"].GetString(),
      absl::StrCat("https://git.example.org/api/v3/repos/octocat/hello-world/"
                   "deployments/",
                   id)
          .c_str());
  EXPECT_EQ(json["repository"]["id"].GetInt64(), 1296269);
  EXPECT_STREQ(json["repository"]["full_name"].GetString(),
               "octocat/hello-world");
  EXPECT_STREQ(json["repository"]["default_branch"].GetString(), "main");
  EXPECT_STREQ(json["repository"]["ssh_url"].GetString(),
               "git@git.example.org:octocat/hello-world.git");
  EXPECT_STREQ(json["sender"]["login"].GetString(), "octocat");
}

TEST(Payload, R82Headers) {
  TestEngine engine;
  engine.Report(engine.Deploy(), v1::STATUS_STATE_SUCCESS);
  const std::vector<WebhookMessage> messages = MessagesOf(engine);
  ASSERT_EQ(messages.size(), 2u);
  for (const WebhookMessage& message : messages) {
    const auto header = [&](const char* name) {
      const std::string* value = FindHeader(message.headers, name);
      return value == nullptr ? "none" : *value;
    };
    EXPECT_EQ(header("Content-Type"), "application/json");
    EXPECT_TRUE(absl::StartsWith(header("User-Agent"), "GitHub-Hookshot/"));
    EXPECT_EQ(header("X-GitHub-Event"), message.event);
    EXPECT_EQ(header("X-GitHub-Delivery"),
              "0b989ba4-242f-11e5-81e1-c7b6966d2516");
    EXPECT_EQ(header("X-GitHub-Hook-ID"), "42");
    EXPECT_EQ(header("X-GitHub-Hook-Installation-Target-Type"), "repository");
    EXPECT_EQ(header("X-GitHub-Hook-Installation-Target-ID"), "1296269");
    EXPECT_EQ(header("X-Hub-Signature-256"),
              SignatureOf(kSecret, message.body));
  }
  EXPECT_EQ(messages[0].event, "deployment");
  EXPECT_EQ(messages[1].event, "deployment_status");
}

TEST(Payload, OfWhatNobodyIsTold) {
  TestEngine engine;
  const auto entries = engine.store.ReadAll({0, 10});
  const auto repository =
      engine.store.FindRepository(TestEngine::CommandOn().repository());
  Delivery delivery;
  delivery.entry = entries->at(0);
  EXPECT_TRUE(absl::IsInvalidArgument(
      MessageFor({Base(), **repository, delivery, kSecret}).status()));
  // A status without its deployment.
  delivery.entry.event.set_type(v1::EVENT_TYPE_STATUS_CREATED);
  delivery.entry.event.mutable_status();
  EXPECT_TRUE(absl::IsInvalidArgument(
      MessageFor({Base(), **repository, delivery, kSecret}).status()));
}

}  // namespace
}  // namespace internal
}  // namespace slipway
