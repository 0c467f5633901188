// The rows and indexes of one repository in memory. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_REPOSITORY_TABLE_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_REPOSITORY_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/memory/ordered_ids.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/environment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

// Not thread-safe; the store locks around it.
class RepositoryTable {
 public:
  struct Record {
    v1::Deployment deployment;
    // By id; the last one is the latest.
    std::vector<v1::DeploymentStatus> statuses;
  };

  // nullopt: not put yet, or deleted.
  const absl::optional<v1::Repository>& repository() const {
    return repository_;
  }

  // Those of `slipway::FactsFor` on the state of this repository.
  v1::Facts FactsFor(const v1::Rules& rules, const v1::Command& command) const;

  // Changes the rows by an event of a decision that was made on `FactsFor`.
  void Apply(const v1::Event& event);

  // nullptr: there is no such deployment.
  const Record* Find(int64_t deployment_id) const;

  Store::Page<v1::Deployment> List(
      const Store::ListDeploymentsParams& params) const;

 private:
  // Those whose latest status is `success`, of one environment and one pair of
  // flags.
  struct LiveIds {
    absl::btree_set<int64_t> ids;
    absl::flat_hash_map<std::string, absl::btree_set<int64_t>> ids_by_task;
  };
  using IdsByText = absl::flat_hash_map<std::string, OrderedIds>;
  // Everything about the deployments that are in one environment now.
  struct EnvironmentRow {
    absl::optional<v1::Environment> environment;
    OrderedIds deployments;
    IdsByText deployments_by_spelling;
    // By transient and production.
    std::array<LiveIds, 4> live;
  };

  static v1::StatusState LatestState(const Record& record);
  static bool IsLive(const Record& record);

  void AddRefFacts(const std::string& ref, v1::Facts& facts) const;
  void AddEnvironmentFacts(absl::string_view name, v1::Facts& facts) const;
  void AddStatusFacts(const v1::Rules& rules, const v1::CreateStatus& request,
                      const Record& record, v1::Facts& facts) const;
  bool IsOnlyOneInScope(const v1::Rules& rules, const Record& record) const;
  const v1::Ref* FindRef(v1::RefType type, absl::string_view name) const;

  EnvironmentRow& EnvironmentOf(const Record& record);
  void EnterEnvironment(const Record& record);
  void LeaveEnvironment(const Record& record);
  void SetLive(const Record& record, bool live);
  void CreateDeployment(const v1::Deployment& deployment);
  void CreateStatus(const v1::DeploymentStatus& status);
  void DeleteDeployment(int64_t id);

  absl::optional<v1::Repository> repository_;
  int64_t last_id_ = 0;
  absl::flat_hash_map<std::pair<int, std::string>, v1::Ref> refs_;
  absl::flat_hash_map<std::string, v1::Commit> commits_;
  // By folded name.
  absl::flat_hash_map<std::string, EnvironmentRow> environments_;
  absl::flat_hash_map<int64_t, std::unique_ptr<Record>> records_;
  OrderedIds ids_;
  IdsByText ids_by_sha_;
  IdsByText ids_by_ref_;
  IdsByText ids_by_task_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_REPOSITORY_TABLE_H_
