#include "engine/conformance/http/exchange.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

// How much of a body is shown.
constexpr size_t kShownBytesMax = 4096;

bool IsSecret(const HttpHeader& header) {
  return absl::EqualsIgnoreCase(header.name, "Authorization") ||
         absl::EqualsIgnoreCase(header.name, "Set-Cookie");
}

}  // namespace

std::string MessageText(absl::string_view first_line,
                        const std::vector<HttpHeader>& headers,
                        const std::string& body, absl::string_view mark) {
  std::string text = absl::StrCat(mark, first_line, "\n");
  for (const HttpHeader& header : headers) {
    absl::StrAppend(&text, mark, header.name, ": ",
                    IsSecret(header) ? "(removed)" : header.value, "\n");
  }
  absl::StrAppend(&text, "\n");
  if (body.empty()) return text;
  absl::StrAppend(&text, absl::string_view(body).substr(0, kShownBytesMax),
                  body.size() > kShownBytesMax ? " (and more)\n" : "\n");
  return text;
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
