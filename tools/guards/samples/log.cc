#include <iostream>

namespace slipway {

void Impure() { std::clog << "decided\n"; }

}  // namespace slipway
