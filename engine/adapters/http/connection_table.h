// Who is connected: counts, finds and awaits connections.
//
// A connection is in the table until its destruction, and lives as long as an
// operation of it is pending: whatever ends it, an error or an exception
// included, it leaves the table.

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_TABLE_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_TABLE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace slipway {
namespace http_internal {

class Connection;

// Thread-safe.
class ConnectionTable {
 public:
  // `on_removed` is called, without a lock held, after each removal.
  ConnectionTable(size_t connections_max, std::function<void()> on_removed)
      : connections_max_(connections_max), on_removed_(std::move(on_removed)) {}

  void Add(const std::shared_ptr<Connection>& connection);
  // Nothing where it never was.
  void Remove(const Connection* connection);

  // Whether there are `connections_max` or more.
  bool Full() const;

  // Those that are not about to be destroyed.
  std::vector<std::shared_ptr<Connection>> Snapshot() const;

  // Waits until none is left; false when `patience` ended first.
  bool WaitUntilEmpty(std::chrono::milliseconds patience);

 private:
  const size_t connections_max_;
  const std::function<void()> on_removed_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  // Guarded by mutex_.
  std::unordered_map<const Connection*, std::weak_ptr<Connection>> connections_;
};

}  // namespace http_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_TABLE_H_
