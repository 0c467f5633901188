// The presets of `Rules`, the defaults of `Limits`, and the predicates that a
// store needs to keep its indexes in step with the rules.
//
//   slipway::v1::Rules rules = slipway::DocumentedRules();
//   rules.mutable_limits()->set_statuses_per_deployment_max(1000);
//
// All functions are pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CORE_RULES_H_
#define SLIPWAY_ENGINE_CORE_RULES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {

// Ids stay below 2^53, because JSON clients lose the digits above it (R17).
inline constexpr int64_t kIdMax = (int64_t{1} << 53) - 1;

// 9999-12-31T23:59:59.999Z, the last time with a four-digit year.
inline constexpr int64_t kTimeMaxMs = 253402300799999;

// What GitHub's documentation says; every knob spelled out. Equal in effect to
// an empty message.
v1::Rules DocumentedRules();

// What GitHub.com is seen to do where it differs: the scope of deletions (R41).
v1::Rules ObservedRules();

// Every limit, the unset ones filled with their defaults. A negative limit
// counts as 0. Total.
v1::Limits LimitsOf(const v1::Rules& rules);

// The first knob of `rules` with a value that this version does not know, or
// "rules" or "limits" where a field of theirs comes from a newer schema, or
// empty. Decisions under such rules are rejected as MALFORMED_COMMAND (R8).
// Total.
absl::string_view UnknownKnob(const v1::Rules& rules);

// The environment that is meant where a request names none, and that is for
// production where it does not say (R10).
inline constexpr absl::string_view kProductionEnvironment = "production";

// Where a new deployment goes (R10). Total; the answer points into `request`.
absl::string_view TargetEnvironment(const v1::CreateDeployment& request);

// Where a status puts its deployment (R23). Total.
const std::string& TargetEnvironment(const v1::Deployment& deployment,
                                     const v1::CreateStatus& request);

// Whether a status asks for others to be retired at all (R30). Total.
bool TriggersInactivation(const v1::CreateStatus& request);

// Whether the success of `succeeded`, which is then in `environment`, retires
// `live`, whose latest status is `success` (R31 to R34, R37). Total.
bool Retires(const v1::Rules& rules, const v1::Deployment& succeeded,
             absl::string_view environment, const v1::LiveDeployment& live);

// Whether an answer that was given under an idempotency key at `answered_at_ms`
// is still kept at `now_ms` (R100). One from the future is: clocks step back.
// Total.
bool IsKept(const v1::Rules& rules, int64_t answered_at_ms, int64_t now_ms);

// Whether a store keeps `decision` under the idempotency key of `command`,
// which may have none: an answer for good, of a key that may be used (R100). A
// store does not keep it either where the repository never was. Total.
bool KeepsAnswer(const v1::Command& command, const v1::Decision& decision);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_RULES_H_
