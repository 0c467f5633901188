#include "slipway/adapters/sqlite/failing_vfs.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstdlib>

#include "absl/strings/match.h"

namespace slipway {
namespace internal {
namespace {

sqlite3_vfs* real_vfs = nullptr;

// What SQLite has of an open file; the real one's follows it in memory.
struct File {
  sqlite3_file base;
  std::string* name;
};
constexpr int kRealAt = (sizeof(File) + alignof(std::max_align_t) - 1) /
                        alignof(std::max_align_t) * alignof(std::max_align_t);

File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) +
                                         kRealAt);
}
const sqlite3_io_methods& Do(sqlite3_file* file) {
  return *Real(file)->pMethods;
}
bool Fails(FailingVfs::Operation operation, sqlite3_file* file) {
  return FailingVfs::Install().Fails(operation, *Of(file)->name);
}

int Close(sqlite3_file* file) {
  delete Of(file)->name;
  return Do(file).xClose(Real(file));
}
int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 at) {
  if (Fails(FailingVfs::Operation::kRead, file)) return SQLITE_IOERR_READ;
  return Do(file).xRead(Real(file), bytes, size, at);
}
// One that fails has written all the same, as a disk may.
int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  const int code = Do(file).xWrite(Real(file), bytes, size, at);
  return Fails(FailingVfs::Operation::kWrite, file) ? SQLITE_IOERR_WRITE : code;
}
int Sync(sqlite3_file* file, int flags) {
  if (Fails(FailingVfs::Operation::kSync, file)) return SQLITE_IOERR_FSYNC;
  return Do(file).xSync(Real(file), flags);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Do(file).xTruncate(Real(file), size);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Do(file).xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int how) {
  return Do(file).xLock(Real(file), how);
}
int Unlock(sqlite3_file* file, int how) {
  return Do(file).xUnlock(Real(file), how);
}
int CheckReservedLock(sqlite3_file* file, int* is_locked) {
  return Do(file).xCheckReservedLock(Real(file), is_locked);
}
int FileControl(sqlite3_file* file, int what, void* argument) {
  return Do(file).xFileControl(Real(file), what, argument);
}
int SectorSize(sqlite3_file* file) { return Do(file).xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Do(file).xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extends,
           void volatile** place) {
  return Do(file).xShmMap(Real(file), page, size, extends, place);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Do(file).xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Do(file).xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int deletes) {
  return Do(file).xShmUnmap(Real(file), deletes);
}

// Version 2: with shared memory, which a WAL needs, and without mapped files,
// which are read without being asked for.
constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags,
         int* flags_out) {
  file->pMethods = nullptr;
  const int code =
      real_vfs->xOpen(real_vfs, name, Real(file), flags, flags_out);
  if (Real(file)->pMethods == nullptr) return code;
  if (code != SQLITE_OK) {
    Do(file).xClose(Real(file));
    return code;
  }
  Of(file)->name = new std::string(name == nullptr ? "" : name);
  file->pMethods = &kMethods;
  return SQLITE_OK;
}

}  // namespace

FailingVfs& FailingVfs::Install() {
  static FailingVfs& installed = *[] {
    real_vfs = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs vfs = *real_vfs;
    vfs.zName = "failing";
    vfs.pNext = nullptr;
    vfs.szOsFile = kRealAt + real_vfs->szOsFile;
    vfs.xOpen = Open;
    if (sqlite3_vfs_register(&vfs, /*makeDflt=*/1) != SQLITE_OK) std::abort();
    return new FailingVfs();
  }();
  return installed;
}

void FailingVfs::FailNext(Operation operation, absl::string_view suffix,
                          int64_t count, int64_t skipped) {
  std::lock_guard<std::mutex> lock(mutex_);
  operation_ = operation;
  suffix_ = std::string(suffix);
  count_ = count;
  skipped_ = skipped;
  failed_ = 0;
}

int64_t FailingVfs::failed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return failed_;
}

bool FailingVfs::Fails(Operation operation, const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (count_ == 0 || operation != operation_ ||
      !absl::EndsWith(name, suffix_)) {
    return false;
  }
  if (skipped_ > 0) {
    --skipped_;
    return false;
  }
  --count_;
  ++failed_;
  return true;
}

}  // namespace internal
}  // namespace slipway
