#include "slipway/adapters/memory/ordered_ids.h"

#include <cstdint>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> Descending(const OrderedIds& ids, int64_t offset,
                                size_t limit) {
  std::vector<int64_t> found;
  ids.VisitDescending(offset, [&](int64_t id) {
    if (found.size() == limit) return false;
    found.push_back(id);
    return true;
  });
  return found;
}

constexpr size_t kAll = 1000000;

TEST(OrderedIds, StartsEmpty) {
  const OrderedIds ids;
  EXPECT_TRUE(ids.empty());
  EXPECT_EQ(ids.size(), 0);
  EXPECT_THAT(Descending(ids, 0, kAll), IsEmpty());
  EXPECT_THAT(Descending(ids, 5, kAll), IsEmpty());
}

TEST(OrderedIds, GivesTheLargestFirst) {
  OrderedIds ids;
  for (const int64_t id : {30, 10, 50, 20, 40}) ids.Insert(id);
  EXPECT_THAT(Descending(ids, 0, kAll), ElementsAre(50, 40, 30, 20, 10));
  EXPECT_THAT(Descending(ids, 1, 2), ElementsAre(40, 30));
  EXPECT_THAT(Descending(ids, 4, kAll), ElementsAre(10));
  EXPECT_THAT(Descending(ids, 5, kAll), IsEmpty());
}

TEST(OrderedIds, ErasingWhatIsNotThereChangesNothing) {
  OrderedIds ids;
  ids.Erase(7);
  ids.Insert(10);
  ids.Erase(9);
  ids.Erase(11);
  EXPECT_THAT(Descending(ids, 0, kAll), ElementsAre(10));
  EXPECT_EQ(ids.size(), 1);
  ids.Erase(10);
  EXPECT_TRUE(ids.empty());
  ids.Insert(10);
  EXPECT_THAT(Descending(ids, 0, kAll), ElementsAre(10));
}

TEST(OrderedIds, FindsEveryPlaceAmongMany) {
  OrderedIds ids;
  constexpr int64_t kCount = 5000;  // several chunks
  for (int64_t id = 1; id <= kCount; ++id) ids.Insert(id);
  for (int64_t offset = 0; offset < kCount; offset += 7) {
    ASSERT_THAT(Descending(ids, offset, 1), ElementsAre(kCount - offset));
  }
}

// Against std::set, with ids from all over the place.
TEST(OrderedIds, IsASortedSet) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    OrderedIds ids;
    std::set<int64_t> expected;
    uint64_t number = seed;
    for (int step = 0; step < 20000; ++step) {
      number = number * 6364136223846793005 + 1442695040888963407;
      const auto id = static_cast<int64_t>(number >> 33) % 6000;
      // Grows first, shrinks to nothing in the end.
      const bool inserts = number >> 62 != 0 ? step < 10000 : step >= 10000;
      if (inserts) {
        if (expected.insert(id).second) ids.Insert(id);
      } else {
        expected.erase(id);
        ids.Erase(id);
      }
      ASSERT_EQ(ids.size(), static_cast<int64_t>(expected.size()));
      if (step % 500 != 0) continue;
      const std::vector<int64_t> wanted(expected.rbegin(), expected.rend());
      ASSERT_EQ(Descending(ids, 0, kAll), wanted);
      const size_t half = wanted.size() / 2;
      ASSERT_EQ(Descending(ids, static_cast<int64_t>(half), kAll),
                std::vector<int64_t>(wanted.begin() + half, wanted.end()));
    }
    while (!expected.empty()) {
      ids.Erase(*expected.begin());
      expected.erase(expected.begin());
    }
    EXPECT_TRUE(ids.empty());
    EXPECT_THAT(Descending(ids, 0, kAll), IsEmpty());
  }
}

}  // namespace
}  // namespace internal
}  // namespace slipway
