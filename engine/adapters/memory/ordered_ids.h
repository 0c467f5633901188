// A sorted set of ids that can also be asked for its n-th largest.
//
// Ids mostly arrive in ascending order, and pages are mostly asked for from the
// newest; both cost O(1) here. Everything else costs O(n / 512 + 512).

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_ORDERED_IDS_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_ORDERED_IDS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace slipway {
namespace internal {

// Not thread-safe.
class OrderedIds {
 public:
  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Adds an id that is not in the set.
  void Insert(int64_t id) {
    ++size_;
    if (chunks_.empty()) {
      chunks_.push_back({id});
      return;
    }
    auto chunk = ChunkOf(id);
    if (chunk == chunks_.end()) --chunk;
    chunk->insert(std::lower_bound(chunk->begin(), chunk->end(), id), id);
    if (chunk->size() > kChunkSizeMax) Split(chunk);
  }

  // Removes an id; nothing happens where it is not in the set.
  void Erase(int64_t id) {
    const auto chunk = ChunkOf(id);
    if (chunk == chunks_.end()) return;
    const auto place = std::lower_bound(chunk->begin(), chunk->end(), id);
    if (*place != id) return;
    chunk->erase(place);
    --size_;
    if (chunk->empty()) chunks_.erase(chunk);
  }

  // Calls `visit` with the ids from the largest down, the `offset` largest left
  // out, until it returns false.
  template <typename Visit>
  void VisitDescending(int64_t offset, Visit visit) const {
    for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
      const auto chunk_size = static_cast<int64_t>(chunk->size());
      if (offset >= chunk_size) {
        offset -= chunk_size;
        continue;
      }
      for (auto id = chunk->rbegin() + offset; id != chunk->rend(); ++id) {
        if (!visit(*id)) return;
      }
      offset = 0;
    }
  }

 private:
  static constexpr size_t kChunkSizeMax = 1024;
  using Chunk = std::vector<int64_t>;

  // The first chunk whose last id is not below `id`.
  std::vector<Chunk>::iterator ChunkOf(int64_t id) {
    return std::lower_bound(
        chunks_.begin(), chunks_.end(), id,
        [](const Chunk& chunk, int64_t value) { return chunk.back() < value; });
  }

  // The last chunk is left nearly full, because what comes next is appended.
  void Split(std::vector<Chunk>::iterator chunk) {
    const bool last = std::next(chunk) == chunks_.end();
    const auto middle =
        last ? chunk->end() - 1 : chunk->begin() + chunk->size() / 2;
    Chunk upper(middle, chunk->end());
    chunk->erase(middle, chunk->end());
    chunks_.insert(std::next(chunk), std::move(upper));
  }

  // Sorted, none empty, each sorted.
  std::vector<Chunk> chunks_;
  int64_t size_ = 0;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_ORDERED_IDS_H_
