#include "slipway/examples/server/text_file.h"

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace {

TEST(TextFileTest, WhatIsWrittenIsRead) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/text");
  for (const char* text : {"one\r\ntwo", "", "\n"}) {
    EXPECT_EQ(WriteTextFile("--f", path, text), absl::OkStatus());
    EXPECT_EQ(*ReadTextFile("--f", path), text);
  }
}

TEST(TextFileTest, ErrorsSayWhy) {
  const std::string directory = ::testing::TempDir();
  const std::string missing = absl::StrCat(directory, "/no/such");
  EXPECT_EQ(ReadTextFile("--f", missing).status(),
            absl::InvalidArgumentError(absl::StrCat(
                "--f: cannot read ", missing, ": No such file or directory")));
  EXPECT_EQ(ReadTextFile("--f", directory).status(),
            absl::InvalidArgumentError(absl::StrCat(
                "--f: cannot read ", directory, ": Is a directory")));
  EXPECT_EQ(WriteTextFile("--f", missing, "x"),
            absl::InvalidArgumentError(absl::StrCat(
                "--f: cannot write ", missing, ": No such file or directory")));
  // Nothing is left of it.
  const std::string taken = absl::StrCat(directory, "/taken");
  ASSERT_TRUE(std::filesystem::create_directory(taken));
  EXPECT_EQ(WriteTextFile("--f", taken, "x"),
            absl::InvalidArgumentError(
                absl::StrCat("--f: cannot write ", taken, ": Is a directory")));
  EXPECT_FALSE(std::filesystem::exists(taken + ".unfinished"));
}

}  // namespace
