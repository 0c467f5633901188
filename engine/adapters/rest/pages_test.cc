#include "slipway/adapters/rest/pages.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "slipway/adapters/rest/target.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {
namespace {

v1::Limits DefaultLimits() {
  v1::Limits limits;
  limits.set_per_page_default(30);
  limits.set_per_page_max(100);
  return limits;
}

Target TargetOf(const std::string& query) {
  return ParseTarget("/list?" + query).value();
}

// R71.
TEST(PagesTest, R71WhichPageIsAskedFor) {
  const struct {
    const char* query;
    int64_t page;
    int64_t per_page;
    int64_t offset;
  } cases[] = {
      // clang-format off
      {"",                          1,  30,   0},
      {"page=2",                    2,  30,  30},
      {"page=3&per_page=7",         3,   7,  14},
      {"per_page=1",                1,   1,   0},
      {"per_page=100",              1, 100,   0},
      {"per_page=101",              1, 100,   0},
      {"per_page=1000&page=2",      2, 100, 100},
      {"per_page=9223372036854775807", 1, 100, 0},
      {"per_page=99999999999999999999", 1, 30, 0},
      {"per_page=0&page=0",         1,  30,   0},
      {"per_page=-1&page=-1",       1,  30,   0},
      {"per_page=&page=",           1,  30,   0},
      {"per_page=ten&page=1.5",     1,  30,   0},
      {"page=2&page=4",             4,  30,  90},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.query);
    const PageRequest request =
        PageRequestOf(TargetOf(c.query), DefaultLimits());
    EXPECT_EQ(request.page, c.page);
    EXPECT_EQ(request.per_page, c.per_page);
    EXPECT_EQ(request.offset(), c.offset);
  }
}

TEST(PagesTest, R71APageFarAwayDoesNotOverflow) {
  const PageRequest request = PageRequestOf(
      TargetOf("page=9223372036854775807&per_page=100"), DefaultLimits());
  EXPECT_GT(request.offset(), int64_t{1} << 40);
}

TEST(PagesTest, R71AHostsLimitsHold) {
  v1::Limits limits = DefaultLimits();
  limits.set_per_page_max(5);
  EXPECT_EQ(PageRequestOf(TargetOf(""), limits).per_page, 5);
  EXPECT_EQ(PageRequestOf(TargetOf("per_page=6"), limits).per_page, 5);
  limits.set_per_page_max(0);
  EXPECT_EQ(PageRequestOf(TargetOf(""), limits).per_page, 1);
}

std::string Link(const std::string& query, int64_t total) {
  const Target target = TargetOf(query);
  return LinkHeader("http://h/l", target,
                    PageRequestOf(target, DefaultLimits()), total);
}

TEST(PagesTest, R72LinkHasWhatAppliesInItsOrder) {
  EXPECT_EQ(Link("per_page=2", 5),
            "<http://h/l?per_page=2&page=2>; rel=\"next\", "
            "<http://h/l?per_page=2&page=3>; rel=\"last\"");
  EXPECT_EQ(Link("per_page=2&page=2", 5),
            "<http://h/l?per_page=2&page=1>; rel=\"prev\", "
            "<http://h/l?per_page=2&page=3>; rel=\"next\", "
            "<http://h/l?per_page=2&page=3>; rel=\"last\", "
            "<http://h/l?per_page=2&page=1>; rel=\"first\"");
  EXPECT_EQ(Link("per_page=2&page=3", 5),
            "<http://h/l?per_page=2&page=2>; rel=\"prev\", "
            "<http://h/l?per_page=2&page=1>; rel=\"first\"");
}

TEST(PagesTest, R72PastTheEndPrevIsTheLastPage) {
  EXPECT_EQ(Link("per_page=2&page=9", 5),
            "<http://h/l?per_page=2&page=3>; rel=\"prev\", "
            "<http://h/l?per_page=2&page=1>; rel=\"first\"");
}

TEST(PagesTest, R72NoLinkWhereOnePageHoldsAll) {
  EXPECT_EQ(Link("", 0), "");
  EXPECT_EQ(Link("", 30), "");
  EXPECT_NE(Link("", 31), "");
  EXPECT_EQ(Link("page=2", 30), "");
  EXPECT_EQ(Link("per_page=1", 1), "");
}

TEST(PagesTest, R72LinkKeepsTheFiltersAndNothingBreaksOut) {
  EXPECT_EQ(Link("environment=a%20b%26c&page=1&x=y&task=%3E%22%0D%0A%2C", 31),
            "<http://h/l?environment=a%20b%26c&task=%3E%22%0D%0A%2C&page=2>; "
            "rel=\"next\", "
            "<http://h/l?environment=a%20b%26c&task=%3E%22%0D%0A%2C&page=2>; "
            "rel=\"last\"");
}

}  // namespace
}  // namespace internal
}  // namespace slipway
