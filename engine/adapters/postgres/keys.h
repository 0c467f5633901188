// How names and texts become keys of tables. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_KEYS_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_KEYS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace slipway {
namespace postgres_internal {

// `text` as an indexed column has it: itself up to 1024 bytes; of a longer one,
// which an index could not hold, the beginning and its SHA-256, so that what
// differs stays different.
std::string IndexKey(absl::string_view text);

// 16 random bytes, of the kernel: processes that were forked get others.
std::string RandomId();
// Positive.
int64_t RandomKey();
// 16 bytes as people write a UUID (version 4).
std::string UuidOf(const std::string& id);

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_KEYS_H_
