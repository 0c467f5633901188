#include "slipway/core/apply.h"

#include <utility>

#include "absl/status/status.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"

namespace slipway {

absl::StatusOr<v1::Decision> Apply(const v1::Rules& rules,
                                   const v1::Command& command,
                                   v1::RepositoryState* state) {
  v1::Decision decision =
      Decide(rules, FactsFor(rules, *state, command), command);
  if (decision.acceptance().events().empty()) return decision;
  v1::RepositoryState next = *state;
  for (const v1::Event& event : decision.acceptance().events()) {
    absl::Status status = Evolve(event, &next);
    if (!status.ok()) return status;
  }
  state->Swap(&next);
  return decision;
}

}  // namespace slipway
