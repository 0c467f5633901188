#include "slipway/adapters/http/response_head.h"

#include <algorithm>
#include <ctime>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace slipway {
namespace http_internal {
namespace {

bool HasNoContent(int status) { return status == 204 || status == 304; }

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view("!#$%&'*+-.^_`|~").find(c) !=
             absl::string_view::npos;
}

bool IsToken(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool BelongsToTransport(absl::string_view name) {
  static constexpr absl::string_view kNames[] = {
      "Connection", "Content-Length", "Date",    "Keep-Alive",       "Server",
      "TE",         "Trailer",        "Upgrade", "Transfer-Encoding"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](absl::string_view reserved) {
                       return absl::EqualsIgnoreCase(name, reserved);
                     });
}

void AppendField(absl::string_view name, absl::string_view value,
                 std::string* head) {
  absl::StrAppend(head, name, ": ");
  for (const char c : value) {
    const bool control = absl::ascii_iscntrl(c) && c != '\t';
    head->push_back(control ? ' ' : c);
  }
  absl::StrAppend(head, "\r\n");
}

}  // namespace

HttpResponse ErrorResponse(int status, absl::string_view documentation_url,
                           absl::string_view request_id) {
  // Reason phrases and our ids need no JSON escapes; an embedder's URL may.
  std::string url;
  for (const char c : documentation_url) {
    if (c == '"' || c == '\\') url.push_back('\\');
    if (!absl::ascii_iscntrl(c)) url.push_back(c);
  }
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json; charset=utf-8"},
                      {"X-GitHub-Request-Id", std::string(request_id)}};
  response.body = absl::StrCat("{\"message\":\"", ReasonPhrase(status),
                               "\",\"documentation_url\":\"", url,
                               "\",\"status\":\"", status, "\"}");
  return response;
}

std::string ResponseHead(const HttpResponse& response,
                         const ResponseFraming& framing,
                         absl::string_view date) {
  const bool no_content = HasNoContent(response.status);
  std::string head = absl::StrCat(
      "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
      "\r\nDate: ", date, "\r\nServer: slipway\r\n");
  for (const HttpHeader& header : response.headers) {
    if (!IsToken(header.name) || BelongsToTransport(header.name)) continue;
    if (no_content && absl::EqualsIgnoreCase(header.name, "Content-Type")) {
      continue;
    }
    AppendField(header.name, header.value, &head);
  }
  if (!framing.keep_alive) {
    absl::StrAppend(&head, "Connection: close\r\n");
  } else if (framing.http_1_0) {
    absl::StrAppend(&head, "Connection: keep-alive\r\n");
  }
  if (!no_content) {
    absl::StrAppend(&head, "Content-Length: ", response.body.size(), "\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  return head;
}

bool SendsBody(const HttpResponse& response, const ResponseFraming& framing) {
  return !framing.head_request && !HasNoContent(response.status);
}

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    // clang-format off
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Entity";
    case 423: return "Locked";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    // clang-format on
    default:
      return "";
  }
}

std::string HttpDate(int64_t unix_seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed",
                                          "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr",
                                            "May", "Jun", "Jul", "Aug",
                                            "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = unix_seconds;
  struct tm utc = {};
  gmtime_r(&seconds, &utc);
  return absl::StrFormat("%s, %02d %s %04d %02d:%02d:%02d GMT",
                         kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                         utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                         utc.tm_sec);
}

std::string HttpDateNow() {
  // Formatted once a second and thread, not once a response.
  thread_local time_t cached_seconds = -1;
  thread_local std::string cached_date;
  const time_t now = time(nullptr);
  if (now != cached_seconds) {
    cached_date = HttpDate(now);
    cached_seconds = now;
  }
  return cached_date;
}

}  // namespace http_internal
}  // namespace slipway
