// What a store holds, read through its own interface, as plain data for the
// checks.
//
//   Observation seen;
//   absl::Status status = Observe(*store, *outbox, plan, &seen);

#ifndef TESTS_CRASH_OBSERVATION_H_
#define TESTS_CRASH_OBSERVATION_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/state.pb.h"

namespace crash {

// Of all repositories of the tests.
extern const char kOwner[];

// Ids of deployments, by the repository's name.
using DeploymentIds = std::map<std::string, std::set<int64_t>>;

struct Observation {
  // The deployments that were looked for with their statuses, by id; absent:
  // there is none.
  std::map<std::string,
           std::map<int64_t, absl::optional<slipway::v1::DeploymentRecord>>>
      rows;
  // How many deployments each repository has.
  std::map<std::string, int64_t> totals;
  // Facts for commands, which show the rest: environments, latest states, who
  // is live, the highest id.
  struct Sample {
    slipway::v1::Command command;
    slipway::v1::Facts facts;
  };
  std::vector<Sample> samples;
};

// What to look for beside the stream.
struct ObservationPlan {
  std::vector<std::string> repositories;
  std::vector<std::string> environments;
};

// Reads on in the stream to its end.
absl::Status ReadStream(slipway::Outbox& outbox, int64_t after_position,
                        std::vector<slipway::OutboxEntry>* entries);

// Reads the deployments named by `ids` and those of the newest 100 of each
// repository, the totals and the samples.
absl::Status ReadRows(slipway::Store& store, const ObservationPlan& plan,
                      const DeploymentIds& ids, Observation* observation);

}  // namespace crash

#endif  // TESTS_CRASH_OBSERVATION_H_
