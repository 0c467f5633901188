#include "slipway/adapters/postgres/database.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace postgres_internal {
namespace {

using Clock = std::chrono::steady_clock;

// Bounds the memory of keys, not the number of repositories.
constexpr size_t kKeysMax = 100'000;

constexpr Statement kFindKey = {
    "find_key",
    "SELECT key FROM slipway_repositories WHERE owner = $1 AND name = $2"};

constexpr Statement kTakeIds = {"take_ids", R"sql(
UPDATE slipway_ids SET next = greatest(next, CAST($2 AS bigint) + 1) + $1
  WHERE id = $4 AND greatest(next, CAST($2 AS bigint) + 1) + $1 - 1 <= $3
  RETURNING next - $1
)sql"};

ConnectionPool::Params OneOf(ConnectionPool::Params params) {
  params.connections_max = 1;
  return params;
}

std::pair<std::string, std::string> KeyOf(const v1::RepositoryName& name) {
  return {IndexKey(FoldName(name.owner())), IndexKey(FoldName(name.name()))};
}

}  // namespace

void BackOff(int attempt) {
  constexpr int64_t kLongestUs = 200'000;
  const int64_t longest =
      std::min(kLongestUs, int64_t{1000} << std::min(attempt, 10));
  std::this_thread::sleep_for(
      std::chrono::microseconds(1 + RandomKey() % longest));
}

Database::Database(const Params& params)
    : params_(params), pool_(params.pool), ids_pool_(OneOf(params.pool)) {}

absl::StatusOr<PooledConnection> Database::Connect() {
  absl::StatusOr<PooledConnection> connection = pool_.Take(
      Clock::now() + std::chrono::milliseconds(params_.wait_timeout_ms));
  // A password that was changed meanwhile is an outage to those who call.
  if (absl::IsUnauthenticated(connection.status())) {
    return absl::UnavailableError(connection.status().message());
  }
  return connection;
}

Deadline Database::AnswerDeadline() const {
  return Clock::now() + std::chrono::milliseconds(params_.answer_timeout_ms);
}

void Database::CountRetry(const Failure& failure) {
  if (params_.metrics == nullptr) return;
  const bool lost = failure.kind == Failure::Kind::kLost;
  params_.metrics->Add(
      "slipway_store_retries_total",
      {{"reason", lost ? absl::string_view("connection") : failure.code}});
}

void Database::CountMovedOn() {
  if (params_.metrics == nullptr) return;
  params_.metrics->Add("slipway_store_retries_total", {{"reason", "moved_on"}});
}

bool Database::TriesAgain(const Failure& failure, int attempt) {
  // One that was idle for long may be broken, and then all are. A few times
  // more, for a server that is just being restarted.
  constexpr int kLostMax = 4;
  if (failure.kind == Failure::Kind::kLost) {
    pool_.CloseIdle();
    if (attempt >= kLostMax) return false;
  } else if (failure.kind != Failure::Kind::kRetry ||
             attempt + 1 >= kAttemptsMax) {
    return false;
  }
  CountRetry(failure);
  BackOff(attempt);
  return true;
}

absl::Status Database::Read(absl::FunctionRef<void(Connection&)> add,
                            std::vector<Rows>* rows) {
  for (int attempt = 0;; ++attempt) {
    absl::StatusOr<PooledConnection> connection = Connect();
    if (!connection.ok()) return connection.status();
    add(**connection);
    const Failure failure = (*connection)->Run(AnswerDeadline(), rows);
    if (failure.ok()) return absl::OkStatus();
    // It may be within a transaction.
    connection->Discard();
    if (!TriesAgain(failure, attempt)) return failure.ToStatus();
  }
}

absl::StatusOr<int64_t> Database::TakeIds(Series series, int64_t count,
                                          int64_t after) {
  for (int attempt = 0;; ++attempt) {
    absl::StatusOr<PooledConnection> connection = ids_pool_.Take(
        Clock::now() + std::chrono::milliseconds(params_.wait_timeout_ms));
    if (!connection.ok()) return connection.status();
    (*connection)
        ->Add(kTakeIds, Values().Int(count).Int(after).Int(kIdMax).Int(
                            static_cast<int64_t>(series)));
    std::vector<Rows> rows;
    const Failure failure = (*connection)->Run(AnswerDeadline(), &rows);
    if (failure.ok()) {
      if (!rows[0].empty()) return rows[0].Int(0, 0);
      return absl::ResourceExhaustedError("no ids are left below 2^53");
    }
    connection->Discard();
    if (!TriesAgain(failure, attempt)) return failure.ToStatus();
  }
}

absl::StatusOr<absl::optional<int64_t>> Database::FindKey(
    const v1::RepositoryName& name) {
  const Name key_of_name = KeyOf(name);
  {
    std::lock_guard<std::mutex> lock(keys_mutex_);
    const auto found = keys_.find(key_of_name);
    if (found != keys_.end()) return absl::optional<int64_t>(found->second);
  }
  std::vector<Rows> rows;
  absl::Status status = Read(
      [&](Connection& connection) {
        connection.Add(
            kFindKey,
            Values().Bytes(key_of_name.first).Bytes(key_of_name.second));
      },
      &rows);
  if (!status.ok()) return status;
  if (rows[0].empty()) return absl::optional<int64_t>();
  const int64_t key = rows[0].Int(0, 0);
  RememberKey(name, key);
  return absl::optional<int64_t>(key);
}

void Database::RememberKey(const v1::RepositoryName& name, int64_t key) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  if (keys_.size() >= kKeysMax) keys_.clear();
  keys_[KeyOf(name)] = key;
}

void Database::ForgetKey(const v1::RepositoryName& name) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  keys_.erase(KeyOf(name));
}

}  // namespace postgres_internal
}  // namespace slipway
