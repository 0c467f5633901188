// Pages of deployments. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_DEPLOYMENT_LIST_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_DEPLOYMENT_LIST_H_

#include <cstdint>

#include "absl/status/status.h"
#include "slipway/adapters/sqlite/rows.h"
#include "slipway/ports/store.h"
#include "slipway/v1/deployment.pb.h"

namespace slipway {
namespace internal {

// Where a page is, counted from the end that is nearer.
struct PagePlace {
  // Oldest first; the rows are to be reversed.
  bool backwards = false;
  int64_t offset = 0;
  int64_t limit = 0;
};
// Of `total` rows, those that come after the `offset` newest. Total.
PagePlace PlaceOf(int64_t offset, int64_t limit, int64_t total);

// As `Store::ListDeployments`, of a repository that exists.
absl::Status ListDeployments(Rows& rows, const Rows::Repository& repository,
                             const Store::ListDeploymentsParams& params,
                             Store::Page<v1::Deployment>* page);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_DEPLOYMENT_LIST_H_
