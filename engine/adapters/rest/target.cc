#include "slipway/adapters/rest/target.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace slipway {
namespace internal {
namespace {

absl::optional<std::string> PercentDecode(absl::string_view text,
                                          bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const absl::string_view digits = text.substr(i + 1, 2);
      if (digits.size() < 2 ||
          !absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) ||
          !absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]))) {
        return absl::nullopt;
      }
      decoded.append(absl::HexStringToBytes(digits));
      i += 2;
    }
  }
  return decoded;
}

}  // namespace

const std::string* Target::Find(absl::string_view name) const {
  for (auto parameter = query.rbegin(); parameter != query.rend();
       ++parameter) {
    if (parameter->first == name) return &parameter->second;
  }
  return nullptr;
}

absl::optional<Target> ParseTarget(absl::string_view target) {
  Target parsed;
  const size_t mark = target.find('?');
  absl::string_view path = target.substr(0, mark);
  if (path.empty() || path.front() != '/') return absl::nullopt;
  path.remove_prefix(1);
  for (const absl::string_view segment : absl::StrSplit(path, '/')) {
    absl::optional<std::string> decoded =
        PercentDecode(segment, /*plus_is_space=*/false);
    if (!decoded.has_value()) return absl::nullopt;
    parsed.segments.push_back(*std::move(decoded));
  }
  if (mark == absl::string_view::npos) return parsed;
  for (const absl::string_view parameter :
       absl::StrSplit(target.substr(mark + 1), '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    absl::optional<std::string> name =
        PercentDecode(parts.first, /*plus_is_space=*/true);
    absl::optional<std::string> value =
        PercentDecode(parts.second, /*plus_is_space=*/true);
    if (!name.has_value() || !value.has_value()) return absl::nullopt;
    parsed.query.emplace_back(*std::move(name), *std::move(value));
  }
  return parsed;
}

absl::optional<int64_t> ParseId(absl::string_view text) {
  int64_t id = 0;
  const bool digits =
      std::all_of(text.begin(), text.end(),
                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  if (!digits || !absl::SimpleAtoi(text, &id) || id <= 0) return absl::nullopt;
  return id;
}

}  // namespace internal
}  // namespace slipway
