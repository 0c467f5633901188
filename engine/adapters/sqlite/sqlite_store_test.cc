// What this store promises beyond the suite: how it opens files, what it makes
// of damage and of a full disk, and several processes.

#include "slipway/adapters/sqlite/sqlite_store.h"

#include <linux/capability.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/schema.h"
#include "slipway/adapters/sqlite/testing.h"

namespace slipway {
namespace internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

absl::Status OpenStatus(const std::string& path) {
  SqliteStoreOptions options;
  options.path = path;
  options.busy_timeout_ms = 200;
  return SqliteStore::Open(std::move(options)).status();
}

// Runs SQL on a file, as another program would.
void RunSql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error),
            SQLITE_OK)
      << (error == nullptr ? "" : error);
  sqlite3_free(error);
  sqlite3_close(database);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

// Runs `work` in a child without the privileges that root may have: with them
// nothing is read-only.
void RunUnprivileged(const std::function<void()>& work) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (syscall(SYS_capset, &header, none) != 0) _exit(2);
    work();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// What a hook has, oldest first, as "delivery of position: damaged".
std::vector<std::string> DeliveriesOf(SqliteStore& store, int64_t hook) {
  std::vector<std::string> texts;
  const auto page = store.ListDeliveries({hook, 0, 1000});
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return texts;
  for (auto next = page->rbegin(); next != page->rend(); ++next) {
    texts.push_back(absl::StrCat(next->entry.global_position, " ",
                                 next->is_damaged ? "damaged"
                                 : next->entry.event.has_status()
                                     ? "status"
                                     : "deployment"));
  }
  return texts;
}

// ---------------------------------------------------------------------------
// Opening.

TEST(SqliteStoreOpenTest, OptionsThatCannotBe) {
  EXPECT_EQ(OpenStatus("").code(), absl::StatusCode::kInvalidArgument);
  const ScratchDirectory directory;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.group_size_max = 0;
  EXPECT_EQ(SqliteStore::Open(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(directory.File()));
}

TEST(SqliteStoreOpenTest, PlacesThatCannotBe) {
  const ScratchDirectory directory;
  const std::string file = directory.path() + "/file";
  WriteFile(file, "");
  const std::string loop = directory.path() + "/loop";
  ASSERT_EQ(symlink("loop", loop.c_str()), 0);
  const struct {
    std::string path;
    const char* why;
  } rows[] = {
      {directory.path() + "/no/such.db", "No such file or directory"},
      {directory.path(), "Is a directory"},
      {file + "/a.db", "Not a directory"},
      {directory.path() + "/" + std::string(300, 'x'), "File name too long"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(OpenStatus(row.path),
              absl::FailedPreconditionError(absl::StrCat(
                  RealPath(row.path),
                  ": cannot be opened for reading and writing: ", row.why)));
  }
  // A path that SQLite itself refuses.
  const absl::Status status = OpenStatus(loop);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StartsWith(
      status.message(),
      absl::StrCat(loop, ": cannot be opened for reading and writing: ")))
      << status;
}

TEST(SqliteStoreOpenTest, WhatMayNotBeOpened) {
  const ScratchDirectory directory;
  const std::string file = directory.File();
  { Engine(directory).PutAll(); }
  ASSERT_EQ(chmod(file.c_str(), 0000), 0);
  const std::string closed = directory.path() + "/closed";
  ASSERT_EQ(mkdir(closed.c_str(), 0500), 0);
  RunUnprivileged([&] {
    for (const std::string& path : {file, closed + "/new.db"}) {
      EXPECT_EQ(OpenStatus(path),
                absl::FailedPreconditionError(absl::StrCat(
                    RealPath(path),
                    ": cannot be opened for reading and writing: Permission "
                    "denied")));
    }
  });
}

TEST(SqliteStoreOpenTest, WhatCannotBeWritten) {
  const ScratchDirectory directory;
  { Engine(directory).PutAll(); }
  const std::string file = directory.File();
  ASSERT_EQ(chmod(file.c_str(), 0444), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
  RunUnprivileged([&] {
    const absl::Status status = OpenStatus(file);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("is read-only"));
  });
  // The file may be written, but not its directory, where the WAL would be.
  ASSERT_EQ(chmod(file.c_str(), 0666), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 0555), 0);
  RunUnprivileged([&] {
    const absl::Status status = OpenStatus(file);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("directory"));
  });
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
}

TEST(SqliteStoreOpenTest, AnothersDatabaseIsLeftAsItIs) {
  const ScratchDirectory directory;
  RunSql(directory.File(),
         "CREATE TABLE mine (x); INSERT INTO mine VALUES (1)");
  const std::string before = ReadFile(directory.File());
  const absl::Status status = OpenStatus(directory.File());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("not of Slipway"));
  EXPECT_EQ(ReadFile(directory.File()), before);
}

TEST(SqliteStoreOpenTest, R107AWalWithoutItsFileIsLeftAsItIs) {
  const ScratchDirectory directory;
  const ScratchDirectory elsewhere;
  const std::string wal = directory.File() + "-wal";
  Engine engine(directory);
  engine.PutAll();
  engine.Accept(CreateDeployment());
  // As a crash leaves them.
  const std::string file_text = ReadFile(directory.File());
  const std::string wal_text = ReadFile(wal);
  ASSERT_FALSE(wal_text.empty());
  WriteFile(elsewhere.File() + "-wal", wal_text);
  for (const bool is_empty : {false, true}) {
    if (is_empty) WriteFile(elsewhere.File(), "");
    const absl::Status status = OpenStatus(elsewhere.File());
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("it is missing or empty, but"));
    EXPECT_EQ(std::filesystem::exists(elsewhere.File()), is_empty);
    EXPECT_EQ(ReadFile(elsewhere.File() + "-wal"), wal_text);
  }
  // Nor does a link hide it.
  std::filesystem::remove(elsewhere.File());
  SqliteStoreOptions options;
  options.path = elsewhere.path() + "/link.db";
  std::filesystem::create_symlink("slipway.db", options.path);
  const absl::Status status = OpenStatus(options.path);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_FALSE(std::filesystem::exists(elsewhere.File()));

  WriteFile(elsewhere.File(), file_text);
  Engine again(options);
  EXPECT_EQ(again.CountDeployments(), 1);
}

TEST(SqliteStoreOpenTest, APathHoldsWhereverTheProcessGoes) {
  const ScratchDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  SqliteStoreOptions options;
  options.path = "slipway.db";
  Engine engine(options);
  std::filesystem::current_path(before);
  engine.PutAll();
  engine.Accept(CreateDeployment());
  EXPECT_EQ(engine.CountDeployments(), 1);
  EXPECT_EQ(Engine(directory).CountDeployments(), 1);
}

TEST(SqliteStoreOpenTest, ALinkIsFollowedOnce) {
  const ScratchDirectory directory;
  const ScratchDirectory other;
  { Engine(other).PutAll(); }
  SqliteStoreOptions options;
  options.path = directory.path() + "/link.db";
  std::filesystem::create_symlink("second.db", options.path);
  std::filesystem::create_symlink(directory.path() + "/slipway.db",
                                  directory.path() + "/second.db");
  Engine engine(options);
  engine.PutAll();
  engine.Accept(CreateDeployment());
  std::filesystem::remove(options.path);
  std::filesystem::create_symlink(other.File(), options.path);
  EXPECT_EQ(engine.CountDeployments(), 1);
  engine.Accept(CreateDeployment());
  EXPECT_EQ(Engine(directory).CountDeployments(), 2);
  EXPECT_EQ(Engine(other).CountDeployments(), 0);
}

TEST(SqliteStoreOpenTest, ANewerVersionIsRefused) {
  const ScratchDirectory directory;
  { Engine(directory).PutAll(); }
  RunSql(directory.File(),
         absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1));
  const absl::Status status = OpenStatus(directory.File());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("newer Slipway"));
}

// testdata/version1.sql is a file of version 1, written by a store of that
// version: four deployments, one of them deleted, one moved, one retired.
TEST(SqliteStoreOpenTest, AFileOfVersion1IsBroughtUpToDate) {
  const ScratchDirectory directory;
  RunSql(directory.File(),
         ReadFile("engine/adapters/sqlite/testdata/version1.sql"));
  Engine engine(directory);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  EXPECT_TRUE(engine.store->CheckIntegrity().ok())
      << engine.store->CheckIntegrity();
  // What was there is there.
  EXPECT_EQ(engine.CountDeployments(), 3);
  const auto entries = engine.store->ReadAll({0, 1000});
  ASSERT_TRUE(entries.ok()) << entries.status();
  const auto last = engine.store->LastGlobalPosition();
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(static_cast<int64_t>(entries->size()), *last);
  EXPECT_GT(*last, 10);
  // What came with version 2 works.
  const auto hook = engine.store->AddHook({"https://ci.example.org/"});
  ASSERT_TRUE(hook.ok()) << hook.status();
  EXPECT_EQ(hook->cursor, *last);
  v1::Command command = CreateDeployment();
  command.set_idempotency_key("key");
  const int64_t id = engine.Accept(command);
  EXPECT_EQ(engine.Accept(command), id);
  EXPECT_GT(id, 0);
  EXPECT_EQ(engine.CountDeployments(), 4);
  // And it is of the present version now.
  Database::OpenParams params;
  params.path = directory.File();
  const auto database = Database::Open(params);
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(*(*database)->Ask("PRAGMA user_version"), kSchemaVersion);
}

// Counters that version 2 kept in rows of their own are where version 3 has
// them.
TEST(SqliteStoreOpenTest, AFileOfVersion2KeepsItsCounters) {
  const ScratchDirectory directory;
  RunSql(directory.File(),
         ReadFile("engine/adapters/sqlite/testdata/version1.sql"));
  Database::OpenParams params;
  params.path = directory.File();
  const auto database = Database::Open(params);
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(Migrate(**database, 2).ok());
  const auto ask = [&](const char* sql) {
    const auto answer = (*database)->AskText(sql);
    EXPECT_TRUE(answer.ok()) << sql << ": " << answer.status();
    return answer.value_or("");
  };
  const std::string counters =
      ask("SELECT group_concat(last_id || ' ' || last_position || ' ' || "
          "deployment_count, ',') FROM repositories");
  const std::string next_id = ask("SELECT next_id FROM store");
  const std::string environments =
      ask("SELECT group_concat(name_key || deployment_count, ',') FROM "
          "(SELECT * FROM environments WHERE deployment_count > 0 "
          "ORDER BY name_key)");
  EXPECT_FALSE(environments.empty());
  ASSERT_TRUE(Migrate(**database, 3).ok());
  EXPECT_EQ(ask("SELECT group_concat(o.last_id || ' ' || o.position || ' ' || "
                "o.deployment_count, ',') FROM repositories AS r "
                "JOIN outbox AS o USING (repository) WHERE o.position = "
                "(SELECT max(position) FROM outbox "
                "WHERE repository = r.repository)"),
            counters);
  EXPECT_EQ(ask("SELECT next_id FROM store"), next_id);
  EXPECT_EQ(ask("SELECT group_concat(value || deployment_count, ',') FROM "
                "(SELECT * FROM labels WHERE kind = 5 ORDER BY value)"),
            environments);
  EXPECT_EQ(ask("SELECT count(*) FROM outbox AS o WHERE o.last_label < "
                "(SELECT max(label) FROM labels "
                "WHERE repository = o.repository) AND o.last_label > 0"),
            "0");
  EXPECT_EQ(ask("PRAGMA foreign_keys"), "1");
}

// A migration of a file that is damaged changes nothing.
TEST(SqliteStoreOpenTest, AFileOfVersion1WithDanglingRowsIsRefused) {
  const ScratchDirectory directory;
  RunSql(directory.File(),
         ReadFile("engine/adapters/sqlite/testdata/version1.sql"));
  RunSql(directory.File(),
         "PRAGMA foreign_keys = OFF; DELETE FROM environments");
  const Engine engine(directory);
  EXPECT_TRUE(absl::IsDataLoss(engine.status)) << engine.status;
  EXPECT_THAT(engine.status.message(), HasSubstr("refer to what is not there"));
  Database::OpenParams params;
  params.path = directory.File();
  const auto database = Database::Open(params);
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(*(*database)->Ask("PRAGMA user_version"), 1);
}

TEST(SqliteStoreOpenTest, SeveralOpenANewFileAtOnce) {
  const ScratchDirectory directory;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Engine engine(directory);
      EXPECT_TRUE(engine.status.ok()) << engine.status;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A broken row must be impossible, whoever writes it.
TEST(SqliteStoreOpenTest, TheTablesRefuseBrokenRows) {
  const ScratchDirectory directory;
  {
    Engine engine(directory);
    engine.PutAll();
    engine.Accept(CreateStatus(engine.Accept(CreateDeployment())));
    engine.Accept(CreateDeployment("other"));
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(directory.File().c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA foreign_keys = ON", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  for (const char* sql : {
           "UPDATE repositories SET id = 0",
           "UPDATE repositories SET id = 9007199254740992",
           "UPDATE repositories SET id = NULL",
           "UPDATE outbox SET deployment_count = -1",
           "UPDATE outbox SET last_id = 'many'",
           "UPDATE outbox SET last_label = NULL",
           "UPDATE outbox SET next_id = 0",
           "UPDATE labels SET kind = 6",
           "UPDATE deployments SET transient = 2",
           "UPDATE deployments SET production = NULL",
           "UPDATE deployments SET latest_state = 9",
           "UPDATE deployments SET latest_state = 0 WHERE status_count > 0",
           "UPDATE deployments SET latest_status_id = NULL "
           "WHERE status_count > 0",
           "UPDATE deployments SET latest_status_id = 12345, status_count = 1, "
           "latest_state = 1",
           "UPDATE deployments SET environment_id = 12345",
           "UPDATE deployments SET sha_label = 12345",
           "UPDATE statuses SET deployment_id = 12345",
           "UPDATE statuses SET id = deployment_id",
           "DELETE FROM statuses",
           "DELETE FROM environments",
           "DELETE FROM commits",
           "DELETE FROM repositories",
           "INSERT INTO environments SELECT repository, id + 1000, name_key, "
           "body FROM environments",
           "INSERT INTO refs VALUES (1, 3, x'61', (SELECT sha FROM commits))",
           "INSERT INTO refs VALUES (1, 1, x'61', x'62')",
           "INSERT INTO store VALUES (2, 1)",
           "UPDATE outbox SET events = 0",
       }) {
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr),
              SQLITE_CONSTRAINT)
        << sql;
  }
  sqlite3_close(database);
}

// A commit that finds no room for the index of the WAL is in the WAL already,
// and nobody could tell whether it counts: there is room from the first one on.
TEST(SqliteStoreOpenTest, R108TheIndexOfTheWalHasRoomBeforeItIsNeeded) {
  const ScratchDirectory directory;
  Engine engine(directory);
  engine.PutAll();
  // The first region ends behind 4062 pages, and a checkpoint begins at 4000.
  EXPECT_GE(std::filesystem::file_size(directory.File() + "-shm"), 65536U);
}

// ---------------------------------------------------------------------------
// Damage.

// A file with so much in it that it has pages of every kind.
std::string LargeFile(const ScratchDirectory& directory) {
  {
    Engine engine(directory);
    engine.PutAll();
    for (int i = 0; i < 200; ++i) {
      engine.Accept(
          CreateStatus(engine.Accept(CreateDeployment(absl::StrCat("qa", i)))));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(directory.File() + "-wal"));
  return ReadFile(directory.File());
}

// Everything that a store can be asked: each answer is OK or DATA_LOSS. The
// first that is not OK.
absl::Status AskEverything(const std::string& path) {
  SqliteStoreOptions options;
  options.path = path;
  Engine engine(std::move(options));
  if (!engine.status.ok()) return engine.status;
  absl::Status first;
  const auto note = [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
    if (first.ok()) first = status;
  };
  note(engine.store->FindRepository(HelloWorld()).status());
  note(engine.store->FindRepositoryById(7).status());
  for (const bool by_task : {false, true}) {
    Store::ListDeploymentsParams params;
    params.repository = HelloWorld();
    params.limit = 1000;
    if (by_task) params.task = "deploy";
    const auto page = engine.store->ListDeployments(params);
    note(page.status());
    if (!page.ok() || !page->has_value()) continue;
    for (const v1::Deployment& deployment : (*page)->rows) {
      note(engine.store->FindDeployment({HelloWorld(), deployment.id()})
               .status());
      note(
          engine.store->ListStatuses({HelloWorld(), deployment.id()}).status());
    }
    for (size_t i = 0; i < (*page)->rows.size(); i += 50) {
      note(engine.Send(CreateStatus((*page)->rows[i].id())).status());
    }
  }
  note(engine.store->ReadOutbox({HelloWorld(), 0, 10000}).status());
  note(engine.store->ReadAll({0, 10000}).status());
  note(engine.Send(CreateDeployment("new")).status());
  note(engine.store->AddHook({"http://a.example/"}).status());
  note(engine.store->Take(1).status());
  return first;
}

TEST(SqliteStoreDamageTest, TheHeader) {
  const ScratchDirectory directory;
  std::string bytes = LargeFile(directory);
  bytes.replace(0, 16, "not what it was!");
  WriteFile(directory.File(), bytes);
  const absl::Status status = AskEverything(directory.File());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST(SqliteStoreDamageTest, SomethingElseAltogether) {
  const ScratchDirectory directory;
  for (const size_t size : {1, 7, 99, 10000}) {
    WriteFile(directory.File(), std::string(size, 'x'));
    const absl::Status status = AskEverything(directory.File());
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr(" is no database of SQLite, or"));
  }
}

// Page by page: every page that is overwritten is noticed, and none is crashed
// on, or taken for an outage.
TEST(SqliteStoreDamageTest, EveryPage) {
  const ScratchDirectory directory;
  const std::string whole = LargeFile(directory);
  constexpr size_t kPage = 4096;
  ASSERT_GT(whole.size(), 30 * kPage);
  int noticed = 0;
  int pages = 0;
  for (size_t page = 1; page < whole.size() / kPage; page += 2) {
    std::string bytes = whole;
    for (size_t i = 0; i < kPage; ++i) {
      bytes[page * kPage + i] = static_cast<char>(i * 37 + 11);
    }
    WriteFile(directory.File(), bytes);
    absl::Status status = AskEverything(directory.File());
    if (status.ok()) {
      // Nobody has looked at it: the whole is asked.
      SqliteStoreOptions options;
      options.path = directory.File();
      Engine engine(std::move(options));
      status = engine.store->CheckIntegrity();
    }
    ++pages;
    noticed += absl::IsDataLoss(status) ? 1 : 0;
    EXPECT_TRUE(absl::IsDataLoss(status)) << "page " << page << ": " << status;
    std::filesystem::remove(directory.File() + "-wal");
    std::filesystem::remove(directory.File() + "-shm");
  }
  EXPECT_EQ(noticed, pages);
}

// The streams of these tests: 1 the repository, 2 its branch, then the events.
class SqliteStoreDamagedEventTest : public testing::Test {
 protected:
  void Damage(int64_t global_position) {
    RunSql(directory_.File(),
           absl::StrCat("UPDATE outbox SET body = x'ff' WHERE global_position "
                        "= ",
                        global_position));
  }
  // In hexadecimal.
  std::string ReadBody(int64_t global_position) {
    sqlite3* database = nullptr;
    sqlite3_open(directory_.File().c_str(), &database);
    std::string hex;
    const auto keep = [](void* text, int, char** values, char**) {
      *static_cast<std::string*>(text) = values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database,
                           absl::StrCat("SELECT hex(body) FROM outbox WHERE "
                                        "global_position = ",
                                        global_position)
                               .c_str(),
                           keep, &hex, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
    return hex;
  }
  // Gives up what is damaged, delivers all else. The global positions.
  std::vector<int64_t> DeliverAll(int64_t hook) {
    std::vector<int64_t> delivered;
    while (true) {
      const auto claimed = engine_.store->Claim({hook, 1000});
      EXPECT_TRUE(claimed.ok()) << claimed.status();
      if (!claimed.ok() || claimed->empty()) return delivered;
      for (const Delivery& delivery : *claimed) {
        if (!delivery.is_damaged) {
          delivered.push_back(delivery.entry.global_position);
        }
        EXPECT_TRUE(
            engine_.store
                ->Record({delivery.id,
                          delivery.leased_until_ms,
                          {},
                          delivery.is_damaged ? DeliveryState::kFailed
                                              : DeliveryState::kDelivered})
                .ok());
      }
    }
  }

  const ScratchDirectory directory_;
  Engine engine_{directory_};
};

TEST_F(SqliteStoreDamagedEventTest, AHookGoesPastIt) {
  engine_.PutAll();
  const int64_t hook = engine_.store->AddHook({"http://a.example/"})->id;
  const int64_t id = engine_.Accept(CreateDeployment());        // 3, and 4
  engine_.Accept(CreateDeployment());                           // 5
  engine_.Accept(CreateStatus(id));                             // 6
  engine_.Accept(CreateStatus(id, v1::STATUS_STATE_INACTIVE));  // 7
  engine_.Accept(CreateStatus(id));                             // 8
  // One that the hook is told of, and one that nobody is.
  Damage(6);
  Damage(7);
  EXPECT_EQ(*engine_.store->Enqueue({hook, 1000}), 6);
  EXPECT_EQ(*engine_.store->Enqueue({hook, 1000}), 0);
  EXPECT_THAT(DeliveriesOf(*engine_.store, hook),
              ElementsAre("3 deployment", "5 deployment", "6 damaged",
                          "7 damaged", "8 status"));
  EXPECT_EQ(*engine_.store->CountPending(hook), 5);
  EXPECT_THAT(DeliverAll(hook), UnorderedElementsAre(3, 5, 8));
  EXPECT_EQ(*engine_.store->CountPending(hook), 0);
  // It stays in the stream, and is known there.
  EXPECT_EQ(engine_.store->ReadAll({4, 1})->size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(engine_.store->ReadAll({5, 1}).status()));
  EXPECT_EQ(*engine_.store->LastGlobalPosition(), 8);
}

TEST_F(SqliteStoreDamagedEventTest, AfterItsDeliveryWasMade) {
  engine_.PutAll();
  const int64_t hook = engine_.store->AddHook({"http://a.example/"})->id;
  const int64_t id = engine_.Accept(CreateDeployment());  // 3, and 4
  engine_.Accept(CreateStatus(id));                       // 5
  engine_.Accept(CreateDeployment());                     // 6
  EXPECT_EQ(*engine_.store->Enqueue({hook, 1000}), 4);
  // The row of a decision is at the position of its last event.
  const std::string body = ReadBody(4);
  Damage(4);
  RunSql(directory_.File(), "DELETE FROM outbox WHERE global_position = 5");
  EXPECT_THAT(DeliveriesOf(*engine_.store, hook),
              ElementsAre("3 damaged", "5 damaged", "6 deployment"));
  EXPECT_THAT(DeliverAll(hook), ElementsAre(6));
  // Once it is repaired it can be delivered.
  RunSql(directory_.File(), absl::StrCat("UPDATE outbox SET body = x'", body,
                                         "' WHERE global_position = 4"));
  const int64_t delivery =
      engine_.store->ListDeliveries({hook, 0, 3})->back().id;
  EXPECT_FALSE((*engine_.store->FindDelivery(delivery))->is_damaged);
  ASSERT_TRUE(engine_.store->Redeliver({delivery, 1000}).ok());
  EXPECT_THAT(DeliverAll(hook), ElementsAre(3));
}

// A decision of several events, in the middle of which a look ends.
TEST_F(SqliteStoreDamagedEventTest, OfManyEvents) {
  engine_.PutAll();
  const int64_t hook = engine_.store->AddHook({"http://a.example/"})->id;
  for (int i = 0; i < 3; ++i) {
    engine_.Accept(CreateStatus(engine_.Accept(CreateDeployment())));
  }
  // The first deployment 3, and 4, its status 5; the second 6, its status 7
  // with what it retires, 8; the third 9, 10 and 11.
  ASSERT_EQ(*engine_.store->LastGlobalPosition(), 11);
  Damage(11);
  EXPECT_EQ(*engine_.store->Enqueue({hook, 1000, 8}), 8);
  EXPECT_EQ(*engine_.store->Enqueue({hook, 1000, 8}), 1);
  EXPECT_THAT(
      DeliveriesOf(*engine_.store, hook),
      ElementsAre("3 deployment", "5 status", "6 deployment", "7 status",
                  "9 deployment", "10 damaged", "11 damaged"));
}

TEST(SqliteStoreDamageTest, Truncated) {
  const ScratchDirectory directory;
  const std::string whole = LargeFile(directory);
  for (const size_t size : {size_t{50}, size_t{4096}, size_t{5000},
                            whole.size() / 2, whole.size() - 1}) {
    WriteFile(directory.File(), whole.substr(0, size));
    const absl::Status status = AskEverything(directory.File());
    EXPECT_TRUE(absl::IsDataLoss(status)) << size << ": " << status;
    std::filesystem::remove(directory.File() + "-wal");
    std::filesystem::remove(directory.File() + "-shm");
  }
}

// ---------------------------------------------------------------------------
// Files that somebody moves, removes or replaces while they are open (R107).

class SqliteStoreFilesTest : public testing::Test {
 protected:
  SqliteStoreFilesTest() {
    engine_.PutAll();
    engine_.Accept(CreateDeployment());
  }

  // Nothing is answered that nobody would find again.
  void ExpectNoWrites(const std::string& path, const std::string& why) {
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(engine_.Send(CreateDeployment()).status(),
                absl::UnavailableError(absl::StrCat(
                    RealPath(path),
                    " was moved, removed or replaced while it is open, and "
                    "nothing more is written (",
                    why,
                    "): before you end this process read \"What 503 means\" in "
                    "docs/guides/operations.md")));
      EXPECT_EQ(engine_.store->CheckFiles(),
                engine_.Send(CreateDeployment()).status());
    }
  }

  const ScratchDirectory directory_;
  const std::string file_ = directory_.File();
  const std::string files_[3] = {file_, file_ + "-wal", file_ + "-shm"};
  const std::string aside_ = directory_.path() + "/aside";
  Engine engine_{directory_};
};

TEST_F(SqliteStoreFilesTest, R107WhatWasMovedAndIsBack) {
  EXPECT_EQ(engine_.CountDeployments(), 1);
  for (const std::string& path : files_) {
    std::filesystem::rename(path, aside_);
    ExpectNoWrites(path, "No such file or directory");
    EXPECT_EQ(engine_.CountDeployments(), 1) << "by an open connection";
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::rename(aside_, path);
  }
  EXPECT_EQ(engine_.store->CheckFiles(), absl::OkStatus());
  engine_.Accept(CreateDeployment());
  EXPECT_EQ(engine_.CountDeployments(), 2);
}

TEST_F(SqliteStoreFilesTest, R107WhatWasReplaced) {
  for (const std::string& path : files_) {
    std::filesystem::rename(path, aside_);
    std::filesystem::copy(aside_, path);
    ExpectNoWrites(path, "it is another file");
    std::filesystem::rename(aside_, path);
  }
  engine_.Accept(CreateDeployment());
}

// Another database is not read from, none is made, and the WAL's index, which
// the writer has in memory, keeps its length.
TEST_F(SqliteStoreFilesTest, R107NoConnectionIsOpenedToAnotherFile) {
  const auto read = [&] {
    return engine_.store->FindRepositoryById(7).status();
  };
  const uintmax_t index_size = std::filesystem::file_size(files_[2]);
  for (const std::string& path : files_) {
    SCOPED_TRACE(path);
    std::filesystem::rename(path, aside_);
    EXPECT_TRUE(absl::IsUnavailable(read())) << read();
    EXPECT_THAT(read().message(), HasSubstr("No such file or directory"));
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::copy(aside_, path);
    EXPECT_TRUE(absl::IsUnavailable(read())) << read();
    EXPECT_THAT(read().message(), HasSubstr("it is another file"));
    for (const std::string& other : files_) {
      EXPECT_TRUE(std::filesystem::exists(other)) << other;
    }
    std::filesystem::rename(aside_, path);
    EXPECT_EQ(std::filesystem::file_size(files_[2]), index_size);
  }
  EXPECT_EQ(read(), absl::OkStatus());
}

// A server that still runs takes nothing from the next one when it ends.
TEST(SqliteStoreReplacedTest, R107ItsEndLeavesTheNextOneAlone) {
  const ScratchDirectory directory;
  const ScratchDirectory aside;
  auto first = std::make_unique<Engine>(directory);
  first->PutAll();
  first->Accept(CreateDeployment());
  EXPECT_EQ(first->CountDeployments(), 1);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::rename(directory.File() + suffix, aside.File() + suffix);
  }
  {
    Engine second(directory);
    second.PutAll();
    second.Accept(CreateDeployment());
    second.Accept(CreateDeployment());
    first.reset();
    second.Accept(CreateDeployment());
    EXPECT_EQ(second.CountDeployments(), 3);
  }
  EXPECT_EQ(Engine(directory).CountDeployments(), 3);
  EXPECT_EQ(Engine(aside).CountDeployments(), 1);
}

// ---------------------------------------------------------------------------
// No room (R107, R108).

v1::Command LargeDeployment() {
  v1::Command command = CreateDeployment();
  command.mutable_create_deployment()->set_payload_type(
      v1::PAYLOAD_TYPE_STRING);
  command.mutable_create_deployment()->set_payload(std::string(60000, 'p'));
  return command;
}

// Creates until there is no room, then deletes until there is.
void FillUp(Engine& engine, const std::function<void()>& make_room) {
  engine.PutAll();
  std::vector<int64_t> ids;
  absl::Status full;
  for (int i = 0; i < 1000 && full.ok(); ++i) {
    const absl::StatusOr<v1::Decision> decision =
        engine.Send(LargeDeployment());
    full = decision.status();
    if (!decision.ok()) break;
    ids.push_back(decision->acceptance().events(0).deployment().id());
  }
  ASSERT_TRUE(absl::IsUnavailable(full)) << full;
  ASSERT_GT(ids.size(), 2);
  // Reads go on, and all that was answered is there.
  EXPECT_EQ(engine.CountDeployments(), static_cast<int64_t>(ids.size()));
  for (const int64_t id : ids) {
    const auto found = engine.store->FindDeployment({HelloWorld(), id});
    EXPECT_TRUE(found.ok() && found->has_value());
  }
  // Several at once are told, each.
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = engine.Send(LargeDeployment()).status();
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(engine.CountDeployments(), static_cast<int64_t>(ids.size()));
  // Once there is room it goes on.
  make_room();
  EXPECT_GT(engine.Accept(LargeDeployment()), ids.back());
  EXPECT_EQ(engine.CountDeployments(), static_cast<int64_t>(ids.size()) + 1);
  EXPECT_TRUE(engine.store->CheckIntegrity().ok());
}

TEST(SqliteStoreFullTest, R107R108ALimitOnPages) {
  const ScratchDirectory directory;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.pages_max = 400;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  FillUp(engine, [&] {
    // Those who open it later may have more.
    options.pages_max = 800;
    engine.store.reset();
    Engine later(options);
    ASSERT_TRUE(later.status.ok()) << later.status;
    engine.store = std::move(later.store);
    RunnerParams params;
    params.store = engine.store.get();
    params.clock = &engine.clock;
    params.ids = engine.store.get();
    engine.runner = std::make_unique<Runner>(std::move(params));
  });
}

// The kernel refuses to let the WAL grow, as a full disk would; and then
// nothing is opened anew.
TEST(SqliteStoreFullTest, R107R108ALimitOfTheKernel) {
  const ScratchDirectory directory;
  Engine engine(directory);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 2 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  FillUp(engine, [&] { EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0); });
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

// ---------------------------------------------------------------------------
// Others.

TEST(SqliteStoreBusyTest, AnotherThatHoldsTheLockForTooLong) {
  const ScratchDirectory directory;
  RecordedMetrics metrics;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.busy_timeout_ms = 50;
  options.metrics = &metrics;
  Engine engine(options);
  engine.PutAll();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(directory.File().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  const absl::Status status = engine.Send(CreateDeployment()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process"));
  EXPECT_GT(metrics.Counter("slipway_store_retries_total"), 0);
  EXPECT_EQ(engine.CountDeployments(), 0);
  sqlite3_close(other);
  engine.Accept(CreateDeployment());
  EXPECT_EQ(engine.CountDeployments(), 1);
}

// What one process has counted in memory another one has changed: two take
// turns on every counter, label and id.
TEST(SqliteStoreProcessesTest, TwoTakeTurns) {
  const ScratchDirectory directory;
  constexpr int kEach = 100;
  { Engine(directory).PutAll(); }
  std::vector<pid_t> children;
  for (int child = 0; child < 2; ++child) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      Engine engine(directory);
      for (int i = 0; i < kEach; ++i) {
        const int64_t id =
            engine.Accept(CreateDeployment(absl::StrCat("qa", i % 3)));
        engine.Accept(CreateStatus(id));
        if (i % 4 == 0) {
          engine.Accept(CreateStatus(id, v1::STATUS_STATE_INACTIVE));
          v1::Command command = AnyCommand();
          command.mutable_delete_deployment()->set_deployment_id(id);
          engine.Accept(command);
        }
      }
      engine.store.reset();
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  Engine engine(directory);
  EXPECT_EQ(engine.CountDeployments(), 2 * kEach * 3 / 4);
  EXPECT_TRUE(engine.store->CheckIntegrity().ok());
  int64_t by_environment = 0;
  for (int i = 0; i < 3; ++i) {
    Store::ListDeploymentsParams params;
    params.repository = HelloWorld();
    params.environment = absl::StrCat("QA", i);
    params.limit = 1000;
    const auto page = engine.store->ListDeployments(params);
    ASSERT_TRUE(page.ok() && page->has_value());
    EXPECT_EQ((*page)->total, static_cast<int64_t>((*page)->rows.size()));
    by_environment += (*page)->total;
  }
  EXPECT_EQ(by_environment, engine.CountDeployments());
}

// R100: what is too old goes, a few with each that comes.
TEST(SqliteStoreAnswersTest, R100OldAnswersArePruned) {
  const ScratchDirectory directory;
  Engine engine(directory);
  engine.PutAll();
  constexpr int kAnswers = 50;
  const auto ask = [&](int i) {
    v1::Command command = CreateDeployment();
    command.set_idempotency_key(absl::StrCat("key", i));
    engine.Accept(command);
  };
  for (int i = 0; i < kAnswers; ++i) ask(i);
  engine.clock.AdvanceMs(int64_t{25} * 60 * 60 * 1000);
  for (int i = 0; i < kAnswers; ++i) ask(kAnswers + i);
  Database::OpenParams params;
  params.path = directory.File();
  const auto database = Database::Open(params);
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(*(*database)->Ask("SELECT count(*) FROM answers"), kAnswers);
}

// R100: a repository's clock, which may be ahead, has no say in what others
// keep.
TEST(SqliteStoreAnswersTest, R100AnswersOfOtherRepositoriesAreLeftAlone) {
  const ScratchDirectory directory;
  Engine engine(directory);
  engine.PutAll();
  v1::Command kept = CreateDeployment();
  kept.set_idempotency_key("kept");
  const int64_t id = engine.Accept(kept);
  const auto of_another = [](v1::Command command) {
    command.mutable_repository()->set_name("spoon-knife");
    return command;
  };
  v1::Command put = of_another(PutRepository());
  put.mutable_put_repository()->set_id(8);
  engine.Accept(put);
  engine.Accept(of_another(PutMain()));
  v1::Command ahead = of_another(CreateDeployment());
  ahead.set_time_ms(engine.clock.NowMs() + int64_t{48} * 60 * 60 * 1000);
  for (int i = 0; i < 5; ++i) {
    ahead.set_idempotency_key(absl::StrCat("key", i));
    engine.Accept(ahead);
  }
  const absl::StatusOr<v1::Decision> replayed = engine.Send(kept);
  ASSERT_TRUE(replayed.ok()) << replayed.status();
  EXPECT_TRUE(replayed->replayed());
  EXPECT_EQ(engine.Accept(kept), id);
}

// Readers that follow each other so closely that somebody always reads.
TEST(SqliteStoreWalTest, ItIsBoundedWhileReadersOverlap) {
  constexpr int64_t kCheckpointPages = 20;
  constexpr int kDecisions = 400;
  constexpr uintmax_t kPage = 4096 + 24;
  const ScratchDirectory directory;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.checkpoint_pages = kCheckpointPages;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  std::atomic<bool> stops{false};
  std::atomic<int64_t> snapshots{0};
  std::thread readers([&] {
    sqlite3* handles[2] = {};
    for (sqlite3*& handle : handles) {
      EXPECT_EQ(sqlite3_open(directory.File().c_str(), &handle), SQLITE_OK);
    }
    const auto run = [](sqlite3* handle, const char* sql) {
      int code = SQLITE_BUSY;
      while (code == SQLITE_BUSY) {
        code = sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
      }
      EXPECT_EQ(code, SQLITE_OK) << sql;
    };
    // The next one begins before the last one ends.
    while (!stops) {
      sqlite3* handle = handles[snapshots % 2];
      run(handle, "BEGIN");
      run(handle, "SELECT count(*) FROM store");
      if (snapshots > 0) run(handles[(snapshots + 1) % 2], "COMMIT");
      ++snapshots;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (sqlite3* handle : handles) sqlite3_close(handle);
  });
  while (snapshots < 2) std::this_thread::yield();
  uintmax_t largest = 0;
  for (int i = 0; i < kDecisions; ++i) {
    engine.Accept(CreateDeployment());
    largest = std::max(largest,
                       std::filesystem::file_size(directory.File() + "-wal"));
  }
  stops = true;
  readers.join();
  EXPECT_GT(snapshots, 2);
  // Four times what a checkpoint begins at, and a decision; twice that, where
  // the machine was so slow that a wait was in vain.
  EXPECT_LT(largest, 12 * kCheckpointPages * kPage);
}

// One that stays is not waited for again and again, and costs room only.
TEST(SqliteStoreWalTest, AReaderThatStaysStopsNobody) {
  const ScratchDirectory directory;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.checkpoint_pages = 5;
  Engine engine(options);
  engine.PutAll();
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(directory.File().c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM store", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  for (int i = 0; i < 100; ++i) engine.Accept(CreateDeployment());
  const auto large = std::filesystem::file_size(directory.File() + "-wal");
  sqlite3_close(reader);
  // Once it has gone the room is given back.
  for (int i = 0; i < 1000 && std::filesystem::file_size(directory.File() +
                                                         "-wal") >= large / 2;
       ++i) {
    engine.Accept(CreateDeployment());
  }
  EXPECT_LT(std::filesystem::file_size(directory.File() + "-wal"), large / 2);
  EXPECT_TRUE(engine.store->CheckIntegrity().ok());
}

TEST(SqliteStoreReadersTest, MoreThanMayReadAtOnceTakeTurns) {
  const ScratchDirectory directory;
  SqliteStoreOptions options = Engine::OptionsFor(directory);
  options.readers_max = 1;
  Engine engine(options);
  ASSERT_TRUE(engine.status.ok()) << engine.status;
  engine.PutAll();
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kEach; ++j) {
        if (i == 0) {
          engine.Accept(CreateDeployment());
        } else {
          EXPECT_GE(engine.CountDeployments(), 0);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(engine.CountDeployments(), kEach);
  options.readers_max = 0;
  EXPECT_EQ(SqliteStore::Open(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
