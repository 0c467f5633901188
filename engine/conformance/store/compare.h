// A store against the state that it should have. Not for users.
//
// All functions ask the store and add what is wrong to `findings`.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_COMPARE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_COMPARE_H_

#include <cstdint>

#include "engine/conformance/store/findings.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace internal {

// What the stream of a repository adds up to. Positions are 1, 2, 3, …, read in
// parts of `limit`.
v1::RepositoryState Replay(Outbox& outbox, const v1::RepositoryName& name,
                           int64_t limit, Findings& findings);

// The repository, its deployments and their statuses by every query but lists
// with filters, and what is not there.
void CompareRows(Store& store, const v1::RepositoryName& name,
                 const v1::RepositoryState& state, Findings& findings);

enum class Effort {
  // Every kind of filter, with values of a few rows.
  kSome,
  // Every combination of all values that occur, and every page.
  kAll,
};

// Lists with filters, alone and together, in pages (R70, R71).
void CompareLists(Store& store, const v1::RepositoryName& name,
                  const v1::RepositoryState& state, Effort effort,
                  Findings& findings);

// Facts for commands that might come: every success, every deletion, every ref
// and environment that is known. Not those of `put_repository`, which one
// repository's state does not tell.
void CompareFacts(Store& store, const v1::Rules& rules,
                  const v1::RepositoryName& name,
                  const v1::RepositoryState& state, Findings& findings);

// All of these with the state that the outbox adds up to, which is returned.
v1::RepositoryState CompareWithReplay(Store& store, Outbox& outbox,
                                      const v1::Rules& rules,
                                      const v1::RepositoryName& name,
                                      Findings& findings);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_COMPARE_H_
