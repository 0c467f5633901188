#include "slipway/examples/server/repeated_flag.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

using Values = std::vector<std::string>;

TEST(RepeatedFlagTest, ValuesComeInTheirOrder) {
  EXPECT_EQ(ValuesOfFlag({}, "webhook"), Values());
  EXPECT_EQ(ValuesOfFlag({"--webhook=a", "-webhook=b=c", "--webhook", "d",
                          "-webhook", "e", "--webhook="},
                         "webhook"),
            Values({"a", "b=c", "d", "e", ""}));
}

TEST(RepeatedFlagTest, OtherFlagsAreNotMistakenForIt) {
  EXPECT_EQ(ValuesOfFlag({"--webhook_secret_file=f", "--webhooks=x", "webhook",
                          "webhook=1", "---webhook=2", "--nowebhook", "--",
                          "--webhook=3"},
                         "webhook"),
            Values());
}

}  // namespace
