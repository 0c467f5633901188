// What the checks of a store have found. Not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_FINDINGS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_FINDINGS_H_

#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

// Thread-safe. The first few count; the rest follows from them, mostly.
class Findings {
 public:
  static constexpr size_t kKeptMax = 5;

  void Add(std::string finding) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (findings_.size() < kKeptMax) findings_.push_back(std::move(finding));
  }

  bool empty() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return findings_.empty();
  }

  std::vector<std::string> Get() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return findings_;
  }

  // Adds what is said where `holds` is not so; gives `holds`.
  template <typename... Parts>
  bool Expect(bool holds, const Parts&... parts) {
    if (!holds) Add(absl::StrCat(parts...));
    return holds;
  }

  template <typename Message>
  bool ExpectSame(absl::string_view what, const Message& expected,
                  const Message& actual) {
    if (expected.SerializeAsString() == actual.SerializeAsString()) return true;
    Add(absl::StrCat(what, ": expected { ", Short(expected.ShortDebugString()),
                     " }, got { ", Short(actual.ShortDebugString()), " }"));
    return false;
  }

 private:
  static std::string Short(std::string text) {
    constexpr size_t kLengthMax = 1500;
    if (text.size() > kLengthMax) {
      text.resize(kLengthMax);
      text += "…";
    }
    return text;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> findings_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_FINDINGS_H_
