#include "slipway/core/names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace {

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The length of the well-formed sequence at the start of `text`, or 0. The
// bounds of the second byte are those of table 3-7 of the Unicode standard.
size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  }
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuation(byte(i))) return 0;
  }
  return length;
}

}  // namespace

std::string FoldName(absl::string_view name) {
  return absl::AsciiStrToLower(name);
}

bool SameName(absl::string_view a, absl::string_view b) {
  return absl::EqualsIgnoreCase(a, b);
}

bool SameName(const v1::RepositoryName& a, const v1::RepositoryName& b) {
  return SameName(a.owner(), b.owner()) && SameName(a.name(), b.name());
}

bool Matches(v1::NameMatch match, v1::NameMatch unset, absl::string_view a,
             absl::string_view b) {
  if (match == v1::NAME_MATCH_UNSPECIFIED) match = unset;
  return match == v1::NAME_MATCH_IGNORE_CASE ? SameName(a, b) : a == b;
}

std::string FullName(const v1::RepositoryName& name) {
  return absl::StrCat(name.owner(), "/", name.name());
}

int64_t CharacterCount(absl::string_view text) {
  int64_t count = 0;
  for (const char c : text) {
    if (!IsContinuation(static_cast<unsigned char>(c))) ++count;
  }
  return count;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace slipway
