// The runner on the store in PostgreSQL, beside a function in the database that
// makes the same transitions by the same rows in one round trip, and beside
// what the disk takes. All of it is measured on one server with fsync on.
//
// One "pair" is what a delivery costs at the least: a deployment is created,
// and its success retires the one before it.

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "libpq-fe.h"
#include "slipway/adapters/postgres/postgres_server.h"
#include "slipway/adapters/postgres/postgres_store.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace {

// The same transitions, written by hand. What the engine keeps as messages
// comes from the caller, as long as the engine's are.
constexpr char kFunctions[] = R"sql(
CREATE FUNCTION create_deployment(the_repository bigint, the_sha bytea,
    the_ref bytea, the_task bytea, the_environment bytea, the_body bytea,
    the_events bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r slipway_repositories%ROWTYPE;
  new_id bigint;
BEGIN
  SELECT * INTO r FROM slipway_repositories WHERE key = the_repository FOR UPDATE;
  PERFORM 1 FROM slipway_refs AS f
    JOIN slipway_commits AS c ON c.repository = f.repository AND c.sha = f.sha
    WHERE f.repository = the_repository AND f.type = 1 AND f.name = the_ref;
  IF NOT FOUND THEN RAISE EXCEPTION 'no ref'; END IF;
  PERFORM 1 FROM slipway_contexts
    WHERE repository = the_repository AND sha = the_sha;
  PERFORM 1 FROM slipway_environments
    WHERE repository = the_repository AND name = the_environment;
  new_id := r.last_id + 1;
  INSERT INTO slipway_deployments (repository, id, sha, ref, task, environment,
      spelling, flags, updated_at_ms, status_count, latest_status_id,
      latest_state, body)
    VALUES (the_repository, new_id, the_sha, the_ref, the_task, the_environment,
      the_environment, 0, 1, 0, 0, 0, the_body);
  INSERT INTO slipway_counts (repository, kind, value, spelling, count)
    VALUES (the_repository, 1, the_sha, '', 1), (the_repository, 2, the_ref, '', 1),
      (the_repository, 3, the_task, '', 1),
      (the_repository, 4, the_environment, the_environment, 1)
    ON CONFLICT (repository, kind, value, spelling)
      DO UPDATE SET count = slipway_counts.count + excluded.count;
  INSERT INTO slipway_outbox (repository, last_position, first_position,
      stamp_us, decision_id, body)
    VALUES (the_repository, r.position + 1, r.position + 1, r.stamp_us + 1,
      '0123456789abcdef', the_events);
  UPDATE slipway_repositories SET last_id = new_id, position = r.position + 1,
      deployments = r.deployments + 1, stamp_us = r.stamp_us + 1
    WHERE key = the_repository;
  RETURN new_id;
END $$;

CREATE FUNCTION succeed(the_repository bigint, the_id bigint, the_status bytea,
    the_live bytea, the_events bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r slipway_repositories%ROWTYPE;
  d slipway_deployments%ROWTYPE;
  prior bigint;
  next_id bigint;
BEGIN
  SELECT * INTO r FROM slipway_repositories WHERE key = the_repository FOR UPDATE;
  SELECT * INTO d FROM slipway_deployments
    WHERE repository = the_repository AND id = the_id;
  PERFORM 1 FROM slipway_environments
    WHERE repository = the_repository AND name = d.environment;
  next_id := r.last_id + 1;
  INSERT INTO slipway_statuses (repository, deployment_id, id, body)
    VALUES (the_repository, the_id, next_id, the_status);
  UPDATE slipway_deployments SET status_count = status_count + 1,
      latest_status_id = next_id, latest_state = 7, updated_at_ms = 2
    WHERE repository = the_repository AND id = the_id;
  FOR prior IN SELECT id FROM slipway_live
      WHERE repository = the_repository AND environment = d.environment
        AND flags = 0 AND id < the_id ORDER BY id LOOP
    next_id := next_id + 1;
    INSERT INTO slipway_statuses (repository, deployment_id, id, body)
      VALUES (the_repository, prior, next_id, the_status);
    UPDATE slipway_deployments SET status_count = status_count + 1,
        latest_status_id = next_id, latest_state = 3, updated_at_ms = 2
      WHERE repository = the_repository AND id = prior;
    DELETE FROM slipway_live WHERE repository = the_repository
      AND environment = d.environment AND flags = 0 AND id = prior;
  END LOOP;
  INSERT INTO slipway_live (repository, environment, flags, id, task, body)
    VALUES (the_repository, d.environment, 0, the_id, d.task, the_live);
  INSERT INTO slipway_outbox (repository, last_position, first_position,
      stamp_us, decision_id, body)
    VALUES (the_repository, r.position + next_id - r.last_id, r.position + 1,
      r.stamp_us + 1, '0123456789abcdef', the_events);
  UPDATE slipway_repositories SET last_id = next_id,
      position = r.position + next_id - r.last_id, stamp_us = r.stamp_us + 1
    WHERE key = the_repository;
  RETURN next_id;
END $$;
)sql";

std::string Sha() { return std::string(40, 'a'); }

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << "\n";
  std::abort();
}

PostgresServer& Server() {
  static auto& server = *[] {
    PostgresServerParams params;
    params.fsync = true;
    absl::StatusOr<std::unique_ptr<PostgresServer>> started =
        PostgresServer::Start(params);
    if (!started.ok()) Die(started.status().ToString());
    // Stopped at the end of the program.
    static std::unique_ptr<PostgresServer> kept;
    kept = *std::move(started);
    return kept.get();
  }();
  return server;
}

v1::Command CommandFor(int repository) {
  v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name(absl::StrCat("app", repository));
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  return command;
}

// An engine on a database of its own, with so many repositories.
class Engine {
 public:
  explicit Engine(int repositories) : database_(MakeDatabase()) {
    PostgresStoreParams params;
    params.connection = database_;
    absl::StatusOr<std::unique_ptr<PostgresStore>> store =
        PostgresStore::Open(params);
    if (!store.ok()) Die(store.status().ToString());
    store_ = *std::move(store);
    runner_ = std::make_unique<Runner>(
        RunnerParams{store_.get(), nullptr, &clock_, store_.get()});
    for (int i = 0; i < repositories; ++i) {
      v1::Command command = CommandFor(i);
      command.mutable_put_repository()->set_id(i + 1);
      command.mutable_put_repository()->set_default_branch("main");
      Accept(command);
      command.mutable_put_ref()->set_name("main");
      command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
      command.mutable_put_ref()->set_sha(Sha());
      Accept(command);
      Pair(i);
    }
  }

  void Pair(int repository) {
    v1::Command command = CommandFor(repository);
    command.mutable_create_deployment()->set_ref("main");
    command.mutable_create_deployment()->set_environment("staging");
    const v1::Decision created = Accept(command);
    command.mutable_create_status()->set_deployment_id(
        created.acceptance().events(0).deployment().id());
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    Accept(command);
  }

  v1::Decision Accept(const v1::Command& command) {
    absl::StatusOr<v1::Decision> decision = runner_->Execute(command);
    if (!decision.ok()) Die(decision.status().ToString());
    if (!decision->has_acceptance()) Die(decision->ShortDebugString());
    return *std::move(decision);
  }

  const std::string& database() const { return database_; }
  PostgresStore& store() { return *store_; }

 private:
  static std::string MakeDatabase() {
    absl::StatusOr<std::string> made = Server().CreateDatabase();
    if (!made.ok()) Die(made.status().ToString());
    return *made;
  }

  const std::string database_;
  SystemClock clock_;
  std::unique_ptr<PostgresStore> store_;
  std::unique_ptr<Runner> runner_;
};

// One client of the functions.
class FunctionClient {
 public:
  FunctionClient(const std::string& database, int repository)
      : connection_(PQconnectdb(database.c_str()), &PQfinish) {
    key_ = Run(absl::StrCat(
        "SELECT key FROM slipway_repositories WHERE convert_from(name, 'UTF8') "
        "= 'app",
        repository, "'"));
    Prepare("create_it",
            "SELECT create_deployment($1, $2, $3, $4, $5, $6, $7)");
    Prepare("succeed_it", "SELECT succeed($1, $2, $3, $4, $5)");
  }

  void Pair() {
    // As long as the engine's messages.
    static const std::string& body = *new std::string(Hex(160));
    static const std::string& events = *new std::string(Hex(330));
    static const std::string& live = *new std::string(Hex(40));
    static const std::string& two_events = *new std::string(Hex(520));
    const std::string id =
        Call("create_it",
             {key_, "\\x" + HexOf(Sha()), "\\x" + HexOf("main"),
              "\\x" + HexOf("deploy"), "\\x" + HexOf("staging"), body, events});
    Call("succeed_it", {key_, id, live, live, two_events});
  }

 private:
  static std::string HexOf(const std::string& text) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (const unsigned char byte : text) {
      hex.push_back(kDigits[byte >> 4]);
      hex.push_back(kDigits[byte & 15]);
    }
    return hex;
  }
  static std::string Hex(int size) {
    return "\\x" + HexOf(std::string(static_cast<size_t>(size), 'm'));
  }

  std::string Answer(PGresult* result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK &&
        PQresultStatus(result) != PGRES_COMMAND_OK) {
      Die(PQresultErrorMessage(result));
    }
    std::string value;
    if (PQntuples(result) > 0) value = PQgetvalue(result, 0, 0);
    PQclear(result);
    return value;
  }
  std::string Run(const std::string& sql) {
    return Answer(PQexec(connection_.get(), sql.c_str()));
  }
  void Prepare(const char* name, const char* sql) {
    Answer(PQprepare(connection_.get(), name, sql, 0, nullptr));
  }
  std::string Call(const char* name, const std::vector<std::string>& values) {
    std::vector<const char*> raw;
    raw.reserve(values.size());
    for (const std::string& value : values) raw.push_back(value.c_str());
    return Answer(PQexecPrepared(connection_.get(), name,
                                 static_cast<int>(raw.size()), raw.data(),
                                 nullptr, nullptr, 0));
  }

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::string key_;
};

// Made once and kept, so that runs can be interleaved. `kind` keeps what the
// functions write apart from what the engine does.
Engine& EngineOf(const std::string& kind, int repositories) {
  static std::mutex& mutex = *new std::mutex();
  static auto& engines =
      *new std::map<std::pair<std::string, int>, std::unique_ptr<Engine>>();
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Engine>& engine = engines[{kind, repositories}];
  if (engine == nullptr) {
    engine = std::make_unique<Engine>(repositories);
    if (kind == "function") {
      const absl::Status status =
          PostgresServer::Execute(engine->database(), kFunctions);
      if (!status.ok()) Die(status.ToString());
    }
  }
  return *engine;
}

// The disk: a page appended to a file in the server's directory, and synced.
void Fdatasync(benchmark::State& state) {
  const std::string path = Server().directory() + "/probe";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const std::string page(8192, 'p');
  for (auto _ : state) {
    if (write(file, page.data(), page.size()) < 0 || fdatasync(file) != 0) {
      state.SkipWithError("the disk does not write");
      break;
    }
  }
  close(file);
  unlink(path.c_str());
}

void PairByEngine(benchmark::State& state) {
  const int repositories = static_cast<int>(state.range(0));
  Engine& engine = EngineOf("engine", repositories);
  for (auto _ : state) engine.Pair(state.thread_index() % repositories);
  state.SetItemsProcessed(state.iterations());
}

void PairByFunction(benchmark::State& state) {
  const int repositories = static_cast<int>(state.range(0));
  FunctionClient client(EngineOf("function", repositories).database(),
                        state.thread_index() % repositories);
  for (auto _ : state) client.Pair();
  state.SetItemsProcessed(state.iterations());
}

// A repository with many deployments; made by the server itself, because it is
// only read.
Engine& LargeEngine(int64_t deployments) {
  static auto& engines = *new std::map<int64_t, std::unique_ptr<Engine>>();
  std::unique_ptr<Engine>& engine = engines[deployments];
  if (engine != nullptr) return *engine;
  engine = std::make_unique<Engine>(1);
  const absl::Status status = PostgresServer::Execute(
      engine->database(),
      absl::StrCat(
          "INSERT INTO slipway_deployments SELECT d.repository, d.id + 1000 + "
          "i, "
          "d.sha, d.ref, d.task, d.environment, d.spelling, d.flags, "
          "d.moved_to, "
          "d.updated_at_ms, d.status_count, d.latest_status_id, "
          "d.latest_state, "
          "d.body FROM slipway_deployments AS d, generate_series(1, ",
          deployments, ") AS i;", "UPDATE slipway_counts SET count = count + ",
          deployments,
          ";UPDATE slipway_repositories SET deployments = deployments + ",
          deployments, ";ANALYZE"));
  if (!status.ok()) Die(status.ToString());
  // An index-only scan needs the map of what everybody sees.
  const absl::Status vacuumed =
      PostgresServer::Execute(engine->database(), "VACUUM slipway_deployments");
  if (!vacuumed.ok()) Die(vacuumed.ToString());
  return *engine;
}

void List(benchmark::State& state,
          const Store::ListDeploymentsParams& filters) {
  Engine& engine = LargeEngine(state.range(0));
  Store::ListDeploymentsParams params = filters;
  params.repository = CommandFor(0).repository();
  for (auto _ : state) {
    const auto page = engine.store().ListDeployments(params);
    if (!page.ok() || !page->has_value() || (*page)->rows.size() != 30 ||
        (*page)->total != state.range(0) + 1) {
      state.SkipWithError("not a full page");
      return;
    }
  }
}

int RegisterAll() {
  benchmark::RegisterBenchmark("Fdatasync", Fdatasync)->UseRealTime();
  for (const auto& [clients, repositories] :
       {std::pair<int, int>(1, 1), {16, 16}, {16, 1}}) {
    for (const bool by_engine : {true, false}) {
      benchmark::RegisterBenchmark(by_engine ? "Pair/engine" : "Pair/function",
                                   by_engine ? PairByEngine : PairByFunction)
          ->ArgName("repositories")
          ->Arg(repositories)
          ->Threads(clients)
          // On the main thread: the server ends with the one that started it.
          ->Setup([](const benchmark::State&) { Server(); })
          ->UseRealTime();
    }
  }
  std::vector<std::pair<const char*, Store::ListDeploymentsParams>> filters(6);
  filters[0].first = "none";
  filters[1].first = "sha";
  filters[1].second.sha = Sha();
  filters[2].first = "ref";
  filters[2].second.ref = "main";
  filters[3].first = "task";
  filters[3].second.task = "deploy";
  filters[4].first = "environment";
  filters[4].second.environment = "Staging";
  filters[5].first = "environment_exact";
  filters[5].second.environment = "staging";
  filters[5].second.environment_match = v1::NAME_MATCH_EXACT;
  for (const int64_t deployments : {1000, 1000000}) {
    for (const auto& [name, params] : filters) {
      benchmark::RegisterBenchmark(
          absl::StrCat("List/", name).c_str(),
          [params = params](benchmark::State& state) { List(state, params); })
          ->ArgName("deployments")
          ->Arg(deployments)
          ->UseRealTime();
    }
  }
  return 0;
}

const int kRegistered = RegisterAll();

}  // namespace
}  // namespace slipway
