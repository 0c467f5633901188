// The forms of a report: for a terminal, for CI servers, for programs, and as a
// page for people.
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_

#include <string>

#include "slipway/conformance/kit.h"
#include "slipway/conformance/v1/report.pb.h"

namespace slipway {
namespace conformance {

// Several lines: the verdict, the rules, each failure with its steps.
std::string TextReport(const v1::Report& report);

// JUnit's XML: one test case for each rule.
std::string JUnitReport(const v1::Report& report);

// The report message as JSON, for programs.
std::string JsonReport(const v1::Report& report);

// One page with everything in it: no script, style or picture from elsewhere.
std::string HtmlReport(const v1::Report& report);

// One line: a bar, sequences, steps per second, rules reached.
std::string ProgressLine(const Progress& progress, int width);

// A sequence as steps for people: "1. create deployment of main to staging →
// $d1".
std::string DescribeSequence(const v1::Sequence& sequence);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_REPORTS_H_
