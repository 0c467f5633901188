#include "slipway/wire/percent_encode.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace internal {

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const unsigned char c : text) {
    if (absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      encoded.push_back(static_cast<char>(c));
    } else {
      absl::StrAppend(
          &encoded, "%",
          absl::AsciiStrToUpper(absl::StrCat(absl::Hex(c, absl::kZeroPad2))));
    }
  }
  return encoded;
}

}  // namespace internal
}  // namespace slipway
