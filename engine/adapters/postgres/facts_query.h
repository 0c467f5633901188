// The facts for one command, as statements that go out in one round trip. Not
// for users.
//
//   FactsQuery query(rules, command, key);
//   query.AddTo(connection);
//   connection.Run(deadline, &rows);
//   query.Read(rows, /*first=*/0, &snapshot);

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_FACTS_QUERY_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_FACTS_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/values.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace postgres_internal {

// A row of slipway_repositories, without what the facts have.
struct RepositoryRow {
  int64_t key = 0;
  int64_t last_id = 0;
  // Ids that the repository has ready: from `ids_next` to before `ids_end`.
  int64_t ids_next = 0;
  int64_t ids_end = 0;
  // The last one in its stream.
  int64_t position = 0;
  int64_t deployments = 0;
  // The server's time at the last decision, later than at the one before it.
  // kStampUnknown: that decision is in the transaction that is going on, which
  // holds the row.
  int64_t stamp_us = 0;
};
inline constexpr int64_t kStampUnknown = -1;

// What is known of a repository while its row is locked.
struct Snapshot {
  // False: no command has put a repository of that name yet.
  bool has_row = false;
  RepositoryRow row;
  v1::Facts facts;
  // Of `facts.deployment`.
  v1::StatusState latest_state = v1::STATUS_STATE_UNSPECIFIED;
  // Where it was asked for: all live deployments but `facts.deployment` in the
  // environment of a status, of the flags that can be retired. nullopt: they
  // are not all known.
  absl::optional<std::vector<v1::LiveDeployment>> live;
};

class FactsQuery {
 public:
  enum class Lock { kNone, kForUpdate };
  // What is asked for: the facts, or also what makes them worth remembering.
  enum class Extent { kFacts, kMore };

  // `rules` and `command` must outlive this.
  FactsQuery(const v1::Rules& rules, const v1::Command& command, int64_t key,
             Extent extent = Extent::kFacts);

  // How many statements it has added.
  size_t AddTo(Lock lock, Connection& connection) const;
  // `first`: the place in `rows` of the first answer. DATA_LOSS: a row is
  // damaged.
  absl::Status Read(const std::vector<Rows>& rows, size_t first,
                    Snapshot* snapshot) const;

 private:
  void AddRef(Connection& connection) const;
  void AddStatus(Connection& connection) const;
  absl::Status ReadRef(const Rows& rows, v1::Facts* facts) const;
  // `above`: nullptr where it was not asked for.
  absl::Status ReadLive(const Rows& rows, const Rows* above,
                        Snapshot* snapshot) const;
  bool AsksAbove() const;

  const v1::Rules& rules_;
  const v1::Command& command_;
  const int64_t key_;
  const Extent extent_;
};

// Fills `message` from a column; DATA_LOSS: it is not one.
template <typename Message>
absl::Status ParseBody(absl::string_view body, Message* message) {
  if (message->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::OkStatus();
  }
  return absl::DataLossError("PostgreSQL: a row's message cannot be read");
}

// The columns of kDeploymentColumns, from `column` on.
inline constexpr int kDeploymentColumnsSize = 3;
#define SLIPWAY_DEPLOYMENT_COLUMNS "d.body, d.moved_to, d.updated_at_ms"
absl::Status ReadDeployment(const Rows& rows, int row, int column,
                            v1::Deployment* deployment);

// R31 to R34: transient and production as one number.
int64_t FlagsOf(bool transient, bool production);
inline constexpr int64_t kFlagsEnd = 4;

// By the flags of two deployments, whether the success of one can retire the
// other (R33, R34): those of the one that is live, and those of the one that
// succeeds, are from 0 to these.
struct RetiringFlags {
  int64_t live_max = 0;
  int64_t succeeded_max = 0;
};
RetiringFlags RetiringFlagsOf(const v1::Rules& rules);

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_FACTS_QUERY_H_
