#include "slipway/adapters/postgres/commit_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace {

// PostgreSQL's own is 5432.
constexpr int kPort = 5433;
// How often ends of threads are looked for.
constexpr int kLookMs = 20;

sockaddr_un AddressOf(const std::string& directory, int port) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = absl::StrCat(directory, "/.s.PGSQL.", port);
  if (path.size() >= sizeof(address.sun_path)) std::abort();
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool WriteAll(int file, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

CommitProxy::CommitProxy(const std::string& directory) : directory_(directory) {
  listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = AddressOf(directory_, kPort);
  unlink(address.sun_path);
  constexpr int kWaitingMax = 64;
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(listener_, kWaitingMax) != 0) {
    std::abort();
  }
  acceptor_ = std::thread([this] { Accept(); });
}

CommitProxy::~CommitProxy() {
  is_ending_ = true;
  acceptor_.join();
  for (std::thread& server : servers_) server.join();
  close(listener_);
  unlink(AddressOf(directory_, kPort).sun_path);
}

std::string CommitProxy::Redirect(const std::string& connection) const {
  return absl::StrCat(connection, " port=", kPort);
}

void CommitProxy::LoseNext(Moment moment, bool then_closed) {
  closes_ = then_closed;
  moment_ = moment;
}

void CommitProxy::SendLate() {
  sends_late_ = true;
  while (!is_late_sent_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
}

void CommitProxy::Accept() {
  while (!is_ending_) {
    pollfd ready = {listener_, POLLIN, 0};
    if (poll(&ready, 1, kLookMs) != 1) continue;
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) continue;
    if (is_closed_) {
      close(client);
      continue;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    servers_.emplace_back([this, client] { Serve(client); });
  }
}

void CommitProxy::Serve(int client) {
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = AddressOf(directory_, 5432);
  bool goes_on = connect(server, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  bool swallows = false;
  bool has_begun = false;
  while (goes_on && !is_ending_) {
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(ready, 2, kLookMs) <= 0) continue;
    for (const int from : {0, 1}) {
      if (ready[from].revents == 0 || !goes_on) continue;
      char buffer[65536];
      const ssize_t size = read(ready[from].fd, buffer, sizeof(buffer));
      if (size <= 0) {
        goes_on = false;
        break;
      }
      const absl::string_view bytes(buffer, static_cast<size_t>(size));
      // The commit has been answered: that is all that was waited for.
      if (from == 1 && swallows) {
        goes_on = false;
        break;
      }
      // By the names of prepared statements: a commit, or what writes without
      // having begun a transaction.
      bool is_commit = false;
      if (from == 0) {
        if (absl::StrContains(bytes, "begin")) has_begun = true;
        const bool ends = absl::StrContains(bytes, "commit_work");
        is_commit = ends || (!has_begun && absl::StrContains(bytes, "decide_"));
        if (ends || absl::StrContains(bytes, "rollback")) has_begun = false;
      }
      Moment moment = Moment::kNever;
      if (is_commit) moment = moment_.exchange(Moment::kNever);
      if (moment != Moment::kNever) {
        ++lost_count_;
        if (closes_) is_closed_ = true;
      }
      if (moment == Moment::kLater) {
        shutdown(client, SHUT_RDWR);
        while (!sends_late_ && !is_ending_) {
          std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
        }
        // The server answers when it is done with it.
        if (WriteAll(server, bytes)) {
          static_cast<void>(read(server, buffer, sizeof(buffer)));
        }
        is_late_sent_ = true;
      }
      if (moment == Moment::kBeforeTheServer || moment == Moment::kLater) {
        goes_on = false;
        break;
      }
      if (moment == Moment::kAfterTheServer) swallows = true;
      goes_on = WriteAll(ready[1 - from].fd, bytes);
    }
  }
  close(client);
  close(server);
}

}  // namespace slipway
