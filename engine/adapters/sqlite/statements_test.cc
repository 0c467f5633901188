// The plan of every statement: no decision and no query may look through a
// table that grows.

#include "slipway/adapters/sqlite/statements.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/adapters/sqlite/schema.h"
#include "slipway/adapters/sqlite/testing.h"

namespace slipway {
namespace internal {
namespace {

std::unique_ptr<Database> OpenEmpty(const ScratchDirectory& directory) {
  Database::OpenParams params;
  params.path = directory.File();
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(params);
  EXPECT_TRUE(database.ok()) << database.status();
  EXPECT_TRUE(Migrate(**database).ok());
  return *std::move(database);
}

// The steps of a statement's plan, one per line.
std::string PlanOf(Database& database, const std::string& sql) {
  std::string plan;
  sqlite3_stmt* statement = nullptr;
  const std::string explain = absl::StrCat("EXPLAIN QUERY PLAN ", sql);
  EXPECT_EQ(sqlite3_prepare_v2(database.handle(), explain.c_str(), -1,
                               &statement, nullptr),
            SQLITE_OK)
      << sql << ": " << sqlite3_errmsg(database.handle());
  while (sqlite3_step(statement) == SQLITE_ROW) {
    absl::StrAppend(
        &plan, reinterpret_cast<const char*>(sqlite3_column_text(statement, 3)),
        "\n");
  }
  sqlite3_finalize(statement);
  return plan;
}

TEST(StatementsTest, EveryOneIsPreparedAndScansNothing) {
  // What goes along an index or a key from one end, and stops.
  const std::map<Sql, std::string> bounded = {
      // LIMIT 1.
      {Sql::kFindEndOfStream, "SCAN outbox\n"},
  };
  const ScratchDirectory directory;
  const std::unique_ptr<Database> database = OpenEmpty(directory);
  std::set<std::string> texts;
  for (size_t i = 0; i < kSqlCount; ++i) {
    const auto sql = static_cast<Sql>(i);
    const std::string text = SqlText(sql);
    ASSERT_FALSE(text.empty()) << i;
    EXPECT_TRUE(texts.insert(text).second) << "twice: " << text;
    const std::string plan = PlanOf(*database, text);
    const auto allowed = bounded.find(sql);
    if (allowed != bounded.end()) {
      EXPECT_EQ(plan, allowed->second) << text;
      continue;
    }
    EXPECT_FALSE(absl::StrContains(plan, "SCAN")) << text << "\n" << plan;
    EXPECT_FALSE(absl::StrContains(plan, "TEMP B-TREE")) << text << "\n"
                                                         << plan;
    EXPECT_FALSE(absl::StrContains(plan, "AUTOMATIC")) << text << "\n" << plan;
  }
}

TEST(StatementsTest, APlanThatScansIsSeen) {
  const ScratchDirectory directory;
  const std::unique_ptr<Database> database = OpenEmpty(directory);
  EXPECT_TRUE(absl::StrContains(
      PlanOf(*database, "SELECT id FROM deployments WHERE status_count = 3"),
      "SCAN"));
}

// The checks of foreign keys are statements of SQLite's own; they must find an
// index on either side too.
TEST(StatementsTest, ForeignKeysHaveIndexes) {
  const ScratchDirectory directory;
  const std::unique_ptr<Database> database = OpenEmpty(directory);
  sqlite3_stmt* tables = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(
                database->handle(),
                "SELECT m.name, f.\"table\", group_concat(f.\"from\" || ' = 1',"
                " ' AND ') FROM sqlite_schema AS m, "
                "pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' "
                "GROUP BY m.name, f.id",
                -1, &tables, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(database->handle());
  const auto text = [&](int column) {
    return std::string(
        reinterpret_cast<const char*>(sqlite3_column_text(tables, column)));
  };
  int count = 0;
  while (sqlite3_step(tables) == SQLITE_ROW) {
    ++count;
    // Rows of these parents are never deleted, so that nobody looks for
    // children.
    if (text(1) == "repositories" || text(1) == "hooks") continue;
    const std::string sql =
        absl::StrCat("SELECT 1 FROM ", text(0), " WHERE ", text(2));
    EXPECT_FALSE(absl::StrContains(PlanOf(*database, sql), "SCAN")) << sql;
  }
  sqlite3_finalize(tables);
  EXPECT_GT(count, 10);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
