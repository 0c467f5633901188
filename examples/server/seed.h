// The repositories that the server has from the start.

#ifndef EXAMPLES_SERVER_SEED_H_
#define EXAMPLES_SERVER_SEED_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/actor.pb.h"
#include "slipway/v1/seed.pb.h"

// The seed of a text file; of an empty path the one that is built in.
//
// INVALID_ARGUMENT: says what is wrong with the file, and where.
absl::StatusOr<slipway::v1::Seed> ReadSeed(const std::string& path);

// Puts the repositories of a seed that the store has never had. What it has
// stays as it is, and what was deleted stays deleted: a restart undoes nothing.
// Refs are not put: they are source control's.
//
// INVALID_ARGUMENT: a repository is refused. Else as the store fails.
absl::Status PutMissingRepositories(const slipway::v1::Seed& seed,
                                    const slipway::v1::Actor& actor,
                                    slipway::Store& store,
                                    slipway::Outbox& outbox,
                                    slipway::Runner& runner);

#endif  // EXAMPLES_SERVER_SEED_H_
