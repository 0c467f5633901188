#include "slipway/core/names.h"

#include <string>

#include "gtest/gtest.h"

namespace slipway {
namespace {

TEST(NamesTest, R1NamesFoldTheCaseOfAsciiLettersOnly) {
  EXPECT_EQ(FoldName("QA-Ä_09[`{@Z"), "qa-Ä_09[`{@z");
  EXPECT_EQ(FoldName(""), "");
  EXPECT_EQ(FoldName(std::string("A\0B", 3)), std::string("a\0b", 3));
}

TEST(NamesTest, R1NamesThatFoldToTheSameKeyAreTheSame) {
  const struct {
    absl::string_view a, b;
    bool same;
  } cases[] = {
      {"", "", true},          {"Production", "pRODUCTION", true},
      {"qa", "qa ", false},    {"qa", "qb", false},
      {"Ä", "ä", false},       {"[", "{", false},
      {"@", "`", false},       {"K", "\xE2\x84\xAA", false},  // KELVIN SIGN
      {"qa/eu", "QA/EU", true}};
  for (const auto& c : cases) {
    EXPECT_EQ(SameName(c.a, c.b), c.same) << c.a << " " << c.b;
    EXPECT_EQ(FoldName(c.a) == FoldName(c.b), c.same) << c.a << " " << c.b;
  }
}

TEST(NamesTest, R1RepositoryNamesAreTheSameWhenBothPartsAre) {
  const auto name = [](const char* owner, const char* repository) {
    v1::RepositoryName result;
    result.set_owner(owner);
    result.set_name(repository);
    return result;
  };
  EXPECT_TRUE(SameName(name("Octo", "App"), name("octo", "aPP")));
  EXPECT_FALSE(SameName(name("octo", "app"), name("octo", "web")));
  EXPECT_FALSE(SameName(name("octo", "app"), name("acme", "app")));
  EXPECT_EQ(FullName(name("Octo", "App")), "Octo/App");
}

TEST(NamesTest, AnUnsetKnobMatchesAsItsDefault) {
  constexpr v1::NameMatch kExact = v1::NAME_MATCH_EXACT;
  constexpr v1::NameMatch kIgnoreCase = v1::NAME_MATCH_IGNORE_CASE;
  constexpr v1::NameMatch kUnset = v1::NAME_MATCH_UNSPECIFIED;
  EXPECT_FALSE(Matches(kExact, kIgnoreCase, "QA", "qa"));
  EXPECT_TRUE(Matches(kIgnoreCase, kExact, "QA", "qa"));
  EXPECT_FALSE(Matches(kUnset, kExact, "QA", "qa"));
  EXPECT_TRUE(Matches(kUnset, kIgnoreCase, "QA", "qa"));
  EXPECT_TRUE(Matches(kExact, kIgnoreCase, "qa", "qa"));
}

TEST(NamesTest, R25CharactersAreCodePoints) {
  EXPECT_EQ(CharacterCount(""), 0);
  EXPECT_EQ(CharacterCount("abc"), 3);
  EXPECT_EQ(CharacterCount("äöü"), 3);               // 2 bytes each
  EXPECT_EQ(CharacterCount("日本"), 2);              // 3 bytes each
  EXPECT_EQ(CharacterCount("\xF0\x9F\x9A\xA2"), 1);  // SHIP, 4 bytes
  EXPECT_EQ(CharacterCount("e\xCC\x81"), 2);         // e and a combining accent
  EXPECT_EQ(CharacterCount("\xFF\x80\x80x"), 2);
}

TEST(NamesTest, Utf8IsThatOfRfc3629) {
  const struct {
    absl::string_view text;
    bool valid;
  } cases[] = {
      {"", true},
      {absl::string_view("\0", 1), true},
      {"\x7F", true},
      {"\x80", false},              // a continuation without a lead
      {"\xC0\x80", false},          // overlong NUL
      {"\xC1\xBF", false},          // overlong
      {"\xC2\x80", true},           // U+0080
      {"\xC2", false},              // cut short
      {"\xC2\x41", false},          // not continued
      {"\xDF\xBF", true},           // U+07FF
      {"\xE0\x9F\xBF", false},      // overlong
      {"\xE0\xA0\x80", true},       // U+0800
      {"\xE0\xA0", false},          // cut short
      {"\xE1\x80\x41", false},      // not continued
      {"\xED\x9F\xBF", true},       // U+D7FF
      {"\xED\xA0\x80", false},      // a surrogate
      {"\xED\xBF\xBF", false},      // a surrogate
      {"\xEE\x80\x80", true},       // U+E000
      {"\xEF\xBF\xBF", true},       // U+FFFF
      {"\xF0\x8F\xBF\xBF", false},  // overlong
      {"\xF0\x90\x80\x80", true},   // U+10000
      {"\xF0\x90\x80", false},      // cut short
      {"\xF3\x80\x41\x80", false},  // not continued
      {"\xF4\x8F\xBF\xBF", true},   // U+10FFFF
      {"\xF4\x90\x80\x80", false},  // above U+10FFFF
      {"\xF5\x80\x80\x80", false},  // above U+10FFFF
      {"\xF8\x88\x80\x80\x80", false},
      {"\xFE", false},
      {"\xFF", false},
      {"ok\xC3\xA4ok", true},
      {"ok\xA4ok", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(IsUtf8(c.text), c.valid) << ::testing::PrintToString(c.text);
  }
}

}  // namespace
}  // namespace slipway
