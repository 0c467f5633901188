#include "slipway/adapters/operations/operations_handler.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace {

// No status code is as large.
constexpr int64_t kStatusEnd = 1000;

constexpr char kPlainText[] = "text/plain; charset=utf-8";

HttpResponse Page(int status, absl::string_view content_type,
                  std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", std::string(content_type)},
                      {"Cache-Control", "no-store"}};
  response.body = std::move(body);
  return response;
}

bool IsRead(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// For a label: what clients may make up is one value.
absl::string_view MethodLabel(absl::string_view method) {
  constexpr absl::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                            "PATCH", "DELETE", "OPTIONS"};
  const auto* const known =
      std::find(std::begin(kMethods), std::end(kMethods), method);
  return known == std::end(kMethods) ? "other" : *known;
}

}  // namespace

OperationsHandler::OperationsHandler(OperationsParams params)
    : params_(std::move(params)) {}

HttpResponse OperationsHandler::Handle(const HttpRequest& request) {
  const absl::string_view target = request.target;
  const absl::string_view path = target.substr(0, target.find('?'));
  const bool health = path == "/healthz";
  const bool metrics = path == "/metrics" && params_.metrics_page != nullptr;
  if (!health && !metrics) return HandOn(request);
  if (!IsRead(request)) {
    HttpResponse response = Page(405, kPlainText, "Method Not Allowed\n");
    response.headers.push_back({"Allow", "GET, HEAD"});
    return response;
  }
  if (health) return Health();
  return Page(200, params_.metrics_content_type, params_.metrics_page());
}

HttpResponse OperationsHandler::Health() const {
  const absl::Status ready = params_.ready();
  std::string why;
  if (!ready.ok()) {
    why = absl::StrCat("reading fails: ", ready.ToString());
  } else if (const int64_t failed = write_failed_.load()) {
    const int64_t ago_ms = NowMs() - failed / kStatusEnd;
    if (ago_ms < params_.failed_write_ms) {
      why = absl::StrCat("a write was answered ", failed % kStatusEnd, " ",
                         ago_ms / 1000, " s ago, and none has succeeded since");
      const std::string last =
          params_.failures == nullptr ? "" : params_.failures->Last();
      if (!last.empty()) absl::StrAppend(&why, "; the last failure: ", last);
    }
  }
  if (why.empty()) return Page(200, kPlainText, "ok\n");
  HttpResponse response = Page(503, kPlainText, absl::StrCat(why, "\n"));
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

HttpResponse OperationsHandler::HandOn(const HttpRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  HttpResponse response = params_.next->Handle(request);
  if (!IsRead(request)) {
    if (response.status >= 500 && response.status < 600) {
      write_failed_.store(NowMs() * kStatusEnd + response.status);
    } else if (response.status < 300 &&
               FindHeader(response.headers, "Idempotent-Replayed") == nullptr) {
      write_failed_.store(0);
      if (params_.on_write != nullptr) params_.on_write();
    }
  }
  if (params_.metrics != nullptr) {
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    const absl::string_view method = MethodLabel(request.method);
    params_.metrics->Add("slipway_http_requests_total",
                         {{"method", method},
                          {"code", absl::AlphaNum(response.status).Piece()}});
    params_.metrics->Observe("slipway_http_request_seconds",
                             {{"method", method}}, took.count());
  }
  return response;
}

int64_t OperationsHandler::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             params_.now().time_since_epoch())
      .count();
}

}  // namespace slipway
