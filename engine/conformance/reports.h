// The forms of a report: for a terminal, for CI servers, for programs, and as a
// page for people.
//
//   std::cout << slipway::conformance::TextReport(report);
//   std::ofstream("report.html") << slipway::conformance::HtmlReport(report);
//
// All functions are total, pure and thread-safe. Whatever a subject said, they
// give valid UTF-8 (XML, JSON, HTML), with everything escaped that has to be;
// the values of `Authorization` headers and of cookies are removed.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_

#include <string>

#include "slipway/conformance/progress.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {

// For a terminal: the rules one by one, how many there are of each level and
// outcome, each failure with its steps, the two answers side by side, what went
// over the wire and the calls to make by hand, and last the verdict.
std::string TextReport(const v1::Report& report);

// JUnit's XML: one test case for each rule. One that makes the run fail is a
// failure; of the others, one that is known to fail, was not reached or is not
// tested is skipped, and the message says why. A run that could not be made is
// an error.
std::string JUnitReport(const v1::Report& report);

// The report message as JSON, for programs: every field of it, by the names of
// report.proto.
std::string JsonReport(const v1::Report& report);

// One page with everything in it: no script, style or picture from elsewhere.
std::string HtmlReport(const v1::Report& report);

// One line of at most `width` columns, without a line end: a bar, sequences,
// steps per second, rules reached.
std::string ProgressLine(const Progress& progress, int width);

// A sequence as lines for people: "1. create deployment of main to staging
// (transient) → $d1". Long texts are cut.
std::string DescribeSequence(const v1::Sequence& sequence);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_
