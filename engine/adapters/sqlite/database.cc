#include "slipway/adapters/sqlite/database.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace internal {
namespace {

// Between two looks at a lock that another process has: it is held for as long
// as a commit takes.
constexpr std::chrono::microseconds kBusyPause(300);

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const OpenParams& params) {
  std::unique_ptr<Database> database(new Database(params.path));
  // Of a file that is there but cannot be written SQLite would read only.
  const int code = sqlite3_open_v2(
      params.path.c_str(), &database->handle_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  const auto refuse = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(params.path, ": ", why));
  };
  if (database->handle_ == nullptr) return refuse("out of memory");
  if (code != SQLITE_OK) {
    return refuse(absl::StrCat("cannot be opened for reading and writing: ",
                               sqlite3_errmsg(database->handle_)));
  }
  sqlite3* handle = database->handle_;
  if (sqlite3_db_readonly(handle, "main") != 0) {
    return refuse("is read-only");
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_handler(handle, &OnBusy, database.get());
  database->busy_timeout_ms_ = params.busy_timeout_ms;
  // What is in the file is data and cannot run anything, and is looked at with
  // care, as it may be damaged.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  for (const char* sql :
       {"PRAGMA cell_size_check = ON", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -65536"}) {
    // Some of them look at the file.
    const absl::Status status = database->Execute(sql);
    if (database->CannotBeWritten()) {
      return absl::FailedPreconditionError(status.message());
    }
    if (!status.ok()) return status;
  }
  absl::Status status;
  if (params.pages_max > 0) {
    status = database->Execute(
        absl::StrCat("PRAGMA max_page_count = ", params.pages_max).c_str());
  }
  if (status.ok() && params.read_only) {
    status = database->Execute("PRAGMA query_only = ON");
  }
  if (!status.ok()) return status;
  return database;
}

absl::Status Database::PrepareToWrite(int64_t checkpoint_pages) {
  const int64_t begin_ms = NowMs();
  absl::StatusOr<std::string> mode = AskText("PRAGMA journal_mode = WAL");
  // While several make the file at once SQLite does not wait by itself.
  while (absl::IsUnavailable(mode.status()) &&
         (sqlite3_extended_errcode(handle_) & 0xff) == SQLITE_BUSY &&
         NowMs() - begin_ms < busy_timeout_ms_) {
    std::this_thread::sleep_for(kBusyPause);
    mode = AskText("PRAGMA journal_mode = WAL");
  }
  if (!mode.ok()) return mode.status();
  if (*mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": its file system cannot hold a WAL"));
  }
  // In WAL mode this is one sync of the WAL for each commit.
  absl::Status status = Execute("PRAGMA synchronous = FULL");
  if (!status.ok()) return status;
  return Execute(
      absl::StrCat("PRAGMA wal_autocheckpoint = ", checkpoint_pages).c_str());
}

Database::~Database() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

int Database::OnBusy(void* self, int attempts) {
  auto& database = *static_cast<Database*>(self);
  const int64_t now_ms = NowMs();
  if (attempts == 0) database.busy_since_ms_ = now_ms;
  if (now_ms - database.busy_since_ms_ >= database.busy_timeout_ms_) return 0;
  ++database.retries_;
  std::this_thread::sleep_for(kBusyPause);
  return 1;
}

bool Database::CannotBeWritten() const {
  return (last_failure_ & 0xff) == SQLITE_READONLY ||
         (last_failure_ & 0xff) == SQLITE_CANTOPEN;
}

int64_t Database::TakeRetries() { return std::exchange(retries_, 0); }

absl::Status Database::Failure(int code) {
  last_failure_ = code;
  const absl::string_view why =
      handle_ == nullptr || code != (sqlite3_extended_errcode(handle_))
          ? sqlite3_errstr(code)
          : sqlite3_errmsg(handle_);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(
          absl::StrCat(path_, " is damaged, or no database of SQLite: ", why));
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return absl::DataLossError(absl::StrCat(
          path_, ": the decision does not fit what is stored: ", why));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(absl::StrCat(
          path_, ": it or its directory cannot be written: ", why));
    case SQLITE_FULL:
      return absl::UnavailableError(
          absl::StrCat(path_, ": no room is left: ", why));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return absl::UnavailableError(absl::StrCat(
          path_, ": another process has had it locked for too long: ", why));
    case SQLITE_TOOBIG:
      return absl::UnavailableError(
          absl::StrCat(path_, ": larger than SQLite takes: ", why));
    default:
      return absl::UnavailableError(absl::StrCat(
          path_, ": storage failed: ", why, " (", code, ", system error ",
          handle_ == nullptr ? 0 : sqlite3_system_errno(handle_), ")"));
  }
}

absl::Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Failure(code);
}

absl::StatusOr<std::string> Database::AskText(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  std::string answer;
  if (code == SQLITE_ROW) {
    const unsigned char* text = sqlite3_column_text(statement, 0);
    if (text != nullptr) answer = reinterpret_cast<const char*>(text);
  }
  const absl::Status status = code == SQLITE_ROW || code == SQLITE_DONE
                                  ? absl::OkStatus()
                                  : Failure(code);
  sqlite3_finalize(statement);
  if (!status.ok()) return status;
  return answer;
}

absl::StatusOr<int64_t> Database::Ask(const char* sql) {
  const absl::StatusOr<std::string> text = AskText(sql);
  if (!text.ok()) return text.status();
  int64_t number = 0;
  if (absl::SimpleAtoi(*text, &number)) return number;
  return absl::DataLossError(absl::StrCat(path_, " is damaged: ", sql));
}

absl::StatusOr<bool> Database::ChangedByOthers() {
  Query query(*this, Sql::kDataVersion);
  if (!query.Next()) return query.status();
  const int64_t version = query.Int(0);
  return std::exchange(data_version_, version) != version;
}

void Database::Rollback() {
  // Some failures have undone it already.
  if (sqlite3_get_autocommit(handle_) == 0) {
    Run(*this, Sql::kRollback).IgnoreError();
  }
}

sqlite3_stmt* Database::Prepare(Sql sql, absl::Status* status) {
  sqlite3_stmt*& statement = statements_[static_cast<size_t>(sql)];
  if (statement != nullptr) return statement;
  const int code =
      sqlite3_prepare_v3(handle_, SqlText(sql), -1, SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr);
  if (code != SQLITE_OK) {
    *status = Failure(code);
    statement = nullptr;
  }
  return statement;
}

bool Query::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = database_.Failure(code);
  return false;
}

absl::string_view Query::Blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return "";
  return absl::string_view(
      static_cast<const char*>(bytes),
      static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

void Query::Bind(int place, absl::string_view bytes) {
  // A null pointer would be NULL, not empty.
  Note(sqlite3_bind_blob64(statement_, place, bytes.empty() ? "" : bytes.data(),
                           bytes.size(), SQLITE_STATIC));
}

absl::Status Query::Damaged() const {
  return absl::DataLossError(
      absl::StrCat(database_.path_, " is damaged: a row cannot be read"));
}

}  // namespace internal
}  // namespace slipway
