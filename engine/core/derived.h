// What people see of a deployment but nobody stores.
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CORE_DERIVED_H_
#define SLIPWAY_ENGINE_CORE_DERIVED_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

// The state of a deployment at `now_ms` (R50). `latest` is the state of its
// latest status, STATUS_STATE_UNSPECIFIED where it has none. A latest state
// that this version does not know gives DEPLOYMENT_STATE_UNSPECIFIED.
v1::DeploymentState DeriveState(const v1::Rules& rules,
                                const v1::Deployment& deployment,
                                v1::StatusState latest, int64_t now_ms);

// The ids of the ACTIVE deployments of an environment, newest first; the first
// is the current one (R51). Empty where there is none. Looks through the state.
std::vector<int64_t> ActiveDeployments(const v1::RepositoryState& state,
                                       absl::string_view environment);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_DERIVED_H_
