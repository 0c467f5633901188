#include "slipway/adapters/sqlite/schema.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {
namespace {

// How it is laid out, and why.
//
// Ids are of one order within a repository only, so rows have the number of
// their repository in front. That number is the file's own: it outlives the
// deletion of the repository, as its stream and its last id do.
//
// Names and texts are BLOBs: they may hold NUL, and compare byte by byte.
// `..._key` columns hold names in lower case (R1, R60).
//
// `body` is a message of Protobuf; what is looked for, and what changes, stands
// in columns beside it and counts where the two differ.
//
// Values that lists are filtered by stand in `labels` once, with how many
// deployments have them, so that indexes hold small numbers and a total costs
// one row.
//
// A row of `outbox` is an Acceptance, of one decision, of several of one
// repository, or of a part of a large one; its position is that of its last
// event.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE store (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  next_id INTEGER NOT NULL CHECK (next_id BETWEEN 1 AND 9007199254740992)
) STRICT;
INSERT INTO store (only_row, next_id) VALUES (1, 1);

CREATE TABLE repositories (
  repository INTEGER PRIMARY KEY,
  owner_key BLOB NOT NULL,
  name_key BLOB NOT NULL,
  id INTEGER UNIQUE CHECK (id BETWEEN 1 AND 9007199254740991),
  last_id INTEGER NOT NULL CHECK (last_id BETWEEN 0 AND 9007199254740991),
  last_position INTEGER NOT NULL CHECK (last_position >= 0),
  last_label INTEGER NOT NULL CHECK (last_label >= 0),
  deployment_count INTEGER NOT NULL CHECK (deployment_count >= 0),
  body BLOB,
  UNIQUE (owner_key, name_key),
  CHECK ((id IS NULL) = (body IS NULL)),
  CHECK (id IS NOT NULL OR deployment_count = 0)
) STRICT;

CREATE TABLE environments (
  repository INTEGER NOT NULL REFERENCES repositories,
  id INTEGER NOT NULL CHECK (id BETWEEN 1 AND 9007199254740991),
  name_key BLOB NOT NULL,
  deployment_count INTEGER NOT NULL CHECK (deployment_count >= 0),
  body BLOB NOT NULL,
  PRIMARY KEY (repository, id),
  UNIQUE (repository, name_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE labels (
  repository INTEGER NOT NULL REFERENCES repositories,
  label INTEGER NOT NULL CHECK (label > 0),
  -- 1 sha, 2 ref, 3 task, 4 spelling of the environment
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
  value BLOB NOT NULL,
  deployment_count INTEGER NOT NULL CHECK (deployment_count >= 0),
  PRIMARY KEY (repository, label),
  UNIQUE (repository, kind, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE deployments (
  repository INTEGER NOT NULL REFERENCES repositories,
  id INTEGER NOT NULL CHECK (id BETWEEN 1 AND 9007199254740991),
  latest_status_id INTEGER,
  latest_state INTEGER NOT NULL CHECK (latest_state BETWEEN 0 AND 8),
  status_count INTEGER NOT NULL CHECK (status_count >= 0),
  updated_at_ms INTEGER NOT NULL
    CHECK (updated_at_ms BETWEEN 0 AND 253402300799999),
  environment_id INTEGER NOT NULL,
  transient INTEGER NOT NULL CHECK (transient IN (0, 1)),
  production INTEGER NOT NULL CHECK (production IN (0, 1)),
  sha_label INTEGER NOT NULL,
  ref_label INTEGER NOT NULL,
  task_label INTEGER NOT NULL,
  spelling_label INTEGER NOT NULL,
  environment BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (repository, id),
  CHECK ((latest_status_id IS NULL) = (status_count = 0)),
  CHECK ((latest_state = 0) = (status_count = 0)),
  FOREIGN KEY (repository, environment_id) REFERENCES environments,
  FOREIGN KEY (repository, sha_label) REFERENCES labels,
  FOREIGN KEY (repository, ref_label) REFERENCES labels,
  FOREIGN KEY (repository, task_label) REFERENCES labels,
  FOREIGN KEY (repository, spelling_label) REFERENCES labels,
  FOREIGN KEY (repository, id, latest_status_id) REFERENCES statuses
    DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_by_sha
  ON deployments (repository, sha_label, id);
CREATE INDEX deployments_by_ref
  ON deployments (repository, ref_label, id);
CREATE INDEX deployments_by_task
  ON deployments (repository, task_label, id);
CREATE INDEX deployments_by_environment
  ON deployments (repository, environment_id, id);
CREATE INDEX deployments_by_spelling
  ON deployments (repository, spelling_label, id);
-- What a success may retire (R31).
CREATE INDEX live_deployments
  ON deployments (repository, environment_id, transient, production, id)
  WHERE latest_state = 7;
CREATE INDEX live_deployments_by_task
  ON deployments
    (repository, environment_id, transient, production, task_label, id)
  WHERE latest_state = 7;

CREATE TABLE statuses (
  repository INTEGER NOT NULL,
  deployment_id INTEGER NOT NULL,
  id INTEGER NOT NULL CHECK (id BETWEEN 1 AND 9007199254740991),
  body BLOB NOT NULL,
  PRIMARY KEY (repository, deployment_id, id),
  FOREIGN KEY (repository, deployment_id) REFERENCES deployments,
  CHECK (id > deployment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE commits (
  repository INTEGER NOT NULL REFERENCES repositories,
  sha BLOB NOT NULL,
  merge_base_sha BLOB NOT NULL,
  PRIMARY KEY (repository, sha)
) STRICT, WITHOUT ROWID;

CREATE TABLE refs (
  repository INTEGER NOT NULL,
  type INTEGER NOT NULL CHECK (type IN (1, 2)),
  name BLOB NOT NULL,
  sha BLOB NOT NULL,
  PRIMARY KEY (repository, type, name),
  FOREIGN KEY (repository, sha) REFERENCES commits
) STRICT, WITHOUT ROWID;

CREATE TABLE contexts (
  repository INTEGER NOT NULL,
  sha BLOB NOT NULL,
  context_key BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (repository, sha, context_key),
  FOREIGN KEY (repository, sha) REFERENCES commits
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  global_position INTEGER PRIMARY KEY CHECK (global_position > 0),
  repository INTEGER NOT NULL REFERENCES repositories,
  position INTEGER NOT NULL CHECK (position > 0),
  events INTEGER NOT NULL CHECK (events BETWEEN 1 AND position),
  body BLOB NOT NULL,
  UNIQUE (repository, position)
) STRICT;
)sql";

constexpr const char* kVersion2 = R"sql(
CREATE TABLE answers (
  repository INTEGER NOT NULL REFERENCES repositories,
  idempotency_key BLOB NOT NULL,
  answered_at_ms INTEGER NOT NULL
    CHECK (answered_at_ms BETWEEN 0 AND 253402300799999),
  body BLOB NOT NULL,
  PRIMARY KEY (repository, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (repository, answered_at_ms);

CREATE TABLE hooks (
  hook INTEGER PRIMARY KEY AUTOINCREMENT CHECK (hook > 0),
  url BLOB NOT NULL UNIQUE,
  cursor INTEGER NOT NULL CHECK (cursor >= 0),
  pending_count INTEGER NOT NULL CHECK (pending_count >= 0)
) STRICT;

CREATE TABLE deliveries (
  delivery INTEGER PRIMARY KEY AUTOINCREMENT CHECK (delivery > 0),
  hook INTEGER NOT NULL REFERENCES hooks,
  guid BLOB NOT NULL,
  global_position INTEGER NOT NULL CHECK (global_position > 0),
  repository INTEGER NOT NULL REFERENCES repositories,
  deployment_id INTEGER NOT NULL,
  -- 1 pending, 2 delivered, 3 failed
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
  enqueued_at_ms INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  -- NULL: nobody has claimed it.
  leased_until_ms INTEGER CHECK (leased_until_ms IS NULL OR state = 1),
  -- Whether it is the oldest of its deployment that is pending: a claim looks
  -- at these only.
  is_head INTEGER NOT NULL CHECK (is_head IN (0, 1)),
  attempt_count INTEGER NOT NULL CHECK (attempt_count >= 0),
  attempts_since_due INTEGER NOT NULL
    CHECK (attempts_since_due BETWEEN 0 AND attempt_count),
  UNIQUE (hook, global_position),
  CHECK (is_head = 0 OR state = 1)
) STRICT;
CREATE INDEX deliveries_by_hook ON deliveries (hook, delivery);
CREATE INDEX deliveries_due ON deliveries (hook, due_at_ms, delivery)
  WHERE is_head = 1 AND leased_until_ms IS NULL;
CREATE INDEX deliveries_leased ON deliveries (hook, leased_until_ms)
  WHERE is_head = 1 AND leased_until_ms IS NOT NULL;
CREATE INDEX deliveries_pending
  ON deliveries (hook, repository, deployment_id, delivery) WHERE state = 1;
CREATE INDEX deliveries_ended ON deliveries (enqueued_at_ms, delivery)
  WHERE state <> 1;

CREATE TABLE attempts (
  delivery INTEGER NOT NULL REFERENCES deliveries,
  number INTEGER NOT NULL CHECK (number > 0),
  started_at_ms INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  error BLOB NOT NULL,
  PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
)sql";

// What every decision changes stood in a row of `store` and one of
// `repositories`, each a page more to write. Now it is in the entry of the
// outbox that the decision writes anyway: `next_id` is that of the file, the
// others are those of the repository, after that decision. Only the last entry
// counts, of the file and of each repository; in older ones that version 2
// wrote there is nothing. `next_id` of `store` is for ids that are taken
// without a decision, and the higher one holds.
//
// How many deployments an environment has is the count of its label, which
// stands beside those of their refs and tasks.
//
// Live deployments have one index: of those of all tasks one is found task by
// task.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE labels_3 (
  repository INTEGER NOT NULL REFERENCES repositories,
  label INTEGER NOT NULL CHECK (label > 0),
  -- 1 sha, 2 ref, 3 task, 4 spelling of the environment, 5 its name without
  -- case
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
  value BLOB NOT NULL,
  deployment_count INTEGER NOT NULL CHECK (deployment_count >= 0),
  PRIMARY KEY (repository, label),
  UNIQUE (repository, kind, value)
) STRICT, WITHOUT ROWID;
INSERT INTO labels_3 (repository, label, kind, value, deployment_count)
  SELECT repository, label, kind, value, deployment_count FROM labels;
INSERT INTO labels_3 (repository, label, kind, value, deployment_count)
  SELECT e.repository, r.last_label + row_number()
      OVER (PARTITION BY e.repository ORDER BY e.id),
    5, e.name_key, e.deployment_count
  FROM environments AS e JOIN repositories AS r USING (repository)
  WHERE e.deployment_count > 0;
DROP TABLE labels;
ALTER TABLE labels_3 RENAME TO labels;
ALTER TABLE environments DROP COLUMN deployment_count;

CREATE TABLE outbox_3 (
  global_position INTEGER PRIMARY KEY CHECK (global_position > 0),
  next_id INTEGER NOT NULL CHECK (next_id BETWEEN 1 AND 9007199254740992),
  repository INTEGER NOT NULL REFERENCES repositories,
  position INTEGER NOT NULL CHECK (position > 0),
  events INTEGER NOT NULL CHECK (events BETWEEN 1 AND position),
  last_id INTEGER NOT NULL CHECK (last_id BETWEEN 0 AND 9007199254740991),
  last_label INTEGER NOT NULL CHECK (last_label >= 0),
  deployment_count INTEGER NOT NULL CHECK (deployment_count >= 0),
  body BLOB NOT NULL,
  UNIQUE (repository, position)
) STRICT;
INSERT INTO outbox_3 (global_position, next_id, repository, position, events,
    last_id, last_label, deployment_count, body)
  SELECT global_position, 1, repository, position, events, 0, 0, 0, body
  FROM outbox;
UPDATE outbox_3 SET last_id = r.last_id, deployment_count = r.deployment_count,
    last_label = max(r.last_label, (SELECT coalesce(max(label), 0) FROM labels
      WHERE labels.repository = r.repository))
  FROM repositories AS r
  WHERE outbox_3.repository = r.repository
    AND outbox_3.position = r.last_position;
DROP TABLE outbox;
ALTER TABLE outbox_3 RENAME TO outbox;

CREATE TABLE repositories_3 (
  repository INTEGER PRIMARY KEY,
  owner_key BLOB NOT NULL,
  name_key BLOB NOT NULL,
  id INTEGER UNIQUE CHECK (id BETWEEN 1 AND 9007199254740991),
  body BLOB,
  UNIQUE (owner_key, name_key),
  CHECK ((id IS NULL) = (body IS NULL))
) STRICT;
-- No owner, which is refused, where the entry that has its counters is missing.
INSERT INTO repositories_3 (repository, owner_key, name_key, id, body)
  SELECT r.repository,
    iif(r.last_position = 0 OR EXISTS (SELECT 1 FROM outbox AS o
      WHERE o.repository = r.repository AND o.position = r.last_position),
      r.owner_key, NULL),
    r.name_key, r.id, r.body FROM repositories AS r;
DROP TABLE repositories;
ALTER TABLE repositories_3 RENAME TO repositories;

DROP INDEX live_deployments;
DROP INDEX live_deployments_by_task;
-- What a success may retire (R31).
CREATE INDEX live_deployments
  ON deployments
    (repository, environment_id, transient, production, task_label, id)
  WHERE latest_state = 7;
)sql";

// From version N to N + 1.
constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) == kSchemaVersion);

// The version of a file that may be written; 0: it is empty.
absl::StatusOr<int64_t> FindVersion(Database& database) {
  const absl::StatusOr<int64_t> application =
      database.Ask("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> found = database.Ask("PRAGMA user_version");
  if (!found.ok()) return found.status();
  const absl::StatusOr<int64_t> tables =
      database.Ask("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  const bool is_empty = *application == 0 && *found == 0 && *tables == 0;
  if (!is_empty && *application != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.path(), ": is a database, but not of Slipway"));
  }
  if (*found > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        database.path(), ": was written by a newer Slipway (schema version ",
        *found, "; this one knows those up to ", kSchemaVersion, ")"));
  }
  if (!is_empty && (*found < 1 || *tables == 0)) {
    return absl::DataLossError(absl::StrCat(
        database.path(), " is damaged: it has the schema version ", *found));
  }
  return *found;
}

absl::Status MigrateInside(Database& database, int version) {
  const absl::StatusOr<int64_t> found = FindVersion(database);
  if (!found.ok()) return found.status();
  if (*found >= version) return absl::OkStatus();
  for (int64_t from = *found; from < version; ++from) {
    const absl::Status status = database.Execute(kMigrations[from]);
    if (!status.ok()) return status;
  }
  if (*found > 0) {
    const absl::StatusOr<std::string> dangling =
        database.AskText("PRAGMA foreign_key_check");
    if (!dangling.ok()) return dangling.status();
    if (!dangling->empty()) {
      return absl::DataLossError(
          absl::StrCat(database.path(), " is damaged: rows of ", *dangling,
                       " refer to what is not there"));
    }
  }
  return database.Execute(
      absl::StrCat("PRAGMA application_id = ", kApplicationId,
                   "; PRAGMA user_version = ", version)
          .c_str());
}

}  // namespace

absl::Status CheckLength(const std::string& path) {
  // The header of the file format: its name, and big-endian numbers.
  constexpr size_t kHeaderSize = 100;
  constexpr size_t kPageSizeAt = 16;
  constexpr size_t kPageCountAt = 28;
  std::error_code error;
  // With a WAL beside it, the end may be in there.
  if (std::filesystem::exists(path + "-wal", error)) return absl::OkStatus();
  // Missing, or made a moment ago: one that is not opened here keeps the locks
  // that this process has on it.
  uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size == 0) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  // SQLite says why.
  if (!file.is_open()) return absl::OkStatus();
  unsigned char header[kHeaderSize] = {};
  file.read(reinterpret_cast<char*>(header), kHeaderSize);
  const auto read = static_cast<size_t>(file.gcount());
  const auto number = [&](size_t place, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | header[place + i];
    return value;
  };
  constexpr absl::string_view kMagic("SQLite format 3\0", 16);
  if (absl::string_view(reinterpret_cast<char*>(header),
                        std::min(read, kMagic.size())) !=
      kMagic.substr(0, read)) {
    return absl::DataLossError(absl::StrCat(
        path, " is no database of SQLite, or damaged from its start"));
  }
  // 1 stands for what has no room in 16 bits.
  const uint64_t page_size =
      number(kPageSizeAt, 2) == 1 ? 65536 : number(kPageSizeAt, 2);
  const uint64_t wanted =
      read < kHeaderSize ? kHeaderSize : page_size * number(kPageCountAt, 4);
  size = std::filesystem::file_size(path, error);
  if (size >= wanted || std::filesystem::exists(path + "-wal", error)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat(path, " is damaged: it has ", size, " bytes of ", wanted));
}

absl::Status CheckOwner(Database& database) {
  return FindVersion(database).status();
}

absl::Status Migrate(Database& database, int version) {
  // A table that is made anew is missing for a moment to those that refer to
  // it. This does nothing inside of a transaction.
  absl::Status status = database.Execute("PRAGMA foreign_keys = OFF");
  if (status.ok()) status = database.Execute("BEGIN IMMEDIATE");
  if (status.ok()) {
    status = MigrateInside(database, version);
    if (status.ok()) status = database.Execute("COMMIT");
    if (!status.ok()) database.Rollback();
  }
  const absl::Status restored = database.Execute("PRAGMA foreign_keys = ON");
  return status.ok() ? restored : status;
}

}  // namespace internal
}  // namespace slipway
