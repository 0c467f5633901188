// Pages of deployments, as statements. Not for users.
//
//   AddList(key, params, connection);
//   connection.Run(deadline, &rows);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_

#include <cstdint>

#include "slipway/adapters/postgres/connection.h"
#include "slipway/ports/store.h"

namespace slipway {
namespace postgres_internal {

// For places and limits: not negative, and far enough from where sums overflow.
int64_t PlaceOf(int64_t value);

// The statement that AddList adds. By several filters it goes along the index
// of the first of them: sha, ref, task, environment.
const Statement& ListStatement(const Store::ListDeploymentsParams& params);

// Adds one statement. Each row of its answer: how many match, then the columns
// of kDeploymentColumns, NULL where the page is empty. No row: there is no
// repository.
void AddList(int64_t key, const Store::ListDeploymentsParams& params,
             Connection& connection);

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_
