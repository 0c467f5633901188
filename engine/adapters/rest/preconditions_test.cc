#include "slipway/adapters/rest/preconditions.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

std::vector<int64_t> IdsOf(const std::string& value) {
  const absl::optional<IfMatch> wanted = IfMatchOf({{"If-Match", value}});
  EXPECT_TRUE(wanted.has_value());
  EXPECT_FALSE(wanted->any) << value;
  return wanted->latest_status_ids;
}

TEST(PreconditionsTest, R101ATagTellsTheLatestStatusAndTheBody) {
  const std::string tag = DeploymentTag(42, "body");
  EXPECT_EQ(tag.substr(0, 4), "\"42-");
  EXPECT_EQ(tag.back(), '"');
  EXPECT_EQ(tag, DeploymentTag(42, "body"));
  EXPECT_NE(tag, DeploymentTag(43, "body"));
  EXPECT_NE(tag, DeploymentTag(42, "another"));
  EXPECT_EQ(IdsOf(tag), std::vector<int64_t>{42});
}

TEST(PreconditionsTest, R101WhatIfMatchMeans) {
  using Ids = std::vector<int64_t>;
  const struct {
    const char* value;
    Ids ids;
  } cases[] = {
      {R"("0-a")", Ids{0}},
      {R"("1-a","2-b")", Ids{1, 2}},
      {R"( ,, "1-a" ,	"2-b", )", Ids{1, 2}},
      // Commas and more are parts of tags, of other people's.
      {R"("x,y", "1-a", "*", "-5-a", "")", Ids{1}},
      // Weak ones match nothing.
      {R"(W/"1-a")", Ids{}},
      {R"(W/"1-a", "2-b")", Ids{2}},
      // Ids as no deployment writes them.
      {R"("01-a", "+1-a", " 1-a", "1", "-1-a", "9223372036854775808-a")",
       Ids{}},
      {R"("9223372036854775807-a")", Ids{9223372036854775807}},
      // What cannot be read asks for nothing that could be.
      {"", Ids{}},
      {"1-a", Ids{}},
      {R"("1-a" "2-b")", Ids{}},
      {R"("1-a", 2-b)", Ids{}},
      {R"("1-a", "2-b)", Ids{}},
      {R"("1-a", *)", Ids{}},
      {R"(*, "1-a")", Ids{}},
      {R"(w/"1-a")", Ids{}},
      {R"(W/ "1-a")", Ids{}},
      {R"("1-a"x)", Ids{}},
  };
  for (const auto& c : cases) EXPECT_EQ(IdsOf(c.value), c.ids) << c.value;
}

TEST(PreconditionsTest, R101AStarAsksForAnyAndNoHeaderForNothing) {
  EXPECT_TRUE(IfMatchOf({{"If-Match", "*"}})->any);
  EXPECT_TRUE(IfMatchOf({{"IF-MATCH", " * "}})->any);
  EXPECT_FALSE(IfMatchOf({{"If-None-Match", "*"}}).has_value());
}

TEST(PreconditionsTest, R101SeveralHeadersAreOneList) {
  const absl::optional<IfMatch> wanted = IfMatchOf(
      {{"If-Match", "\"1-a\""}, {"Host", "x"}, {"If-Match", "\"2-b\""}});
  EXPECT_EQ(wanted->latest_status_ids, (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace internal
}  // namespace slipway
