// How a ref that a caller wrote is resolved (R2, R14): shared by `FactsFor`,
// the stores and the source control adapters, so that all of them agree.
//
//   absl::optional<slipway::RefMatch> match = slipway::MatchRef(
//       "topic-branch",
//       [&](slipway::v1::RefType type, absl::string_view name) {
//         return sha_of(type, name);  // const std::string*, or nullptr
//       },
//       [&](absl::string_view sha) { return knows(sha); });
//
// Total, pure (but for the caller's functions) and thread-safe.

#ifndef SLIPWAY_ENGINE_CORE_REFS_H_
#define SLIPWAY_ENGINE_CORE_REFS_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/v1/ref.pb.h"

namespace slipway {

// What a ref turned out to be.
struct RefMatch {
  v1::RefForm form = v1::REF_FORM_UNSPECIFIED;
  std::string sha;
};

// Looks `ref` up as, in this order: a branch, a tag, a full SHA (in either
// case), and a qualified name ("refs/heads/…", "refs/tags/…", "heads/…",
// "tags/…"). nullopt where it is none of these (R2).
//
// `sha_of` gives the commit that a branch or tag points at, or nullptr.
// `is_commit` says whether a lower-case SHA is known.
absl::optional<RefMatch> MatchRef(
    absl::string_view ref,
    absl::FunctionRef<const std::string*(v1::RefType, absl::string_view)>
        sha_of,
    absl::FunctionRef<bool(absl::string_view)> is_commit);

// Whether `sha` contains the head of the default branch (R13): it is that head,
// or branched off at it. Where the default branch has no head there is nothing
// to contain. `merge_base_sha` as in `v1::Commit`.
bool ContainsDefaultBranch(absl::string_view sha,
                           absl::string_view merge_base_sha,
                           const std::string* default_branch_sha);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_REFS_H_
