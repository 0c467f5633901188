#include "absl/random/random.h"

namespace slipway {

int Impure() {
  absl::BitGen generator;
  return absl::Uniform(generator, 0, 6);
}

}  // namespace slipway
