// Stands between a store and its server, and loses the answer of a commit. For
// tests only.
//
//   CommitProxy proxy(server.directory());
//   params.connection = proxy.Redirect(database);
//   proxy.LoseNext(CommitProxy::Moment::kAfterTheServer);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_COMMIT_PROXY_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_COMMIT_PROXY_H_

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace slipway {

// Thread-safe.
class CommitProxy {
 public:
  enum class Moment {
    kNever,
    // The commit never reaches the server.
    kBeforeTheServer,
    // The server has committed, and its answer never arrives.
    kAfterTheServer,
    // The commit reaches the server when `SendLate` is called.
    kLater,
  };

  // Listens beside the server's socket.
  explicit CommitProxy(const std::string& directory);
  ~CommitProxy();

  // The same database, through here.
  std::string Redirect(const std::string& connection) const;

  // Breaks the connection at the next commit.
  // `then_closed`: from then on nobody is let through.
  void LoseNext(Moment moment, bool then_closed = false);
  int lost_count() const { return lost_count_; }

  // Lets the commit that was lost with kLater go on to the server, and waits
  // for what becomes of it.
  void SendLate();

 private:
  void Accept();
  void Serve(int client);

  const std::string directory_;
  int listener_ = -1;
  std::atomic<Moment> moment_{Moment::kNever};
  std::atomic<bool> closes_{false};
  std::atomic<bool> is_closed_{false};
  std::atomic<bool> is_ending_{false};
  std::atomic<int> lost_count_{0};
  std::atomic<bool> sends_late_{false};
  std::atomic<bool> is_late_sent_{false};
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<std::thread> servers_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_COMMIT_PROXY_H_
