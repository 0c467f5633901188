// The whole engine in one call, for small embedders and tests.
//
//   slipway::v1::RepositoryState state;
//   absl::StatusOr<slipway::v1::Decision> decision =
//       slipway::Apply(rules, command, &state);
//
// engine/core/apply_test.cc runs it; larger hosts use engine/runner with a
// store.

#ifndef SLIPWAY_ENGINE_CORE_APPLY_H_
#define SLIPWAY_ENGINE_CORE_APPLY_H_

#include "absl/status/statusor.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

// `FactsFor`, `Decide`, and, where the answer is yes, `Evolve` over its events.
// Pure but for `state`, and thread-safe for different states.
//
// `command` brings its time and, where it creates rows, its ids: all above
// every id that `state` has seen, as many as `IdsNeeded`; else it is
// MALFORMED_COMMAND. A rejection is an answer, not an error, and leaves `state`
// as it was. So does an acceptance with the outcome MERGE_REQUIRED: the caller
// merges, puts the ref, and asks again. Idempotency keys are not remembered:
// that is what stores are for (R100). DATA_LOSS: `state` is damaged; it is
// left as it was.
absl::StatusOr<v1::Decision> Apply(const v1::Rules& rules,
                                   const v1::Command& command,
                                   v1::RepositoryState* state);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_APPLY_H_
