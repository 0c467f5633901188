// What it costs to note a value of a series that is there already.

#include "benchmark/benchmark.h"
#include "slipway/adapters/prometheus/prometheus_metrics.h"

namespace slipway {
namespace {

void BM_Add(benchmark::State& state) {
  PrometheusMetrics metrics;
  for (auto _ : state) {
    metrics.Add("slipway_decisions_total",
                {{"kind", "create_status"}, {"outcome", "status_created"}});
  }
}
BENCHMARK(BM_Add);

void BM_Observe(benchmark::State& state) {
  PrometheusMetrics metrics;
  for (auto _ : state) metrics.Observe("slipway_commit_seconds", {}, 0.003);
}
BENCHMARK(BM_Observe);

}  // namespace
}  // namespace slipway
