// A whole test: clients at work, fault after fault, and after each the checks.
//
//   TrialParams params;
//   params.server_binary = "…/server";
//   params.kills = 300;
//   absl::StatusOr<TrialReport> report = RunTrial(params, std::cout);

#ifndef TESTS_CRASH_TRIAL_H_
#define TESTS_CRASH_TRIAL_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "slipway/tests/crash/replay.h"

namespace crash {

enum class StoreKind { kMemory, kSqlite, kPostgres };

struct TrialParams {
  // A path.
  std::string server_binary;
  StoreKind store = StoreKind::kSqlite;
  // For all files; exists, and is empty.
  std::string directory;
  uint64_t seed = 1;
  int threads = 8;
  // Over one storage. With several, one at a time is killed.
  int servers = 1;
  bool has_webhooks = true;
  bool has_keys = true;

  // How often each fault strikes, in an order that the seed gives.
  // SIGKILL for a server.
  int kills = 0;
  // The end of a connection in the middle of a transaction.
  int terminations = 0;
  // A crash of the database server.
  int database_crashes = 0;
  // No room left on the disk.
  int fills = 0;
};

struct TrialReport {
  Findings findings;

  int64_t kills = 0;
  // Of these, while the server was starting.
  int64_t kills_at_start = 0;
  int64_t terminations = 0;
  int64_t database_crashes = 0;
  int64_t fills = 0;
  int64_t rounds = 0;
  // Requests of clients.
  int64_t requests = 0;
  // Of those that change something.
  int64_t acknowledged = 0;
  int64_t refused = 0;
  int64_t unknown = 0;
  // Attempts.
  int64_t lost_answers = 0;
  int64_t unavailable = 0;
  // Attempts after the first one that brought an answer.
  int64_t repeats = 0;
  // Events in the stream, and those of them that others are told of.
  int64_t events = 0;
  int64_t notifications = 0;
  // Arrivals at the hook.
  int64_t deliveries = 0;
  int64_t readings = 0;
  double seconds = 0;
};

// Ends at the first round that has findings. Its status is OK whatever was
// found; a test that could not be carried out is another status.
absl::StatusOr<TrialReport> RunTrial(const TrialParams& params,
                                     std::ostream& progress);

// The numbers of a report, a line each.
std::string Summary(const TrialReport& report);

}  // namespace crash

#endif  // TESTS_CRASH_TRIAL_H_
