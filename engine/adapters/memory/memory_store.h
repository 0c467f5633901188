// A store in memory: the default, for tests and for hosts that keep nothing.
//
//   slipway::MemoryStore store;
//   slipway::Runner runner({&store, nullptr, &clock, &ids});

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_STORE_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_STORE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

namespace slipway {

// Keeps everything, the outbox included, until it is destroyed; answers under
// idempotency keys only as long as R100 says.
//
// Thread-safe. Each repository has a lock of its own, readers share it, and no
// transaction waits for one on another repository (those that put or delete a
// repository excepted, which agree on ids among themselves). Every decision,
// and every list by at most one filter, is answered from indexes.
//
// `TransactParams::decide` is called once, on the caller's thread, under the
// repository's lock: it must not call this store. The methods never fail but
// for the status that `decide` returns.
class MemoryStore : public Store, public Outbox {
 public:
  MemoryStore();
  ~MemoryStore() override;

  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override;
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override;
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override;
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override;
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override;
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override;
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override;
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override;
  absl::StatusOr<int64_t> LastGlobalPosition() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_MEMORY_STORE_H_
