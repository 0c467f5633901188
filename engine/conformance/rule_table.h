// The rules that the kit tests: their numbers, titles and levels, as docs/spec
// has them.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/report.pb.h"

namespace slipway {
namespace conformance {

struct RuleRow {
  int number = 0;
  // A few words: "Only a success retires others".
  absl::string_view title;
  v1::Level level = v1::LEVEL_UNSPECIFIED;
};

// Ascending by number. Every rule that can be seen from outside; a test
// compares the table with docs/spec.
const std::vector<RuleRow>& RuleTable();

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_RULE_TABLE_H_
