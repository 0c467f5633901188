// Whether others were told what they should have been, no less and no more,
// where that is seen only at the end of a sequence: R80 and R82.
//
//   NotificationCheck check = CheckNotifications(request, response);
//   if (check.mismatch.has_value()) ...  // check.missing, check.wrong

#ifndef SLIPWAY_ENGINE_CONFORMANCE_NOTIFICATION_CHECK_H_
#define SLIPWAY_ENGINE_CONFORMANCE_NOTIFICATION_CHECK_H_

#include "absl/types/optional.h"
#include "slipway/conformance/comparison.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace slipway {
namespace conformance {

struct NotificationCheck {
  // nullopt: all is well.
  absl::optional<Mismatch> mismatch;
  // Only their notifications: those that did not come, and those that should
  // not have, or not like that; with the exchanges of these.
  v1::Answer missing;
  v1::Answer wrong;
};

// Whether each of `request` is among `response`. Total, pure.
bool AreAmong(const v1::NotificationsRequest& request,
              const v1::NotificationsResponse& response);

// Each of `request` must be among `response`, in any order and at least once,
// and nothing else (R80), without a flaw (R82). What a notification does not
// say (no id of a status, say) is not held against it. Total, pure.
NotificationCheck CheckNotifications(const v1::NotificationsRequest& request,
                                     v1::NotificationsResponse response);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_NOTIFICATION_CHECK_H_
