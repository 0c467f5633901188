#include "slipway/adapters/postgres/writer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"

namespace slipway {
namespace postgres_internal {
namespace {

constexpr Statement kDeleteDeployment = {
    "delete_deployment",
    "DELETE FROM slipway_deployments WHERE repository = $1 AND id = $2"};
constexpr Statement kUpdateDeployment = {"update_deployment", R"sql(
UPDATE slipway_deployments
  SET status_count = status_count + 1, latest_status_id = $2,
    latest_state = $3, updated_at_ms = $4
  WHERE repository = $1 AND id = $5
)sql"};
constexpr Statement kMoveDeployment = {"move_deployment", R"sql(
UPDATE slipway_deployments SET environment = $3, spelling = $4, moved_to = $5
  WHERE repository = $1 AND id = $2
)sql"};

constexpr Statement kDeleteStatuses = {
    "delete_statuses",
    "DELETE FROM slipway_statuses WHERE repository = $1 AND deployment_id = "
    "$2"};

constexpr Statement kDeleteLive = {"delete_live", R"sql(
DELETE FROM slipway_live
  WHERE repository = $1 AND environment = $2 AND flags = $3 AND id = $4
)sql"};

constexpr Statement kDropCounts = {"drop_counts", R"sql(
DELETE FROM slipway_counts
  WHERE repository = $1 AND kind = $2 AND value = $3 AND spelling = $4
    AND count = 0
)sql"};

constexpr Statement kPutRef = {"put_ref", R"sql(
INSERT INTO slipway_refs (repository, type, name, sha, body)
  VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (repository, type, name)
    DO UPDATE SET sha = excluded.sha, body = excluded.body
)sql"};
constexpr Statement kDeleteRef = {
    "delete_ref",
    "DELETE FROM slipway_refs WHERE repository = $1 AND type = $2 AND name = "
    "$3"};
constexpr Statement kPutCommit = {"put_commit", R"sql(
INSERT INTO slipway_commits (repository, sha, merge_base)
  VALUES ($1, $2, $3)
  ON CONFLICT (repository, sha) DO UPDATE SET merge_base = excluded.merge_base
)sql"};
// An empty merge base says nothing new about a commit that is known.
constexpr Statement kNoteCommit = {"note_commit", R"sql(
INSERT INTO slipway_commits (repository, sha, merge_base)
  VALUES ($1, $2, $3)
  ON CONFLICT (repository, sha) DO NOTHING
)sql"};
constexpr Statement kPutContext = {"put_context", R"sql(
INSERT INTO slipway_contexts (repository, sha, name, body)
  VALUES ($1, $2, $3, $4)
  ON CONFLICT (repository, sha, name) DO UPDATE SET body = excluded.body
)sql"};
constexpr Statement kDeleteContext = {
    "delete_context",
    "DELETE FROM slipway_contexts WHERE repository = $1 AND sha = $2 AND name "
    "= $3"};

// What a repository's deletion empties.
constexpr Statement kDeleteRepository[] = {
    {"delete_all_deployments",
     "DELETE FROM slipway_deployments WHERE repository = $1"},
    {"delete_all_live", "DELETE FROM slipway_live WHERE repository = $1"},
    {"delete_all_statuses",
     "DELETE FROM slipway_statuses WHERE repository = $1"},
    {"delete_all_counts", "DELETE FROM slipway_counts WHERE repository = $1"},
    {"delete_all_environments",
     "DELETE FROM slipway_environments WHERE repository = $1"},
    {"delete_all_refs", "DELETE FROM slipway_refs WHERE repository = $1"},
    {"delete_all_commits", "DELETE FROM slipway_commits WHERE repository = $1"},
    {"delete_all_contexts",
     "DELETE FROM slipway_contexts WHERE repository = $1"},
};

// In a row of the stream, so that one success that retires thousands is not
// read as a whole for each page of it.
constexpr int kEventsPerRow = 64;

// Rows of one kind that the one statement changes; what a success mostly needs.
constexpr size_t kOfOneKindMax = 2;

constexpr int64_t kKindSha = 1;
constexpr int64_t kKindRef = 2;
constexpr int64_t kKindTask = 3;
constexpr int64_t kKindEnvironment = 4;

// $1 is the repository's key, $5 its new position, $7 and $8 position and stamp
// as they are remembered. What changes the repository itself comes where the %
// is. All the other parts are read from `r`, so that the row is locked before
// anything else is touched, and nothing is where it is not as remembered.
constexpr absl::string_view kUpdateRow = R"sql(WITH r AS (
UPDATE slipway_repositories
  SET last_id = $2, ids_next = $3, ids_end = $4, position = $5,
    deployments = $6, stamp_us = greatest(stamp_us + 1, CAST(
      extract(epoch FROM clock_timestamp()) * 1000000 AS bigint))%
  WHERE key = $1 AND position = $7 AND CAST($8 AS bigint) IN (stamp_us, -1)
  RETURNING stamp_us
))sql";
constexpr int kUpdateRowValues = 8;
constexpr absl::string_view kFinish = R"sql(
-- Division by zero: the repository has moved on since the engine looked. Nothing
-- is written, and the engine decides anew.
SELECT max(stamp_us), 1 / count(*) FROM r)sql";

// By Writer::Part. Rows that are changed are asked for one by one, each by its
// whole key: in a join the server may go through all that a repository has,
// which it believes to be few. # is which of several such it is. ?i and ?b are
// a parameter each, bigint and bytea; ?I and ?B an array of them.
constexpr absl::string_view kParts[kPartsSize] = {
    R"sql(, repository_id = ?i, default_branch = ?b, body = ?b)sql",
    R"sql(, o AS (
INSERT INTO slipway_outbox (repository, last_position, first_position,
    stamp_us, decision_id, body)
  SELECT $1, $5, ?i, r.stamp_us, ?b, ?b FROM r
))sql",
    R"sql(, o AS (
INSERT INTO slipway_outbox (repository, last_position, first_position,
    stamp_us, decision_id, body)
  SELECT $1, t.last_position, t.first_position, r.stamp_us, ?b, t.body
  FROM r, unnest(?I, ?I, ?B) AS t (last_position, first_position, body)
))sql",
    R"sql(, d AS (
INSERT INTO slipway_deployments (repository, id, sha, ref, task, environment,
    spelling, flags, updated_at_ms, status_count, latest_status_id,
    latest_state, body)
  SELECT $1, ?i, ?b, ?b, ?b, ?b, ?b, ?i, ?i, 0, 0, 0, ?b FROM r
))sql",
    R"sql(, e AS (
INSERT INTO slipway_environments (repository, name, body)
  SELECT $1, ?b, ?b FROM r
))sql",
    R"sql(, c AS (
INSERT INTO slipway_counts (repository, kind, value, spelling, count)
  SELECT $1, t.kind, t.value, t.spelling, t.change
  FROM r, unnest(?I, ?B, ?B, ?I) AS t (kind, value, spelling, change)
  ON CONFLICT (repository, kind, value, spelling)
    DO UPDATE SET count = slipway_counts.count + excluded.count
))sql",
    R"sql(, s# AS (
INSERT INTO slipway_statuses (repository, deployment_id, id, body)
  SELECT $1, ?i, ?i, ?b FROM r
))sql",
    R"sql(, s AS (
INSERT INTO slipway_statuses (repository, deployment_id, id, body)
  SELECT $1, t.deployment_id, t.id, t.body
  FROM r, unnest(?I, ?I, ?B) AS t (deployment_id, id, body)
))sql",
    R"sql(, u# AS (
UPDATE slipway_deployments AS d
  SET status_count = d.status_count + 1, latest_status_id = ?i,
    latest_state = ?i, updated_at_ms = ?i
  FROM r WHERE d.repository = $1 AND d.id = ?i
))sql",
    R"sql(, l# AS (
DELETE FROM slipway_live AS l
  USING r
  WHERE l.repository = $1 AND l.environment = ?b AND l.flags = ?i AND l.id = ?i
))sql",
    R"sql(, n AS (
INSERT INTO slipway_live (repository, environment, flags, id, task, body)
  SELECT $1, ?b, ?i, ?i, ?b, ?b FROM r
  ON CONFLICT (repository, environment, flags, id)
    DO UPDATE SET task = excluded.task, body = excluded.body
))sql",
};

// A part, the `which`th of its kind, with its parameters numbered from `next`
// on.
std::string NumberParameters(absl::string_view part, int which, int& next) {
  std::string sql;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '#') {
      absl::StrAppend(&sql, which);
      continue;
    }
    if (part[i] != '?') {
      sql.push_back(part[i]);
      continue;
    }
    const char kind = part[++i];
    const bool is_number = kind == 'i' || kind == 'I';
    const bool is_array = kind == 'I' || kind == 'B';
    absl::StrAppend(&sql, "CAST($", next++, " AS ",
                    is_number ? "bigint" : "bytea", is_array ? "[]" : "", ")");
  }
  return sql;
}

// The statement with so many of each part. Made once and kept: a connection
// knows it by its place in memory.
const Statement& StatementOf(const std::array<uint8_t, kPartsSize>& parts) {
  struct Owned {
    std::string name;
    std::string sql;
    Statement statement;
  };
  static std::mutex& mutex = *new std::mutex();
  static auto& statements =
      *new absl::flat_hash_map<std::array<uint8_t, kPartsSize>,
                               std::unique_ptr<Owned>>();
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Owned>& owned = statements[parts];
  if (owned != nullptr) return owned->statement;
  owned = std::make_unique<Owned>();
  owned->name = "decide_";
  for (const uint8_t count : parts) absl::StrAppend(&owned->name, count);
  int next = kUpdateRowValues + 1;
  const auto part = [&](size_t place) {
    std::string sql;
    for (int i = 0; i < parts[place]; ++i) {
      sql += NumberParameters(kParts[place], i, next);
    }
    return sql;
  };
  const size_t change = kUpdateRow.find('%');
  owned->sql = absl::StrCat(kUpdateRow.substr(0, change), part(0),
                            kUpdateRow.substr(change + 1));
  for (size_t place = 1; place < kPartsSize; ++place) {
    owned->sql += part(place);
  }
  absl::StrAppend(&owned->sql, kFinish);
  owned->statement = {owned->name.c_str(), owned->sql.c_str()};
  return owned->statement;
}

std::string EnvironmentKey(absl::string_view environment) {
  return IndexKey(FoldName(environment));
}

absl::Status NotAskedFor(int64_t id) {
  return absl::DataLossError(absl::StrCat("a decision is about deployment ", id,
                                          ", which was not asked for"));
}

}  // namespace

enum Writer::Part : unsigned {
  kRepositoryPart,
  kStreamRowPart,
  kStreamRowsPart,
  kDeploymentPart,
  kEnvironmentPart,
  kCountsPart,
  kStatusPart,
  kStatusesPart,
  kUpdatesPart,
  kNotLivePart,
  kLivePart,
};

Writer::Writer(const Snapshot& snapshot, Connection& connection)
    : snapshot_(snapshot),
      connection_(connection),
      key_(snapshot.row.key),
      row_(snapshot.row) {}

absl::Status Writer::Add(const v1::Acceptance& acceptance,
                         const std::string& decision_id) {
  for (const v1::Event& event : acceptance.events()) {
    absl::Status status = AddEvent(event);
    if (!status.ok()) return status;
  }
  FlushStatuses();
  FlushCounts();
  const int64_t position = row_.position;
  AppendToStream(acceptance, decision_id);
  row_.ids_next = std::max(row_.ids_next, row_.last_id + 1);
  row_.ids_end = std::max(row_.ids_end, row_.ids_next);
  Values values;
  values.Int(key_)
      .Int(row_.last_id)
      .Int(row_.ids_next)
      .Int(row_.ids_end)
      .Int(row_.position)
      .Int(row_.deployments)
      .Int(position)
      .Int(row_.stamp_us);
  row_.stamp_us = kStampUnknown;
  for (const Values& more : values_) values.Append(more);
  connection_.Add(StatementOf(parts_), std::move(values));
  for (Later& later : later_) {
    connection_.Add(*later.statement, std::move(later.values));
  }
  return absl::OkStatus();
}

Values& Writer::PartOf(Part part) {
  ++parts_[part];
  return values_[part];
}

void Writer::AddLater(const Statement& statement, Values values) {
  later_.push_back({&statement, std::move(values)});
}

absl::Status Writer::AddEvent(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      CreateDeployment(event.deployment());
      break;
    case v1::EVENT_TYPE_STATUS_CREATED:
      return CreateStatus(event.status());
    case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
      return DeleteDeployment(event.deployment_id());
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED: {
      const v1::Environment& environment = event.environment();
      row_.last_id = std::max(row_.last_id, environment.id());
      PartOf(kEnvironmentPart)
          .Bytes(EnvironmentKey(environment.name()))
          .Bytes(environment.SerializeAsString());
      break;
    }
    case v1::EVENT_TYPE_REPOSITORY_PUT:
      PartOf(kRepositoryPart)
          .Int(event.put_repository().id())
          .Bytes(IndexKey(event.put_repository().default_branch()))
          .Bytes(event.put_repository().SerializeAsString());
      break;
    case v1::EVENT_TYPE_REPOSITORY_DELETED:
      DeleteRepository();
      break;
    case v1::EVENT_TYPE_REF_PUT:
      PutRef(event.ref(), event.commit());
      break;
    case v1::EVENT_TYPE_REF_DELETED:
      AddLater(kDeleteRef, Values()
                               .Int(key_)
                               .Int(event.ref().type())
                               .Bytes(IndexKey(event.ref().name())));
      break;
    case v1::EVENT_TYPE_COMMIT_CONTEXT_PUT: {
      v1::Commit commit;
      *commit.add_contexts() = event.context();
      AddLater(kPutContext,
               Values()
                   .Int(key_)
                   .Bytes(IndexKey(event.commit().sha()))
                   .Bytes(IndexKey(FoldName(event.context().context())))
                   .Bytes(commit.SerializeAsString()));
      break;
    }
    case v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED:
      AddLater(kDeleteContext,
               Values()
                   .Int(key_)
                   .Bytes(IndexKey(event.commit().sha()))
                   .Bytes(IndexKey(FoldName(event.context().context()))));
      break;
    default:
      break;  // The core has no other
  }
  return absl::OkStatus();
}

void Writer::CreateDeployment(const v1::Deployment& deployment) {
  row_.last_id = std::max(row_.last_id, deployment.id());
  ++row_.deployments;
  PartOf(kDeploymentPart)
      .Int(deployment.id())
      .Bytes(IndexKey(deployment.sha()))
      .Bytes(IndexKey(deployment.ref()))
      .Bytes(IndexKey(deployment.task()))
      .Bytes(EnvironmentKey(deployment.environment()))
      .Bytes(IndexKey(deployment.environment()))
      .Int(FlagsOf(deployment.transient_environment(),
                   deployment.production_environment()))
      .Int(deployment.updated_at_ms())
      .Bytes(deployment.SerializeAsString());
  CountDeployment(deployment, 1);
}

absl::Status Writer::CreateStatus(const v1::DeploymentStatus& status) {
  row_.last_id = std::max(row_.last_id, status.id());
  const int64_t id = status.deployment_id();
  if (!with_status_.insert(id).second) return NotAskedFor(id);
  statuses_.deployment_ids.push_back(id);
  statuses_.ids.push_back(status.id());
  statuses_.bodies.push_back(status.SerializeAsString());
  if (parts_[kUpdatesPart] < kOfOneKindMax) {
    PartOf(kUpdatesPart)
        .Int(status.id())
        .Int(status.state())
        .Int(status.created_at_ms())
        .Int(id);
  } else {
    AddLater(kUpdateDeployment, Values()
                                    .Int(key_)
                                    .Int(status.id())
                                    .Int(status.state())
                                    .Int(status.created_at_ms())
                                    .Int(id));
  }

  const auto delete_live = [&](const std::string& environment, bool transient,
                               bool production) {
    AddNotLive(environment, FlagsOf(transient, production), id);
  };
  const v1::Deployment& deployment = snapshot_.facts.deployment();
  if (id != deployment.id()) {
    // One that is retired stays where it is.
    if (live_.empty()) {
      for (const v1::LiveDeployment& live :
           snapshot_.facts.live_deployments()) {
        live_.emplace(live.id(), &live);
      }
    }
    const auto found = live_.find(id);
    if (found == live_.end() || status.state() == v1::STATUS_STATE_SUCCESS ||
        status.environment() != found->second->environment()) {
      return NotAskedFor(id);
    }
    const v1::LiveDeployment& live = *found->second;
    delete_live(live.environment(), live.transient_environment(),
                live.production_environment());
    return absl::OkStatus();
  }
  const bool moves = status.environment() != deployment.environment();
  const bool was_live = snapshot_.latest_state == v1::STATUS_STATE_SUCCESS;
  const bool is_live = status.state() == v1::STATUS_STATE_SUCCESS;
  // Parts of one statement have no order, so none changes what another one
  // does: where only the spelling changes, the row stays.
  const bool stays = EnvironmentKey(status.environment()) ==
                     EnvironmentKey(deployment.environment());
  if (was_live && (!stays || !is_live)) {
    delete_live(deployment.environment(), deployment.transient_environment(),
                deployment.production_environment());
  }
  v1::Deployment moved = deployment;
  moved.set_environment(status.environment());
  if (is_live && (moves || !was_live)) {
    PartOf(kLivePart)
        .Bytes(EnvironmentKey(moved.environment()))
        .Int(FlagsOf(moved.transient_environment(),
                     moved.production_environment()))
        .Int(id)
        .Bytes(IndexKey(moved.task()))
        .Bytes(LiveDeploymentOf(moved).SerializeAsString());
  }
  if (moves) {
    AddLater(kMoveDeployment, Values()
                                  .Int(key_)
                                  .Int(id)
                                  .Bytes(EnvironmentKey(moved.environment()))
                                  .Bytes(IndexKey(moved.environment()))
                                  .Bytes(moved.environment()));
    const auto count = [&](const std::string& environment, int64_t change) {
      Count(kKindEnvironment, EnvironmentKey(environment),
            IndexKey(environment), change);
    };
    count(deployment.environment(), -1);
    count(moved.environment(), 1);
  }
  return absl::OkStatus();
}

absl::Status Writer::DeleteDeployment(int64_t id) {
  const v1::Deployment& deployment = snapshot_.facts.deployment();
  if (id != deployment.id()) return NotAskedFor(id);
  AddLater(kDeleteDeployment, Values().Int(key_).Int(id));
  AddLater(kDeleteStatuses, Values().Int(key_).Int(id));
  if (snapshot_.latest_state == v1::STATUS_STATE_SUCCESS) {
    AddNotLive(deployment.environment(),
               FlagsOf(deployment.transient_environment(),
                       deployment.production_environment()),
               id);
  }
  --row_.deployments;
  CountDeployment(deployment, -1);
  return absl::OkStatus();
}

void Writer::PutRef(const v1::Ref& ref, const v1::Commit& commit) {
  AddLater(kPutRef, Values()
                        .Int(key_)
                        .Int(ref.type())
                        .Bytes(IndexKey(ref.name()))
                        .Bytes(ref.sha())
                        .Bytes(ref.SerializeAsString()));
  AddLater(commit.merge_base_sha().empty() ? kNoteCommit : kPutCommit,
           Values()
               .Int(key_)
               .Bytes(IndexKey(commit.sha()))
               .Bytes(commit.merge_base_sha()));
}

void Writer::DeleteRepository() {
  for (const Statement& statement : kDeleteRepository) {
    AddLater(statement, Values().Int(key_));
  }
  PartOf(kRepositoryPart).Null().Null().Null();
  row_.deployments = 0;
}

void Writer::Count(int64_t kind, const std::string& value,
                   const std::string& spelling, int64_t change) {
  counts_.kinds.push_back(kind);
  counts_.values.push_back(value);
  counts_.spellings.push_back(spelling);
  counts_.changes.push_back(change);
  if (change < 0) counts_.has_less = true;
}

void Writer::CountDeployment(const v1::Deployment& deployment, int64_t change) {
  Count(kKindSha, IndexKey(deployment.sha()), "", change);
  Count(kKindRef, IndexKey(deployment.ref()), "", change);
  Count(kKindTask, IndexKey(deployment.task()), "", change);
  Count(kKindEnvironment, EnvironmentKey(deployment.environment()),
        IndexKey(deployment.environment()), change);
}

void Writer::AddNotLive(const std::string& environment, int64_t flags,
                        int64_t id) {
  if (parts_[kNotLivePart] < kOfOneKindMax) {
    PartOf(kNotLivePart).Bytes(EnvironmentKey(environment)).Int(flags).Int(id);
    return;
  }
  AddLater(
      kDeleteLive,
      Values().Int(key_).Bytes(EnvironmentKey(environment)).Int(flags).Int(id));
}

void Writer::FlushStatuses() {
  if (statuses_.ids.size() <= kOfOneKindMax) {
    for (size_t i = 0; i < statuses_.ids.size(); ++i) {
      PartOf(kStatusPart)
          .Int(statuses_.deployment_ids[i])
          .Int(statuses_.ids[i])
          .Bytes(statuses_.bodies[i]);
    }
    return;
  }
  PartOf(kStatusesPart)
      .Ints(statuses_.deployment_ids)
      .Ints(statuses_.ids)
      .BytesArray(statuses_.bodies);
}

void Writer::FlushCounts() {
  if (counts_.kinds.empty()) return;
  PartOf(kCountsPart)
      .Ints(counts_.kinds)
      .BytesArray(counts_.values)
      .BytesArray(counts_.spellings)
      .Ints(counts_.changes);
  for (size_t i = 0; counts_.has_less && i < counts_.kinds.size(); ++i) {
    if (counts_.changes[i] >= 0) continue;
    AddLater(kDropCounts, Values()
                              .Int(key_)
                              .Int(counts_.kinds[i])
                              .Bytes(counts_.values[i])
                              .Bytes(counts_.spellings[i]));
  }
}

void Writer::AppendToStream(const v1::Acceptance& acceptance,
                            const std::string& decision_id) {
  std::vector<int64_t> last_positions;
  std::vector<int64_t> first_positions;
  std::vector<std::string> bodies;
  const auto add = [&](const v1::Acceptance& part) {
    first_positions.push_back(row_.position + 1);
    row_.position += part.events_size();
    last_positions.push_back(row_.position);
    bodies.push_back(part.SerializeAsString());
  };
  const auto finish = [&] {
    if (bodies.size() == 1) {
      PartOf(kStreamRowPart)
          .Int(first_positions[0])
          .Bytes(decision_id)
          .Bytes(bodies[0]);
      return;
    }
    PartOf(kStreamRowsPart)
        .Bytes(decision_id)
        .Ints(last_positions)
        .Ints(first_positions)
        .BytesArray(bodies);
  };
  const int count = acceptance.events_size();
  if (count <= kEventsPerRow) {
    add(acceptance);
    finish();
    return;
  }
  std::vector<v1::Acceptance> parts((count + kEventsPerRow - 1) /
                                    kEventsPerRow);
  for (int i = 0; i < count; ++i) {
    *parts[i / kEventsPerRow].add_events() = acceptance.events(i);
  }
  for (const v1::Effect& effect : acceptance.effects()) {
    // An index that is damaged stays so in the last row, where a reader says
    // it.
    const int part =
        std::clamp(effect.event_index(), 0, count - 1) / kEventsPerRow;
    v1::Effect& moved = *parts[part].add_effects();
    moved = effect;
    moved.set_event_index(effect.event_index() - part * kEventsPerRow);
  }
  for (const v1::Acceptance& part : parts) add(part);
  finish();
}

}  // namespace postgres_internal
}  // namespace slipway
