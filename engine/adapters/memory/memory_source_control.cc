#include "slipway/adapters/memory/memory_source_control.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "slipway/core/names.h"
#include "slipway/core/refs.h"

namespace slipway {
namespace {

struct StoredRef {
  std::string sha;
  bool conflicts = false;
};

// One repository's history.
struct History {
  absl::flat_hash_map<std::string, v1::SeedCommit> commits;
  absl::flat_hash_map<std::pair<int, std::string>, StoredRef> refs;

  StoredRef* FindRef(v1::RefType type, absl::string_view name) {
    const auto found = refs.find({static_cast<int>(type), std::string(name)});
    return found == refs.end() ? nullptr : &found->second;
  }

  // Whether `ancestor` is `descendant` or can be reached from it.
  bool Reaches(const std::string& descendant,
               const std::string& ancestor) const {
    std::vector<std::string> pending = {descendant};
    absl::flat_hash_set<std::string> seen;
    while (!pending.empty()) {
      const std::string sha = std::move(pending.back());
      pending.pop_back();
      if (sha == ancestor) return true;
      const auto commit = commits.find(sha);
      if (commit == commits.end() || !seen.insert(sha).second) continue;
      pending.insert(pending.end(), commit->second.parent_shas().begin(),
                     commit->second.parent_shas().end());
    }
    return false;
  }
};

// Owner and name apart, because either may have a slash in it.
using Key = std::pair<std::string, std::string>;

Key KeyOf(const v1::Repository& repository) {
  return {FoldName(repository.owner()), FoldName(repository.name())};
}

bool IsSha(absl::string_view sha) {
  return (sha.size() == 40 || sha.size() == 64) &&
         std::all_of(sha.begin(), sha.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

// 40 hexadecimal digits that depend on every byte of `text`: FNV-1a, started
// differently for each part. Not a digest that resists anybody.
std::string ShaOf(absl::string_view text) {
  std::string sha;
  for (uint64_t part = 0; part < 3; ++part) {
    uint64_t hash = 0xcbf29ce484222325 ^ (part * 0x9e3779b97f4a7c15);
    for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
    absl::StrAppend(&sha, absl::Hex(hash, absl::kZeroPad16));
  }
  sha.resize(40);
  return sha;
}

absl::Status AddCommit(const v1::SeedCommit& commit, History& history) {
  if (!IsSha(commit.sha())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", commit.sha(), "' is not 40 or 64 lower-case hexadecimal digits"));
  }
  for (const std::string& parent : commit.parent_shas()) {
    if (history.commits.contains(parent)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "parent ", parent, " does not come before ", commit.sha()));
  }
  absl::flat_hash_set<std::string> names;
  for (const v1::CommitContext& context : commit.contexts()) {
    if (names.insert(FoldName(context.context())).second) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "commit ", commit.sha(), " has context ", context.context(), " twice"));
  }
  if (!history.commits.emplace(commit.sha(), commit).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("commit ", commit.sha(), " is there twice"));
  }
  return absl::OkStatus();
}

absl::Status AddRef(const v1::SeedRef& seed, History& history) {
  const v1::Ref& ref = seed.ref();
  if (ref.name().empty() ||
      (ref.type() != v1::REF_TYPE_BRANCH && ref.type() != v1::REF_TYPE_TAG)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ref '", ref.name(), "' needs a name, and a type that is known"));
  }
  if (!history.commits.contains(ref.sha())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ref ", ref.name(), " is at an unknown commit: ", ref.sha()));
  }
  const bool added =
      history.refs
          .emplace(std::make_pair(static_cast<int>(ref.type()), ref.name()),
                   StoredRef{ref.sha(), seed.conflicts()})
          .second;
  if (!added) {
    return absl::InvalidArgumentError(
        absl::StrCat("ref ", ref.name(), " is there twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<History> HistoryOf(const v1::SeedRepository& seed) {
  History history;
  for (const v1::SeedCommit& commit : seed.commits()) {
    absl::Status status = AddCommit(commit, history);
    if (!status.ok()) return status;
  }
  for (const v1::SeedRef& ref : seed.refs()) {
    absl::Status status = AddRef(ref, history);
    if (!status.ok()) return status;
  }
  const std::string& default_branch = seed.repository().default_branch();
  if (history.FindRef(v1::REF_TYPE_BRANCH, default_branch) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("default branch '", default_branch, "' is no branch"));
  }
  return history;
}

}  // namespace

struct MemorySourceControl::Impl {
  struct Repository {
    std::mutex mutex;
    History history;  // guarded by mutex
  };
  // Never changes after `Create`, so that repositories do not wait for each
  // other.
  absl::flat_hash_map<Key, std::unique_ptr<Repository>> repositories;

  // nullptr: no such repository.
  Repository* Find(const v1::Repository& repository) const {
    const auto found = repositories.find(KeyOf(repository));
    return found == repositories.end() ? nullptr : found->second.get();
  }
};

MemorySourceControl::MemorySourceControl(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
MemorySourceControl::~MemorySourceControl() = default;

absl::StatusOr<std::unique_ptr<MemorySourceControl>>
MemorySourceControl::Create(const v1::Seed& seed) {
  auto impl = std::make_unique<Impl>();
  for (const v1::SeedRepository& repository : seed.repositories()) {
    const Key key = KeyOf(repository.repository());
    const std::string name = absl::StrCat(key.first, "/", key.second);
    if (repository.repository().owner().empty() ||
        repository.repository().name().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("repository '", name, "' needs an owner and a name"));
    }
    absl::StatusOr<History> history = HistoryOf(repository);
    if (!history.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": ", history.status().message()));
    }
    auto added = std::make_unique<Impl::Repository>();
    added->history = *std::move(history);
    if (!impl->repositories.emplace(key, std::move(added)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("repository ", name, " is there twice"));
    }
  }
  return absl::WrapUnique(new MemorySourceControl(std::move(impl)));
}

absl::StatusOr<absl::optional<v1::ResolvedRef>> MemorySourceControl::Resolve(
    const ResolveParams& params) {
  absl::optional<v1::ResolvedRef> resolved;
  Impl::Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return resolved;
  std::lock_guard<std::mutex> lock(found->mutex);
  History& history = found->history;
  const absl::optional<RefMatch> match = MatchRef(
      params.ref,
      [&](v1::RefType type, absl::string_view name) -> const std::string* {
        const StoredRef* ref = history.FindRef(type, name);
        return ref == nullptr ? nullptr : &ref->sha;
      },
      [&](absl::string_view sha) { return history.commits.contains(sha); });
  if (!match.has_value()) return resolved;
  resolved.emplace();
  resolved->set_form(match->form);
  resolved->set_sha(match->sha);
  return resolved;
}

absl::StatusOr<bool> MemorySourceControl::Contains(
    const ContainsParams& params) {
  Impl::Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return false;
  std::lock_guard<std::mutex> lock(found->mutex);
  History& history = found->history;
  const StoredRef* branch = history.FindRef(v1::REF_TYPE_BRANCH, params.branch);
  return branch == nullptr || history.Reaches(params.sha, branch->sha);
}

absl::StatusOr<std::vector<v1::CommitContext>> MemorySourceControl::Contexts(
    const ContextsParams& params) {
  std::vector<v1::CommitContext> contexts;
  Impl::Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return contexts;
  std::lock_guard<std::mutex> lock(found->mutex);
  History& history = found->history;
  const auto commit = history.commits.find(params.sha);
  if (commit == history.commits.end()) return contexts;
  contexts.assign(commit->second.contexts().begin(),
                  commit->second.contexts().end());
  return contexts;
}

absl::StatusOr<SourceControl::MergeResult> MemorySourceControl::Merge(
    const MergeParams& params) {
  Impl::Repository* found = impl_->Find(params.repository);
  if (found == nullptr) return MergeResult::kNoSuchBranch;
  std::lock_guard<std::mutex> lock(found->mutex);
  History& history = found->history;
  StoredRef* base = history.FindRef(v1::REF_TYPE_BRANCH, params.base);
  const StoredRef* head = history.FindRef(v1::REF_TYPE_BRANCH, params.head);
  if (base == nullptr || head == nullptr) return MergeResult::kNoSuchBranch;
  if (history.Reaches(base->sha, head->sha)) {
    return MergeResult::kNothingToMerge;
  }
  if (base->conflicts) return MergeResult::kConflict;
  v1::SeedCommit merge;
  merge.set_sha(ShaOf(absl::StrCat(base->sha, " ", head->sha)));
  merge.add_parent_shas(base->sha);
  merge.add_parent_shas(head->sha);
  base->sha = merge.sha();
  history.commits.emplace(merge.sha(), merge);
  return MergeResult::kMerged;
}

}  // namespace slipway
