// A project that tests an implementation of its own with the conformance kit;
// here the implementation is the engine.

#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/testing/gtest_conformance.h"

namespace {

TEST(Implementation, Conforms) {
  slipway::conformance::InProcessSubject subject({});
  slipway::conformance::RunOptions options;
  options.profile = slipway::conformance::DocumentedProfile();
  options.sequences = 50;
  EXPECT_CONFORMS(subject, options);
}

}  // namespace
