#include "slipway/adapters/sqlite/sqlite_store.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/deliveries.h"
#include "slipway/adapters/sqlite/deployment_list.h"
#include "slipway/adapters/sqlite/rows.h"
#include "slipway/adapters/sqlite/schema.h"
#include "slipway/adapters/sqlite/writer.h"

namespace slipway {

using internal::Database;
using internal::Query;
using internal::Rows;
using internal::Sql;

namespace {

// Connections that are kept open for the next reader.
constexpr size_t kIdleReadersMax = 16;
// A decision with more events is not kept to be used again.
constexpr int kEventsLentMax = 16;

// Of the file in memory. A decision touches pages of every table and index; a
// reader few, and the kernel has them too.
constexpr int64_t kWriterCacheKib = 64 * 1024;
constexpr int64_t kReaderCacheKib = 4 * 1024;

// What another thread decides into for this one: a message that is used again
// and again, of which this one makes a copy. Memory that one thread gets and
// another gives back would cost more.
class BorrowedDecision {
 public:
  BorrowedDecision() : is_outer_(!is_lent) {
    // A decider of one store may write to another one.
    if (is_outer_) {
      if (lent == nullptr) lent = std::make_unique<v1::Decision>();
      lent->Clear();
      is_lent = true;
    } else {
      own_ = std::make_unique<v1::Decision>();
    }
  }
  ~BorrowedDecision() {
    if (!is_outer_) return;
    is_lent = false;
    if (lent->acceptance().events_size() > kEventsLentMax) lent.reset();
  }
  BorrowedDecision(const BorrowedDecision&) = delete;
  BorrowedDecision& operator=(const BorrowedDecision&) = delete;

  // On this thread; what it gives is for any.
  v1::Decision* get() const { return is_outer_ ? lent.get() : own_.get(); }

 private:
  static thread_local std::unique_ptr<v1::Decision> lent;
  static thread_local bool is_lent;

  const bool is_outer_;
  std::unique_ptr<v1::Decision> own_;
};
thread_local std::unique_ptr<v1::Decision> BorrowedDecision::lent;
thread_local bool BorrowedDecision::is_lent = false;

Database::OpenParams ParamsOf(const SqliteStoreOptions& options) {
  Database::OpenParams params;
  params.path = options.path;
  params.busy_timeout_ms = options.busy_timeout_ms;
  params.pages_max = options.pages_max;
  return params;
}

}  // namespace

struct SqliteStore::Impl {
  explicit Impl(SqliteStoreOptions given, std::unique_ptr<Database> database)
      : options(std::move(given)),
        writer({std::move(database),
                static_cast<size_t>(options.group_size_max), options.metrics}) {
  }

  // Runs `read` on one moment of the file. It must not read by itself.
  absl::Status Read(absl::FunctionRef<absl::Status(Rows&)> read) {
    std::unique_ptr<Database> database;
    {
      std::unique_lock<std::mutex> lock(mutex);
      reader_ended.wait(lock,
                        [&] { return reader_count < options.readers_max; });
      ++reader_count;
      if (!idle_readers.empty()) {
        database = std::move(idle_readers.back());
        idle_readers.pop_back();
      }
    }
    absl::Status status = ReadFrom(&database, read);
    {
      std::lock_guard<std::mutex> lock(mutex);
      --reader_count;
      // One that has failed is not used again.
      if (status.ok() && idle_readers.size() < kIdleReadersMax) {
        idle_readers.push_back(std::move(database));
      }
    }
    reader_ended.notify_one();
    return status;
  }

  // Opens the database where it is nullptr.
  absl::Status ReadFrom(std::unique_ptr<Database>* place,
                        absl::FunctionRef<absl::Status(Rows&)> read) {
    std::unique_ptr<Database>& database = *place;
    if (database == nullptr) {
      // One to another file would make a WAL for it, empty the index of ours,
      // and let go of this process's locks on that.
      absl::Status in_place = writer.files().Check();
      if (!in_place.ok()) return in_place;
      Database::OpenParams params = ParamsOf(options);
      params.read_only = true;
      params.cache_kib = kReaderCacheKib;
      absl::StatusOr<std::unique_ptr<Database>> opened = Database::Open(params);
      // It could be opened before.
      if (absl::IsFailedPrecondition(opened.status())) {
        return absl::UnavailableError(opened.status().message());
      }
      if (!opened.ok()) return opened.status();
      // It may have become another one meanwhile.
      in_place = writer.files().Check();
      if (!in_place.ok()) return in_place;
      database = *std::move(opened);
    }
    internal::Snapshot snapshot(*database);
    if (!snapshot.status().ok()) return snapshot.status();
    Rows rows(*database);
    return read(rows);
  }

  // The same for a repository that exists; `read` is not called for others.
  absl::Status ReadRepository(
      const v1::RepositoryName& name,
      absl::FunctionRef<absl::Status(Rows&, const Rows::Repository&)> read) {
    return Read([&](Rows& rows) {
      absl::StatusOr<Rows::Repository*> repository = rows.FindRepository(name);
      if (!repository.ok()) return repository.status();
      if (*repository == nullptr || !(*repository)->body.has_value()) {
        return absl::OkStatus();
      }
      return read(rows, **repository);
    });
  }

  const SqliteStoreOptions options;
  internal::Writer writer;

  std::mutex mutex;
  std::condition_variable reader_ended;
  int64_t reader_count = 0;
  std::vector<std::unique_ptr<Database>> idle_readers;
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    SqliteStoreOptions options) {
  if (options.path.empty()) {
    return absl::InvalidArgumentError("a store needs the path of its file");
  }
  if (options.busy_timeout_ms < 0 || options.group_size_max < 1 ||
      options.checkpoint_pages < 1 || options.pages_max < 0 ||
      options.readers_max < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.path, ": a number among the options is too small"));
  }
  options.path = internal::RealPath(options.path);
  Database::OpenParams params = ParamsOf(options);
  params.cache_kib = kWriterCacheKib;
  absl::StatusOr<std::unique_ptr<Database>> database;
  absl::Status status;
  {
    // `CheckLength` would let go of the locks of another store of this process
    // that is opened at the same time.
    static std::mutex opening;
    std::lock_guard<std::mutex> lock(opening);
    status = internal::CheckLength(options.path);
    if (!status.ok()) return status;
    database = Database::Open(params);
    if (!database.ok()) return database.status();
    status = internal::CheckOwner(**database);
    if (status.ok()) {
      status = (*database)->PrepareToWrite(options.checkpoint_pages);
    }
  }
  if (status.ok()) status = internal::Migrate(**database);
  if (absl::IsUnavailable(status) && (*database)->CannotBeWritten()) {
    return absl::FailedPreconditionError(status.message());
  }
  if (status.ok()) status = (*database)->CheckIsInPlace();
  if (!status.ok()) return status;
  return std::unique_ptr<SqliteStore>(new SqliteStore(
      std::make_unique<Impl>(std::move(options), *std::move(database))));
}

// ---------------------------------------------------------------------------
// Store.

absl::Status SqliteStore::Transact(const TransactParams& params,
                                   v1::Decision* decision) {
  const BorrowedDecision lent;
  v1::Decision* const borrowed = lent.get();
  const std::thread::id caller = std::this_thread::get_id();
  bool is_borrowed = false;
  absl::Status status = impl_->writer.Run([&](Rows& rows) {
    is_borrowed = std::this_thread::get_id() != caller;
    v1::Decision* answer = is_borrowed ? borrowed : decision;
    const v1::Command& command = params.command;
    absl::StatusOr<Rows::Repository*> repository =
        rows.FindRepository(command.repository());
    if (!repository.ok()) return repository.status();
    v1::Facts* facts = rows.EmptyFacts();
    absl::Status done =
        rows.AddFacts(params.rules, command, *repository, facts);
    if (done.ok()) done = params.decide(*facts, answer);
    if (!done.ok()) return done;
    return rows.Keep(params.rules, command, *repository, *answer);
  });
  if (status.ok() && is_borrowed) *decision = *borrowed;
  return status;
}

absl::StatusOr<v1::Facts> SqliteStore::Facts(const FactsParams& params) {
  v1::Facts facts;
  absl::Status status = impl_->Read([&](Rows& rows) {
    absl::StatusOr<Rows::Repository*> repository =
        rows.FindRepository(params.command.repository());
    if (!repository.ok()) return repository.status();
    return rows.AddFacts(params.rules, params.command, *repository, &facts);
  });
  if (!status.ok()) return status;
  return facts;
}

absl::StatusOr<absl::optional<v1::Repository>> SqliteStore::FindRepository(
    const v1::RepositoryName& name) {
  absl::optional<v1::Repository> found;
  absl::Status status = impl_->ReadRepository(
      name, [&](Rows&, const Rows::Repository& repository) {
        found = repository.body;
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<absl::optional<v1::Repository>> SqliteStore::FindRepositoryById(
    int64_t id) {
  absl::optional<v1::Repository> found;
  absl::Status status = impl_->Read([&](Rows& rows) {
    Query query(rows.database(), Sql::kFindRepositoryById, id);
    if (!query.Next()) return query.status();
    return query.Parse(0, &found.emplace());
  });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<absl::optional<Store::DeploymentResult>>
SqliteStore::FindDeployment(const DeploymentParams& params) {
  absl::optional<DeploymentResult> result;
  absl::Status status = impl_->ReadRepository(
      params.repository, [&](Rows& rows, const Rows::Repository& repository) {
        absl::StatusOr<internal::DeploymentRow*> row =
            rows.FindDeployment(repository.number, params.deployment_id);
        if (!row.ok()) return row.status();
        if (*row == nullptr) return absl::OkStatus();
        result.emplace();
        result->deployment = std::move((*row)->deployment);
        if ((*row)->latest_status_id == 0) return absl::OkStatus();
        Query query(rows.database(), Sql::kFindStatus, repository.number,
                    params.deployment_id, (*row)->latest_status_id);
        if (!query.Next()) {
          return query.status().ok() ? query.Damaged() : query.status();
        }
        return query.Parse(0, &result->latest_status.emplace());
      });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<absl::optional<Store::Page<v1::Deployment>>>
SqliteStore::ListDeployments(const ListDeploymentsParams& params) {
  absl::optional<Page<v1::Deployment>> page;
  absl::Status status = impl_->ReadRepository(
      params.repository, [&](Rows& rows, const Rows::Repository& repository) {
        return internal::ListDeployments(rows, repository, params,
                                         &page.emplace());
      });
  if (!status.ok()) return status;
  return page;
}

absl::StatusOr<absl::optional<Store::Page<v1::DeploymentStatus>>>
SqliteStore::ListStatuses(const ListStatusesParams& params) {
  absl::optional<Page<v1::DeploymentStatus>> page;
  absl::Status status = impl_->ReadRepository(
      params.repository, [&](Rows& rows, const Rows::Repository& repository) {
        absl::StatusOr<internal::DeploymentRow*> row =
            rows.FindDeployment(repository.number, params.deployment_id);
        if (!row.ok()) return row.status();
        if (*row == nullptr) return absl::OkStatus();
        page.emplace();
        page->total = (*row)->status_count;
        const internal::PagePlace place =
            internal::PlaceOf(params.offset, params.limit, page->total);
        Query query(
            rows.database(),
            place.backwards ? Sql::kListStatusesBackwards : Sql::kListStatuses,
            repository.number, place.limit, place.offset, params.deployment_id);
        while (query.Next()) {
          absl::Status parsed = query.Parse(0, &page->rows.emplace_back());
          if (!parsed.ok()) return parsed;
        }
        if (place.backwards) std::reverse(page->rows.begin(), page->rows.end());
        return query.status();
      });
  if (!status.ok()) return status;
  return page;
}

absl::StatusOr<absl::optional<v1::DeploymentStatus>> SqliteStore::FindStatus(
    const StatusParams& params) {
  absl::optional<v1::DeploymentStatus> found;
  absl::Status status = impl_->ReadRepository(
      params.repository, [&](Rows& rows, const Rows::Repository& repository) {
        Query query(rows.database(), Sql::kFindStatus, repository.number,
                    params.deployment_id, params.status_id);
        if (!query.Next()) return query.status();
        return query.Parse(0, &found.emplace());
      });
  if (!status.ok()) return status;
  return found;
}

// ---------------------------------------------------------------------------
// Outbox.

absl::StatusOr<std::vector<OutboxEntry>> SqliteStore::ReadOutbox(
    const ReadParams& params) {
  std::vector<OutboxEntry> found;
  absl::Status status = impl_->Read([&](Rows& rows) {
    absl::StatusOr<Rows::Repository*> repository =
        rows.FindRepository(params.repository);
    if (!repository.ok()) return repository.status();
    if (*repository == nullptr) return absl::OkStatus();
    absl::StatusOr<std::vector<OutboxEntry>> entries =
        internal::ReadOutbox(rows.database(), (*repository)->number,
                             params.after_position, params.limit);
    if (!entries.ok()) return entries.status();
    found = *std::move(entries);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::vector<OutboxEntry>> SqliteStore::ReadAll(
    const ReadAllParams& params) {
  std::vector<OutboxEntry> found;
  absl::Status status = impl_->Read([&](Rows& rows) {
    absl::StatusOr<std::vector<OutboxEntry>> entries =
        internal::ReadAll(rows.database(), params.after_position, params.limit);
    if (!entries.ok()) return entries.status();
    found = *std::move(entries);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return found;
}

namespace {

// Makes the answer of a `Read` or `Run` whose work gives a value.
template <typename T>
absl::StatusOr<T> ValueOf(
    absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status(Rows&)>)> run,
    absl::FunctionRef<absl::StatusOr<T>(Rows&)> work) {
  absl::StatusOr<T> value = absl::UnknownError("not run");
  absl::Status status = run([&](Rows& rows) {
    value = work(rows);
    return value.status();
  });
  if (!status.ok()) return status;
  return value;
}

}  // namespace

absl::StatusOr<int64_t> SqliteStore::LastGlobalPosition() {
  return ValueOf<int64_t>(
      [&](auto work) { return impl_->Read(work); },
      [](Rows& rows) { return internal::LastGlobalPosition(rows.database()); });
}

// ---------------------------------------------------------------------------
// DeliveryQueue.

absl::StatusOr<Hook> SqliteStore::AddHook(const AddHookParams& params) {
  return ValueOf<Hook>(
      [&](auto work) { return impl_->writer.Run(work); },
      [&](Rows& rows) { return internal::AddHook(rows, params); });
}

absl::StatusOr<int64_t> SqliteStore::Enqueue(const EnqueueParams& params) {
  return ValueOf<int64_t>(
      [&](auto work) { return impl_->writer.Run(work); },
      [&](Rows& rows) { return internal::Enqueue(rows, params); });
}

absl::StatusOr<std::vector<Delivery>> SqliteStore::Claim(
    const ClaimParams& params) {
  return ValueOf<std::vector<Delivery>>(
      [&](auto work) { return impl_->writer.Run(work); },
      [&](Rows& rows) { return internal::Claim(rows, params); });
}

absl::Status SqliteStore::Record(const RecordParams& params) {
  return impl_->writer.Run(
      [&](Rows& rows) { return internal::Record(rows, params); });
}

absl::StatusOr<std::vector<Delivery>> SqliteStore::ListDeliveries(
    const ListDeliveriesParams& params) {
  return ValueOf<std::vector<Delivery>>(
      [&](auto work) { return impl_->Read(work); },
      [&](Rows& rows) {
        return internal::ListDeliveries(rows.database(), params);
      });
}

absl::StatusOr<absl::optional<Delivery>> SqliteStore::FindDelivery(int64_t id) {
  return ValueOf<absl::optional<Delivery>>(
      [&](auto work) { return impl_->Read(work); },
      [&](Rows& rows) { return internal::FindDelivery(rows.database(), id); });
}

absl::Status SqliteStore::Redeliver(const RedeliverParams& params) {
  return impl_->writer.Run(
      [&](Rows& rows) { return internal::Redeliver(rows, params); });
}

absl::StatusOr<int64_t> SqliteStore::Prune(const PruneParams& params) {
  return ValueOf<int64_t>(
      [&](auto work) { return impl_->writer.Run(work); },
      [&](Rows& rows) { return internal::Prune(rows, params); });
}

absl::StatusOr<int64_t> SqliteStore::CountPending(int64_t hook_id) {
  return ValueOf<int64_t>([&](auto work) { return impl_->Read(work); },
                          [&](Rows& rows) {
                            return internal::CountPending(rows.database(),
                                                          hook_id);
                          });
}

// ---------------------------------------------------------------------------
// IdSource.

absl::StatusOr<int64_t> SqliteStore::Take(int64_t count) {
  // A decider asks, and its transaction keeps what it gets.
  if (Rows* rows = impl_->writer.Current()) return rows->TakeIds(count);
  return ValueOf<int64_t>([&](auto work) { return impl_->writer.Run(work); },
                          [&](Rows& rows) { return rows.ReserveIds(count); });
}

absl::Status SqliteStore::CheckFiles() const {
  return impl_->writer.files().Check();
}

absl::Status SqliteStore::CheckIntegrity() {
  return impl_->Read([&](Rows& rows) {
    for (const char* sql :
         {"PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"}) {
      absl::StatusOr<std::string> found = rows.database().AskText(sql);
      if (!found.ok()) return found.status();
      if (!found->empty() && *found != "ok") {
        return absl::DataLossError(
            absl::StrCat(impl_->options.path, " is damaged: ", *found));
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace slipway
