#include <chrono>

namespace slipway {

long Impure() {
  return std::chrono::system_clock::now().time_since_epoch().count();
}

}  // namespace slipway
