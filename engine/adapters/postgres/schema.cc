#include "slipway/adapters/postgres/schema.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace slipway {
namespace postgres_internal {
namespace {

// From version N to N + 1, for each N from 0 on. What has been released is
// never changed, only added to. Each can be run again over a part of itself,
// for databases whose transactions do not hold changes of tables together.
//
// Every text is bytea, because `text` cannot hold U+0000 and sorts by locale.
// Messages are kept whole in a `body`, and what is asked for in columns beside
// it. There are no foreign keys: every change of a repository is made under the
// lock of its row.
const char* const kMigrations[] = {
    R"sql(
-- One row for each name that a repository ever had; it outlives the repository
-- (body IS NULL), because its ids and its stream do.
CREATE TABLE IF NOT EXISTS slipway_repositories (
  key bigint PRIMARY KEY,
  owner bytea NOT NULL,
  name bytea NOT NULL,
  repository_id bigint,
  default_branch bytea,
  body bytea,
  last_id bigint NOT NULL,
  ids_next bigint NOT NULL,
  ids_end bigint NOT NULL,
  position bigint NOT NULL,
  stamp_us bigint NOT NULL,
  deployments bigint NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS slipway_repositories_name ON slipway_repositories (owner, name);
CREATE UNIQUE INDEX IF NOT EXISTS slipway_repositories_id ON slipway_repositories (repository_id)
  WHERE repository_id IS NOT NULL;

-- `body` is the deployment as it was created; what moves is in columns.
CREATE TABLE IF NOT EXISTS slipway_deployments (
  repository bigint NOT NULL,
  id bigint NOT NULL,
  sha bytea NOT NULL,
  ref bytea NOT NULL,
  task bytea NOT NULL,
  environment bytea NOT NULL,
  spelling bytea NOT NULL,
  flags bigint NOT NULL,
  moved_to bytea,
  updated_at_ms bigint NOT NULL,
  status_count bigint NOT NULL,
  latest_status_id bigint NOT NULL,
  latest_state bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, id)
);
CREATE INDEX IF NOT EXISTS slipway_deployments_sha ON slipway_deployments (repository, sha, id);
CREATE INDEX IF NOT EXISTS slipway_deployments_ref ON slipway_deployments (repository, ref, id);
CREATE INDEX IF NOT EXISTS slipway_deployments_task ON slipway_deployments (repository, task, id);
CREATE INDEX IF NOT EXISTS slipway_deployments_environment
  ON slipway_deployments (repository, environment, id);
CREATE INDEX IF NOT EXISTS slipway_deployments_spelling
  ON slipway_deployments (repository, spelling, id);

-- Those whose latest status is `success`: a table of its own, so that a status
-- changes no indexed column of its deployment.
CREATE TABLE IF NOT EXISTS slipway_live (
  repository bigint NOT NULL,
  environment bytea NOT NULL,
  flags bigint NOT NULL,
  id bigint NOT NULL,
  task bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, environment, flags, id)
);
CREATE INDEX IF NOT EXISTS slipway_live_task ON slipway_live (repository, environment, flags, task, id);

CREATE TABLE IF NOT EXISTS slipway_statuses (
  repository bigint NOT NULL,
  deployment_id bigint NOT NULL,
  id bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, deployment_id, id)
);

-- How many deployments a filter of a list matches. kind: 1 sha, 2 ref, 3 task,
-- 4 environment, by its name without case and by its spelling.
CREATE TABLE IF NOT EXISTS slipway_counts (
  repository bigint NOT NULL,
  kind bigint NOT NULL,
  value bytea NOT NULL,
  spelling bytea NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (repository, kind, value, spelling)
);

CREATE TABLE IF NOT EXISTS slipway_environments (
  repository bigint NOT NULL,
  name bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, name)
);

CREATE TABLE IF NOT EXISTS slipway_refs (
  repository bigint NOT NULL,
  type bigint NOT NULL,
  name bytea NOT NULL,
  body bytea NOT NULL,
  sha bytea NOT NULL,
  PRIMARY KEY (repository, type, name)
);

CREATE TABLE IF NOT EXISTS slipway_commits (
  repository bigint NOT NULL,
  sha bytea NOT NULL,
  merge_base bytea NOT NULL,
  PRIMARY KEY (repository, sha)
);

-- `body` is a Commit with this one context, so that several of them in a row
-- are the Commit with all of them.
CREATE TABLE IF NOT EXISTS slipway_contexts (
  repository bigint NOT NULL,
  sha bytea NOT NULL,
  name bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, sha, name)
);

-- What is kept under idempotency keys (R100).
CREATE TABLE IF NOT EXISTS slipway_answers (
  repository bigint NOT NULL,
  key bytea NOT NULL,
  answered_at_ms bigint NOT NULL,
  decision_id bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, key)
);
CREATE INDEX IF NOT EXISTS slipway_answers_age ON slipway_answers (repository, answered_at_ms);

-- One row for each decision that had events, or several with one stamp where
-- they are many: an Acceptance. The last of its events has last_position in its
-- repository's stream, and global_last in that of all, once it has been given
-- one. stamp_us is the server's time, made to grow from
-- decision to decision of a repository.
CREATE TABLE IF NOT EXISTS slipway_outbox (
  repository bigint NOT NULL,
  last_position bigint NOT NULL,
  first_position bigint NOT NULL,
  global_last bigint,
  stamp_us bigint NOT NULL,
  decision_id bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (repository, last_position)
);
CREATE UNIQUE INDEX IF NOT EXISTS slipway_outbox_global ON slipway_outbox (global_last)
  WHERE global_last IS NOT NULL;
CREATE INDEX IF NOT EXISTS slipway_outbox_unplaced
  ON slipway_outbox (stamp_us, repository, last_position) WHERE global_last IS NULL;

-- One row: the last global position.
CREATE TABLE IF NOT EXISTS slipway_stream (
  id bigint PRIMARY KEY,
  last bigint NOT NULL
);
INSERT INTO slipway_stream (id, last) VALUES (1, 0)
  ON CONFLICT (id) DO NOTHING;

-- One row: the next id that nobody has.
CREATE TABLE IF NOT EXISTS slipway_ids (
  id bigint PRIMARY KEY,
  next bigint NOT NULL
);
INSERT INTO slipway_ids (id, next) VALUES (1, 1)
  ON CONFLICT (id) DO NOTHING;
)sql",
    R"sql(
-- Ids of hooks and deliveries.
INSERT INTO slipway_ids (id, next) VALUES (2, 1)
  ON CONFLICT (id) DO NOTHING;

-- What changes a hook or a delivery of it locks the hook's row first.
CREATE TABLE IF NOT EXISTS slipway_hooks (
  id bigint PRIMARY KEY,
  url_key bytea NOT NULL,
  url bytea NOT NULL,
  cursor bigint NOT NULL,
  pending bigint NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS slipway_hooks_url ON slipway_hooks (url_key);

-- state: 1 pending, 2 delivered, 3 failed. ready_at_ms is when it is due, of
-- the oldest one of its deployment that is pending while nobody has claimed it,
-- else NULL. The event is at `position` of its repository's stream.
CREATE TABLE IF NOT EXISTS slipway_deliveries (
  id bigint PRIMARY KEY,
  hook bigint NOT NULL,
  guid bytea NOT NULL,
  repository bigint NOT NULL,
  position bigint NOT NULL,
  deployment_id bigint NOT NULL,
  state bigint NOT NULL,
  enqueued_at_ms bigint NOT NULL,
  due_at_ms bigint NOT NULL,
  ready_at_ms bigint,
  leased_until_ms bigint,
  attempts_since_due bigint NOT NULL,
  attempt_count bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS slipway_deliveries_hook ON slipway_deliveries (hook, id);
CREATE INDEX IF NOT EXISTS slipway_deliveries_ready ON slipway_deliveries (hook, ready_at_ms, id)
  WHERE ready_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS slipway_deliveries_leased ON slipway_deliveries (hook, leased_until_ms)
  WHERE leased_until_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS slipway_deliveries_pending
  ON slipway_deliveries (hook, repository, deployment_id, id) WHERE state = 1;
CREATE INDEX IF NOT EXISTS slipway_deliveries_ended ON slipway_deliveries (enqueued_at_ms, id)
  WHERE state <> 1;

-- `token` tells a call that is made again from another one.
CREATE TABLE IF NOT EXISTS slipway_attempts (
  delivery bigint NOT NULL,
  number bigint NOT NULL,
  token bytea NOT NULL,
  started_at_ms bigint NOT NULL,
  duration_ms bigint NOT NULL,
  status_code bigint NOT NULL,
  error bytea NOT NULL,
  PRIMARY KEY (delivery, number)
);
)sql",
    R"sql(
-- Whoever asks for one row by its whole key gets it by that: the planner, while
-- it believes that a table is small, would as soon go through all that an index
-- has of a repository. These are only there for those who ask for id > 0, too.
CREATE INDEX IF NOT EXISTS slipway_deployments_by_sha
  ON slipway_deployments (repository, sha, id) WHERE id > 0;
CREATE INDEX IF NOT EXISTS slipway_deployments_by_ref
  ON slipway_deployments (repository, ref, id) WHERE id > 0;
CREATE INDEX IF NOT EXISTS slipway_deployments_by_task
  ON slipway_deployments (repository, task, id) WHERE id > 0;
CREATE INDEX IF NOT EXISTS slipway_deployments_by_environment
  ON slipway_deployments (repository, environment, id) WHERE id > 0;
CREATE INDEX IF NOT EXISTS slipway_deployments_by_spelling
  ON slipway_deployments (repository, spelling, id) WHERE id > 0;
CREATE INDEX IF NOT EXISTS slipway_live_by_task
  ON slipway_live (repository, environment, flags, task, id) WHERE id > 0;
DROP INDEX IF EXISTS slipway_deployments_sha;
DROP INDEX IF EXISTS slipway_deployments_ref;
DROP INDEX IF EXISTS slipway_deployments_task;
DROP INDEX IF EXISTS slipway_deployments_environment;
DROP INDEX IF EXISTS slipway_deployments_spelling;
DROP INDEX IF EXISTS slipway_live_task;
)sql",
};

constexpr int kVersion = static_cast<int>(std::size(kMigrations));

constexpr Statement kFindVersion = {
    "find_version", "SELECT version FROM slipway_schema WHERE id = 1"};
constexpr Statement kBeginUpdate = {"begin_update", "BEGIN"};
constexpr Statement kLockVersion = {
    "lock_version",
    "SELECT version FROM slipway_schema WHERE id = 1 FOR UPDATE"};

// The version that is there; 0 with kNone: there are no tables.
Failure FindVersion(Connection& connection, Deadline deadline,
                    int64_t* version) {
  *version = 0;
  std::vector<Rows> rows;
  connection.Add(kFindVersion);
  Failure failure = connection.Run(deadline, &rows);
  if (failure.code == "42P01") return {};
  if (failure.ok() && !rows[0].empty()) *version = rows[0].Int(0, 0);
  return failure;
}

Failure TryUpdate(Connection& connection, Deadline deadline,
                  Deadline update_deadline, int64_t* version) {
  Failure failure = FindVersion(connection, deadline, version);
  if (!failure.ok() || *version >= kVersion) return failure;
  failure = connection.RunScript(
      "CREATE TABLE IF NOT EXISTS slipway_schema ("
      "id bigint PRIMARY KEY, version bigint NOT NULL);"
      "INSERT INTO slipway_schema (id, version) VALUES (1, 0) "
      "ON CONFLICT (id) DO NOTHING",
      deadline);
  if (!failure.ok()) return failure;
  std::vector<Rows> rows;
  connection.Add(kBeginUpdate);
  connection.Add(kLockVersion);
  failure = connection.Run(deadline, &rows);
  if (!failure.ok()) return failure;
  *version = rows[1].empty() ? 0 : rows[1].Int(0, 0);
  // Of many rows an index takes longer than any other statement.
  std::string script = "SET LOCAL statement_timeout = 0;";
  for (int64_t from = *version; from < kVersion; ++from) {
    absl::StrAppend(&script, kMigrations[from], ";");
  }
  absl::StrAppend(&script, "UPDATE slipway_schema SET version = ",
                  std::max<int64_t>(kVersion, *version),
                  " WHERE id = 1; COMMIT");
  failure = connection.RunScript(script, update_deadline);
  if (failure.ok()) *version = std::max<int64_t>(kVersion, *version);
  return failure;
}

}  // namespace

absl::Status UpdateSchema(Connection& connection, Deadline deadline,
                          Deadline update_deadline) {
  // Two that make the same table at once refuse one of them, with one of a
  // number of codes; the next look finds it made.
  constexpr int kAttemptsMax = 10;
  Failure failure;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    int64_t version = 0;
    failure = TryUpdate(connection, deadline, update_deadline, &version);
    if (failure.ok()) {
      if (version <= kVersion) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("PostgreSQL: the tables are of version ", version,
                       ", which is newer than this engine's, ", kVersion,
                       ": use a newer engine"));
    }
    if (!connection.is_open()) break;
    connection.RunScript("ROLLBACK", deadline);
    const bool is_race = failure.kind == Failure::Kind::kRetry ||
                         failure.code == "23505" || failure.code == "42P07" ||
                         failure.code == "42710" || failure.code == "XX000";
    if (!is_race) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10 << attempt));
  }
  return failure.ToStatus();
}

}  // namespace postgres_internal
}  // namespace slipway
