#include "slipway/adapters/http/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace slipway {
namespace http_internal {
namespace {

namespace http = boost::beast::http;

std::string ToString(boost::beast::string_view text) {
  return std::string(text.data(), text.size());
}

int StatusForParserError(const boost::beast::error_code& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  return 400;
}

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(c) ||
         absl::StrContains("!#$%&'*+-.^_`|~", absl::string_view(&c, 1));
}

// The shortest chunked body there is: "0\r\n\r\n". Beast 1.74 asserts that the
// line end behind a last chunk's size arrives in one piece with what follows;
// a body never ends in fewer bytes than these, so they are worth waiting for.
constexpr size_t kChunkedBytesMin = 5;

}  // namespace

RequestParser::RequestParser(const Limits& limits) : limits_(limits) {
  // Ours counts whole heads. Beast's counts from the last field that it
  // consumed, so that a head that came field by field would have no limit.
  Base::header_limit(std::numeric_limits<std::uint32_t>::max());
  Base::body_limit(static_cast<std::uint64_t>(limits.body_bytes_max));
}

RequestParser::Progress RequestParser::Feed(absl::string_view bytes,
                                            size_t* consumed) {
  *consumed = 0;
  return header_seen_ ? FeedBody(bytes, consumed) : FeedHeader(bytes, consumed);
}

RequestParser::Progress RequestParser::Refuse(int status) {
  refusal_ = status;
  return Progress::kRefused;
}

RequestParser::Progress RequestParser::FeedHeader(absl::string_view bytes,
                                                  size_t* consumed) {
  // Beast gets the head in one piece: given pieces, it looks at a faulty line
  // earlier or later as they happen to fall.
  if (bytes.empty()) return Progress::kNeedMore;
  if (!IsTokenCharacter(bytes[0])) return Refuse(400);
  size_t head_size = 0;
  while (head_size == 0) {
    const size_t line_feed = bytes.find('\n', line_start_);
    if (line_feed == absl::string_view::npos) {
      if (bytes.size() > limits_.header_bytes_max) return Refuse(431);
      return Progress::kNeedMore;
    }
    absl::string_view line = bytes.substr(line_start_, line_feed - line_start_);
    if (!absl::ConsumeSuffix(&line, "\r")) return Refuse(400);
    // What no HTTP client says is told so at its first line.
    if (line_start_ == 0 && !absl::EndsWith(line, " HTTP/1.1") &&
        !absl::EndsWith(line, " HTTP/1.0")) {
      return Refuse(400);
    }
    line_start_ = line_feed + 1;
    if (line.empty()) head_size = line_start_;
  }
  if (head_size > limits_.header_bytes_max) return Refuse(431);

  ErrorCode error;
  *consumed =
      Base::put(boost::asio::const_buffer(bytes.data(), head_size), error);
  if (error) return Refuse(StatusForParserError(error));
  if (!Base::is_header_done()) return Refuse(400);
  header_seen_ = true;
  wants_keep_alive_ = Base::keep_alive();
  if (const int status = JudgeHeader()) return Refuse(status);
  if (Base::is_done()) return Progress::kDone;
  Base::eager(true);
  return Progress::kHeaderDone;
}

RequestParser::Progress RequestParser::FeedBody(absl::string_view bytes,
                                                size_t* consumed) {
  const size_t least = Base::chunked() ? kChunkedBytesMin : 1;
  if (bytes.size() < least) return Progress::kNeedMore;
  ErrorCode error;
  *consumed =
      Base::put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) {
    return Refuse(StatusForParserError(error));
  }
  if (Base::is_done()) return Progress::kDone;
  // What pends is a size line or trailers that have not come to their end.
  if (bytes.size() - *consumed > limits_.header_bytes_max) return Refuse(431);
  return Progress::kNeedMore;
}

int RequestParser::JudgeHeader() {
  int hosts = 0;
  bool coded = false;
  for (const HttpHeader& header : request_.headers) {
    if (absl::EqualsIgnoreCase(header.name, "Host")) {
      ++hosts;
    } else if (absl::EqualsIgnoreCase(header.name, "Transfer-Encoding")) {
      // HTTP/1.0 has no transfer codings: who relies on one there disagrees
      // with somebody on the way about where this request ends.
      if (is_http_1_0()) return 400;
      if (!absl::EqualsIgnoreCase(header.value, "chunked")) return 501;
      coded = true;
    } else if (absl::EqualsIgnoreCase(header.name, "Expect")) {
      if (!absl::EqualsIgnoreCase(header.value, "100-continue")) return 417;
      // HTTP/1.0 peers would take the interim answer for the answer.
      expects_continue_ = !is_http_1_0();
    }
  }
  if (coded != Base::chunked()) return 400;
  if (hosts > 1 || (hosts == 0 && !is_http_1_0())) return 400;
  return ReduceTargetToOriginForm() ? 0 : 400;
}

bool RequestParser::ReduceTargetToOriginForm() {
  std::string& target = request_.target;
  if (target[0] == '/') return true;
  if (target == "*") return request_.method == "OPTIONS";

  absl::string_view rest = target;
  const size_t scheme_end = rest.find("://");
  if (scheme_end == absl::string_view::npos) return false;
  const absl::string_view scheme = rest.substr(0, scheme_end);
  if (!absl::EqualsIgnoreCase(scheme, "http") &&
      !absl::EqualsIgnoreCase(scheme, "https")) {
    return false;
  }
  rest.remove_prefix(scheme_end + 3);
  const std::string authority(rest.substr(0, rest.find_first_of("/?#")));
  // An empty authority is forbidden, user information in one deprecated and
  // good for deceptions only.
  if (authority.empty() || absl::StrContains(authority, "@")) return false;
  rest.remove_prefix(authority.size());
  target =
      absl::StartsWith(rest, "/") ? std::string(rest) : "/" + std::string(rest);
  for (HttpHeader& header : request_.headers) {
    if (absl::EqualsIgnoreCase(header.name, "Host")) {
      header.value = authority;
      return true;
    }
  }
  request_.headers.insert(request_.headers.begin(), {"Host", authority});
  return true;
}

void RequestParser::on_request_impl(http::verb, BeastView method,
                                    BeastView target, int version, ErrorCode&) {
  request_.method = ToString(method);
  request_.target = ToString(target);
  version_ = version;
}

void RequestParser::on_field_impl(http::field, BeastView name, BeastView value,
                                  ErrorCode& error) {
  // Fields behind a chunked body are read and dropped: nothing here wants
  // them, and merged into the header they could overrule it.
  if (header_seen_) {
    trailer_bytes_ += name.size() + value.size();
    if (trailer_bytes_ > limits_.header_bytes_max) {
      error = http::error::header_limit;
    }
    return;
  }
  request_.headers.push_back({ToString(name), ToString(value)});
}

void RequestParser::on_header_impl(ErrorCode&) {}

void RequestParser::on_body_init_impl(
    boost::optional<std::uint64_t> const& content_length, ErrorCode&) {
  // Within the limit: a greater one was refused with the header.
  if (content_length) request_.body.reserve(*content_length);
}

std::size_t RequestParser::on_body_impl(BeastView body, ErrorCode&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t, BeastView extensions,
                                         ErrorCode& error) {
  if (extensions.size() > limits_.header_bytes_max) {
    error = http::error::header_limit;
  }
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, BeastView body,
                                              ErrorCode&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

void RequestParser::on_finish_impl(ErrorCode&) {}

void RequestParser::on_response_impl(int, BeastView, int, ErrorCode&) {}

}  // namespace http_internal
}  // namespace slipway
