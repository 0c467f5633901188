// What an engine remembers of repositories, so that a decision need not ask for
// its facts before it is sent. It may be out of date: whoever decides by it has
// the database check that the repository's row is as it was. Not for users.
//
//   std::unique_ptr<Memory> memory = memories.Take(key);
//   if (memory->Recall(rules, command, &snapshot)) ...  // decide by it
//   memory->Apply(decision.acceptance(), row);
//   memories.Keep(std::move(memory));  // once that is committed and checked

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_MEMORY_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/environment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace postgres_internal {

// One repository, from its row to what the last decisions were about. All of it
// is as of `row`, or, while a transaction goes on, as that will leave it. Not
// thread-safe.
class Memory {
 public:
  // Of one repository. Where it would be more, all but the row is forgotten.
  static constexpr size_t kBytesMax = 1 << 20;

  explicit Memory(int64_t key) { row_.key = key; }

  // The facts for a command. False: not all of them are known. Never so where
  // there is a key (R100), nor of repositories themselves.
  bool Recall(const v1::Rules& rules, const v1::Command& command,
              Snapshot* snapshot) const;
  // What was read under the row's lock. All that was remembered of another
  // state of the row is forgotten; whether it was the same one.
  bool SetRow(const Snapshot& snapshot);
  // The facts that were read with it.
  void Learn(const v1::Rules& rules, const v1::Command& command,
             const Snapshot& snapshot);
  // What a decision that accepts, with events, has changed; `row` is what it
  // leaves. Not of those about repositories themselves.
  void Apply(const v1::Acceptance& acceptance, const RepositoryRow& row);

  // Whether anything is known.
  bool has_row() const { return has_row_; }
  const RepositoryRow& row() const { return row_; }
  void SetStamp(int64_t stamp_us) { row_.stamp_us = stamp_us; }
  // Ids that were taken for the repository and that no decision has used.
  void SetIds(int64_t next, int64_t end) {
    row_.ids_next = next;
    row_.ids_end = end;
  }

  // Whether the row is to be looked at before anything is decided: another
  // engine has changed it of late, so memory would often be wrong.
  bool looks_first() const { return !has_row_ || distrust_ > 0; }
  // The row was found to be as remembered, or not.
  void CountFound(bool is_same);

  // About.
  size_t bytes() const { return bytes_; }

 private:
  // As long as it matters little what they are.
  static constexpr size_t kEntryBytes = 256;
  // After so many times that the row was as remembered, it is trusted again.
  static constexpr int kDistrust = 2;

  struct Deployment {
    v1::Deployment deployment;
    int64_t latest_status_id = 0;
    v1::StatusState latest_state = v1::STATUS_STATE_UNSPECIFIED;
    int64_t status_count = 0;
  };
  // All that are live, by id ascending; nullopt: nobody knows.
  using LiveList = absl::optional<std::vector<v1::LiveDeployment>>;
  // By flags.
  using LiveLists = std::array<LiveList, kFlagsEnd>;

  void Forget();
  void Grow(size_t bytes);
  void ApplyStatus(const v1::DeploymentStatus& status);
  // From all lists.
  void EraseLive(int64_t id);
  // To those that are known.
  void AddLive(const v1::Deployment& deployment);

  bool has_row_ = false;
  RepositoryRow row_;
  absl::optional<v1::Repository> repository_;
  // By what a caller calls them; nullopt: there is no such ref.
  absl::flat_hash_map<std::string, absl::optional<v1::ResolvedRef>> refs_;
  // By name without case; nullopt: there is none.
  absl::flat_hash_map<std::string, absl::optional<v1::Environment>>
      environments_;
  absl::flat_hash_map<int64_t, Deployment> deployments_;
  // By the environment's name without case.
  absl::flat_hash_map<std::string, LiveLists> live_;
  // What was added since all was forgotten, taken away or not.
  size_t bytes_ = kEntryBytes;
  int distrust_ = 0;
};

// Those of many repositories; the ones that were used last, in so many bytes.
// Thread-safe.
class Memories {
 public:
  // 0: nothing is kept.
  explicit Memories(size_t bytes_max) : bytes_max_(bytes_max) {}

  // What is known of a repository; an empty memory where nothing is. It is gone
  // from here until it is handed back. Never nullptr.
  std::unique_ptr<Memory> Take(int64_t key);
  void Keep(std::unique_ptr<Memory> memory);
  bool is_keeping() const { return bytes_max_ > 0; }

 private:
  using Order = std::list<std::unique_ptr<Memory>>;

  const size_t bytes_max_;
  std::mutex mutex_;
  // The ones that were used last come first.
  Order order_;
  absl::flat_hash_map<int64_t, Order::iterator> places_;
  size_t bytes_ = 0;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_MEMORY_H_
