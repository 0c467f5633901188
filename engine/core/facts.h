// From a state to the few facts that one decision rests on.

#ifndef SLIPWAY_ENGINE_CORE_FACTS_H_
#define SLIPWAY_ENGINE_CORE_FACTS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

// What `Decide` needs to know of `state` for `command`, and no more.
//
// Total, pure and thread-safe. Refs are resolved among those of the state; a
// host with source control of its own replaces `ref` by what that says.
// `merge_outcome`, `repository_id_holder` and `keyed_answer` are the host's to
// fill: one repository's state does not know them.
//
// This is the definition that every store is tested against. It looks through
// the state, so it costs what the state is large; stores answer the same
// from indexes.
v1::Facts FactsFor(const v1::Rules& rules, const v1::RepositoryState& state,
                   const v1::Command& command);

// What a newer success needs to know of `deployment`, whose latest status is
// `success`. Total, pure.
v1::LiveDeployment LiveDeploymentOf(const v1::Deployment& deployment);
// The same into a message that is used again, which then allocates nothing.
void SetLiveDeployment(const v1::Deployment& deployment,
                       v1::LiveDeployment* live);

// The answer of `facts` that is still kept under the key of `command` at its
// time (R100), so that nothing is decided anew; nullptr: there is none. Total,
// pure.
const v1::KeyedAnswer* KeptAnswer(const v1::Rules& rules,
                                  const v1::Facts& facts,
                                  const v1::Command& command);

// How many ids `command` can use at the most, given its facts: the count that
// its `IdBlock` must have. 0 for the commands that create no row. Where there
// is a `KeptAnswer` none are needed, whatever this says. Total, pure.
int64_t IdsNeeded(const v1::Facts& facts, const v1::Command& command);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_FACTS_H_
