// The target of a request, taken apart: path segments and query parameters. Not
// for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_TARGET_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_TARGET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace slipway {
namespace internal {

struct Target {
  // Percent-decoded; "/a/b%2Fc" is {"a", "b/c"}, "/a/" is {"a", ""}.
  std::vector<std::string> segments;
  // Decoded, in the order given.
  std::vector<std::pair<std::string, std::string>> query;

  // The last value of a query parameter; nullptr where there is none.
  const std::string* Find(absl::string_view name) const;
};

// nullopt: it does not start with a slash, or a percent sign is not followed by
// two hexadecimal digits.
absl::optional<Target> ParseTarget(absl::string_view target);

// A row's id in a path: decimal digits, from 1 to 2^63 - 1. nullopt for
// anything else, which no row can have.
absl::optional<int64_t> ParseId(absl::string_view text);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_TARGET_H_
