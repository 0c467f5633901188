#include "slipway/adapters/postgres/connection_pool.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace postgres_internal {

PooledConnection::~PooledConnection() {
  if (pool_ == nullptr) return;
  if (is_discarded_) connection_ = nullptr;
  pool_->Return(std::move(connection_));
}

absl::StatusOr<PooledConnection> ConnectionPool::Take(Deadline deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!freed_.wait_until(lock, deadline,
                         [&] { return taken_ < params_.connections_max; })) {
    return absl::UnavailableError(
        absl::StrCat("PostgreSQL: all ", params_.connections_max,
                     " connections of this engine are busy"));
  }
  ++taken_;
  if (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    return PooledConnection(this, std::move(connection));
  }
  lock.unlock();
  std::unique_ptr<Connection> connection;
  const Failure failure = Connection::Open(
      params_.connection_string, params_.settings,
      std::min(deadline,
               std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(params_.connect_timeout_ms)),
      &connection);
  if (failure.ok()) return PooledConnection(this, std::move(connection));
  Return(nullptr);
  if (failure.code == "28P01" || failure.code == "28000") {
    return absl::UnauthenticatedError(
        absl::StrCat("PostgreSQL: ", failure.message));
  }
  return absl::UnavailableError(absl::StrCat("PostgreSQL: ", failure.message));
}

void ConnectionPool::CloseIdle() {
  std::vector<std::unique_ptr<Connection>> closed;
  std::lock_guard<std::mutex> lock(mutex_);
  closed.swap(idle_);
}

void ConnectionPool::Return(std::unique_ptr<Connection> connection) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    --taken_;
    if (connection != nullptr && connection->is_open()) {
      idle_.push_back(std::move(connection));
    }
  }
  freed_.notify_one();
}

}  // namespace postgres_internal
}  // namespace slipway
