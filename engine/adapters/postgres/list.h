// Pages of deployments, as statements. Not for users.
//
//   ListFilter leading = FirstFilter(params);
//   if (FilterCount(params) > 1) {
//     AddFilterCounts(key, params, connection);
//     connection.Run(deadline, &rows);
//     leading = RarestFilter(params, rows[0]);
//   }
//   AddList(key, params, leading, connection);
//   connection.Run(deadline, &rows);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_

#include <cstdint>

#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/values.h"
#include "slipway/ports/store.h"

namespace slipway {
namespace postgres_internal {

// For places and limits: not negative, and far enough from where sums overflow.
int64_t PlaceOf(int64_t value);

enum class ListFilter { kNone, kSha, kRef, kTask, kEnvironment };

int FilterCount(const Store::ListDeploymentsParams& params);
// kNone: there is no filter.
ListFilter FirstFilter(const Store::ListDeploymentsParams& params);

// Adds a statement whose answer is for RarestFilter.
void AddFilterCounts(int64_t key, const Store::ListDeploymentsParams& params,
                     Connection& connection);
// Of the filters that there are, the one that the fewest deployments pass, as
// it was a moment ago.
ListFilter RarestFilter(const Store::ListDeploymentsParams& params,
                        const Rows& counts);

// The statement that AddList adds. It goes along the index of `leading`, which
// is one of the filters.
const Statement& ListStatement(const Store::ListDeploymentsParams& params,
                               ListFilter leading);

// Adds one statement. Each row of its answer: how many match, then the columns
// of kDeploymentColumns, NULL where the page is empty. No row: there is no
// repository.
void AddList(int64_t key, const Store::ListDeploymentsParams& params,
             ListFilter leading, Connection& connection);

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_LIST_H_
