#include "slipway/adapters/rest/replies.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "slipway/adapters/rest/body_hash.h"
#include "slipway/wire/json_writer.h"

namespace slipway {
namespace internal {
namespace {

constexpr char kHttpTime[] = "%a, %d %b %Y %H:%M:%S GMT";

absl::string_view CodeName(v1::ViolationCode code) {
  switch (code) {
    case v1::VIOLATION_CODE_INVALID:
      return "invalid";
    case v1::VIOLATION_CODE_MISSING_FIELD:
      return "missing_field";
    case v1::VIOLATION_CODE_MISSING:
      return "missing";
    case v1::VIOLATION_CODE_ALREADY_EXISTS:
      return "already_exists";
    default:
      return "custom";
  }
}

// "COMMIT_CONTEXT_STATE_TIMED_OUT" is "timed_out".
std::string ContextStateName(v1::CommitContextState state) {
  return absl::AsciiStrToLower(absl::StripPrefix(
      v1::CommitContextState_Name(state), "COMMIT_CONTEXT_STATE_"));
}

void CloseError(int status, absl::string_view documentation_url,
                JsonWriter& json) {
  json.Field("documentation_url", documentation_url);
  json.Field("status", absl::StrCat(status));
  json.Close('}');
}

// A body with `errors`, which `write_errors` fills.
template <typename WriteErrors>
HttpResponse ErrorsReply(int status, absl::string_view message,
                         absl::string_view documentation_url,
                         WriteErrors write_errors) {
  std::string body;
  JsonWriter json(&body);
  json.Open('{');
  json.Field("message", message);
  json.Name("errors");
  json.Open('[');
  write_errors(json);
  json.Close(']');
  CloseError(status, documentation_url, json);
  return JsonReply(status, std::move(body));
}

void WriteViolations(const v1::Rejection& rejection, JsonWriter& json) {
  for (const v1::Violation& violation : rejection.violations()) {
    json.Open('{');
    json.Field("resource", violation.resource());
    json.Field("code", CodeName(violation.code()));
    json.Field("field", violation.field());
    json.Field("message", violation.message());
    json.Close('}');
  }
}

// R15.
void WriteContexts(const v1::Rejection& rejection, JsonWriter& json) {
  json.Open('{');
  json.Name("contexts");
  json.Open('[');
  for (const v1::CommitContext& context : rejection.contexts()) {
    json.Open('{');
    json.Field("context", context.context());
    json.Field("state", ContextStateName(context.state()));
    json.Close('}');
  }
  json.Close(']');
  json.Field("resource", "Deployment");
  json.Field("field", "required_contexts");
  json.Field("code", "invalid");
  json.Close('}');
}

bool IsAboutTheKey(const v1::Rejection& rejection) {
  return std::any_of(rejection.violations().begin(),
                     rejection.violations().end(),
                     [](const v1::Violation& violation) {
                       return violation.field() == "idempotency_key";
                     });
}

// The weak comparison of entity tags.
bool IsListed(absl::string_view if_none_match, absl::string_view tag) {
  for (absl::string_view listed : absl::StrSplit(if_none_match, ',')) {
    listed = absl::StripAsciiWhitespace(listed);
    if (listed == "*" ||
        absl::StripPrefix(listed, "W/") == absl::StripPrefix(tag, "W/")) {
      return true;
    }
  }
  return false;
}

bool IsNotModified(const HttpRequest& request, absl::string_view tag,
                   int64_t last_modified_ms) {
  if (const std::string* tags = FindHeader(request.headers, "If-None-Match")) {
    return IsListed(*tags, tag);
  }
  const std::string* since = FindHeader(request.headers, "If-Modified-Since");
  absl::Time time;
  return since != nullptr && last_modified_ms >= 0 &&
         absl::ParseTime(kHttpTime, *since, absl::UTCTimeZone(), &time,
                         /*err=*/nullptr) &&
         last_modified_ms / 1000 <= absl::ToUnixSeconds(time);
}

}  // namespace

HttpResponse JsonReply(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.push_back(
      {"Content-Type", "application/json; charset=utf-8"});
  response.body = std::move(body);
  return response;
}

HttpResponse ErrorReply(int status, absl::string_view message,
                        absl::string_view documentation_url) {
  std::string body;
  JsonWriter json(&body);
  json.Open('{');
  json.Field("message", message);
  CloseError(status, documentation_url, json);
  return JsonReply(status, std::move(body));
}

HttpResponse RejectionReply(const v1::Rejection& rejection,
                            absl::string_view documentation_url) {
  switch (rejection.reason()) {
    case v1::REASON_REPOSITORY_NOT_FOUND:
    case v1::REASON_DEPLOYMENT_NOT_FOUND:
      return ErrorReply(404, "Not Found", documentation_url);
    case v1::REASON_MALFORMED_COMMAND:
      // The one part of a command that a caller gives as it is.
      if (IsAboutTheKey(rejection)) {
        return ErrorsReply(
            422, "Validation Failed", documentation_url,
            [&](JsonWriter& json) { WriteViolations(rejection, json); });
      }
      return ErrorReply(500, "Server Error", documentation_url);
    case v1::REASON_INVALID_FIELDS:
      return ErrorsReply(
          422, rejection.message(), documentation_url,
          [&](JsonWriter& json) { WriteViolations(rejection, json); });
    case v1::REASON_STATUS_MOVED_ON:
      return ErrorReply(412, rejection.message(), documentation_url);
    case v1::REASON_IDEMPOTENCY_KEY_REUSED:
    case v1::REASON_REF_NOT_FOUND:
      return ErrorReply(422, rejection.message(), documentation_url);
    case v1::REASON_MERGE_CONFLICT:
      return ErrorReply(409, rejection.message(), documentation_url);
    case v1::REASON_CONTEXTS_FAILED:
      return ErrorsReply(
          409, rejection.message(), documentation_url,
          [&](JsonWriter& json) { WriteContexts(rejection, json); });
    case v1::REASON_TOO_MANY_STATUSES:
    case v1::REASON_DEPLOYMENT_ACTIVE:
      return ErrorsReply(
          422, "Validation Failed", documentation_url,
          [&](JsonWriter& json) { json.Text(rejection.message()); });
    default:
      // The others are refusals of what this adapter never asks for.
      return ErrorReply(500, "Server Error", documentation_url);
  }
}

HttpResponse FailureReply(const absl::Status& status,
                          absl::string_view documentation_url) {
  absl::string_view retry_after_s;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
      retry_after_s = "1";
      break;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kResourceExhausted:
      // Somebody has to see to it first.
      retry_after_s = "60";
      break;
    default:
      return ErrorReply(500, "Server Error", documentation_url);
  }
  HttpResponse response =
      ErrorReply(503, "Service Unavailable", documentation_url);
  response.headers.push_back({"Retry-After", std::string(retry_after_s)});
  return response;
}

HttpResponse Conditional(const HttpRequest& request, int64_t last_modified_ms,
                         HttpResponse response, std::string tag) {
  if (tag.empty()) tag = absl::StrCat("W/\"", BodyHash(response.body), "\"");
  const bool not_modified = IsNotModified(request, tag, last_modified_ms);
  if (not_modified) {
    response.status = 304;
    response.body.clear();
    response.headers.erase(
        std::remove_if(response.headers.begin(), response.headers.end(),
                       [](const HttpHeader& header) {
                         return header.name == "Content-Type";
                       }),
        response.headers.end());
  }
  response.headers.push_back({"ETag", tag});
  if (last_modified_ms >= 0) {
    response.headers.push_back(
        {"Last-Modified",
         absl::FormatTime(kHttpTime, absl::FromUnixMillis(last_modified_ms),
                          absl::UTCTimeZone())});
  }
  return response;
}

}  // namespace internal
}  // namespace slipway
