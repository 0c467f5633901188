// What the stream adds up to: the state of each repository, and who made what.
//
//   Replay replay;
//   for (const slipway::OutboxEntry& entry : entries) {
//     replay.Add(entry, &findings);
//   }
//   replay.NoteEnd(&findings);

#ifndef TESTS_CRASH_REPLAY_H_
#define TESTS_CRASH_REPLAY_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "slipway/ports/outbox.h"
#include "slipway/tests/crash/observation.h"
#include "slipway/v1/state.pb.h"

namespace crash {

// A line for each thing that is wrong.
using Findings = std::vector<std::string>;

// An event that somebody has to be told of (R80).
struct Notification {
  // "deployment" or "deployment_status".
  std::string event;
  int64_t row_id = 0;
  int64_t deployment_id = 0;
  int64_t position = 0;
};

// Not thread-safe.
class Replay {
 public:
  // Folds the next entry. It is a finding where a position is missing, an id
  // comes again (R17), the event cannot follow, or a success has not all of
  // what it retires behind it (R31, R36).
  void Add(const slipway::OutboxEntry& entry, Findings* findings);
  // The stream has no more at present: no decision may be half there.
  void NoteEnd(Findings* findings);

  // The last global position.
  int64_t position() const { return position_; }
  const slipway::v1::RepositoryState& StateOf(
      const std::string& repository) const;
  // What a mark was put on.
  struct Made {
    std::string repository;
    int64_t id = 0;
    int64_t deployment_id = 0;
    // Of a deployment.
    std::string environment;
    // Of a status.
    slipway::v1::StatusState state = slipway::v1::STATUS_STATE_UNSPECIFIED;
  };
  const std::unordered_map<std::string, std::vector<Made>>& made() const {
    return made_;
  }
  // Deployments that were deleted.
  const std::set<int64_t>& deleted() const { return deleted_; }
  const std::vector<Notification>& notifications() const {
    return notifications_;
  }
  // Every id of a deployment, status or environment that ever was.
  const std::set<int64_t>& ids() const { return ids_; }
  // Deployments that events were about since the last call.
  DeploymentIds TakeTouched();

 private:
  struct Stream {
    slipway::v1::RepositoryState state;
    int64_t position = 0;
    // Deployments that the last success has still to retire, in order.
    std::vector<int64_t> retiring;
  };
  void CheckRetirement(const slipway::OutboxEntry& entry, Stream* stream,
                       Findings* findings);
  void NoteRow(const slipway::OutboxEntry& entry, Findings* findings);

  int64_t position_ = 0;
  std::map<std::string, Stream> streams_;
  std::unordered_map<std::string, std::vector<Made>> made_;
  std::set<int64_t> deleted_;
  std::vector<Notification> notifications_;
  std::set<int64_t> ids_;
  DeploymentIds touched_;
};

}  // namespace crash

#endif  // TESTS_CRASH_REPLAY_H_
