// What the store in a file costs, beside what the disk and SQLite cost without
// it, in one run. benchmarks/README.md says how to run it and what it gave.
//
// One "pair" is what a delivery costs at the least: a deployment is created,
// and its success retires the one before it.

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/sqlite/sqlite_store.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/store.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& why) {
  std::cerr << why << "\n";
  std::abort();
}

// A directory on the disk to be measured: SLIPWAY_BENCHMARK_DIRECTORY, or
// TEST_TMPDIR, or the present one. Removed at the end.
class Directory {
 public:
  Directory() {
    for (const char* name : {"SLIPWAY_BENCHMARK_DIRECTORY", "TEST_TMPDIR"}) {
      const char* value = getenv(name);
      if (value != nullptr && path_.empty()) path_ = value;
    }
    path_ = (path_.empty() ? "." : path_) + "/benchmark-scratch.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) Die("no directory: " + path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string File() const { return path_ + "/slipway.db"; }

 private:
  std::string path_;
};

// ---------------------------------------------------------------------------
// The disk.

void AppendAndSync(benchmark::State& state) {
  const Directory directory;
  const int file =
      open(directory.File().c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  const std::string bytes(4096, 'x');
  for (auto _ : state) {
    if (write(file, bytes.data(), bytes.size()) < 0 || fdatasync(file) != 0) {
      Die("cannot write");
    }
  }
  close(file);
}
BENCHMARK(AppendAndSync)->UseRealTime();

// ---------------------------------------------------------------------------
// The store.

v1::Command CommandOfAnyKind() {
  v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name("hello-world");
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  return command;
}

// How many commits there were, and how many decisions they had.
class Commits : public Metrics {
 public:
  void Add(absl::string_view, Labels, double) override {}
  void Set(absl::string_view, Labels, double) override {}
  void Observe(absl::string_view histogram, Labels, double value) override {
    if (histogram != "slipway_commit_group_size") return;
    ++commits;
    decisions += static_cast<int64_t>(value);
  }
  std::atomic<int64_t> commits{0};
  std::atomic<int64_t> decisions{0};
};

class Engine {
 public:
  Engine() : clock_(1700000000000) {
    SqliteStoreOptions options;
    options.path = directory_.File();
    options.metrics = &commits_;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(std::move(options));
    if (!store.ok()) Die(store.status().ToString());
    store_ = *std::move(store);
    runner_ = std::make_unique<Runner>(
        RunnerParams{store_.get(), nullptr, &clock_, store_.get(), {}});
    v1::Command command = CommandOfAnyKind();
    command.mutable_put_repository()->set_id(1);
    command.mutable_put_repository()->set_default_branch("main");
    Accept(command);
    for (const bool topic : {false, true}) {
      v1::PutRef& ref = *command.mutable_put_ref();
      ref.set_name(topic ? "topic" : "main");
      ref.set_type(v1::REF_TYPE_BRANCH);
      ref.set_sha(std::string(40, topic ? 'b' : 'a'));
      ref.set_merge_base_sha(std::string(40, 'a'));
      Accept(command);
    }
  }

  // Decisions per commit, so far.
  double GroupSize() const {
    return static_cast<double>(commits_.decisions) /
           static_cast<double>(commits_.commits);
  }

  v1::Decision Accept(const v1::Command& command) {
    absl::StatusOr<v1::Decision> decision = runner_->Execute(command);
    if (decision.ok() && decision->has_acceptance()) {
      return *std::move(decision);
    }
    Die(absl::StrCat(command.ShortDebugString(), ": ",
                     decision.status().ToString(), " ",
                     decision.ok() ? decision->ShortDebugString() : ""));
  }

  // How many others the success has retired.
  int Pair(const std::string& environment, bool topic = false) {
    v1::Command command = CommandOfAnyKind();
    v1::CreateDeployment& request = *command.mutable_create_deployment();
    request.set_ref(topic ? "topic" : "main");
    request.set_environment(environment);
    request.set_task(topic ? "migrate" : "deploy");
    const int64_t id = Accept(command).acceptance().events(0).deployment().id();
    command.mutable_create_status()->set_deployment_id(id);
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    return Accept(command).acceptance().events_size() - 1;
  }

  // A page of the newest thirty.
  void List(const Store::ListDeploymentsParams& params) {
    const auto page = store_->ListDeployments(params);
    if (!page.ok() || !page->has_value() || (*page)->rows.size() != 30) {
      Die("not a full page");
    }
    benchmark::DoNotOptimize(page);
  }

 private:
  Directory directory_;
  Commits commits_;
  ManualClock clock_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Runner> runner_;
};

std::unique_ptr<Engine>& TheEngine() {
  // Destroyed at the end, with its files.
  static std::unique_ptr<Engine> engine;
  return engine;
}

// Notes how long each pair of all threads took.
struct Latencies {
  std::mutex mutex;
  std::vector<double> seconds;
} latencies;

void Pair(benchmark::State& state) {
  if (state.thread_index() == 0) {
    TheEngine() = std::make_unique<Engine>();
    latencies.seconds.clear();
  }
  std::vector<double> own;
  // An environment for each eight, so that pairs meet as they do in life.
  const std::string environment = absl::StrCat("env", state.thread_index() / 8);
  for (auto _ : state) {
    const auto begin = SteadyClock::now();
    TheEngine()->Pair(environment);
    own.push_back(
        std::chrono::duration<double>(SteadyClock::now() - begin).count());
  }
  state.SetItemsProcessed(state.iterations());
  {
    std::lock_guard<std::mutex> lock(latencies.mutex);
    latencies.seconds.insert(latencies.seconds.end(), own.begin(), own.end());
    if (latencies.seconds.size() ==
        static_cast<size_t>(state.iterations()) * state.threads()) {
      state.counters["group"] = TheEngine()->GroupSize();
      std::sort(latencies.seconds.begin(), latencies.seconds.end());
      state.counters["p50_ms"] =
          1000 * latencies.seconds[latencies.seconds.size() / 2];
      state.counters["p99_ms"] =
          1000 * latencies.seconds[latencies.seconds.size() * 99 / 100];
    }
  }
}
BENCHMARK(Pair)->UseRealTime()->Threads(1)->Threads(64);

// ---------------------------------------------------------------------------
// The same by hand: the rows that the store keeps, in its tables, by SQL that
// is prepared once, with nothing read that is known. It makes no messages: as
// bodies it writes bytes as long as the engine's.

class ByHand {
 public:
  ByHand() {
    const auto store = [&] {
      SqliteStoreOptions options;
      options.path = directory_.File();
      return SqliteStore::Open(std::move(options));
    }();
    if (!store.ok()) Die(store.status().ToString());
    if (sqlite3_open(directory_.File().c_str(), &database_) != SQLITE_OK ||
        sqlite3_exec(database_, kStart, nullptr, nullptr, nullptr) !=
            SQLITE_OK) {
      Die(sqlite3_errmsg(database_));
    }
    for (size_t i = 0; i < kStatements; ++i) {
      if (sqlite3_prepare_v3(database_, kTexts[i], -1,
                             SQLITE_PREPARE_PERSISTENT, &statements_[i],
                             nullptr) != SQLITE_OK) {
        Die(absl::StrCat(kTexts[i], ": ", sqlite3_errmsg(database_)));
      }
    }
  }
  ~ByHand() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  void Begin() { Run(kBegin); }
  void Commit() { Run(kCommit); }

  int64_t Create() {
    State state = FindState();
    sqlite3_bind_text(statements_[kFindRef], 1, "main", 4, SQLITE_STATIC);
    Find(kFindRef);
    Reset(kFindRef);
    const int64_t environment = FindEnvironment();
    const int64_t id = state.next_id++;
    Bind(kInsertDeployment, 1, id);
    Bind(kInsertDeployment, 2, environment);
    BindBody(kInsertDeployment, 3, kDeploymentSize);
    Run(kInsertDeployment);
    Run(kCountLabels);
    ++state.deployment_count;
    Append(state, 1, id, kCreatedSize);
    return id;
  }

  void Succeed(int64_t id) {
    State state = FindState();
    Bind(kFindDeployment, 1, id);
    Find(kFindDeployment);
    const int64_t count = sqlite3_column_int64(statements_[kFindDeployment], 6);
    Reset(kFindDeployment);
    const int64_t environment = FindEnvironment();
    std::vector<std::pair<int64_t, int64_t>> live;
    Bind(kListLive, 1, environment);
    Bind(kListLive, 2, id);
    while (sqlite3_step(statements_[kListLive]) == SQLITE_ROW) {
      live.emplace_back(sqlite3_column_int64(statements_[kListLive], 0),
                        sqlite3_column_int64(statements_[kListLive], 1));
    }
    Reset(kListLive);
    AddStatus(id, state.next_id++, v1::STATUS_STATE_SUCCESS, count + 1);
    for (const auto& [other, statuses] : live) {
      AddStatus(other, state.next_id++, v1::STATUS_STATE_INACTIVE,
                statuses + 1);
    }
    const int events = static_cast<int>(live.size()) + 1;
    Append(state, events, state.next_id - 1,
           live.empty() ? kSucceededSize : kRetiredSize);
  }

 private:
  struct State {
    int64_t global_position = 0;
    int64_t next_id = 1;
    int64_t position = 0;
    int64_t last_label = 0;
    int64_t deployment_count = 0;
  };
  enum Place : size_t {
    kBegin,
    kCommit,
    kFindEnd,
    kFindRepository,
    kFindRef,
    kFindEnvironment,
    kInsertDeployment,
    kCountLabels,
    kInsertOutbox,
    kFindDeployment,
    kListLive,
    kInsertStatus,
    kNoteStatus,
    kStatements
  };
  static constexpr const char* kTexts[kStatements] = {
      "BEGIN IMMEDIATE",
      "COMMIT",
      "SELECT global_position, next_id FROM outbox "
      "ORDER BY global_position DESC LIMIT 1",
      "SELECT position, last_label, deployment_count FROM outbox "
      "WHERE repository = 1 ORDER BY position DESC LIMIT 1",
      "SELECT sha FROM refs WHERE repository = 1 AND type = 1 AND name = "
      "CAST(?1 AS BLOB)",
      "SELECT id, body FROM environments "
      "WHERE repository = 1 AND name_key = x'656e7630'",
      "INSERT INTO deployments (repository, id, environment_id, transient, "
      "production, sha_label, ref_label, task_label, spelling_label, "
      "updated_at_ms, environment, body, latest_state, status_count) "
      "VALUES (1, ?1, ?2, 0, 0, 1, 2, 3, 4, 1700000000000, x'656e7630', ?3, 0, "
      "0)",
      "UPDATE labels SET deployment_count = deployment_count + 1 "
      "WHERE repository = 1 AND label BETWEEN 1 AND 5",
      "INSERT INTO outbox (global_position, next_id, repository, position, "
      "events, last_id, last_label, deployment_count, body) "
      "VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8)",
      "SELECT id, body, environment, updated_at_ms, latest_status_id, "
      "latest_state, status_count FROM deployments "
      "WHERE repository = 1 AND id = ?1",
      "SELECT id, status_count, body FROM deployments "
      "INDEXED BY live_deployments WHERE repository = 1 AND "
      "environment_id = ?1 AND transient = 0 AND production = 0 AND "
      "task_label = 3 AND id < ?2 AND latest_state = 7 ORDER BY id",
      "INSERT INTO statuses (repository, deployment_id, id, body) "
      "VALUES (1, ?1, ?2, ?3)",
      "UPDATE OR FAIL deployments SET latest_status_id = ?2, "
      "latest_state = ?3, updated_at_ms = 1700000000000, status_count = ?4 "
      "WHERE repository = 1 AND id = ?1",
  };
  static constexpr const char* kStart = R"sql(
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA cell_size_check = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA cache_size = -65536;
INSERT INTO repositories VALUES (1, x'6f', x'68', 1, zeroblob(60));
INSERT INTO commits VALUES (1, CAST(printf('%.*c', 40, 'a') AS BLOB), x'');
INSERT INTO refs VALUES (1, 1, x'6d61696e',
                         CAST(printf('%.*c', 40, 'a') AS BLOB));
INSERT INTO environments VALUES (1, 3, x'656e7630', zeroblob(30));
INSERT INTO labels VALUES
  (1, 1, 1, CAST(printf('%.*c', 40, 'a') AS BLOB), 1),
  (1, 2, 2, x'6d61696e', 1), (1, 3, 3, x'6465706c6f79', 1),
  (1, 4, 4, x'656e7630', 1), (1, 5, 5, x'656e7630', 1);
INSERT INTO outbox VALUES (3, 4, 1, 3, 3, 3, 5, 0, zeroblob(300));
)sql";
  // Of the engine's messages in this benchmark, in bytes.
  static constexpr int kDeploymentSize = 110;
  static constexpr int kStatusSize = 50;
  static constexpr int kCreatedSize = 190;
  static constexpr int kSucceededSize = 250;
  static constexpr int kRetiredSize = 360;

  void Bind(Place place, int column, int64_t value) {
    sqlite3_bind_int64(statements_[place], column, value);
  }
  void BindBody(Place place, int column, int size) {
    sqlite3_bind_blob(statements_[place], column, body_.data(), size,
                      SQLITE_STATIC);
  }
  void Reset(Place place) { sqlite3_reset(statements_[place]); }
  void Find(Place place) {
    if (sqlite3_step(statements_[place]) != SQLITE_ROW) Die("not found");
  }
  void Run(Place place) {
    if (sqlite3_step(statements_[place]) != SQLITE_DONE) {
      Die(sqlite3_errmsg(database_));
    }
    Reset(place);
  }

  State FindState() {
    State state;
    Find(kFindEnd);
    state.global_position = sqlite3_column_int64(statements_[kFindEnd], 0);
    state.next_id = sqlite3_column_int64(statements_[kFindEnd], 1);
    Reset(kFindEnd);
    sqlite3_stmt* find = statements_[kFindRepository];
    Find(kFindRepository);
    state.position = sqlite3_column_int64(find, 0);
    state.last_label = sqlite3_column_int64(find, 1);
    state.deployment_count = sqlite3_column_int64(find, 2);
    Reset(kFindRepository);
    return state;
  }

  int64_t FindEnvironment() {
    Find(kFindEnvironment);
    const int64_t id = sqlite3_column_int64(statements_[kFindEnvironment], 0);
    Reset(kFindEnvironment);
    return id;
  }

  void Append(const State& state, int events, int64_t last_id, int size) {
    Bind(kInsertOutbox, 1, state.global_position + events);
    Bind(kInsertOutbox, 2, state.next_id);
    Bind(kInsertOutbox, 3, state.position + events);
    Bind(kInsertOutbox, 4, events);
    Bind(kInsertOutbox, 5, last_id);
    Bind(kInsertOutbox, 6, state.last_label);
    Bind(kInsertOutbox, 7, state.deployment_count);
    BindBody(kInsertOutbox, 8, size);
    Run(kInsertOutbox);
  }

  void AddStatus(int64_t deployment, int64_t id, v1::StatusState state,
                 int64_t count) {
    Bind(kInsertStatus, 1, deployment);
    Bind(kInsertStatus, 2, id);
    BindBody(kInsertStatus, 3, kStatusSize);
    Run(kInsertStatus);
    Bind(kNoteStatus, 1, deployment);
    Bind(kNoteStatus, 2, id);
    Bind(kNoteStatus, 3, state);
    Bind(kNoteStatus, 4, count);
    Run(kNoteStatus);
  }

  Directory directory_;
  sqlite3* database_ = nullptr;
  std::array<sqlite3_stmt*, kStatements> statements_ = {};
  const std::string body_ = std::string(1000, 'm');
};

// ---------------------------------------------------------------------------
// The same by hand, with fewer rows: what one would write for a service of its
// own, with every value in a column, the statements prepared once and nothing
// read that is known. It keeps a row for each deployment, status, event and
// environment, the indexes that retire and that list, and the counters.

constexpr const char* kTables = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA cache_size = -65536;
CREATE TABLE repository (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
  last_id INTEGER NOT NULL, last_position INTEGER NOT NULL,
  deployments INTEGER NOT NULL) STRICT;
CREATE TABLE ref (
  repository INTEGER NOT NULL, name TEXT NOT NULL, sha TEXT NOT NULL,
  merge_base TEXT NOT NULL, PRIMARY KEY (repository, name))
  STRICT, WITHOUT ROWID;
CREATE TABLE environment (
  id INTEGER PRIMARY KEY, repository INTEGER NOT NULL, name TEXT NOT NULL,
  deployments INTEGER NOT NULL, UNIQUE (repository, name)) STRICT;
CREATE TABLE deployment (
  id INTEGER PRIMARY KEY, repository INTEGER NOT NULL REFERENCES repository,
  environment INTEGER NOT NULL REFERENCES environment,
  original_environment TEXT NOT NULL, ref TEXT NOT NULL, sha TEXT NOT NULL,
  task TEXT NOT NULL, payload BLOB NOT NULL, description TEXT,
  transient INTEGER NOT NULL, production INTEGER NOT NULL,
  creator INTEGER NOT NULL, creator_login TEXT NOT NULL,
  state INTEGER NOT NULL, statuses INTEGER NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
CREATE INDEX deployment_environment ON deployment (environment, id);
CREATE INDEX deployment_sha ON deployment (repository, sha, id);
CREATE INDEX deployment_ref ON deployment (repository, ref, id);
CREATE INDEX deployment_task ON deployment (repository, task, id);
CREATE INDEX deployment_live ON deployment (environment, id) WHERE state = 7;
CREATE TABLE status (
  id INTEGER PRIMARY KEY,
  deployment INTEGER NOT NULL REFERENCES deployment, state INTEGER NOT NULL,
  description TEXT NOT NULL, environment TEXT NOT NULL, url TEXT NOT NULL,
  log_url TEXT NOT NULL, creator INTEGER NOT NULL, creator_login TEXT NOT NULL,
  created_at INTEGER NOT NULL) STRICT;
CREATE INDEX status_deployment ON status (deployment, id);
CREATE TABLE event (
  global_position INTEGER PRIMARY KEY, repository INTEGER NOT NULL,
  position INTEGER NOT NULL, notify INTEGER NOT NULL, body BLOB NOT NULL,
  UNIQUE (repository, position)) STRICT;
INSERT INTO repository VALUES (1, 'octocat', 'hello-world', 1, 0, 0);
INSERT INTO ref VALUES (1, 'main', printf('%.*c', 40, 'a'),
                        printf('%.*c', 40, 'a'));
INSERT INTO environment VALUES (1, 1, 'env0', 0);
)sql";

class LeanByHand {
 public:
  LeanByHand() {
    if (sqlite3_open(directory_.File().c_str(), &database_) != SQLITE_OK ||
        sqlite3_exec(database_, kTables, nullptr, nullptr, nullptr) !=
            SQLITE_OK) {
      Die(sqlite3_errmsg(database_));
    }
    const char* texts[] = {
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SELECT id, last_id, last_position FROM repository WHERE id = 1",
        "SELECT sha, merge_base FROM ref WHERE repository = 1 AND name = ?1",
        "SELECT id FROM environment WHERE repository = 1 AND name = ?1",
        "INSERT INTO deployment VALUES (?1, 1, ?2, 'env0', 'main', ?3, "
        "'deploy', x'', NULL, 0, 0, 1, 'octocat', 0, 0, ?4, ?4)",
        "UPDATE environment SET deployments = deployments + 1 WHERE id = ?1",
        "UPDATE repository SET last_id = ?1, last_position = ?2, "
        "deployments = deployments + ?3 WHERE id = 1",
        "INSERT INTO event VALUES (?1, 1, ?1, ?2, ?3)",
        "SELECT environment, transient, production, state, statuses "
        "FROM deployment WHERE id = ?1",
        "SELECT id, transient, production FROM deployment "
        "WHERE environment = ?1 AND id < ?2 AND state = 7 ORDER BY id",
        "INSERT INTO status VALUES (?1, ?2, ?3, '', 'env0', '', '', 1, "
        "'octocat', ?4)",
        "UPDATE deployment SET state = ?2, statuses = statuses + 1, "
        "updated_at = ?3 WHERE id = ?1",
    };
    for (const char* text : texts) {
      sqlite3_stmt* statement = nullptr;
      if (sqlite3_prepare_v3(database_, text, -1, SQLITE_PREPARE_PERSISTENT,
                             &statement, nullptr) != SQLITE_OK) {
        Die(sqlite3_errmsg(database_));
      }
      statements_.push_back(statement);
    }
    // As large as those of the engine.
    v1::Event event;
    event.set_type(v1::EVENT_TYPE_DEPLOYMENT_CREATED);
    *event.mutable_repository() = CommandOfAnyKind().repository();
    *event.mutable_actor() = CommandOfAnyKind().actor();
    event.set_time_ms(kTimeMs);
    v1::Deployment& deployment = *event.mutable_deployment();
    deployment.set_id(1000000);
    deployment.set_ref("main");
    deployment.set_sha(sha_);
    deployment.set_task("deploy");
    deployment.set_environment("env0");
    deployment.set_original_environment("env0");
    *deployment.mutable_creator() = CommandOfAnyKind().actor();
    deployment.set_created_at_ms(kTimeMs);
    deployment.set_updated_at_ms(kTimeMs);
    created_ = event.SerializeAsString();
    event.set_type(v1::EVENT_TYPE_STATUS_CREATED);
    event.clear_deployment();
    v1::DeploymentStatus& status = *event.mutable_status();
    status.set_id(1000000);
    status.set_deployment_id(1000000);
    status.set_state(v1::STATUS_STATE_SUCCESS);
    status.set_environment("env0");
    *status.mutable_creator() = CommandOfAnyKind().actor();
    status.set_created_at_ms(kTimeMs);
    changed_ = event.SerializeAsString();
  }
  ~LeanByHand() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  void Begin() { Run(0); }
  void Commit() { Run(1); }

  int64_t Create() {
    Repository repository = FindRepository();
    sqlite3_stmt* ref = statements_[3];
    sqlite3_bind_text(ref, 1, "main", 4, SQLITE_STATIC);
    if (sqlite3_step(ref) != SQLITE_ROW) Die("no ref");
    sqlite3_reset(ref);
    const int64_t environment = FindEnvironment();
    const int64_t id = ++repository.last_id;
    sqlite3_stmt* insert = statements_[5];
    sqlite3_bind_int64(insert, 1, id);
    sqlite3_bind_int64(insert, 2, environment);
    sqlite3_bind_text(insert, 3, sha_.data(), 40, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 4, kTimeMs);
    Run(5);
    sqlite3_bind_int64(statements_[6], 1, environment);
    Run(6);
    Append(++repository.last_position, true, created_);
    Update(repository, 1);
    return id;
  }

  void Succeed(int64_t id) {
    Repository repository = FindRepository();
    sqlite3_stmt* find = statements_[9];
    sqlite3_bind_int64(find, 1, id);
    if (sqlite3_step(find) != SQLITE_ROW) Die("no deployment");
    const int64_t environment = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    FindEnvironment();
    std::vector<int64_t> live;
    sqlite3_stmt* list = statements_[10];
    sqlite3_bind_int64(list, 1, environment);
    sqlite3_bind_int64(list, 2, id);
    while (sqlite3_step(list) == SQLITE_ROW) {
      live.push_back(sqlite3_column_int64(list, 0));
    }
    sqlite3_reset(list);
    AddStatus(repository, id, v1::STATUS_STATE_SUCCESS);
    for (const int64_t other : live) {
      AddStatus(repository, other, v1::STATUS_STATE_INACTIVE);
    }
    Update(repository, 0);
  }

 private:
  static constexpr int64_t kTimeMs = 1700000000000;
  struct Repository {
    int64_t last_id = 0;
    int64_t last_position = 0;
  };

  void Run(size_t place) {
    if (sqlite3_step(statements_[place]) != SQLITE_DONE) {
      Die(sqlite3_errmsg(database_));
    }
    sqlite3_reset(statements_[place]);
  }

  Repository FindRepository() {
    if (sqlite3_step(statements_[2]) != SQLITE_ROW) Die("no repository");
    Repository repository;
    repository.last_id = sqlite3_column_int64(statements_[2], 1);
    repository.last_position = sqlite3_column_int64(statements_[2], 2);
    sqlite3_reset(statements_[2]);
    return repository;
  }

  int64_t FindEnvironment() {
    sqlite3_stmt* find = statements_[4];
    sqlite3_bind_text(find, 1, "env0", 4, SQLITE_STATIC);
    if (sqlite3_step(find) != SQLITE_ROW) Die("no environment");
    const int64_t id = sqlite3_column_int64(find, 0);
    sqlite3_reset(find);
    return id;
  }

  void Append(int64_t position, bool notify, const std::string& body) {
    sqlite3_stmt* insert = statements_[8];
    sqlite3_bind_int64(insert, 1, position);
    sqlite3_bind_int64(insert, 2, notify);
    sqlite3_bind_blob(insert, 3, body.data(), static_cast<int>(body.size()),
                      SQLITE_STATIC);
    Run(8);
  }

  void AddStatus(Repository& repository, int64_t id, v1::StatusState state) {
    sqlite3_stmt* insert = statements_[11];
    sqlite3_bind_int64(insert, 1, ++repository.last_id);
    sqlite3_bind_int64(insert, 2, id);
    sqlite3_bind_int64(insert, 3, state);
    sqlite3_bind_int64(insert, 4, kTimeMs);
    Run(11);
    sqlite3_stmt* update = statements_[12];
    sqlite3_bind_int64(update, 1, id);
    sqlite3_bind_int64(update, 2, state);
    sqlite3_bind_int64(update, 3, kTimeMs);
    Run(12);
    Append(++repository.last_position, state == v1::STATUS_STATE_SUCCESS,
           changed_);
  }

  void Update(const Repository& repository, int64_t deployments) {
    sqlite3_stmt* update = statements_[7];
    sqlite3_bind_int64(update, 1, repository.last_id);
    sqlite3_bind_int64(update, 2, repository.last_position);
    sqlite3_bind_int64(update, 3, deployments);
    Run(7);
  }

  Directory directory_;
  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
  const std::string sha_ = std::string(40, 'a');
  std::string created_;
  std::string changed_;
};

// Two transactions for each pair, as the engine has.
template <typename Peer>
void PairBy(benchmark::State& state) {
  Peer peer;
  for (auto _ : state) {
    peer.Begin();
    const int64_t id = peer.Create();
    peer.Commit();
    peer.Begin();
    peer.Succeed(id);
    peer.Commit();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_TEMPLATE(PairBy, ByHand)->UseRealTime();
BENCHMARK_TEMPLATE(PairBy, LeanByHand)->UseRealTime();

// Many pairs in each transaction: a hundred, or 32, which are as many decisions
// as 64 callers can bring at once. One iteration is one pair.
template <typename Peer>
void PairInGroupsBy(benchmark::State& state) {
  Peer peer;
  const int64_t group = state.range(0);
  int64_t pairs = 0;
  for (auto _ : state) {
    if (pairs % group == 0) peer.Begin();
    peer.Succeed(peer.Create());
    if (++pairs % group == 0) peer.Commit();
  }
  if (pairs % group != 0) peer.Commit();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_TEMPLATE(PairInGroupsBy, ByHand)->Arg(100)->Arg(32)->UseRealTime();
BENCHMARK_TEMPLATE(PairInGroupsBy, LeanByHand)
    ->Arg(100)
    ->Arg(32)
    ->UseRealTime();

// ---------------------------------------------------------------------------
// Lists.

// Made by several threads at once, or it would take half an hour.
Engine& EngineWith(int64_t deployments) {
  static int64_t size = 0;
  std::unique_ptr<Engine>& engine = TheEngine();
  if (engine != nullptr && size == deployments) return *engine;
  engine = std::make_unique<Engine>();
  size = deployments;
  constexpr int kThreads = 64;
  std::atomic<int64_t> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const bool topic = i % 2 == 1;
      while (made.fetch_add(1) < deployments) {
        engine->Pair(topic ? "qa" : "staging", topic);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return *engine;
}

struct Filter {
  const char* name;
  Store::ListDeploymentsParams params;
};

std::vector<Filter> Filters() {
  std::vector<Filter> filters(8);
  filters[0].name = "none";
  filters[1].name = "sha";
  filters[1].params.sha = std::string(40, 'a');
  filters[2].name = "ref";
  filters[2].params.ref = "main";
  filters[3].name = "task";
  filters[3].params.task = "deploy";
  filters[4].name = "environment";
  filters[4].params.environment = "Staging";
  filters[5].name = "environment_exact";
  filters[5].params.environment = "staging";
  filters[5].params.environment_match = v1::NAME_MATCH_EXACT;
  filters[6].name = "last_page";
  filters[7].name = "middle_page";
  return filters;
}

int RegisterLists() {
  for (const int64_t deployments : {1000, 1000000}) {
    for (const Filter& filter : Filters()) {
      Store::ListDeploymentsParams params = filter.params;
      *params.repository.mutable_owner() = "octocat";
      *params.repository.mutable_name() = "hello-world";
      if (filter.name == std::string("last_page")) {
        params.offset = deployments - 30;
      } else if (filter.name == std::string("middle_page")) {
        params.offset = deployments / 2;
      }
      benchmark::RegisterBenchmark(
          absl::StrCat("List/", filter.name, "/deployments:", deployments)
              .c_str(),
          [params, deployments](benchmark::State& state) {
            Engine& engine = EngineWith(deployments);
            for (auto _ : state) engine.List(params);
          });
    }
  }
  return 0;
}

const int kRegistered = RegisterLists();

}  // namespace
}  // namespace slipway
