// What operators ask a server, in front of the handler that does its work:
//
//   GET /healthz   200 where it is ready, else 503 and why not
//   GET /metrics   what it has counted
//
// Everything else goes on to the next handler, and is counted.
//
//   slipway::OperationsParams params;
//   params.next = &rest;
//   params.ready = [&] { return probe.Answer(); };  // a `DeadlineProbe`
//   params.metrics_page = [&] { return metrics.Text(); };
//   slipway::OperationsHandler operations(params);
//   auto server = slipway::HttpServer::Start(options, &operations);
//
// Both paths answer whoever asks, and say what clients of the API are not
// told: a proxy in front keeps the public from them.

#ifndef SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_OPERATIONS_HANDLER_H_
#define SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_OPERATIONS_HANDLER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "slipway/adapters/operations/failure_log.h"
#include "slipway/ports/http.h"
#include "slipway/ports/metrics.h"

namespace slipway {

// What the handler works with. Not owned; all must outlive it.
struct OperationsParams {
  HttpHandler* next = nullptr;
  // Thread-safe. Asks something cheap of what the server stands on, such as one
  // row of its store, and does not hang where that does. OK: ready.
  std::function<absl::Status()> ready;
  // The page of /metrics. Empty: there is none, and the path is no other than
  // those of the next handler.
  std::function<std::string()> metrics_page;
  std::string metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";
  // Thread-safe and quick: called after each write that was answered with a
  // success for the first time, as to wake whoever waits for events. Empty:
  // nobody does.
  std::function<void()> on_write;
  // What failed is named in the answer of /healthz. nullptr: nothing is.
  const FailureLog* failures = nullptr;
  // nullptr: requests are not counted.
  Metrics* metrics = nullptr;
  // For how long a write that was answered 5xx makes the server not ready, if
  // none has succeeded since. It ends, so that a server that gets no writes
  // while it is not ready is tried again.
  int64_t failed_write_ms = 10'000;
  // For tests.
  std::function<std::chrono::steady_clock::time_point()> now =
      std::chrono::steady_clock::now;
};

// Thread-safe and total. A probe reads, and never writes: whether writing works
// is known from the last write that a client made. Every 5xx is a failure of
// the server: 503 where nothing was written, 500 where nobody can know (R108).
// An answer that comes again (`Idempotent-Replayed`) writes nothing.
//
// /healthz and /metrics know GET and HEAD; other methods are answered 405. What
// they answer is not counted.
class OperationsHandler : public HttpHandler {
 public:
  // `next` and `ready` are needed.
  explicit OperationsHandler(OperationsParams params);

  HttpResponse Handle(const HttpRequest& request) override;

 private:
  HttpResponse Health() const;
  HttpResponse HandOn(const HttpRequest& request);
  int64_t NowMs() const;

  const OperationsParams params_;
  // When the last write was answered 5xx, by `now`, times 1000, and with what;
  // 0: it was not. One number, so that they belong together.
  std::atomic<int64_t> write_failed_{0};
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_OPERATIONS_OPERATIONS_HANDLER_H_
