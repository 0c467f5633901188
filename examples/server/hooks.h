// Whom the server tells of events.

#ifndef EXAMPLES_SERVER_HOOKS_H_
#define EXAMPLES_SERVER_HOOKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// One --webhook with its --webhook_secret_file.
struct HookFlag {
  std::string url;
  // A path; what signs the deliveries is in the file.
  std::string secret_file;
};

// Pairs the first URL with the first file, and so on.
//
// INVALID_ARGUMENT: there are not as many of the one as of the other; a URL is
// none, or is there twice.
absl::StatusOr<std::vector<HookFlag>> PairHooks(
    const std::vector<std::string>& urls,
    const std::vector<std::string>& secret_files);

// Of all hooks, in seconds.
struct HookTimes {
  // Of one attempt.
  int64_t timeout_s = 10;
  // For how long a delivery is a server's while it is under way, which its
  // deliveries wait for when it crashes.
  int64_t lease_s = 60;
};

// INVALID_ARGUMENT: one of them is out of its range, or the lease is so short
// that another server would send what is still under way.
absl::Status CheckHookTimes(const HookTimes& times);

struct HookWithSecret {
  std::string url;
  std::string secret;
};

// The hooks with their secrets: what the files hold, without the line end that
// editors leave.
//
// INVALID_ARGUMENT: a file cannot be read, or is empty.
absl::StatusOr<std::vector<HookWithSecret>> ReadHooks(
    const std::vector<HookFlag>& flags);

#endif  // EXAMPLES_SERVER_HOOKS_H_
