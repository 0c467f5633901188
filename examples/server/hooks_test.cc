#include "slipway/examples/server/hooks.h"

#include <cstdint>
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
        PairHooks({"http://a:/"}, {"f"}), PairHooks({"http://[::1]:0"}, {"f"}),
        PairHooks({"http://user:hunter2@a"}, {"f"}),
        PairHooks({"http://a/\r\nb"}, {"f"}), PairHooks({"http://a/ b"}, {"f"}),
        PairHooks({"http://a", "http://token@a"}, {"f", "g"}),
        PairHooks({"http://a?token", "http://a?token"}, {"f", "g"})}) {
    ASSERT_FALSE(hooks.ok());
    EXPECT_TRUE(absl::StrContains(hooks.status().message(), "--webhook"))
        << hooks.status();
    EXPECT_FALSE(absl::StrContains(hooks.status().message(), "\n"));
    for (const char* secret : {"hunter2", "token"}) {
      EXPECT_FALSE(absl::StrContains(hooks.status().message(), secret))
          << hooks.status();
    }
  }
}

TEST(HooksTest, AnErrorNamesTheNumberOfTheHook) {
  EXPECT_TRUE(absl::StartsWith(
      PairHooks({"http://a", "ftp://b"}, {"f", "g"}).status().message(),
      "--webhook number 2 does not begin with "));
}

TEST(HookTimesTest, ALeaseOutlastsTheTimeOut) {
  EXPECT_TRUE(CheckHookTimes({}).ok());
  EXPECT_TRUE(CheckHookTimes({10, 15}).ok());
  EXPECT_TRUE(CheckHookTimes({1, 6}).ok());
  EXPECT_TRUE(CheckHookTimes({60, 31'622'400}).ok());
  const struct {
    HookTimes times;
    const char* message;
  } rows[] = {
      {{0, 60}, "--webhook_timeout_seconds is 0, not from 1 to 60"},
      {{-1, 60}, "--webhook_timeout_seconds is -1, not from 1 to 60"},
      {{61, 100}, "--webhook_timeout_seconds is 61, not from 1 to 60"},
      {{10, 14},
       "--webhook_lease_seconds is 14, not from 15 (5 more than "
       "--webhook_timeout_seconds) to 31622400"},
      {{60, 60},
       "--webhook_lease_seconds is 60, not from 65 (5 more than "
       "--webhook_timeout_seconds) to 31622400"},
      {{10, -1},
       "--webhook_lease_seconds is -1, not from 15 (5 more than "
       "--webhook_timeout_seconds) to 31622400"},
      {{10, INT64_MAX},
       "--webhook_lease_seconds is 9223372036854775807, not from 15 (5 more "
       "than --webhook_timeout_seconds) to 31622400"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(CheckHookTimes(row.times),
              absl::InvalidArgumentError(row.message));
  }
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
