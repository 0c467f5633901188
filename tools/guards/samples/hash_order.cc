#include <string>

#include "absl/container/flat_hash_set.h"

namespace slipway {

// The order of the elements changes from run to run.
std::string Impure(const absl::flat_hash_set<std::string>& names) {
  absl::flat_hash_set<std::string> copy = names;
  return *copy.begin();
}

}  // namespace slipway
