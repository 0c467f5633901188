// Real sockets on loopback.

#include "slipway/adapters/curl/curl_client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/ports/http_client.h"

namespace {

constexpr char kHangingHost[] = "hangs.invalid";

// Of the look-ups of that host. Never destroyed: libcurl's thread is not ours.
struct HangingLookUps {
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  int ended = 0;
  bool may_end = false;
};
HangingLookUps& LookUps() {
  static auto* const look_ups = new HangingLookUps;
  return *look_ups;
}

}  // namespace

// In front of the system's, for this test alone.
extern "C" int getaddrinfo(const char* name, const char* service,
                           const addrinfo* hints, addrinfo** result) {
  if (name != nullptr && std::strcmp(name, kHangingHost) == 0) {
    HangingLookUps& look_ups = LookUps();
    std::unique_lock<std::mutex> lock(look_ups.mutex);
    ++look_ups.begun;
    look_ups.changed.notify_all();
    // So that a client that waits for it fails the test and does not hang it.
    look_ups.changed.wait_for(lock, std::chrono::seconds(20),
                              [&] { return look_ups.may_end; });
    ++look_ups.ended;
    look_ups.changed.notify_all();
    return EAI_AGAIN;
  }
  static const auto system_look_up =
      reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return system_look_up(name, service, hints, result);
}

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

TEST(CurlClient, ALookUpThatHangsHoldsUpNeitherTheDeadlineNorACancel) {
  CurlClient client;
  std::atomic<bool> cancelled{false};
  HttpCall call = Post(absl::StrCat("http://", kHangingHost, "/"));
  call.timeout_ms = 50;
  call.cancelled = &cancelled;
  const auto late = client.Send(call);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.status())) << late.status();
  cancelled = true;
  call.timeout_ms = 600'000;
  const auto ended = client.Send(call);
  EXPECT_TRUE(absl::IsCancelled(ended.status())) << ended.status();

  HangingLookUps& look_ups = LookUps();
  std::unique_lock<std::mutex> lock(look_ups.mutex);
  EXPECT_GE(look_ups.begun, 1);
  EXPECT_EQ(look_ups.ended, 0) << "a call has waited for its look-up";
  look_ups.may_end = true;
  look_ups.changed.notify_all();
  look_ups.changed.wait(lock, [&] { return look_ups.ended == look_ups.begun; });
}

}  // namespace
}  // namespace slipway
