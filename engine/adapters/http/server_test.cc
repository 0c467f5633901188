#include "slipway/adapters/http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

// Nothing here takes as long: it is where a test fails instead of hanging.
constexpr int kPatienceMs = 20'000;

int MillisecondsSince(Clock::time_point start) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                              Clock::now() - start)
                              .count());
}

struct Response {
  int status = 0;  // 0: the connection ended first
  std::string head;
  std::vector<HttpHeader> headers;
  std::string body;

  // "" where there is none.
  std::string header(absl::string_view name) const {
    const std::string* value = FindHeader(headers, name);
    return value == nullptr ? "" : *value;
  }
};

// A peer that says exactly what it is told to, and knows just enough HTTP to
// find an answer's end.
class Client {
 public:
  // With a small receive buffer where `receive_bytes` is given.
  explicit Client(uint16_t port, int receive_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                 sizeof(receive_bytes));
    }
    const timeval patience = {kPatienceMs / 1000, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = fd_ >= 0 && connect(fd_, reinterpret_cast<sockaddr*>(&address),
                                     sizeof(address)) == 0;
  }
  ~Client() { Close(); }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        connected_(other.connected_),
        buffer_(std::move(other.buffer_)) {}
  Client(const Client&) = delete;

  bool connected() const { return connected_; }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // False when the peer is gone.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  void EndSending() { shutdown(fd_, SHUT_WR); }

  // The next answer; `to_head`: to a HEAD request, so without a body.
  Response Read(bool to_head = false) {
    Response response;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return response;
    }
    response.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    size_t at = response.head.find("\r\n") + 2;
    while (at < response.head.size()) {
      const size_t line_end = response.head.find("\r\n", at);
      const size_t colon = response.head.find(": ", at);
      response.headers.push_back(
          {response.head.substr(at, colon - at),
           response.head.substr(colon + 2, line_end - colon - 2)});
      at = line_end + 2;
    }
    size_t length = 0;
    if (!to_head) {
      (void)absl::SimpleAtoi(response.header("Content-Length"), &length);
    }
    while (buffer_.size() < length) {
      if (!Receive()) return response;
    }
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    if (!absl::SimpleAtoi(response.head.substr(9, 3), &response.status)) {
      response.status = -1;
    }
    return response;
  }

  Response Exchange(absl::string_view request) {
    if (!Send(request)) return Response();
    return Read();
  }

  // Whether the server closes now, in good order and without another byte.
  bool ReadsEnd() { return buffer_.empty() && !Receive() && error_ == 0; }
  bool ReadsReset() { return !Receive() && error_ == ECONNRESET; }

  // Whether a reset arrives, without reading a byte.
  bool SeesReset() {
    pollfd poll_fd = {fd_, 0, 0};  // errors are always reported
    return poll(&poll_fd, 1, kPatienceMs) == 1 &&
           (poll_fd.revents & POLLERR) != 0;
  }

  // Whether nothing arrives within `milliseconds`.
  bool IsQuietFor(int milliseconds) {
    pollfd poll_fd = {fd_, POLLIN, 0};
    return buffer_.empty() && poll(&poll_fd, 1, milliseconds) == 0;
  }

 private:
  bool Receive() {
    char bytes[65536];
    const ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
    error_ = n < 0 ? errno : 0;
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(n));
    return true;
  }

  int fd_;
  bool connected_ = false;
  int error_ = 0;
  std::string buffer_;
};

// Keeps whoever waits until it is opened.
class Gate {
 public:
  ~Gate() { Open(); }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitWaiting(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, count] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// "/blocked" waits at the gate; "/throw" throws; "/status/N" has that status;
// "/bytes/N" has a body of that size; everything else is told what it said.
class TestHandler : public HttpHandler {
 public:
  HttpResponse Handle(const HttpRequest& request) override {
    ++calls;
    if (request.target == "/blocked") gate.Wait();
    if (request.target == "/throw") throw std::runtime_error("broken");
    if (request.target == "/throw-int") throw 7;
    HttpResponse response;
    response.headers = {{"Content-Type", "text/plain"}, {"X-Id", request.id}};
    response.body = absl::StrCat(request.method, " ", request.target);
    if (!request.body.empty())
      absl::StrAppend(&response.body, "\n", request.body);
    if (const std::string* host = FindHeader(request.headers, "Host")) {
      response.headers.push_back({"X-Host", *host});
    }
    absl::string_view rest = request.target;
    int number = 0;
    if (absl::ConsumePrefix(&rest, "/status/") &&
        absl::SimpleAtoi(rest, &number)) {
      response.status = number;
    } else if (absl::ConsumePrefix(&rest, "/bytes/") &&
               absl::SimpleAtoi(rest, &number)) {
      response.body = std::string(static_cast<size_t>(number), 'x');
    } else if (rest == "/inject") {
      response.headers.push_back(
          {"Location", "/a\r\nSet-Cookie: stolen=1\r\n\r\nHTTP/1.1 200 OK"});
      response.headers.push_back({"X-Bad\r\nSet-Cookie", "stolen=1"});
    }
    return response;
  }

  std::atomic<int> calls{0};
  Gate gate;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() { options_.port = 0; }

  void StartServer() {
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start(options_, &handler_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  uint16_t port() const { return server_->port(); }

  static std::string Get(absl::string_view target) {
    return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n");
  }

  // Expects the engine's shape of an error, on a connection that closes.
  static void ExpectRefusal(Client& client, const Response& response,
                            int status, absl::string_view message) {
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body,
              absl::StrCat("{\"message\":\"", message,
                           "\",\"documentation_url\":"
                           "\"https://docs.github.com/rest\",\"status\":\"",
                           status, "\"}"));
    EXPECT_EQ(response.header("Content-Type"),
              "application/json; charset=utf-8");
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_NE(response.header("X-GitHub-Request-Id"), "");
    EXPECT_TRUE(client.ReadsEnd());
  }

  HttpServerOptions options_;
  TestHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

// One request and the next.

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  StartServer();
  Client client(port());
  for (int i = 0; i < 3; ++i) {
    const Response response = client.Exchange(Get(absl::StrCat("/a?b=", i)));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, absl::StrCat("GET /a?b=", i));
    EXPECT_EQ(response.header("Server"), "slipway");
    EXPECT_EQ(response.header("Date").size(), 29u);
    EXPECT_EQ(response.header("Content-Length"), "10");
    EXPECT_EQ(response.header("Connection"), "");
  }
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  StartServer();
  Client client(port());
  const Response response =
      client.Exchange("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, Http10ClosesUnlessAskedToStay) {
  StartServer();
  Client client(port());
  const std::string stay = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(client.Exchange(stay).header("Connection"), "keep-alive");
  EXPECT_EQ(client.Exchange(stay).status, 200);
  const Response last = client.Exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_TRUE(absl::StartsWith(last.head, "HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  StartServer();
  Client client(port());
  std::string requests;
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&requests, "POST /", i,
                    " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  }
  std::thread sender([&] { EXPECT_TRUE(client.Send(requests)); });
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.Read().body, absl::StrCat("POST /", i, "\nabc"));
  }
  sender.join();
}

TEST_F(HttpServerTest, SkipsEmptyLinesBetweenRequests) {
  StartServer();
  Client client(port());
  EXPECT_EQ(client.Exchange("\r\n\r\n" + Get("/1")).body, "GET /1");
  EXPECT_TRUE(client.Send("\r"));
  EXPECT_TRUE(client.Send("\n"));
  EXPECT_EQ(client.Exchange(Get("/2")).body, "GET /2");
}

TEST_F(HttpServerTest, AnswersAPeerThatHasStoppedSending) {
  StartServer();
  Client client(port());
  EXPECT_TRUE(client.Send(Get("/")));
  client.EndSending();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, RequestIdsAreUnique) {
  StartServer();
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    Client client(port());
    ids.insert(client.Exchange(Get("/")).header("X-Id"));
    ids.insert(client.Exchange(Get("/")).header("X-Id"));
  }
  EXPECT_EQ(ids.size(), 20u);
  EXPECT_EQ(ids.begin()->size(), 26u) << *ids.begin();
  EXPECT_EQ(ids.begin()->find_first_not_of("0123456789abcdef:"),
            std::string::npos);
}

TEST_F(HttpServerTest, ReducesTheAbsoluteForm) {
  StartServer();
  Client client(port());
  const Response response =
      client.Exchange("GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(response.body, "GET /x?y");
  EXPECT_EQ(response.header("X-Host"), "b:81");
}

TEST_F(HttpServerTest, OptionsOfTheServerItself) {
  StartServer();
  Client client(port());
  EXPECT_EQ(client.Exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status,
            204);
  EXPECT_EQ(handler_.calls, 0);
}

TEST_F(HttpServerTest, OwnAnswersHaveTheHeadersThatAreAskedFor) {
  options_.own_answer_headers = {{"X-Media", "v3"}, {"X-Version", "1"}};
  options_.body_bytes_max = 10;
  StartServer();
  const struct {
    absl::string_view request;
    int status;
  } cases[] = {
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204},
      {"garbage\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", 413},
      {"GET /status/0 HTTP/1.1\r\nHost: a\r\n\r\n", 500},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.request);
    Client client(port());
    const Response response = client.Exchange(c.request);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.header("X-Media"), "v3");
    EXPECT_EQ(response.header("X-Version"), "1");
    EXPECT_NE(response.header("X-GitHub-Request-Id"), "");
  }
}

TEST_F(HttpServerTest, TheHandlersAnswersAreItsOwn) {
  options_.own_answer_headers = {{"X-Media", "v3"}};
  StartServer();
  Client client(port());
  EXPECT_EQ(client.Exchange(Get("/hello")).header("X-Media"), "");
}

// What an answer has and has not.

TEST_F(HttpServerTest, HeadHasTheLengthAndNoBody) {
  StartServer();
  Client client(port());
  ASSERT_TRUE(client.Send("HEAD /bytes/1234 HTTP/1.1\r\nHost: a\r\n\r\n"));
  const Response response = client.Read(/*to_head=*/true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "1234");
  EXPECT_EQ(client.Exchange(Get("/next")).body, "GET /next");
}

TEST_F(HttpServerTest, NoContentAndNotModifiedEndWithTheHead) {
  StartServer();
  Client client(port());
  for (const int status : {204, 304}) {
    const Response response =
        client.Exchange(Get(absl::StrCat("/status/", status)));
    EXPECT_EQ(response.status, status);
    EXPECT_FALSE(absl::StrContains(response.head, "Content-"));
    EXPECT_EQ(client.Exchange(Get("/next")).body, "GET /next");
  }
}

TEST_F(HttpServerTest, HeaderInjectionStaysInItsLine) {
  StartServer();
  Client client(port());
  const Response response = client.Exchange(Get("/inject"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Set-Cookie"), "");
  EXPECT_EQ(response.header("Location"),
            "/a  Set-Cookie: stolen=1    HTTP/1.1 200 OK");
  EXPECT_EQ(client.Exchange(Get("/next")).body, "GET /next");
}

TEST_F(HttpServerTest, HandlerThatThrowsIs500AndTheConnectionSurvives) {
  StartServer();
  Client client(port());
  for (const char* target :
       {"/throw", "/throw-int", "/status/99", "/status/100", "/status/600"}) {
    const Response response = client.Exchange(Get(target));
    EXPECT_EQ(response.status, 500) << target;
    EXPECT_EQ(response.body,
              "{\"message\":\"Internal Server Error\",\"documentation_url\":"
              "\"https://docs.github.com/rest\",\"status\":\"500\"}");
    EXPECT_EQ(response.header("Connection"), "");
  }
  EXPECT_EQ(client.Exchange(Get("/next")).body, "GET /next");
}

// Bodies.

TEST_F(HttpServerTest, TakesBodiesUpToTheLimit) {
  StartServer();
  Client client(port());
  const std::string body(1 << 20, 'b');
  const Response response = client.Exchange(absl::StrCat(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(), "\r\n\r\n",
      body));
  EXPECT_EQ(response.body, "POST /\n" + body);
}

TEST_F(HttpServerTest, TakesChunkedBodies) {
  StartServer();
  Client client(port());
  const Response response = client.Exchange(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n");
  EXPECT_EQ(response.body, "POST /\nhello world");
  EXPECT_EQ(client.Exchange(Get("/next")).body, "GET /next");
}

TEST_F(HttpServerTest, TakesAChunkedBodyByteByByte) {
  StartServer();
  Client client(port());
  for (const char c : absl::string_view(
           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           "0\r\n\r\n")) {
    ASSERT_TRUE(client.Send(absl::string_view(&c, 1)));
  }
  EXPECT_EQ(client.Read().body, "POST /");
}

TEST_F(HttpServerTest, SaysContinueToWhoWaitsForIt) {
  StartServer();
  Client client(port());
  const Response interim = client.Exchange(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(interim.status, 100);
  EXPECT_EQ(client.Exchange("hello").body, "POST /\nhello");
}

TEST_F(HttpServerTest, SaysNoContinueToWhoDoesNotWait) {
  StartServer();
  Client client(port());
  EXPECT_EQ(client
                .Exchange("POST / HTTP/1.1\r\nHost: a\r\n"
                          "Expect: 100-continue\r\n"
                          "Content-Length: 5\r\n\r\nhello")
                .body,
            "POST /\nhello");
}

TEST_F(HttpServerTest, RefusesATooLargeBodyBeforeItIsSent) {
  StartServer();
  Client client(port());
  const Response response = client.Exchange(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: 10000000\r\n\r\n");
  ExpectRefusal(client, response, 413, "Payload Too Large");
}

TEST_F(HttpServerTest, PeerBusySendingTenMegabytesReadsThe413) {
  StartServer();
  std::string ten_megabytes;
  ten_megabytes.resize(10'000'000, 'x');
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string& request :
       {absl::StrCat(start, "Content-Length: 10000000\r\n\r\n", ten_megabytes),
        absl::StrCat(start, "Transfer-Encoding: chunked\r\n\r\n989680\r\n",
                     ten_megabytes, "\r\n0\r\n\r\n")}) {
    Client client(port());
    EXPECT_TRUE(client.Send(request));
    client.EndSending();
    ExpectRefusal(client, client.Read(), 413, "Payload Too Large");
  }
  EXPECT_EQ(handler_.calls, 0);
}

TEST_F(HttpServerTest, DrainsNoMoreThanItsBound) {
  options_.linger_bytes_max = 1 << 20;
  StartServer();
  Client client(port());
  ASSERT_TRUE(client.Send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"));
  const std::string megabyte(1 << 20, 'x');
  int sent = 0;
  while (sent < 1000 && client.Send(megabyte)) ++sent;
  EXPECT_LT(sent, 100);
}

TEST_F(HttpServerTest, DrainsNoLongerThanItsBound) {
  options_.linger_timeout_ms = 50;
  StartServer();
  Client client(port());
  EXPECT_EQ(client.Exchange("nonsense\r\n").status, 400);
  EXPECT_TRUE(client.ReadsEnd());
  // The server's side is gone too, though this peer never closed its own.
  const Clock::time_point start = Clock::now();
  while (client.Send("x") && MillisecondsSince(start) < kPatienceMs) {
    std::this_thread::yield();
  }
  EXPECT_LT(MillisecondsSince(start), 5'000);
}

// What is no request.

TEST_F(HttpServerTest, RefusesGarbage) {
  StartServer();
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        std::string("hello\r\n"), std::string("GET / HTTP/1.1\nHost: a\n\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        std::string(100'000, '\0')}) {
    Client client(port());
    client.Send(garbage);
    ExpectRefusal(client, client.Read(), 400, "Bad Request");
  }
  EXPECT_EQ(handler_.calls, 0);
}

TEST_F(HttpServerTest, RefusesHalfARequestAtTheEnd) {
  StartServer();
  for (const char* half :
       {"GET / HT",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"}) {
    Client client(port());
    EXPECT_TRUE(client.Send(half));
    client.EndSending();
    ExpectRefusal(client, client.Read(), 400, "Bad Request");
  }
}

TEST_F(HttpServerTest, RefusesAnOversizedHeader) {
  StartServer();
  Client client(port());
  EXPECT_TRUE(client.Send(absl::StrCat("GET / HTTP/1.1\r\nHost: a\r\nX: ",
                                       std::string(1 << 20, 'x'), "\r\n\r\n")));
  ExpectRefusal(client, client.Read(), 431, "Request Header Fields Too Large");
}

TEST_F(HttpServerTest, AnswersWhatCameBeforeTheGarbage) {
  StartServer();
  Client client(port());
  EXPECT_EQ(client.Exchange(Get("/first") + "garbage\r\n").body, "GET /first");
  ExpectRefusal(client, client.Read(), 400, "Bad Request");
}

// Slow peers.

TEST_F(HttpServerTest, ClosesAnIdleConnectionWithoutAWord) {
  options_.idle_timeout_ms = 50;
  StartServer();
  Client silent(port());
  EXPECT_TRUE(silent.ReadsEnd());
  Client once(port());
  EXPECT_EQ(once.Exchange(Get("/")).status, 200);
  EXPECT_TRUE(once.ReadsEnd());
}

TEST_F(HttpServerTest, EmptyLinesDoNotKeepAConnectionAlive) {
  options_.idle_timeout_ms = 100;
  StartServer();
  Client client(port());
  const Clock::time_point start = Clock::now();
  while (client.Send("\r\n") && MillisecondsSince(start) < kPatienceMs) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_LT(MillisecondsSince(start), 5'000);
}

// Sends `bytes` again and again, slowly, until there is an answer.
Response DripUntilAnswered(Client& client, absl::string_view bytes) {
  const Clock::time_point start = Clock::now();
  while (client.IsQuietFor(5) && MillisecondsSince(start) < kPatienceMs) {
    client.Send(bytes);
  }
  return client.Read();
}

TEST_F(HttpServerTest, RefusesAHeaderThatDrips) {
  options_.header_timeout_ms = 100;
  StartServer();
  Client client(port());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: a\r\n"));
  const Clock::time_point start = Clock::now();
  const Response response = DripUntilAnswered(client, "X: y\r\n");
  EXPECT_GE(MillisecondsSince(start), 90);
  EXPECT_LT(MillisecondsSince(start), 5'000);
  client.EndSending();
  ExpectRefusal(client, response, 408, "Request Timeout");
}

TEST_F(HttpServerTest, RefusesABodyThatDrips) {
  options_.body_timeout_ms = 100;
  StartServer();
  for (const char* framing :
       {"Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
        "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n"}) {
    Client client(port());
    ASSERT_TRUE(
        client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\n", framing)));
    if (absl::StartsWith(framing, "Expect")) {
      EXPECT_EQ(client.Read().status, 100);
    }
    const Response response = DripUntilAnswered(client, "1\r\nx\r\n");
    client.EndSending();
    ExpectRefusal(client, response, 408, "Request Timeout");
  }
}

TEST_F(HttpServerTest, ResetsAPeerThatDoesNotRead) {
  options_.write_timeout_ms = 100;
  StartServer();
  Client client(port(), /*receive_bytes=*/4096);
  ASSERT_TRUE(client.Send(Get("/bytes/50000000")));
  EXPECT_TRUE(client.SeesReset());
  EXPECT_TRUE(server_->Shutdown());
}

TEST_F(HttpServerTest, DeadlinesStartAgainWithEachRequest) {
  // Together these requests take longer than any of the deadlines.
  options_.idle_timeout_ms = 1'000;
  options_.header_timeout_ms = 500;
  options_.body_timeout_ms = 500;
  options_.write_timeout_ms = 500;
  StartServer();
  Client client(port());
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ASSERT_EQ(client
                  .Exchange("POST / HTTP/1.1\r\nHost: a\r\n"
                            "Content-Length: 1\r\n\r\nx")
                  .status,
              200)
        << i;
  }
}

// Many peers.

int ThreadCount() {
  const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

TEST_F(HttpServerTest, AThousandIdleConnectionsCostNoThread) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  int count = 1000;
  if (limit.rlim_cur < 2 * 1000 + 100) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 2 * 1000 + 100);
    setrlimit(RLIMIT_NOFILE, &limit);
    count = static_cast<int>(limit.rlim_cur - 100) / 2;
  }
  StartServer();
  const int threads = ThreadCount();
  std::vector<Client> clients;
  for (int i = 0; i < count; ++i) {
    clients.emplace_back(port());
    ASSERT_TRUE(clients.back().connected());
    ASSERT_EQ(clients.back().Exchange(Get("/")).status, 200);
  }
  EXPECT_EQ(ThreadCount(), threads);
  for (Client& client : clients) {
    ASSERT_EQ(client.Exchange(Get("/again")).body, "GET /again");
  }
  EXPECT_EQ(ThreadCount(), threads);
  EXPECT_TRUE(server_->Shutdown());
  for (Client& client : clients) EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(HttpServerTest, ABlockedHandlerBlocksNobodyElse) {
  options_.handler_threads = 2;
  StartServer();
  Client blocked(port());
  ASSERT_TRUE(blocked.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(1);
  Client other(port());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(other.Exchange(Get("/")).status, 200);
  }
  // With no handler thread left there is still somebody to accept and refuse.
  Client blocked_too(port());
  ASSERT_TRUE(blocked_too.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(2);
  Client wrong(port());
  EXPECT_EQ(wrong.Exchange("garbage\r\n").status, 400);
  handler_.gate.Open();
  EXPECT_EQ(blocked.Read().body, "GET /blocked");
  EXPECT_EQ(blocked_too.Read().body, "GET /blocked");
}

TEST_F(HttpServerTest, RefusesWhatItsQueueDoesNotHold) {
  options_.handler_threads = 1;
  options_.handler_queue_max = 2;
  StartServer();
  Client running(port());
  ASSERT_TRUE(running.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(1);
  // Two of three fit.
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(port());
    ASSERT_TRUE(clients.back().Send(Get("/")));
  }
  int refused = -1;
  const Clock::time_point start = Clock::now();
  while (refused < 0 && MillisecondsSince(start) < kPatienceMs) {
    for (int i = 0; i < 3; ++i) {
      if (!clients[i].IsQuietFor(1)) refused = i;
    }
  }
  ASSERT_GE(refused, 0);
  const Response response = clients[refused].Read();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("Retry-After"), "1");
  EXPECT_EQ(response.header("Connection"), "");
  EXPECT_TRUE(absl::StrContains(response.body, "\"Service Unavailable\""));
  handler_.gate.Open();
  EXPECT_EQ(running.Read().status, 200);
  for (int i = 0; i < 3; ++i) {
    if (i != refused) {
      EXPECT_EQ(clients[i].Read().status, 200);
    }
  }
  EXPECT_EQ(clients[refused].Exchange(Get("/")).status, 200);
}

TEST_F(HttpServerTest, PeersOverTheLimitWaitForTheirTurn) {
  options_.connections_max = 2;
  StartServer();
  Client first(port());
  EXPECT_EQ(first.Exchange(Get("/")).header("Connection"), "");
  Client second(port());
  ASSERT_TRUE(second.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(1);
  Client third(port());
  ASSERT_TRUE(third.connected());
  ASSERT_TRUE(third.Send(Get("/third")));
  EXPECT_TRUE(third.IsQuietFor(50));
  // Full: this answer makes room.
  const Response response = first.Exchange(Get("/"));
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_TRUE(first.ReadsEnd());
  EXPECT_EQ(third.Read().body, "GET /third");
  handler_.gate.Open();
  EXPECT_EQ(second.Read().status, 200);
}

TEST_F(HttpServerTest, ManyConnectionsOnManyThreads) {
  options_.io_threads = 3;
  options_.handler_threads = 3;
  StartServer();
  std::vector<std::thread> peers;
  peers.reserve(8);
  std::atomic<int> answered{0};
  for (int p = 0; p < 8; ++p) {
    peers.emplace_back([this, p, &answered] {
      for (int round = 0; round < 10; ++round) {
        Client client(port());
        for (int i = 0; i < 10; ++i) {
          const std::string target = absl::StrCat("/", p, "/", round, "/", i);
          if (client.Exchange(Get(target)).body == "GET " + target) ++answered;
        }
        if (round % 2 == 0) client.Exchange("garbage\r\n");
      }
    });
  }
  for (std::thread& peer : peers) peer.join();
  EXPECT_EQ(answered, 800);
  EXPECT_TRUE(server_->Shutdown());
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

TEST_F(HttpServerTest, OutOfDescriptorsItWaitsAndRecovers) {
  options_.accept_retry_ms = 20;
  StartServer();
  Client served(port());
  ASSERT_EQ(served.Exchange(Get("/")).status, 200);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int last = socket(AF_INET, SOCK_STREAM, 0);
  close(last);
  // The next peer's own descriptor is the last that there is.
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(last) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Client waiting(port());
  const bool sent = waiting.Send(Get("/later"));
  const double cpu = CpuSeconds();
  const bool quiet = waiting.IsQuietFor(300);
  const double spent = CpuSeconds() - cpu;
  const Response meanwhile = served.Exchange(Get("/meanwhile"));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(waiting.connected());
  EXPECT_TRUE(sent);
  EXPECT_TRUE(quiet);
  EXPECT_LT(spent, 0.15) << "it spins";
  EXPECT_EQ(meanwhile.status, 200) << "who is connected is served";
  EXPECT_EQ(waiting.Read().body, "GET /later");
}

// The end.

TEST_F(HttpServerTest, ShutdownFinishesWhatIsInFlight) {
  StartServer();
  Client idle(port());
  ASSERT_EQ(idle.Exchange(Get("/")).status, 200);
  Client fresh(port());
  Client busy(port());
  ASSERT_TRUE(busy.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(1);
  Client sending(port());
  const Response interim = sending.Exchange(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n");
  ASSERT_EQ(interim.status, 100);

  std::future<bool> shutdown =
      std::async(std::launch::async, [this] { return server_->Shutdown(); });
  EXPECT_TRUE(idle.ReadsEnd());
  EXPECT_FALSE(Client(port()).connected());
  EXPECT_TRUE(busy.IsQuietFor(20));

  const Response sent = sending.Exchange("hello");
  EXPECT_EQ(sent.body, "POST /\nhello");
  EXPECT_EQ(sent.header("Connection"), "close");
  EXPECT_TRUE(sending.ReadsEnd());
  handler_.gate.Open();
  const Response answered = busy.Read();
  EXPECT_EQ(answered.body, "GET /blocked");
  EXPECT_EQ(answered.header("Connection"), "close");
  EXPECT_TRUE(busy.ReadsEnd());
  EXPECT_TRUE(shutdown.get());
  EXPECT_TRUE(server_->Shutdown()) << "the second call says the same";
}

TEST_F(HttpServerTest, ShutdownCutsOffWhatOutlastsTheGrace) {
  options_.shutdown_grace_ms = 100;
  StartServer();
  Client busy(port());
  ASSERT_TRUE(busy.Send(Get("/blocked")));
  handler_.gate.AwaitWaiting(1);
  Client half(port());
  ASSERT_TRUE(half.Send("GET / HT"));
  const Clock::time_point start = Clock::now();
  EXPECT_FALSE(server_->Shutdown());
  EXPECT_GE(MillisecondsSince(start), 90);
  EXPECT_LT(MillisecondsSince(start), 5'000);
  EXPECT_EQ(busy.Read().status, 0);
  EXPECT_EQ(half.Read().status, 0);
  EXPECT_FALSE(server_->Shutdown());
  handler_.gate.Open();
}

TEST_F(HttpServerTest, ShutdownOfAServerThatNobodyUsedIsImmediate) {
  StartServer();
  EXPECT_TRUE(server_->Shutdown());
}

// The start.

TEST_F(HttpServerTest, SaysWhyItDoesNotStart) {
  StartServer();
  const auto status = [this](auto change, HttpHandler* handler) {
    HttpServerOptions options = options_;
    change(options);
    return HttpServer::Start(options, handler).status();
  };
  EXPECT_EQ(status([](HttpServerOptions&) {}, nullptr).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      status([](HttpServerOptions& o) { o.address = "localhost"; }, &handler_)
          .code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      status([](HttpServerOptions& o) { o.header_timeout_ms = 0; }, &handler_),
      absl::InvalidArgumentError(
          "HttpServerOptions.header_timeout_ms is 0, less than 1"));
  const absl::Status taken =
      status([this](HttpServerOptions& o) { o.port = port(); }, &handler_);
  EXPECT_EQ(taken.code(), absl::StatusCode::kUnavailable) << taken;
  EXPECT_EQ(
      status([](HttpServerOptions& o) { o.address = "192.0.2.1"; }, &handler_)
          .code(),
      absl::StatusCode::kUnavailable);
}

// Whether a socket can have the address ::1.
bool HasIpv6() {
  const int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno != EAFNOSUPPORT;
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has_it = bind(descriptor, reinterpret_cast<sockaddr*>(&address),
                           sizeof(address)) == 0 ||
                      errno != EADDRNOTAVAIL;
  close(descriptor);
  return has_it;
}

TEST_F(HttpServerTest, ListensOnIpv6WhereTheMachineHasIt) {
  if (!HasIpv6()) GTEST_SKIP() << "this machine has no address ::1";
  options_.address = "::1";
  const absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Start(options_, &handler_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_NE((*server)->port(), 0);
}

}  // namespace
}  // namespace slipway
