#include "slipway/adapters/sqlite/statements.h"

namespace slipway {
namespace internal {
namespace {

// The columns that rows.cc reads a deployment from.
#define SLIPWAY_DEPLOYMENT                                                 \
  "id, body, environment, updated_at_ms, latest_status_id, latest_state, " \
  "status_count, environment_id, task_label"

#define SLIPWAY_DELIVERY                                                      \
  "delivery, hook, guid, global_position, state, enqueued_at_ms, "            \
  "due_at_ms, attempts_since_due, attempt_count, repository, deployment_id, " \
  "leased_until_ms, is_head"

// Indexes are named, so that no statistics and no version of SQLite decide
// otherwise.
#define SLIPWAY_IDS(index, column, order)                         \
  "SELECT id FROM deployments INDEXED BY " index                  \
  " WHERE repository = ?1 AND " column " = ?4 ORDER BY id " order \
  " LIMIT ?2 OFFSET ?3"

// ?2 to ?6: what the filters want; NULL: no such filter.
#define SLIPWAY_FILTERED_IDS(index, column, place) \
  "SELECT id FROM deployments INDEXED BY " index   \
  " WHERE repository = ?1 AND " column " = " place \
  " AND (?2 IS NULL OR sha_label = ?2)"            \
  " AND (?3 IS NULL OR ref_label = ?3)"            \
  " AND (?4 IS NULL OR task_label = ?4)"           \
  " AND (?5 IS NULL OR environment_id = ?5)"       \
  " AND (?6 IS NULL OR spelling_label = ?6)"       \
  " ORDER BY id DESC"

}  // namespace

const char* SqlText(Sql sql) {
  switch (sql) {
    case Sql::kBegin:
      return "BEGIN";
    case Sql::kBeginImmediate:
      return "BEGIN IMMEDIATE";
    case Sql::kCommit:
      return "COMMIT";
    case Sql::kRollback:
      return "ROLLBACK";
    case Sql::kDataVersion:
      return "PRAGMA data_version";
    case Sql::kGetNextId:
      return "SELECT next_id FROM store WHERE only_row = 1";
    case Sql::kSetNextId:
      return "UPDATE store SET next_id = ?1 WHERE only_row = 1";

    case Sql::kFindRepository:
      // Its counters are those of the last entry of its stream.
      return "SELECT r.repository, r.id, r.body, o.position, o.last_id, "
             "o.last_label, o.deployment_count "
             "FROM repositories AS r LEFT JOIN outbox AS o "
             "ON o.repository = r.repository AND o.position = "
             "(SELECT max(position) FROM outbox "
             "WHERE repository = r.repository) "
             "WHERE r.owner_key = ?1 AND r.name_key = ?2";
    case Sql::kFindRepositoryById:
      return "SELECT body FROM repositories WHERE id = ?1";
    case Sql::kInsertRepository:
      return "INSERT INTO repositories (owner_key, name_key) VALUES (?1, ?2)";
    case Sql::kPutRepositoryBody:
      return "UPDATE repositories SET id = ?2, "
             "body = iif(?2 IS NULL, NULL, ?3) WHERE repository = ?1";

    case Sql::kFindEnvironment:
      return "SELECT id, body FROM environments "
             "WHERE repository = ?1 AND name_key = ?2";
    case Sql::kInsertEnvironment:
      return "INSERT INTO environments (repository, id, name_key, body) "
             "VALUES (?1, ?2, ?3, ?4)";
    case Sql::kFindLabel:
      return "SELECT label, deployment_count FROM labels "
             "WHERE repository = ?1 AND kind = ?2 AND value = ?3";
    case Sql::kInsertLabel:
      return "INSERT INTO labels (repository, label, kind, value, "
             "deployment_count) VALUES (?1, ?2, ?3, ?4, 0)";
    case Sql::kUpdateLabelCount:
      return "UPDATE labels SET deployment_count = ?3 "
             "WHERE repository = ?1 AND label = ?2";
    case Sql::kDeleteLabel:
      return "DELETE FROM labels WHERE repository = ?1 AND label = ?2";

    case Sql::kFindRef:
      return "SELECT sha FROM refs "
             "WHERE repository = ?1 AND type = ?2 AND name = ?3";
    case Sql::kPutRef:
      return "INSERT INTO refs (repository, type, name, sha) "
             "VALUES (?1, ?2, ?3, ?4) "
             "ON CONFLICT (repository, type, name) DO UPDATE SET sha = ?4";
    case Sql::kDeleteRef:
      return "DELETE FROM refs "
             "WHERE repository = ?1 AND type = ?2 AND name = ?3";
    case Sql::kFindCommit:
      return "SELECT merge_base_sha FROM commits "
             "WHERE repository = ?1 AND sha = ?2";
    case Sql::kPutCommit:
      // An empty merge base says nothing new (R6).
      return "INSERT INTO commits (repository, sha, merge_base_sha) "
             "VALUES (?1, ?2, ?3) ON CONFLICT (repository, sha) DO UPDATE "
             "SET merge_base_sha = ?3 WHERE length(?3) > 0";
    case Sql::kFindContext:
      return "SELECT body FROM contexts "
             "WHERE repository = ?1 AND sha = ?2 AND context_key = ?3";
    case Sql::kListContexts:
      return "SELECT body FROM contexts WHERE repository = ?1 AND sha = ?2 "
             "ORDER BY context_key";
    case Sql::kPutContext:
      return "INSERT INTO contexts (repository, sha, context_key, body) "
             "VALUES (?1, ?2, ?3, ?4) "
             "ON CONFLICT (repository, sha, context_key) "
             "DO UPDATE SET body = ?4";
    case Sql::kDeleteContext:
      return "DELETE FROM contexts "
             "WHERE repository = ?1 AND sha = ?2 AND context_key = ?3";

    case Sql::kFindDeployment:
      return "SELECT " SLIPWAY_DEPLOYMENT
             " FROM deployments WHERE repository = ?1 AND id = ?2";
    case Sql::kListLive:
      return "SELECT " SLIPWAY_DEPLOYMENT
             " FROM deployments INDEXED BY live_deployments "
             "WHERE repository = ?1 AND environment_id = ?2 AND "
             "transient = ?3 AND production = ?4 AND latest_state = 7 "
             "LIMIT ?5";
    case Sql::kNextLiveTask:
      return "SELECT task_label "
             "FROM deployments INDEXED BY live_deployments "
             "WHERE repository = ?1 AND environment_id = ?2 AND "
             "transient = ?3 AND production = ?4 AND task_label > ?5 AND "
             "latest_state = 7 ORDER BY task_label LIMIT 1";
    case Sql::kListLiveByTask:
      return "SELECT " SLIPWAY_DEPLOYMENT
             " FROM deployments INDEXED BY live_deployments "
             "WHERE repository = ?1 AND environment_id = ?2 AND "
             "transient = ?3 AND production = ?4 AND task_label = ?5 AND "
             "id < ?6 AND latest_state = 7 ORDER BY id";
    case Sql::kInsertDeployment:
      return "INSERT INTO deployments (repository, id, environment_id, "
             "transient, production, sha_label, ref_label, task_label, "
             "spelling_label, updated_at_ms, environment, body, latest_state, "
             "status_count) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0)";
    case Sql::kMoveDeployment:
      return "UPDATE deployments SET environment_id = ?3, "
             "spelling_label = ?4, environment = ?5 "
             "WHERE repository = ?1 AND id = ?2";
    case Sql::kNoteStatus:
      // FAIL and not ABORT: whatever fails is rolled back as a whole, and so
      // the statement needs no journal of its own.
      return "UPDATE OR FAIL deployments SET latest_status_id = ?3, "
             "latest_state = ?4, updated_at_ms = ?5, status_count = ?6 "
             "WHERE repository = ?1 AND id = ?2";
    case Sql::kDeleteDeployment:
      return "DELETE FROM deployments WHERE repository = ?1 AND id = ?2";
    case Sql::kInsertStatus:
      return "INSERT INTO statuses (repository, deployment_id, id, body) "
             "VALUES (?1, ?2, ?3, ?4)";
    case Sql::kFindStatus:
      return "SELECT body FROM statuses "
             "WHERE repository = ?1 AND deployment_id = ?2 AND id = ?3";
    case Sql::kListStatuses:
      return "SELECT body FROM statuses "
             "WHERE repository = ?1 AND deployment_id = ?4 "
             "ORDER BY id DESC LIMIT ?2 OFFSET ?3";
    case Sql::kListStatusesBackwards:
      return "SELECT body FROM statuses "
             "WHERE repository = ?1 AND deployment_id = ?4 "
             "ORDER BY id LIMIT ?2 OFFSET ?3";
    case Sql::kDeleteStatuses:
      return "DELETE FROM statuses "
             "WHERE repository = ?1 AND deployment_id = ?2";

    case Sql::kListIds:
      return "SELECT id FROM deployments WHERE repository = ?1 "
             "ORDER BY id DESC LIMIT ?2 OFFSET ?3";
    case Sql::kListIdsBackwards:
      return "SELECT id FROM deployments WHERE repository = ?1 "
             "ORDER BY id LIMIT ?2 OFFSET ?3";
    case Sql::kListIdsBySha:
      return SLIPWAY_IDS("deployments_by_sha", "sha_label", "DESC");
    case Sql::kListIdsByShaBackwards:
      return SLIPWAY_IDS("deployments_by_sha", "sha_label", "ASC");
    case Sql::kListIdsByRef:
      return SLIPWAY_IDS("deployments_by_ref", "ref_label", "DESC");
    case Sql::kListIdsByRefBackwards:
      return SLIPWAY_IDS("deployments_by_ref", "ref_label", "ASC");
    case Sql::kListIdsByTask:
      return SLIPWAY_IDS("deployments_by_task", "task_label", "DESC");
    case Sql::kListIdsByTaskBackwards:
      return SLIPWAY_IDS("deployments_by_task", "task_label", "ASC");
    case Sql::kListIdsByEnvironment:
      return SLIPWAY_IDS("deployments_by_environment", "environment_id",
                         "DESC");
    case Sql::kListIdsByEnvironmentBackwards:
      return SLIPWAY_IDS("deployments_by_environment", "environment_id", "ASC");
    case Sql::kListIdsBySpelling:
      return SLIPWAY_IDS("deployments_by_spelling", "spelling_label", "DESC");
    case Sql::kListIdsBySpellingBackwards:
      return SLIPWAY_IDS("deployments_by_spelling", "spelling_label", "ASC");
    case Sql::kFilterIdsBySha:
      return SLIPWAY_FILTERED_IDS("deployments_by_sha", "sha_label", "?2");
    case Sql::kFilterIdsByRef:
      return SLIPWAY_FILTERED_IDS("deployments_by_ref", "ref_label", "?3");
    case Sql::kFilterIdsByTask:
      return SLIPWAY_FILTERED_IDS("deployments_by_task", "task_label", "?4");
    case Sql::kFilterIdsByEnvironment:
      return SLIPWAY_FILTERED_IDS("deployments_by_environment",
                                  "environment_id", "?5");
    case Sql::kFilterIdsBySpelling:
      return SLIPWAY_FILTERED_IDS("deployments_by_spelling", "spelling_label",
                                  "?6");

    case Sql::kDropStatuses:
      return "DELETE FROM statuses WHERE repository = ?1";
    case Sql::kDropDeployments:
      return "DELETE FROM deployments WHERE repository = ?1";
    case Sql::kDropEnvironments:
      return "DELETE FROM environments WHERE repository = ?1";
    case Sql::kDropLabels:
      return "DELETE FROM labels WHERE repository = ?1";
    case Sql::kDropContexts:
      return "DELETE FROM contexts WHERE repository = ?1";
    case Sql::kDropRefs:
      return "DELETE FROM refs WHERE repository = ?1";
    case Sql::kDropCommits:
      return "DELETE FROM commits WHERE repository = ?1";

    case Sql::kFindEndOfStream:
      return "SELECT global_position, next_id FROM outbox "
             "ORDER BY global_position DESC LIMIT 1";
    case Sql::kInsertOutbox:
      return "INSERT INTO outbox (global_position, next_id, repository, "
             "position, events, last_id, last_label, deployment_count, body) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    case Sql::kReadOutbox:
      return "SELECT global_position, position, events, body, repository "
             "FROM outbox WHERE repository = ?1 AND position > ?2 "
             "ORDER BY position";
    case Sql::kReadAll:
      return "SELECT global_position, position, events, body, repository "
             "FROM outbox WHERE global_position > ?1 "
             "ORDER BY global_position";

    case Sql::kFindAnswer:
      return "SELECT body FROM answers "
             "WHERE repository = ?1 AND idempotency_key = ?2";
    case Sql::kPutAnswer:
      return "INSERT INTO answers "
             "(repository, idempotency_key, answered_at_ms, body) "
             "VALUES (?1, ?2, ?3, ?4) "
             "ON CONFLICT (repository, idempotency_key) "
             "DO UPDATE SET answered_at_ms = ?3, body = ?4";
    case Sql::kPruneAnswers:
      return "DELETE FROM answers WHERE (repository, idempotency_key) IN "
             "(SELECT repository, idempotency_key FROM answers "
             "INDEXED BY answers_by_age "
             "WHERE repository = ?1 AND answered_at_ms < ?2 "
             "ORDER BY answered_at_ms LIMIT ?3)";

    case Sql::kFindHook:
      return "SELECT url, cursor, pending_count FROM hooks WHERE hook = ?1";
    case Sql::kFindHookByUrl:
      return "SELECT hook, cursor FROM hooks WHERE url = ?1";
    case Sql::kInsertHook:
      return "INSERT INTO hooks (url, cursor, pending_count) "
             "VALUES (?1, ?2, 0)";
    case Sql::kSetCursor:
      return "UPDATE hooks SET cursor = ?2 WHERE hook = ?1";
    case Sql::kAddPending:
      return "UPDATE hooks SET pending_count = pending_count + ?2 "
             "WHERE hook = ?1";
    case Sql::kInsertDelivery:
      return "INSERT INTO deliveries (hook, guid, global_position, "
             "repository, deployment_id, state, enqueued_at_ms, due_at_ms, "
             "is_head, attempt_count, attempts_since_due) "
             "VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, ?7, 0, 0)";
    case Sql::kFindDelivery:
      return "SELECT " SLIPWAY_DELIVERY " FROM deliveries WHERE delivery = ?1";
    case Sql::kListDeliveries:
      return "SELECT " SLIPWAY_DELIVERY
             " FROM deliveries INDEXED BY deliveries_by_hook "
             "WHERE hook = ?1 AND delivery < ?2 ORDER BY delivery DESC "
             "LIMIT ?3";
    case Sql::kListDue:
      return "SELECT " SLIPWAY_DELIVERY
             " FROM deliveries INDEXED BY deliveries_due "
             "WHERE hook = ?1 AND due_at_ms <= ?2 AND is_head = 1 AND "
             "leased_until_ms IS NULL ORDER BY due_at_ms, delivery LIMIT ?3";
    case Sql::kFindFirstPending:
      return "SELECT delivery, is_head "
             "FROM deliveries INDEXED BY deliveries_pending "
             "WHERE hook = ?1 AND repository = ?2 AND deployment_id = ?3 AND "
             "state = 1 ORDER BY delivery LIMIT ?4";
    case Sql::kReleaseLeases:
      return "UPDATE deliveries INDEXED BY deliveries_leased "
             "SET leased_until_ms = NULL "
             "WHERE hook = ?1 AND leased_until_ms <= ?2 AND is_head = 1";
    case Sql::kLease:
      return "UPDATE deliveries SET leased_until_ms = ?2 WHERE delivery = ?1";
    case Sql::kSetHead:
      return "UPDATE deliveries SET is_head = ?2 WHERE delivery = ?1";
    case Sql::kUpdateDelivery:
      return "UPDATE deliveries SET state = ?2, due_at_ms = ?3, "
             "attempt_count = ?4, attempts_since_due = ?5, "
             "leased_until_ms = ?6, is_head = ?7 WHERE delivery = ?1";
    case Sql::kListEnded:
      return "SELECT delivery FROM deliveries INDEXED BY deliveries_ended "
             "WHERE state <> 1 AND enqueued_at_ms < ?1 "
             "ORDER BY enqueued_at_ms, delivery LIMIT ?2";
    case Sql::kDeleteDelivery:
      return "DELETE FROM deliveries WHERE delivery = ?1";
    case Sql::kInsertAttempt:
      return "INSERT INTO attempts (delivery, number, started_at_ms, "
             "duration_ms, status_code, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    case Sql::kListAttempts:
      return "SELECT number, started_at_ms, duration_ms, status_code, error "
             "FROM attempts WHERE delivery = ?1 ORDER BY number";
    case Sql::kDeleteAttempts:
      return "DELETE FROM attempts WHERE delivery = ?1";
    case Sql::kCount:
      break;
  }
  return "";
}

}  // namespace internal
}  // namespace slipway
