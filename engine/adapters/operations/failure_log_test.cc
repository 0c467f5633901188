#include "slipway/adapters/operations/failure_log.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
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

TEST_F(FailureLogTest, ThoseThatTakeTurnsAreWrittenOnceAMinuteEach) {
  for (int i = 0; i < 601; ++i) {
    log_.Note("a request", full_);
    log_.Note("a delivery", full_);
    // Among them, a rare one.
    if (i == 300) log_.Note("a request", lost_);
    Pass(100);
  }
  EXPECT_THAT(lines_,
              ElementsAre("a request failed: UNAVAILABLE: the disk is full",
                          "a delivery failed: UNAVAILABLE: the disk is full",
                          "a request failed: DATA_LOSS: a row",
                          "a request failed: UNAVAILABLE: the disk is full "
                          "(599 more before it)",
                          "a delivery failed: UNAVAILABLE: the disk is full "
                          "(599 more before it)"));
}

TEST_F(FailureLogTest, ManyThatDifferAreTenAndThenOneASecond) {
  const auto note = [&](int i) {
    log_.Note("a request", absl::DataLossError(absl::StrCat("row ", i)));
  };
  for (int i = 0; i < 1000; ++i) note(i);
  EXPECT_EQ(lines_.size(), 10);
  Pass(999);
  note(1000);
  EXPECT_EQ(lines_.size(), 10);
  Pass(1);
  note(1000);
  EXPECT_EQ(lines_.back(),
            "a request failed: DATA_LOSS: row 1000 (1 more before it)");
  note(1001);
  EXPECT_EQ(lines_.size(), 11);
  EXPECT_EQ(log_.Last(), "a request failed: DATA_LOSS: row 1001");
  Pass(3'600'000);
  for (int i = 0; i < 1000; ++i) note(i);
  EXPECT_EQ(lines_.size(), 21);
}

// Of the others it is forgotten that they were written.
TEST_F(FailureLogTest, AHundredAreKnown) {
  log_.Note("a request", full_);
  for (int i = 0; i < 100; ++i) {
    Pass(100);
    log_.Note("a request", absl::DataLossError(absl::StrCat("row ", i)));
  }
  Pass(10'000);
  const size_t before = lines_.size();
  log_.Note("a request", full_);
  ASSERT_EQ(lines_.size(), before + 1);
  EXPECT_EQ(lines_.back(), lines_.front());
}

TEST_F(FailureLogTest, NothingMakesUpALine) {
  log_.Note("a request", absl::UnavailableError("x\nslipway: all is well\x1b"));
  EXPECT_THAT(
      lines_,
      ElementsAre("a request failed: UNAVAILABLE: x?slipway: all is well?"));
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

// Standard error may be a pipe that nobody empties.
TEST_F(FailureLogTest, NobodyWaitsForTheOneWhoWrites) {
  std::promise<void> entered;
  std::promise<void> released;
  std::vector<std::string> lines;
  FailureLog log([&](const std::string& line) {
    lines.push_back(line);
    if (lines.size() > 1) return;
    entered.set_value();
    released.get_future().wait();
  });
  std::thread writer([&] { log.Note("a request", full_); });
  entered.get_future().wait();
  log.Note("a delivery", full_);
  log.Note("a request", lost_);
  EXPECT_EQ(log.Last(), "a request failed: DATA_LOSS: a row");
  EXPECT_EQ(lines.size(), 1);
  released.set_value();
  writer.join();
  EXPECT_THAT(lines,
              ElementsAre("a request failed: UNAVAILABLE: the disk is full",
                          "a delivery failed: UNAVAILABLE: the disk is full",
                          "a request failed: DATA_LOSS: a row"));
}

}  // namespace
}  // namespace slipway
