#include "slipway/adapters/operations/deadline_probe.h"

#include <atomic>
#include <future>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

TEST(DeadlineProbe, EachQuestionIsAskedAnew) {
  int asked = 0;
  const auto probe = DeadlineProbe::Start(
      "the store",
      [&] {
        return ++asked == 2 ? absl::DataLossError("torn") : absl::OkStatus();
      },
      600'000);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_TRUE((*probe)->Answer().ok());
  EXPECT_EQ((*probe)->Answer(), absl::DataLossError("torn"));
  EXPECT_TRUE((*probe)->Answer().ok());
  EXPECT_EQ(asked, 3);
}

TEST(DeadlineProbe, R108AStoreThatHangsIsToldOf) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> asked{0};
  const auto probe = DeadlineProbe::Start(
      "the store",
      [&] {
        ++asked;
        released.wait();
        return absl::OkStatus();
      },
      20);
  ASSERT_TRUE(probe.ok()) << probe.status();
  for (int i = 0; i < 3; ++i) {
    const absl::Status answer = (*probe)->Answer();
    EXPECT_TRUE(absl::IsUnavailable(answer)) << answer;
    EXPECT_TRUE(
        absl::StartsWith(answer.message(), "the store has not answered for "))
        << answer;
  }
  EXPECT_LE(asked, 1) << "a second thread or a heap of questions";
  release.set_value();
  while (!(*probe)->Answer().ok()) {
  }
  EXPECT_GE(asked, 1);
}

}  // namespace
}  // namespace slipway
