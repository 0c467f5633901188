// A short name for a body, for entity tags. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_BODY_HASH_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_BODY_HASH_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

// Two FNV-1a hashes from different starts, as 32 hexadecimal digits: enough to
// tell two answers apart, and the same in every process. Not a digest that
// resists anybody.
inline std::string BodyHash(absl::string_view body) {
  uint64_t first = 0xcbf29ce484222325;
  uint64_t second = 0x9ae16a3b2f90404f;
  for (const unsigned char c : body) {
    first = (first ^ c) * 0x100000001b3;
    second = (second ^ c) * 0x100000001b3;
  }
  return absl::StrCat(absl::Hex(first, absl::kZeroPad16),
                      absl::Hex(second, absl::kZeroPad16));
}

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_BODY_HASH_H_
