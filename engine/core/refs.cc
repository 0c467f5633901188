#include "slipway/core/refs.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace slipway {
namespace {

bool IsFullSha(absl::string_view ref) {
  return (ref.size() == 40 || ref.size() == 64) &&
         std::all_of(ref.begin(), ref.end(),
                     [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

}  // namespace

absl::optional<RefMatch> MatchRef(
    absl::string_view ref,
    absl::FunctionRef<const std::string*(v1::RefType, absl::string_view)>
        sha_of,
    absl::FunctionRef<bool(absl::string_view)> is_commit) {
  if (const std::string* sha = sha_of(v1::REF_TYPE_BRANCH, ref)) {
    return RefMatch{v1::REF_FORM_BRANCH, *sha};
  }
  if (const std::string* sha = sha_of(v1::REF_TYPE_TAG, ref)) {
    return RefMatch{v1::REF_FORM_TAG, *sha};
  }
  if (IsFullSha(ref)) {
    std::string sha = absl::AsciiStrToLower(ref);
    if (is_commit(sha)) return RefMatch{v1::REF_FORM_SHA, std::move(sha)};
  }
  absl::string_view name = absl::StripPrefix(ref, "refs/");
  v1::RefType type = v1::REF_TYPE_UNSPECIFIED;
  if (absl::ConsumePrefix(&name, "heads/")) type = v1::REF_TYPE_BRANCH;
  if (type == v1::REF_TYPE_UNSPECIFIED && absl::ConsumePrefix(&name, "tags/")) {
    type = v1::REF_TYPE_TAG;
  }
  if (type != v1::REF_TYPE_UNSPECIFIED) {
    if (const std::string* sha = sha_of(type, name)) {
      return RefMatch{v1::REF_FORM_QUALIFIED, *sha};
    }
  }
  return absl::nullopt;
}

bool ContainsDefaultBranch(absl::string_view sha,
                           absl::string_view merge_base_sha,
                           const std::string* default_branch_sha) {
  return default_branch_sha == nullptr || sha == *default_branch_sha ||
         merge_base_sha == *default_branch_sha;
}

}  // namespace slipway
