// The tables of the file, and how older files become new ones. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_SCHEMA_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "slipway/adapters/sqlite/database.h"

namespace slipway {
namespace internal {

// "SLPW": by this `PRAGMA application_id` a file is known as one of ours.
inline constexpr int kApplicationId = 0x534C5057;

// `PRAGMA user_version` of what this version of the code reads and writes:
//   1  repositories, deployments and the outbox
//   2  answers under idempotency keys, hooks and deliveries
//   3  counters in the outbox, and an environment's among the labels: fewer
//      pages change with each decision
inline constexpr int kSchemaVersion = 3;

// Whether the file is empty or one of ours, so that it may be written.
//
// FAILED_PRECONDITION: the file is of a newer version, or somebody else's.
// DATA_LOSS: it is damaged, or no database.
// UNAVAILABLE: others have it locked.
absl::Status CheckOwner(Database& database);

// DATA_LOSS: the file at `path`, which nobody has open, is shorter than it says
// itself. SQLite would take what is missing for zeros, and find that damaged
// only where it looks at it.
absl::Status CheckLength(const std::string& path);

// Makes the tables of an empty file, or brings those of an older one to
// `version`, in one transaction.
//
// Fails as `CheckOwner` does, and as `Database` does.
absl::Status Migrate(Database& database, int version = kSchemaVersion);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_SCHEMA_H_
