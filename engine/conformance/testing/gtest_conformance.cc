#include "slipway/conformance/testing/gtest_conformance.h"

#include "slipway/conformance/reports.h"
#include "slipway/conformance/v1/report.pb.h"

namespace slipway {
namespace conformance {

testing::AssertionResult Conforms(SubjectUnderTest& subject,
                                  const RunOptions& options) {
  v1::Report report = Run(options, subject);
  if (report.subject().empty()) report.set_subject("the subject");
  if (report.verdict() == v1::VERDICT_CONFORMS) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "\n" << TextReport(report);
}

}  // namespace conformance
}  // namespace slipway
