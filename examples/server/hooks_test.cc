#include "slipway/examples/server/hooks.h"

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace {

TEST(HooksTest, UrlsAndFilesArePairedInTheirOrder) {
  const auto hooks = PairHooks({"https://a.example/b?c=d", "http://[::1]:8080"},
                               {"first", "second"});
  ASSERT_TRUE(hooks.ok()) << hooks.status();
  ASSERT_EQ(hooks->size(), 2);
  EXPECT_EQ((*hooks)[0].url, "https://a.example/b?c=d");
  EXPECT_EQ((*hooks)[0].secret_file, "first");
  EXPECT_EQ((*hooks)[1].url, "http://[::1]:8080");
  EXPECT_EQ((*hooks)[1].secret_file, "second");
  EXPECT_TRUE(PairHooks({}, {})->empty());
}

TEST(HooksTest, WhatCannotBePairedIsAnError) {
  for (const auto& hooks :
       {PairHooks({"http://a"}, {}), PairHooks({}, {"f"}),
        PairHooks({"http://a"}, {"f", "g"}), PairHooks({""}, {"f"}),
        PairHooks({"a.example"}, {"f"}), PairHooks({"ftp://a"}, {"f"}),
        PairHooks({"http://"}, {"f"}), PairHooks({"http:///a"}, {"f"}),
        PairHooks({"http://user:password@a"}, {"f"}),
        PairHooks({"http://a/\r\nb"}, {"f"}), PairHooks({"http://a/ b"}, {"f"}),
        PairHooks({"http://a", "http://token@a"}, {"f", "g"}),
        PairHooks({"http://a?token", "http://a?token"}, {"f", "g"})}) {
    ASSERT_FALSE(hooks.ok());
    EXPECT_TRUE(absl::StrContains(hooks.status().message(), "--webhook"))
        << hooks.status();
    EXPECT_FALSE(absl::StrContains(hooks.status().message(), "\n"));
    for (const char* secret : {"password", "token"}) {
      EXPECT_FALSE(absl::StrContains(hooks.status().message(), secret))
          << hooks.status();
    }
  }
}

TEST(HooksTest, AnErrorNamesTheNumberOfTheHook) {
  EXPECT_TRUE(absl::StartsWith(
      PairHooks({"http://a", "ftp://b"}, {"f", "g"}).status().message(),
      "--webhook number 2 is not "));
}

class SecretTest : public ::testing::Test {
 protected:
  // What is read of a file with this text.
  static absl::StatusOr<std::string> SecretOf(const std::string& text) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/secret");
    std::ofstream(path) << text;
    const auto hooks = ReadHooks({{"http://a", path}});
    if (!hooks.ok()) return hooks.status();
    return (*hooks)[0].secret;
  }
};

TEST_F(SecretTest, IsTheFileWithoutTheLineEnd) {
  EXPECT_EQ(*SecretOf("secret"), "secret");
  EXPECT_EQ(*SecretOf("secret\n"), "secret");
  EXPECT_EQ(*SecretOf("secret\r\n"), "secret");
  EXPECT_EQ(*SecretOf(" two words \nand more\n\n"), " two words \nand more\n");
}

TEST_F(SecretTest, AMissingOrEmptyOneIsAnError) {
  for (const char* text : {"", "\n", "\r\n"}) {
    EXPECT_TRUE(absl::StrContains(SecretOf(text).status().message(),
                                  "/secret is empty"));
  }
  for (const std::string& path :
       {absl::StrCat(::testing::TempDir(), "/none"), ::testing::TempDir()}) {
    EXPECT_TRUE(absl::StrContains(
        ReadHooks({{"http://a", path}}).status().message(), "cannot read "));
  }
}

}  // namespace
