// What the store in PostgreSQL promises beyond the suite: failures of every
// kind, and several engines.

#include "slipway/adapters/postgres/postgres_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "libpq-fe.h"
#include "slipway/adapters/postgres/commit_proxy.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/adapters/postgres/list.h"
#include "slipway/adapters/postgres/postgres_server.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace {

using postgres_internal::ListFilter;

class CountingMetrics : public Metrics {
 public:
  void Add(absl::string_view counter, Labels labels, double amount) override {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string name(counter);
    for (const MetricLabel& label : labels)
      absl::StrAppend(&name, " ", label.value);
    sums_[name] += amount;
  }
  void Set(absl::string_view, Labels, double) override {}
  void Observe(absl::string_view histogram, Labels, double value) override {
    std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_GT(value, 0);
    ++sums_[std::string(histogram)];
  }
  double sum(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    return sums_[name];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, double> sums_;
};

// Statements on a connection of its own, beside the store.
class Session {
 public:
  explicit Session(const std::string& connection)
      : connection_(PQconnectdb(connection.c_str()), &PQfinish) {}
  // The first value of the answer, or the error.
  std::string Run(const std::string& sql) {
    PGresult* result = PQexec(connection_.get(), sql.c_str());
    std::string text = PQresultErrorMessage(result);
    if (PQntuples(result) > 0) text = PQgetvalue(result, 0, 0);
    PQclear(result);
    return text;
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

v1::Command CommandOn(const std::string& name) {
  v1::Command command;
  command.mutable_repository()->set_owner("octo");
  command.mutable_repository()->set_name(name);
  command.mutable_actor()->set_id(7);
  command.mutable_actor()->set_login("ann");
  command.set_time_ms(1000);
  return command;
}

v1::Command Put(const std::string& name, int64_t id) {
  v1::Command command = CommandOn(name);
  command.mutable_put_repository()->set_id(id);
  command.mutable_put_repository()->set_default_branch("main");
  return command;
}

v1::Command Branch(const std::string& name) {
  v1::Command command = CommandOn(name);
  command.mutable_put_ref()->set_name("main");
  command.mutable_put_ref()->set_type(v1::REF_TYPE_BRANCH);
  command.mutable_put_ref()->set_sha(std::string(40, 'a'));
  return command;
}

v1::Command Create(const std::string& name) {
  v1::Command command = CommandOn(name);
  command.mutable_create_deployment()->set_ref("main");
  return command;
}

v1::Command Succeed(const std::string& name, int64_t id) {
  v1::Command command = CommandOn(name);
  command.mutable_create_status()->set_deployment_id(id);
  command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
  return command;
}

// As a runner does it.
absl::StatusOr<v1::Decision> Send(PostgresStore& store,
                                  const v1::Command& command,
                                  int* calls = nullptr) {
  const v1::Rules rules = DocumentedRules();
  v1::Decision decision;
  const absl::Status status = store.Transact(
      {rules, command,
       [&](const v1::Facts& facts, v1::Decision* answer) {
         if (calls != nullptr) ++*calls;
         v1::Command filled = command;
         const int64_t count = IdsNeeded(facts, command);
         if (count > 0) {
           const absl::StatusOr<int64_t> first = store.Take(count);
           if (!first.ok()) return first.status();
           filled.mutable_ids()->set_first(*first);
           filled.mutable_ids()->set_count(count);
         }
         Decide(rules, facts, filled, answer);
         return absl::OkStatus();
       }},
      &decision);
  if (!status.ok()) return status;
  return decision;
}

int64_t IdOf(const absl::StatusOr<v1::Decision>& decision) {
  EXPECT_TRUE(decision.ok()) << decision.status();
  if (!decision.ok()) return 0;
  EXPECT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
  if (decision->acceptance().events().empty()) return 0;
  return decision->acceptance().events(0).deployment().id();
}

class PostgresStoreTest : public testing::Test {
 protected:
  PostgresStoreTest() : database_(MakeDatabase()) {}
  ~PostgresStoreTest() override {
    PostgresServer::Shared().DropDatabase(database_).IgnoreError();
  }

  static std::string MakeDatabase() {
    absl::StatusOr<std::string> made =
        PostgresServer::Shared().CreateDatabase();
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *made : "";
  }

  PostgresStoreParams Params() {
    PostgresStoreParams params;
    params.connection = database_;
    params.metrics = &metrics_;
    return params;
  }

  std::unique_ptr<PostgresStore> Open(const PostgresStoreParams& params) {
    absl::StatusOr<std::unique_ptr<PostgresStore>> store =
        PostgresStore::Open(params);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::unique_ptr<PostgresStore> Open() { return Open(Params()); }

  // A repository that can be deployed.
  static void Fill(PostgresStore& store, const std::string& name = "app",
                   int64_t id = 1) {
    IdOf(Send(store, Put(name, id)));
    IdOf(Send(store, Branch(name)));
  }

  static int64_t Count(PostgresStore& store, const std::string& name = "app") {
    Store::ListDeploymentsParams all;
    all.repository = CommandOn(name).repository();
    const auto page = store.ListDeployments(all);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() && page->has_value() ? (*page)->total : -1;
  }

  const std::string database_;
  CountingMetrics metrics_;
};

TEST_F(PostgresStoreTest, ALostAnswerOfACommitIsLookedFor) {
  CommitProxy proxy(PostgresServer::Shared().directory());
  PostgresStoreParams params = Params();
  params.connection = proxy.Redirect(database_);
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  for (const auto moment : {CommitProxy::Moment::kBeforeTheServer,
                            CommitProxy::Moment::kAfterTheServer}) {
    const bool happened = moment == CommitProxy::Moment::kAfterTheServer;
    const int64_t before = Count(*store);
    int calls = 0;
    proxy.LoseNext(moment);
    const int64_t id = IdOf(Send(*store, Create("app"), &calls));
    EXPECT_EQ(calls, happened ? 1 : 2);
    EXPECT_EQ(Count(*store), before + 1);
    const auto found =
        store->FindDeployment({CommandOn("app").repository(), id});
    EXPECT_TRUE(found.ok() && found->has_value());

    // The same of a repository that was not there before.
    const std::string name = happened ? "new" : "newer";
    calls = 0;
    proxy.LoseNext(moment);
    IdOf(Send(*store, Put(name, happened ? 11 : 12), &calls));
    EXPECT_EQ(calls, happened ? 1 : 2);
    EXPECT_EQ(Count(*store, name), 0);

    // And of an answer that is kept, though it is no (R100).
    v1::Command keyed = Succeed("app", 4711);
    keyed.set_idempotency_key(name);
    calls = 0;
    proxy.LoseNext(moment);
    const absl::StatusOr<v1::Decision> refused = Send(*store, keyed, &calls);
    ASSERT_TRUE(refused.ok()) << refused.status();
    EXPECT_TRUE(refused->has_rejection());
    EXPECT_FALSE(refused->replayed());
    EXPECT_EQ(calls, happened ? 1 : 2);
  }
  EXPECT_EQ(proxy.lost_count(), 6);
  const auto stream = store->ReadOutbox({CommandOn("app").repository()});
  ASSERT_TRUE(stream.ok());
  // The repository, its branch, two deployments and their environment.
  EXPECT_EQ(stream->size(), 5u);
}

TEST_F(PostgresStoreTest, DecisionsThatAreMadeTogetherHappenOnceEach) {
  CommitProxy proxy(PostgresServer::Shared().directory());
  PostgresStoreParams params = Params();
  params.connection = proxy.Redirect(database_);
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  const v1::Rules rules = DocumentedRules();
  const v1::Command command = Create("app");
  int64_t expected = 0;
  for (const auto moment :
       {CommitProxy::Moment::kNever, CommitProxy::Moment::kBeforeTheServer,
        CommitProxy::Moment::kAfterTheServer}) {
    // While the first is being decided the others gather.
    constexpr int kCallers = 6;
    std::vector<std::thread> callers;
    std::vector<int64_t> ids(kCallers);
    v1::Decision decision;
    const absl::Status first = store->Transact(
        {rules, command,
         [&](const v1::Facts&, v1::Decision*) {
           if (!callers.empty()) return absl::CancelledError("enough");
           for (int i = 0; i < kCallers; ++i) {
             callers.emplace_back([&, i] {
               ids[i] = IdOf(Send(*store, Create("app")));
               // A no and a failure among them change nothing.
               const auto refused = Send(*store, Succeed("app", 4711));
               EXPECT_TRUE(refused.ok() && refused->has_rejection());
               v1::Decision none;
               EXPECT_TRUE(absl::IsCancelled(store->Transact(
                   {rules, command,
                    [](const v1::Facts&, v1::Decision*) {
                      return absl::CancelledError("not this one");
                    }},
                   &none)));
             });
           }
           std::this_thread::sleep_for(std::chrono::milliseconds(100));
           proxy.LoseNext(moment);
           return absl::CancelledError("enough");
         }},
        &decision);
    EXPECT_TRUE(absl::IsCancelled(first)) << first;
    for (std::thread& caller : callers) caller.join();
    expected += kCallers;
    EXPECT_EQ(Count(*store), expected);
    EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(),
              static_cast<size_t>(kCallers));
  }
  EXPECT_EQ(proxy.lost_count(), 2);
  const auto stream =
      store->ReadOutbox({CommandOn("app").repository(), 0, 1000});
  ASSERT_TRUE(stream.ok()) << stream.status();
  // The repository, its branch, the deployments and their environment.
  EXPECT_EQ(static_cast<int64_t>(stream->size()), expected + 3);
}

TEST_F(PostgresStoreTest, AnOutcomeThatCannotBeFoundOutIsSaidToBeUnknown) {
  const std::unique_ptr<PostgresStore> other = Open();
  Fill(*other);
  CommitProxy proxy(PostgresServer::Shared().directory());
  PostgresStoreParams params = Params();
  params.connection = proxy.Redirect(database_);
  params.resolve_timeout_ms = 300;
  const std::unique_ptr<PostgresStore> store = Open(params);
  proxy.LoseNext(CommitProxy::Moment::kAfterTheServer, /*then_closed=*/true);
  const absl::StatusOr<v1::Decision> decision = Send(*store, Create("app"));
  EXPECT_TRUE(absl::IsUnknown(decision.status())) << decision.status();
  EXPECT_TRUE(absl::StartsWith(decision.status().message(), "outcome unknown"))
      << decision.status();
  EXPECT_EQ(Count(*other), 1);
}

TEST_F(PostgresStoreTest, DeadlocksAreTriedAgain) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const int64_t id = IdOf(Send(*store, Create("app")));
  Session other(database_);
  // The store is the one that finds the deadlock.
  other.Run("SET deadlock_timeout = '60s'");
  other.Run("BEGIN");
  other.Run("SELECT 1 FROM slipway_deployments FOR UPDATE");
  std::atomic<int> calls{0};
  auto succeeded = std::async(std::launch::async, [&] {
    int counted = 0;
    auto decision = Send(*store, Succeed("app", id), &counted);
    calls = counted;
    return decision;
  });
  // It holds the repository and waits for the deployment; this waits for the
  // repository.
  Session watcher(database_);
  while (watcher.Run("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                     "current_database() AND wait_event_type = 'Lock'") ==
         "0") {
  }
  EXPECT_EQ(other.Run("UPDATE slipway_repositories SET position = position"),
            "");
  EXPECT_EQ(other.Run("ROLLBACK"), "");
  const absl::StatusOr<v1::Decision> decision = succeeded.get();
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_TRUE(decision->has_acceptance());
  // Once, or more often where the other one is slow to take its lock.
  EXPECT_GE(calls, 2);
  EXPECT_EQ(metrics_.sum("slipway_store_retries_total 40P01"), calls - 1);
  EXPECT_EQ(metrics_.sum("slipway_commit_seconds"), 4);
}

TEST_F(PostgresStoreTest, SerializationFailuresAreTriedAgain) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  Session other(database_);
  other.Run("CREATE SEQUENCE failures");
  // Sequences are not rolled back.
  other.Run(R"sql(
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('failures') <= 3 THEN
        RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure';
      END IF;
      RETURN NEW;
    END $$)sql");
  EXPECT_EQ(other.Run("CREATE TRIGGER fail BEFORE INSERT ON slipway_outbox "
                      "FOR EACH ROW EXECUTE FUNCTION fail()"),
            "");
  int calls = 0;
  IdOf(Send(*store, Create("app"), &calls));
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(Count(*store), 1);
  EXPECT_EQ(metrics_.sum("slipway_store_retries_total 40001"), 3);
  // Not for ever.
  other.Run("ALTER SEQUENCE failures RESTART MINVALUE -100000 START -100000");
  const absl::StatusOr<v1::Decision> decision = Send(*store, Create("app"));
  EXPECT_TRUE(absl::IsUnavailable(decision.status())) << decision.status();
  EXPECT_TRUE(absl::StrContains(decision.status().message(), "not now"));
  EXPECT_EQ(Count(*store), 1);
}

TEST_F(PostgresStoreTest, AServerThatIsKilledLosesNothing) {
  absl::StatusOr<std::unique_ptr<PostgresServer>> server =
      PostgresServer::Start({});
  ASSERT_TRUE(server.ok()) << server.status();
  PostgresStoreParams params = Params();
  params.connection = (*server)->connection();
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  for (int round = 1; round <= 2; ++round) {
    IdOf(Send(*store, Create("app")));
    ASSERT_TRUE((*server)->Stop(PostgresServer::StopMode::kImmediate).ok());
    const absl::StatusOr<v1::Decision> away = Send(*store, Create("app"));
    EXPECT_TRUE(absl::IsUnavailable(away.status())) << away.status();
    EXPECT_TRUE(absl::IsUnavailable(store->Take(1).status()));
    EXPECT_TRUE(absl::IsUnavailable(store->FindRepositoryById(1).status()));
    const absl::Status again = (*server)->StartAgain();
    ASSERT_TRUE(again.ok()) << again;
    EXPECT_EQ(Count(*store), round);
  }
}

TEST_F(PostgresStoreTest, ATerminatedConnectionIsReplaced) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  for (int i = 1; i <= 5; ++i) {
    Session(database_).Run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
        "datname = current_database() AND pid <> pg_backend_pid()");
    IdOf(Send(*store, Create("app")));
    EXPECT_EQ(Count(*store), i);
  }
}

TEST_F(PostgresStoreTest, AServerThatOnlyReadsIsUnavailable) {
  Fill(*Open());
  Session(database_).Run(
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || "
      "' SET default_transaction_read_only = on'; END $$");
  const std::unique_ptr<PostgresStore> store = Open();
  const absl::StatusOr<v1::Decision> decision = Send(*store, Create("app"));
  EXPECT_TRUE(absl::IsUnavailable(decision.status()));
  EXPECT_TRUE(absl::StrContains(decision.status().message(), "read-only"))
      << decision.status();
  EXPECT_EQ(Count(*store), 0);
}

TEST_F(PostgresStoreTest, BusyConnectionsAreSaidToBe) {
  PostgresStoreParams params = Params();
  params.connections_max = 1;
  params.wait_timeout_ms = 500;
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store, "app", 1);
  const v1::Rules rules = DocumentedRules();
  const v1::Command command = Create("app");
  v1::Decision decision;
  absl::Status same;
  absl::Status other;
  const absl::Status status =
      store->Transact({rules, command,
                       [&](const v1::Facts&, v1::Decision*) {
                         std::thread([&] {
                           same = Send(*store, Create("app")).status();
                           other = store->FindRepositoryById(1).status();
                         }).join();
                         return absl::CancelledError("enough");
                       }},
                      &decision);
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_TRUE(absl::StrContains(same.message(), "octo/app has been busy"))
      << same;
  EXPECT_TRUE(absl::StrContains(other.message(), "all 1 connections")) << other;
  IdOf(Send(*store, Create("app")));
}

TEST_F(PostgresStoreTest, ManyEnginesMakeTheTablesAtOnce) {
  std::vector<std::future<absl::Status>> opened;
  for (int i = 0; i < 8; ++i) {
    opened.push_back(std::async(std::launch::async, [&] {
      return PostgresStore::Open(Params()).status();
    }));
  }
  for (auto& status : opened) {
    const absl::Status result = status.get();
    EXPECT_TRUE(result.ok()) << result;
  }
}

TEST_F(PostgresStoreTest, TablesOfAnOlderVersionAreMigrated) {
  Fill(*Open());
  Session session(database_);
  session.Run("DROP TABLE slipway_hooks, slipway_deliveries, slipway_attempts");
  session.Run("DELETE FROM slipway_ids WHERE id = 2");
  session.Run("UPDATE slipway_schema SET version = 1");
  const std::unique_ptr<PostgresStore> store = Open();
  EXPECT_EQ(Count(*store), 0);
  const absl::StatusOr<Hook> hook = store->AddHook({"http://a.example/"});
  ASSERT_TRUE(hook.ok()) << hook.status();
  EXPECT_EQ(hook->cursor, 2);
  EXPECT_EQ(session.Run("SELECT version FROM slipway_schema"), "3");
}

TEST_F(PostgresStoreTest, TablesOfANewerVersionAreRefused) {
  Fill(*Open());
  Session(database_).Run("UPDATE slipway_schema SET version = 1000");
  const absl::Status status = PostgresStore::Open(Params()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "version 1000")) << status;
}

TEST_F(PostgresStoreTest, WhatIsWrongAtTheStartIsSaidWithoutThePassword) {
  PostgresServerParams server_params;
  server_params.access = "local all stranger scram-sha-256";
  absl::StatusOr<std::unique_ptr<PostgresServer>> server =
      PostgresServer::Start(server_params);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(PostgresServer::Execute(
                  (*server)->connection(),
                  "CREATE ROLE stranger LOGIN SUPERUSER PASSWORD 'right'")
                  .ok());
  const auto status_of = [](const std::string& connection) {
    PostgresStoreParams params;
    params.connection = connection;
    return PostgresStore::Open(params).status();
  };
  const std::string host = absl::StrCat("host=", (*server)->directory(), " ");
  const std::string stranger =
      absl::StrCat(host, "dbname=postgres user=stranger ");
  EXPECT_TRUE(status_of(stranger + "password=right").ok());
  const std::vector<std::pair<std::string, absl::StatusCode>> cases = {
      {stranger + "password=hush", absl::StatusCode::kUnauthenticated},
      {stranger, absl::StatusCode::kUnauthenticated},
      {host + "dbname=none user=postgres", absl::StatusCode::kUnavailable},
      {"host=/nowhere password=hush", absl::StatusCode::kUnavailable},
      {"password=hush nonsense", absl::StatusCode::kInvalidArgument},
      {"postgresql://a:hush@[b/c", absl::StatusCode::kInvalidArgument},
  };
  for (const auto& [connection, code] : cases) {
    const absl::Status status = status_of(connection);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "hush")) << status;
  }
  PostgresStoreParams params = Params();
  params.connections_max = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(PostgresStore::Open(params).status()));
}

TEST_F(PostgresStoreTest, DamagedRowsAreDataLoss) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const int64_t id = IdOf(Send(*store, Create("app")));
  Session session(database_);
  session.Run("UPDATE slipway_deployments SET body = '\\xff'");
  const v1::RepositoryName name = CommandOn("app").repository();
  EXPECT_TRUE(absl::IsDataLoss(store->FindDeployment({name, id}).status()));
  EXPECT_TRUE(absl::IsDataLoss(Send(*store, Succeed("app", id)).status()));
  session.Run("UPDATE slipway_outbox SET body = '\\xff'");
  EXPECT_TRUE(absl::IsDataLoss(store->ReadOutbox({name}).status()));
  EXPECT_TRUE(absl::IsDataLoss(store->ReadAll({}).status()));
  session.Run("DROP TABLE slipway_statuses");
  EXPECT_TRUE(absl::IsDataLoss(store->FindStatus({name, id, 1}).status()));
}

// Gives up what is damaged, delivers all else. The global positions.
std::vector<int64_t> DeliverAll(PostgresStore& store, int64_t hook) {
  std::vector<int64_t> delivered;
  while (true) {
    const auto claimed = store.Claim({hook, 1000});
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    if (!claimed.ok() || claimed->empty()) return delivered;
    for (const Delivery& delivery : *claimed) {
      if (!delivery.is_damaged) {
        delivered.push_back(delivery.entry.global_position);
      }
      EXPECT_TRUE(store
                      .Record({delivery.id,
                               delivery.leased_until_ms,
                               {},
                               delivery.is_damaged ? DeliveryState::kFailed
                                                   : DeliveryState::kDelivered})
                      .ok());
    }
  }
}

TEST_F(PostgresStoreTest, AHookGoesPastADamagedEvent) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const Hook hook = *store->AddHook({"http://a.example/"});
  const int64_t start = hook.cursor;
  const int64_t id = IdOf(Send(*store, Create("app")));  // start + 1, and + 2
  IdOf(Send(*store, Create("app")));                     // + 3
  IdOf(Send(*store, Succeed("app", id)));                // + 4
  IdOf(Send(*store, Succeed("app", id)));                // + 5
  ASSERT_EQ(*store->LastGlobalPosition(), start + 5);
  Session session(database_);
  const auto damage = [&](int64_t global_last) {
    session.Run(absl::StrCat(
        "UPDATE slipway_outbox SET body = '\\xff' WHERE global_last = ",
        global_last));
  };
  // Before its delivery is made, and after it.
  damage(start + 4);
  EXPECT_EQ(*store->Enqueue({hook.id, 1000}), 5);
  EXPECT_EQ(*store->Enqueue({hook.id, 1000}), 0);
  EXPECT_EQ(*store->CountPending(hook.id), 4);
  damage(start + 2);
  const auto listed = store->ListDeliveries({hook.id});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 4u);
  const int64_t positions[] = {start + 1, start + 3, start + 4, start + 5};
  for (size_t i = 0; i < 4; ++i) {
    const Delivery& delivery = (*listed)[3 - i];
    EXPECT_EQ(delivery.entry.global_position, positions[i]);
    EXPECT_EQ(delivery.is_damaged, i == 0 || i == 2) << i;
    const auto found = store->FindDelivery(delivery.id);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*found)->is_damaged, delivery.is_damaged);
  }
  EXPECT_EQ(DeliverAll(*store, hook.id),
            (std::vector<int64_t>{start + 3, start + 5}));
  EXPECT_EQ(*store->CountPending(hook.id), 0);
  // It stays in the stream, and is known there.
  EXPECT_EQ(store->ReadAll({start + 2, 1})->size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(store->ReadAll({start + 3, 1}).status()));
}

// Not even the number of its events is to be trusted.
TEST_F(PostgresStoreTest, AHookGoesPastADamagedRow) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const Hook hook = *store->AddHook({"http://a.example/"});
  const int64_t start = hook.cursor;
  for (int i = 0; i < 3; ++i) IdOf(Send(*store, Create("app")));
  ASSERT_EQ(*store->LastGlobalPosition(), start + 4);
  Session session(database_);
  const struct {
    const char* first_position;
    int64_t passed;
  } rows[] = {{"-4611686018427387904", 4}, {"4611686018427387904", 3}};
  for (const auto& row : rows) {
    session.Run(absl::StrCat(
        "UPDATE slipway_outbox SET first_position = ", row.first_position,
        " WHERE global_last = ", start + 2));
    session.Run(absl::StrCat("UPDATE slipway_hooks SET cursor = ", start));
    EXPECT_EQ(*store->Enqueue({hook.id, 1000}), row.passed);
    EXPECT_EQ(DeliverAll(*store, hook.id),
              (std::vector<int64_t>{start + 3, start + 4}));
  }
}

TEST_F(PostgresStoreTest, TextsThatAreTooLongForAnIndexAreToldApart) {
  const std::unique_ptr<PostgresStore> store = Open();
  v1::Rules rules = DocumentedRules();
  rules.mutable_limits()->set_name_bytes_max(100'000);
  const auto send = [&](const v1::Command& command) {
    v1::Decision decision;
    const absl::Status status =
        store->Transact({rules, command,
                         [&](const v1::Facts& facts, v1::Decision* answer) {
                           v1::Command filled = command;
                           filled.mutable_ids()->set_first(facts.last_id() + 1);
                           filled.mutable_ids()->set_count(10);
                           Decide(rules, facts, filled, answer);
                           return absl::OkStatus();
                         }},
                        &decision);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
  };
  // What cannot be compressed, as an index would.
  std::string noise;
  uint32_t random = 1;
  for (int i = 0; i < 9000; ++i) {
    random = random * 1664525 + 1013904223;
    noise.push_back(static_cast<char>('a' + (random >> 24) % 26));
  }
  const std::string name = noise;
  send(Put(name, 1));
  send(Put(name + "x", 2));
  for (const std::string& branch :
       {noise, noise + "x", noise.substr(0, 1024)}) {
    v1::Command command = Branch(name);
    command.mutable_put_ref()->set_name(branch);
    send(command);
    v1::Command create = Create(name);
    create.mutable_create_deployment()->set_ref(branch);
    create.mutable_create_deployment()->set_task(branch);
    create.mutable_create_deployment()->set_auto_merge(false);
    send(create);
    Store::ListDeploymentsParams params;
    params.repository = command.repository();
    params.ref = branch;
    const auto page = store->ListDeployments(params);
    ASSERT_TRUE(page.ok() && page->has_value()) << page.status();
    EXPECT_EQ((*page)->total, 1);
    ASSERT_EQ((*page)->rows.size(), 1u);
    EXPECT_EQ((*page)->rows[0].ref(), branch);
  }
  EXPECT_EQ(Count(*store, name), 3);
  EXPECT_EQ(Count(*store, name + "x"), 0);
}

// R102.
TEST_F(PostgresStoreTest,
       R102TheStreamOfAllRepositoriesHasNoGapsWhileOthersWrite) {
  constexpr int kWriters = 4;
  constexpr int kRounds = 40;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  for (int i = 0; i < 2; ++i) stores.push_back(Open());
  for (int i = 0; i < kWriters; ++i) {
    Fill(*stores[0], absl::StrCat("app", i), i + 1);
  }
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      PostgresStore& store = *stores[i % 2];
      const std::string name = absl::StrCat("app", i);
      for (int j = 0; j < kRounds; ++j) {
        const int64_t id = IdOf(Send(store, Create(name)));
        // What was answered is before the end.
        const absl::StatusOr<int64_t> last = store.LastGlobalPosition();
        ASSERT_TRUE(last.ok()) << last.status();
        const auto tail = store.ReadAll({*last - 1});
        ASSERT_TRUE(tail.ok() && !tail->empty());
        IdOf(Send(store, Succeed(name, id)));
      }
      --writing;
    });
  }
  std::vector<std::vector<OutboxEntry>> read(2);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      int64_t cursor = 0;
      while (true) {
        const bool is_last = writing == 0;
        const auto entries = stores[i]->ReadAll({cursor, 7});
        ASSERT_TRUE(entries.ok()) << entries.status();
        for (const OutboxEntry& entry : *entries) {
          ASSERT_EQ(entry.global_position, cursor + 1);
          cursor = entry.global_position;
          read[i].push_back(entry);
        }
        if (entries->empty() && is_last) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(read[0].size(), read[1].size());
  std::map<std::string, int64_t> positions;
  for (size_t i = 0; i < read[0].size(); ++i) {
    EXPECT_EQ(read[0][i].event.SerializeAsString(),
              read[1][i].event.SerializeAsString());
    EXPECT_EQ(read[0][i].position,
              ++positions[read[0][i].event.repository().name()]);
  }
  EXPECT_EQ(positions.size(), static_cast<size_t>(kWriters));
  for (const auto& [name, last] : positions) {
    const auto stream =
        stores[0]->ReadOutbox({CommandOn(name).repository(), last - 1, 100});
    ASSERT_TRUE(stream.ok());
    EXPECT_EQ(stream->size(), 1u);
    EXPECT_EQ(stream->front().global_position, 0);
  }
}

v1::Command Delete(const std::string& name, int64_t id) {
  v1::Command command = CommandOn(name);
  command.mutable_delete_deployment()->set_deployment_id(id);
  return command;
}

// Whether a store decides before it has the repository's row.
bool DecidesByMemory(PostgresStore& store, const std::string& database,
                     const v1::Command& command) {
  Session holder(database);
  Session watcher(database);
  holder.Run("BEGIN");
  holder.Run("SELECT 1 FROM slipway_repositories FOR UPDATE");
  std::atomic<int> calls{0};
  const v1::Rules rules = DocumentedRules();
  auto sent = std::async(std::launch::async, [&] {
    v1::Decision decision;
    return store.Transact(
        {rules, command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           ++calls;
           v1::Command filled = command;
           filled.mutable_ids()->set_first(facts.last_id() + 1);
           filled.mutable_ids()->set_count(100);
           Decide(rules, facts, filled, answer);
           return absl::OkStatus();
         }},
        &decision);
  });
  while (watcher.Run("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                     "current_database() AND wait_event_type = 'Lock'") ==
         "0") {
    if (sent.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      ADD_FAILURE() << "it writes nothing";
      break;
    }
  }
  const bool has_decided = calls > 0;
  holder.Run("ROLLBACK");
  const absl::Status status = sent.get();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 1);
  return has_decided;
}

TEST_F(PostgresStoreTest, WhatIsRememberedIsDecidedBeforeTheRowIsHad) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  // The ref is not known yet.
  EXPECT_FALSE(DecidesByMemory(*store, database_, Create("app")));
  EXPECT_TRUE(DecidesByMemory(*store, database_, Create("app")));
  const int64_t id = IdOf(Send(*store, Create("app")));
  EXPECT_FALSE(DecidesByMemory(*store, database_, Succeed("app", id)));
  const int64_t next = IdOf(Send(*store, Create("app")));
  EXPECT_TRUE(DecidesByMemory(*store, database_, Succeed("app", next)));
  const int64_t doomed = IdOf(Send(*store, Create("app")));
  EXPECT_TRUE(DecidesByMemory(*store, database_, Delete("app", doomed)));
  EXPECT_EQ(Count(*store), 4);
  EXPECT_EQ(metrics_.sum("slipway_store_retries_total moved_on"), 0);
}

TEST_F(PostgresStoreTest, AnEngineMayRememberNothing) {
  PostgresStoreParams params = Params();
  for (const int64_t bytes : {0, 1}) {
    params.memory_bytes_max = bytes;
    const std::unique_ptr<PostgresStore> store = Open(params);
    Fill(*store);
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(DecidesByMemory(*store, database_, Create("app")));
    }
  }
  params.memory_bytes_max = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(PostgresStore::Open(params).status()));
}

TEST_F(PostgresStoreTest, WhatAnotherEngineHasDecidedIsNoticed) {
  const std::unique_ptr<PostgresStore> one = Open();
  CountingMetrics others;
  PostgresStoreParams params = Params();
  params.metrics = &others;
  const std::unique_ptr<PostgresStore> two = Open(params);
  Fill(*one);
  std::vector<int64_t> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(IdOf(Send(*one, Create("app"))));
    ids.push_back(IdOf(Send(*two, Create("app"))));
  }
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(Count(*one), 20);
  // Each was wrong once, and has looked first from then on.
  EXPECT_EQ(metrics_.sum("slipway_store_retries_total moved_on"), 1);
  EXPECT_EQ(others.sum("slipway_store_retries_total moved_on"), 1);
  // One that is alone again trusts its memory again.
  for (int i = 0; i < 4; ++i) IdOf(Send(*one, Create("app")));
  EXPECT_TRUE(DecidesByMemory(*one, database_, Create("app")));
}

TEST_F(PostgresStoreTest, EveryFactThatAnotherEngineChangesIsNoticed) {
  const std::unique_ptr<PostgresStore> one = Open();
  const std::unique_ptr<PostgresStore> two = Open();
  Fill(*one);
  const v1::RepositoryName name = CommandOn("app").repository();
  // From here on `one` decides by memory.
  const auto warm = [&] {
    const int64_t id = IdOf(Send(*one, Create("app")));
    IdOf(Send(*one, Succeed("app", id)));
    for (int i = 0; i < 4; ++i) IdOf(Send(*one, Create("app")));
    return id;
  };
  const auto reason_of = [](const absl::StatusOr<v1::Decision>& decision) {
    EXPECT_TRUE(decision.ok()) << decision.status();
    return decision.ok() ? decision->rejection().reason()
                         : v1::REASON_UNSPECIFIED;
  };

  // A ref that has moved.
  warm();
  v1::Command moved = Branch("app");
  moved.mutable_put_ref()->set_sha(std::string(40, 'b'));
  IdOf(Send(*two, moved));
  absl::StatusOr<v1::Decision> created = Send(*one, Create("app"));
  ASSERT_TRUE(created.ok() && created->has_acceptance());
  EXPECT_EQ(created->acceptance().events(0).deployment().sha(),
            std::string(40, 'b'));

  // A check of its commit.
  warm();
  v1::Command failed = CommandOn("app");
  failed.mutable_put_commit_context()->set_sha(std::string(40, 'b'));
  failed.mutable_put_commit_context()->set_context("ci");
  failed.mutable_put_commit_context()->set_state(
      v1::COMMIT_CONTEXT_STATE_FAILURE);
  IdOf(Send(*two, failed));
  EXPECT_EQ(reason_of(Send(*one, Create("app"))), v1::REASON_CONTEXTS_FAILED);
  failed.mutable_put_commit_context()->set_state(
      v1::COMMIT_CONTEXT_STATE_SUCCESS);
  // A no is checked, too.
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(reason_of(Send(*one, Create("app"))), v1::REASON_CONTEXTS_FAILED);
  }
  IdOf(Send(*two, failed));
  EXPECT_EQ(reason_of(Send(*one, Create("app"))), v1::REASON_UNSPECIFIED);

  // A ref that was not there.
  v1::Command topic = Create("app");
  topic.mutable_create_deployment()->set_ref("topic");
  topic.mutable_create_deployment()->set_auto_merge(false);
  warm();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(reason_of(Send(*one, topic)), v1::REASON_REF_NOT_FOUND);
  }
  moved.mutable_put_ref()->set_name("topic");
  IdOf(Send(*two, moved));
  EXPECT_EQ(reason_of(Send(*one, topic)), v1::REASON_UNSPECIFIED);

  // A deployment that is gone, and one that has got a status.
  int64_t id = warm();
  const int64_t gone = IdOf(Send(*one, Create("app")));
  IdOf(Send(*two, Delete("app", gone)));
  EXPECT_EQ(reason_of(Send(*one, Succeed("app", gone))),
            v1::REASON_DEPLOYMENT_NOT_FOUND);
  id = warm();
  v1::Command expecting = Succeed("app", id);
  expecting.mutable_expectation()->add_latest_status_ids(id + 1);
  absl::StatusOr<v1::Decision> other = Send(*two, Succeed("app", id));
  ASSERT_TRUE(other.ok() && other->has_acceptance());
  EXPECT_EQ(reason_of(Send(*one, expecting)), v1::REASON_STATUS_MOVED_ON);

  // A whole repository, made again under its name.
  id = warm();
  v1::Command deletion = CommandOn("app");
  deletion.mutable_delete_repository();
  IdOf(Send(*two, deletion));
  EXPECT_EQ(reason_of(Send(*one, Create("app"))),
            v1::REASON_REPOSITORY_NOT_FOUND);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(reason_of(Send(*one, Create("app"))),
              v1::REASON_REPOSITORY_NOT_FOUND);
  }
  Fill(*two, "app", 2);
  EXPECT_GT(IdOf(Send(*one, Create("app"))), id);
  EXPECT_EQ(Count(*one), 1);
  EXPECT_EQ(reason_of(Send(*one, Succeed("app", id))),
            v1::REASON_DEPLOYMENT_NOT_FOUND);
  warm();
  IdOf(Send(*two, deletion));
  Fill(*two, "app", 3);
  EXPECT_EQ(reason_of(Send(*one, Succeed("app", id))),
            v1::REASON_DEPLOYMENT_NOT_FOUND);
  EXPECT_EQ(Count(*one), 0);

  // Its own change of the repository.
  warm();
  IdOf(Send(*one, deletion));
  EXPECT_EQ(reason_of(Send(*one, Create("app"))),
            v1::REASON_REPOSITORY_NOT_FOUND);
  EXPECT_GE(metrics_.sum("slipway_store_retries_total moved_on"), 7);
}

TEST_F(PostgresStoreTest, ADecisionThatAnotherComesBeforeIsMadeAnew) {
  const std::unique_ptr<PostgresStore> one = Open();
  const std::unique_ptr<PostgresStore> two = Open();
  Fill(*one);
  IdOf(Send(*one, Create("app")));
  const v1::Rules rules = DocumentedRules();
  const v1::Command command = Create("app");
  int calls = 0;
  int64_t others = 0;
  v1::Decision decision;
  const absl::Status status =
      one->Transact({rules, command,
                     [&](const v1::Facts& facts, v1::Decision* answer) {
                       if (++calls == 1)
                         others = IdOf(Send(*two, Create("app")));
                       v1::Command filled = command;
                       filled.mutable_ids()->set_first(*one->Take(2));
                       filled.mutable_ids()->set_count(2);
                       Decide(rules, facts, filled, answer);
                       return absl::OkStatus();
                     }},
                    &decision);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 2);
  EXPECT_GT(decision.acceptance().events(0).deployment().id(), others);
  EXPECT_EQ(Count(*one), 3);
  const auto stream = one->ReadOutbox({CommandOn("app").repository()});
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->size(), 6u);
}

// Decided one after the other on what the ones before them leave, some of them
// on what only the database knows.
TEST_F(PostgresStoreTest, WhatIsDecidedTogetherSeesWhatCameBeforeIt) {
  const std::unique_ptr<PostgresStore> one = Open();
  const std::unique_ptr<PostgresStore> two = Open();
  for (const bool is_moved : {false, true}) {
    const std::string name = is_moved ? "moved" : "app";
    Fill(*one, name, is_moved ? 2 : 1);
    const int64_t first_id = IdOf(Send(*one, Create(name)));
    IdOf(Send(*one, Succeed(name, first_id)));
    const v1::Rules rules = DocumentedRules();
    const v1::Command command = Create(name);
    std::vector<std::thread> callers;
    std::atomic<int> next{0};
    const auto send = [&](v1::Command sent) {
      const int place = next++;
      callers.emplace_back([&, sent = std::move(sent)] {
        const auto decision = Send(*one, sent);
        EXPECT_TRUE(decision.ok()) << decision.status();
      });
      // One after the other.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return place;
    };
    v1::Decision decision;
    std::atomic<int> failing{0};
    EXPECT_TRUE(absl::IsCancelled(one->Transact(
        {rules, command,
         [&](const v1::Facts&, v1::Decision*) {
           if (!callers.empty()) return absl::CancelledError("enough");
           callers.emplace_back([&] {
             v1::Decision none;
             EXPECT_TRUE(absl::IsCancelled(
                 one->Transact({rules, command,
                                [&](const v1::Facts&, v1::Decision*) {
                                  // Another engine decides in between.
                                  if (failing++ == 0 && is_moved) {
                                    IdOf(Send(*two, Create(name)));
                                  }
                                  return absl::CancelledError("not this one");
                                }},
                               &none)));
           });
           std::this_thread::sleep_for(std::chrono::milliseconds(20));
           v1::Command qa = Create(name);
           qa.mutable_create_deployment()->set_environment("qa");
           send(qa);
           send(qa);
           // Its facts are only in the database.
           v1::Command put = CommandOn(name);
           put.mutable_put_commit_context()->set_sha(std::string(40, 'a'));
           put.mutable_put_commit_context()->set_context("ci");
           put.mutable_put_commit_context()->set_state(
               v1::COMMIT_CONTEXT_STATE_SUCCESS);
           send(put);
           send(Delete(name, first_id));
           v1::Command keyed = Create(name);
           keyed.set_idempotency_key("key");
           send(keyed);
           send(Succeed(name, first_id));
           return absl::CancelledError("enough");
         }},
        &decision)));
    for (std::thread& caller : callers) caller.join();
    EXPECT_GE(failing, 1);
    const auto stream =
        one->ReadOutbox({CommandOn(name).repository(), 0, 1000});
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::map<v1::EventType, int> events;
    for (const OutboxEntry& entry : *stream) ++events[entry.event.type()];
    EXPECT_EQ(events[v1::EVENT_TYPE_DEPLOYMENT_CREATED], is_moved ? 5 : 4);
    EXPECT_EQ(events[v1::EVENT_TYPE_ENVIRONMENT_CREATED], 2);
    EXPECT_EQ(events[v1::EVENT_TYPE_COMMIT_CONTEXT_PUT], 1);
    EXPECT_EQ(events[v1::EVENT_TYPE_STATUS_CREATED], 2);
    EXPECT_EQ(events[v1::EVENT_TYPE_DEPLOYMENT_DELETED], 0);
  }
}

TEST_F(PostgresStoreTest, EnginesThatRaceAgree) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 25;
  std::vector<std::unique_ptr<PostgresStore>> stores;
  for (int i = 0; i < 2; ++i) stores.push_back(Open());
  Fill(*stores[0]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2 * kThreads; ++i) {
    threads.emplace_back([&, i] {
      PostgresStore& store = *stores[i % 2];
      for (int round = 0; round < kRounds; ++round) {
        const int64_t id = IdOf(Send(store, Create("app")));
        v1::Command succeed = Succeed("app", id);
        succeed.mutable_create_status()->set_environment("staging");
        IdOf(Send(store, succeed));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr int kAll = 2 * kThreads * kRounds;
  EXPECT_EQ(Count(*stores[0]), kAll);
  // Replayed, the stream says what the tables do.
  const auto stream =
      stores[0]->ReadOutbox({CommandOn("app").repository(), 0, 100'000});
  ASSERT_TRUE(stream.ok()) << stream.status();
  v1::RepositoryState state;
  int64_t position = 0;
  for (const OutboxEntry& entry : *stream) {
    ASSERT_EQ(entry.position, ++position);
    const absl::Status status = Evolve(entry.event, &state);
    ASSERT_TRUE(status.ok()) << status;
  }
  ASSERT_EQ(state.deployments_size(), kAll);
  int64_t live = 0;
  for (const v1::DeploymentRecord& record : state.deployments()) {
    ASSERT_FALSE(record.statuses().empty());
    const bool is_live =
        record.statuses().rbegin()->state() == v1::STATUS_STATE_SUCCESS;
    live += is_live ? 1 : 0;
  }
  Session session(database_);
  EXPECT_EQ(session.Run("SELECT count(*) FROM slipway_live"),
            absl::StrCat(live));
  EXPECT_EQ(session.Run("SELECT count FROM slipway_counts WHERE kind = 4 AND "
                        "value = 'staging'"),
            absl::StrCat(kAll));
  EXPECT_EQ(session.Run("SELECT sum(status_count) FROM slipway_deployments"),
            session.Run("SELECT count(*) FROM slipway_statuses"));
}

// A decision by memory is sent before it has the repository's row. Once its
// caller has been told that it has not happened, it does not happen any more,
// also where the server gets it afterwards.
TEST_F(PostgresStoreTest, R107ADecisionThatComesTooLateDoesNotHappen) {
  CommitProxy proxy(PostgresServer::Shared().directory());
  PostgresStoreParams params = Params();
  params.connection = proxy.Redirect(database_);
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  for (int i = 0; i < 3; ++i) IdOf(Send(*store, Create("app")));
  const v1::Rules rules = DocumentedRules();
  const v1::Command command = Create("app");
  int calls = 0;
  v1::Decision decision;
  proxy.LoseNext(CommitProxy::Moment::kLater);
  const absl::Status status =
      store->Transact({rules, command,
                       [&](const v1::Facts& facts, v1::Decision* answer) {
                         if (++calls > 1)
                           return absl::CancelledError("not again");
                         v1::Command filled = command;
                         filled.mutable_ids()->set_first(facts.last_id() + 1);
                         filled.mutable_ids()->set_count(100);
                         Decide(rules, facts, filled, answer);
                         return absl::OkStatus();
                       }},
                      &decision);
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(proxy.lost_count(), 1);
  proxy.SendLate();
  EXPECT_EQ(Count(*store), 3);
  IdOf(Send(*store, Create("app")));
  EXPECT_EQ(Count(*store), 4);
}

// What is live in an environment stays in the table of what is live where a
// status only spells the environment's name anew.
TEST_F(PostgresStoreTest, R31WhatIsSpeltAnewStaysLive) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const auto create = [&](PostgresStore& by) {
    v1::Command command = Create("app");
    command.mutable_create_deployment()->set_environment("staging");
    return IdOf(Send(by, command));
  };
  const int64_t id = create(*store);
  IdOf(Send(*store, Succeed("app", id)));
  v1::Command anew = Succeed("app", id);
  anew.mutable_create_status()->set_environment("Staging");
  IdOf(Send(*store, anew));
  // Of another engine, which remembers nothing.
  const std::unique_ptr<PostgresStore> other = Open();
  const auto decision = Send(*other, Succeed("app", create(*other)));
  ASSERT_TRUE(decision.ok()) << decision.status();
  ASSERT_EQ(decision->acceptance().events_size(), 2);
  EXPECT_EQ(decision->acceptance().events(1).status().deployment_id(), id);
}

TEST_F(PostgresStoreTest, ALostAnswerOfADecisionByMemoryIsLookedFor) {
  CommitProxy proxy(PostgresServer::Shared().directory());
  PostgresStoreParams params = Params();
  params.connection = proxy.Redirect(database_);
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  int64_t expected = 0;
  for (const auto moment : {CommitProxy::Moment::kBeforeTheServer,
                            CommitProxy::Moment::kAfterTheServer}) {
    IdOf(Send(*store, Create("app")));
    EXPECT_TRUE(DecidesByMemory(*store, database_, Create("app")));
    int calls = 0;
    proxy.LoseNext(moment);
    const int64_t id = IdOf(Send(*store, Create("app"), &calls));
    EXPECT_EQ(calls, moment == CommitProxy::Moment::kAfterTheServer ? 1 : 2);
    expected += 3;
    EXPECT_EQ(Count(*store), expected);
    const auto found =
        store->FindDeployment({CommandOn("app").repository(), id});
    EXPECT_TRUE(found.ok() && found->has_value());
  }
  EXPECT_EQ(proxy.lost_count(), 2);
}

TEST_F(PostgresStoreTest, ARefusalTakesNoIdsAway) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const int64_t id = IdOf(Send(*store, Create("app")));
  IdOf(Send(*store, Succeed("app", id)));
  Session session(database_);
  const std::string next = "SELECT next FROM slipway_ids WHERE id = 1";
  const std::string before = session.Run(next);
  v1::Command refused = Succeed("app", id);
  refused.mutable_create_status()->set_description(std::string(10'000, 'd'));
  for (int i = 0; i < 300; ++i) {
    const auto decision = Send(*store, refused);
    ASSERT_TRUE(decision.ok() && decision->has_rejection());
  }
  EXPECT_EQ(session.Run(next), before);
  // Nor where the ids that it took were the first of a new block.
  const std::unique_ptr<PostgresStore> fresh = Open();
  Fill(*fresh, "other", 2);
  v1::Command create = Create("other");
  create.mutable_create_deployment()->set_description(
      std::string(1 << 20, 'd'));
  for (int i = 0; i < 3; ++i) {
    const auto decision = Send(*fresh, create);
    ASSERT_TRUE(decision.ok() && decision->has_rejection());
  }
  EXPECT_EQ(session.Run(next), absl::StrCat(std::stoll(before) + 256));
}

// Also while the server believes that every table is small.
TEST_F(PostgresStoreTest, ADecisionReadsWhatItTouchesAndNoMore) {
  Session session(database_);
  const auto read = [&] {
    // A connection says what it has read once it is closed, at the latest.
    while (session.Run("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                       "current_database()") != "1") {
    }
    return std::stoll(session.Run(
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN "
        "('slipway_deployments', 'slipway_live', 'slipway_statuses')"));
  };
  const auto pairs = [&](PostgresStore& store, int count) {
    for (int i = 0; i < count; ++i) {
      const int64_t id = IdOf(Send(store, Create("app")));
      v1::Command succeed = Succeed("app", id);
      succeed.mutable_create_status()->set_environment("staging");
      IdOf(Send(store, succeed));
    }
  };
  std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  pairs(*store, 300);
  store = nullptr;
  const int64_t before = read();
  for (const int64_t bytes : {int64_t{0}, int64_t{1} << 20}) {
    PostgresStoreParams params = Params();
    params.memory_bytes_max = bytes;
    store = Open(params);
    pairs(*store, 20);
    store = nullptr;
  }
  EXPECT_LT(read() - before, 40 * 30) << session.Run(
      "SELECT string_agg(indexrelname || ' ' || idx_tup_read, ', ') "
      "FROM pg_stat_user_indexes");
}

// Each list goes along the index of its first filter, in a plan that is made
// for every value, whatever the server believes of its tables.
TEST_F(PostgresStoreTest, ListsGoAlongTheIndexOfTheFilterThatLeads) {
  Fill(*Open());
  Session session(database_);
  session.Run("SET plan_cache_mode = force_generic_plan");
  session.Run("CREATE TEMP TABLE plans (line text)");
  const auto explain = [&](const Store::ListDeploymentsParams& params,
                           ListFilter leads) {
    const std::string sql = postgres_internal::ListStatement(params, leads).sql;
    EXPECT_EQ(session.Run(absl::StrCat("PREPARE list AS ", sql)), "");
    std::string values = "1, 0, 30";
    for (int place = 4; place <= 8; ++place) {
      if (absl::StrContains(sql, absl::StrCat("$", place))) {
        absl::StrAppend(&values, ", NULL");
      }
    }
    session.Run("DELETE FROM plans");
    EXPECT_EQ(session.Run(absl::StrCat(
                  "DO $do$ DECLARE line text; BEGIN FOR line IN EXECUTE "
                  "'EXPLAIN EXECUTE list(",
                  values,
                  ")' LOOP INSERT INTO plans VALUES (line); END LOOP; END "
                  "$do$")),
              "");
    session.Run("DEALLOCATE list");
    return session.Run("SELECT string_agg(line, chr(10)) FROM plans");
  };
  const auto check = [&] {
    for (int filters = 1; filters < 32; ++filters) {
      Store::ListDeploymentsParams params;
      const bool by_spelling = (filters & 16) != 0;
      std::vector<std::pair<ListFilter, std::string>> leaders;
      const auto add = [&](int bit, ListFilter filter,
                           const std::string& column,
                           absl::optional<std::string>* value) {
        if ((filters & bit) == 0) return;
        *value = "x";
        leaders.emplace_back(filter, column);
      };
      add(1, ListFilter::kSha, "sha", &params.sha);
      add(2, ListFilter::kRef, "ref", &params.ref);
      add(4, ListFilter::kTask, "task", &params.task);
      add(8, ListFilter::kEnvironment, by_spelling ? "spelling" : "environment",
          &params.environment);
      if (by_spelling) params.environment_match = v1::NAME_MATCH_EXACT;
      for (const auto& [filter, leading] : leaders) {
        const std::string plan = explain(params, filter);
        EXPECT_TRUE(absl::StrContains(
            plan, absl::StrCat("slipway_deployments_by_", leading,
                               " on slipway_deployments")))
            << leading << "\n"
            << plan;
        // Not only by the repository.
        EXPECT_TRUE(absl::StrContains(
            plan, absl::StrCat("Index Cond: ((repository = $1) AND (", leading,
                               " = $")))
            << leading << "\n"
            << plan;
        EXPECT_FALSE(absl::StrContains(plan, "Seq Scan on slipway_deployments"))
            << plan;
      }
    }
  };
  // As the store sets them, on a table that is empty.
  for (const char* const off :
       {"seqscan", "bitmapscan", "hashjoin", "mergejoin"}) {
    session.Run(absl::StrCat("SET enable_", off, " = off"));
  }
  check();
  ASSERT_EQ(session.Run(R"sql(
    INSERT INTO slipway_deployments (repository, id, sha, ref, task,
        environment, spelling, flags, updated_at_ms, status_count,
        latest_status_id, latest_state, body)
      SELECT n % 3, n, CAST(md5(CAST(n AS text)) AS bytea),
        CAST('ref' || n % 100 AS bytea), CAST('task' || n % 10 AS bytea),
        CAST('environment' || n % 5 AS bytea),
        CAST('environment' || n % 5 AS bytea), 0, 0, 0, 0, 0, '\x'
      FROM generate_series(1, 20000) AS n)sql"),
            "");
  ASSERT_EQ(session.Run("ANALYZE slipway_deployments"), "");
  check();
}

TEST_F(PostgresStoreTest, OfSeveralFiltersTheRarestLeads) {
  using postgres_internal::Connection;
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  const auto create = [&](const std::string& ref, const std::string& task,
                          const std::string& environment) {
    v1::Command command = CommandOn("app");
    command.mutable_create_deployment()->set_ref(ref);
    command.mutable_create_deployment()->set_task(task);
    command.mutable_create_deployment()->set_environment(environment);
    IdOf(Send(*store, command));
  };
  const auto branch = [&](const std::string& name, char digit) {
    v1::Command command = Branch("app");
    command.mutable_put_ref()->set_name(name);
    command.mutable_put_ref()->set_sha(std::string(40, digit));
    IdOf(Send(*store, command));
  };
  // Many that are alike, and one that is rare for each filter.
  for (int i = 0; i < 3; ++i) create("main", "deploy", "Common");
  create("main", "deploy", "rare");
  create("main", "deploy", "COMMON");
  create("main", "rare", "Common");
  branch("rare", 'a');
  create("rare", "deploy", "Common");
  branch("main", 'b');
  create("main", "deploy", "Common");

  std::unique_ptr<Connection> connection;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::minutes(1);
  ASSERT_TRUE(Connection::Open(database_, {}, deadline, &connection).ok());
  // As the only repository has it.
  const int64_t key = std::stoll(
      Session(database_).Run("SELECT key FROM slipway_repositories"));
  const auto rarest = [&](const Store::ListDeploymentsParams& params) {
    postgres_internal::AddFilterCounts(key, params, *connection);
    std::vector<postgres_internal::Rows> rows;
    EXPECT_TRUE(connection->Run(deadline, &rows).ok());
    return postgres_internal::RarestFilter(params, rows[0]);
  };
  Store::ListDeploymentsParams common;
  common.repository = CommandOn("app").repository();
  common.sha = std::string(40, 'a');
  common.ref = "main";
  common.task = "deploy";
  common.environment = "common";
  const auto total = [&](const Store::ListDeploymentsParams& params) {
    return (*store->ListDeployments(params))->total;
  };
  EXPECT_EQ(total(common), 4);
  Store::ListDeploymentsParams params = common;
  params.sha = std::string(40, 'b');
  EXPECT_EQ(rarest(params), ListFilter::kSha);
  EXPECT_EQ(total(params), 1);
  params = common;
  params.ref = "rare";
  EXPECT_EQ(rarest(params), ListFilter::kRef);
  EXPECT_EQ(total(params), 1);
  params = common;
  params.task = "rare";
  EXPECT_EQ(rarest(params), ListFilter::kTask);
  EXPECT_EQ(total(params), 1);
  params = common;
  params.environment = "Rare";
  EXPECT_EQ(rarest(params), ListFilter::kEnvironment);
  EXPECT_EQ(total(params), 1);
  // What nobody has is the rarest of all.
  params.task = "none";
  EXPECT_EQ(rarest(params), ListFilter::kTask);
  EXPECT_EQ(total(params), 0);
  // A spelling may be rare where the name is not.
  params = common;
  params.task.reset();
  params.environment = "COMMON";
  params.environment_match = v1::NAME_MATCH_EXACT;
  EXPECT_EQ(rarest(params), ListFilter::kEnvironment);
  EXPECT_EQ(total(params), 1);
  // A filter that is not there is not the rarest.
  params.environment.reset();
  params.ref.reset();
  EXPECT_EQ(rarest(params), ListFilter::kSha);
}

TEST_F(PostgresStoreTest, ALockThatIsNotHadInTimeIsWaitedForOnce) {
  PostgresStoreParams params = Params();
  params.lock_timeout_ms = 500;
  const std::unique_ptr<PostgresStore> store = Open(params);
  Fill(*store);
  const v1::Rules rules = DocumentedRules();
  const v1::Command command = Create("app");
  constexpr int kCallers = 6;
  std::vector<std::thread> callers;
  std::vector<absl::Status> statuses(kCallers);
  std::atomic<int> answered{0};
  Session other(database_);
  other.Run("BEGIN");
  std::thread locking;
  Session watcher(database_);
  const std::string waiting =
      " FROM pg_stat_activity WHERE datname = current_database() AND "
      "wait_event_type = 'Lock'";
  v1::Decision decision;
  // While this is being decided the callers gather, and another client is the
  // first that waits for the table, of which it will have every row.
  const absl::Status first = store->Transact(
      {rules, command,
       [&](const v1::Facts&, v1::Decision*) {
         locking = std::thread([&] {
           other.Run("LOCK TABLE slipway_repositories IN EXCLUSIVE MODE");
         });
         while (watcher.Run("SELECT count(*)" + waiting) == "0") {
         }
         for (int i = 0; i < kCallers; ++i) {
           callers.emplace_back([&, i] {
             statuses[i] = Send(*store, Create("app")).status();
             ++answered;
           });
         }
         std::this_thread::sleep_for(std::chrono::milliseconds(100));
         return absl::CancelledError("enough");
       }},
      &decision);
  EXPECT_TRUE(absl::IsCancelled(first)) << first;
  locking.join();
  // Each that waits by itself does so on a connection of its own.
  std::set<std::string> waited;
  while (answered < kCallers) {
    const std::string pid = watcher.Run("SELECT pid" + waiting + " LIMIT 1");
    if (!pid.empty()) waited.insert(pid);
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_LT(waited.size(), static_cast<size_t>(kCallers) / 2);
  for (const absl::Status& status : statuses) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "lock timeout")) << status;
  }
  EXPECT_EQ(other.Run("ROLLBACK"), "");
  EXPECT_EQ(Count(*store), 0);
  IdOf(Send(*store, Create("app")));
}

TEST_F(PostgresStoreTest, ADeletionHasATimeLimitOfItsOwn) {
  const std::unique_ptr<PostgresStore> filled = Open();
  Fill(*filled);
  IdOf(Send(*filled, Create("app")));
  Session session(database_);
  session.Run(R"sql(
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_sleep(3);
      RETURN OLD;
    END $$)sql");
  EXPECT_EQ(session.Run("CREATE TRIGGER dawdle BEFORE DELETE ON "
                        "slipway_deployments EXECUTE FUNCTION dawdle()"),
            "");
  v1::Command command = CommandOn("app");
  command.mutable_delete_repository();
  PostgresStoreParams params = Params();
  params.statement_timeout_ms = 1'000;
  params.answer_timeout_ms = 2'000;
  params.deletion_timeout_ms = 100;
  const absl::StatusOr<v1::Decision> late = Send(*Open(params), command);
  EXPECT_TRUE(absl::IsUnavailable(late.status())) << late.status();
  EXPECT_TRUE(absl::StrContains(late.status().message(), "statement timeout"))
      << late.status();
  EXPECT_EQ(Count(*filled), 1);
  params.deletion_timeout_ms = 600'000;
  params.connections_max = 1;
  const std::unique_ptr<PostgresStore> store = Open(params);
  const absl::StatusOr<v1::Decision> deleted = Send(*store, command);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_TRUE(deleted->has_acceptance());
  EXPECT_EQ(Count(*store), -1);
  EXPECT_EQ(session.Run("SELECT count(*) FROM slipway_deployments"), "0");
}

TEST_F(PostgresStoreTest, LimitsThatCannotBeKeptAreRefused) {
  for (int64_t PostgresStoreParams::*limit :
       {&PostgresStoreParams::connect_timeout_ms,
        &PostgresStoreParams::wait_timeout_ms,
        &PostgresStoreParams::lock_timeout_ms,
        &PostgresStoreParams::statement_timeout_ms,
        &PostgresStoreParams::idle_in_transaction_timeout_ms,
        &PostgresStoreParams::answer_timeout_ms,
        &PostgresStoreParams::resolve_timeout_ms,
        &PostgresStoreParams::deletion_timeout_ms}) {
    for (const int64_t value : {int64_t{-1}, int64_t{0}, int64_t{1} << 31}) {
      PostgresStoreParams params = Params();
      params.*limit = value;
      const absl::Status status = PostgresStore::Open(params).status();
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    }
    PostgresStoreParams params = Params();
    params.*limit = (int64_t{1} << 31) - 1;
    Open(params);
  }
}

TEST_F(PostgresStoreTest, ASettingThatIsRequiredMustBeTaken) {
  using postgres_internal::Connection;
  using postgres_internal::Failure;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::unique_ptr<Connection> connection;
  const Failure taken = Connection::Open(
      database_,
      {{"SET lock_timeout = 4711", true}, {"SET nonsense_timeout = 1", false}},
      deadline, &connection);
  ASSERT_TRUE(taken.ok()) << taken.message;
  const postgres_internal::Statement check = {
      "check", "SELECT 1 WHERE current_setting('lock_timeout') = '4711ms'"};
  connection->Add(check);
  std::vector<postgres_internal::Rows> rows;
  ASSERT_TRUE(connection->Run(deadline, &rows).ok());
  EXPECT_EQ(rows[0].size(), 1);
  connection = nullptr;
  const Failure refused = Connection::Open(
      database_,
      {{"SET lock_timeout = 4711", true}, {"SET nonsense_timeout = 1", true}},
      deadline, &connection);
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(absl::StrContains(refused.message, "nonsense_timeout"))
      << refused.message;
  EXPECT_EQ(connection, nullptr);
}

// R102: a decision with many events is in several rows of the stream, and read
// as if it were one.
TEST_F(PostgresStoreTest, R102ManyEventsOfOneDecisionAreReadInPages) {
  const std::unique_ptr<PostgresStore> store = Open();
  Fill(*store);
  constexpr int kRetired = 130;
  int64_t id = 0;
  for (int i = 0; i <= kRetired; ++i) {
    v1::Command create = Create("app");
    create.mutable_create_deployment()->set_environment("staging");
    id = IdOf(Send(*store, create));
    if (i == kRetired) break;
    v1::Command succeed = Succeed("app", id);
    succeed.mutable_create_status()->set_auto_inactive(false);
    IdOf(Send(*store, succeed));
  }
  const v1::RepositoryName name = CommandOn("app").repository();
  const auto before = store->LastGlobalPosition();
  ASSERT_TRUE(before.ok()) << before.status();
  const absl::StatusOr<v1::Decision> decision =
      Send(*store, Succeed("app", id));
  ASSERT_TRUE(decision.ok()) << decision.status();
  const auto& events = decision->acceptance().events();
  ASSERT_EQ(events.size(), kRetired + 1);
  Session session(database_);
  EXPECT_EQ(session.Run("SELECT max(last_position - first_position + 1) FROM "
                        "slipway_outbox"),
            "64");
  std::set<int> notified;
  for (const v1::Effect& effect : decision->acceptance().effects()) {
    if (effect.type() == v1::EFFECT_TYPE_NOTIFY) {
      notified.insert(effect.event_index());
    }
  }
  int64_t cursor = *before;
  int place = 0;
  while (place <= kRetired) {
    const auto all = store->ReadAll({cursor, 50});
    ASSERT_TRUE(all.ok() && !all->empty()) << all.status();
    const auto own = store->ReadOutbox({name, cursor, 50});
    ASSERT_TRUE(own.ok()) << own.status();
    ASSERT_EQ(own->size(), all->size());
    for (size_t i = 0; i < all->size(); ++i, ++place) {
      const OutboxEntry& entry = (*all)[i];
      EXPECT_EQ(entry.global_position, ++cursor);
      EXPECT_EQ(entry.position, cursor);
      EXPECT_EQ(entry.event.SerializeAsString(),
                events[place].SerializeAsString());
      EXPECT_EQ(entry.notify, notified.count(place) == 1);
      EXPECT_EQ((*own)[i].event.SerializeAsString(),
                entry.event.SerializeAsString());
      EXPECT_EQ((*own)[i].notify, entry.notify);
    }
  }
  EXPECT_EQ(place, kRetired + 1);
  EXPECT_FALSE(notified.empty());
}

}  // namespace
}  // namespace slipway
