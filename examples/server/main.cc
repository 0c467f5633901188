// A GitHub-compatible deployments server: the engine behind REST on a socket.
//
//   ./bazelw run //examples/server
//   ./bazelw run //examples/server -- --listen=127.0.0.1:0
//   --port_file=/tmp/port

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/http/server.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/operations/operations_handler.h"
#include "slipway/adapters/prometheus/prometheus_metrics.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/core/rules.h"
#include "slipway/examples/server/seed.h"
#include "slipway/examples/server/server_flags.h"
#include "slipway/examples/server/storage.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/seed.pb.h"

namespace {

namespace v1 = slipway::v1;

// Until there is access control, everybody is octocat.
v1::Actor Octocat() {
  v1::Actor actor;
  actor.set_id(1);
  actor.set_login("octocat");
  actor.set_type(v1::ACTOR_TYPE_USER);
  return actor;
}

// Written whole or not at all, for those who wait for it.
absl::Status WritePortFile(const std::string& path, int port) {
  if (path.empty()) return absl::OkStatus();
  const std::string unfinished = absl::StrCat(path, ".unfinished");
  std::ofstream file(unfinished);
  file << port << "\n";
  file.close();
  if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--port_file: cannot write ", path));
  }
  return absl::OkStatus();
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

void Announce(const ServerFlags& flags, int port,
              const v1::Repository& repository) {
  const bool v6 = absl::StrContains(flags.listen.address, ":");
  const std::string url = absl::StrCat(
      "http://", v6 ? "[" : "", flags.listen.address, v6 ? "]" : "", ":", port,
      flags.dialect == slipway::RestDialect::kEnterprise ? "/api/v3" : "");
  std::cout << "Slipway serves " << url << "\n"
            << "Try: curl -X POST -d '{\"ref\":\""
            << repository.default_branch() << "\"}' " << url << "/repos/"
            << repository.owner() << "/" << repository.name() << "/deployments"
            << std::endl;
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

  slipway::RestHandler rest(
      {&runner, storage->store, flags.dialect, flags.base_url, Octocat()});
  slipway::OperationsParams operations_params;
  operations_params.next = &rest;
  operations_params.clock = &clock;
  operations_params.ready = [&] {
    return storage->store->FindRepositoryById(first.id()).status();
  };
  operations_params.metrics_page = [&] { return metrics.Text(); };
  operations_params.metrics_content_type =
      slipway::PrometheusMetrics::kContentType;
  operations_params.metrics = &metrics;
  slipway::OperationsHandler operations(operations_params);

  slipway::HttpServerOptions options;
  options.address = flags.listen.address;
  options.port = flags.listen.port;
  options.body_bytes_max =
      static_cast<int>(slipway::LimitsOf(flags.rules).request_body_bytes_max());
  options.own_answer_headers = slipway::RestHandler::CommonHeaders();
  const auto server = slipway::HttpServer::Start(options, &operations);
  if (!server.ok()) return server.status();
  const int port = (*server)->port();
  status = WritePortFile(flags.port_file, port);
  if (!status.ok()) return status;

  Announce(flags, port, first);
  WaitForEnd(end_signals);
  (*server)->Shutdown();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
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
