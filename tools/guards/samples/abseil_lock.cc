#include "absl/synchronization/mutex.h"

namespace slipway {

int Impure() {
  static absl::Mutex mutex(absl::kConstInit);
  static int calls = 0;
  absl::MutexLock lock(&mutex);
  return ++calls;
}

}  // namespace slipway
