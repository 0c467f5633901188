// What clang-tidy has to find: clang_tidy_check.sh counts on both.

#include <string>
#include <utility>

namespace slipway {

// A name of another style.
std::string joined_twice(std::string text) {
  std::string moved = std::move(text);
  // A value after its end.
  return moved + text;
}

}  // namespace slipway
