#include <cstdlib>

namespace slipway {

int Impure() { return std::rand(); }

}  // namespace slipway
