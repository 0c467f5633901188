// A disk that fails when it is told to, under all of SQLite in this process.
// For tests.
//
//   FailingVfs& disk = FailingVfs::Install();
//   disk.FailNext(FailingVfs::Operation::kSync, "-wal", 1);

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_FAILING_VFS_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_FAILING_VFS_H_

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

// Thread-safe.
class FailingVfs {
 public:
  enum class Operation { kRead, kWrite, kSync };

  // Puts it over SQLite's default, for files that are opened from then on, once
  // for a process.
  static FailingVfs& Install();

  // The next `count` operations of that kind fail, on files whose names end so,
  // after `skipped` that do not. Forgets what it was told before.
  void FailNext(Operation operation, absl::string_view suffix, int64_t count,
                int64_t skipped = 0);
  void Heal() { FailNext(Operation::kRead, "", 0); }
  // How many have failed since.
  int64_t failed();

  // Whether this one is to fail.
  bool Fails(Operation operation, const std::string& name);

 private:
  FailingVfs() = default;

  std::mutex mutex_;
  Operation operation_ = Operation::kRead;
  std::string suffix_;
  int64_t count_ = 0;
  int64_t skipped_ = 0;
  int64_t failed_ = 0;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_FAILING_VFS_H_
