#include "slipway/conformance/http/http_subject.h"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/conformance/http/signature.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/reports.h"
#include "slipway/runner/runner.h"

namespace slipway {
namespace conformance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kUrl[] = "http://server.example";
constexpr char kToken[] = "ghp_0123456789";

// Answers from a list, and remembers what it was asked.
class Script : public HttpClient {
 public:
  absl::StatusOr<HttpResponse> Send(const HttpCall& call) override {
    calls.push_back(call);
    if (answers.empty()) return absl::UnavailableError("no answer is left");
    HttpResponse response = std::move(answers.front());
    answers.pop_front();
    return response;
  }
  // Method and target of each.
  std::vector<std::string> Asked() const {
    std::vector<std::string> asked;
    for (const HttpCall& call : calls) {
      absl::string_view target = call.url;
      EXPECT_TRUE(absl::ConsumePrefix(&target, kUrl)) << call.url;
      asked.push_back(absl::StrCat(call.method, " ", target));
    }
    return asked;
  }

  std::deque<HttpResponse> answers;
  std::vector<HttpCall> calls;
};

HttpSubjectOptions Options(HttpClient& client) {
  HttpSubjectOptions options;
  options.client = &client;
  options.url = kUrl;
  options.owner = "octocat";
  options.repository = "hello-world";
  options.token = kToken;
  return options;
}

v1::Operation CreateOf(const std::string& ref) {
  v1::Operation operation;
  operation.mutable_create_deployment()->mutable_request()->set_ref(ref);
  return operation;
}

TEST(HttpSubject, MakesTheCallsOfTheApi) {
  Script script;
  HttpSubject subject(Options(script));
  for (int i = 0; i < 5; ++i) script.answers.push_back({200, {}, "{}"});
  ASSERT_TRUE(subject.Apply(CreateOf("main")).ok());
  EXPECT_EQ(script.calls[0].body, R"({"ref":"main"})");

  v1::Operation list;
  list.mutable_list_deployments()->set_environment("a b/ü");
  list.mutable_list_deployments()->set_page(2);
  ASSERT_TRUE(subject.Apply(list).ok());
  v1::Operation status;
  status.mutable_create_status()->set_deployment_id(7);
  ASSERT_TRUE(subject.Apply(status).ok());
  EXPECT_EQ(script.calls[2].body, R"({"state":"bogus"})");
  v1::Operation get;
  get.mutable_get_status()->set_deployment_id(7);
  get.mutable_get_status()->set_status_id(8);
  ASSERT_TRUE(subject.Apply(get).ok());
  v1::Operation remove;
  remove.mutable_delete_deployment()->set_deployment_id(7);
  ASSERT_TRUE(subject.Apply(remove).ok());
  const std::string repository = "/repos/octocat/hello-world/deployments";
  EXPECT_THAT(
      script.Asked(),
      ElementsAre("POST " + repository,
                  "GET " + repository + "?environment=a%20b%2F%C3%BC&page=2",
                  "POST " + repository + "/7/statuses",
                  "GET " + repository + "/7/statuses/8",
                  "DELETE " + repository + "/7"));
  EXPECT_EQ(*FindHeader(script.calls[0].headers, "Authorization"),
            absl::StrCat("Bearer ", kToken));
}

TEST(HttpSubject, ReadsAnswers) {
  Script script;
  HttpSubject subject(Options(script));
  script.answers.push_back({422,
                            {},
                            R"({"message": "Validation Failed", "errors": [
           {"resource": "DeploymentStatus", "field": "state",
            "code": "custom", "message": "is not valid"}, "a text"]})"});
  const auto refused = subject.Apply(CreateOf("main"));
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->code(), 422);
  EXPECT_EQ(refused->message(), "Validation Failed");
  EXPECT_EQ(refused->violations(0).field(), "state");
  EXPECT_EQ(refused->errors(0), "a text");

  script.answers.push_back({200,
                            {{"link",
                              "<http://x/?per_page=1&page=2>; rel=\"next\", "
                              "<http://x/?page=9&per_page=1>; rel=\"last\""}},
                            "[{\"id\": 5}, {\"id\": 4}]"});
  v1::Operation list;
  list.mutable_list_deployments();
  const auto listed = subject.Apply(list);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->deployments_size(), 2);
  EXPECT_EQ(listed->deployments(1).id(), 4);
  EXPECT_TRUE(listed->has_next_page());
  EXPECT_EQ(listed->last_page(), 9);

  // What is no JSON is an answer all the same.
  script.answers.push_back({500, {}, "<html>"});
  const auto broken = subject.Apply(list);
  ASSERT_TRUE(broken.ok());
  EXPECT_EQ(broken->code(), 500);
  EXPECT_THAT(broken->exchange(), HasSubstr("<html>"));
  // None is not.
  EXPECT_EQ(subject.Apply(list).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(HttpSubject, TheTokenIsInNothingThatItGivesOut) {
  Script script;
  HttpSubject subject(Options(script));
  script.answers.push_back({400,
                            {{"X-Echo", kToken}},
                            absl::StrCat("{\"message\":\"", kToken, "\"}")});
  const auto answer = subject.Apply(CreateOf("it's"));
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->DebugString(), Not(HasSubstr(kToken)));
  const std::string line = subject.DescribeCall(CreateOf("it's"));
  EXPECT_EQ(line,
            "curl -i -X POST -H \"Authorization: Bearer $TOKEN\" "
            "-H 'Content-Type: application/json' -d "
            "'{\"ref\":\"it'\\''s\"}' "
            "'http://server.example/repos/octocat/hello-world/deployments'");
}

TEST(HttpSubject, CallsByHandNameRowsByVariables) {
  Script script;
  HttpSubjectOptions options = Options(script);
  options.token = "";
  HttpSubject subject(options);
  v1::Operation create = CreateOf("main");
  create.mutable_create_deployment()->set_binds("$d1");
  const std::string url =
      "'http://server.example/repos/octocat/hello-world/deployments";
  EXPECT_EQ(subject.DescribeCall(create),
            "curl -i -X POST -H 'Content-Type: application/json' -d "
            "'{\"ref\":\"main\"}' " +
                url + "'\nread -r D1  # type the id in its answer");
  v1::Operation get;
  get.mutable_get_status()->set_deployment("$d1");
  get.mutable_get_status()->set_deployment_id(7);
  get.mutable_get_status()->set_status("$s2a");
  get.mutable_get_status()->set_status_id(9);
  EXPECT_EQ(subject.DescribeCall(get),
            "curl -i " + url + "/'\"$D1\"'/statuses/'\"$S2A\"");
  // What is not there has no variable.
  get.mutable_get_status()->set_status_id((int64_t{1} << 53) - 1);
  EXPECT_EQ(subject.DescribeCall(get),
            "curl -i " + url + "/'\"$D1\"'/statuses/9007199254740991'");
}

TEST(HttpSubject, AResetDeletesWhatItMadeTheNewestFirst) {
  Script script;
  HttpSubject subject(Options(script));
  for (const int id : {3, 5, 8}) {
    script.answers.push_back({201, {}, absl::StrCat("{\"id\":", id, "}")});
    ASSERT_TRUE(subject.Apply(CreateOf("main")).ok());
  }
  script.calls.clear();
  script.answers = {{204, {}, ""},            // 8
                    {422, {}, "{}"},          // 5 is active
                    {201, {}, "{\"id\":9}"},  // and made inactive
                    {204, {}, ""},
                    {403, {}, "{}"}};  // 3 stays
  const auto left_over = subject.Reset();
  ASSERT_TRUE(left_over.ok()) << left_over.status();
  EXPECT_EQ(*left_over, "deployments 3");
  const std::string repository = "/repos/octocat/hello-world/deployments/";
  EXPECT_THAT(
      script.Asked(),
      ElementsAre("DELETE " + repository + "8", "DELETE " + repository + "5",
                  "POST " + repository + "5/statuses",
                  "DELETE " + repository + "5", "DELETE " + repository + "3"));
  // It is not tried again.
  script.calls.clear();
  EXPECT_EQ(*subject.Reset(), "");
  EXPECT_TRUE(script.calls.empty());
}

TEST(HttpSubject, AResetTakesNothingForGoneThatIsThere) {
  Script script;
  HttpSubject subject(Options(script));
  for (const int id : {3, 5}) {
    script.answers.push_back({201, {}, absl::StrCat("{\"id\":", id, "}")});
    ASSERT_TRUE(subject.Apply(CreateOf("main")).ok());
  }
  script.answers = {{404, {}, ""},  // there are no deletions
                    {200, {}, "{\"id\":5}"},
                    {404, {}, ""},
                    {404, {}, ""}};  // 3 is gone
  const auto left_over = subject.Reset();
  ASSERT_TRUE(left_over.ok()) << left_over.status();
  EXPECT_EQ(*left_over, "deployments 5");
}

TEST(HttpSubject, AResetThatGetsNoAnswerForgetsNothing) {
  Script script;
  HttpSubject subject(Options(script));
  for (const int id : {3, 5, 8}) {
    script.answers.push_back({201, {}, absl::StrCat("{\"id\":", id, "}")});
    ASSERT_TRUE(subject.Apply(CreateOf("main")).ok());
  }
  script.answers = {{403, {}, ""}};  // 8 stays, and then there is no answer
  EXPECT_EQ(subject.Reset().status(),
            absl::UnavailableError(
                "no answer is left; left over: deployments 3, 5, 8"));
  script.answers = {{403, {}, ""}, {204, {}, ""}, {204, {}, ""}};
  EXPECT_EQ(*subject.Reset(), "deployments 8");
}

// Creates deployments, and knows of nothing else.
class Undeleting : public HttpClient {
 public:
  absl::StatusOr<HttpResponse> Send(const HttpCall& call) override {
    if (call.method == "DELETE") return HttpResponse{403, {}, "{}"};
    if (call.method != "POST") return HttpResponse{200, {}, "[]"};
    return HttpResponse{201, {}, absl::StrCat("{\"id\":", ++ids_, "}")};
  }

 private:
  int ids_ = 0;
};

TEST(HttpSubject, WhatCouldNotBeDeletedIsInTheReport) {
  Undeleting server;
  HttpSubjectOptions options = Options(server);
  options.known.add_refs()->set_name("main");
  HttpSubject subject(options);
  RunOptions run;
  run.profile = DocumentedProfile();
  run.sequences = 5;
  run.failures_max = 1;
  const v1::Report report = conformance::Run(run, subject);
  EXPECT_THAT(report.left_over(), HasSubstr("deployments 1"));
  EXPECT_THAT(report.left_over(), HasSubstr("deployments 2"));
}

TEST(HttpSubject, WhatIsNestedTooDeepIsNotRead) {
  Script script;
  HttpSubject subject(Options(script));
  const auto apply = [&](int depth) {
    std::string payload;
    for (int i = 0; i < depth; ++i) payload += "{\"a\":";
    payload += "1" + std::string(static_cast<size_t>(depth), '}');
    script.answers.push_back(
        {201, {}, "{\"id\":7,\"payload\":" + payload + "}"});
    return *subject.Apply(CreateOf("main"));
  };
  EXPECT_TRUE(apply(499).has_deployment());
  const v1::Answer deeper = apply(500);
  EXPECT_FALSE(deeper.has_deployment());
  EXPECT_EQ(deeper.flaw(), "the body is nested deeper than 500");
  EXPECT_FALSE(apply(1'000'000).has_deployment());
  // What is text is not nested.
  script.answers.push_back(
      {201, {}, "{\"payload\":\"\\\"" + std::string(600, '[') + "\"}"});
  EXPECT_EQ(subject.Apply(CreateOf("main"))->flaw(), "");
}

TEST(HttpSubject, ABodyThatIsNotWhatWasAskedForHasAFlaw) {
  Script script;
  HttpSubject subject(Options(script));
  v1::Operation list;
  list.mutable_list_deployments();
  const auto flaw_of = [&](const v1::Operation& operation, int code,
                           const char* body) {
    script.answers.push_back({code, {}, body});
    return subject.Apply(operation)->flaw();
  };
  EXPECT_EQ(flaw_of(list, 200, "[]"), "");
  EXPECT_EQ(flaw_of(list, 200, "null"), "the body is no JSON array");
  EXPECT_EQ(flaw_of(list, 200, "{}"), "the body is no JSON array");
  EXPECT_EQ(flaw_of(list, 200, "<html>"), "the body is no JSON");
  EXPECT_EQ(flaw_of(list, 200, ""), "the body is no JSON");
  EXPECT_EQ(flaw_of(CreateOf("main"), 201, "[]"), "the body is no JSON object");
  // An error may have no body.
  EXPECT_EQ(flaw_of(list, 404, ""), "");
}

TEST(HttpSubject, R11NoPayloadIsNoEmptyObject) {
  Script script;
  HttpSubject subject(Options(script));
  const auto payload_of = [&](const std::string& body) {
    script.answers.push_back({201, {}, body});
    return subject.Apply(CreateOf("main"))->deployment().payload();
  };
  EXPECT_EQ(payload_of(R"({"payload": {}})"), "{}");
  EXPECT_EQ(payload_of(R"({"payload": null})"), "null");
  EXPECT_EQ(payload_of(R"({"payload": [1]})"), "[1]");
  EXPECT_EQ(payload_of("{}"), "nothing");
}

// ---------------------------------------------------------------------------
// The engine behind REST, without sockets, and what it sends to a receiver.

// How webhooks are sent: each function may change one; nothing, or wrongly.
struct Sender {
  std::string secret;
  // May change a webhook; false: it is not sent.
  std::function<bool(HttpRequest&)> change;
  bool for_inactive = false;
  int times = 1;
};

class Server : public HttpClient {
 public:
  Server(WebhookReceiver* receiver, Sender sender)
      : receiver_(receiver),
        sender_(std::move(sender)),
        source_control_(
            *MemorySourceControl::Create(InProcessSubject::SeedOfRepository())),
        runner_({&store_, source_control_.get(), &clock_, &ids_}) {
    slipway::v1::Command command;
    command.mutable_repository()->set_owner("octocat");
    command.mutable_repository()->set_name("hello-world");
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("octocat");
    command.mutable_put_repository()->set_id(1);
    command.mutable_put_repository()->set_default_branch("main");
    EXPECT_TRUE(runner_.Execute(command).ok());
    RestParams rest;
    rest.runner = &runner_;
    rest.store = &store_;
    rest.actor = command.actor();
    rest_ = std::make_unique<RestHandler>(rest);
  }
  ~Server() override {
    for (std::thread& thread : threads_) thread.join();
  }

  absl::StatusOr<HttpResponse> Send(const HttpCall& call) override {
    HttpRequest request;
    request.method = call.method;
    request.target = call.url.substr(std::string(kUrl).size());
    request.headers = call.headers;
    request.headers.push_back({"Host", "server.example"});
    request.body = call.body;
    HttpResponse response = rest_->Handle(request);
    if (receiver_ != nullptr && request.method == "POST" &&
        response.status == 201) {
      Tell(request, response.body);
    }
    return response;
  }

 private:
  void Tell(const HttpRequest& call, const std::string& row) {
    const bool is_status = absl::EndsWith(call.target, "/statuses");
    if (is_status && !sender_.for_inactive &&
        absl::StrContains(row, "\"state\":\"inactive\"")) {
      return;
    }
    std::string deployment = row;
    if (is_status) {
      absl::string_view id = call.target;
      absl::ConsumeSuffix(&id, "/statuses");
      id.remove_prefix(id.rfind('/') + 1);
      deployment = absl::StrCat("{\"id\":", id, "}");
    }
    HttpRequest webhook;
    webhook.method = "POST";
    webhook.target = "/";
    webhook.body = absl::StrCat(
        "{\"action\":\"created\",\"deployment\":", deployment,
        is_status ? absl::StrCat(",\"deployment_status\":", row) : "",
        R"(,"repository":{"full_name":"Octocat/Hello-World"}})");
    webhook.headers = {
        {"X-GitHub-Event", is_status ? "deployment_status" : "deployment"},
        {"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
        {"X-GitHub-Hook-ID", "1"},
        {"X-Hub-Signature-256",
         internal::SignatureOf(sender_.secret, webhook.body)},
        {"User-Agent", "GitHub-Hookshot/1"},
        {"Content-Type", "application/json"}};
    if (sender_.change && !sender_.change(webhook)) return;
    threads_.emplace_back([this, webhook] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      for (int i = 0; i < sender_.times; ++i) receiver_->Handle(webhook);
    });
  }

  WebhookReceiver* const receiver_;
  const Sender sender_;
  MemoryStore store_;
  MemoryIds ids_;
  SystemClock clock_;
  std::unique_ptr<MemorySourceControl> source_control_;
  Runner runner_;
  std::unique_ptr<RestHandler> rest_;
  std::vector<std::thread> threads_;
};

v1::Report RunWith(WebhookReceiver* receiver, const Sender& sender,
                   int64_t timeout_ms = 60'000) {
  Server server(receiver, sender);
  HttpSubjectOptions options = Options(server);
  options.webhooks = receiver;
  options.webhook_timeout_ms = timeout_ms;
  options.webhook_settle_ms = 20;
  v1::RefFixture& main = *options.known.add_refs();
  main.set_name("v2");
  main.set_form(slipway::v1::REF_FORM_TAG);
  HttpSubject subject(options);
  RunOptions run;
  run.profile = DocumentedProfile();
  run.sequences = 12;
  return conformance::Run(run, subject);
}

v1::RuleOutcome OutcomeOf(const v1::Report& report, int rule) {
  for (const v1::RuleResult& result : report.rules()) {
    if (result.rule() == rule) return result.outcome();
  }
  return v1::RULE_OUTCOME_UNSPECIFIED;
}

void ExpectFailureOf(int rule, int steps, const v1::Report& report) {
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(report.failures_size(), 1) << TextReport(report);
  const v1::Failure& failure = report.failures(0);
  EXPECT_EQ(failure.rules(0), rule) << TextReport(report);
  EXPECT_EQ(failure.sequence().operations_size(), steps) << TextReport(report);
  EXPECT_TRUE(failure.reproduced());
}

TEST(HttpSubject, WithoutAReceiverNobodyListens) {
  const v1::Report report = RunWith(nullptr, {});
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << TextReport(report);
  EXPECT_EQ(OutcomeOf(report, 80), v1::RULE_OUTCOME_NOT_TESTED);
  EXPECT_EQ(OutcomeOf(report, 82), v1::RULE_OUTCOME_NOT_TESTED);
  Script script;
  EXPECT_FALSE(HttpSubject(Options(script)).Notifications({}).ok());
}

TEST(HttpSubject, R80WebhooksAreCompared) {
  WebhookReceiver receiver("hush");
  Sender sender;
  sender.secret = "hush";
  sender.times = 2;
  const v1::Report report = RunWith(&receiver, sender);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << TextReport(report);
  EXPECT_EQ(OutcomeOf(report, 80), v1::RULE_OUTCOME_PASSED);
  EXPECT_EQ(OutcomeOf(report, 82), v1::RULE_OUTCOME_PASSED);
}

TEST(HttpSubject, R80WhatIsNotSentIsMissed) {
  WebhookReceiver receiver("");
  Sender sender;
  sender.change = [](HttpRequest& webhook) {
    return !absl::StrContains(webhook.body, "\"state\":\"success\"");
  };
  const v1::Report report = RunWith(&receiver, sender, /*timeout_ms=*/500);
  ExpectFailureOf(80, 2, report);
  EXPECT_EQ(OutcomeOf(report, 82), v1::RULE_OUTCOME_NOT_TESTED);
}

TEST(HttpSubject, R80WhatIsNotToBeSentIsNoticed) {
  WebhookReceiver receiver("");
  Sender sender;
  sender.for_inactive = true;
  const v1::Report report = RunWith(&receiver, sender);
  ExpectFailureOf(80, 2, report);
  EXPECT_THAT(report.failures(0).actual().exchange(),
              HasSubstr("< X-GitHub-Event: deployment_status"));
}

TEST(HttpSubject, R82AWrongSignatureIsAFailure) {
  WebhookReceiver receiver("hush");
  Sender sender;
  sender.secret = "another";
  const v1::Report report = RunWith(&receiver, sender);
  ExpectFailureOf(82, 1, report);
  EXPECT_EQ(OutcomeOf(report, 80), v1::RULE_OUTCOME_NOT_REACHED);
}

TEST(HttpSubject, WebhooksOfOtherRepositoriesAreNoConcern) {
  WebhookReceiver receiver("");
  Script script;
  HttpSubjectOptions options = Options(script);
  options.webhooks = &receiver;
  options.webhook_settle_ms = 0;
  HttpSubject subject(options);
  HttpRequest webhook;
  webhook.method = "POST";
  webhook.headers = {{"X-GitHub-Event", "deployment"}};
  const auto told = [&](const std::string& body) {
    receiver.Clear();
    webhook.body = body;
    receiver.Handle(webhook);
    return subject.Notifications({})->notifications_size();
  };
  EXPECT_EQ(told(R"({"deployment":{"id":1},
                     "repository":{"full_name":"octocat/other"}})"),
            0);
  EXPECT_EQ(told(R"({"deployment":{"id":1},
                     "repository":{"full_name":"OctoCat/Hello-World"}})"),
            1);
  EXPECT_EQ(told(R"({"deployment":{"id":1}})"), 1);

  // Nor are those of before the last reset.
  script.answers = {{201, {}, "{\"id\":1}"}, {204, {}, ""}};
  ASSERT_TRUE(subject.Apply(CreateOf("main")).ok());
  ASSERT_TRUE(subject.Reset().ok());
  EXPECT_EQ(told(R"({"deployment":{"id":1}})"), 0);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
