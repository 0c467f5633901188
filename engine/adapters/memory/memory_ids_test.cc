#include "slipway/adapters/memory/memory_ids.h"

#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

TEST(MemoryIds, StartAtOneAndGrow) {
  MemoryIds ids;
  EXPECT_EQ(*ids.Take(1), 1);
  EXPECT_EQ(*ids.Take(3), 2);
  EXPECT_EQ(*ids.Take(1), 5);
}

TEST(MemoryIds, StartWhereTheyAreTold) {
  MemoryIds ids(500);
  EXPECT_EQ(*ids.Take(2), 500);
  EXPECT_EQ(*ids.Take(1), 502);
}

TEST(MemoryIds, R17StayBelowTwoToThePowerOf53) {
  MemoryIds ids(kIdMax - 1);
  // Three do not fit, and nothing is taken; two do.
  EXPECT_EQ(ids.Take(3).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*ids.Take(2), kIdMax - 1);
  EXPECT_EQ(ids.Take(1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ids.Take(1).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(MemoryIds, R17AreNeverHandedOutTwice) {
  MemoryIds ids;
  constexpr int kThreads = 4;
  constexpr int kTakes = 2000;
  std::vector<std::vector<int64_t>> taken(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<int64_t>& mine : taken) {
    threads.emplace_back([&ids, &mine] {
      for (int i = 0; i < kTakes; ++i) {
        const int64_t first = *ids.Take(2);
        mine.push_back(first);
        mine.push_back(first + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all;
  for (const std::vector<int64_t>& mine : taken) {
    for (size_t i = 1; i < mine.size(); ++i) ASSERT_LT(mine[i - 1], mine[i]);
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), size_t{kThreads * kTakes * 2});
}

}  // namespace
}  // namespace slipway
