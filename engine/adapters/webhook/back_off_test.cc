#include "slipway/adapters/webhook/back_off.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

TEST(BackOff, R105TheLongestWaitDoublesUpToTheMaximum) {
  const BackOff back_off;
  EXPECT_EQ(LongestWaitMs(back_off, 1), 1000);
  EXPECT_EQ(LongestWaitMs(back_off, 2), 2000);
  EXPECT_EQ(LongestWaitMs(back_off, 3), 4000);
  EXPECT_EQ(LongestWaitMs(back_off, 12), 2'048'000);
  EXPECT_EQ(LongestWaitMs(back_off, 13), 3'600'000);
  EXPECT_EQ(LongestWaitMs(back_off, 14), 3'600'000);
  EXPECT_EQ(LongestWaitMs(back_off, std::numeric_limits<int64_t>::max()),
            3'600'000);
  EXPECT_EQ(LongestWaitMs({5000, 3000}, 1), 3000);
}

TEST(BackOff, R105JitterIsFull) {
  std::mt19937_64 random(7);
  const BackOff back_off;
  for (const int64_t attempts : {1, 5, 40}) {
    const int64_t longest = LongestWaitMs(back_off, attempts);
    constexpr int kDraws = 2000;
    int64_t least = longest;
    int64_t most = 0;
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) {
      const int64_t wait = WaitMs(back_off, attempts, random);
      ASSERT_GE(wait, 1);
      ASSERT_LE(wait, longest);
      least = std::min(least, wait);
      most = std::max(most, wait);
      sum += static_cast<double>(wait);
    }
    EXPECT_LT(least, longest / 50);
    EXPECT_GT(most, longest - longest / 50);
    EXPECT_NEAR(sum / kDraws / static_cast<double>(longest), 0.5, 0.05);
  }
}

}  // namespace
}  // namespace internal
}  // namespace slipway
