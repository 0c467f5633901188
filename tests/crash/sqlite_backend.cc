#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/sqlite/sqlite_store.h"
#include "slipway/tests/crash/backend.h"

namespace crash {
namespace {

// Enough for what a test writes, and quickly filled.
constexpr char kRoom[] = "size=96m";

absl::Status Failure(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

bool WriteText(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good();
}

// A small file system in memory, that only this process and its children see.
bool MountRoom(const std::string& directory) {
  const uid_t user = getuid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        !WriteText("/proc/self/uid_map", absl::StrCat("0 ", user, " 1"))) {
      return false;
    }
  }
  return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", directory.c_str(), "tmpfs", 0, kRoom) == 0;
}

absl::Status Copy(const std::string& from, const std::string& to) {
  unlink(to.c_str());
  if (access(from.c_str(), F_OK) != 0) return absl::OkStatus();
  std::ifstream source(from, std::ios::binary);
  std::ofstream target(to, std::ios::binary);
  // An empty source counts as a failure of the target.
  if (source.peek() != std::ifstream::traits_type::eof()) {
    target << source.rdbuf();
  }
  target.close();
  return target ? absl::OkStatus() : Failure(to);
}

absl::StatusOr<std::shared_ptr<slipway::SqliteStore>> Open(
    const std::string& path) {
  slipway::SqliteStoreOptions options;
  options.path = path;
  auto store = slipway::SqliteStore::Open(std::move(options));
  if (!store.ok()) return store.status();
  return std::shared_ptr<slipway::SqliteStore>(*std::move(store));
}

class Sqlite : public Backend {
 public:
  Sqlite(std::string directory, bool has_room)
      : directory_(std::move(directory)), has_room_(has_room) {}

  ~Sqlite() override {
    if (has_room_) umount2(data().c_str(), MNT_DETACH);
  }

  std::string flag() const override { return absl::StrCat("sqlite:", file()); }

  absl::StatusOr<View> Look(bool servers_are_down) override {
    std::string path = file();
    if (servers_are_down) {
      path = absl::StrCat(directory_, "/copy.db");
      unlink(absl::StrCat(path, "-shm").c_str());
      for (const char* end : {"", "-wal"}) {
        absl::Status status =
            Copy(absl::StrCat(file(), end), absl::StrCat(path, end));
        if (!status.ok()) return status;
      }
    }
    auto store = Open(path);
    if (!store.ok()) return store.status();
    return View{*store, store->get(), store->get()};
  }

  absl::Status CheckIntegrity() override {
    const auto store = Open(file());
    if (!store.ok()) return store.status();
    return (*store)->CheckIntegrity();
  }

  absl::Status TakeRoom() override {
    if (!has_room_) return Cannot();
    const int ballast = open(ballast_path().c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (ballast < 0) return Failure(ballast_path());
    const std::string block(1 << 16, '\0');
    // First large pieces, then what is left.
    for (const size_t size : {block.size(), size_t{4096}, size_t{1}}) {
      while (write(ballast, block.data(), size) > 0) {
      }
    }
    const bool is_full = errno == ENOSPC;
    close(ballast);
    return is_full ? absl::OkStatus() : Failure(ballast_path());
  }

  absl::Status GiveRoom() override {
    return unlink(ballast_path().c_str()) == 0 ? absl::OkStatus()
                                               : Failure(ballast_path());
  }

 private:
  std::string data() const { return absl::StrCat(directory_, "/data"); }
  std::string file() const { return absl::StrCat(data(), "/slipway.db"); }
  std::string ballast_path() const { return absl::StrCat(data(), "/ballast"); }

  const std::string directory_;
  const bool has_room_;
};

class Memory : public Backend {
 public:
  std::string flag() const override { return "memory"; }
  absl::StatusOr<View> Look(bool /*servers_are_down*/) override {
    return View{};
  }
};

}  // namespace

std::unique_ptr<Backend> MemoryBackend() { return std::make_unique<Memory>(); }

absl::StatusOr<std::unique_ptr<Backend>> SqliteBackend(
    const std::string& directory, bool is_to_be_filled) {
  const std::string data = absl::StrCat(directory, "/data");
  if (mkdir(data.c_str(), 0755) != 0) return Failure(data);
  const bool has_room = is_to_be_filled && MountRoom(data);
  return std::unique_ptr<Backend>(
      std::make_unique<Sqlite>(directory, has_room));
}

}  // namespace crash
