#include <cstdio>

namespace slipway {

bool Impure() { return std::fopen("rules.txt", "r") != nullptr; }

}  // namespace slipway
