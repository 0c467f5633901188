#include "engine/adapters/postgres/batch.h"

#include <utility>

#include "slipway/adapters/postgres/database.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/adapters/postgres/writer.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace postgres_internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Statement kCheckRow = {
    "check_row",
    "SELECT 1 FROM slipway_repositories "
    "WHERE key = $1 AND position = $2 AND stamp_us = $3"};

// For another thread: copies of a status share a count, whose handling inside
// of Abseil TSan cannot see.
absl::Status CopyOf(const absl::Status& status) {
  return absl::Status(status.code(), status.message());
}

}  // namespace

void Batch::RunAll(const TransactionParams& params,
                   const std::vector<Turns::Request*>& requests) {
  const v1::Command& command = requests[0]->params->command;
  const absl::StatusOr<absl::optional<int64_t>> key =
      params.database->FindKey(command.repository());
  if (key.ok() && key->has_value()) {
    if (Transaction::IsAlone(command)) {
      // Nobody follows what that changes.
      params.memories->Take(**key);
    } else if (Batch(params, **key, requests).Run()) {
      return;
    }
  }
  bool is_kept_away = false;
  absl::Status why;
  for (Turns::Request* request : requests) {
    if (is_kept_away) {
      request->status = CopyOf(why);
      continue;
    }
    Transaction transaction(params, *request->params);
    why = transaction.Run(request->decision);
    request->status = CopyOf(why);
    is_kept_away = transaction.is_kept_away();
  }
}

Batch::Batch(const TransactionParams& params, int64_t key,
             const std::vector<Turns::Request*>& requests)
    : params_(params), key_(key), requests_(requests) {}

bool Batch::Run() {
  memory_ = params_.memories->Take(key_);
  End end = Try(memory_->looks_first());
  if (end == End::kMovedOn) {
    memory_->CountFound(/*is_same=*/false);
    params_.database->CountMovedOn();
    end = Try(/*looks_first=*/true);
  }
  if (end != End::kAnswered) return false;
  if (keeps_memory_) params_.memories->Keep(std::move(memory_));
  return true;
}

Batch::End Batch::Try(bool looks_first) {
  // Back to the pool, which may have no other.
  connection_ = PooledConnection();
  absl::StatusOr<PooledConnection> connection = params_.database->Connect();
  if (!connection.ok()) {
    AnswerAll(connection.status());
    return End::kAnswered;
  }
  connection_ = *std::move(connection);
  has_begun_ = false;
  relies_on_memory_ = false;
  transactions_.clear();
  decided_.clear();
  writer_.reset();
  stamp_place_.reset();
  for (size_t i = 0; i < requests_.size(); ++i) {
    transactions_.push_back(
        std::make_unique<Transaction>(params_, *requests_[i]->params));
    Transaction& transaction = *transactions_.back();
    const bool may_recall = has_begun_ || !looks_first;
    absl::optional<End> end;
    if (may_recall && memory_->Recall(requests_[i]->params->rules,
                                      requests_[i]->params->command,
                                      &transaction.snapshot())) {
      if (!has_begun_) relies_on_memory_ = true;
    } else {
      end = Ask(i, transaction);
    }
    if (!end.has_value()) end = DecideOne(i, transaction);
    if (end.has_value()) return *end;
  }
  return Finish();
}

absl::optional<Batch::End> Batch::Ask(size_t place, Transaction& transaction) {
  const Store::TransactParams& request = *requests_[place]->params;
  const FactsQuery query(request.rules, request.command, key_,
                         params_.memories->is_keeping()
                             ? FactsQuery::Extent::kMore
                             : FactsQuery::Extent::kFacts);
  // The writes of those before it go along; their first one locks the row.
  const bool locks = !has_begun_ && connection_->size() == 0;
  if (!has_begun_) connection_->AddFirst(kBegin);
  const size_t size = query.AddTo(
      locks ? FactsQuery::Lock::kForUpdate : FactsQuery::Lock::kNone,
      *connection_);
  std::vector<Rows> rows;
  const Failure failure =
      connection_->Run(params_.database->AnswerDeadline(), &rows);
  stamp_place_.reset();
  if (failure.code == kMovedOn && relies_on_memory_) {
    RollBack();
    return End::kMovedOn;
  }
  if (!failure.ok()) {
    connection_.Discard();
    if (!has_begun_ && KeepsOthersAway(failure)) {
      AnswerAll(failure.ToStatus());
      return End::kAnswered;
    }
    return End::kFailed;
  }
  has_begun_ = true;
  Snapshot& snapshot = transaction.snapshot();
  if (!query.Read(rows, rows.size() - size, &snapshot).ok() ||
      !snapshot.has_row) {
    connection_.Discard();
    return End::kFailed;
  }
  if (locks) {
    const bool knew_row = memory_->has_row();
    const bool is_same = memory_->SetRow(snapshot);
    if (knew_row) memory_->CountFound(is_same);
    if (!is_same && relies_on_memory_) {
      RollBack();
      return End::kMovedOn;
    }
  } else {
    if (snapshot.row.position != memory_->row().position) {
      connection_.Discard();
      return End::kFailed;
    }
    memory_->SetStamp(snapshot.row.stamp_us);
  }
  relies_on_memory_ = false;
  memory_->Learn(request.rules, request.command, snapshot);
  // It may have ids that the row does not know of.
  snapshot.row = memory_->row();
  return absl::nullopt;
}

absl::optional<Batch::End> Batch::DecideOne(size_t place,
                                            Transaction& transaction) {
  Turns::Request& request = *requests_[place];
  request.status = transaction.Decide(request.decision);
  decided_.push_back(Clock::now());
  const bool has_events =
      request.status.ok() && transaction.HasEvents(*request.decision);
  const bool keeps_answer =
      request.status.ok() &&
      KeepsAnswer(request.params->command, *request.decision);
  // Ids that it took and did not use are there for the next one.
  if (!has_events) {
    memory_->SetIds(transaction.first_unused_id(), transaction.row().ids_end);
  }
  if (!has_events && !keeps_answer) return absl::nullopt;
  const size_t before = connection_->size();
  RepositoryRow row;
  if (!transaction
           .AddWrites(*request.decision, has_events, keeps_answer, *connection_,
                      &row)
           .ok()) {
    connection_.Discard();
    return End::kFailed;
  }
  writer_ = place;
  if (!has_events) return absl::nullopt;
  stamp_place_ = before;
  memory_->Apply(request.decision->acceptance(), row);
  return absl::nullopt;
}

Batch::End Batch::Finish() {
  if (!writer_.has_value() && !has_begun_) return Check();
  // One statement is a transaction by itself.
  const bool is_alone = !has_begun_ && connection_->size() == 1;
  if (!has_begun_ && !is_alone) {
    connection_->AddFirst(kBegin);
    if (stamp_place_.has_value()) ++*stamp_place_;
  }
  if (!is_alone) {
    connection_->Add(writer_.has_value() ? kCommitWork : kRollback);
  }
  std::vector<Rows> rows;
  const Failure failure =
      connection_->Run(params_.database->AnswerDeadline(), &rows);
  if (failure.code == kMovedOn && relies_on_memory_) {
    if (!is_alone) RollBack();
    return End::kMovedOn;
  }
  if (!failure.ok()) return AfterFailure(failure);
  if (!is_alone && writer_.has_value() && rows.back().tag() != "COMMIT") {
    return End::kFailed;
  }
  if (stamp_place_.has_value()) {
    memory_->SetStamp(rows[*stamp_place_].Int(0, 0));
  }
  keeps_memory_ = true;
  if (!has_begun_) memory_->CountFound(/*is_same=*/true);
  for (size_t i = 0; params_.metrics != nullptr && i < decided_.size(); ++i) {
    if (!transactions_[i]->has_written()) continue;
    params_.metrics->Observe(
        "slipway_commit_seconds", {},
        std::chrono::duration<double>(Clock::now() - decided_[i]).count());
  }
  return End::kAnswered;
}

Batch::End Batch::Check() {
  connection_->Add(kCheckRow, Values()
                                  .Int(key_)
                                  .Int(memory_->row().position)
                                  .Int(memory_->row().stamp_us));
  std::vector<Rows> rows;
  const Failure failure =
      connection_->Run(params_.database->AnswerDeadline(), &rows);
  if (!failure.ok()) {
    connection_.Discard();
    return End::kFailed;
  }
  if (rows[0].empty()) return End::kMovedOn;
  keeps_memory_ = true;
  memory_->CountFound(/*is_same=*/true);
  return End::kAnswered;
}

Batch::End Batch::AfterFailure(const Failure& failure) {
  connection_.Discard();
  if (!writer_.has_value()) return End::kAnswered;
  if (!has_begun_ && KeepsOthersAway(failure)) {
    AnswerAll(failure.ToStatus());
    return End::kAnswered;
  }
  params_.database->CountRetry(failure);
  if (HasNotHappened(failure)) return End::kFailed;
  // Back to the pool: finding out needs another one.
  connection_ = PooledConnection();
  params_.database->pool().CloseIdle();
  const Turns::Request& request = *requests_[*writer_];
  const absl::StatusOr<bool> happened = transactions_[*writer_]->HasHappened(
      /*is_new=*/false, transactions_[*writer_]->HasEvents(*request.decision));
  if (happened.ok() && !*happened) return End::kFailed;
  for (Turns::Request* each : requests_) {
    if (each->status.ok()) each->status = CopyOf(happened.status());
  }
  return End::kAnswered;
}

void Batch::AnswerAll(const absl::Status& status) {
  for (Turns::Request* request : requests_) request->status = CopyOf(status);
}

void Batch::RollBack() {
  connection_->Add(kRollback);
  std::vector<Rows> rows;
  const Failure failure =
      connection_->Run(params_.database->AnswerDeadline(), &rows);
  if (!failure.ok()) connection_.Discard();
}

}  // namespace postgres_internal
}  // namespace slipway
