// From events to a state.
//
//   for (const slipway::v1::Event& event : decision.acceptance().events()) {
//     absl::StatusOr<slipway::v1::RepositoryState> next =
//         slipway::Evolve(std::move(state), event);
//     if (!next.ok()) return next.status();  // the history is damaged
//     state = *std::move(next);
//   }

#ifndef SLIPWAY_ENGINE_CORE_EVOLVE_H_
#define SLIPWAY_ENGINE_CORE_EVOLVE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

// Folds one fact into a state. It holds no rule: what has happened is not up
// for decision. Pure and thread-safe.
//
// DATA_LOSS: the event cannot follow this state (an unknown deployment, an id
// out of order, a missing body), so the history was damaged.
absl::StatusOr<v1::RepositoryState> Evolve(v1::RepositoryState state,
                                           const v1::Event& event);

// The same in place. After DATA_LOSS the state is as it was before.
absl::Status Evolve(const v1::Event& event, v1::RepositoryState* state);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_EVOLVE_H_
