// Metrics for Prometheus: keeps the series, and writes them as text for a
// scrape. It serves nothing itself; `engine/adapters/operations` does.
//
//   slipway::PrometheusMetrics metrics;
//   slipway::Runner runner({&store, …, &metrics});
//   std::string page = metrics.Text();  // with kContentType
//
// The library is prometheus-cpp, its core only.

#ifndef SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_PROMETHEUS_METRICS_H_
#define SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_PROMETHEUS_METRICS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/adapters/prometheus/metric_table.h"
#include "slipway/ports/metrics.h"

namespace slipway {

struct PrometheusOptions {
  // Of the host's own metrics, beside `MetricTable`.
  std::vector<MetricDefinition> more_metrics;
  // A series that would be one more is refused: labels come from outside.
  int series_max = 10'000;
};

// Thread-safe. A series that was there before is found by one look into a hash
// table, without allocation. A metric that no definition names has an empty
// help text and `SecondsBuckets`. What cannot be kept (a name that Prometheus
// does not know as one, or that has another kind; a series too many) is
// counted in slipway_metrics_refused_total.
class PrometheusMetrics : public Metrics {
 public:
  static constexpr char kContentType[] =
      "text/plain; version=0.0.4; charset=utf-8";

  explicit PrometheusMetrics(const PrometheusOptions& options = {});
  ~PrometheusMetrics() override;

  void Add(absl::string_view counter, Labels labels,
           double amount = 1) override;
  void Set(absl::string_view gauge, Labels labels, double value) override;
  void Observe(absl::string_view histogram, Labels labels,
               double value) override;

  // All series in Prometheus' text format.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_PROMETHEUS_PROMETHEUS_METRICS_H_
