#include "slipway/conformance/http/http_subject.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/conformance/http/exchange.h"
#include "engine/conformance/http/rest_json.h"
#include "slipway/conformance/notification_check.h"

namespace slipway {
namespace conformance {
namespace {

using internal::BodyKind;

// A token that is shorter is no secret, and could be a part of any answer.
constexpr size_t kSecretBytesMin = 8;
// From here on, ids are those of rows that are not there.
constexpr int64_t kNoRow = (int64_t{1} << 53) - 1;
// The least patience with webhooks where one has not come, and the part of the
// whole patience that it is at least.
constexpr int64_t kImpatientMs = 250;
constexpr int64_t kImpatientPart = 5;

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c)) {
      encoded.push_back(static_cast<char>(c));
    } else {
      absl::StrAppend(
          &encoded, "%",
          absl::AsciiStrToUpper(absl::StrCat(absl::Hex(c, absl::kZeroPad2))));
    }
  }
  return encoded;
}

// "?name=value&…"; empty where there is nothing.
class Query {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text_, text_.empty() ? "?" : "&", name, "=",
                    PercentEncode(value));
  }
  void Add(absl::string_view name, int64_t value) {
    Add(name, absl::StrCat(value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

BodyKind BodyOf(const v1::Operation& operation) {
  switch (operation.call_case()) {
    case v1::Operation::kCreateDeployment:
    case v1::Operation::kGetDeployment:
      return BodyKind::kDeployment;
    case v1::Operation::kCreateStatus:
    case v1::Operation::kGetStatus:
      return BodyKind::kStatus;
    case v1::Operation::kListDeployments:
      return BodyKind::kDeployments;
    case v1::Operation::kListStatuses:
      return BodyKind::kStatuses;
    case v1::Operation::kDeleteDeployment:
    case v1::Operation::CALL_NOT_SET:
      break;
  }
  return BodyKind::kNone;
}

// For servers that say it back.
void RemoveSecret(const std::string& secret, HttpResponse* response) {
  for (HttpHeader& header : response->headers) {
    absl::StrReplaceAll({{secret, "(removed)"}}, &header.value);
  }
  absl::StrReplaceAll({{secret, "(removed)"}}, &response->body);
}

std::string ExchangeOf(const HttpCall& call, const HttpResponse& response) {
  return absl::StrCat(
      internal::MessageText(absl::StrCat(call.method, " ", call.url),
                            call.headers, call.body, /*mark=*/"> "),
      internal::MessageText(absl::StrCat(response.status), response.headers,
                            response.body, /*mark=*/"< "));
}

// For a shell, between single quotes.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// "$d1a" as a variable of a shell: "D1A"; empty where it is none.
std::string VariableOf(absl::string_view symbol) {
  const bool is_one =
      absl::ConsumePrefix(&symbol, "$") && !symbol.empty() &&
      std::all_of(symbol.begin(), symbol.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c));
      });
  return is_one ? absl::AsciiStrToUpper(symbol) : "";
}

// The symbol that stands for `id`, one of `operation`; empty where none does.
std::string SymbolOf(const v1::Operation& operation, int64_t id) {
  switch (operation.call_case()) {
    case v1::Operation::kCreateStatus:
      return operation.create_status().deployment();
    case v1::Operation::kDeleteDeployment:
      return operation.delete_deployment().deployment();
    case v1::Operation::kGetDeployment:
      return operation.get_deployment().deployment();
    case v1::Operation::kListStatuses:
      return operation.list_statuses().deployment();
    case v1::Operation::kGetStatus:
      return operation.get_status().status_id() == id
                 ? operation.get_status().status()
                 : operation.get_status().deployment();
    case v1::Operation::kCreateDeployment:
    case v1::Operation::kListDeployments:
    case v1::Operation::CALL_NOT_SET:
      break;
  }
  return "";
}

// For a shell, with variables in the places of the ids that have a symbol.
std::string UrlOf(const v1::Operation& operation, absl::string_view url) {
  const std::string whole = Quoted(url);
  std::vector<std::string> parts = absl::StrSplit(whole, '/');
  for (std::string& part : parts) {
    int64_t id = 0;
    const bool is_last = !part.empty() && part.back() == '\'';
    absl::string_view digits = part;
    absl::ConsumeSuffix(&digits, "'");
    if (!absl::SimpleAtoi(digits, &id) || id >= kNoRow) continue;
    const std::string variable = VariableOf(SymbolOf(operation, id));
    if (variable.empty()) continue;
    part = absl::StrCat("'\"$", variable, "\"", is_last ? "" : "'");
  }
  return absl::StrJoin(parts, "/");
}

}  // namespace

HttpSubject::HttpSubject(HttpSubjectOptions options)
    : options_(std::move(options)), patience_ms_(options_.webhook_timeout_ms) {}

absl::StatusOr<v1::Capabilities> HttpSubject::Describe() {
  v1::Operation look;
  look.mutable_list_deployments()->set_per_page(1);
  const absl::StatusOr<v1::Answer> answer = Apply(look);
  // Where nothing answers, or nothing good, the trials tell.
  if (answer.ok() && answer->code() == 404) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no repository ", options_.owner, "/", options_.repository,
        " at ", options_.url,
        ", or that is not where the API begins (/api/v3 on an Enterprise "
        "Server)"));
  }
  v1::Capabilities capabilities = options_.known;
  capabilities.set_fresh_repository(false);
  capabilities.set_lends_clock(false);
  capabilities.set_notifications(false);
  capabilities.set_late_notifications(options_.webhooks != nullptr);
  capabilities.set_signed_notifications(options_.webhooks != nullptr &&
                                        options_.webhooks->has_secret());
  capabilities.set_payload_bytes(false);
  capabilities.set_clients_max(4);
  return capabilities;
}

HttpCall HttpSubject::CallOf(const v1::Operation& operation) const {
  HttpCall call;
  call.timeout_ms = options_.timeout_ms;
  call.headers = {{"Accept", "application/vnd.github+json"},
                  {"User-Agent", "slipway-conformance"}};
  if (!options_.token.empty()) {
    call.headers.push_back(
        {"Authorization", absl::StrCat("Bearer ", options_.token)});
  }
  const std::string deployments =
      absl::StrCat(options_.url, "/repos/", PercentEncode(options_.owner), "/",
                   PercentEncode(options_.repository), "/deployments");
  const auto one = [&](int64_t id) {
    return absl::StrCat(deployments, "/", id);
  };
  const auto post = [&](std::string url, std::string body) {
    call.method = "POST";
    call.url = std::move(url);
    call.body = std::move(body);
    call.headers.push_back({"Content-Type", "application/json"});
  };
  Query query;
  switch (operation.call_case()) {
    case v1::Operation::kCreateDeployment:
      post(deployments, internal::CreateDeploymentJson(
                            operation.create_deployment().request()));
      break;
    case v1::Operation::kCreateStatus: {
      const v1::CreateStatus& create = operation.create_status();
      post(absl::StrCat(one(create.deployment_id()), "/statuses"),
           internal::CreateStatusJson(create.request()));
      break;
    }
    case v1::Operation::kDeleteDeployment:
      call.method = "DELETE";
      call.url = one(operation.delete_deployment().deployment_id());
      break;
    case v1::Operation::kGetDeployment:
      call.url = one(operation.get_deployment().deployment_id());
      break;
    case v1::Operation::kListDeployments: {
      const v1::ListDeployments& list = operation.list_deployments();
      if (list.has_sha()) query.Add("sha", list.sha());
      if (list.has_ref()) query.Add("ref", list.ref());
      if (list.has_task()) query.Add("task", list.task());
      if (list.has_environment()) query.Add("environment", list.environment());
      if (list.has_per_page()) query.Add("per_page", list.per_page());
      if (list.has_page()) query.Add("page", list.page());
      call.url = absl::StrCat(deployments, query.text());
      break;
    }
    case v1::Operation::kListStatuses: {
      const v1::ListStatuses& list = operation.list_statuses();
      if (list.has_per_page()) query.Add("per_page", list.per_page());
      if (list.has_page()) query.Add("page", list.page());
      call.url =
          absl::StrCat(one(list.deployment_id()), "/statuses", query.text());
      break;
    }
    case v1::Operation::kGetStatus: {
      const v1::GetStatus& get = operation.get_status();
      call.url =
          absl::StrCat(one(get.deployment_id()), "/statuses/", get.status_id());
      break;
    }
    case v1::Operation::CALL_NOT_SET:
      call.url = deployments;
      break;
  }
  return call;
}

absl::StatusOr<v1::Answer> HttpSubject::Apply(const v1::Operation& operation) {
  const HttpCall call = CallOf(operation);
  absl::StatusOr<HttpResponse> response = options_.client->Send(call);
  if (!response.ok()) return response.status();
  if (options_.token.size() >= kSecretBytesMin) {
    RemoveSecret(options_.token, &*response);
  }
  v1::Answer answer;
  answer.set_code(response->status);
  answer.set_exchange(ExchangeOf(call, *response));
  internal::ReadBody(response->body, BodyOf(operation), &answer);
  if (const std::string* link = FindHeader(response->headers, "Link")) {
    internal::ReadLink(*link, &answer);
  }
  if (operation.has_create_deployment() && answer.deployment().id() != 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    made_.push_back(answer.deployment().id());
  }
  return answer;
}

absl::StatusOr<bool> HttpSubject::Delete(int64_t deployment_id) {
  v1::Operation remove;
  remove.mutable_delete_deployment()->set_deployment_id(deployment_id);
  absl::StatusOr<v1::Answer> answer = Apply(remove);
  if (!answer.ok()) return answer.status();
  if (answer->code() == 422) {
    v1::Operation retire;
    retire.mutable_create_status()->set_deployment_id(deployment_id);
    retire.mutable_create_status()->mutable_request()->set_state(
        slipway::v1::STATUS_STATE_INACTIVE);
    answer = Apply(retire);
    if (!answer.ok()) return answer.status();
    answer = Apply(remove);
    if (!answer.ok()) return answer.status();
  }
  if (answer->code() != 404) return answer->code() == 204;
  // A server that knows of no deletions answers so, too.
  v1::Operation get;
  get.mutable_get_deployment()->set_deployment_id(deployment_id);
  answer = Apply(get);
  if (!answer.ok()) return answer.status();
  return answer->code() == 404;
}

absl::StatusOr<std::string> HttpSubject::Reset() {
  std::vector<int64_t> made;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    made.swap(made_);
  }
  earlier_.insert(made.begin(), made.end());
  std::vector<int64_t> stay;
  absl::Status status;
  while (!made.empty()) {
    const absl::StatusOr<bool> gone = Delete(made.back());
    if (!gone.ok()) {
      status = gone.status();
      break;
    }
    if (!*gone) stay.push_back(made.back());
    made.pop_back();
  }
  if (options_.webhooks != nullptr) options_.webhooks->Clear();
  const auto named = [](const std::vector<int64_t>& ids) {
    return absl::StrCat("deployments ", absl::StrJoin(ids, ", "));
  };
  if (status.ok()) return stay.empty() ? std::string() : named(stay);
  // The next reset tries all of them again.
  made.insert(made.end(), stay.rbegin(), stay.rend());
  absl::Status left_over(
      status.code(),
      absl::StrCat(status.message(), "; left over: ", named(made)));
  std::lock_guard<std::mutex> lock(mutex_);
  made_.insert(made_.begin(), made.begin(), made.end());
  return left_over;
}

v1::NotificationsResponse HttpSubject::Told(
    const WebhookReceiver::Deliveries& deliveries) const {
  const std::string repository =
      absl::StrCat(options_.owner, "/", options_.repository);
  v1::NotificationsResponse told;
  for (const WebhookDelivery& delivery : deliveries) {
    const bool others =
        !delivery.repository.empty() &&
        !absl::EqualsIgnoreCase(delivery.repository, repository);
    if (others || earlier_.count(delivery.notification.deployment_id()) > 0) {
      continue;
    }
    *told.add_notifications() = delivery.notification;
  }
  return told;
}

absl::StatusOr<v1::NotificationsResponse> HttpSubject::Notifications(
    const v1::NotificationsRequest& request) {
  if (options_.webhooks == nullptr) {
    return absl::FailedPreconditionError("nobody listens to webhooks");
  }
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::milliseconds;
  using Deliveries = WebhookReceiver::Deliveries;
  const Clock::time_point began = Clock::now();
  int came_so_far = 0;
  const Deliveries came = options_.webhooks->WaitUntil(
      [&](const Deliveries& all) {
        const v1::NotificationsResponse told = Told(all);
        if (told.notifications_size() > came_so_far) {
          came_so_far = told.notifications_size();
          const int64_t waited_ms =
              std::chrono::duration_cast<Milliseconds>(Clock::now() - began)
                  .count();
          longest_wait_ms_ = std::max(longest_wait_ms_, waited_ms);
        }
        return AreAmong(request, told);
      },
      patience_ms_);
  if (!AreAmong(request, Told(came))) {
    patience_ms_ = std::min(
        options_.webhook_timeout_ms,
        std::max({kImpatientMs, options_.webhook_timeout_ms / kImpatientPart,
                  10 * longest_wait_ms_}));
    return Told(came);
  }
  return Told(options_.webhooks->WaitUntil(
      [](const Deliveries&) { return false; }, options_.webhook_settle_ms));
}

std::string HttpSubject::DescribeCall(const v1::Operation& operation) {
  const HttpCall call = CallOf(operation);
  std::string line = "curl -i";
  if (call.method != "GET") absl::StrAppend(&line, " -X ", call.method);
  if (!options_.token.empty()) {
    absl::StrAppend(&line, " -H \"Authorization: Bearer $TOKEN\"");
  }
  if (!call.body.empty()) {
    absl::StrAppend(&line, " -H 'Content-Type: application/json' -d ",
                    Quoted(call.body));
  }
  absl::StrAppend(&line, " ", UrlOf(operation, call.url));
  // The next time there will be other ids.
  const std::string binds = VariableOf(
      operation.has_create_deployment() ? operation.create_deployment().binds()
                                        : operation.create_status().binds());
  if (binds.empty()) return line;
  return absl::StrCat(line, "\nread -r ", binds,
                      "  # type the id in its answer");
}

}  // namespace conformance
}  // namespace slipway
