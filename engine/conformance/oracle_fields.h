// What is wrong with the fields of a request, as the oracle sees it: R4, R20,
// R25 and R60.
//
//   const FieldProblems problems = ProblemsOf(request, rules);
//   if (!problems.empty()) ...  // all are told, the first decides (R12)
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_ORACLE_FIELDS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_ORACLE_FIELDS_H_

#include <cstdint>
#include <vector>

#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace conformance {

struct FieldProblem {
  slipway::v1::Violation violation;
  // The rule that it breaks.
  int rule = 0;
};

// In the order of the fields in the request's message.
using FieldProblems = std::vector<FieldProblem>;

FieldProblems ProblemsOf(const slipway::v1::CreateDeployment& request,
                         const slipway::v1::Rules& rules);
FieldProblems ProblemsOf(const slipway::v1::CreateStatus& request,
                         const slipway::v1::Rules& rules);

// A limit that may be unset; a negative one counts as 0 (R4).
int64_t LimitOr(bool is_set, int64_t value, int64_t by_default);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_ORACLE_FIELDS_H_
