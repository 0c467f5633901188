// The connections of one store: no more than so many, kept while they are good.
// Not for users.
//
//   absl::StatusOr<PooledConnection> connection = pool.Take(deadline);
//   (*connection)->Add(kBegin);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_POOL_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_POOL_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/adapters/postgres/connection.h"

namespace slipway {
namespace postgres_internal {

class ConnectionPool;

// A connection that goes back to its pool. One that is in a transaction, or in
// doubt, is closed instead: `Discard`.
class PooledConnection {
 public:
  PooledConnection() = default;
  PooledConnection(ConnectionPool* pool, std::unique_ptr<Connection> connection)
      : pool_(pool), connection_(std::move(connection)) {}
  PooledConnection(PooledConnection&& other) noexcept { Swap(other); }
  PooledConnection& operator=(PooledConnection&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~PooledConnection();

  Connection* operator->() { return connection_.get(); }
  Connection& operator*() { return *connection_; }
  void Discard() { is_discarded_ = true; }

 private:
  void Swap(PooledConnection& other) {
    std::swap(pool_, other.pool_);
    std::swap(connection_, other.connection_);
    std::swap(is_discarded_, other.is_discarded_);
  }

  ConnectionPool* pool_ = nullptr;
  std::unique_ptr<Connection> connection_;
  bool is_discarded_ = false;
};

// Thread-safe.
class ConnectionPool {
 public:
  struct Params {
    std::string connection_string;
    // For each new connection.
    std::vector<Setting> settings;
    int connections_max = 8;
    int64_t connect_timeout_ms = 5000;
  };
  explicit ConnectionPool(Params params) : params_(std::move(params)) {}

  // A connection that nobody else has, an idle one or a new one.
  //
  // UNAVAILABLE: none became free before the deadline, or the server cannot be
  //   reached.
  // UNAUTHENTICATED: the server does not let this user in.
  absl::StatusOr<PooledConnection> Take(Deadline deadline);

  // Closes the idle ones: one of their kind was found broken, so they will be
  // too.
  void CloseIdle();

 private:
  friend class PooledConnection;
  void Return(std::unique_ptr<Connection> connection);

  const Params params_;
  std::mutex mutex_;
  std::condition_variable freed_;
  // The one used last is taken first.
  std::vector<std::unique_ptr<Connection>> idle_;
  int taken_ = 0;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_POOL_H_
