// The conformance kit in a test of GoogleTest.
//
//   TEST(MyStore, Conforms) {
//     MySubject subject;
//     slipway::conformance::RunOptions options;
//     options.profile = slipway::conformance::DocumentedProfile();
//     EXPECT_CONFORMS(subject, options);
//   }

#ifndef SLIPWAY_ENGINE_CONFORMANCE_TESTING_GTEST_CONFORMANCE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_TESTING_GTEST_CONFORMANCE_H_

#include "gtest/gtest.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/subject.h"

namespace slipway {
namespace conformance {

// Runs. Success: the subject conforms. Failure: it does not, or it could not be
// tested; the message is the report for a terminal.
testing::AssertionResult Conforms(SubjectUnderTest& subject,
                                  const RunOptions& options);

}  // namespace conformance
}  // namespace slipway

#define EXPECT_CONFORMS(subject, options) \
  EXPECT_TRUE(::slipway::conformance::Conforms(subject, options))
#define ASSERT_CONFORMS(subject, options) \
  ASSERT_TRUE(::slipway::conformance::Conforms(subject, options))

#endif  // SLIPWAY_ENGINE_CONFORMANCE_TESTING_GTEST_CONFORMANCE_H_
