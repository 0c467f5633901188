#include "slipway/adapters/prometheus/prometheus_metrics.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "slipway/adapters/prometheus/metric_table.h"

namespace slipway {
namespace {

// Whether the text has this line.
bool HasLine(const PrometheusMetrics& metrics, absl::string_view line) {
  const std::string text = metrics.Text();
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

TEST(PrometheusMetricsTest, CountersAddUpSeriesBySeries) {
  PrometheusMetrics metrics;
  metrics.Add("slipway_decisions_total",
              {{"kind", "create_status"}, {"outcome", "status_created"}});
  metrics.Add("slipway_decisions_total",
              {{"kind", "create_status"}, {"outcome", "status_created"}}, 2);
  metrics.Add("slipway_decisions_total",
              {{"kind", "create_status"}, {"outcome", "invalid_fields"}});
  EXPECT_TRUE(HasLine(metrics, "# TYPE slipway_decisions_total counter"));
  EXPECT_TRUE(HasLine(metrics,
                      "slipway_decisions_total{kind=\"create_status\","
                      "outcome=\"status_created\"} 3"))
      << metrics.Text();
  EXPECT_TRUE(HasLine(metrics,
                      "slipway_decisions_total{kind=\"create_status\","
                      "outcome=\"invalid_fields\"} 1"));
}

TEST(PrometheusMetricsTest, GaugesAreSet) {
  PrometheusMetrics metrics;
  metrics.Set("slipway_outbox_lag", {{"hook", "1"}}, 7);
  metrics.Set("slipway_outbox_lag", {{"hook", "1"}}, 3);
  EXPECT_TRUE(HasLine(metrics, "slipway_outbox_lag{hook=\"1\"} 3"))
      << metrics.Text();
}

TEST(PrometheusMetricsTest, HistogramsHaveTheBucketsOfTheTable) {
  PrometheusMetrics metrics;
  metrics.Observe("slipway_commit_group_size", {}, 3);
  metrics.Observe("slipway_commit_seconds", {}, 0.003);
  EXPECT_TRUE(HasLine(metrics, "slipway_commit_group_size_bucket{le=\"2\"} 0"));
  EXPECT_TRUE(HasLine(metrics, "slipway_commit_group_size_bucket{le=\"4\"} 1"));
  EXPECT_TRUE(HasLine(metrics, "slipway_commit_group_size_sum 3"));
  EXPECT_TRUE(HasLine(metrics, "slipway_commit_group_size_count 1"));
  EXPECT_TRUE(
      HasLine(metrics, "slipway_commit_seconds_bucket{le=\"0.0025\"} 0"));
  EXPECT_TRUE(HasLine(metrics, "slipway_commit_seconds_bucket{le=\"0.005\"} 1"))
      << metrics.Text();
}

TEST(PrometheusMetricsTest, TheHostsOwnMetricsHaveTheirDefinition) {
  PrometheusOptions options;
  options.more_metrics = {{"host_queue_length", "Waiting.", {10, 100}}};
  PrometheusMetrics metrics(options);
  metrics.Observe("host_queue_length", {}, 50);
  EXPECT_TRUE(HasLine(metrics, "# HELP host_queue_length Waiting."));
  EXPECT_TRUE(HasLine(metrics, "host_queue_length_bucket{le=\"10\"} 0"));
  EXPECT_TRUE(HasLine(metrics, "host_queue_length_bucket{le=\"100\"} 1"));
}

TEST(PrometheusMetricsTest, ValuesOfLabelsMayBeAnything) {
  PrometheusMetrics metrics;
  metrics.Add("slipway_x_total", {{"a", "1|b|1|2"}});
  metrics.Add("slipway_x_total", {{"a", "1"}, {"b", "2"}});
  metrics.Add("slipway_x_total", {{"a", "line\nend \"quoted\" \\"}});
  EXPECT_TRUE(HasLine(metrics, "slipway_x_total{a=\"1|b|1|2\"} 1"));
  EXPECT_TRUE(HasLine(metrics, "slipway_x_total{a=\"1\",b=\"2\"} 1"));
  EXPECT_TRUE(HasLine(
      metrics, "slipway_x_total{a=\"line\\nend \\\"quoted\\\" \\\\\"} 1"))
      << metrics.Text();
}

TEST(PrometheusMetricsTest, WhatCannotBeKeptIsCounted) {
  PrometheusOptions options;
  options.series_max = 2;
  PrometheusMetrics metrics(options);
  const auto refused = [&](int count) {
    return HasLine(metrics,
                   absl::StrCat("slipway_metrics_refused_total ", count));
  };
  EXPECT_TRUE(refused(0));
  metrics.Add("no name", {});
  EXPECT_TRUE(refused(1));
  metrics.Add("slipway_x_total", {{"no label", "1"}});
  EXPECT_TRUE(refused(2));
  metrics.Add("slipway_x_total", {});
  metrics.Set("slipway_x_total", {}, 1);  // It is a counter.
  EXPECT_TRUE(refused(3));
  metrics.Add("slipway_x_total", {{"a", "1"}});
  metrics.Add("slipway_x_total", {{"a", "2"}});  // One too many.
  metrics.Add("slipway_x_total", {{"a", "2"}});
  EXPECT_TRUE(refused(5)) << metrics.Text();
  metrics.Add("slipway_x_total", {{"a", "1"}});
  EXPECT_TRUE(HasLine(metrics, "slipway_x_total{a=\"1\"} 2"));
  EXPECT_FALSE(absl::StrContains(metrics.Text(), "a=\"2\""));
}

TEST(PrometheusMetricsTest, ThreadsLoseNothing) {
  PrometheusMetrics metrics;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const std::string value = absl::StrCat(i % 10);
        metrics.Add("slipway_x_total", {{"a", value}});
        metrics.Observe("slipway_x_seconds", {{"a", value}}, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(
        HasLine(metrics, absl::StrCat("slipway_x_total{a=\"", i, "\"} 400")));
    EXPECT_TRUE(HasLine(
        metrics, absl::StrCat("slipway_x_seconds_count{a=\"", i, "\"} 400")));
  }
}

TEST(MetricTableTest, IsSortedAndEachHasAHelpText) {
  const std::vector<MetricDefinition>& table = MetricTable();
  ASSERT_FALSE(table.empty());
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_NE(table[i].help, "") << table[i].name;
    EXPECT_TRUE(
        std::is_sorted(table[i].buckets.begin(), table[i].buckets.end()));
    if (i > 0) {
      EXPECT_LT(table[i - 1].name, table[i].name);
    }
  }
}

}  // namespace
}  // namespace slipway
