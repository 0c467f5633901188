#include "slipway/adapters/operations/failure_log.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using ::testing::ElementsAre;

class FailureLogTest : public ::testing::Test {
 protected:
  void Pass(int64_t ms) { now_ += std::chrono::milliseconds(ms); }

  std::vector<std::string> lines_;
  FailureLog::Clock::time_point now_;
  FailureLog log_{[this](const std::string& line) { lines_.push_back(line); },
                  [this] { return now_; }};
  const absl::Status full_ = absl::UnavailableError("the disk is full");
  const absl::Status lost_ = absl::DataLossError("a row");
};

TEST_F(FailureLogTest, TheFirstIsWrittenAtOnce) {
  EXPECT_EQ(log_.Last(), "");
  log_.Note("a request", absl::OkStatus());
  EXPECT_EQ(log_.Last(), "");
  log_.Note("a request", full_);
  EXPECT_THAT(lines_,
              ElementsAre("a request failed: UNAVAILABLE: the disk is full"));
  EXPECT_EQ(log_.Last(), lines_[0]);
}

TEST_F(FailureLogTest, TheSameIsWrittenOnceAMinute) {
  for (int i = 0; i < 600; ++i) {
    log_.Note("a request", full_);
    Pass(100);
  }
  EXPECT_EQ(lines_.size(), 1);
  log_.Note("a request", full_);
  EXPECT_THAT(lines_,
              ElementsAre("a request failed: UNAVAILABLE: the disk is full",
                          "a request failed: UNAVAILABLE: the disk is full "
                          "(599 more before it)"));
  EXPECT_EQ(log_.Last(), lines_[0]) << "without the number";
}

TEST_F(FailureLogTest, AnotherOneIsWrittenAfterASecond) {
  log_.Note("a request", full_);
  Pass(999);
  log_.Note("a request", lost_);
  EXPECT_EQ(lines_.size(), 1);
  EXPECT_EQ(log_.Last(), "a request failed: DATA_LOSS: a row");
  Pass(1);
  log_.Note("a delivery", lost_);
  EXPECT_THAT(
      lines_,
      ElementsAre("a request failed: UNAVAILABLE: the disk is full",
                  "a delivery failed: DATA_LOSS: a row (1 more before it)"));
}

TEST_F(FailureLogTest, NothingMakesUpALine) {
  log_.Note("a request", absl::UnavailableError("x\nslipway: all is well\x1b"));
  EXPECT_THAT(
      lines_,
      ElementsAre("a request failed: UNAVAILABLE: x?slipway: all is well?"));
  Pass(FailureLog::kPauseMs);
  log_.Note("a request", absl::UnavailableError(std::string(5000, 'x')));
  EXPECT_EQ(lines_.back().size(), FailureLog::kLineBytesMax);
}

TEST_F(FailureLogTest, WithoutAPlaceToWriteTheLastIsKept) {
  FailureLog log(nullptr);
  log.Note("a request", full_);
  EXPECT_EQ(log.Last(), "a request failed: UNAVAILABLE: the disk is full");
}

TEST_F(FailureLogTest, ManyThreadsLoseNone) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 1000; ++j) log_.Note("a request", full_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Pass(FailureLog::kRepeatMs);
  log_.Note("a request", full_);
  ASSERT_EQ(lines_.size(), 2);
  EXPECT_TRUE(absl::EndsWith(lines_[1], " (3999 more before it)"));
}

}  // namespace
}  // namespace slipway
