// A GitHub-compatible deployments server: the engine behind REST on a socket.
//
//   ./bazelw run //examples/server
//   ./bazelw run //examples/server -- --listen=127.0.0.1:0
//   --port_file=/tmp/port

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/curl/curl_client.h"
#include "slipway/adapters/http/server.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/operations/deadline_probe.h"
#include "slipway/adapters/operations/failure_log.h"
#include "slipway/adapters/operations/operations_handler.h"
#include "slipway/adapters/prometheus/prometheus_metrics.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/adapters/webhook/webhook_sender.h"
#include "slipway/core/rules.h"
#include "slipway/examples/server/hooks.h"
#include "slipway/examples/server/seed.h"
#include "slipway/examples/server/server_flags.h"
#include "slipway/examples/server/storage.h"
#include "slipway/examples/server/text_file.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/seed.pb.h"

namespace {

namespace v1 = slipway::v1;

// They wait for the disk, most of the time: decisions that wait together share
// one sync, and a few that wait for long leave others for /healthz.
constexpr int kHandlerThreads = 64;

// Until there is access control, everybody is octocat.
v1::Actor Octocat() {
  v1::Actor actor;
  actor.set_id(1);
  actor.set_login("octocat");
  actor.set_type(v1::ACTOR_TYPE_USER);
  return actor;
}

// Leaves out what standard error does not take at once, such as a pipe that
// nobody empties: no request waits for it. A full disk may have room later.
void WriteLogLine(const std::string& line) {
  const std::string text = absl::StrCat("slipway: ", line, "\n");
  static_assert(slipway::FailureLog::kLineBytesMax + 100 < PIPE_BUF,
                "a pipe takes a line as a whole");
  pollfd place = {STDERR_FILENO, POLLOUT, 0};
  if (poll(&place, 1, 0) != 1) return;
  const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  static_cast<void>(written);
}

// Blocks the signals that end the server, in this thread and those it starts.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void WaitForEnd(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

// "http://127.0.0.1:8080".
std::string ListenUrl(const ServerFlags& flags, int port) {
  const bool v6 = absl::StrContains(flags.listen.address, ":");
  return absl::StrCat("http://", v6 ? "[" : "", flags.listen.address,
                      v6 ? "]" : "", ":", port);
}

// Where the API begins, below the address of the server.
std::string ApiPath(const ServerFlags& flags) {
  return flags.dialect == slipway::RestDialect::kEnterprise ? "/api/v3" : "";
}

void Announce(const ServerFlags& flags, int port,
              const v1::Repository& repository) {
  const std::string url = absl::StrCat(ListenUrl(flags, port), ApiPath(flags));
  std::cout << "Slipway serves " << url << "\n"
            << "Try: curl -X POST -d '{\"ref\":\""
            << repository.default_branch() << "\"}' " << url << "/repos/"
            << repository.owner() << "/" << repository.name() << "/deployments"
            << std::endl;
}

// From here on the stream is kept for the hooks, whoever decides.
absl::Status AddHooks(const std::vector<HookWithSecret>& hooks,
                      slipway::DeliveryQueue* deliveries) {
  if (!hooks.empty() && deliveries == nullptr) {
    return absl::InvalidArgumentError(
        "--webhook: this store keeps no deliveries");
  }
  for (const HookWithSecret& hook : hooks) {
    const auto added = deliveries->AddHook({hook.url});
    if (!added.ok()) return added.status();
  }
  return absl::OkStatus();
}

slipway::WebhookOptions WebhookOptionsOf(
    const ServerFlags& flags, const std::vector<HookWithSecret>& hooks,
    int port) {
  slipway::WebhookOptions options;
  for (const HookWithSecret& hook : hooks) {
    options.hooks.push_back({hook.url, hook.secret, {}});
  }
  options.html_url = flags.base_url.empty()
                         ? ListenUrl(flags, port)
                         : std::string(absl::StripSuffix(flags.base_url, "/"));
  options.api_url = absl::StrCat(options.html_url, ApiPath(flags));
  options.allow_private_addresses = flags.webhook_allow_private;
  options.timeout_ms = flags.hook_times.timeout_s * 1000;
  options.lease_ms = flags.hook_times.lease_s * 1000;
  return options;
}

absl::Status Serve(const ServerFlags& flags) {
  const sigset_t end_signals = BlockEndSignals();

  const auto seed = ReadSeed(flags.seed);
  if (!seed.ok()) return seed.status();
  const auto source_control = slipway::MemorySourceControl::Create(*seed);
  if (!source_control.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", source_control.status().message()));
  }
  const v1::Repository& first = seed->repositories(0).repository();
  const auto hooks = ReadHooks(flags.hooks);
  if (!hooks.ok()) return hooks.status();

  slipway::FailureLog failures(&WriteLogLine);

  // What is opened first is closed last.
  slipway::PrometheusMetrics metrics;
  const absl::StatusOr<Storage> storage =
      OpenStorage({flags.store, flags.store_pages_max, &metrics});
  if (!storage.ok()) return storage.status();
  slipway::SystemClock clock;
  slipway::Runner runner({storage->store, source_control->get(), &clock,
                          storage->ids, flags.rules, &metrics});
  absl::Status status = PutMissingRepositories(
      *seed, Octocat(), *storage->store, *storage->outbox, runner);
  if (!status.ok()) return status;
  status = AddHooks(*hooks, storage->deliveries);
  if (!status.ok()) return status;
  slipway::CurlClient http;
  std::unique_ptr<slipway::WebhookSender> owned_sender;
  // For the threads of the server, which is there before it.
  std::atomic<slipway::WebhookSender*> sender{nullptr};

  const auto store_probe = slipway::DeadlineProbe::Start("the store", [&] {
    const absl::Status read =
        storage->store->FindRepositoryById(first.id()).status();
    return read.ok() ? storage->check() : read;
  });
  if (!store_probe.ok()) return store_probe.status();
  const auto gauges_probe = slipway::DeadlineProbe::Start("the queue", [&] {
    slipway::WebhookSender* const started = sender.load();
    if (started != nullptr) started->ReportGauges();
    return absl::OkStatus();
  });
  if (!gauges_probe.ok()) return gauges_probe.status();

  slipway::RestHandler rest({&runner, storage->store, flags.dialect,
                             flags.base_url, Octocat(),
                             [&](const absl::Status& failure) {
                               failures.Note("a request", failure);
                             }});
  slipway::OperationsParams operations_params;
  operations_params.next = &rest;
  operations_params.ready = [&] { return (*store_probe)->Answer(); };
  operations_params.metrics_page = [&] {
    // Where the queue hangs, the gauges are those of before.
    (*gauges_probe)->Answer().IgnoreError();
    return metrics.Text();
  };
  operations_params.metrics_content_type =
      slipway::PrometheusMetrics::kContentType;
  operations_params.failures = &failures;
  operations_params.metrics = &metrics;
  operations_params.on_write = [&] {
    if (slipway::WebhookSender* const started = sender.load()) started->Wake();
  };
  slipway::OperationsHandler operations(operations_params);

  slipway::HttpServerOptions options;
  options.handler_threads = kHandlerThreads;
  options.address = flags.listen.address;
  options.port = flags.listen.port;
  options.body_bytes_max =
      static_cast<int>(slipway::LimitsOf(flags.rules).request_body_bytes_max());
  options.own_answer_headers = slipway::RestHandler::CommonHeaders();
  const auto server = slipway::HttpServer::Start(options, &operations);
  if (!server.ok()) return server.status();
  const int port = (*server)->port();
  if (!hooks->empty()) {
    auto created = slipway::WebhookSender::Create(
        {storage->deliveries, storage->outbox, storage->store, &http, &clock,
         &metrics,
         [&](const absl::Status& failure) {
           failures.Note("a webhook's queue", failure);
         }},
        WebhookOptionsOf(flags, *hooks, port));
    if (!created.ok()) return created.status();
    owned_sender = *std::move(created);
    status = owned_sender->Start();
    if (!status.ok()) return status;
    sender.store(owned_sender.get());
  }
  const std::string port_text = absl::StrCat(port, "\n");
  if (!flags.port_file.empty()) {
    status = WriteTextFile("--port_file", flags.port_file, port_text);
    if (!status.ok()) return status;
  }

  Announce(flags, port, first);
  WaitForEnd(end_signals);
  // Nobody is to take the port for that of a server that is there. Another one
  // may have written its own by now.
  if (!flags.port_file.empty()) {
    const auto text = ReadTextFile("--port_file", flags.port_file);
    if (text.ok() && *text == port_text) std::remove(flags.port_file.c_str());
  }
  (*server)->Shutdown();
  if (owned_sender != nullptr) owned_sender->Stop();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  // A reader of the log that ends does not end the server.
  signal(SIGPIPE, SIG_IGN);
  // Under `bazel run`, paths are meant from where the user stands.
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory != nullptr && chdir(directory) != 0) {
    std::cerr << "slipway: cannot enter " << directory << std::endl;
    return 1;
  }
  const absl::StatusOr<ServerFlags> flags = ReadFlags(argc, argv);
  const absl::Status status = flags.ok() ? Serve(*flags) : flags.status();
  if (status.ok()) return 0;
  std::cerr << "slipway: " << status.message() << std::endl;
  return 1;
}
