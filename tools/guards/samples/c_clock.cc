#include <ctime>

namespace slipway {

long Impure() { return time(nullptr); }

}  // namespace slipway
