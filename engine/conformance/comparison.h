// Whether what a subject answered is what the oracle expects, and if not, which
// rule that breaks.
//
//   Comparison comparison(capabilities);
//   Expectation expected = oracle.Apply(operation);
//   if (absl::optional<Mismatch> mismatch =
//           comparison.Compare(operation, expected, answer, oracle)) {
//     // mismatch->rules, the best guess first; mismatch->summary for people
//   }
//
// Subject and oracle number rows as they like: as rows appear, ids are matched
// one to one, and must then stay so, grow from change to change and never come
// again (R17). Times are compared to the second: with a subject that lends its
// clock they are the oracle's; with others, those that are equal for the oracle
// must not be more than a second apart. Payloads are compared byte for byte
// with the capability `payload_bytes`, else as JSON. A message that a subject
// leaves out is not held against it; a wrong one is.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_COMPARISON_H_
#define SLIPWAY_ENGINE_CONFORMANCE_COMPARISON_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "slipway/conformance/oracle.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace slipway {
namespace conformance {

// One answer that is not as expected.
struct Mismatch {
  // The rules that it may break, each once, the best guess first. Never empty.
  std::vector<int> rules;
  // One line: where, what was expected, and what came.
  std::string summary;
};

// The ids that the subject gave to the rows that have a symbol. Copyable.
class SymbolTable {
 public:
  // Fills in the subject's ids for the symbols of `operation`. A symbol that
  // nothing is bound to becomes an id that no row has. Total.
  void FillIn(v1::Operation& operation) const;

  // Learns the id of a row that `operation` has created. Total.
  void Bind(const v1::Operation& operation, const v1::Answer& answer);

  // 0 where nothing is bound.
  int64_t IdOf(const std::string& symbol) const;

 private:
  // In the order of their binding; the last of a name counts.
  std::vector<std::pair<std::string, int64_t>> ids_;
};

// One to one, and growing together.
class IdMatching {
 public:
  // Notes that `theirs` is the subject's id of the oracle's row `ours`, made by
  // the change at `time_ms`. Empty, or what contradicts it (R17): the row has
  // another id, or the ids do not grow from one change to the next. Rows of one
  // change may be numbered in any order.
  std::string Match(int64_t ours, int64_t theirs, int64_t time_ms);

  // 0 where the row has not been seen.
  int64_t TheirsOf(int64_t ours) const;
  // Whether a row of the subject's has or had that id.
  bool Knows(int64_t theirs) const;

 private:
  struct Pair {
    int64_t ours;
    int64_t theirs;
    int64_t time_ms;
  };
  // By `ours`.
  std::vector<Pair> pairs_;
};

// Copyable: the search for an order of parallel calls tries many. Not
// thread-safe.
class Comparison {
 public:
  explicit Comparison(const v1::Capabilities& capabilities);

  // nullopt: the answer is right. `oracle` is what the operation has led to.
  // Total: whatever the answer holds. After a mismatch the comparison is of no
  // more use.
  absl::optional<Mismatch> Compare(const v1::Operation& operation,
                                   const Expectation& expected,
                                   const v1::Answer& answer,
                                   const Oracle& oracle);

 private:
  friend class AnswerComparer;

  bool lends_clock_ = false;
  bool notifications_ = false;
  bool payload_bytes_ = false;
  std::string login_;
  IdMatching deployment_ids_;
  IdMatching status_ids_;
  // Where the clock is not lent: the oracle's times and the subject's, in
  // seconds, by the oracle's.
  std::vector<std::pair<int64_t, int64_t>> times_;
};

// The rule that a field of a request belongs to, by its name in the API, where
// an answer complains of it; 0 where there is none. Total, pure.
int RuleOfField(const std::string& field);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_COMPARISON_H_
