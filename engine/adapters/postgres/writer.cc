#include "slipway/adapters/postgres/writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"

namespace slipway {
namespace postgres_internal {
namespace {

constexpr Statement kInsertDeployment = {"insert_deployment", R"sql(
INSERT INTO slipway_deployments (repository, id, sha, ref, task, environment,
    spelling, flags, updated_at_ms, status_count, latest_status_id,
    latest_state, body)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, $10)
)sql"};
constexpr Statement kDeleteDeployment = {
    "delete_deployment",
    "DELETE FROM slipway_deployments WHERE repository = $1 AND id = $2"};
constexpr Statement kMoveDeployment = {"move_deployment", R"sql(
UPDATE slipway_deployments SET environment = $3, spelling = $4, moved_to = $5
  WHERE repository = $1 AND id = $2
)sql"};

constexpr Statement kInsertStatuses = {"insert_statuses", R"sql(
INSERT INTO slipway_statuses (repository, deployment_id, id, body)
  SELECT $1, t.deployment_id, t.id, t.body
  FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bigint[]), CAST($4 AS bytea[]))
    AS t (deployment_id, id, body)
)sql"};
constexpr Statement kUpdateDeployments = {"update_deployments", R"sql(
UPDATE slipway_deployments AS d
  SET status_count = d.status_count + 1, latest_status_id = t.status_id,
    latest_state = t.state, updated_at_ms = t.time_ms
  FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bigint[]), CAST($4 AS bigint[]),
    CAST($5 AS bigint[])) AS t (id, status_id, state, time_ms)
  WHERE d.repository = $1 AND d.id = t.id
)sql"};
constexpr Statement kDeleteStatuses = {
    "delete_statuses",
    "DELETE FROM slipway_statuses WHERE repository = $1 AND deployment_id = "
    "$2"};

constexpr Statement kInsertLive = {"insert_live", R"sql(
INSERT INTO slipway_live (repository, environment, flags, id, task, body)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (repository, environment, flags, id) DO NOTHING
)sql"};
constexpr Statement kDeleteLive = {"delete_live", R"sql(
DELETE FROM slipway_live
  WHERE repository = $1 AND environment = $2 AND flags = $3 AND id = $4
)sql"};

constexpr Statement kCount = {"count", R"sql(
INSERT INTO slipway_counts (repository, kind, value, spelling, count)
  SELECT $1, t.kind, t.value, t.spelling, t.change
  FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bytea[]), CAST($4 AS bytea[]),
    CAST($5 AS bigint[])) AS t (kind, value, spelling, change)
  ON CONFLICT (repository, kind, value, spelling)
    DO UPDATE SET count = slipway_counts.count + excluded.count
)sql"};
constexpr Statement kDropCounts = {"drop_counts", R"sql(
DELETE FROM slipway_counts
  WHERE repository = $1 AND kind = $2 AND value = $3 AND spelling = $4
    AND count = 0
)sql"};

constexpr Statement kInsertEnvironment = {
    "insert_environment",
    "INSERT INTO slipway_environments (repository, name, body) "
    "VALUES ($1, $2, $3)"};

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

constexpr Statement kInsertOutbox = {"insert_outbox", R"sql(
INSERT INTO slipway_outbox (repository, last_position, first_position,
    stamp_us, decision_id, body)
  VALUES ($1, $2, $3, $4, $5, $6)
)sql"};
constexpr Statement kUpdateRepository = {"update_repository", R"sql(
UPDATE slipway_repositories
  SET repository_id = $2, default_branch = $3, body = $4, last_id = $5,
    ids_next = $6, ids_end = $7, position = $8, deployments = $9,
    stamp_us = $10
  WHERE key = $1
)sql"};
// Most decisions do not change the repository itself.
constexpr Statement kUpdateCounters = {"update_counters", R"sql(
UPDATE slipway_repositories
  SET last_id = $2, ids_next = $3, ids_end = $4, position = $5,
    deployments = $6, stamp_us = $7
  WHERE key = $1
)sql"};

// In a row of the stream, so that one success that retires thousands is not
// read as a whole for each page of it.
constexpr int kEventsPerRow = 64;

constexpr int64_t kKindSha = 1;
constexpr int64_t kKindRef = 2;
constexpr int64_t kKindTask = 3;
constexpr int64_t kKindEnvironment = 4;

std::string EnvironmentKey(absl::string_view environment) {
  return IndexKey(FoldName(environment));
}

absl::Status NotAskedFor(int64_t id) {
  return absl::DataLossError(absl::StrCat("a decision is about deployment ", id,
                                          ", which was not asked for"));
}

}  // namespace

Writer::Writer(const Snapshot& snapshot, Connection& connection)
    : snapshot_(snapshot),
      connection_(connection),
      key_(snapshot.row.key),
      row_(snapshot.row),
      has_repository_(snapshot.facts.has_repository()),
      repository_(snapshot.facts.repository()) {}

absl::Status Writer::Add(const v1::Acceptance& acceptance,
                         const std::string& decision_id) {
  for (const v1::Event& event : acceptance.events()) {
    absl::Status status = AddEvent(event);
    if (!status.ok()) return status;
  }
  FlushStatuses();
  FlushCounts();
  FinishRepository(acceptance, decision_id);
  return absl::OkStatus();
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
      connection_.Add(kInsertEnvironment,
                      Values()
                          .Int(key_)
                          .Bytes(EnvironmentKey(environment.name()))
                          .Bytes(environment.SerializeAsString()));
      break;
    }
    case v1::EVENT_TYPE_REPOSITORY_PUT:
      has_repository_ = true;
      repository_ = event.put_repository();
      break;
    case v1::EVENT_TYPE_REPOSITORY_DELETED:
      DeleteRepository();
      break;
    case v1::EVENT_TYPE_REF_PUT:
      PutRef(event.ref(), event.commit());
      break;
    case v1::EVENT_TYPE_REF_DELETED:
      connection_.Add(kDeleteRef, Values()
                                      .Int(key_)
                                      .Int(event.ref().type())
                                      .Bytes(IndexKey(event.ref().name())));
      break;
    case v1::EVENT_TYPE_COMMIT_CONTEXT_PUT: {
      v1::Commit commit;
      *commit.add_contexts() = event.context();
      connection_.Add(kPutContext,
                      Values()
                          .Int(key_)
                          .Bytes(IndexKey(event.commit().sha()))
                          .Bytes(IndexKey(FoldName(event.context().context())))
                          .Bytes(commit.SerializeAsString()));
      break;
    }
    case v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED:
      connection_.Add(
          kDeleteContext,
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
  connection_.Add(kInsertDeployment,
                  Values()
                      .Int(key_)
                      .Int(deployment.id())
                      .Bytes(IndexKey(deployment.sha()))
                      .Bytes(IndexKey(deployment.ref()))
                      .Bytes(IndexKey(deployment.task()))
                      .Bytes(EnvironmentKey(deployment.environment()))
                      .Bytes(IndexKey(deployment.environment()))
                      .Int(FlagsOf(deployment.transient_environment(),
                                   deployment.production_environment()))
                      .Int(deployment.updated_at_ms())
                      .Bytes(deployment.SerializeAsString()));
  CountDeployment(deployment, 1);
}

absl::Status Writer::CreateStatus(const v1::DeploymentStatus& status) {
  row_.last_id = std::max(row_.last_id, status.id());
  const int64_t id = status.deployment_id();
  if (!with_status_.insert(id).second) return NotAskedFor(id);
  statuses_.deployment_ids.push_back(id);
  statuses_.ids.push_back(status.id());
  statuses_.states.push_back(status.state());
  statuses_.times_ms.push_back(status.created_at_ms());
  statuses_.bodies.push_back(status.SerializeAsString());

  const auto delete_live = [&](const std::string& environment, bool transient,
                               bool production) {
    connection_.Add(kDeleteLive, Values()
                                     .Int(key_)
                                     .Bytes(EnvironmentKey(environment))
                                     .Int(FlagsOf(transient, production))
                                     .Int(id));
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
  if (was_live && (moves || !is_live)) {
    delete_live(deployment.environment(), deployment.transient_environment(),
                deployment.production_environment());
  }
  v1::Deployment moved = deployment;
  moved.set_environment(status.environment());
  if (is_live && (moves || !was_live)) {
    connection_.Add(kInsertLive,
                    Values()
                        .Int(key_)
                        .Bytes(EnvironmentKey(moved.environment()))
                        .Int(FlagsOf(moved.transient_environment(),
                                     moved.production_environment()))
                        .Int(id)
                        .Bytes(IndexKey(moved.task()))
                        .Bytes(LiveDeploymentOf(moved).SerializeAsString()));
  }
  if (moves) {
    connection_.Add(kMoveDeployment,
                    Values()
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
  connection_.Add(kDeleteDeployment, Values().Int(key_).Int(id));
  connection_.Add(kDeleteStatuses, Values().Int(key_).Int(id));
  if (snapshot_.latest_state == v1::STATUS_STATE_SUCCESS) {
    connection_.Add(kDeleteLive,
                    Values()
                        .Int(key_)
                        .Bytes(EnvironmentKey(deployment.environment()))
                        .Int(FlagsOf(deployment.transient_environment(),
                                     deployment.production_environment()))
                        .Int(id));
  }
  --row_.deployments;
  CountDeployment(deployment, -1);
  return absl::OkStatus();
}

void Writer::PutRef(const v1::Ref& ref, const v1::Commit& commit) {
  connection_.Add(kPutRef, Values()
                               .Int(key_)
                               .Int(ref.type())
                               .Bytes(IndexKey(ref.name()))
                               .Bytes(ref.sha())
                               .Bytes(ref.SerializeAsString()));
  connection_.Add(commit.merge_base_sha().empty() ? kNoteCommit : kPutCommit,
                  Values()
                      .Int(key_)
                      .Bytes(IndexKey(commit.sha()))
                      .Bytes(commit.merge_base_sha()));
}

void Writer::DeleteRepository() {
  for (const Statement& statement : kDeleteRepository) {
    connection_.Add(statement, Values().Int(key_));
  }
  has_repository_ = false;
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

void Writer::FlushStatuses() {
  if (statuses_.ids.empty()) return;
  connection_.Add(kInsertStatuses, Values()
                                       .Int(key_)
                                       .Ints(statuses_.deployment_ids)
                                       .Ints(statuses_.ids)
                                       .BytesArray(statuses_.bodies));
  connection_.Add(kUpdateDeployments, Values()
                                          .Int(key_)
                                          .Ints(statuses_.deployment_ids)
                                          .Ints(statuses_.ids)
                                          .Ints(statuses_.states)
                                          .Ints(statuses_.times_ms));
}

void Writer::FlushCounts() {
  if (counts_.kinds.empty()) return;
  connection_.Add(kCount, Values()
                              .Int(key_)
                              .Ints(counts_.kinds)
                              .BytesArray(counts_.values)
                              .BytesArray(counts_.spellings)
                              .Ints(counts_.changes));
  for (size_t i = 0; counts_.has_less && i < counts_.kinds.size(); ++i) {
    if (counts_.changes[i] >= 0) continue;
    connection_.Add(kDropCounts, Values()
                                     .Int(key_)
                                     .Int(counts_.kinds[i])
                                     .Bytes(counts_.values[i])
                                     .Bytes(counts_.spellings[i]));
  }
}

void Writer::AppendToStream(const v1::Acceptance& acceptance,
                            const std::string& decision_id) {
  const auto add = [&](const v1::Acceptance& part) {
    const int64_t first_position = row_.position + 1;
    row_.position += part.events_size();
    connection_.Add(kInsertOutbox, Values()
                                       .Int(key_)
                                       .Int(row_.position)
                                       .Int(first_position)
                                       .Int(row_.stamp_us)
                                       .Bytes(decision_id)
                                       .Bytes(part.SerializeAsString()));
  };
  const int count = acceptance.events_size();
  if (count <= kEventsPerRow) {
    add(acceptance);
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
}

void Writer::FinishRepository(const v1::Acceptance& acceptance,
                              const std::string& decision_id) {
  AppendToStream(acceptance, decision_id);
  row_.ids_next = std::max(row_.ids_next, row_.last_id + 1);
  row_.ids_end = std::max(row_.ids_end, row_.ids_next);
  const bool changes_repository =
      std::any_of(acceptance.events().begin(), acceptance.events().end(),
                  [](const v1::Event& event) {
                    return event.type() == v1::EVENT_TYPE_REPOSITORY_PUT ||
                           event.type() == v1::EVENT_TYPE_REPOSITORY_DELETED;
                  });
  Values values;
  values.Int(key_);
  if (changes_repository) {
    if (has_repository_) {
      values.Int(repository_.id())
          .Bytes(IndexKey(repository_.default_branch()))
          .Bytes(repository_.SerializeAsString());
    } else {
      values.Null().Null().Null();
    }
  }
  values.Int(row_.last_id)
      .Int(row_.ids_next)
      .Int(row_.ids_end)
      .Int(row_.position)
      .Int(row_.deployments)
      .Int(row_.stamp_us);
  connection_.Add(changes_repository ? kUpdateRepository : kUpdateCounters,
                  std::move(values));
}

}  // namespace postgres_internal
}  // namespace slipway
