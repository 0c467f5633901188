// Bytes to one `HttpRequest`, by the parser of Boost.Beast, with the rules of
// a server around it: what is refused, and with which status.
//
//   RequestParser parser(limits);
//   size_t consumed = 0;
//   switch (parser.Feed(unread, &consumed)) {
//     case RequestParser::Progress::kNeedMore:    // read, then feed the rest
//     case RequestParser::Progress::kHeaderDone:  // feed on for the body
//     case RequestParser::Progress::kDone:        // parser.TakeRequest()
//     case RequestParser::Progress::kRefused:     // parser.refusal()
//   }
//
// The answer depends on the bytes and never on how they were cut into pieces.

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_REQUEST_PARSER_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_REQUEST_PARSER_H_

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace http_internal {

// Takes one request; a connection uses a new parser for the next.
class RequestParser : private boost::beast::http::basic_parser<true> {
 public:
  struct Limits {
    // Request line and fields, with all line ends. One chunk's size line may
    // have as many, give or take its size, and so may all trailers.
    size_t header_bytes_max = 16 << 10;
    size_t body_bytes_max = 1 << 20;
  };

  enum class Progress {
    // What is not consumed comes again, with more behind it.
    kNeedMore,
    // Once, between header and body, when there is a body.
    kHeaderDone,
    kDone,
    // Never to be fed again; the connection cannot go on.
    kRefused,
  };

  explicit RequestParser(const Limits& limits);

  // Reads from the start of `bytes` and sets `*consumed` to how many it has
  // no more need of. Bytes behind the request's end are left: they are the
  // next request. Refuses with
  // - 400 what is not HTTP, contradicts itself, has no (or two) `Host` in
  //   HTTP/1.1, or aims at no path,
  // - 413 a body over its limit, as soon as its length is known,
  // - 417 an `Expect` other than `100-continue`,
  // - 431 a header over its limit,
  // - 501 a transfer coding other than `chunked`.
  Progress Feed(absl::string_view bytes, size_t* consumed);

  // The status to refuse with, after `kRefused`.
  int refusal() const { return refusal_; }

  // These are known once the header is done.
  bool wants_keep_alive() const { return wants_keep_alive_; }
  bool expects_continue() const { return expects_continue_; }

  // These are known as far as the header was read.
  bool is_http_1_0() const { return version_ == 10; }
  bool is_head() const { return request_.method == "HEAD"; }

  // The request, without an id, after `kDone`; to be called once. Its target
  // is the origin form, or "*" with the method OPTIONS. Of an absolute form
  // the authority has become the value of `Host`, as RFC 9112 3.2.2 asks.
  HttpRequest TakeRequest() { return std::move(request_); }

 private:
  using Base = boost::beast::http::basic_parser<true>;
  using ErrorCode = boost::beast::error_code;
  using BeastView = boost::beast::string_view;

  Progress Refuse(int status);
  Progress FeedHeader(absl::string_view bytes, size_t* consumed);
  Progress FeedBody(absl::string_view bytes, size_t* consumed);
  // 0, or the status to refuse a complete header with.
  int JudgeHeader();
  bool ReduceTargetToOriginForm();

  void on_request_impl(boost::beast::http::verb method, BeastView method_str,
                       BeastView target, int version, ErrorCode& ec) override;
  void on_field_impl(boost::beast::http::field name, BeastView name_string,
                     BeastView value, ErrorCode& ec) override;
  void on_header_impl(ErrorCode& ec) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const& content_length,
                         ErrorCode& ec) override;
  std::size_t on_body_impl(BeastView body, ErrorCode& ec) override;
  void on_chunk_header_impl(std::uint64_t size, BeastView extensions,
                            ErrorCode& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, BeastView body,
                                 ErrorCode& ec) override;
  void on_finish_impl(ErrorCode& ec) override;
  // Part of the base's interface; a request parser never calls it.
  void on_response_impl(int code, BeastView reason, int version,
                        ErrorCode& ec) override;

  const Limits limits_;
  HttpRequest request_;
  // Start of the first line of the head that has not ended yet.
  size_t line_start_ = 0;
  size_t trailer_bytes_ = 0;
  int version_ = 11;
  int refusal_ = 0;
  bool header_seen_ = false;
  bool wants_keep_alive_ = false;
  bool expects_continue_ = false;
};

}  // namespace http_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_REQUEST_PARSER_H_
