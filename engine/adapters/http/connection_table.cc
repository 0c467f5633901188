#include "slipway/adapters/http/connection_table.h"

namespace slipway {
namespace http_internal {

void ConnectionTable::Add(const std::shared_ptr<Connection>& connection) {
  std::lock_guard<std::mutex> lock(mutex_);
  connections_.emplace(connection.get(), connection);
}

void ConnectionTable::Remove(const Connection* connection) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    connections_.erase(connection);
    if (connections_.empty()) empty_.notify_all();
  }
  on_removed_();
}

bool ConnectionTable::Full() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return connections_.size() >= connections_max_;
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::Snapshot() const {
  std::vector<std::shared_ptr<Connection>> connections;
  std::lock_guard<std::mutex> lock(mutex_);
  connections.reserve(connections_.size());
  for (const auto& entry : connections_) {
    if (auto connection = entry.second.lock()) {
      connections.push_back(std::move(connection));
    }
  }
  return connections;
}

bool ConnectionTable::WaitUntilEmpty(std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  return empty_.wait_for(lock, patience,
                         [this] { return connections_.empty(); });
}

}  // namespace http_internal
}  // namespace slipway
