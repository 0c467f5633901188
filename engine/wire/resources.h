// The objects of the API: deployments, statuses, users and repositories, as
// JSON, and the addresses in them. Not for users.

#ifndef SLIPWAY_ENGINE_WIRE_RESOURCES_H_
#define SLIPWAY_ENGINE_WIRE_RESOURCES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/v1/actor.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/wire/json_writer.h"

namespace slipway {
namespace internal {

// Where the API and the pages of people are served, without a slash at the end.
struct BaseUrls {
  // "https://api.example.org", or "https://example.org/api/v3".
  std::string api;
  // "https://example.org".
  std::string html;
};

std::string RepositoryUrl(const BaseUrls& base,
                          const v1::Repository& repository);
std::string DeploymentUrl(const BaseUrls& base,
                          const v1::Repository& repository,
                          int64_t deployment_id);
std::string StatusUrl(const BaseUrls& base, const v1::Repository& repository,
                      int64_t deployment_id, int64_t status_id);

// The names that the API has for states: "in_progress"; empty for a state that
// it does not have.
absl::string_view StateName(v1::StatusState state);
// STATUS_STATE_UNSPECIFIED for a name that is none.
v1::StatusState StateOfName(absl::string_view name);

// "2012-07-20T01:19:13Z".
std::string FormatApiTime(int64_t time_ms);

void WriteUser(const BaseUrls& base, const v1::Actor& actor, JsonWriter& json);
// What the engine does not know of a repository is null, false, zero or empty:
// docs/spec/wire.md has the list.
void WriteRepository(const BaseUrls& base, const v1::Repository& repository,
                     JsonWriter& json);
void WriteDeployment(const BaseUrls& base, const v1::Repository& repository,
                     const v1::Deployment& deployment, JsonWriter& json);
void WriteStatus(const BaseUrls& base, const v1::Repository& repository,
                 const v1::DeploymentStatus& status, JsonWriter& json);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_WIRE_RESOURCES_H_
