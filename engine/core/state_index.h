// Finding things in a `RepositoryState`, whose lists are sorted. Shared by
// facts, evolve and apply; not for users of the engine.

#ifndef SLIPWAY_ENGINE_CORE_STATE_INDEX_H_
#define SLIPWAY_ENGINE_CORE_STATE_INDEX_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace internal {

// The keys by which the lists of a state are sorted.
inline std::pair<int, absl::string_view> KeyOf(const v1::Ref& ref) {
  return {ref.type(), ref.name()};
}
inline absl::string_view KeyOf(const v1::Commit& commit) {
  return commit.sha();
}
inline std::string KeyOf(const v1::CommitContext& context) {
  return absl::AsciiStrToLower(context.context());
}
inline int64_t KeyOf(const v1::DeploymentRecord& record) {
  return record.deployment().id();
}

// The place of `key` in a sorted list: its element's, or where it would go.
template <typename List, typename Key>
int PlaceOf(const List& list, const Key& key) {
  const auto place = std::lower_bound(
      list.begin(), list.end(), key,
      [](const auto& element, const Key& k) { return KeyOf(element) < k; });
  return static_cast<int>(place - list.begin());
}

// The element with that key, or nullptr.
template <typename List, typename Key>
auto* Find(List& list, const Key& key) {
  const int place = PlaceOf(list, key);
  return place < list.size() && KeyOf(list[place]) == key ? &list[place]
                                                          : nullptr;
}

// The element with that key, made where there is none. The caller fills in the
// fields that the key is made of.
template <typename List, typename Key>
auto* FindOrAdd(List& list, const Key& key) {
  const int place = PlaceOf(list, key);
  if (place == list.size() || KeyOf(list[place]) != key) {
    list.Add();
    for (int i = list.size() - 1; i > place; --i) list.SwapElements(i, i - 1);
  }
  return &list[place];
}

// Removes the element with that key; false where there is none.
template <typename List, typename Key>
bool Remove(List& list, const Key& key) {
  if (Find(list, key) == nullptr) return false;
  list.DeleteSubrange(PlaceOf(list, key), 1);
  return true;
}

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_STATE_INDEX_H_
