#include "engine/adapters/postgres/deliveries.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace postgres_internal {
namespace {

constexpr int64_t kPending = static_cast<int64_t>(DeliveryState::kPending);

constexpr Statement kFindHookByUrl = {
    "find_hook_by_url",
    "SELECT id, cursor FROM slipway_hooks WHERE url_key = $1"};
constexpr Statement kInsertHook = {"insert_hook", R"sql(
INSERT INTO slipway_hooks (id, url_key, url, cursor, pending)
  VALUES ($1, $2, $3, $4, 0) ON CONFLICT (url_key) DO NOTHING
)sql"};
constexpr Statement kFindCursor = {
    "find_cursor", "SELECT cursor FROM slipway_hooks WHERE id = $1"};
constexpr Statement kLockHook = {
    "lock_hook", "SELECT 1 FROM slipway_hooks WHERE id = $1 FOR UPDATE"};
constexpr Statement kCountPending = {
    "count_pending", "SELECT pending FROM slipway_hooks WHERE id = $1"};

// Nothing where another one has moved the cursor before. The first of its
// deployment is ready where no other is pending.
constexpr Statement kEnqueue = {"enqueue", R"sql(
WITH moved AS (
  UPDATE slipway_hooks
    SET cursor = $3, pending = pending + cardinality(CAST($5 AS bigint[]))
    WHERE id = $1 AND cursor = $2
    RETURNING id
), added AS (
  INSERT INTO slipway_deliveries (id, hook, guid, repository, position,
      deployment_id, state, enqueued_at_ms, due_at_ms, ready_at_ms,
      attempts_since_due, attempt_count)
    SELECT t.id, moved.id, t.guid, t.repository, t.position, t.deployment_id, 1,
        $4, $4,
        CASE WHEN t.is_first = 1 AND NOT EXISTS (
            SELECT 1 FROM slipway_deliveries AS p
              WHERE p.hook = $1 AND p.repository = t.repository
                AND p.deployment_id = t.deployment_id AND p.state = 1)
          THEN CAST($4 AS bigint) END,
        0, 0
      FROM moved, unnest(CAST($5 AS bigint[]), CAST($6 AS bytea[]),
        CAST($7 AS bigint[]), CAST($8 AS bigint[]), CAST($9 AS bigint[]),
        CAST($10 AS bigint[]))
        AS t (id, guid, repository, position, deployment_id, is_first)
)
SELECT count(*) FROM moved
)sql"};

#define SLIPWAY_DELIVERY_COLUMNS                                           \
  "d.id, d.hook, d.guid, d.position, d.state, d.enqueued_at_ms, "          \
  "d.due_at_ms, d.attempts_since_due, o.first_position, o.last_position, " \
  "o.global_last, o.body"
// The event is in the first decision that ends at its position or later.
#define SLIPWAY_DELIVERY_EVENT                                              \
  " LEFT JOIN LATERAL (SELECT first_position, last_position, global_last, " \
  "body FROM slipway_outbox WHERE repository = d.repository AND "           \
  "last_position >= d.position ORDER BY last_position LIMIT 1) AS o ON true "

// Claims that have run out.
constexpr Statement kExpire = {"expire", R"sql(
UPDATE slipway_deliveries AS d
  SET leased_until_ms = NULL,
    ready_at_ms = CASE WHEN NOT EXISTS (
        SELECT 1 FROM slipway_deliveries AS p
          WHERE p.hook = d.hook AND p.repository = d.repository
            AND p.deployment_id = d.deployment_id AND p.state = 1
            AND p.id < d.id)
      THEN d.due_at_ms END
  WHERE d.hook = $1 AND d.leased_until_ms <= $2
    AND d.leased_until_ms IS NOT NULL
)sql"};
constexpr Statement kClaim = {"claim", R"sql(
WITH d AS (
  UPDATE slipway_deliveries SET leased_until_ms = $4, ready_at_ms = NULL
    WHERE id IN (
      SELECT id FROM slipway_deliveries
        WHERE hook = $1 AND ready_at_ms <= $2 AND ready_at_ms IS NOT NULL
        ORDER BY ready_at_ms, id LIMIT $3)
    RETURNING *
)
SELECT )sql" SLIPWAY_DELIVERY_COLUMNS " FROM d" SLIPWAY_DELIVERY_EVENT
                                       "ORDER BY d.due_at_ms, d.id"};

constexpr Statement kLockHookOf = {"lock_hook_of", R"sql(
SELECT 1 FROM slipway_hooks
  WHERE id = (SELECT hook FROM slipway_deliveries WHERE id = $1) FOR UPDATE
)sql"};
constexpr Statement kReadLocked = {"read_locked", R"sql(
SELECT d.hook, d.repository, d.deployment_id, d.state,
    EXISTS (SELECT 1 FROM slipway_attempts AS a
      WHERE a.delivery = $1 AND a.token = $2), d.leased_until_ms
  FROM slipway_deliveries AS d WHERE d.id = $1 FOR UPDATE OF d
)sql"};
constexpr Statement kNote = {"note", R"sql(
WITH d AS (
  UPDATE slipway_deliveries SET attempt_count = attempt_count + 1
    WHERE id = $1 RETURNING attempt_count
)
INSERT INTO slipway_attempts (delivery, number, token, started_at_ms,
    duration_ms, status_code, error)
  SELECT $1, d.attempt_count, $2, $3, $4, $5, $6 FROM d
)sql"};
constexpr Statement kCountAttempt = {"count_attempt", R"sql(
UPDATE slipway_deliveries SET attempts_since_due = attempts_since_due + 1
  WHERE id = $1
)sql"};
constexpr Statement kTryAgain = {"try_again", R"sql(
UPDATE slipway_deliveries
  SET attempts_since_due = attempts_since_due + 1, leased_until_ms = NULL,
    ready_at_ms = NULL, due_at_ms = $2
  WHERE id = $1
)sql"};
constexpr Statement kEnd = {"end", R"sql(
UPDATE slipway_deliveries
  SET attempts_since_due = attempts_since_due + 1, leased_until_ms = NULL,
    ready_at_ms = NULL, state = $2
  WHERE id = $1
)sql"};
constexpr Statement kPend = {"pend", R"sql(
UPDATE slipway_deliveries
  SET state = 1, due_at_ms = $2, ready_at_ms = NULL, attempts_since_due = 0
  WHERE id = $1
)sql"};
constexpr Statement kCountHook = {
    "count_hook",
    "UPDATE slipway_hooks SET pending = pending + $2 WHERE id = $1"};
// The head of a deployment: the oldest that is pending.
#define SLIPWAY_HEAD                                                        \
  "(SELECT id FROM slipway_deliveries WHERE hook = $1 AND repository = $2 " \
  "AND deployment_id = $3 AND state = 1 ORDER BY id LIMIT 1)"
constexpr Statement kUnplaceHead = {
    "unplace_head",
    "UPDATE slipway_deliveries SET ready_at_ms = NULL WHERE id = " SLIPWAY_HEAD
    " AND ready_at_ms IS NOT NULL"};
constexpr Statement kPlaceHead = {
    "place_head",
    "UPDATE slipway_deliveries SET ready_at_ms = due_at_ms WHERE id "
    "= " SLIPWAY_HEAD " AND leased_until_ms IS NULL"};

constexpr Statement kList = {
    "list_deliveries",
    "SELECT " SLIPWAY_DELIVERY_COLUMNS
    " FROM (SELECT * FROM slipway_deliveries WHERE hook = $1 AND id < $2 "
    "ORDER BY id DESC LIMIT $3) AS d" SLIPWAY_DELIVERY_EVENT
    "ORDER BY d.id DESC"};
#define SLIPWAY_ATTEMPT_COLUMNS                                           \
  "a.delivery, a.number, a.started_at_ms, a.duration_ms, a.status_code, " \
  "a.error"
constexpr Statement kListAttempts = {
    "list_attempts",
    "SELECT " SLIPWAY_ATTEMPT_COLUMNS
    " FROM (SELECT id FROM slipway_deliveries WHERE hook = $1 AND id < $2 "
    "ORDER BY id DESC LIMIT $3) AS d JOIN slipway_attempts AS a ON a.delivery "
    "= d.id ORDER BY a.delivery DESC, a.number"};
constexpr Statement kFindDelivery = {
    "find_delivery",
    "SELECT " SLIPWAY_DELIVERY_COLUMNS
    " FROM slipway_deliveries AS d" SLIPWAY_DELIVERY_EVENT "WHERE d.id = $1"};
constexpr Statement kFindAttempts = {
    "find_attempts",
    "SELECT " SLIPWAY_ATTEMPT_COLUMNS
    " FROM slipway_attempts AS a WHERE a.delivery = $1 ORDER BY a.number"};

constexpr Statement kPrune = {"prune", R"sql(
WITH gone AS (
  DELETE FROM slipway_deliveries
    WHERE state <> 1 AND id IN (
      SELECT id FROM slipway_deliveries
        WHERE state <> 1 AND enqueued_at_ms < $1
        ORDER BY enqueued_at_ms, id LIMIT $2)
    RETURNING id
), forgotten AS (
  DELETE FROM slipway_attempts WHERE delivery IN (SELECT id FROM gone)
)
SELECT count(*) FROM gone
)sql"};

int64_t DeploymentOf(const v1::Event& event) {
  return event.has_status() ? event.status().deployment_id()
                            : event.deployment().id();
}

absl::Status NoSuch(const char* what, int64_t id) {
  return absl::NotFoundError(absl::StrCat("there is no ", what, " ", id));
}

int64_t LimitOf(int64_t limit) { return std::max<int64_t>(limit, 0); }

}  // namespace

std::vector<Delivery> Deliveries::Read(const Rows& rows) {
  std::vector<Delivery> deliveries;
  for (int row = 0; row < rows.size(); ++row) {
    Delivery& delivery = deliveries.emplace_back();
    delivery.id = rows.Int(row, 0);
    delivery.hook_id = rows.Int(row, 1);
    delivery.guid = std::string(rows.Bytes(row, 2));
    delivery.state = static_cast<DeliveryState>(rows.Int(row, 4));
    delivery.enqueued_at_ms = rows.Int(row, 5);
    delivery.due_at_ms = rows.Int(row, 6);
    delivery.attempts_since_due = rows.Int(row, 7);
    const int64_t position = rows.Int(row, 3);
    absl::StatusOr<OutboxEntry> entry = ReadEntry(rows, row, 8, position);
    if (entry.ok()) {
      delivery.entry = *std::move(entry);
      continue;
    }
    delivery.is_damaged = true;
    delivery.entry.position = position;
    if (!rows.IsNull(row, 10)) {
      delivery.entry.global_position =
          rows.Int(row, 10) - (rows.Int(row, 9) - position);
    }
  }
  return deliveries;
}

void Deliveries::AddAttempts(const Rows& rows,
                             std::vector<Delivery>* deliveries) {
  // In the same order as the deliveries.
  auto delivery = deliveries->begin();
  for (int row = 0; row < rows.size(); ++row) {
    while (delivery != deliveries->end() && delivery->id != rows.Int(row, 0)) {
      ++delivery;
    }
    if (delivery == deliveries->end()) return;
    DeliveryAttempt& attempt = delivery->attempts.emplace_back();
    attempt.number = rows.Int(row, 1);
    attempt.started_at_ms = rows.Int(row, 2);
    attempt.duration_ms = rows.Int(row, 3);
    attempt.status_code = static_cast<int>(rows.Int(row, 4));
    attempt.error = std::string(rows.Bytes(row, 5));
  }
}

absl::StatusOr<Hook> Deliveries::AddHook(
    const DeliveryQueue::AddHookParams& params) {
  const std::string key = IndexKey(params.url);
  constexpr int kLooks = 2;
  for (int look = 0; look < kLooks; ++look) {
    std::vector<Rows> rows;
    absl::Status status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kFindHookByUrl, Values().Bytes(key));
        },
        &rows);
    if (!status.ok()) return status;
    if (!rows[0].empty()) {
      return Hook{rows[0].Int(0, 0), params.url, rows[0].Int(0, 1)};
    }
    const absl::StatusOr<int64_t> last = stream_.Last();
    if (!last.ok()) return last.status();
    const absl::StatusOr<int64_t> id =
        database_.TakeIds(Database::Series::kDeliveries, 1, 0);
    if (!id.ok()) return id.status();
    // Where another one was quicker, the next look finds it.
    status = database_.Read(
        [&](Connection& connection) {
          connection.Add(
              kInsertHook,
              Values().Int(*id).Bytes(key).Bytes(params.url).Int(*last));
        },
        &rows);
    if (!status.ok()) return status;
    if (rows[0].affected() == 1) return Hook{*id, params.url, *last};
  }
  return AddHook(params);
}

absl::StatusOr<int64_t> Deliveries::Enqueue(
    const DeliveryQueue::EnqueueParams& params) {
  while (true) {
    std::vector<Rows> rows;
    absl::Status status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kFindCursor, Values().Int(params.hook_id));
        },
        &rows);
    if (!status.ok()) return status;
    if (rows[0].empty()) return NoSuch("hook", params.hook_id);
    const int64_t cursor = rows[0].Int(0, 0);
    const absl::StatusOr<std::vector<KeyedEntry>> entries =
        stream_.ReadKeyed(cursor, LimitOf(params.limit), Damage::kIsMarked);
    if (!entries.ok()) return entries.status();
    if (entries->empty()) return 0;

    std::vector<int64_t> ids;
    std::vector<std::string> guids;
    std::vector<int64_t> repositories;
    std::vector<int64_t> positions;
    std::vector<int64_t> deployment_ids;
    std::vector<int64_t> are_first;
    std::set<std::pair<int64_t, int64_t>> seen;
    for (const KeyedEntry& keyed : *entries) {
      const OutboxEntry& entry = keyed.entry;
      const bool is_wanted =
          params.types.empty() ||
          std::find(params.types.begin(), params.types.end(),
                    entry.event.type()) != params.types.end();
      if (!keyed.is_damaged && (!entry.notify || !is_wanted)) continue;
      // Of a damaged one it is 0.
      const int64_t deployment_id = DeploymentOf(entry.event);
      guids.push_back(UuidOf(RandomId()));
      repositories.push_back(keyed.key);
      positions.push_back(entry.position);
      deployment_ids.push_back(deployment_id);
      are_first.push_back(seen.emplace(keyed.key, deployment_id).second ? 1
                                                                        : 0);
    }
    if (!guids.empty()) {
      // After the cursor was read, so that they grow in the stream's order.
      const absl::StatusOr<int64_t> first = database_.TakeIds(
          Database::Series::kDeliveries, static_cast<int64_t>(guids.size()), 0);
      if (!first.ok()) return first.status();
      for (size_t i = 0; i < guids.size(); ++i) {
        ids.push_back(*first + static_cast<int64_t>(i));
      }
    }
    status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kBegin);
          connection.Add(kLockHook, Values().Int(params.hook_id));
          connection.Add(kEnqueue,
                         Values()
                             .Int(params.hook_id)
                             .Int(cursor)
                             .Int(entries->back().entry.global_position)
                             .Int(params.now_ms)
                             .Ints(ids)
                             .BytesArray(guids)
                             .Ints(repositories)
                             .Ints(positions)
                             .Ints(deployment_ids)
                             .Ints(are_first));
          connection.Add(kCommitWork);
        },
        &rows);
    if (!status.ok()) return status;
    if (rows[2].Int(0, 0) == 1) return static_cast<int64_t>(entries->size());
  }
}

absl::StatusOr<std::vector<Delivery>> Deliveries::Claim(
    const DeliveryQueue::ClaimParams& params) {
  std::vector<Rows> rows;
  const int64_t leased_until_ms = params.now_ms + params.lease_ms;
  // Where the answer is lost they are claimed by nobody until the lease ends.
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(kBegin);
        connection.Add(kLockHook, Values().Int(params.hook_id));
        connection.Add(kExpire,
                       Values().Int(params.hook_id).Int(params.now_ms));
        connection.Add(kClaim, Values()
                                   .Int(params.hook_id)
                                   .Int(params.now_ms)
                                   .Int(LimitOf(params.limit))
                                   .Int(leased_until_ms));
        connection.Add(kCommitWork);
      },
      &rows);
  if (!status.ok()) return status;
  std::vector<Delivery> claimed = Read(rows[3]);
  for (Delivery& delivery : claimed) {
    delivery.leased_until_ms = leased_until_ms;
  }
  return claimed;
}

absl::Status Deliveries::Change(
    int64_t id, const std::string& token,
    absl::FunctionRef<void(const Locked&, Connection&)> write) {
  for (int attempt = 0;; ++attempt) {
    absl::StatusOr<PooledConnection> connection = database_.Connect();
    if (!connection.ok()) return connection.status();
    (*connection)->Add(kBegin);
    (*connection)->Add(kLockHookOf, Values().Int(id));
    (*connection)->Add(kReadLocked, Values().Int(id).Bytes(token));
    std::vector<Rows> rows;
    Failure failure = (*connection)->Run(database_.AnswerDeadline(), &rows);
    const bool is_there = failure.ok() && !rows[2].empty();
    if (failure.ok()) {
      if (is_there) {
        Locked locked;
        locked.hook = rows[2].Int(0, 0);
        locked.repository = rows[2].Int(0, 1);
        locked.deployment_id = rows[2].Int(0, 2);
        locked.is_pending = rows[2].Int(0, 3) == kPending;
        locked.is_noted = rows[2].Int(0, 4) != 0;
        if (!rows[2].IsNull(0, 5)) locked.leased_until_ms = rows[2].Int(0, 5);
        write(locked, **connection);
      }
      (*connection)->Add(kCommitWork);
      failure = (*connection)->Run(database_.AnswerDeadline(), &rows);
    }
    if (failure.ok()) {
      return is_there ? absl::OkStatus() : NoSuch("delivery", id);
    }
    connection->Discard();
    if (!database_.TriesAgain(failure, attempt)) return failure.ToStatus();
  }
}

absl::Status Deliveries::Record(const DeliveryQueue::RecordParams& params) {
  const std::string token = RandomId();
  return Change(
      params.delivery_id, token,
      [&](const Locked& locked, Connection& connection) {
        if (locked.is_noted) return;
        const DeliveryAttempt& attempt = params.attempt;
        const int64_t id = params.delivery_id;
        connection.Add(kNote, Values()
                                  .Int(id)
                                  .Bytes(token)
                                  .Int(attempt.started_at_ms)
                                  .Int(attempt.duration_ms)
                                  .Int(attempt.status_code)
                                  .Bytes(attempt.error));
        if (!locked.is_pending) return;
        const bool is_anothers =
            locked.leased_until_ms.has_value() &&
            *locked.leased_until_ms != params.leased_until_ms;
        if (is_anothers) {
          connection.Add(kCountAttempt, Values().Int(id));
          return;
        }
        if (params.state == DeliveryState::kPending) {
          connection.Add(kTryAgain, Values().Int(id).Int(params.due_at_ms));
        } else {
          connection.Add(
              kEnd, Values().Int(id).Int(static_cast<int64_t>(params.state)));
          connection.Add(kCountHook, Values().Int(locked.hook).Int(-1));
        }
        connection.Add(kPlaceHead, Values()
                                       .Int(locked.hook)
                                       .Int(locked.repository)
                                       .Int(locked.deployment_id));
      });
}

absl::Status Deliveries::Redeliver(
    const DeliveryQueue::RedeliverParams& params) {
  return Change(
      params.delivery_id, "",
      [&](const Locked& locked, Connection& connection) {
        const auto deployment = [&] {
          return Values()
              .Int(locked.hook)
              .Int(locked.repository)
              .Int(locked.deployment_id);
        };
        connection.Add(kUnplaceHead, deployment());
        connection.Add(kPend,
                       Values().Int(params.delivery_id).Int(params.now_ms));
        if (!locked.is_pending) {
          connection.Add(kCountHook, Values().Int(locked.hook).Int(1));
        }
        connection.Add(kPlaceHead, deployment());
      });
}

absl::StatusOr<std::vector<Delivery>> Deliveries::List(
    const DeliveryQueue::ListDeliveriesParams& params) {
  const auto page = [&] {
    return Values()
        .Int(params.hook_id)
        .Int(params.before_id > 0 ? params.before_id : int64_t{1} << 62)
        .Int(LimitOf(params.limit));
  };
  std::vector<Rows> rows;
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(kBeginReading);
        connection.Add(kList, page());
        connection.Add(kListAttempts, page());
        connection.Add(kCommitWork);
      },
      &rows);
  if (!status.ok()) return status;
  std::vector<Delivery> deliveries = Read(rows[1]);
  AddAttempts(rows[2], &deliveries);
  return deliveries;
}

absl::StatusOr<absl::optional<Delivery>> Deliveries::Find(int64_t id) {
  std::vector<Rows> rows;
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(kBeginReading);
        connection.Add(kFindDelivery, Values().Int(id));
        connection.Add(kFindAttempts, Values().Int(id));
        connection.Add(kCommitWork);
      },
      &rows);
  if (!status.ok()) return status;
  std::vector<Delivery> deliveries = Read(rows[1]);
  if (deliveries.empty()) return absl::optional<Delivery>();
  AddAttempts(rows[2], &deliveries);
  return absl::optional<Delivery>(std::move(deliveries[0]));
}

absl::StatusOr<int64_t> Deliveries::Prune(
    const DeliveryQueue::PruneParams& params) {
  std::vector<Rows> rows;
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(
            kPrune, Values().Int(params.before_ms).Int(LimitOf(params.limit)));
      },
      &rows);
  if (!status.ok()) return status;
  return rows[0].Int(0, 0);
}

absl::StatusOr<int64_t> Deliveries::CountPending(int64_t hook_id) {
  std::vector<Rows> rows;
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(kCountPending, Values().Int(hook_id));
      },
      &rows);
  if (!status.ok()) return status;
  return rows[0].empty() ? 0 : rows[0].Int(0, 0);
}

}  // namespace postgres_internal
}  // namespace slipway
