// One connection to a file of SQLite, and its prepared statements. Not for
// users.
//
//   Query query(database, Sql::kFindDeployment, repository, id);
//   if (query.Next()) Read(query.Int(0), query.Blob(1));
//   if (!query.status().ok()) return query.status();

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_DATABASE_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_DATABASE_H_

#include <sqlite3.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/sqlite/statements.h"

namespace slipway {
namespace internal {

// The path of the file that `path` stands for, without links, which holds in
// whatever directory the process is. The file need not be there; where its
// directory is not, or links go in a circle, it is `path`.
std::string RealPath(const std::string& path);

// The files of a connection, which somebody may move, remove or replace while
// it is open. Thread-safe.
class OpenFiles {
 public:
  // Those that are there now: the file, its WAL, and the index of that. One
  // that is missing is not in its place later, either.
  explicit OpenFiles(const std::string& path);

  // OK: they still are. UNAVAILABLE: what is written to them nobody will find
  // again, and whoever opens their paths opens something else.
  absl::Status Check() const;

 private:
  // Device and number; 0: there is none.
  using Id = std::pair<dev_t, ino_t>;
  struct File {
    std::string path;
    Id id;
  };

  std::array<File, 3> files_;
};

// Not thread-safe; it may be handed from thread to thread.
class Database {
 public:
  struct OpenParams {
    // As `RealPath` gives it.
    std::string path;
    // How long to wait for another process at the most.
    int64_t busy_timeout_ms = 0;
    // How large the file may get, in pages; 0: as large as it can.
    int64_t pages_max = 0;
    // How much of the file it keeps in memory.
    int64_t cache_kib = 2048;
    // Then it has to be there, and is not the one that moves the WAL into the
    // file at its end.
    bool read_only = false;
  };
  // Opens the file, or makes one that is empty, and looks at nothing in it.
  //
  // FAILED_PRECONDITION: it cannot be opened or written, or only its WAL is
  //   there.
  static absl::StatusOr<std::unique_ptr<Database>> Open(
      const OpenParams& params);

  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Before anything is written over this connection: readers go on while it
  // writes, and what is committed is synced. `checkpoint_pages`: in the WAL,
  // from which on they are moved into the file.
  //
  // FAILED_PRECONDITION: it cannot have a WAL.
  // DATA_LOSS: it is damaged, or no database.
  // UNAVAILABLE: others have it locked.
  absl::Status PrepareToWrite(int64_t checkpoint_pages);

  // UNAVAILABLE: the file has been moved, removed or replaced.
  absl::Status CheckIsInPlace() const;

  // Runs SQL that gives no rows, such as a migration.
  absl::Status Execute(const char* sql);
  // A number that SQL gives, such as that of a pragma.
  absl::StatusOr<int64_t> Ask(const char* sql);
  absl::StatusOr<std::string> AskText(const char* sql);

  // Whether another connection has changed the file since the last call.
  absl::StatusOr<bool> ChangedByOthers();

  // Undoes the transaction, if there is one.
  void Rollback();

  // Between `EnterTransaction` and `LeaveTransaction` a query fails where there
  // is no transaction: SQLite undoes the whole of it on some failures, and what
  // came next would be committed by itself.
  void EnterTransaction() { needs_transaction_ = true; }
  void LeaveTransaction() { needs_transaction_ = false; }
  // Whether there is one.
  bool InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

  // Makes sure that a commit that has failed cannot come back. What it wrote
  // may stand in the WAL, whole but not told to anybody, and be found there
  // after a crash; this commits a page without change over it. OK: it cannot.
  // Else nobody knows.
  absl::Status OverwriteFailedCommit();

  // How often it waited for another process since the last call.
  int64_t TakeRetries();
  // How long it has waited for other processes so far; on any thread.
  int64_t busy_us() const { return busy_us_; }
  // From here on it waits no longer in all than `OpenParams::busy_timeout_ms`
  // beyond a moment in the past, when `busy_us` was `since_us`; by default as
  // long for each lock.
  void LimitBusy(int64_t since_us) {
    busy_end_us_ = since_us + busy_timeout_ms_ * 1000;
  }

  // Whether the WAL has grown to several times what `PrepareToWrite` was told,
  // because there always was a reader that used it.
  bool WalIsLong() const { return wal_pages_ >= wal_pages_max_; }
  // Moves such a WAL into the file and empties it. Waits for the readers for a
  // moment, and does not try again soon where that is too short. Not inside a
  // transaction.
  void LimitWal();

  // Makes room for the index of the WAL before anything is written: where a
  // commit found none, it would be in the WAL already. Inside of a transaction.
  //
  // UNAVAILABLE: there is no room.
  absl::Status ReserveWalIndex();

  // Whether the last failure was that the file, or its directory, cannot be
  // written at all.
  bool CannotBeWritten() const;
  // Whether the last failure was that a write found no room.
  bool FailedForRoom() const;

  // What `code`, or the last error, means for a caller.
  absl::Status Failure(int code);
  // What it means that `InTransaction` has become false inside of one.
  absl::Status TransactionIsLost() const;

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }

 private:
  friend class Query;
  explicit Database(std::string path) : path_(std::move(path)) {}

  static int OnBusy(void* self, int attempts);
  static int OnCommit(void* self, sqlite3* handle, const char* name,
                      int wal_pages);
  // nullptr: `status` says why.
  sqlite3_stmt* Prepare(Sql sql, absl::Status* status);

  const std::string path_;
  sqlite3* handle_ = nullptr;
  std::array<sqlite3_stmt*, kSqlCount> statements_ = {};
  int64_t busy_timeout_ms_ = 0;
  // All that it has waited, and how much that may become; -1: see `LimitBusy`.
  std::atomic<int64_t> busy_us_{0};
  int64_t busy_end_us_ = -1;
  int64_t lock_end_us_ = 0;
  int64_t retries_ = 0;
  bool needs_transaction_ = false;
  int64_t checkpoint_pages_ = 0;
  // In the WAL after the last commit, and from which number on it is emptied.
  int64_t wal_pages_ = 0;
  int64_t wal_pages_max_ = 0;
  // Of the index of the WAL, that there is room for.
  int wal_regions_ = 0;
  int last_failure_ = SQLITE_OK;
  int last_errno_ = 0;
  int64_t data_version_ = -1;
};

// A run of one statement, from the binding of its arguments to its reset. One
// at a time of each statement. Texts that are bound must outlive it.
class Query {
 public:
  template <typename... Args>
  Query(Database& database, Sql sql, const Args&... args)
      : database_(database), statement_(database.Prepare(sql, &status_)) {
    if (statement_ == nullptr) return;
    if (database.needs_transaction_ && !database.InTransaction()) {
      status_ = database.TransactionIsLost();
    }
    int place = 0;
    (Bind(++place, args), ...);
  }
  ~Query() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Whether there is a row, or one more. False after the last, and where it
  // failed.
  bool Next();
  // OK: it has not failed so far.
  const absl::Status& status() const { return status_; }

  // Of the present row.
  int64_t Int(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  bool IsNull(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  // Until the next row.
  absl::string_view Blob(int column) const;

  // DATA_LOSS where `bytes` are no message of that kind.
  template <typename Message>
  absl::Status Parse(int column, Message* message) const {
    const absl::string_view bytes = Blob(column);
    if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::OkStatus();
    }
    return Damaged();
  }
  // DATA_LOSS: the row contradicts itself.
  absl::Status Damaged() const;

 private:
  void Bind(int place, int64_t value) {
    Note(sqlite3_bind_int64(statement_, place, value));
  }
  void Bind(int place, absl::string_view bytes);
  void Bind(int place, const absl::optional<int64_t>& value) {
    Note(value.has_value() ? sqlite3_bind_int64(statement_, place, *value)
                           : sqlite3_bind_null(statement_, place));
  }
  void Note(int code) {
    if (code != SQLITE_OK && status_.ok()) status_ = database_.Failure(code);
  }

  Database& database_;
  absl::Status status_;
  sqlite3_stmt* statement_;
};

// Runs a statement that gives no rows.
template <typename... Args>
absl::Status Run(Database& database, Sql sql, const Args&... args) {
  Query query(database, sql, args...);
  query.Next();
  return query.status();
}

// One moment of the file for all that is read while this is alive.
class Snapshot {
 public:
  explicit Snapshot(Database& database)
      : database_(database), status_(Run(database, Sql::kBegin)) {
    database_.EnterTransaction();
  }
  ~Snapshot() {
    database_.LeaveTransaction();
    if (status_.ok()) Run(database_, Sql::kCommit).IgnoreError();
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const absl::Status& status() const { return status_; }

 private:
  Database& database_;
  absl::Status status_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_DATABASE_H_
