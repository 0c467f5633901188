// The command line of the server, checked.

#ifndef EXAMPLES_SERVER_SERVER_FLAGS_H_
#define EXAMPLES_SERVER_SERVER_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/adapters/http/listen_address.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/examples/server/hooks.h"
#include "slipway/v1/rules.pb.h"

struct ServerFlags {
  slipway::ListenAddress listen;
  std::string port_file;
  // As in the help text of --store.
  std::string store;
  int64_t store_pages_max = 0;
  // A path; empty: the seed that is built in.
  std::string seed;
  slipway::RestDialect dialect = slipway::RestDialect::kGitHub;
  std::string base_url;
  slipway::v1::Rules rules;
  std::vector<HookFlag> hooks;
  // Whether hooks may be on this machine or in a private network (R106).
  bool webhook_allow_private = true;
  HookTimes hook_times;
};

// Reads the flags of the command line. `--help` and unknown flags end the
// process.
//
// INVALID_ARGUMENT: a value that is none, or does not go with another one, or
// an argument that is no flag.
absl::StatusOr<ServerFlags> ReadFlags(int argc, char** argv);

#endif  // EXAMPLES_SERVER_SERVER_FLAGS_H_
