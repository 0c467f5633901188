// Real sockets on loopback.

#include "slipway/adapters/curl/curl_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/ports/http_client.h"

namespace slipway {
namespace {

// Takes one connection after the other, and sends the same answer to each; an
// empty one is never sent.
class TinyServer {
 public:
  explicit TinyServer(std::string answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 8);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TinyServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string Url(const std::string& host = "127.0.0.1") const {
    return absl::StrCat("http://", host, ":", port_, "/hook");
  }
  int connections() const { return connections_; }

 private:
  void Serve() {
    while (true) {
      const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      ++connections_;
      std::string request(65536, '\0');
      // Until it closes, or has sent what fits into one packet.
      ssize_t got = recv(peer, &request[0], request.size(), 0);
      if (answer_.empty()) {
        while (got > 0) got = recv(peer, &request[0], request.size(), 0);
      } else {
        send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      }
      close(peer);
    }
  }

  const std::string answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

constexpr char kOk[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

HttpCall Post(const std::string& url) {
  HttpCall call;
  call.method = "POST";
  call.url = url;
  call.body = "{}";
  return call;
}

TEST(CurlClient, R106LoopbackIsRefusedWhereOnlyThePublicMayBeSpokenTo) {
  TinyServer server(kOk);
  CurlClient client;
  for (const char* host :
       {"127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433",
        "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]"}) {
    HttpCall call = Post(server.Url(host));
    call.public_addresses_only = true;
    const auto answer = client.Send(call);
    EXPECT_TRUE(absl::IsPermissionDenied(answer.status()))
        << host << ": " << answer.status();
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(CurlClient, R106LoopbackIsAllowedByTheOption) {
  TinyServer server(kOk);
  CurlClient client;
  const auto answer = client.Send(Post(server.Url()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlClient, R106AnIdleConnectionIsNoWayAround) {
  TinyServer server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CurlClient client;
  ASSERT_TRUE(client.Send(Post(server.Url())).ok());
  HttpCall call = Post(server.Url());
  call.public_addresses_only = true;
  EXPECT_TRUE(absl::IsPermissionDenied(client.Send(call).status()));
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlClient, R106AProxyOfTheEnvironmentIsNoWayAround) {
  TinyServer proxy(kOk);
  setenv("http_proxy", proxy.Url().c_str(), 1);
  setenv("all_proxy", proxy.Url().c_str(), 1);
  CurlClient client;
  HttpCall call = Post("http://127.0.0.1:1/");
  call.public_addresses_only = true;
  EXPECT_TRUE(absl::IsPermissionDenied(client.Send(call).status()));
  call.public_addresses_only = false;
  EXPECT_TRUE(absl::IsUnavailable(client.Send(call).status()));
  EXPECT_EQ(proxy.connections(), 0);
  unsetenv("http_proxy");
  unsetenv("all_proxy");
}

TEST(CurlClient, OtherSchemesAreNoUrls) {
  CurlClient client;
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
        "dict://127.0.0.1/", "smtp://127.0.0.1/", "not a url", ""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(client.Send(Post(url)).status()))
        << url;
  }
}

TEST(CurlClient, ARedirectIsAnAnswer) {
  TinyServer other(kOk);
  TinyServer server(
      absl::StrCat("HTTP/1.1 302 Found\r\nLocation: ", other.Url(),
                   "\r\nContent-Length: 0\r\n"
                   "Connection: close\r\n\r\n"));
  CurlClient client;
  const auto answer = client.Send(Post(server.Url()));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(other.connections(), 0);
}

TEST(CurlClient, ASlowServerIsADeadline) {
  TinyServer server("");
  CurlClient client;
  HttpCall call = Post(server.Url());
  call.timeout_ms = 50;
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.Send(call).status()));
}

TEST(CurlClient, ACallCanBeCancelled) {
  TinyServer server("");
  CurlClient client;
  std::atomic<bool> cancelled{false};
  HttpCall call = Post(server.Url());
  call.timeout_ms = 600'000;
  call.cancelled = &cancelled;
  absl::StatusOr<HttpResponse> answer = absl::UnknownError("not sent");
  std::thread caller([&] { answer = client.Send(call); });
  while (server.connections() == 0) std::this_thread::yield();
  cancelled = true;
  caller.join();
  EXPECT_TRUE(absl::IsCancelled(answer.status())) << answer.status();
}

}  // namespace
}  // namespace slipway
