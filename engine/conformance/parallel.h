// Several clients at the same time: what they do, and whether what they were
// answered can have been.
//
//   absl::StatusOr<v1::History> history =
//       RunClients(operations, clients, symbols, subject);
//   Explanation explanation =
//       Explain(oracle, comparison, *history, look, /*attempts_max=*/100000);
//
// A history is explained when there is an order of its calls that the oracle
// answers as the subject did (R36): one in which no call comes before another
// that had ended before it began, ids of rows growing along it. The calls after
// it, made one by one, must fit that order as well.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_PARALLEL_H_
#define SLIPWAY_ENGINE_CONFORMANCE_PARALLEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/conformance/comparison.h"
#include "slipway/conformance/oracle.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {

// Makes each client's operations (`Operation::client`, from 0) in their order
// on a thread of its own, all threads at once. Operations name rows by symbols
// of `symbols`, or of the same client's earlier ones; `symbols` then has them
// all. The history is in the order in which calls began, with ids filled in.
//
// A status of the subject's ends that client's calls and is returned when all
// have ended.
absl::StatusOr<v1::History> RunClients(
    const google::protobuf::RepeatedPtrField<v1::Operation>& operations,
    int clients, SymbolTable& symbols, SubjectUnderTest& subject);

struct Explanation {
  enum class Outcome {
    kExplained,
    // Every order was tried.
    kNotExplained,
    // `attempts_max` came first: nothing is known.
    kNotDecided,
  };
  Outcome outcome = Outcome::kNotDecided;
  // NOT_EXPLAINED: where the orders that went farthest ended. R36 leads.
  Mismatch mismatch;
  // NOT_EXPLAINED: of the call that did not fit there.
  v1::Answer expected;
  v1::Answer actual;
  // EXPLAINED: the calls of the history in the order found, each by its place
  // there and with what was expected of it; and the oracle that has made them.
  struct Call {
    int entry = 0;
    Expectation expected;
  };
  std::vector<Call> calls;
  absl::optional<Oracle> oracle;
  // How many times a call was asked of an oracle.
  int64_t attempts = 0;
};

// `oracle` and `comparison` as they were before the calls of `history`; `look`
// are those made after them, one by one. Total, and deterministic. It tries
// orders depth first and turns back at the first answer that does not fit; a
// call that only reads is never tried twice in one place.
Explanation Explain(const Oracle& oracle, const Comparison& comparison,
                    const v1::History& history, const v1::History& look,
                    int64_t attempts_max);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_PARALLEL_H_
