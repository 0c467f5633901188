#include "slipway/adapters/sqlite/deliveries.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace internal {
namespace {

// What a delivery's row has beside what it tells.
struct DeliveryRow {
  Delivery delivery;
  int64_t global_position = 0;
  int64_t attempt_count = 0;
  int64_t repository = 0;
  int64_t deployment_id = 0;
  absl::optional<int64_t> leased_until_ms;
  bool is_head = false;
};

absl::Status NoHook(int64_t id) {
  return absl::NotFoundError(absl::StrCat("no hook has the id ", id));
}

absl::Status NoDelivery(int64_t id) {
  return absl::NotFoundError(absl::StrCat("no delivery has the id ", id));
}

// What becomes of rows of the stream that cannot be read.
enum class Damage { kIsAnError, kIsMarked };

struct NumberedEntry {
  // As the file numbers it.
  int64_t repository = 0;
  OutboxEntry entry;
  // The entry has its positions only.
  bool is_damaged = false;
};

// The entries of the present row, without their positions.
absl::Status ParseEntries(const Query& query,
                          std::vector<NumberedEntry>* entries) {
  v1::Acceptance acceptance;
  const int64_t count = query.Int(2);
  absl::Status status = query.Parse(3, &acceptance);
  if (!status.ok()) return status;
  if (acceptance.events_size() != count) return query.Damaged();
  entries->assign(acceptance.events_size(), NumberedEntry());
  for (const v1::Effect& effect : acceptance.effects()) {
    if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
    if (effect.event_index() < 0 || effect.event_index() >= count) {
      return query.Damaged();
    }
    OutboxEntry& entry = (*entries)[effect.event_index()].entry;
    entry.notify = true;
    if (effect.has_deployment()) entry.deployment = effect.deployment();
  }
  for (int i = 0; i < acceptance.events_size(); ++i) {
    (*entries)[i].entry.event = std::move(*acceptance.mutable_events(i));
  }
  return absl::OkStatus();
}

// The entries of the rows of `query` that come after `after`: by the position
// in the repository, or by the global one. `add` says whether to go on.
template <typename Add>
absl::Status VisitEntries(Query& query, bool is_global, int64_t after,
                          Damage damage, Add add) {
  std::vector<NumberedEntry> entries;
  while (query.Next()) {
    const int64_t last_global = query.Int(0);
    const int64_t last = query.Int(1);
    absl::Status status = ParseEntries(query, &entries);
    if (!status.ok()) {
      if (damage == Damage::kIsAnError) return status;
      // How many they are is not to be trusted, either, but only those that
      // come next can be among them.
      const int64_t unread = (is_global ? last_global : last) - after;
      const int64_t count =
          std::min(std::max<int64_t>(query.Int(2), 1), unread);
      entries.assign(count, NumberedEntry());
      for (NumberedEntry& entry : entries) entry.is_damaged = true;
    }
    const auto count = static_cast<int64_t>(entries.size());
    for (int64_t i = 0; i < count; ++i) {
      NumberedEntry& numbered = entries[i];
      numbered.repository = query.Int(4);
      const int64_t global_position = last_global - count + 1 + i;
      numbered.entry.position = last - count + 1 + i;
      if (is_global) numbered.entry.global_position = global_position;
      if ((is_global ? global_position : numbered.entry.position) <= after) {
        continue;
      }
      if (!add(std::move(numbered))) return absl::OkStatus();
    }
    after = is_global ? last_global : last;
  }
  return query.status();
}

absl::StatusOr<std::vector<NumberedEntry>> ReadNumbered(Database& database,
                                                        int64_t after_position,
                                                        int64_t limit,
                                                        Damage damage) {
  std::vector<NumberedEntry> entries;
  if (limit <= 0) return entries;
  Query query(database, Sql::kReadAll, after_position);
  absl::Status status =
      VisitEntries(query, /*is_global=*/true, after_position, damage,
                   [&](NumberedEntry&& entry) {
                     entries.push_back(std::move(entry));
                     return static_cast<int64_t>(entries.size()) < limit;
                   });
  if (!status.ok()) return status;
  return entries;
}

void ReadDelivery(const Query& query, DeliveryRow* row) {
  Delivery& delivery = row->delivery;
  delivery.id = query.Int(0);
  delivery.hook_id = query.Int(1);
  delivery.guid = std::string(query.Blob(2));
  row->global_position = query.Int(3);
  delivery.state = static_cast<DeliveryState>(query.Int(4));
  delivery.enqueued_at_ms = query.Int(5);
  delivery.due_at_ms = query.Int(6);
  delivery.attempts_since_due = query.Int(7);
  row->attempt_count = query.Int(8);
  row->repository = query.Int(9);
  row->deployment_id = query.Int(10);
  if (!query.IsNull(11)) row->leased_until_ms = query.Int(11);
  row->is_head = query.Int(12) != 0;
}

absl::StatusOr<absl::optional<DeliveryRow>> FindRow(Database& database,
                                                    int64_t id) {
  absl::optional<DeliveryRow> row;
  Query query(database, Sql::kFindDelivery, id);
  if (query.Next()) ReadDelivery(query, &row.emplace());
  if (!query.status().ok()) return query.status();
  return row;
}

// The entry that it delivers, or that there is none to be read.
absl::Status AddEntry(Database& database, DeliveryRow* row) {
  absl::StatusOr<std::vector<NumberedEntry>> entries =
      ReadNumbered(database, row->global_position - 1, 1, Damage::kIsMarked);
  if (!entries.ok()) return entries.status();
  Delivery& delivery = row->delivery;
  // Where its row is missing this is the next one.
  if (entries->empty() ||
      entries->front().entry.global_position != row->global_position) {
    delivery.is_damaged = true;
    delivery.entry.global_position = row->global_position;
    return absl::OkStatus();
  }
  delivery.is_damaged = entries->front().is_damaged;
  delivery.entry = std::move(entries->front().entry);
  return absl::OkStatus();
}

absl::Status AddAttempts(Database& database, Delivery* delivery) {
  Query query(database, Sql::kListAttempts, delivery->id);
  while (query.Next()) {
    DeliveryAttempt& attempt = delivery->attempts.emplace_back();
    attempt.number = query.Int(0);
    attempt.started_at_ms = query.Int(1);
    attempt.duration_ms = query.Int(2);
    attempt.status_code = static_cast<int>(query.Int(3));
    attempt.error = std::string(query.Blob(4));
  }
  return query.status();
}

// A random UUID (version 4) in lower case.
std::string MakeGuid() {
  unsigned char bytes[16];
  sqlite3_randomness(sizeof(bytes), bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string guid;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) guid += '-';
    guid += kDigits[bytes[i] >> 4];
    guid += kDigits[bytes[i] & 0x0f];
  }
  return guid;
}

// Sees to it that of a deployment's pending deliveries the oldest is the head,
// and no other.
absl::Status MakeOldestHead(Rows& rows, const DeliveryRow& changed) {
  // Behind the oldest there may be the one that was it before.
  constexpr int64_t kLookedAt = 2;
  std::vector<std::pair<int64_t, bool>> pending;
  {
    Query query(rows.database(), Sql::kFindFirstPending,
                changed.delivery.hook_id, changed.repository,
                changed.deployment_id, kLookedAt);
    while (query.Next()) pending.emplace_back(query.Int(0), query.Int(1) != 0);
    if (!query.status().ok()) return query.status();
  }
  bool is_oldest = true;
  for (const auto& [id, is_head] : pending) {
    if (is_head != is_oldest) {
      absl::Status status = Run(rows.database(), Sql::kSetHead, id, is_oldest);
      if (!status.ok()) return status;
    }
    is_oldest = false;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(Database& database,
                                                    int64_t repository,
                                                    int64_t after_position,
                                                    int64_t limit) {
  std::vector<OutboxEntry> entries;
  if (limit <= 0) return entries;
  Query query(database, Sql::kReadOutbox, repository, after_position);
  absl::Status status =
      VisitEntries(query, /*is_global=*/false, after_position,
                   Damage::kIsAnError, [&](NumberedEntry&& numbered) {
                     entries.push_back(std::move(numbered.entry));
                     return static_cast<int64_t>(entries.size()) < limit;
                   });
  if (!status.ok()) return status;
  return entries;
}

absl::StatusOr<std::vector<OutboxEntry>> ReadAll(Database& database,
                                                 int64_t after_position,
                                                 int64_t limit) {
  absl::StatusOr<std::vector<NumberedEntry>> numbered =
      ReadNumbered(database, after_position, limit, Damage::kIsAnError);
  if (!numbered.ok()) return numbered.status();
  std::vector<OutboxEntry> entries;
  entries.reserve(numbered->size());
  for (NumberedEntry& each : *numbered) {
    entries.push_back(std::move(each.entry));
  }
  return entries;
}

absl::StatusOr<int64_t> LastGlobalPosition(Database& database) {
  Query query(database, Sql::kFindEndOfStream);
  const int64_t position = query.Next() ? query.Int(0) : 0;
  if (!query.status().ok()) return query.status();
  return position;
}

absl::StatusOr<Hook> AddHook(Rows& rows,
                             const DeliveryQueue::AddHookParams& params) {
  Hook hook;
  hook.url = params.url;
  {
    Query query(rows.database(), Sql::kFindHookByUrl, params.url);
    if (query.Next()) {
      hook.id = query.Int(0);
      hook.cursor = query.Int(1);
      return hook;
    }
    if (!query.status().ok()) return query.status();
  }
  // The stream ends behind the decisions of this transaction.
  absl::Status flushed = rows.Flush();
  if (!flushed.ok()) return flushed;
  absl::StatusOr<int64_t> end = LastGlobalPosition(rows.database());
  if (!end.ok()) return end.status();
  hook.cursor = *end;
  rows.NoteChange();
  absl::Status status =
      Run(rows.database(), Sql::kInsertHook, hook.url, hook.cursor);
  if (!status.ok()) return status;
  hook.id = sqlite3_last_insert_rowid(rows.database().handle());
  return hook;
}

absl::StatusOr<int64_t> Enqueue(Rows& rows,
                                const DeliveryQueue::EnqueueParams& params) {
  Database& database = rows.database();
  absl::Status flushed = rows.Flush();
  if (!flushed.ok()) return flushed;
  int64_t cursor = 0;
  {
    Query query(database, Sql::kFindHook, params.hook_id);
    if (!query.Next()) {
      return query.status().ok() ? NoHook(params.hook_id) : query.status();
    }
    cursor = query.Int(1);
  }
  absl::StatusOr<std::vector<NumberedEntry>> entries =
      ReadNumbered(database, cursor, params.limit, Damage::kIsMarked);
  if (!entries.ok()) return entries.status();
  if (entries->empty()) return 0;
  rows.NoteChange();
  int64_t added = 0;
  for (const NumberedEntry& numbered : *entries) {
    const OutboxEntry& entry = numbered.entry;
    const bool is_wanted = params.types.empty() ||
                           std::find(params.types.begin(), params.types.end(),
                                     entry.event.type()) != params.types.end();
    if (!numbered.is_damaged && (!entry.notify || !is_wanted)) continue;
    // Of a damaged one it is 0.
    const int64_t deployment_id = entry.event.has_status()
                                      ? entry.event.status().deployment_id()
                                      : entry.event.deployment().id();
    bool is_first = false;
    {
      Query query(database, Sql::kFindFirstPending, params.hook_id,
                  numbered.repository, deployment_id, int64_t{1});
      is_first = !query.Next();
      if (!query.status().ok()) return query.status();
    }
    const std::string guid = MakeGuid();
    absl::Status status = Run(database, Sql::kInsertDelivery, params.hook_id,
                              guid, entry.global_position, numbered.repository,
                              deployment_id, params.now_ms, is_first);
    if (!status.ok()) return status;
    ++added;
  }
  absl::Status status = Run(database, Sql::kSetCursor, params.hook_id,
                            entries->back().entry.global_position);
  if (status.ok() && added > 0) {
    status = Run(database, Sql::kAddPending, params.hook_id, added);
  }
  if (!status.ok()) return status;
  return static_cast<int64_t>(entries->size());
}

absl::StatusOr<std::vector<Delivery>> Claim(
    Rows& rows, const DeliveryQueue::ClaimParams& params) {
  absl::Status released =
      Run(rows.database(), Sql::kReleaseLeases, params.hook_id, params.now_ms);
  if (!released.ok()) return released;
  if (sqlite3_changes(rows.database().handle()) > 0) rows.NoteChange();
  std::vector<DeliveryRow> found;
  if (params.limit > 0) {
    Query query(rows.database(), Sql::kListDue, params.hook_id, params.now_ms,
                params.limit);
    while (query.Next()) ReadDelivery(query, &found.emplace_back());
    if (!query.status().ok()) return query.status();
  }
  std::vector<Delivery> claimed;
  for (DeliveryRow& row : found) {
    absl::Status status = AddEntry(rows.database(), &row);
    if (!status.ok()) return status;
    rows.NoteChange();
    row.delivery.leased_until_ms =
        params.now_ms + std::max<int64_t>(params.lease_ms, 0);
    status = Run(rows.database(), Sql::kLease, row.delivery.id,
                 row.delivery.leased_until_ms);
    if (!status.ok()) return status;
    claimed.push_back(std::move(row.delivery));
  }
  return claimed;
}

absl::Status Record(Rows& rows, const DeliveryQueue::RecordParams& params) {
  Database& database = rows.database();
  absl::StatusOr<absl::optional<DeliveryRow>> found =
      FindRow(database, params.delivery_id);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoDelivery(params.delivery_id);
  const DeliveryRow& row = **found;
  const bool was_pending = row.delivery.state == DeliveryState::kPending;
  const bool is_anothers = row.leased_until_ms.has_value() &&
                           *row.leased_until_ms != params.leased_until_ms;
  // Else the attempt is noted and changes nothing.
  const bool counts = was_pending && !is_anothers;
  const DeliveryState state = counts ? params.state : row.delivery.state;
  const bool is_pending = state == DeliveryState::kPending;
  rows.NoteChange();
  absl::Status status = Run(database, Sql::kInsertAttempt, params.delivery_id,
                            row.attempt_count + 1, params.attempt.started_at_ms,
                            params.attempt.duration_ms,
                            params.attempt.status_code, params.attempt.error);
  if (!status.ok()) return status;
  status = Run(database, Sql::kUpdateDelivery, params.delivery_id,
               static_cast<int>(state),
               counts && is_pending ? params.due_at_ms : row.delivery.due_at_ms,
               row.attempt_count + 1,
               row.delivery.attempts_since_due + (was_pending ? 1 : 0),
               counts ? absl::optional<int64_t>() : row.leased_until_ms,
               is_pending && row.is_head);
  if (!status.ok() || !was_pending || is_pending) return status;
  status = Run(database, Sql::kAddPending, row.delivery.hook_id, int64_t{-1});
  if (!status.ok()) return status;
  return MakeOldestHead(rows, row);
}

absl::StatusOr<std::vector<Delivery>> ListDeliveries(
    Database& database, const DeliveryQueue::ListDeliveriesParams& params) {
  std::vector<DeliveryRow> rows;
  if (params.limit > 0) {
    Query query(database, Sql::kListDeliveries, params.hook_id,
                params.before_id > 0 ? params.before_id
                                     : std::numeric_limits<int64_t>::max(),
                params.limit);
    while (query.Next()) ReadDelivery(query, &rows.emplace_back());
    if (!query.status().ok()) return query.status();
  }
  std::vector<Delivery> deliveries;
  for (DeliveryRow& row : rows) {
    absl::Status status = AddEntry(database, &row);
    if (status.ok()) status = AddAttempts(database, &row.delivery);
    if (!status.ok()) return status;
    deliveries.push_back(std::move(row.delivery));
  }
  return deliveries;
}

absl::StatusOr<absl::optional<Delivery>> FindDelivery(Database& database,
                                                      int64_t id) {
  absl::optional<Delivery> delivery;
  absl::StatusOr<absl::optional<DeliveryRow>> row = FindRow(database, id);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return delivery;
  absl::Status status = AddEntry(database, &**row);
  if (status.ok()) status = AddAttempts(database, &(*row)->delivery);
  if (!status.ok()) return status;
  delivery = std::move((*row)->delivery);
  return delivery;
}

absl::Status Redeliver(Rows& rows,
                       const DeliveryQueue::RedeliverParams& params) {
  Database& database = rows.database();
  absl::StatusOr<absl::optional<DeliveryRow>> found =
      FindRow(database, params.delivery_id);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoDelivery(params.delivery_id);
  const DeliveryRow& row = **found;
  rows.NoteChange();
  absl::Status status =
      Run(database, Sql::kUpdateDelivery, params.delivery_id,
          static_cast<int>(DeliveryState::kPending), params.now_ms,
          row.attempt_count, int64_t{0}, row.leased_until_ms, row.is_head);
  if (!status.ok() || row.delivery.state == DeliveryState::kPending) {
    return status;
  }
  status = Run(database, Sql::kAddPending, row.delivery.hook_id, int64_t{1});
  if (!status.ok()) return status;
  return MakeOldestHead(rows, row);
}

absl::StatusOr<int64_t> Prune(Rows& rows,
                              const DeliveryQueue::PruneParams& params) {
  std::vector<int64_t> ids;
  if (params.limit > 0) {
    Query query(rows.database(), Sql::kListEnded, params.before_ms,
                params.limit);
    while (query.Next()) ids.push_back(query.Int(0));
    if (!query.status().ok()) return query.status();
  }
  for (const int64_t id : ids) {
    rows.NoteChange();
    absl::Status status = Run(rows.database(), Sql::kDeleteAttempts, id);
    if (status.ok()) status = Run(rows.database(), Sql::kDeleteDelivery, id);
    if (!status.ok()) return status;
  }
  return static_cast<int64_t>(ids.size());
}

absl::StatusOr<int64_t> CountPending(Database& database, int64_t hook_id) {
  Query query(database, Sql::kFindHook, hook_id);
  const int64_t count = query.Next() ? query.Int(2) : 0;
  if (!query.status().ok()) return query.status();
  return count;
}

}  // namespace internal
}  // namespace slipway
