// The store when the server's disk is full: a small file system in memory that
// only this test and its server see.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/postgres/postgres_server.h"
#include "slipway/adapters/postgres/postgres_store.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace {

std::string Why(const std::string& what) {
  return absl::StrCat(what, ": ", std::strerror(errno));
}

bool WriteText(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good();
}

v1::Command Start() {
  v1::Command command;
  command.mutable_repository()->set_owner("octo");
  command.mutable_repository()->set_name("app");
  command.mutable_actor()->set_id(7);
  command.mutable_actor()->set_login("ann");
  return command;
}

class PostgresFullDiskTest : public testing::Test {
 protected:
  // Before there is any thread.
  static void SetUpTestSuite() {
    const uid_t user = getuid();
    if (unshare(CLONE_NEWNS) != 0) {
      ASSERT_EQ(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0) << Why("unshare");
      ASSERT_TRUE(
          WriteText("/proc/self/uid_map", absl::StrCat("0 ", user, " 1")))
          << Why("uid_map");
    }
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0)
        << Why("mount");
  }

  PostgresFullDiskTest() {
    EXPECT_NE(mkdtemp(&base_[0]), nullptr) << Why("mkdtemp");
    // The server's user has to pass.
    EXPECT_EQ(chmod(base_.c_str(), 0755), 0) << Why("chmod");
    room_ = base_ + "/room";
    EXPECT_EQ(mkdir(room_.c_str(), 0755), 0) << Why("mkdir");
    EXPECT_EQ(mount("tmpfs", room_.c_str(), "tmpfs", 0, "size=96m"), 0)
        << Why("mount");
  }
  ~PostgresFullDiskTest() override {
    runner_ = nullptr;
    store_ = nullptr;
    server_ = nullptr;
    umount2(room_.c_str(), MNT_DETACH);
    const int removed = std::system(absl::StrCat("rm -rf ", base_).c_str());
    EXPECT_EQ(removed, 0);
  }

  // `small`: what is where there is little room.
  enum class Small { kData, kLog };
  void Open(Small small) {
    data_ = small == Small::kData ? room_ + "/data" : base_ + "/data";
    wal_ = small == Small::kLog ? room_ + "/wal" : base_ + "/wal";
    for (const std::string& each : {data_, wal_}) {
      ASSERT_EQ(mkdir(each.c_str(), 0700), 0) << Why("mkdir");
    }
    PostgresServerParams params;
    params.data_directory = data_;
    params.wal_directory = wal_;
    params.settings = {"min_wal_size = 2MB", "max_wal_size = 8MB",
                       "wal_recycle = off", "wal_init_zero = on",
                       "autovacuum = off"};
    absl::StatusOr<std::unique_ptr<PostgresServer>> server =
        PostgresServer::Start(params);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    PostgresStoreParams store_params;
    store_params.connection = server_->connection();
    store_params.resolve_timeout_ms = 3'000;
    absl::StatusOr<std::unique_ptr<PostgresStore>> store =
        PostgresStore::Open(store_params);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    runner_ = std::make_unique<Runner>(
        RunnerParams{store_.get(), nullptr, &clock_, store_.get()});
    v1::Command command = Start();
    command.mutable_put_repository()->set_id(1);
    command.mutable_put_repository()->set_default_branch("main");
    ASSERT_TRUE(runner_->Execute(command).ok());
    command.mutable_put_ref()->set_name("main");
    command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
    command.mutable_put_ref()->set_sha(std::string(40, 'a'));
    ASSERT_TRUE(runner_->Execute(command).ok());
  }

  absl::Status Create() {
    v1::Command command = Start();
    v1::CreateDeployment& create = *command.mutable_create_deployment();
    create.set_ref("main");
    // What cannot be compressed.
    std::string payload;
    for (int i = 0; i < 30'000; ++i) {
      random_ = random_ * 1664525 + 1013904223;
      payload.push_back(static_cast<char>(random_ >> 24));
    }
    create.set_payload_type(v1::PAYLOAD_TYPE_STRING);
    create.set_payload(Hex(payload));
    const absl::StatusOr<v1::Decision> decision = runner_->Execute(command);
    if (!decision.ok()) return decision.status();
    EXPECT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
    if (!decision->has_acceptance()) return absl::OkStatus();
    created_.push_back(decision->acceptance().events(0).deployment().id());
    return absl::OkStatus();
  }

  static std::string Hex(const std::string& bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
      text.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
      text.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
    }
    return text;
  }

  void TakeRoom() {
    const int file = open(ballast().c_str(), O_WRONLY | O_CREAT, 0600);
    ASSERT_GE(file, 0) << Why("open");
    const std::string page(4096, 'b');
    while (write(file, page.data(), page.size()) > 0) {
    }
    ASSERT_EQ(errno, ENOSPC) << Why("write");
    close(file);
  }
  void GiveRoom() { ASSERT_EQ(unlink(ballast().c_str()), 0) << Why("unlink"); }

  // Creates until that fails, and then some.
  std::vector<absl::Status> CreateUntilFull() {
    std::vector<absl::Status> failures;
    constexpr int kMost = 4000;
    for (int i = 0; i < kMost && failures.size() < 5; ++i) {
      absl::Status status = Create();
      if (!status.ok()) failures.push_back(std::move(status));
    }
    return failures;
  }

  // Everything that was answered is there, and, but for so many, nothing else.
  void CheckCreated(int64_t unknown) {
    Store::ListDeploymentsParams all;
    all.repository = Start().repository();
    all.limit = 1;
    const auto page = store_->ListDeployments(all);
    ASSERT_TRUE(page.ok() && page->has_value()) << page.status();
    const auto acknowledged = static_cast<int64_t>(created_.size());
    EXPECT_GE((*page)->total, acknowledged);
    EXPECT_LE((*page)->total, acknowledged + unknown);
    for (const int64_t id : created_) {
      const auto found = store_->FindDeployment({Start().repository(), id});
      EXPECT_TRUE(found.ok() && found->has_value()) << id;
    }
  }

  std::string ballast() const { return room_ + "/ballast"; }

  std::string base_ = "/tmp/slipway-full-XXXXXX";
  std::string room_;
  std::string data_;
  std::string wal_;
  std::unique_ptr<PostgresServer> server_;
  std::unique_ptr<PostgresStore> store_;
  SystemClock clock_;
  std::unique_ptr<Runner> runner_;
  std::vector<int64_t> created_;
  uint32_t random_ = 1;
};

// R108.
TEST_F(PostgresFullDiskTest,
       R108WithoutRoomForRowsItIsUnavailableAndStillRead) {
  ASSERT_NO_FATAL_FAILURE(Open(Small::kData));
  ASSERT_TRUE(Create().ok());
  for (int round = 0; round < 2; ++round) {
    ASSERT_NO_FATAL_FAILURE(TakeRoom());
    const std::vector<absl::Status> failures = CreateUntilFull();
    ASSERT_EQ(failures.size(), 5u);
    for (const absl::Status& status : failures) {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    }
    CheckCreated(/*unknown=*/0);
    ASSERT_NO_FATAL_FAILURE(GiveRoom());
    for (int i = 0; i < 3; ++i) {
      const absl::Status status = Create();
      EXPECT_TRUE(status.ok()) << status;
    }
    CheckCreated(/*unknown=*/0);
  }
}

// The server ends itself where it cannot write its log.
TEST_F(PostgresFullDiskTest, R108WithoutRoomForTheLogNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(Open(Small::kLog));
  ASSERT_TRUE(Create().ok());
  ASSERT_NO_FATAL_FAILURE(TakeRoom());
  const std::vector<absl::Status> failures = CreateUntilFull();
  ASSERT_EQ(failures.size(), 5u);
  int64_t unknown = 0;
  for (const absl::Status& status : failures) {
    if (absl::IsUnknown(status)) {
      ++unknown;
    } else {
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    }
  }
  // Only what was under way when the server ended.
  EXPECT_LE(unknown, 1);
  ASSERT_NO_FATAL_FAILURE(GiveRoom());
  ASSERT_TRUE(server_->Stop(PostgresServer::StopMode::kImmediate).ok());
  const absl::Status started = server_->StartAgain();
  ASSERT_TRUE(started.ok()) << started;
  CheckCreated(unknown);
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Create();
    EXPECT_TRUE(status.ok()) << status;
  }
  CheckCreated(unknown);
}

}  // namespace
}  // namespace slipway
