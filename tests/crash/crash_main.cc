// Kills the server again and again while clients write, and says what is lost.
//
//   ./bazelw run -c opt //tests/crash -- --store=sqlite --kills=300
//
// The exit status is 0 where nothing is wrong, 1 where something is, and 2
// where the test could not be carried out.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "slipway/tests/crash/trial.h"

ABSL_FLAG(std::string, server, "", "path of the server's program");
ABSL_FLAG(std::string, store, "sqlite", "sqlite, postgres, or memory");
ABSL_FLAG(
    uint64_t, seed, 1,
    "of the schedule and of what clients ask for; what threads do at once "
    "differs from run to run all the same");
ABSL_FLAG(int, kills, 0, "how often a server is killed with SIGKILL");
ABSL_FLAG(int, terminations, 0,
          "how often a connection to PostgreSQL is ended in the middle of a "
          "transaction");
ABSL_FLAG(int, database_crashes, 0,
          "how often PostgreSQL is stopped as in a crash");
ABSL_FLAG(int, fills, 0, "how often the disk of SQLite is filled");
ABSL_FLAG(int, servers, 1,
          "how many servers share the storage; of several, one at a time is "
          "killed, and the others must go on");
ABSL_FLAG(int, threads, 8, "how many clients there are");
ABSL_FLAG(bool, webhooks, true, "whether deliveries are checked");
ABSL_FLAG(bool, keys, true,
          "whether clients send Idempotency-Key, and ask again under it");
ABSL_FLAG(bool, keep, false,
          "keep the files; where something is wrong they are kept anyway");

namespace {

constexpr int kFindingsShown = 40;
constexpr int kCouldNotRun = 2;

bool ParseStore(const std::string& name, crash::StoreKind* store) {
  if (name == "memory") *store = crash::StoreKind::kMemory;
  if (name == "sqlite") *store = crash::StoreKind::kSqlite;
  if (name == "postgres") *store = crash::StoreKind::kPostgres;
  return name == "memory" || name == "sqlite" || name == "postgres";
}

int Complain(const std::string& what) {
  std::cerr << "crash: " << what << std::endl;
  return kCouldNotRun;
}

}  // namespace

int main(int argc, char** argv) {
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "tests/crash/crash_main.cc");
  };
  absl::SetFlagsUsageConfig(usage);
  absl::SetProgramUsageMessage(
      "Kills the server while clients write, and says what is lost.");
  if (absl::ParseCommandLine(argc, argv).size() > 1) {
    return Complain("there are flags only; see --help");
  }
  // A server that is killed while something is sent to it is an answer.
  signal(SIGPIPE, SIG_IGN);

  crash::TrialParams params;
  if (!ParseStore(absl::GetFlag(FLAGS_store), &params.store)) {
    return Complain("--store is none of sqlite, postgres and memory");
  }
  params.server_binary = absl::GetFlag(FLAGS_server);
  params.seed = absl::GetFlag(FLAGS_seed);
  params.kills = absl::GetFlag(FLAGS_kills);
  params.terminations = absl::GetFlag(FLAGS_terminations);
  params.database_crashes = absl::GetFlag(FLAGS_database_crashes);
  params.fills = absl::GetFlag(FLAGS_fills);
  params.servers = absl::GetFlag(FLAGS_servers);
  params.threads = absl::GetFlag(FLAGS_threads);
  params.has_webhooks = absl::GetFlag(FLAGS_webhooks);
  params.has_keys = absl::GetFlag(FLAGS_keys);
  const auto faults = {params.kills, params.terminations,
                       params.database_crashes, params.fills};
  if (std::min(faults) < 0 || std::max(faults) == 0) {
    return Complain(
        "name how often what is to fail: --kills=N, --terminations=N, "
        "--database_crashes=N, --fills=N");
  }
  if (params.servers < 1 || params.threads < 1) {
    return Complain("--servers and --threads are at least 1");
  }
  const char* temporary = std::getenv("TMPDIR");
  std::string directory =
      std::string(temporary != nullptr ? temporary : "/tmp") +
      "/slipway-crash-XXXXXX";
  if (mkdtemp(&directory[0]) == nullptr) {
    return Complain("cannot make a directory like " + directory);
  }
  params.directory = directory;
  std::cout << "seed " << params.seed << ", files in " << directory
            << std::endl;

  const auto report = crash::RunTrial(params, std::cout);
  if (!report.ok()) {
    return Complain(report.status().ToString() + "\nfiles are in " + directory);
  }
  std::cout << crash::Summary(*report);
  int shown = 0;
  for (const std::string& finding : report->findings) {
    if (++shown > kFindingsShown) break;
    std::cout << "WRONG: " << finding << "\n";
  }
  if (!report->findings.empty()) {
    std::cout << report->findings.size() << " things are wrong; files are in "
              << directory << std::endl;
    return 1;
  }
  if (!absl::GetFlag(FLAGS_keep)) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  std::cout << "nothing is wrong" << std::endl;
  return 0;
}
