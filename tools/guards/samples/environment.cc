#include <cstdlib>

namespace slipway {

bool Impure() { return std::getenv("HOME") != nullptr; }

}  // namespace slipway
