#include "slipway/adapters/rest/target.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "slipway/wire/percent_encode.h"

namespace slipway {
namespace internal {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

TEST(TargetTest, SegmentsAndQueryAreDecoded) {
  const struct {
    const char* target;
    std::vector<std::string> segments;
    Query query;
  } cases[] = {
      // clang-format off
      {"/",                {""},              {}},
      {"/a/b",             {"a", "b"},        {}},
      {"/a/",              {"a", ""},         {}},
      {"//a",              {"", "a"},         {}},
      {"/a/b%2Fc",         {"a", "b/c"},      {}},
      {"/%41%2e%7E",       {"A.~"},           {}},
      {"/a+b",             {"a+b"},           {}},
      {"/%C3%A9",          {"\xC3\xA9"},      {}},
      {"/a?",              {"a"},             {}},
      {"/a?b",             {"a"},             {{"b", ""}}},
      {"/a?b=",            {"a"},             {{"b", ""}}},
      {"/a?=b",            {"a"},             {{"", "b"}}},
      {"/a?b=c&&d=e=f",    {"a"},             {{"b", "c"}, {"d", "e=f"}}},
      {"/a?b+c=%26%3d+%2B", {"a"},            {{"b c", "&= +"}}},
      {"/a?b=/c?d",        {"a"},             {{"b", "/c?d"}}},
      {"/a?b=1&b=2",       {"a"},             {{"b", "1"}, {"b", "2"}}},
      // clang-format on
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.target);
    const absl::optional<Target> target = ParseTarget(c.target);
    ASSERT_TRUE(target.has_value());
    EXPECT_EQ(target->segments, c.segments);
    EXPECT_EQ(target->query, c.query);
  }
}

TEST(TargetTest, ANulIsACharacterLikeOthers) {
  const absl::optional<Target> target = ParseTarget("/a%00b");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->segments[0], std::string("a\0b", 3));
}

TEST(TargetTest, WhatIsNoTarget) {
  for (const char* target : {"", "a", "?a", "*", "http://a/b", "/%", "/%4",
                             "/%g1", "/%1g", "/a?b=%", "/a?%=b", "/a?b=%zz"}) {
    EXPECT_FALSE(ParseTarget(target).has_value()) << target;
  }
}

TEST(TargetTest, OfSeveralParametersTheLastIsFound) {
  const absl::optional<Target> target = ParseTarget("/?a=1&b=2&a=3");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(*target->Find("a"), "3");
  EXPECT_EQ(*target->Find("b"), "2");
  EXPECT_EQ(target->Find("c"), nullptr);
}

TEST(TargetTest, EncodingLeavesNothingThatHasAMeaning) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("dependabot[bot]"), "dependabot%5Bbot%5D");
  EXPECT_EQ(PercentEncode("a/b c\r\n\"?&=%+"),
            "a%2Fb%20c%0D%0A%22%3F%26%3D%25%2B");
  EXPECT_EQ(PercentEncode("\xC3\xA9"), "%C3%A9");
}

TEST(TargetTest, EncodedTextDecodesToItself) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  const absl::optional<Target> target =
      ParseTarget("/" + PercentEncode(all) + "?" + PercentEncode(all) + "=" +
                  PercentEncode(all));
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->segments, std::vector<std::string>{all});
  EXPECT_EQ(target->query, (Query{{all, all}}));
}

TEST(TargetTest, Ids) {
  EXPECT_EQ(ParseId("1"), 1);
  EXPECT_EQ(ParseId("9223372036854775807"), 9223372036854775807);
  for (const char* text :
       {"", "0", "00", "-1", "+1", " 1", "1 ", "1.0", "0x1", "abc", "1a",
        "9223372036854775808", "99999999999999999999", "\xD9\xA1"}) {
    EXPECT_FALSE(ParseId(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace internal
}  // namespace slipway
