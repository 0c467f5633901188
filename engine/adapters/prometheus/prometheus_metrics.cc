#include "slipway/adapters/prometheus/prometheus_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace {

// What tells one series from another. The buffer is the thread's, so that a
// known series costs no allocation.
absl::string_view KeyOf(absl::string_view name, Metrics::Labels labels) {
  thread_local std::string key;
  key.clear();
  absl::StrAppend(&key, name);
  for (const MetricLabel& label : labels) {
    // By its length no value can pass for another label.
    absl::StrAppend(&key, "|", label.name, "|", label.value.size(), "|",
                    label.value);
  }
  return key;
}

prometheus::Labels LabelsOf(Metrics::Labels labels) {
  prometheus::Labels result;
  for (const MetricLabel& label : labels) {
    result.emplace(std::string(label.name), std::string(label.value));
  }
  return result;
}

// The series of one kind by their keys; nullptr for those that were refused.
template <typename Series>
class SeriesTable {
 public:
  // `make` gives the series, nullptr where it cannot be.
  template <typename Make>
  Series* Find(absl::string_view key, Make make) {
    {
      std::shared_lock<std::shared_mutex> lock(mutex_);
      const auto found = series_.find(key);
      if (found != series_.end()) return found->second;
    }
    std::unique_lock<std::shared_mutex> lock(mutex_);
    const auto found = series_.find(key);
    if (found != series_.end()) return found->second;
    Series* const made = make();
    // What was refused is not remembered, or that would grow without end.
    if (made != nullptr) series_.emplace(key, made);
    return made;
  }

 private:
  std::shared_mutex mutex_;
  absl::flat_hash_map<std::string, Series*> series_;
};

}  // namespace

struct PrometheusMetrics::Impl {
  // All are owned by the registry.
  prometheus::Registry registry;
  prometheus::Counter* refused = nullptr;
  absl::flat_hash_map<std::string, MetricDefinition> definitions;
  int series_max = 0;
  std::atomic<int> series{0};
  SeriesTable<prometheus::Counter> counters;
  SeriesTable<prometheus::Gauge> gauges;
  SeriesTable<prometheus::Histogram> histograms;

  const MetricDefinition& DefinitionOf(absl::string_view name) const {
    static const auto* const unknown = new MetricDefinition;
    const auto found = definitions.find(name);
    return found == definitions.end() ? *unknown : found->second;
  }

  // `add(name, help)` makes the series; the library throws where it cannot be.
  template <typename AddSeries>
  auto Make(absl::string_view name, AddSeries add)
      -> decltype(add(std::string(), std::string())) {
    if (series.fetch_add(1) < series_max) {
      try {
        return add(std::string(name), DefinitionOf(name).help);
      } catch (const std::exception&) {
        // Counted by the caller.
      }
    }
    series.fetch_sub(1);
    return nullptr;
  }
};

PrometheusMetrics::PrometheusMetrics(const PrometheusOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->series_max = options.series_max;
  for (const auto* table : {&MetricTable(), &options.more_metrics}) {
    for (const MetricDefinition& definition : *table) {
      impl_->definitions.emplace(definition.name, definition);
    }
  }
  constexpr char kRefused[] = "slipway_metrics_refused_total";
  impl_->refused = &prometheus::BuildCounter()
                        .Name(kRefused)
                        .Help(impl_->DefinitionOf(kRefused).help)
                        .Register(impl_->registry)
                        .Add({});
}
PrometheusMetrics::~PrometheusMetrics() = default;

void PrometheusMetrics::Add(absl::string_view counter, Labels labels,
                            double amount) {
  prometheus::Counter* const series =
      impl_->counters.Find(KeyOf(counter, labels), [&] {
        return impl_->Make(
            counter, [&](const std::string& name, const std::string& help) {
              return &prometheus::BuildCounter()
                          .Name(name)
                          .Help(help)
                          .Register(impl_->registry)
                          .Add(LabelsOf(labels));
            });
      });
  if (series == nullptr) return impl_->refused->Increment();
  series->Increment(amount);
}

void PrometheusMetrics::Set(absl::string_view gauge, Labels labels,
                            double value) {
  prometheus::Gauge* const series =
      impl_->gauges.Find(KeyOf(gauge, labels), [&] {
        return impl_->Make(
            gauge, [&](const std::string& name, const std::string& help) {
              return &prometheus::BuildGauge()
                          .Name(name)
                          .Help(help)
                          .Register(impl_->registry)
                          .Add(LabelsOf(labels));
            });
      });
  if (series == nullptr) return impl_->refused->Increment();
  series->Set(value);
}

void PrometheusMetrics::Observe(absl::string_view histogram, Labels labels,
                                double value) {
  prometheus::Histogram* const series =
      impl_->histograms.Find(KeyOf(histogram, labels), [&] {
        return impl_->Make(
            histogram, [&](const std::string& name, const std::string& help) {
              const std::vector<double>& buckets =
                  impl_->DefinitionOf(name).buckets;
              return &prometheus::BuildHistogram()
                          .Name(name)
                          .Help(help)
                          .Register(impl_->registry)
                          .Add(LabelsOf(labels),
                               buckets.empty() ? SecondsBuckets() : buckets);
            });
      });
  if (series == nullptr) return impl_->refused->Increment();
  series->Observe(value);
}

std::string PrometheusMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace slipway
