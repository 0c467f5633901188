#include "slipway/adapters/sqlite/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
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

// The WAL is emptied when it has become so many times what a checkpoint begins
// at, and kept at so many times that where it is used again.
constexpr int64_t kWalFactor = 4;
constexpr int64_t kWalKeptFactor = 2;
// How long readers that are under way are waited for then.
constexpr int64_t kWalWaitMs = 100;
// A page in the WAL with its header.
constexpr int64_t kWalPageSize = 4096 + 24;

// The index of the WAL has regions of this size, the first for fewer pages than
// the others (SQLite's "WAL-mode file format").
constexpr int kWalRegionSize = 32768;
constexpr int64_t kWalRegionPages = 4096;
constexpr int64_t kWalFirstRegionPages = 4062;
// A transaction is not larger, or it may be in doubt where no room is left.
constexpr int64_t kWalPagesAhead = 4096;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// "No such file or directory".
std::string SystemText(int error) {
  return std::system_category().message(error);
}

// Why a file could not be opened; `error` is what SQLite says. What it could
// not make it tries to open once more without making it, and says of all that
// may be against it that there is no such file. 0: nobody knows.
int OpenError(const std::string& path, int error) {
  if (error != ENOENT) return error;
  // Never one that is there: closing it would let go of locks.
  const int file =
      open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return errno == EEXIST ? error : errno;
  close(file);
  return 0;
}

// 0: there is none, or it is empty.
int64_t SizeOf(const std::string& path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 ? found.st_size : 0;
}

absl::Status IsNotInPlace(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat(
      path,
      " was moved, removed or replaced while it is open, and nothing more is "
      "written (",
      why, "): before you end this process read \"What 503 means\" in ",
      "docs/guides/operations.md"));
}

std::pair<dev_t, ino_t> IdOf(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

}  // namespace

std::string RealPath(const std::string& path) {
  constexpr int kLinksMax = 40;
  std::filesystem::path place = path;
  std::error_code error;
  for (int i = 0; i < kLinksMax; ++i) {
    // Of a relative one in the present directory the parent is empty.
    const std::filesystem::path directory = std::filesystem::canonical(
        place.has_parent_path() ? place.parent_path() : ".", error);
    if (error || !place.has_filename()) return path;
    place = directory / place.filename();
    const std::filesystem::path target =
        std::filesystem::read_symlink(place, error);
    // It is no link.
    if (error) return place.string();
    place = directory / target;
  }
  return path;
}

OpenFiles::OpenFiles(const std::string& path) {
  constexpr const char* kSuffixes[] = {"", "-wal", "-shm"};
  for (size_t i = 0; i < files_.size(); ++i) {
    files_[i].path = absl::StrCat(path, kSuffixes[i]);
    files_[i].id = IdOf(files_[i].path);
  }
}

absl::Status OpenFiles::Check() const {
  for (const File& file : files_) {
    errno = 0;
    const Id id = IdOf(file.path);
    if (id != Id() && id == file.id) continue;
    return IsNotInPlace(file.path,
                        errno != 0 ? SystemText(errno) : "it is another file");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const OpenParams& params) {
  std::unique_ptr<Database> database(new Database(params.path));
  const auto refuse = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat(params.path, ": ", why));
  };
  // SQLite would remove such a WAL. Whoever makes a file writes to it before
  // there is anything in the WAL, which therefore is looked at first.
  if (SizeOf(params.path + "-wal") > 0 && SizeOf(params.path) == 0) {
    return refuse(absl::StrCat(
        "it is missing or empty, but decisions of it are in ", params.path,
        "-wal: put back the very file that they belong to; before you begin "
        "anew, or put a copy there, move ",
        params.path, "-wal and ", params.path, "-shm away"));
  }
  // Of a file that is there but cannot be written SQLite would read only.
  const int code =
      sqlite3_open_v2(params.path.c_str(), &database->handle_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                          (params.read_only ? 0 : SQLITE_OPEN_CREATE),
                      nullptr);
  if (database->handle_ == nullptr) return refuse("out of memory");
  if (code != SQLITE_OK) {
    // Of SQLite's own texts there is one for all that the system may have
    // against it.
    int error = sqlite3_system_errno(database->handle_);
    if (!params.read_only) error = OpenError(params.path, error);
    return refuse(absl::StrCat(
        "cannot be opened for reading and writing: ",
        error != 0 ? SystemText(error) : sqlite3_errmsg(database->handle_)));
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
  if (params.read_only) {
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  const std::string cache_size =
      absl::StrCat("PRAGMA cache_size = -", params.cache_kib);
  for (const char* sql :
       {"PRAGMA cell_size_check = ON", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY", cache_size.c_str()}) {
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
  checkpoint_pages_ = checkpoint_pages;
  wal_pages_max_ = kWalFactor * checkpoint_pages;
  // One that an earlier process has left may be written again up to its end.
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path_ + "-wal", error);
  if (!error) wal_pages_ = static_cast<int64_t>(size) / kWalPageSize;
  sqlite3_wal_hook(handle_, &OnCommit, this);
  return AskText(absl::StrCat("PRAGMA journal_size_limit = ",
                              kWalKeptFactor * checkpoint_pages * kWalPageSize)
                     .c_str())
      .status();
}

absl::Status Database::CheckIsInPlace() const {
  int has_moved = 0;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  if (has_moved == 0) return absl::OkStatus();
  return IsNotInPlace(path_, "it is another file");
}

Database::~Database() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

int Database::OnBusy(void* self, int attempts) {
  auto& database = *static_cast<Database*>(self);
  if (attempts == 0) {
    database.lock_end_us_ =
        database.busy_end_us_ >= 0
            ? database.busy_end_us_
            : database.busy_us_ + database.busy_timeout_ms_ * 1000;
  }
  if (database.busy_us_ >= database.lock_end_us_) return 0;
  ++database.retries_;
  const auto begin = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(kBusyPause);
  database.busy_us_ += std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::steady_clock::now() - begin)
                           .count();
  return 1;
}

int Database::OnCommit(void* self, sqlite3* handle, const char* name,
                       int wal_pages) {
  auto& database = *static_cast<Database*>(self);
  database.wal_pages_ = wal_pages;
  if (wal_pages >= database.checkpoint_pages_) {
    // What it cannot move stays in the WAL for the next time.
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                              nullptr);
  }
  return SQLITE_OK;
}

absl::Status Database::ReserveWalIndex() {
  const int64_t pages = wal_pages_ + kWalPagesAhead - kWalFirstRegionPages;
  const int64_t regions = 1 + (pages + kWalRegionPages - 1) / kWalRegionPages;
  while (wal_regions_ < regions) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(handle_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    void volatile* region = nullptr;
    const int code = file->pMethods->xShmMap(file, wal_regions_, kWalRegionSize,
                                             /*extend=*/1, &region);
    if (code != SQLITE_OK) {
      return absl::UnavailableError(
          absl::StrCat(path_, ": no room is left for the index of its WAL: ",
                       sqlite3_errstr(code)));
    }
    ++wal_regions_;
  }
  return absl::OkStatus();
}

void Database::LimitWal() {
  // This is no wait of the caller's for another process.
  const int64_t busy_us = busy_us_;
  const int64_t busy_end_us = busy_end_us_;
  const int64_t retries = retries_;
  busy_end_us_ = busy_us + kWalWaitMs * 1000;
  const int code = sqlite3_wal_checkpoint_v2(
      handle_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  busy_us_ = busy_us;
  busy_end_us_ = busy_end_us;
  retries_ = retries;
  // A reader that stays is not waited for again and again.
  wal_pages_max_ =
      code == SQLITE_OK ? kWalFactor * checkpoint_pages_ : 2 * wal_pages_;
  wal_pages_ = 0;
}

absl::Status Database::OverwriteFailedCommit() {
  Rollback();
  absl::Status status = Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> version = Ask("PRAGMA user_version");
  status = version.status();
  // Setting it writes the first page even where it stays as it is.
  if (status.ok()) {
    status = Execute(absl::StrCat("PRAGMA user_version = ", *version).c_str());
  }
  if (status.ok()) status = Execute("COMMIT");
  if (!status.ok()) Rollback();
  return status;
}

bool Database::FailedForRoom() const {
  if ((last_failure_ & 0xff) == SQLITE_FULL) return true;
  return last_failure_ == SQLITE_IOERR_WRITE &&
         (last_errno_ == EFBIG || last_errno_ == ENOSPC ||
          last_errno_ == EDQUOT);
}

absl::Status Database::TransactionIsLost() const {
  return absl::UnavailableError(
      absl::StrCat(path_, ": storage failed: the transaction was undone"));
}

bool Database::CannotBeWritten() const {
  return (last_failure_ & 0xff) == SQLITE_READONLY ||
         (last_failure_ & 0xff) == SQLITE_CANTOPEN;
}

int64_t Database::TakeRetries() { return std::exchange(retries_, 0); }

absl::Status Database::Failure(int code) {
  last_failure_ = code;
  last_errno_ = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
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
      return absl::UnavailableError(absl::StrCat(
          path_, ": it or its directory cannot be written: ", why));
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(absl::StrCat(
          path_, ": it or its directory cannot be written: ",
          last_errno_ != 0 ? SystemText(last_errno_) : std::string(why)));
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
  LeaveTransaction();
  // Some failures have undone it already.
  if (InTransaction()) Run(*this, Sql::kRollback).IgnoreError();
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
