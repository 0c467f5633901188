// Every metric that Slipway's own parts report, with its help text and buckets:
// what a dashboard can be built on.

#ifndef SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_METRIC_TABLE_H_
#define SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_METRIC_TABLE_H_

#include <string>
#include <vector>

namespace slipway {

struct MetricDefinition {
  std::string name;
  std::string help;
  // Upper bounds, ascending; for histograms only. Empty: `SecondsBuckets`.
  std::vector<double> buckets = {};
};

// From a commit on fast storage to a request that timed out.
const std::vector<double>& SecondsBuckets();

// Sorted by name.
const std::vector<MetricDefinition>& MetricTable();

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_METRIC_TABLE_H_
