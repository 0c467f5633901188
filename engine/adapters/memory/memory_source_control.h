// Source control in memory: commits with their parents, branches, tags and
// contexts, fed by a seed.
//
//   slipway::v1::Seed seed;  // from a text file, or filled in by a test
//   auto source_control = slipway::MemorySourceControl::Create(seed);
//   if (!source_control.ok()) ...  // says what is wrong with the seed

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_SOURCE_CONTROL_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_SOURCE_CONTROL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/source_control.h"
#include "slipway/v1/seed.pb.h"

namespace slipway {

// Thread-safe. Its methods never fail. Repositories are found by name, without
// case (R1).
class MemorySourceControl : public SourceControl {
 public:
  // INVALID_ARGUMENT: a repository twice or without a name; a commit twice,
  // with a SHA that is none, or with a parent that does not come before it; a
  // ref twice, without a name or type, or at an unknown commit; a default
  // branch that is no branch; a context twice.
  static absl::StatusOr<std::unique_ptr<MemorySourceControl>> Create(
      const v1::Seed& seed);
  ~MemorySourceControl() override;

  absl::StatusOr<absl::optional<v1::ResolvedRef>> Resolve(
      const ResolveParams& params) override;
  absl::StatusOr<bool> Contains(const ContainsParams& params) override;
  absl::StatusOr<std::vector<v1::CommitContext>> Contexts(
      const ContextsParams& params) override;
  // The merge commit has no contexts; its SHA is made from those of its
  // parents, so equal histories stay equal.
  absl::StatusOr<MergeResult> Merge(const MergeParams& params) override;

 private:
  struct Impl;
  explicit MemorySourceControl(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_SOURCE_CONTROL_H_
