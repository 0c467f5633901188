// Lists of rules that a subject is known to break, with the reasons: how a
// project adopts the kit before it is perfect. For the runner; not for users.
//
//   # What we know of.
//   R31: transient deployments are retired; fixed in the next release
//
// Blank lines and those that begin with "#" say nothing to the kit. A rule is
// there once, with a reason.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_RUNNER_KNOWN_FAILURES_H_
#define SLIPWAY_ENGINE_CONFORMANCE_RUNNER_KNOWN_FAILURES_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/report.pb.h"

namespace slipway {
namespace conformance {

// By rule, the reasons. INVALID_ARGUMENT: one line with the number of the line
// that is wrong. Total, pure.
absl::StatusOr<std::map<int, std::string>> ParseKnownFailures(
    absl::string_view text);

// The list anew, as `report` has found it: what passed is taken off, what
// failed is put on, with what was seen as the reason; reasons that were there
// stay, and so do rules that this run has not reached and the comment at the
// beginning of `text`, the list so far. Total, pure.
std::string UpdatedKnownFailures(absl::string_view text,
                                 const v1::Report& report);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_RUNNER_KNOWN_FAILURES_H_
