// What the conformance kit tests: anything that answers operations of the
// Deployments API.
//
//   class MyServer : public slipway::conformance::SubjectUnderTest {
//     absl::StatusOr<Capabilities> Describe() override;
//     absl::StatusOr<std::string> Reset() override;
//     absl::StatusOr<Answer> Apply(const Operation& operation) override;
//   };
//
// The kit ships three: the engine in process (in_process_subject.h), a server
// over HTTP (http_subject.h), and a subprocess in any language
// (subprocess_subject.h).

#ifndef SLIPWAY_ENGINE_CONFORMANCE_SUBJECT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_SUBJECT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace slipway {
namespace conformance {

// An implementation answers for its own time limits: a call that hangs is to
// end with DEADLINE_EXCEEDED. A wrong answer is no error: whatever the subject
// said is an `Answer`. A status other than OK means that it said nothing that
// could be understood:
//   DEADLINE_EXCEEDED: no answer in time.
//   UNAVAILABLE: no connection, or it closed before the answer was whole.
//   DATA_LOSS: the answer is garbage; the message shows its beginning.
// After any of these the subject is asked nothing but `Reset`.
class SubjectUnderTest {
 public:
  virtual ~SubjectUnderTest() = default;

  // What it can do. Called once, before anything else.
  virtual absl::StatusOr<v1::Capabilities> Describe() = 0;

  // Makes it as fresh as it can be: a new repository where it has the
  // capability `fresh_repository`, else deletes what was made since the last
  // reset. The answer says what is left over, for people; empty: nothing.
  virtual absl::StatusOr<std::string> Reset() = 0;

  // Makes one call. Ids are filled in; times matter to subjects that lend their
  // clock. Called by several threads at once only up to `clients_max`.
  virtual absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) = 0;

  // Called with the capability `late_notifications` only, after the last call
  // of a sequence: what others were told because of the calls since the last
  // reset. `request` has what they should have been told: worth waiting for up
  // to a time limit, after which what came is the answer.
  virtual absl::StatusOr<v1::NotificationsResponse> Notifications(
      const v1::NotificationsRequest& /*request*/) {
    return absl::UnimplementedError("the subject knows of no notifications");
  }

  // The lines that make the same call by hand, for people; empty: there are
  // none.
  virtual std::string DescribeCall(const v1::Operation& /*operation*/) {
    return "";
  }
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_SUBJECT_H_
