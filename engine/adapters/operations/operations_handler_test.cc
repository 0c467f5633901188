#include "slipway/adapters/operations/operations_handler.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/operations/failure_log.h"
#include "slipway/ports/http.h"
#include "slipway/ports/metrics.h"

namespace slipway {
namespace {

// Answers everything with one status.
class FixedHandler : public HttpHandler {
 public:
  HttpResponse Handle(const HttpRequest& request) override {
    targets += request.target + " ";
    HttpResponse response;
    response.status = status;
    response.headers = headers;
    return response;
  }
  int status = 200;
  std::vector<HttpHeader> headers;
  std::string targets;
};

// Counters, and how many values each histogram has.
class CountingMetrics : public Metrics {
 public:
  void Add(absl::string_view counter, Labels labels, double amount) override {
    values[KeyOf(counter, labels)] += amount;
  }
  void Set(absl::string_view gauge, Labels labels, double value) override {
    values[KeyOf(gauge, labels)] = value;
  }
  void Observe(absl::string_view histogram, Labels labels,
               double /*value*/) override {
    values[KeyOf(histogram, labels)] += 1;
  }
  std::map<std::string, double> values;

 private:
  static std::string KeyOf(absl::string_view name, Labels labels) {
    std::string key(name);
    for (const MetricLabel& label : labels) {
      absl::StrAppend(&key, " ", label.name, "=", label.value);
    }
    return key;
  }
};

class OperationsHandlerTest : public ::testing::Test {
 protected:
  OperationsParams Params() {
    OperationsParams params;
    params.next = &next_;
    params.now = [this] { return now_; };
    params.ready = [this] { return ready_; };
    params.metrics_page = [] { return std::string("the page\n"); };
    params.metrics = &metrics_;
    return params;
  }
  static HttpResponse Send(OperationsHandler& handler, const char* method,
                           const char* target) {
    HttpRequest request;
    request.method = method;
    request.target = target;
    return handler.Handle(request);
  }

  FixedHandler next_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  CountingMetrics metrics_;
  absl::Status ready_;
};

TEST_F(OperationsHandlerTest, TwoPathsAreItsOwn) {
  OperationsHandler handler(Params());
  EXPECT_EQ(Send(handler, "GET", "/healthz").body, "ok\n");
  EXPECT_EQ(Send(handler, "HEAD", "/healthz?verbose").status, 200);
  EXPECT_EQ(Send(handler, "GET", "/metrics").body, "the page\n");
  for (const char* path : {"/healthz", "/metrics"}) {
    const HttpResponse refused = Send(handler, "POST", path);
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(*FindHeader(refused.headers, "Allow"), "GET, HEAD");
  }
  EXPECT_EQ(next_.targets, "");
  for (const char* path : {"/", "/healthz/", "/metrics/x", "/api/metrics"}) {
    Send(handler, "GET", path);
  }
  EXPECT_EQ(next_.targets, "/ /healthz/ /metrics/x /api/metrics ");
}

TEST_F(OperationsHandlerTest, WithoutAPageThePathIsTheNextHandlers) {
  OperationsParams params = Params();
  params.metrics_page = nullptr;
  OperationsHandler handler(params);
  Send(handler, "GET", "/metrics");
  EXPECT_EQ(next_.targets, "/metrics ");
}

TEST_F(OperationsHandlerTest, R108AStoreThatCannotBeReadIsNotReady) {
  OperationsHandler handler(Params());
  ready_ = absl::UnavailableError("no disk");
  const HttpResponse response = Send(handler, "GET", "/healthz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "reading fails: UNAVAILABLE: no disk\n");
  EXPECT_NE(FindHeader(response.headers, "Retry-After"), nullptr);
  ready_ = absl::OkStatus();
  EXPECT_EQ(Send(handler, "GET", "/healthz").status, 200);
}

TEST_F(OperationsHandlerTest, R108AWriteThatFailedMakesItNotReadyForAWhile) {
  OperationsHandler handler(Params());
  const auto health = [&] { return Send(handler, "GET", "/healthz").status; };
  next_.status = 503;
  Send(handler, "GET", "/");
  EXPECT_EQ(health(), 200) << "that was no write";
  Send(handler, "POST", "/");
  EXPECT_EQ(health(), 503);
  now_ += std::chrono::milliseconds(9'999);
  EXPECT_EQ(Send(handler, "GET", "/healthz").body,
            "a write was answered 503 9 s ago, and none has succeeded since\n");
  now_ += std::chrono::milliseconds(1);
  EXPECT_EQ(health(), 200) << "to be tried again";

  Send(handler, "DELETE", "/");
  EXPECT_EQ(health(), 503);
  next_.status = 422;
  Send(handler, "POST", "/");
  EXPECT_EQ(health(), 503) << "a refusal writes nothing";
  next_.status = 201;
  Send(handler, "POST", "/");
  EXPECT_EQ(health(), 200);
}

// Such as 500: nobody can know whether the decision was kept.
TEST_F(OperationsHandlerTest, R108EveryFailureOfAWriteMakesItNotReady) {
  OperationsHandler handler(Params());
  for (const int status : {500, 502, 503, 504, 599}) {
    next_.status = status;
    Send(handler, "GET", "/");
    EXPECT_EQ(Send(handler, "GET", "/healthz").status, 200) << status;
    Send(handler, "POST", "/");
    const HttpResponse response = Send(handler, "GET", "/healthz");
    EXPECT_EQ(response.status, 503) << status;
    EXPECT_EQ(response.body,
              absl::StrCat("a write was answered ", status,
                           " 0 s ago, and none has succeeded since\n"));
    next_.status = 201;
    Send(handler, "POST", "/");
    EXPECT_EQ(Send(handler, "GET", "/healthz").status, 200) << status;
  }
  next_.status = 499;
  Send(handler, "POST", "/");
  EXPECT_EQ(Send(handler, "GET", "/healthz").status, 200);
}

TEST_F(OperationsHandlerTest, R108HealthSaysWhatFailed) {
  FailureLog failures(nullptr);
  OperationsParams params = Params();
  params.failures = &failures;
  OperationsHandler handler(params);
  next_.status = 503;
  Send(handler, "POST", "/");
  EXPECT_EQ(Send(handler, "GET", "/healthz").body,
            "a write was answered 503 0 s ago, and none has succeeded since\n")
      << "nothing was noted";
  failures.Note("a request", absl::UnavailableError("the disk is full"));
  EXPECT_EQ(Send(handler, "GET", "/healthz").body,
            "a write was answered 503 0 s ago, and none has succeeded since; "
            "the last failure: a request failed: UNAVAILABLE: the disk is "
            "full\n");
  next_.status = 201;
  Send(handler, "POST", "/");
  EXPECT_EQ(Send(handler, "GET", "/healthz").body, "ok\n");
}

// Whatever the store says: damage is no less than an outage.
TEST_F(OperationsHandlerTest, R108EveryFailureOfTheProbeMakesItNotReady) {
  OperationsHandler handler(Params());
  for (const absl::Status& status :
       {absl::DataLossError("a row"), absl::UnknownError("gone"),
        absl::InternalError("odd"), absl::ResourceExhaustedError("all")}) {
    ready_ = status;
    const HttpResponse response = Send(handler, "GET", "/healthz");
    EXPECT_EQ(response.status, 503) << status;
    EXPECT_EQ(response.body,
              absl::StrCat("reading fails: ", status.ToString(), "\n"));
  }
}

TEST_F(OperationsHandlerTest, WritesThatSucceedAreTold) {
  OperationsParams params = Params();
  int writes = 0;
  params.on_write = [&] { ++writes; };
  OperationsHandler handler(params);
  Send(handler, "GET", "/");
  EXPECT_EQ(writes, 0);
  Send(handler, "POST", "/");
  Send(handler, "DELETE", "/");
  EXPECT_EQ(writes, 2);
  for (const int status : {404, 422, 500, 503}) {
    next_.status = status;
    Send(handler, "POST", "/");
  }
  EXPECT_EQ(writes, 2);
}

TEST_F(OperationsHandlerTest, R100AnAnswerThatComesAgainIsNoWrite) {
  OperationsParams params = Params();
  int writes = 0;
  params.on_write = [&] { ++writes; };
  OperationsHandler handler(params);
  next_.status = 503;
  Send(handler, "POST", "/");
  next_.status = 201;
  next_.headers = {{"Idempotent-Replayed", "true"}};
  Send(handler, "POST", "/");
  EXPECT_EQ(writes, 0);
  EXPECT_EQ(Send(handler, "GET", "/healthz").status, 503);
}

TEST_F(OperationsHandlerTest, RequestsAreCountedByMethodAndCode) {
  OperationsHandler handler(Params());
  Send(handler, "GET", "/");
  Send(handler, "GET", "/");
  next_.status = 201;
  Send(handler, "POST", "/");
  Send(handler, "BREW", "/");
  Send(handler, "GET", "/healthz");
  const std::map<std::string, double> expected = {
      {"slipway_http_request_seconds method=GET", 2},
      {"slipway_http_request_seconds method=POST", 1},
      {"slipway_http_request_seconds method=other", 1},
      {"slipway_http_requests_total method=GET code=200", 2},
      {"slipway_http_requests_total method=POST code=201", 1},
      {"slipway_http_requests_total method=other code=201", 1},
  };
  EXPECT_EQ(metrics_.values, expected);
}

}  // namespace
}  // namespace slipway
