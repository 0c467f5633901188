#include "engine/adapters/postgres/transaction.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/adapters/postgres/writer.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace postgres_internal {
namespace {

using Clock = std::chrono::steady_clock;

// How many ids a repository takes at once: few enough that a quiet one leaves
// small holes, many enough that a busy one seldom asks.
constexpr int64_t kIdsAtOnce = 256;

constexpr Statement kMakeRepository = {"make_repository", R"sql(
INSERT INTO slipway_repositories (key, owner, name, last_id, ids_next, ids_end,
    position, stamp_us, deployments)
  VALUES ($1, $2, $3, 0, 0, 0, 0, 0, 0)
  ON CONFLICT (owner, name) DO NOTHING
)sql"};

constexpr Statement kKeepAnswer = {"keep_answer", R"sql(
INSERT INTO slipway_answers (repository, key, answered_at_ms, decision_id, body)
  VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (repository, key)
    DO UPDATE SET answered_at_ms = excluded.answered_at_ms,
      decision_id = excluded.decision_id, body = excluded.body
)sql"};
// More than are added, so that they do not pile up.
constexpr Statement kForgetAnswers = {"forget_answers", R"sql(
DELETE FROM slipway_answers
  WHERE repository = $1 AND key IN (
    SELECT key FROM slipway_answers
      WHERE repository = $1 AND answered_at_ms < $2
      ORDER BY answered_at_ms LIMIT 4)
)sql"};

constexpr Statement kLockRow = {
    "lock_row", "SELECT 1 FROM slipway_repositories WHERE key = $1 FOR UPDATE"};
// Past it, a statement that looks for the row as it was finds another one.
constexpr Statement kMoveStamp = {
    "move_stamp",
    "UPDATE slipway_repositories SET stamp_us = stamp_us + 1 WHERE key = $1"};
constexpr Statement kFindDecision = {"find_decision", R"sql(
SELECT decision_id FROM slipway_outbox
  WHERE repository = $1 AND last_position > $2 ORDER BY last_position LIMIT 1
)sql"};
constexpr Statement kFindAnswer = {
    "find_answer",
    "SELECT decision_id FROM slipway_answers WHERE repository = $1 AND key = "
    "$2"};

constexpr Statement kSetStatementTimeout = {
    "set_statement_timeout",
    "SELECT set_config('statement_timeout', CAST(CAST($1 AS bigint) AS text), "
    "true)"};

// The transaction whose decider this thread is in.
struct RunningHere {
  const Database* database = nullptr;
  Transaction* transaction = nullptr;
};
thread_local RunningHere running_here;

}  // namespace

bool HasNotHappened(const Failure& failure) {
  if (failure.is_unsent || failure.kind == Failure::Kind::kRetry) return true;
  if (failure.kind != Failure::Kind::kRefused) return false;
  // What is wrong with the values, the rows or the statements; a server that
  // only reads; no room; a limit; a lock or a statement that took too long.
  for (const char* const code :
       {"22", "23", "25", "42", "53", "54", "55", "57014"}) {
    if (absl::StartsWith(failure.code, code)) return true;
  }
  return false;
}

bool KeepsOthersAway(const Failure& failure) {
  // lock_timeout; statement_timeout, which may be the shorter one.
  return failure.code == "55P03" || failure.code == "57014";
}

Transaction::Transaction(const TransactionParams& params,
                         const Store::TransactParams& request)
    : params_(params), request_(request) {}

Transaction* Transaction::Running(const Database& database) {
  return running_here.database == &database ? running_here.transaction
                                            : nullptr;
}

bool Transaction::IsAlone(const v1::Command& command) {
  return command.has_put_repository() || command.has_delete_repository();
}

bool Transaction::HasEvents(const v1::Decision& decision) const {
  // Those of an answer that is replayed happened the first time (R100).
  return !decision.replayed() && !decision.acceptance().events().empty() &&
         (snapshot_.facts.has_repository() ||
          request_.command.has_put_repository());
}

absl::Status Transaction::Run(v1::Decision* decision) {
  for (int attempt = 0;; ++attempt) {
    const absl::StatusOr<Next> next = Try(attempt, decision);
    if (!next.ok()) return next.status();
    if (*next == Next::kDone) return absl::OkStatus();
  }
}

absl::StatusOr<Transaction::Next> Transaction::AfterFailure(
    const Failure& failure, int attempt) {
  if (params_.database->TriesAgain(failure, attempt)) return Next::kAgain;
  return failure.ToStatus();
}

Deadline Transaction::WritesDeadline() const {
  const int64_t more_ms = request_.command.has_delete_repository()
                              ? params_.deletion_timeout_ms
                              : 0;
  return params_.database->AnswerDeadline() +
         std::chrono::milliseconds(more_ms);
}

Failure Transaction::Begin(Connection& connection, bool is_new, int64_t key,
                           std::vector<Rows>* rows) {
  const v1::RepositoryName& name = request_.command.repository();
  connection.Add(kBegin);
  if (is_new) {
    connection.Add(kMakeRepository,
                   Values()
                       .Int(key)
                       .Bytes(IndexKey(FoldName(name.owner())))
                       .Bytes(IndexKey(FoldName(name.name()))));
  }
  FactsQuery(request_.rules, request_.command, key)
      .AddTo(FactsQuery::Lock::kForUpdate, connection);
  return connection.Run(params_.database->AnswerDeadline(), rows);
}

absl::StatusOr<Transaction::Next> Transaction::Try(int attempt,
                                                   v1::Decision* decision) {
  const v1::Command& command = request_.command;
  absl::StatusOr<absl::optional<int64_t>> found =
      params_.database->FindKey(command.repository());
  if (!found.ok()) {
    is_kept_away_ = true;
    return found.status();
  }
  const bool is_new = !found->has_value();
  if (is_new && !command.has_put_repository()) {
    // Nothing to lock, and nothing to keep.
    snapshot_ = Snapshot();
    absl::Status status = Decide(decision);
    if (!status.ok()) return status;
    return Next::kDone;
  }
  const int64_t key = is_new ? RandomKey() : **found;

  absl::StatusOr<PooledConnection> connection = params_.database->Connect();
  if (!connection.ok()) {
    is_kept_away_ = true;
    return connection.status();
  }
  std::vector<Rows> rows;
  Failure failure = Begin(**connection, is_new, key, &rows);
  if (!failure.ok()) {
    connection->Discard();
    absl::StatusOr<Next> next = AfterFailure(failure, attempt);
    is_kept_away_ = !next.ok() && (failure.kind == Failure::Kind::kLost ||
                                   KeepsOthersAway(failure));
    return next;
  }
  const auto roll_back = [&] {
    (*connection)->Add(kRollback);
    std::vector<Rows> none;
    const Failure failed =
        (*connection)->Run(params_.database->AnswerDeadline(), &none);
    if (!failed.ok()) connection->Discard();
  };
  const bool is_others = is_new && rows[1].affected() == 0;
  absl::Status status;
  if (!is_others) {
    status = FactsQuery(request_.rules, command, key)
                 .Read(rows, is_new ? 2 : 1, &snapshot_);
  }
  if (is_others || (status.ok() && !snapshot_.has_row)) {
    // Somebody was quicker to make it; or the database is not the one that it
    // was, restored from a copy.
    roll_back();
    params_.database->ForgetKey(command.repository());
    if (attempt < Database::kAttemptsMax) return Next::kAgain;
    return absl::UnavailableError(
        "PostgreSQL: the repository's row comes and goes");
  }
  if (status.ok()) status = Decide(decision);
  if (!status.ok()) {
    roll_back();
    return status;
  }

  const bool has_events = HasEvents(*decision);
  const bool keeps_answer =
      KeepsAnswer(command, *decision) && (!is_new || has_events);
  if (!has_events && !keeps_answer) {
    roll_back();
    return Next::kDone;
  }
  const Clock::time_point decided = Clock::now();
  if (command.has_delete_repository()) {
    (*connection)
        ->Add(kSetStatementTimeout, Values().Int(params_.deletion_timeout_ms));
  }
  RepositoryRow row;
  status = AddWrites(*decision, has_events, keeps_answer, **connection, &row);
  if (!status.ok()) {
    connection->Discard();
    return status;
  }
  (*connection)->Add(kCommitWork);
  failure = (*connection)->Run(WritesDeadline(), &rows);
  if (failure.ok() && rows.back().tag() != "COMMIT") {
    failure = {Failure::Kind::kRetry, "40001", "the commit became a rollback",
               ""};
  }
  // Two repositories that are given one id at once: the next look sees whose it
  // is.
  if (failure.constraint == "slipway_repositories_id") {
    failure.kind = Failure::Kind::kRetry;
  }
  if (!failure.ok()) {
    connection->Discard();
    if (HasNotHappened(failure)) return AfterFailure(failure, attempt);
    // Back to the pool: finding out needs another one.
    *connection = PooledConnection();
    const absl::StatusOr<bool> happened = HasHappened(is_new, has_events);
    if (!happened.ok()) return happened.status();
    if (!*happened) return AfterFailure(failure, attempt);
  }
  if (is_new) params_.database->RememberKey(command.repository(), key);
  if (params_.metrics != nullptr) {
    params_.metrics->Observe(
        "slipway_commit_seconds", {},
        std::chrono::duration<double>(Clock::now() - decided).count());
  }
  return Next::kDone;
}

absl::Status Transaction::Decide(v1::Decision* decision) {
  const RunningHere before = running_here;
  running_here = {params_.database, snapshot_.has_row ? this : nullptr};
  absl::Status status = request_.decide(snapshot_.facts, decision);
  running_here = before;
  return status;
}

absl::StatusOr<int64_t> Transaction::TakeIds(int64_t count) {
  RepositoryRow& row = snapshot_.row;
  row.ids_next = std::max(row.ids_next, row.last_id + 1);
  if (count > row.ids_end - row.ids_next) {
    int64_t at_once = std::max(count, kIdsAtOnce);
    absl::StatusOr<int64_t> first = params_.database->TakeIds(
        Database::Series::kRows, at_once, row.last_id);
    if (absl::IsResourceExhausted(first.status()) && at_once > count) {
      at_once = count;
      first = params_.database->TakeIds(Database::Series::kRows, at_once,
                                        row.last_id);
    }
    if (!first.ok()) return first;
    row.ids_next = *first;
    row.ids_end = *first + at_once;
    taken_ = 0;
  }
  const int64_t first = row.ids_next;
  row.ids_next += count;
  taken_ += count;
  return first;
}

absl::Status Transaction::AddWrites(const v1::Decision& decision,
                                    bool has_events, bool keeps_answer,
                                    Connection& connection,
                                    RepositoryRow* row) {
  decision_id_ = RandomId();
  if (has_events) {
    Writer writer(snapshot_, connection);
    absl::Status status = writer.Add(decision.acceptance(), decision_id_);
    if (!status.ok()) return status;
    *row = writer.row();
  }
  if (!keeps_answer) return absl::OkStatus();
  v1::KeyedAnswer answer;
  *answer.mutable_command() = request_.command;
  *answer.mutable_decision() = decision;
  connection.Add(kKeepAnswer,
                 Values()
                     .Int(snapshot_.row.key)
                     .Bytes(IndexKey(request_.command.idempotency_key()))
                     .Int(decision.answered_at_ms())
                     .Bytes(decision_id_)
                     .Bytes(answer.SerializeAsString()));
  const int64_t kept_ms = LimitsOf(request_.rules).idempotency_kept_ms();
  connection.Add(kForgetAnswers,
                 Values()
                     .Int(snapshot_.row.key)
                     .Int(decision.answered_at_ms() -
                          std::min(kept_ms, decision.answered_at_ms())));
  return absl::OkStatus();
}

absl::StatusOr<bool> Transaction::HasHappened(bool is_new, bool has_events) {
  const v1::RepositoryName& name = request_.command.repository();
  const int64_t key = snapshot_.row.key;
  // A deletion goes on at the server when its connection is lost.
  const int64_t more_ms = request_.command.has_delete_repository()
                              ? params_.deletion_timeout_ms
                              : 0;
  const Deadline deadline =
      Clock::now() +
      std::chrono::milliseconds(params_.resolve_timeout_ms + more_ms);
  std::string why = "no time";
  for (int attempt = 0; Clock::now() < deadline; ++attempt) {
    if (attempt > 0) BackOff(attempt);
    absl::StatusOr<PooledConnection> taken = params_.database->Connect();
    if (!taken.ok()) {
      why = std::string(taken.status().message());
      continue;
    }
    Connection& connection = **taken;
    connection.Add(kBegin);
    // Either waits until the transaction in question has ended; of a new row
    // nothing is to be seen until then, but nobody else can make it.
    if (is_new) {
      connection.Add(kMakeRepository,
                     Values()
                         .Int(RandomKey())
                         .Bytes(IndexKey(FoldName(name.owner())))
                         .Bytes(IndexKey(FoldName(name.name()))));
    } else {
      connection.Add(kLockRow, Values().Int(key));
    }
    connection.Add(has_events ? kFindDecision : kFindAnswer,
                   has_events ? Values().Int(key).Int(snapshot_.row.position)
                              : Values().Int(key).Bytes(IndexKey(
                                    request_.command.idempotency_key())));
    // A decision by memory is sent before it has the lock, and could still be
    // under way: whatever has not come by now finds the row changed.
    if (!is_new) connection.Add(kMoveStamp, Values().Int(key));
    connection.Add(is_new ? kRollback : kCommitWork);
    std::vector<Rows> rows;
    const Failure failure =
        connection.Run(params_.database->AnswerDeadline(), &rows);
    if (failure.ok() && (is_new || rows.back().tag() == "COMMIT")) {
      return !rows[2].empty() && rows[2].Bytes(0, 0) == decision_id_;
    }
    taken->Discard();
    params_.database->pool().CloseIdle();
    params_.database->CountRetry(failure);
    why = failure.message;
  }
  return absl::UnknownError(absl::StrCat(
      "outcome unknown: the connection to PostgreSQL was lost while a decision "
      "was committed, and whether it is there could not be found out: ",
      why));
}

}  // namespace postgres_internal
}  // namespace slipway
