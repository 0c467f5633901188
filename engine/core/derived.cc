#include "slipway/core/derived.h"

#include <algorithm>

#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

// Keeps a difference of two times from overflowing.
int64_t ClampTime(int64_t time_ms) {
  return std::clamp<int64_t>(time_ms, 0, kTimeMaxMs);
}

}  // namespace

v1::DeploymentState DeriveState(const v1::Rules& rules,
                                const v1::Deployment& deployment,
                                v1::StatusState latest, int64_t now_ms) {
  switch (latest) {
    case v1::STATUS_STATE_UNSPECIFIED:
    case v1::STATUS_STATE_PENDING:
      return ClampTime(now_ms) - ClampTime(deployment.updated_at_ms()) >=
                     LimitsOf(rules).abandoned_after_ms()
                 ? v1::DEPLOYMENT_STATE_ABANDONED
                 : v1::DEPLOYMENT_STATE_PENDING;
    case v1::STATUS_STATE_SUCCESS:
      return v1::DEPLOYMENT_STATE_ACTIVE;
    case v1::STATUS_STATE_INACTIVE:
      return deployment.transient_environment() ? v1::DEPLOYMENT_STATE_DESTROYED
                                                : v1::DEPLOYMENT_STATE_INACTIVE;
    case v1::STATUS_STATE_ERROR:
      return v1::DEPLOYMENT_STATE_ERROR;
    case v1::STATUS_STATE_FAILURE:
      return v1::DEPLOYMENT_STATE_FAILURE;
    case v1::STATUS_STATE_IN_PROGRESS:
      return v1::DEPLOYMENT_STATE_IN_PROGRESS;
    case v1::STATUS_STATE_QUEUED:
      return v1::DEPLOYMENT_STATE_QUEUED;
    case v1::STATUS_STATE_WAITING:
      return v1::DEPLOYMENT_STATE_WAITING;
    default:
      return v1::DEPLOYMENT_STATE_UNSPECIFIED;
  }
}

std::vector<int64_t> ActiveDeployments(const v1::RepositoryState& state,
                                       absl::string_view environment) {
  std::vector<int64_t> ids;
  for (int i = state.deployments_size() - 1; i >= 0; --i) {
    const v1::DeploymentRecord& record = state.deployments(i);
    if (record.statuses().empty()) continue;
    if (record.statuses().rbegin()->state() != v1::STATUS_STATE_SUCCESS) {
      continue;
    }
    if (!SameName(record.deployment().environment(), environment)) continue;
    ids.push_back(record.deployment().id());
  }
  return ids;
}

}  // namespace slipway
