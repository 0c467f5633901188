#include <random>

namespace slipway {

unsigned Impure() { return std::random_device()(); }

}  // namespace slipway
