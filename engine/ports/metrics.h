// Where counts and durations go.
//
//   metrics->Add("slipway_retries_total", {{"reason", "40001"}});
//   metrics->Observe("slipway_commit_seconds", {}, seconds);

#ifndef SLIPWAY_ENGINE_PORTS_METRICS_H_
#define SLIPWAY_ENGINE_PORTS_METRICS_H_

#include <initializer_list>

#include "absl/strings/string_view.h"

namespace slipway {

struct MetricLabel {
  absl::string_view name;
  absl::string_view value;
};

// Implementations are thread-safe, quick, and never fail. Names and units are
// those of Prometheus: base units, `_total` for counters. A name has the same
// kind and the same labels in every call.
class Metrics {
 public:
  using Labels = std::initializer_list<MetricLabel>;

  virtual ~Metrics() = default;

  // Adds to a counter; `amount` is not negative.
  virtual void Add(absl::string_view counter, Labels labels,
                   double amount = 1) = 0;
  // Sets a gauge.
  virtual void Set(absl::string_view gauge, Labels labels, double value) = 0;
  // Notes one value of a histogram.
  virtual void Observe(absl::string_view histogram, Labels labels,
                       double value) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_METRICS_H_
