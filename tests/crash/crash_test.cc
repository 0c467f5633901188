// The short form of the crash tests: a few faults of each kind on each store.

#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "slipway/tests/crash/trial.h"

namespace crash {
namespace {

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    params_.server_binary = "examples/server/server";
    params_.directory = ::testing::TempDir() + "/crash-XXXXXX";
    EXPECT_NE(mkdtemp(&params_.directory[0]), nullptr);
  }
  TrialReport Run() {
    const auto report = RunTrial(params_, std::cout);
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return TrialReport();
    std::cout << Summary(*report);
    return *report;
  }
  void ExpectNothingIsWrong() {
    const TrialReport report = Run();
    EXPECT_EQ(absl::StrJoin(report.findings, "\n"), "");
    EXPECT_EQ(report.kills, params_.kills);
    EXPECT_EQ(report.terminations, params_.terminations);
    EXPECT_EQ(report.database_crashes, params_.database_crashes);
    EXPECT_EQ(report.fills, params_.fills);
    EXPECT_GT(report.acknowledged, 0);
    EXPECT_GT(report.readings, 0);
  }

  TrialParams params_;
};

// The tester must be able to fail.
TEST_F(CrashTest, AServerThatForgetsIsFoundOut) {
  params_.store = StoreKind::kMemory;
  params_.kills = 3;
  const TrialReport report = Run();
  EXPECT_EQ(report.kills, 1) << "it ends with the first loss";
  const std::string findings = absl::StrJoin(report.findings, "\n");
  EXPECT_TRUE(absl::StrContains(findings, "acknowledged, and lost"))
      << findings;
}

TEST_F(CrashTest, R107SqliteOutlivesKills) {
  params_.kills = 12;
  ExpectNothingIsWrong();
}

TEST_F(CrashTest, R107SqliteIsSharedByTwoServers) {
  params_.kills = 4;
  params_.servers = 2;
  ExpectNothingIsWrong();
}

TEST_F(CrashTest, R108SqliteOutlivesAFullDisk) {
  params_.fills = 2;
  params_.kills = 2;
  ExpectNothingIsWrong();
}

TEST_F(CrashTest, R107PostgresOutlivesBrokenConnectionsAndItsOwnCrashes) {
  params_.store = StoreKind::kPostgres;
  params_.terminations = 20;
  params_.database_crashes = 2;
  params_.kills = 4;
  ExpectNothingIsWrong();
}

TEST_F(CrashTest, R107PostgresIsSharedByTwoServers) {
  params_.store = StoreKind::kPostgres;
  params_.kills = 4;
  params_.servers = 2;
  ExpectNothingIsWrong();
}

}  // namespace
}  // namespace crash
