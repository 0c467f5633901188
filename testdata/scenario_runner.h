// Runs the scenarios of testdata/scenarios against the core. How one is run is
// told by proto/slipway/scenario/v1/scenario.proto; this is that text in C++.
//
//   absl::StatusOr<slipway::scenario::v1::Scenario> scenario =
//       slipway::testdata::ParseScenario(text);
//   slipway::testdata::ScenarioReport report =
//       slipway::testdata::RunScenario(*scenario);
//   for (const std::string& failure : report.failures) …
//
// Pure, but for that log of a text that cannot be parsed.

#ifndef SLIPWAY_TESTDATA_SCENARIO_RUNNER_H_
#define SLIPWAY_TESTDATA_SCENARIO_RUNNER_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/scenario/v1/scenario.pb.h"

namespace slipway {
namespace testdata {

// What came of running a scenario.
struct ScenarioReport {
  // One for each expectation that was not met, with the number of its step, and
  // for each way in which the scenario itself makes no sense. Empty: it passed.
  std::vector<std::string> failures;
  // The rules that decisions cited, of steps that are not `given`.
  std::set<int> cited;
};

// INVALID_ARGUMENT: the text is not a Scenario, unknown fields included; the
// parser writes line and column to the log.
absl::StatusOr<scenario::v1::Scenario> ParseScenario(const std::string& text);

// Total: a scenario that makes no sense (one that expects nothing, a step with
// neither a command nor a view) fails and says so.
ScenarioReport RunScenario(const scenario::v1::Scenario& scenario);

}  // namespace testdata
}  // namespace slipway

#endif  // SLIPWAY_TESTDATA_SCENARIO_RUNNER_H_
