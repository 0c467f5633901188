#include "slipway/adapters/http/response_head.h"

#include <string>

#include "gtest/gtest.h"

namespace slipway {
namespace http_internal {
namespace {

constexpr char kDate[] = "Sun, 06 Nov 1994 08:49:37 GMT";

HttpResponse WithBody(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "text/plain"}};
  response.body = std::move(body);
  return response;
}

TEST(ResponseHeadTest, AddsWhatBelongsToTheConnection) {
  EXPECT_EQ(ResponseHead(WithBody(200, "hello"), ResponseFraming(), kDate),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Server: slipway\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 5\r\n"
            "\r\n");
}

TEST(ResponseHeadTest, SaysWhenTheConnectionCloses) {
  ResponseFraming framing;
  framing.keep_alive = false;
  EXPECT_NE(ResponseHead(WithBody(200, ""), framing, kDate)
                .find("\r\nConnection: close\r\n"),
            std::string::npos);
}

TEST(ResponseHeadTest, SaysToAnOldPeerThatItStaysOpen) {
  ResponseFraming framing;
  framing.http_1_0 = true;
  EXPECT_NE(ResponseHead(WithBody(200, ""), framing, kDate)
                .find("\r\nConnection: keep-alive\r\n"),
            std::string::npos);
}

TEST(ResponseHeadTest, NoContentHasNeitherTypeNorLength) {
  for (const int status : {204, 304}) {
    HttpResponse response = WithBody(status, "never sent");
    response.headers.push_back({"ETag", "\"abc\""});
    const std::string head = ResponseHead(response, ResponseFraming(), kDate);
    EXPECT_EQ(head.find("Content-"), std::string::npos) << head;
    EXPECT_NE(head.find("\r\nETag: \"abc\"\r\n"), std::string::npos) << head;
    EXPECT_FALSE(SendsBody(response, ResponseFraming()));
  }
}

TEST(ResponseHeadTest, HeadRequestGetsTheLengthWithoutTheBody) {
  ResponseFraming framing;
  framing.head_request = true;
  const HttpResponse response = WithBody(200, "hello");
  EXPECT_NE(
      ResponseHead(response, framing, kDate).find("\r\nContent-Length: 5\r\n"),
      std::string::npos);
  EXPECT_FALSE(SendsBody(response, framing));
}

TEST(ResponseHeadTest, NoValueEndsItsLine) {
  HttpResponse response;
  response.headers = {
      {"Location", "/a\r\nSet-Cookie: stolen=1\r\n\r\n<html>"},
      {"X-Null", std::string("a\0b", 3)},
      {"X-Tab", "a\tb"},
      {"Bad Name", "x"},
      {"Bad\r\nName", "x"},
      {"", "x"},
  };
  EXPECT_EQ(ResponseHead(response, ResponseFraming(), kDate),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Server: slipway\r\n"
            "Location: /a  Set-Cookie: stolen=1    <html>\r\n"
            "X-Null: a b\r\n"
            "X-Tab: a\tb\r\n"
            "Content-Length: 0\r\n"
            "\r\n");
}

TEST(ResponseHeadTest, HandlerCannotFrameTheMessage) {
  HttpResponse response = WithBody(200, "hello");
  response.headers = {{"content-length", "99"},
                      {"Transfer-Encoding", "chunked"},
                      {"Connection", "upgrade"},
                      {"Date", "today"},
                      {"Server", "other"}};
  EXPECT_EQ(ResponseHead(response, ResponseFraming(), kDate),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Server: slipway\r\n"
            "Content-Length: 5\r\n"
            "\r\n");
}

TEST(ErrorResponseTest, HasTheShapeOfTheEnginesErrors) {
  const HttpResponse response =
      ErrorResponse(413, "https://docs.github.com/rest", "AB:1");
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body,
            "{\"message\":\"Payload Too Large\","
            "\"documentation_url\":\"https://docs.github.com/rest\","
            "\"status\":\"413\"}");
  EXPECT_EQ(*FindHeader(response.headers, "content-type"),
            "application/json; charset=utf-8");
  EXPECT_EQ(*FindHeader(response.headers, "x-github-request-id"), "AB:1");
}

TEST(HttpDateTest, IsTheFixedFormat) {
  EXPECT_EQ(HttpDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(HttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(HttpDateNow().size(), 29u);
}

}  // namespace
}  // namespace http_internal
}  // namespace slipway
