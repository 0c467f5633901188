// What the engine asks of the place where the code is: what a ref is, whether
// it is up to date, what its checks say, and to merge.
//
// A host whose refs are told to the engine by `put_ref` commands needs none of
// this.

#ifndef SLIPWAY_ENGINE_PORTS_SOURCE_CONTROL_H_
#define SLIPWAY_ENGINE_PORTS_SOURCE_CONTROL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/v1/actor.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {

// Implementations are thread-safe. Every method may fail with UNAVAILABLE: it
// cannot be known now, and nothing has changed.
class SourceControl {
 public:
  virtual ~SourceControl() = default;

  struct ResolveParams {
    v1::Repository repository;
    // As the caller wrote it.
    std::string ref;
  };
  // What a ref is (R2): `form` and `sha` of the answer are filled. A ref, or a
  // repository, that does not exist is nullopt, not an error.
  virtual absl::StatusOr<absl::optional<v1::ResolvedRef>> Resolve(
      const ResolveParams& params) = 0;

  struct ContainsParams {
    v1::Repository repository;
    // A commit, as `Resolve` gave it.
    std::string sha;
    // The name of a branch.
    std::string branch;
  };
  // Whether a commit contains the head of a branch (R13). A branch that does
  // not exist is contained in everything. An unknown commit contains nothing.
  virtual absl::StatusOr<bool> Contains(const ContainsParams& params) = 0;

  struct ContextsParams {
    v1::Repository repository;
    std::string sha;
  };
  // The latest state of every context of a commit, in any order, each name once
  // (R15). Empty for an unknown commit.
  virtual absl::StatusOr<std::vector<v1::CommitContext>> Contexts(
      const ContextsParams& params) = 0;

  enum class MergeResult {
    // A commit that contains both is now the head of `base`.
    kMerged,
    // They contradict each other; `base` is where it was.
    kConflict,
    // `base` contains `head` already.
    kNothingToMerge,
    // One of the branches is gone.
    kNoSuchBranch,
  };
  struct MergeParams {
    v1::Repository repository;
    // The branch that moves.
    std::string base;
    // The branch that is merged into it.
    std::string head;
    v1::Actor actor;
    // For the merge commit.
    std::string message;
  };
  virtual absl::StatusOr<MergeResult> Merge(const MergeParams& params) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_SOURCE_CONTROL_H_
