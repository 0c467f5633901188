#include "slipway/adapters/prometheus/metric_table.h"

namespace slipway {

const std::vector<double>& SecondsBuckets() {
  static const auto* const buckets = new std::vector<double>{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};
  return *buckets;
}

const std::vector<MetricDefinition>& MetricTable() {
  static const auto* const table = new std::vector<MetricDefinition>{
      {"slipway_commit_group_size",
       "Decisions that were made durable together.",
       {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}},
      {"slipway_commit_seconds",
       "How long a decision took to become durable, waiting included."},
      {"slipway_decisions_total",
       "Answers to commands, by the kind of command and the outcome: that of "
       "an acceptance, the reason of a rejection, replayed, failed, or "
       "unknown."},
      {"slipway_http_request_seconds",
       "How long requests took to be answered, without the sending."},
      {"slipway_http_requests_total",
       "Requests answered, by method and status code."},
      {"slipway_metrics_refused_total",
       "Values not kept: a bad name, another kind, or too many series."},
      {"slipway_outbox_lag",
       "Events that were not looked at for a hook yet, by hook."},
      {"slipway_store_retries_total",
       "Transactions that the store began again, by reason."},
      {"slipway_webhook_deliveries_total",
       "Attempts to deliver, by hook and outcome."},
      {"slipway_webhook_delivery_seconds",
       "How long a hook took to answer, by hook."},
      {"slipway_webhook_pending",
       "Deliveries that wait to be sent, or sent again, by hook."},
  };
  return *table;
}

}  // namespace slipway
