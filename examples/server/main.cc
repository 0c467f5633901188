// A GitHub-compatible deployments server: the engine behind REST on a socket.
//
//   ./bazelw run //examples/server
//   ./bazelw run //examples/server -- --listen=127.0.0.1:0
//   --port_file=/tmp/port

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "examples/server/default_seed.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "slipway/adapters/http/listen_address.h"
#include "slipway/adapters/http/server.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/core/rules.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/seed.pb.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080",
          "IP address and port to serve on; port 0 picks a free one");
ABSL_FLAG(std::string, port_file, "",
          "file that the port is written to once the server listens");
ABSL_FLAG(std::string, store, "memory", "where deployments are kept: memory");
ABSL_FLAG(std::string, seed, "",
          "text file of a slipway.v1.Seed: the repositories to start with "
          "(default: octocat/hello-world)");
ABSL_FLAG(std::string, dialect, "github",
          "github (paths from /) or enterprise (paths from /api/v3)");
ABSL_FLAG(std::string, base_url, "",
          "scheme, host and port for the addresses in answers (default: http "
          "and the Host header of the request)");
ABSL_FLAG(std::string, rules, "documented",
          "documented or observed: which preset of rules to follow");

namespace {

namespace v1 = slipway::v1;

// Keeps where a text message is wrong, for one line of an error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ =
        absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::StatusOr<v1::Seed> ReadSeed(const std::string& path) {
  std::string text = kDefaultSeed;
  if (!path.empty()) {
    std::ifstream file(path);
    file.peek();  // which finds a directory out
    if (file.bad() || !file.is_open()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--seed: cannot read ", path));
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  v1::Seed seed;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &seed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", path, ": ", error.text()));
  }
  if (seed.repositories().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", path, " has no repository"));
  }
  return seed;
}

// Until there is access control, everybody is octocat.
v1::Actor Octocat() {
  v1::Actor actor;
  actor.set_id(1);
  actor.set_login("octocat");
  actor.set_type(v1::ACTOR_TYPE_USER);
  return actor;
}

// Puts the seed's repositories; their refs are source control's.
absl::Status PutRepositories(const v1::Seed& seed, slipway::Runner& runner) {
  for (const v1::SeedRepository& seeded : seed.repositories()) {
    const v1::Repository& repository = seeded.repository();
    v1::Command command;
    command.mutable_repository()->set_owner(repository.owner());
    command.mutable_repository()->set_name(repository.name());
    *command.mutable_actor() = Octocat();
    v1::PutRepository& put = *command.mutable_put_repository();
    put.set_id(repository.id());
    put.set_default_branch(repository.default_branch());
    put.set_visibility(repository.visibility());
    const absl::StatusOr<v1::Decision> decision = runner.Execute(command);
    if (!decision.ok()) return decision.status();
    if (decision->has_rejection()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--seed: ", repository.owner(), "/", repository.name(),
                       ": ", decision->rejection().ShortDebugString()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Rules> RulesOfFlag() {
  const std::string preset = absl::GetFlag(FLAGS_rules);
  if (preset == "documented") return slipway::DocumentedRules();
  if (preset == "observed") return slipway::ObservedRules();
  return absl::InvalidArgumentError(
      absl::StrCat("--rules: '", preset, "' is not documented or observed"));
}

absl::StatusOr<slipway::RestDialect> DialectOfFlag() {
  const std::string dialect = absl::GetFlag(FLAGS_dialect);
  if (dialect == "github") return slipway::RestDialect::kGitHub;
  if (dialect == "enterprise") return slipway::RestDialect::kEnterprise;
  return absl::InvalidArgumentError(
      absl::StrCat("--dialect: '", dialect, "' is not github or enterprise"));
}

// Whatever passes stands in answers and their headers as it is.
absl::Status CheckBaseUrl(const std::string& url) {
  if (url.empty()) return absl::OkStatus();
  absl::string_view host = absl::StripSuffix(url, "/");
  const bool scheme = absl::ConsumePrefix(&host, "http://") ||
                      absl::ConsumePrefix(&host, "https://");
  const bool plain = std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("-._:[]", c);
  });
  if (scheme && plain && !host.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--base_url: '", absl::CEscape(url),
                   "' is not http:// or https:// and a host"));
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

// Waits for the signals that end the server, which must be blocked.
void WaitForEnd(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

void Announce(const slipway::ListenAddress& listen, int port,
              const v1::Repository& repository, slipway::RestDialect dialect) {
  const bool v6 = absl::StrContains(listen.address, ":");
  const std::string url = absl::StrCat(
      "http://", v6 ? "[" : "", listen.address, v6 ? "]" : "", ":", port,
      dialect == slipway::RestDialect::kEnterprise ? "/api/v3" : "");
  std::cout << "Slipway serves " << url << "\n"
            << "Try: curl -X POST -d '{\"ref\":\""
            << repository.default_branch() << "\"}' " << url << "/repos/"
            << repository.owner() << "/" << repository.name() << "/deployments"
            << std::endl;
}

absl::Status Serve() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto listen = slipway::ParseListenAddress(absl::GetFlag(FLAGS_listen));
  if (!listen.ok()) return listen.status();
  const auto rules = RulesOfFlag();
  if (!rules.ok()) return rules.status();
  const auto dialect = DialectOfFlag();
  if (!dialect.ok()) return dialect.status();
  absl::Status status = CheckBaseUrl(absl::GetFlag(FLAGS_base_url));
  if (!status.ok()) return status;
  if (absl::GetFlag(FLAGS_store) != "memory") {
    return absl::InvalidArgumentError(absl::StrCat(
        "--store: '", absl::GetFlag(FLAGS_store), "' is not memory"));
  }
  const auto seed = ReadSeed(absl::GetFlag(FLAGS_seed));
  if (!seed.ok()) return seed.status();
  const auto source_control = slipway::MemorySourceControl::Create(*seed);
  if (!source_control.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", source_control.status().message()));
  }

  slipway::MemoryStore store;
  slipway::MemoryIds ids;
  slipway::SystemClock clock;
  slipway::Runner runner({&store, source_control->get(), &clock, &ids, *rules});
  status = PutRepositories(*seed, runner);
  if (!status.ok()) return status;

  slipway::RestHandler rest(
      {&runner, &store, *dialect, absl::GetFlag(FLAGS_base_url), Octocat()});
  slipway::HttpServerOptions options;
  options.address = listen->address;
  options.port = listen->port;
  options.body_bytes_max =
      static_cast<int>(slipway::LimitsOf(*rules).request_body_bytes_max());
  options.own_answer_headers = slipway::RestHandler::CommonHeaders();
  const auto server = slipway::HttpServer::Start(options, &rest);
  if (!server.ok()) return server.status();
  const int port = (*server)->port();
  status = WritePortFile(absl::GetFlag(FLAGS_port_file), port);
  if (!status.ok()) return status;

  Announce(*listen, port, seed->repositories(0).repository(), *dialect);
  WaitForEnd(signals);
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
  // For --help: every flag of this file.
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "examples/server/main.cc");
  };
  absl::SetFlagsUsageConfig(usage);
  absl::SetProgramUsageMessage(
      "Serves the GitHub Deployments API from memory.");
  const auto rest = absl::ParseCommandLine(argc, argv);
  absl::Status status = rest.size() > 1
                            ? absl::InvalidArgumentError(absl::StrCat(
                                  "unexpected argument '", rest[1], "'"))
                            : Serve();
  if (status.ok()) return 0;
  std::cerr << "slipway: " << status.message() << std::endl;
  return 1;
}
