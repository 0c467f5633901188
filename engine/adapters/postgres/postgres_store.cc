#include "slipway/adapters/postgres/postgres_store.h"

#include <chrono>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "engine/adapters/postgres/batch.h"
#include "engine/adapters/postgres/deliveries.h"
#include "engine/adapters/postgres/stream.h"
#include "engine/adapters/postgres/transaction.h"
#include "engine/adapters/postgres/turns.h"
#include "libpq-fe.h"
#include "slipway/adapters/postgres/connection_pool.h"
#include "slipway/adapters/postgres/database.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/adapters/postgres/list.h"
#include "slipway/adapters/postgres/memory.h"
#include "slipway/adapters/postgres/schema.h"
#include "slipway/core/names.h"

namespace slipway {
namespace {

using postgres_internal::Connection;
using postgres_internal::Database;
using postgres_internal::FactsQuery;
using postgres_internal::ParseBody;
using postgres_internal::PlaceOf;
using postgres_internal::PooledConnection;
using postgres_internal::Rows;
using postgres_internal::Setting;
using postgres_internal::Statement;
using postgres_internal::Values;
using Clock = std::chrono::steady_clock;

constexpr Statement kRepositoryBody = {
    "repository_body", "SELECT body FROM slipway_repositories WHERE key = $1"};
constexpr Statement kRepositoryById = {
    "repository_by_id",
    "SELECT body FROM slipway_repositories WHERE repository_id = $1"};

constexpr Statement kFindDeployment = {
    "find_deployment", "SELECT " SLIPWAY_DEPLOYMENT_COLUMNS R"sql(, s.body
  FROM slipway_deployments AS d
  LEFT JOIN slipway_statuses AS s
    ON s.repository = $1 AND s.deployment_id = $2 AND s.id = d.latest_status_id
  WHERE d.repository = $1 AND d.id = $2
)sql"};

constexpr Statement kListStatuses = {"list_statuses", R"sql(
SELECT d.status_count, s.body
  FROM slipway_deployments AS d
  LEFT JOIN LATERAL (
    SELECT id, body FROM slipway_statuses
      WHERE repository = $1 AND deployment_id = $2
      ORDER BY id DESC OFFSET $3 LIMIT $4
  ) AS s ON true
  WHERE d.repository = $1 AND d.id = $2
  ORDER BY s.id DESC
)sql"};
constexpr Statement kFindStatus = {"find_status", R"sql(
SELECT body FROM slipway_statuses
  WHERE repository = $1 AND deployment_id = $2 AND id = $3
)sql"};

template <typename Message>
absl::StatusOr<absl::optional<Message>> OptionalBody(const Rows& rows) {
  absl::optional<Message> message;
  if (rows.empty() || rows.IsNull(0, 0)) return message;
  message.emplace();
  absl::Status status = ParseBody(rows.Bytes(0, 0), &*message);
  if (!status.ok()) return status;
  return message;
}

// Those that limit how long others wait for this engine must be taken.
std::vector<Setting> SettingsOf(const PostgresStoreParams& params) {
  return {
      {absl::StrCat("SET statement_timeout = ", params.statement_timeout_ms),
       /*is_required=*/true},
      {absl::StrCat("SET lock_timeout = ", params.lock_timeout_ms),
       /*is_required=*/true},
      {absl::StrCat("SET idle_in_transaction_session_timeout = ",
                    params.idle_in_transaction_timeout_ms)},
      {"SET client_min_messages = error"},
      // A statement by itself says nothing of it.
      {"SET default_transaction_isolation = 'read committed'"},
      // What is answered is durable, whatever the role's or the database's
      // settings say (R107); more than that is theirs to ask for.
      {"SELECT set_config('synchronous_commit', 'on', false) "
       "WHERE current_setting('synchronous_commit') = 'off'"},
      // CockroachDB: one statement may change a table in several places, as
      // long as it changes no row twice.
      {"SELECT set_config(name, 'on', false) FROM pg_settings "
       "WHERE name = 'enable_multiple_modifications_of_table'"},
      // Every statement here is to use its index, also while the planner still
      // believes that a table is small.
      {"SET enable_seqscan = off"},
      {"SET enable_bitmapscan = off"},
      {"SET enable_hashjoin = off"},
      {"SET enable_mergejoin = off"},
      {"SET enable_material = off"},
      {"SET plan_cache_mode = force_generic_plan"},
      {"SET jit = off"},
  };
}

absl::Status Check(const PostgresStoreParams& params) {
  for (const auto& [name, value] : {
           std::pair<const char*, int64_t>("connections_max",
                                           params.connections_max),
           {"connect_timeout_ms", params.connect_timeout_ms},
           {"wait_timeout_ms", params.wait_timeout_ms},
           {"lock_timeout_ms", params.lock_timeout_ms},
           {"statement_timeout_ms", params.statement_timeout_ms},
           {"idle_in_transaction_timeout_ms",
            params.idle_in_transaction_timeout_ms},
           {"answer_timeout_ms", params.answer_timeout_ms},
           {"resolve_timeout_ms", params.resolve_timeout_ms},
           {"deletion_timeout_ms", params.deletion_timeout_ms},
       }) {
    if (value <= 0 || value >= (int64_t{1} << 31)) {
      return absl::InvalidArgumentError(
          absl::StrCat("PostgresStoreParams.", name, " is ", value,
                       ", which is not from 1 to 2^31 - 1"));
    }
  }
  if (params.memory_bytes_max < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("PostgresStoreParams.memory_bytes_max is ",
                     params.memory_bytes_max, ", which is negative"));
  }
  // What libpq says of a string that it cannot read may have a password in it.
  char* error = nullptr;
  PQconninfoOption* options =
      PQconninfoParse(params.connection.c_str(), &error);
  PQfreemem(error);
  if (options == nullptr) {
    return absl::InvalidArgumentError(
        "PostgresStoreParams.connection is neither \"key=value …\" as libpq "
        "knows them nor a postgresql:// URL");
  }
  PQconninfoFree(options);
  return absl::OkStatus();
}

}  // namespace

struct PostgresStore::Impl {
  explicit Impl(const PostgresStoreParams& store_params)
      : params(store_params),
        database(DatabaseParams(store_params)),
        memories(static_cast<size_t>(store_params.memory_bytes_max)),
        stream(database),
        deliveries(database, stream) {}

  static Database::Params DatabaseParams(const PostgresStoreParams& params) {
    Database::Params database;
    database.pool.connection_string = params.connection;
    database.pool.settings = SettingsOf(params);
    database.pool.connections_max = params.connections_max;
    database.pool.connect_timeout_ms = params.connect_timeout_ms;
    database.wait_timeout_ms = params.wait_timeout_ms;
    database.answer_timeout_ms = params.answer_timeout_ms;
    database.metrics = params.metrics;
    return database;
  }

  const PostgresStoreParams params;
  Database database;
  postgres_internal::Memories memories;
  postgres_internal::Turns turns;
  postgres_internal::Stream stream;
  postgres_internal::Deliveries deliveries;
};

PostgresStore::PostgresStore(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
PostgresStore::~PostgresStore() = default;

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(
    const PostgresStoreParams& params) {
  absl::Status status = Check(params);
  if (!status.ok()) return status;
  auto impl = std::make_unique<Impl>(params);
  absl::StatusOr<PooledConnection> connection = impl->database.pool().Take(
      Clock::now() + std::chrono::milliseconds(params.wait_timeout_ms));
  if (!connection.ok()) return connection.status();
  status = postgres_internal::UpdateSchema(
      **connection, impl->database.AnswerDeadline(),
      Clock::now() + std::chrono::milliseconds(params.deletion_timeout_ms));
  if (!status.ok()) {
    connection->Discard();
    return status;
  }
  return absl::WrapUnique(new PostgresStore(std::move(impl)));
}

absl::Status PostgresStore::Transact(const TransactParams& params,
                                     v1::Decision* decision) {
  const v1::RepositoryName& repository = params.command.repository();
  const std::string name =
      absl::StrCat(repository.owner().size(), "/", FoldName(repository.owner()),
                   "/", FoldName(repository.name()));
  postgres_internal::Turns::Request request;
  request.params = &params;
  request.is_alone = postgres_internal::Transaction::IsAlone(params.command);
  request.decision = decision;
  const bool is_done = impl_->turns.Run(
      name,
      Clock::now() + std::chrono::milliseconds(impl_->params.wait_timeout_ms),
      request, [&](const auto& requests) {
        postgres_internal::Batch::RunAll(
            {&impl_->database, &impl_->memories, impl_->params.metrics,
             impl_->params.resolve_timeout_ms,
             impl_->params.deletion_timeout_ms},
            requests);
      });
  if (!is_done) {
    return absl::UnavailableError(
        absl::StrCat("PostgreSQL: ", FullName(repository),
                     " has been busy with other decisions for too long"));
  }
  return request.status;
}

absl::StatusOr<v1::Facts> PostgresStore::Facts(const FactsParams& params) {
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.command.repository());
  if (!key.ok()) return key.status();
  v1::Facts facts;
  if (!key->has_value() && !params.command.has_put_repository()) return facts;
  FactsQuery query(params.rules, params.command, key->value_or(0));
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(postgres_internal::kBeginReading);
        query.AddTo(FactsQuery::Lock::kNone, connection);
        connection.Add(postgres_internal::kCommitWork);
      },
      &rows);
  if (!status.ok()) return status;
  postgres_internal::Snapshot snapshot;
  status = query.Read(rows, 1, &snapshot);
  if (!status.ok()) return status;
  return std::move(snapshot.facts);
}

absl::StatusOr<absl::optional<v1::Repository>> PostgresStore::FindRepository(
    const v1::RepositoryName& name) {
  absl::StatusOr<absl::optional<int64_t>> key = impl_->database.FindKey(name);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return absl::optional<v1::Repository>();
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(kRepositoryBody, Values().Int(**key));
      },
      &rows);
  if (!status.ok()) return status;
  return OptionalBody<v1::Repository>(rows[0]);
}

absl::StatusOr<absl::optional<v1::Repository>>
PostgresStore::FindRepositoryById(int64_t id) {
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(kRepositoryById, Values().Int(id));
      },
      &rows);
  if (!status.ok()) return status;
  return OptionalBody<v1::Repository>(rows[0]);
}

absl::StatusOr<absl::optional<Store::DeploymentResult>>
PostgresStore::FindDeployment(const DeploymentParams& params) {
  absl::optional<DeploymentResult> result;
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.repository);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return result;
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(kFindDeployment,
                       Values().Int(**key).Int(params.deployment_id));
      },
      &rows);
  if (!status.ok()) return status;
  if (rows[0].empty()) return result;
  result.emplace();
  status =
      postgres_internal::ReadDeployment(rows[0], 0, 0, &result->deployment);
  if (status.ok() &&
      !rows[0].IsNull(0, postgres_internal::kDeploymentColumnsSize)) {
    result->latest_status.emplace();
    status =
        ParseBody(rows[0].Bytes(0, postgres_internal::kDeploymentColumnsSize),
                  &*result->latest_status);
  }
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<absl::optional<Store::Page<v1::Deployment>>>
PostgresStore::ListDeployments(const ListDeploymentsParams& params) {
  absl::optional<Page<v1::Deployment>> page;
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.repository);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return page;
  std::vector<Rows> rows;
  absl::Status status;
  postgres_internal::ListFilter leading =
      postgres_internal::FirstFilter(params);
  if (postgres_internal::FilterCount(params) > 1) {
    // Which of them is rare changes the cost, and not the answer.
    status = impl_->database.Read(
        [&](Connection& connection) {
          postgres_internal::AddFilterCounts(**key, params, connection);
        },
        &rows);
    if (!status.ok()) return status;
    leading = postgres_internal::RarestFilter(params, rows[0]);
  }
  status = impl_->database.Read(
      [&](Connection& connection) {
        postgres_internal::AddList(**key, params, leading, connection);
      },
      &rows);
  if (!status.ok()) return status;
  // No row: there is no repository. One without a deployment: the page is
  // empty.
  for (int row = 0; row < rows[0].size(); ++row) {
    if (!page.has_value()) {
      page.emplace();
      page->total = rows[0].Int(row, 0);
    }
    if (rows[0].IsNull(row, 1)) continue;
    status = postgres_internal::ReadDeployment(rows[0], row, 1,
                                               &page->rows.emplace_back());
    if (!status.ok()) return status;
  }
  return page;
}

absl::StatusOr<absl::optional<Store::Page<v1::DeploymentStatus>>>
PostgresStore::ListStatuses(const ListStatusesParams& params) {
  absl::optional<Page<v1::DeploymentStatus>> page;
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.repository);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return page;
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(kListStatuses, Values()
                                          .Int(**key)
                                          .Int(params.deployment_id)
                                          .Int(PlaceOf(params.offset))
                                          .Int(PlaceOf(params.limit)));
      },
      &rows);
  if (!status.ok()) return status;
  for (int row = 0; row < rows[0].size(); ++row) {
    if (!page.has_value()) {
      page.emplace();
      page->total = rows[0].Int(row, 0);
    }
    if (rows[0].IsNull(row, 1)) continue;
    status = ParseBody(rows[0].Bytes(row, 1), &page->rows.emplace_back());
    if (!status.ok()) return status;
  }
  return page;
}

absl::StatusOr<absl::optional<v1::DeploymentStatus>> PostgresStore::FindStatus(
    const StatusParams& params) {
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.repository);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return absl::optional<v1::DeploymentStatus>();
  std::vector<Rows> rows;
  absl::Status status = impl_->database.Read(
      [&](Connection& connection) {
        connection.Add(kFindStatus, Values()
                                        .Int(**key)
                                        .Int(params.deployment_id)
                                        .Int(params.status_id));
      },
      &rows);
  if (!status.ok()) return status;
  return OptionalBody<v1::DeploymentStatus>(rows[0]);
}

absl::StatusOr<std::vector<OutboxEntry>> PostgresStore::ReadOutbox(
    const ReadParams& params) {
  absl::StatusOr<absl::optional<int64_t>> key =
      impl_->database.FindKey(params.repository);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return std::vector<OutboxEntry>();
  return impl_->stream.Read(**key, PlaceOf(params.after_position),
                            PlaceOf(params.limit));
}

absl::StatusOr<std::vector<OutboxEntry>> PostgresStore::ReadAll(
    const ReadAllParams& params) {
  return impl_->stream.ReadAll(PlaceOf(params.after_position),
                               PlaceOf(params.limit));
}

absl::StatusOr<int64_t> PostgresStore::LastGlobalPosition() {
  return impl_->stream.Last();
}

absl::StatusOr<int64_t> PostgresStore::Take(int64_t count) {
  postgres_internal::Transaction* running =
      postgres_internal::Transaction::Running(impl_->database);
  if (running != nullptr) return running->TakeIds(count);
  return impl_->database.TakeIds(Database::Series::kRows, count, /*after=*/0);
}

absl::StatusOr<Hook> PostgresStore::AddHook(const AddHookParams& params) {
  return impl_->deliveries.AddHook(params);
}

absl::StatusOr<int64_t> PostgresStore::Enqueue(const EnqueueParams& params) {
  return impl_->deliveries.Enqueue(params);
}

absl::StatusOr<std::vector<Delivery>> PostgresStore::Claim(
    const ClaimParams& params) {
  return impl_->deliveries.Claim(params);
}

absl::Status PostgresStore::Record(const RecordParams& params) {
  return impl_->deliveries.Record(params);
}

absl::StatusOr<std::vector<Delivery>> PostgresStore::ListDeliveries(
    const ListDeliveriesParams& params) {
  return impl_->deliveries.List(params);
}

absl::StatusOr<absl::optional<Delivery>> PostgresStore::FindDelivery(
    int64_t id) {
  return impl_->deliveries.Find(id);
}

absl::Status PostgresStore::Redeliver(const RedeliverParams& params) {
  return impl_->deliveries.Redeliver(params);
}

absl::StatusOr<int64_t> PostgresStore::Prune(const PruneParams& params) {
  return impl_->deliveries.Prune(params);
}

absl::StatusOr<int64_t> PostgresStore::CountPending(int64_t hook_id) {
  return impl_->deliveries.CountPending(hook_id);
}

}  // namespace slipway
