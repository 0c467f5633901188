#include "slipway/adapters/rest/preconditions.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/rest/body_hash.h"

namespace slipway {
namespace internal {
namespace {

// The id of the latest status in a tag, where it is one of `DeploymentTag`.
absl::optional<int64_t> ParseTag(absl::string_view opaque) {
  const size_t dash = opaque.find('-');
  if (dash == absl::string_view::npos) return absl::nullopt;
  int64_t id = 0;
  const absl::string_view digits = opaque.substr(0, dash);
  // As it is written, with no sign and no zero in front.
  if (!absl::SimpleAtoi(digits, &id) || id < 0 || absl::StrCat(id) != digits) {
    return absl::nullopt;
  }
  return id;
}

// Takes the next tag of a list. False: there is none where there should be.
bool TakeTag(absl::string_view& list, std::vector<int64_t>& ids) {
  const bool weak = absl::ConsumePrefix(&list, "W/");
  if (!absl::ConsumePrefix(&list, "\"")) return false;
  // A tag may have commas in it.
  const size_t end = list.find('"');
  if (end == absl::string_view::npos) return false;
  const absl::optional<int64_t> id = ParseTag(list.substr(0, end));
  // The strong comparison: a weak tag matches nothing.
  if (id.has_value() && !weak) ids.push_back(*id);
  list.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::vector<absl::string_view> HeaderValues(
    const std::vector<HttpHeader>& headers, absl::string_view name) {
  std::vector<absl::string_view> values;
  for (const HttpHeader& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) {
      values.emplace_back(header.value);
    }
  }
  return values;
}

std::string DeploymentTag(int64_t latest_status_id, absl::string_view body) {
  return absl::StrCat("\"", latest_status_id, "-", BodyHash(body), "\"");
}

absl::optional<IfMatch> IfMatchOf(const std::vector<HttpHeader>& headers) {
  const std::vector<absl::string_view> values =
      HeaderValues(headers, "If-Match");
  if (values.empty()) return absl::nullopt;
  const std::string joined = absl::StrJoin(values, ",");
  IfMatch wanted;
  wanted.any = absl::StripAsciiWhitespace(joined) == "*";
  if (wanted.any) return wanted;
  absl::string_view list = joined;
  while (true) {
    // Elements of a list may be empty.
    list = absl::StripLeadingAsciiWhitespace(list);
    if (list.empty()) return wanted;
    if (absl::ConsumePrefix(&list, ",")) continue;
    if (!TakeTag(list, wanted.latest_status_ids)) break;
    list = absl::StripLeadingAsciiWhitespace(list);
    if (!list.empty() && list.front() != ',') break;
  }
  wanted.latest_status_ids.clear();
  return wanted;
}

}  // namespace internal
}  // namespace slipway
