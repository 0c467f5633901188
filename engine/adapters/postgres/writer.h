// A decision, as statements that go out in one round trip. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_WRITER_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
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

// Changes the rows of one repository by the events of one decision.
class Writer {
 public:
  // `snapshot` is what the decision was made on; both must outlive this.
  Writer(const Snapshot& snapshot, Connection& connection);

  // Adds the statements for an acceptance with events, its entry in the stream
  // included. DATA_LOSS: the events are not about what was asked for.
  absl::Status Add(const v1::Acceptance& acceptance,
                   const std::string& decision_id);

 private:
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
  // Adds what has been gathered: statuses, and counts.
  void FlushStatuses();
  void FlushCounts();
  // Adds the events to the stream, in rows of so many that each is quick to
  // read.
  void AppendToStream(const v1::Acceptance& acceptance,
                      const std::string& decision_id);
  void FinishRepository(const v1::Acceptance& acceptance,
                        const std::string& decision_id);

  const Snapshot& snapshot_;
  Connection& connection_;
  const int64_t key_;
  RepositoryRow row_;
  // As the events leave it; absent: there is none.
  bool has_repository_;
  v1::Repository repository_;
  // By id, from the first retirement on; it points into `snapshot_`.
  absl::flat_hash_map<int64_t, const v1::LiveDeployment*> live_;
  // Those that got a status.
  absl::flat_hash_set<int64_t> with_status_;

  struct Statuses {
    std::vector<int64_t> deployment_ids;
    std::vector<int64_t> ids;
    std::vector<int64_t> states;
    std::vector<int64_t> times_ms;
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
