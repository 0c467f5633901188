#include <mutex>

namespace slipway {

int Impure() {
  static std::mutex mutex;
  static int calls = 0;
  std::lock_guard<std::mutex> lock(mutex);
  return ++calls;
}

}  // namespace slipway
