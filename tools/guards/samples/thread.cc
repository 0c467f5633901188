#include <thread>

namespace slipway {

void Impure() {
  std::thread([] {}).join();
}

}  // namespace slipway
