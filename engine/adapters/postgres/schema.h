// The tables, and how they get up to date. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_SCHEMA_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_SCHEMA_H_

#include "absl/status/status.h"
#include "slipway/adapters/postgres/connection.h"

namespace slipway {
namespace postgres_internal {

// Makes the tables, or migrates those of an older version, while no other
// engine does.
//
// FAILED_PRECONDITION: they are those of a newer version.
// UNAVAILABLE, DATA_LOSS: as the server says.
// `update_deadline`: for what brings older tables up to date, which may take
// long where they are large.
absl::Status UpdateSchema(Connection& connection, Deadline deadline,
                          Deadline update_deadline);

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_SCHEMA_H_
