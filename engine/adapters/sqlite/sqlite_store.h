// A durable store in one file, by SQLite: rows, outbox, deliveries and ids.
//
//   absl::StatusOr<std::unique_ptr<slipway::SqliteStore>> store =
//       slipway::SqliteStore::Open({"/var/lib/slipway/slipway.db"});
//   if (!store.ok()) ...  // says what is wrong with the file
//   slipway::Runner runner({store->get(), nullptr, &clock, store->get()});
//
// docs/guides/stores.md says how to choose a store and how to look after its
// file.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_SQLITE_STORE_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_SQLITE_STORE_H_

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

struct SqliteStoreOptions {
  // On a local file system; beside it there are "PATH-wal" and "PATH-shm" while
  // it is open. Its directory must exist. A link is followed once, and messages
  // have the path that it leads to.
  std::string path;
  // How long a call waits for other processes that write, at the most, with the
  // time that it stood behind other calls that did; then it is UNAVAILABLE.
  int64_t busy_timeout_ms = 5000;
  // How many decisions are committed together at the most.
  int64_t group_size_max = 1000;
  // Pages of 4096 bytes in the WAL from which on they are moved into the file.
  // The WAL can be used again only when nobody reads from it; where there
  // always is somebody, and it has four times as many, the next writer waits
  // for those who do, for 100 ms at the most, and tries again when it has twice
  // as many.
  int64_t checkpoint_pages = 4000;
  // How many calls read at once at the most; others wait for one of them to
  // end. Each has a connection with up to 4 MiB of the file in memory, beside
  // the 64 MiB of the writer; 16 stay open for the next.
  int64_t readers_max = 64;
  // How large the file may get, in pages of 4096 bytes; 0: as large as the disk
  // lets it. What does not fit is UNAVAILABLE and changes nothing.
  int64_t pages_max = 0;
  // Gets slipway_commit_seconds and slipway_commit_group_size of each commit,
  // and slipway_store_retries_total with the reason "busy". Not owned; nullptr:
  // nobody counts.
  Metrics* metrics = nullptr;
};

// Thread-safe, and so are several of them over one file, in one process or in
// several.
//
// What a call has answered with OK is on the disk (R107): commits are synced.
// There is one writer at a time. Decisions that are asked for while it is busy
// are committed together, with one sync for all; a lone caller waits for
// nobody. A refusal, or a decider that fails, leaves the others of its group
// alone. Readers never wait for the writer nor it for them, and each of their
// calls sees one moment.
//
// `TransactParams::decide` may be called on the thread of another caller, and
// more than once. While it runs nobody else can write, so it must not wait for
// anything. It may take ids from this store (`Take`) and read from it, but a
// change is refused with INTERNAL.
//
// A decision costs what it touches, and a list by one filter, or none, what it
// gives, whatever the file holds; of a list, what is left out by `offset` costs
// too, counted from the nearer end, though it is only skipped in an index.
// Lists by several filters look through the shortest of them.
//
// Every method fails with UNAVAILABLE where the storage does (no room, an error
// of the disk, another process that has it locked for too long), and then has
// changed nothing; once the cause is gone it works again, and reading goes on
// all the while. DATA_LOSS: the file is damaged where it was looked at, or a
// decision contradicts what is stored; nothing has changed.
//
// With one exception: a commit that fails while it is written or synced may
// stand in the WAL as a whole, where a crash would bring it back. The store
// commits something without meaning over it before it answers. Where that fails
// too nobody can know, and the status is UNKNOWN: the decision is not to be
// seen, and will not be unless the machine or the last process with the file
// open goes down before the store has overwritten it, which it does before it
// writes anything else. An idempotency key (R100) makes asking again safe.
//
// Files that are moved, removed or replaced while they are open: every write
// that begins a tenth of a second after that is UNAVAILABLE, until they are
// back or the store is opened anew, and so is every read that needs one more
// connection than there were; reading over those goes on.
//
// A process that forks must have no store open.
class SqliteStore : public Store,
                    public Outbox,
                    public DeliveryQueue,
                    public IdSource {
 public:
  // Opens the file, makes one that is missing, and brings one of an older
  // version up to date.
  //
  // INVALID_ARGUMENT: no path, or an option that cannot be.
  // FAILED_PRECONDITION: it cannot be opened or written, is a database of
  //   somebody else (and was left as it is), or of a newer version; or it is
  //   missing or empty, but there is a WAL with decisions of it.
  // DATA_LOSS: it is damaged, or no database of SQLite.
  // UNAVAILABLE: another process has it locked.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(
      SqliteStoreOptions options);

  // No call may be under way.
  ~SqliteStore() override;

  // `Store`.
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override;
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override;
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override;
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override;
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override;
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override;
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override;

  // `Outbox`.
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override;
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override;
  absl::StatusOr<int64_t> LastGlobalPosition() override;

  // `DeliveryQueue`.
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

  // `IdSource`. Inside of a decider the ids are of its transaction, and cost
  // nothing; elsewhere each call is a commit of its own. Those of a transaction
  // that fails are lost to this process; after a crash others may get them,
  // because nobody was told of them. Ids that commands bring from elsewhere are
  // never given again: it goes on above the highest of them.
  absl::StatusOr<int64_t> Take(int64_t count) override;

  // Whether the files that it has open are in their places; cheap, for a probe.
  //
  // UNAVAILABLE: one was moved, removed or replaced, and which.
  absl::Status CheckFiles() const;

  // Looks through the whole file for damage; it takes as long as reading it.
  // OK, or DATA_LOSS with what was found first. UNAVAILABLE as above.
  absl::Status CheckIntegrity();

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_SQLITE_STORE_H_
