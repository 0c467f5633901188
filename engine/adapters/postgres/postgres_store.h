// A store in a PostgreSQL database that many engines, on many machines, share:
// rows, streams, ids and the queue of deliveries.
//
//   slipway::PostgresStoreParams params;
//   params.connection = "host=db.example.org dbname=slipway user=slipway";
//   auto store = slipway::PostgresStore::Open(params);
//   if (!store.ok()) ...  // says why
//   slipway::Runner runner({store->get(), nullptr, &clock, store->get()});
//
// docs/guides/scale.md says how it is deployed and what it costs.

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_STORE_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/id_source.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"

namespace slipway {

struct PostgresStoreParams {
  // As libpq takes it: "host=… dbname=… user=…", or "postgresql://…". What it
  // leaves out comes from the environment (PGHOST, PGPASSWORD, …) and from
  // ~/.pgpass, which is a good place for the password. Name several hosts with
  // target_session_attrs=read-write to follow a failover.
  std::string connection;
  // Connections of this engine, at most; one more hands out blocks of ids. All
  // engines together must stay below the server's max_connections.
  int connections_max = 16;
  // How much this engine remembers of repositories, about: those that it
  // decided about last. What it remembers it decides about in one round trip.
  // 0: nothing, so every decision asks for its facts first.
  int64_t memory_bytes_max = int64_t{64} << 20;
  // Not owned; nullptr: nobody counts. slipway_commit_seconds is the time from
  // the decision to its being durable, slipway_store_retries_total{reason}
  // counts by SQLSTATE, or "connection", or "moved_on" where another engine had
  // decided about the repository meanwhile.
  Metrics* metrics = nullptr;

  // Time limits. For a connection to one host to be made, in seconds from 2:
  int64_t connect_timeout_ms = 5'000;
  // for a connection of this engine to become free, or for others of this
  // engine to take up a decision about the repository that they are deciding
  // about (once they have, up to 16 together, the limits below count):
  int64_t wait_timeout_ms = 10'000;
  // for the turn of a repository that other engines are deciding about; those
  // that would be decided together then fail together:
  int64_t lock_timeout_ms = 10'000;
  // for one statement, on the server:
  int64_t statement_timeout_ms = 20'000;
  // for an engine that holds a repository and says nothing, because its machine
  // is gone or its decider takes so long:
  int64_t idle_in_transaction_timeout_ms = 15'000;
  // for an answer of the server that does not come:
  int64_t answer_timeout_ms = 30'000;
  // to find out whether a commit has happened whose answer was lost. Longer
  // than the two before it, so that it can be found out.
  int64_t resolve_timeout_ms = 60'000;
  // for each statement of a repository's deletion, which removes all its rows
  // in one transaction, in place of statement_timeout_ms; and for bringing the
  // tables of an older version up to date. It counts on top of
  // answer_timeout_ms and resolve_timeout_ms. Other decisions about that
  // repository wait for it, and fail by their own limits; queries do not.
  int64_t deletion_timeout_ms = 600'000;
};

// Thread-safe. Decisions about one repository are made one after the other,
// whichever engine makes them; those about others do not wait for them.
//
// `TransactParams::decide` is called while the database may hold the
// repository's row: it must not call this store, but for `Take`. Decisions
// about one repository that come while another one is made are then made
// together, in one transaction of the database, so it is called on the thread
// of any of those callers. It is called again where another engine has decided
// about the repository meanwhile, where the database has rolled a transaction
// back for the sake of another one, or where the connection was lost and the
// decision was found not to have happened. An answer is given only once the
// facts that it was decided on are known to have been so.
//
// UNAVAILABLE means that nothing has changed. Where the connection is lost
// between a commit and its answer, the store looks whether the decision is
// there, for up to `resolve_timeout_ms`. Where the database cannot be reached
// in all that time, nobody can know, and the transaction fails with UNKNOWN. An
// idempotency key (R100) makes asking again safe.
class PostgresStore : public Store,
                      public Outbox,
                      public DeliveryQueue,
                      public IdSource {
 public:
  // Connects, and makes the tables or brings them up to date; several engines
  // may do so at once.
  //
  // INVALID_ARGUMENT: `connection` is not one, a limit is not from 1 to
  //   2^31 - 1, or `memory_bytes_max` is negative.
  // UNAUTHENTICATED: the server does not let this user in.
  // UNAVAILABLE: the server cannot be reached, or refuses; statement_timeout
  //   and lock_timeout, too.
  // FAILED_PRECONDITION: the tables are those of a newer version.
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(
      const PostgresStoreParams& params);
  ~PostgresStore() override;

  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override;
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override;
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override;
  // By several filters at once it costs what the rarest of them has, and a
  // round trip more, to find out which it is.
  // The rows before `offset` cost a step in an index each.
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override;
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override;
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override;

  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override;
  // Positions in the stream of all repositories are given to entries when
  // somebody reads it, so reading writes.
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override;
  absl::StatusOr<int64_t> LastGlobalPosition() override;

  // Called by a decider, on the thread that it is called on, it takes from the
  // ids that the repository has ready, which are above all that the repository
  // has seen and nobody else's; most calls then cost nothing. They become used
  // when the decision is committed. Called elsewhere, it asks the database, and
  // what it gives is above everything that any engine has taken.
  absl::StatusOr<int64_t> Take(int64_t count) override;

  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override;
  absl::Status Record(const RecordParams& params) override;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override;
  absl::StatusOr<absl::optional<Delivery>> FindDelivery(int64_t id) override;
  absl::Status Redeliver(const RedeliverParams& params) override;
  absl::StatusOr<int64_t> Prune(const PruneParams& params) override;
  absl::StatusOr<int64_t> CountPending(int64_t hook_id) override;

 private:
  struct Impl;
  explicit PostgresStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_STORE_H_
