// What the tests of this package share. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_TESTING_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_TESTING_H_

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/sqlite/sqlite_store.h"
#include "slipway/ports/metrics.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace internal {

// A directory of its own, removed at the end.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_(testing::TempDir() + "/sqlite-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File() const { return path_ + "/slipway.db"; }

 private:
  std::string path_;
};

// Remembers what it was told.
class RecordedMetrics : public Metrics {
 public:
  void Add(absl::string_view counter, Labels, double amount) override {
    std::lock_guard<std::mutex> lock(mutex_);
    counters_[std::string(counter)] += amount;
  }
  void Set(absl::string_view, Labels, double) override {}
  void Observe(absl::string_view histogram, Labels, double value) override {
    std::lock_guard<std::mutex> lock(mutex_);
    observed_[std::string(histogram)].push_back(value);
  }

  double Counter(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    return counters_[name];
  }
  std::vector<double> Observed(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    return observed_[name];
  }
  int64_t Commits() {
    return static_cast<int64_t>(Observed("slipway_commit_group_size").size());
  }

 private:
  std::mutex mutex_;
  std::map<std::string, double> counters_;
  std::map<std::string, std::vector<double>> observed_;
};

inline v1::RepositoryName HelloWorld() {
  v1::RepositoryName name;
  name.set_owner("octocat");
  name.set_name("hello-world");
  return name;
}

// Commands without time and ids, by octocat on octocat/hello-world.
inline v1::Command AnyCommand() {
  v1::Command command;
  *command.mutable_repository() = HelloWorld();
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  return command;
}

inline v1::Command PutRepository() {
  v1::Command command = AnyCommand();
  command.mutable_put_repository()->set_id(7);
  command.mutable_put_repository()->set_default_branch("main");
  return command;
}

inline v1::Command PutMain() {
  v1::Command command = AnyCommand();
  command.mutable_put_ref()->set_name("main");
  command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
  command.mutable_put_ref()->set_sha(std::string(40, 'a'));
  return command;
}

inline v1::Command CreateDeployment(const std::string& environment = "qa") {
  v1::Command command = AnyCommand();
  command.mutable_create_deployment()->set_ref("main");
  command.mutable_create_deployment()->set_environment(environment);
  return command;
}

inline v1::Command CreateStatus(
    int64_t deployment_id, v1::StatusState state = v1::STATUS_STATE_SUCCESS) {
  v1::Command command = AnyCommand();
  command.mutable_create_status()->set_deployment_id(deployment_id);
  command.mutable_create_status()->set_state(state);
  return command;
}

// A store and the runner over it.
struct Engine {
  explicit Engine(SqliteStoreOptions options) : clock(1700000000000) {
    absl::StatusOr<std::unique_ptr<SqliteStore>> opened =
        SqliteStore::Open(std::move(options));
    status = opened.status();
    if (!opened.ok()) return;
    store = *std::move(opened);
    RunnerParams params;
    params.store = store.get();
    params.clock = &clock;
    params.ids = store.get();
    runner = std::make_unique<Runner>(std::move(params));
  }
  explicit Engine(const ScratchDirectory& directory)
      : Engine(OptionsFor(directory)) {}

  static SqliteStoreOptions OptionsFor(const ScratchDirectory& directory) {
    SqliteStoreOptions options;
    options.path = directory.File();
    return options;
  }

  absl::StatusOr<v1::Decision> Send(const v1::Command& command) {
    return runner->Execute(command);
  }
  // The id of the row that it makes, where it makes one.
  int64_t Accept(const v1::Command& command) {
    const absl::StatusOr<v1::Decision> decision = Send(command);
    EXPECT_TRUE(decision.ok()) << decision.status();
    if (!decision.ok()) return 0;
    EXPECT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
    if (decision->acceptance().events().empty()) return 0;
    const v1::Event& event = decision->acceptance().events(0);
    return event.has_status() ? event.status().id() : event.deployment().id();
  }
  void PutAll() {
    Accept(PutRepository());
    Accept(PutMain());
  }
  // How many deployments a list has in all; -1: it failed.
  int64_t CountDeployments() {
    Store::ListDeploymentsParams params;
    params.repository = HelloWorld();
    const auto page = store->ListDeployments(params);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() && page->has_value() ? (*page)->total : -1;
  }

  ManualClock clock;
  absl::Status status;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<Runner> runner;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_TESTING_H_
