// The command line of the runner. For the runner; not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_RUNNER_OPTIONS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_RUNNER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace slipway {
namespace conformance {

// See `Usage` for what each is. Empty: not given.
struct RunnerOptions {
  bool help = false;
  // Exactly one of these is given, or `server`.
  std::string url;
  std::string subprocess;
  bool in_process = false;

  std::string server;
  // Both given with `url` and `server`.
  std::string owner;
  std::string repository;
  // Not with `fixtures`; "main" where neither is given.
  std::string ref;
  std::string fixtures;
  std::string token;
  std::string token_file;
  // Given, too, where the command of `server` asks for {webhook_url}.
  std::string webhook_listen;
  std::string webhook_secret_file;
  int64_t webhook_timeout_ms = 5'000;

  std::string profile;
  int64_t sequences = 200;
  int64_t steps = 30;
  absl::optional<uint64_t> seed;
  int64_t clients = 1;
  int64_t step_timeout_ms = 10'000;
  std::string replay;

  std::string known_failures;
  bool update_known_failures = false;
  bool reach_all = false;

  std::string junit;
  std::string json;
  std::string html;
  std::string history;
  std::string save_failures;
};

// Reads the arguments after the program's name: `--name=value`, `--name value`,
// and for yes or no `--name`. INVALID_ARGUMENT: one line that says which is
// wrong, or what is missing or does not go together. Total, pure.
absl::StatusOr<RunnerOptions> ParseOptions(
    const std::vector<std::string>& arguments);

// Every option with what it does.
std::string Usage();

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_RUNNER_OPTIONS_H_
