// Ids from a counter in memory.
//
//   slipway::MemoryIds ids;        // 1, 2, 3, …
//   slipway::MemoryIds more(500);  // 500, 501, …

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_IDS_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_IDS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/core/rules.h"
#include "slipway/ports/id_source.h"

namespace slipway {

// Thread-safe. It starts anew with the process, so it fits stores that do too.
class MemoryIds : public IdSource {
 public:
  explicit MemoryIds(int64_t first = 1) : next_(first) {}

  absl::StatusOr<int64_t> Take(int64_t count) override {
    int64_t first = next_.load(std::memory_order_relaxed);
    do {
      if (count > kIdMax - first + 1) {
        return absl::ResourceExhaustedError("no ids are left below 2^53");
      }
    } while (!next_.compare_exchange_weak(first, first + count,
                                          std::memory_order_relaxed));
    return first;
  }

 private:
  std::atomic<int64_t> next_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_IDS_H_
