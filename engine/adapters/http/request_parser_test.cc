#include "slipway/adapters/http/request_parser.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace slipway {
namespace http_internal {
namespace {

struct Outcome {
  // 0: complete; -1: wants more; else the status of the refusal.
  int refusal = -1;
  bool keep_alive = false;
  bool expects_continue = false;
  HttpRequest request;
  std::string left;
};

// Feeds `wire` in pieces of `piece` bytes, as a connection would.
Outcome ParsePieces(const std::string& wire, size_t piece,
                    RequestParser::Limits limits) {
  RequestParser parser(limits);
  Outcome outcome;
  std::string buffer;
  for (size_t at = 0; at < wire.size();) {
    const size_t n = std::min(piece, wire.size() - at);
    buffer.append(wire, at, n);
    at += n;
    for (bool again = true; again;) {
      size_t consumed = 0;
      const RequestParser::Progress progress = parser.Feed(buffer, &consumed);
      buffer.erase(0, consumed);
      again = progress == RequestParser::Progress::kHeaderDone;
      if (progress == RequestParser::Progress::kRefused) {
        outcome.refusal = parser.refusal();
        return outcome;
      }
      if (progress == RequestParser::Progress::kDone) {
        outcome.refusal = 0;
        outcome.keep_alive = parser.wants_keep_alive();
        outcome.expects_continue = parser.expects_continue();
        outcome.request = parser.TakeRequest();
        outcome.left = buffer + wire.substr(at);
        return outcome;
      }
    }
  }
  return outcome;
}

// The outcome, after checking that every way to cut the bytes leads there.
Outcome Parse(const std::string& wire, RequestParser::Limits limits = {}) {
  Outcome whole = ParsePieces(wire, wire.size(), limits);
  for (size_t piece = 1; piece < wire.size() && piece < 64; ++piece) {
    const Outcome cut = ParsePieces(wire, piece, limits);
    EXPECT_EQ(cut.refusal, whole.refusal) << "in pieces of " << piece;
    EXPECT_EQ(cut.request.target, whole.request.target);
    EXPECT_EQ(cut.request.body, whole.request.body);
    EXPECT_EQ(cut.request.headers.size(), whole.request.headers.size());
    EXPECT_EQ(cut.left, whole.left);
  }
  return whole;
}

TEST(RequestParserTest, ReadsARequest) {
  const Outcome outcome = Parse(
      "POST /repos/o/r/deployments?x=%2F HTTP/1.1\r\n"
      "Host: example.com\r\nX-Two: 1\r\nAccept:  a/b \r\nx-two: 2\r\n"
      "Content-Length: 5\r\n\r\nhello");
  ASSERT_EQ(outcome.refusal, 0);
  EXPECT_EQ(outcome.request.method, "POST");
  EXPECT_EQ(outcome.request.target, "/repos/o/r/deployments?x=%2F");
  EXPECT_EQ(outcome.request.body, "hello");
  std::vector<std::string> headers;
  for (const HttpHeader& header : outcome.request.headers) {
    headers.push_back(absl::StrCat(header.name, "=", header.value));
  }
  EXPECT_EQ(headers, (std::vector<std::string>{"Host=example.com", "X-Two=1",
                                               "Accept=a/b", "x-two=2",
                                               "Content-Length=5"}));
  EXPECT_TRUE(outcome.keep_alive);
  EXPECT_FALSE(outcome.expects_continue);
}

TEST(RequestParserTest, LeavesTheNextRequest) {
  const Outcome outcome = Parse(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(outcome.refusal, 0);
  EXPECT_EQ(outcome.request.target, "/1");
  EXPECT_EQ(outcome.left, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(RequestParserTest, ReadsChunksAndDropsTrailers) {
  const Outcome outcome = Parse(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext=\"v\"\r\n world\r\n0\r\n"
      "Authorization: forged\r\n\r\nNEXT");
  ASSERT_EQ(outcome.refusal, 0);
  EXPECT_EQ(outcome.request.body, "hello world");
  EXPECT_EQ(FindHeader(outcome.request.headers, "Authorization"), nullptr);
  EXPECT_EQ(outcome.left, "NEXT");
}

TEST(RequestParserTest, ReadsAnEmptyChunkedBody) {
  const Outcome outcome = Parse(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nNEXT");
  ASSERT_EQ(outcome.refusal, 0);
  EXPECT_EQ(outcome.request.body, "");
  EXPECT_EQ(outcome.left, "NEXT");
}

TEST(RequestParserTest, KnowsWhoStays) {
  const struct {
    std::string head;
    bool keep_alive;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n", true},
      {"GET / HTTP/1.0\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true},
  };
  for (const auto& c : cases) {
    const Outcome outcome = Parse(c.head + "\r\n");
    EXPECT_EQ(outcome.refusal, 0) << c.head;
    EXPECT_EQ(outcome.keep_alive, c.keep_alive) << c.head;
  }
}

TEST(RequestParserTest, ReducesTheAbsoluteForm) {
  const struct {
    std::string target;
    std::string origin;
  } cases[] = {
      {"http://b:80/repos?x=1", "/repos?x=1"},
      {"HTTPS://b:80", "/"},
      {"http://b:80?x=1", "/?x=1"},
      {"http://b:80//x", "//x"},
  };
  for (const auto& c : cases) {
    const Outcome outcome =
        Parse(absl::StrCat("GET ", c.target, " HTTP/1.1\r\nHost: a\r\n\r\n"));
    ASSERT_EQ(outcome.refusal, 0) << c.target;
    EXPECT_EQ(outcome.request.target, c.origin);
    EXPECT_EQ(*FindHeader(outcome.request.headers, "Host"), "b:80");
  }
  EXPECT_EQ(*FindHeader(Parse("GET http://b/ HTTP/1.0\r\n\r\n").request.headers,
                        "Host"),
            "b");
}

TEST(RequestParserTest, RefusesWithTheRightStatus) {
  const std::string host = "Host: a\r\n";
  const std::string get = "GET / HTTP/1.1\r\n" + host;
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const struct {
    int status;
    std::string wire;
  } cases[] = {
      {400, "\x16\x03\x01\x02 this is TLS\r\n\r\n"},
      {400, "GET /\r\n\r\n"},
      {400, "GET / HTTP/2.0\r\n\r\n"},
      {400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {400, "GET  / HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET / HTTP/1.1\n" + host + "\n\n\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, get + host + "\r\n"},
      {400, get + "X : 1\r\n\r\n"},
      {400, get + "no colon\r\n\r\n"},
      {400, get + "X: a\x01z\r\n\r\n"},
      {400, "CONNECT a:80 HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET * HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET ftp://a/x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http:///x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http://u@a/x HTTP/1.1\r\n" + host + "\r\n"},
      {400, post + "Content-Length: x\r\n\r\n"},
      {400, post + "Content-Length: -1\r\n\r\n"},
      {400, post + "Content-Length: 99999999999999999999\r\n\r\n"},
      {400, post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
      {400, post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, chunked + "nonsense\r\n"},
      {400, chunked + "5\r\nhello!!!!!\r\n"},
      {400, chunked + "fffffffffffffffff\r\n"},
      {413, chunked + "100001\r\n"},
      {413, chunked + "1\r\nx\r\n100000\r\n"},
      {413, post + "Content-Length: 1048577\r\n\r\n"},
      {417, post + "Expect: magic\r\n\r\n"},
      {431, get + "X: " + std::string(20000, 'x') + "\r\n\r\n"},
      {431, "GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n"},
      {431, chunked + "1;x=" + std::string(20000, 'x') + "\r\n"},
      {431, chunked + "0\r\nX: " + std::string(20000, 'x') + "\r\n"},
      {501, post + "Transfer-Encoding: gzip\r\n\r\n"},
      {501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {501, post + "Transfer-Encoding: chunked, identity\r\n\r\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parse(c.wire).refusal, c.status) << c.wire.substr(0, 200);
  }
}

TEST(RequestParserTest, HeaderLimitHoldsHoweverTheFieldsArrive) {
  RequestParser::Limits limits;
  limits.header_bytes_max = 200;
  // One complete field a time: nothing of it is ever pending.
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  RequestParser parser(limits);
  size_t consumed = 0;
  std::string buffer = head;
  RequestParser::Progress progress = parser.Feed(buffer, &consumed);
  for (int i = 0; i < 100 && progress == RequestParser::Progress::kNeedMore;
       ++i) {
    buffer.erase(0, consumed);
    buffer += "X: 1\r\n";
    progress = parser.Feed(buffer, &consumed);
  }
  ASSERT_EQ(progress, RequestParser::Progress::kRefused);
  EXPECT_EQ(parser.refusal(), 431);
}

TEST(RequestParserTest, HeaderLimitIsExact) {
  const std::string wire = "GET / HTTP/1.1\r\nHost: a\r\nX: 123456\r\n\r\n";
  RequestParser::Limits limits;
  limits.header_bytes_max = wire.size();
  EXPECT_EQ(Parse(wire, limits).refusal, 0);
  limits.header_bytes_max = wire.size() - 1;
  EXPECT_EQ(Parse(wire, limits).refusal, 431);
}

TEST(RequestParserTest, BodyLimitIsExact) {
  RequestParser::Limits limits;
  limits.body_bytes_max = 5;
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(Parse(post + "Content-Length: 5\r\n\r\nhello", limits).refusal, 0);
  EXPECT_EQ(Parse(post + "Content-Length: 6\r\n\r\nhello!", limits).refusal,
            413);
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(Parse(chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", limits).refusal,
            0);
  EXPECT_EQ(
      Parse(chunked + "2\r\nhe\r\n4\r\nllo!\r\n0\r\n\r\n", limits).refusal,
      413);
}

TEST(RequestParserTest, ContinueIsForHttp11) {
  EXPECT_TRUE(Parse("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                    "Content-Length: 1\r\n\r\nx")
                  .expects_continue);
  EXPECT_FALSE(Parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\n"
                     "Content-Length: 1\r\n\r\nx")
                   .expects_continue);
}

}  // namespace
}  // namespace http_internal
}  // namespace slipway
