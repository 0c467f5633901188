#include "engine/adapters/postgres/stream.h"

#include <algorithm>
#include <utility>

#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace postgres_internal {
namespace {

// Decisions that are given their places in one transaction.
constexpr int64_t kPlacedAtOnce = 1000;

constexpr Statement kReadOutbox = {"read_outbox", R"sql(
SELECT first_position, last_position, global_last, body FROM slipway_outbox
  WHERE repository = $1 AND last_position > $2
  ORDER BY last_position LIMIT $3
)sql"};
constexpr Statement kReadAll = {"read_all", R"sql(
SELECT first_position, last_position, global_last, body, repository
  FROM slipway_outbox
  WHERE global_last > $1 AND global_last IS NOT NULL
  ORDER BY global_last LIMIT $2
)sql"};
constexpr Statement kHasUnplaced = {
    "has_unplaced",
    "SELECT 1 FROM slipway_outbox WHERE global_last IS NULL LIMIT 1"};
constexpr Statement kLast = {"last",
                             "SELECT last FROM slipway_stream WHERE id = 1"};
constexpr Statement kLockStream = {
    "lock_stream", "SELECT last FROM slipway_stream WHERE id = 1 FOR UPDATE"};
// Whoever holds the row of slipway_stream sees all that was placed before, so
// nothing is placed twice. What is seen of a repository is all up to some
// decision, and its stamps grow, so that its decisions stay in their order; and
// those of different repositories come in the order of time, as far as that
// goes.
constexpr Statement kPlace = {"place", R"sql(
WITH batch AS (
  SELECT repository, last_position, stamp_us,
      last_position - first_position + 1 AS size
    FROM slipway_outbox
    WHERE global_last IS NULL
    ORDER BY stamp_us, repository, last_position LIMIT $1
), placed AS (
  SELECT repository, last_position,
      (SELECT last FROM slipway_stream WHERE id = 1) + CAST(
        sum(size) OVER (ORDER BY stamp_us, repository, last_position) AS bigint)
        AS global_last
    FROM batch
), updated AS (
  UPDATE slipway_outbox AS o SET global_last = p.global_last
    FROM placed AS p
    WHERE o.repository = p.repository AND o.last_position = p.last_position
    RETURNING o.global_last
)
UPDATE slipway_stream
  SET last = greatest(last, (SELECT max(global_last) FROM updated))
  WHERE id = 1
  RETURNING (SELECT count(*) FROM updated)
)sql"};

// All entries of a row. Those that have been given no global position have 0.
absl::Status ReadEntries(const Rows& rows, int row, int column,
                         std::vector<OutboxEntry>* entries) {
  const int64_t first = rows.Int(row, column);
  const int64_t last = rows.Int(row, column + 1);
  v1::Acceptance acceptance;
  absl::Status status = ParseBody(rows.Bytes(row, column + 3), &acceptance);
  if (!status.ok()) return status;
  const int size = acceptance.events_size();
  if (size != last - first + 1) {
    return absl::DataLossError("PostgreSQL: a decision lacks events");
  }
  entries->clear();
  entries->resize(size);
  for (int i = 0; i < size; ++i) {
    OutboxEntry& entry = (*entries)[i];
    entry.position = first + i;
    entry.event.Swap(acceptance.mutable_events(i));
    if (!rows.IsNull(row, column + 2)) {
      entry.global_position = rows.Int(row, column + 2) - (last - first) + i;
    }
  }
  for (v1::Effect& effect : *acceptance.mutable_effects()) {
    if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
    if (effect.event_index() < 0 || effect.event_index() >= size) {
      return absl::DataLossError("PostgreSQL: a decision lacks events");
    }
    OutboxEntry& entry = (*entries)[effect.event_index()];
    entry.notify = true;
    if (effect.has_deployment()) {
      entry.deployment.emplace();
      entry.deployment->Swap(effect.mutable_deployment());
    }
  }
  return absl::OkStatus();
}

// Adds the events of a row that are after `after`, up to `limit` entries.
absl::Status AddEntries(const Rows& rows, int row, int64_t after, int64_t limit,
                        std::vector<OutboxEntry>* entries) {
  std::vector<OutboxEntry> all;
  absl::Status status = ReadEntries(rows, row, 0, &all);
  if (!status.ok()) return status;
  for (OutboxEntry& entry : all) {
    if (entry.position <= after) continue;
    if (static_cast<int64_t>(entries->size()) >= limit) break;
    // Only the stream of all repositories says where it is.
    entry.global_position = 0;
    entries->push_back(std::move(entry));
  }
  return absl::OkStatus();
}

// Likewise, by their global positions.
absl::Status AddKeyedEntries(const Rows& rows, int row, int64_t after,
                             int64_t limit, Damage damage,
                             std::vector<KeyedEntry>* entries) {
  std::vector<OutboxEntry> all;
  const absl::Status status = ReadEntries(rows, row, 0, &all);
  if (!status.ok()) {
    if (damage == Damage::kIsAnError) return status;
    // How many they are is not to be trusted, either, but only those that come
    // next can be among them.
    const int64_t last = rows.Int(row, 1);
    const int64_t global_last = rows.Int(row, 2);
    const int64_t count = std::min(
        std::max<int64_t>(last - rows.Int(row, 0) + 1, 1), global_last - after);
    all.assign(count, OutboxEntry());
    for (int64_t i = 0; i < count; ++i) {
      all[i].position = last - count + 1 + i;
      all[i].global_position = global_last - count + 1 + i;
    }
  }
  for (OutboxEntry& entry : all) {
    if (entry.global_position <= after) continue;
    if (static_cast<int64_t>(entries->size()) >= limit) break;
    entries->push_back({rows.Int(row, 4), std::move(entry), !status.ok()});
  }
  return absl::OkStatus();
}

// Rows that are read at once; a caller that wants more than so many entries
// gets them in several turns of the loop.
constexpr int64_t kRowsMax = 1000;

}  // namespace

absl::StatusOr<OutboxEntry> ReadEntry(const Rows& rows, int row, int column,
                                      int64_t position) {
  std::vector<OutboxEntry> all;
  if (!rows.IsNull(row, column)) {
    absl::Status status = ReadEntries(rows, row, column, &all);
    if (!status.ok()) return status;
  }
  for (OutboxEntry& entry : all) {
    if (entry.position == position) return std::move(entry);
  }
  return absl::DataLossError("PostgreSQL: a delivery's event is missing");
}

absl::StatusOr<std::vector<OutboxEntry>> Stream::Read(int64_t key,
                                                      int64_t after,
                                                      int64_t limit) {
  std::vector<OutboxEntry> entries;
  while (static_cast<int64_t>(entries.size()) < limit) {
    const int64_t wanted = limit - static_cast<int64_t>(entries.size());
    std::vector<Rows> rows;
    absl::Status status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kReadOutbox, Values().Int(key).Int(after).Int(
                                          std::min(wanted, kRowsMax)));
        },
        &rows);
    if (!status.ok()) return status;
    for (int row = 0; row < rows[0].size(); ++row) {
      status = AddEntries(rows[0], row, after, limit, &entries);
      if (!status.ok()) return status;
    }
    if (rows[0].size() < kRowsMax) break;
    after = entries.back().position;
  }
  return entries;
}

absl::StatusOr<std::vector<OutboxEntry>> Stream::ReadAll(int64_t after,
                                                         int64_t limit) {
  absl::StatusOr<std::vector<KeyedEntry>> keyed =
      ReadKeyed(after, limit, Damage::kIsAnError);
  if (!keyed.ok()) return keyed.status();
  std::vector<OutboxEntry> entries;
  entries.reserve(keyed->size());
  for (KeyedEntry& each : *keyed) entries.push_back(std::move(each.entry));
  return entries;
}

absl::StatusOr<std::vector<KeyedEntry>> Stream::ReadKeyed(int64_t after,
                                                          int64_t limit,
                                                          Damage damage) {
  std::vector<KeyedEntry> entries;
  while (static_cast<int64_t>(entries.size()) < limit) {
    const int64_t wanted = limit - static_cast<int64_t>(entries.size());
    std::vector<Rows> rows;
    // In this order: where nothing was left to be placed, the later statement
    // sees all that was there at that time.
    absl::Status status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kHasUnplaced);
          connection.Add(kReadAll,
                         Values().Int(after).Int(std::min(wanted, kRowsMax)));
        },
        &rows);
    if (!status.ok()) return status;
    for (int row = 0; row < rows[1].size(); ++row) {
      status = AddKeyedEntries(rows[1], row, after, limit, damage, &entries);
      if (!status.ok()) return status;
      if (!entries.empty()) after = entries.back().entry.global_position;
    }
    if (!rows[1].empty()) {
      if (rows[1].size() == kRowsMax) continue;
    }
    if (rows[0].empty()) break;
    if (static_cast<int64_t>(entries.size()) >= limit) break;
    const absl::StatusOr<int64_t> placed = Place();
    if (!placed.ok()) return placed.status();
  }
  return entries;
}

absl::StatusOr<int64_t> Stream::Last() {
  while (true) {
    std::vector<Rows> rows;
    absl::Status status = database_.Read(
        [&](Connection& connection) {
          connection.Add(kHasUnplaced);
          connection.Add(kLast);
        },
        &rows);
    if (!status.ok()) return status;
    if (rows[1].empty()) {
      return absl::DataLossError("PostgreSQL: slipway_stream is empty");
    }
    if (rows[0].empty()) return rows[1].Int(0, 0);
    const absl::StatusOr<int64_t> placed = Place();
    if (!placed.ok()) return placed.status();
  }
}

absl::StatusOr<int64_t> Stream::Place() {
  std::vector<Rows> rows;
  absl::Status status = database_.Read(
      [&](Connection& connection) {
        connection.Add(kBegin);
        connection.Add(kLockStream);
        connection.Add(kPlace, Values().Int(kPlacedAtOnce));
        connection.Add(kCommitWork);
      },
      &rows);
  if (!status.ok()) return status;
  return rows[2].empty() ? 0 : rows[2].Int(0, 0);
}

}  // namespace postgres_internal
}  // namespace slipway
