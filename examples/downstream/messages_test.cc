// The messages reach a project that only names the root target.

#include "gtest/gtest.h"
#include "slipway/v1/command.pb.h"

namespace {

TEST(Messages, AreVisibleToAnotherWorkspace) {
  slipway::v1::Command command;
  EXPECT_EQ(command.GetTypeName(), "slipway.v1.Command");
}

}  // namespace
