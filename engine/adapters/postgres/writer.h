// A decision, as statements that go out in one round trip. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_WRITER_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/adapters/postgres/values.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/environment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace postgres_internal {

// Kinds of changes that one statement can make.
inline constexpr size_t kPartsSize = 11;

// SQLSTATE of what was decided by what is no longer so: a division by zero.
inline constexpr absl::string_view kMovedOn = "22012";

// Changes the rows of one repository by the events of one decision. What most
// decisions do is one statement, which locks the repository's row and does it
// only where that row is as the snapshot has it; else the statement fails with
// kMovedOn, and nothing is written in its transaction.
class Writer {
 public:
  // `snapshot` is what the decision was made on; both must outlive this.
  Writer(const Snapshot& snapshot, Connection& connection);

  // Adds the statements for an acceptance with events, its entry in the stream
  // included. DATA_LOSS: the events are not about what was asked for.
  // The first one answers with the row's new stamp.
  absl::Status Add(const v1::Acceptance& acceptance,
                   const std::string& decision_id);

  // What the row is after that, but for its stamp, which is kStampUnknown.
  const RepositoryRow& row() const { return row_; }

 private:
  // Of the one statement, in their order.
  enum Part : unsigned;
  struct Later {
    const Statement* statement;
    Values values;
  };

  absl::Status AddEvent(const v1::Event& event);
  void CreateDeployment(const v1::Deployment& deployment);
  absl::Status CreateStatus(const v1::DeploymentStatus& status);
  absl::Status DeleteDeployment(int64_t id);
  void PutRef(const v1::Ref& ref, const v1::Commit& commit);
  void DeleteRepository();
  // Remembers that a count changes by `change`.
  void Count(int64_t kind, const std::string& value,
             const std::string& spelling, int64_t change);
  void CountDeployment(const v1::Deployment& deployment, int64_t change);
  void AddNotLive(const std::string& environment, int64_t flags, int64_t id);
  // To add values for a part of the one statement.
  Values& PartOf(Part part);
  // A statement that comes after the one.
  void AddLater(const Statement& statement, Values values);
  // Adds what has been gathered: statuses, and counts.
  void FlushStatuses();
  void FlushCounts();
  // The events for the stream, in rows of so many that each is quick to read.
  void AppendToStream(const v1::Acceptance& acceptance,
                      const std::string& decision_id);

  const Snapshot& snapshot_;
  Connection& connection_;
  const int64_t key_;
  RepositoryRow row_;
  // By id, from the first retirement on; it points into `snapshot_`.
  absl::flat_hash_map<int64_t, const v1::LiveDeployment*> live_;
  // Those that got a status.
  absl::flat_hash_set<int64_t> with_status_;
  // How many of each part the one statement has, and their values; then the
  // others.
  std::array<uint8_t, kPartsSize> parts_ = {};
  std::array<Values, kPartsSize> values_;
  std::vector<Later> later_;

  struct Statuses {
    std::vector<int64_t> deployment_ids;
    std::vector<int64_t> ids;
    std::vector<std::string> bodies;
  } statuses_;
  struct Counts {
    std::vector<int64_t> kinds;
    std::vector<std::string> values;
    std::vector<std::string> spellings;
    std::vector<int64_t> changes;
    bool has_less = false;
  } counts_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_WRITER_H_
