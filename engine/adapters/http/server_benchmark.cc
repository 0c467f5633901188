// What the transport costs around a handler that does nothing: requests per
// second by number of connections, each of which asks again when answered.
// The peers share the machine with the server, on one thread of their own.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "slipway/adapters/http/server.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace {

// As long as a deployment with its creator.
constexpr size_t kBodyBytes = 1800;

constexpr absl::string_view kRequest =
    "GET /repos/octocat/hello-world/deployments/1 HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\nAccept: application/vnd.github+json\r\n\r\n";

class ConstantHandler : public HttpHandler {
 public:
  HttpResponse Handle(const HttpRequest&) override {
    HttpResponse response;
    response.headers = {{"Content-Type", "application/json; charset=utf-8"}};
    response.body = std::string(kBodyBytes, 'x');
    return response;
  }
};

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    std::abort();
  }
  return fd;
}

void Requests(benchmark::State& state) {
  ConstantHandler handler;
  HttpServerOptions options;
  options.port = 0;
  auto server = HttpServer::Start(options, &handler);
  if (!server.ok()) return state.SkipWithError("the server does not start");

  std::vector<pollfd> peers;
  peers.reserve(static_cast<size_t>(state.range(0)));
  for (int i = 0; i < state.range(0); ++i) {
    peers.push_back({Connect((*server)->port()), POLLIN, 0});
  }
  // Answers have one length; one shows it.
  char bytes[8192];
  std::string answer;
  send(peers[0].fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  size_t head_end = std::string::npos;
  while ((head_end = answer.find("\r\n\r\n")) == std::string::npos ||
         answer.size() < head_end + 4 + kBodyBytes) {
    const ssize_t n = recv(peers[0].fd, bytes, sizeof(bytes), 0);
    if (n <= 0) std::abort();
    answer.append(bytes, static_cast<size_t>(n));
  }
  std::vector<size_t> received(peers.size());
  for (const pollfd& peer : peers) {
    send(peer.fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
  }

  int64_t answered = 0;
  for (auto _ : state) {
    // One answer from each.
    for (size_t want = peers.size(); want > 0;) {
      poll(peers.data(), peers.size(), -1);
      for (size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].revents == 0) continue;
        const ssize_t n = recv(peers[i].fd, bytes, sizeof(bytes), 0);
        if (n <= 0) std::abort();
        received[i] += static_cast<size_t>(n);
        if (received[i] < answer.size()) continue;
        received[i] = 0;
        if (want > 0) --want;
        ++answered;
        send(peers[i].fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
      }
    }
  }
  state.SetItemsProcessed(answered);
  for (const pollfd& peer : peers) close(peer.fd);
}
BENCHMARK(Requests)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace slipway
