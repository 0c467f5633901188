// Sequences that are a little smaller than one that fails: the last part of
// shrinking.
//
//   for (v1::Sequence& candidate : SmallerSequences(sequence)) {
//     if (fails(candidate)) ...  // and again with that one
//   }
//
// Steps of a walk choose rows by their place among those that there are, so one
// cannot go without changing what those after it are about. Operations name
// their rows: here whatever is of no account can go.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_SMALLER_SEQUENCE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_SMALLER_SEQUENCE_H_

#include <vector>

#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {

// The plainest first: without a deployment and all that is about it, without a
// call, without two calls, without a field of a request. Names of environments
// and tasks stay: in a repository that is shared they keep sequences apart.
// None of a sequence that is too long for that. Total, pure.
std::vector<v1::Sequence> SmallerSequences(const v1::Sequence& sequence);

// The same with symbols that count from 1 on; those of rows that no operation
// makes become "$d0" and "$s0". Total, pure.
v1::Sequence Renumbered(v1::Sequence sequence);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_SMALLER_SEQUENCE_H_
