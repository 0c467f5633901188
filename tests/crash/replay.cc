#include "slipway/tests/crash/replay.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "slipway/core/evolve.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/event.pb.h"

namespace crash {
namespace {

namespace v1 = slipway::v1;

// The deployments that a success retires by the documented rules, by id: in its
// environment, prior, live, and neither transient nor production.
std::vector<int64_t> RetiredBy(const v1::DeploymentStatus& success,
                               const v1::RepositoryState& state) {
  std::vector<int64_t> retired;
  const std::string environment = absl::AsciiStrToLower(success.environment());
  for (const v1::DeploymentRecord& record : state.deployments()) {
    const v1::Deployment& deployment = record.deployment();
    const int count = record.statuses_size();
    if (deployment.id() < success.deployment_id() && count > 0 &&
        record.statuses(count - 1).state() == v1::STATUS_STATE_SUCCESS &&
        !deployment.transient_environment() &&
        !deployment.production_environment() &&
        absl::AsciiStrToLower(deployment.environment()) == environment) {
      retired.push_back(deployment.id());
    }
  }
  return retired;
}

}  // namespace

void Replay::Add(const slipway::OutboxEntry& entry, Findings* findings) {
  const v1::Event& event = entry.event;
  const std::string& repository = event.repository().name();
  const std::string place =
      absl::StrCat("the stream at ", entry.global_position);
  if (entry.global_position != ++position_) {
    findings->push_back(
        absl::StrCat(place, ": position ", position_, " should come next"));
    position_ = entry.global_position;
  }
  Stream& stream = streams_[repository];
  if (entry.position != ++stream.position) {
    findings->push_back(absl::StrCat(place, ": position ", entry.position,
                                     " of ", repository, ", and ",
                                     stream.position, " should come next"));
    stream.position = entry.position;
  }
  CheckRetirement(entry, &stream, findings);
  NoteRow(entry, findings);
  const absl::Status status = slipway::Evolve(event, &stream.state);
  if (!status.ok()) {
    findings->push_back(absl::StrCat(place, ": ", status.ToString()));
  }
}

void Replay::CheckRetirement(const slipway::OutboxEntry& entry, Stream* stream,
                             Findings* findings) {
  const v1::Event& event = entry.event;
  const bool is_status = event.type() == v1::EVENT_TYPE_STATUS_CREATED;
  // Retirements have no description; every status of a client has.
  const bool is_retirement = is_status && event.status().description().empty();
  std::vector<int64_t>& retiring = stream->retiring;
  if (!retiring.empty()) {
    if (is_retirement && event.status().deployment_id() == retiring.front() &&
        event.status().state() == v1::STATUS_STATE_INACTIVE) {
      retiring.erase(retiring.begin());
      return;
    }
    findings->push_back(absl::StrCat(
        "the stream at ", entry.global_position,
        ": the success before it is half there: ", retiring.front(), " of ",
        event.repository().name(), " is not retired"));
    retiring.clear();
  }
  if (is_retirement) {
    findings->push_back(
        absl::StrCat("the stream at ", entry.global_position, ": retires ",
                     event.status().deployment_id(), ", which no success did"));
  } else if (is_status && event.status().state() == v1::STATUS_STATE_SUCCESS) {
    retiring = RetiredBy(event.status(), stream->state);
  }
}

void Replay::NoteRow(const slipway::OutboxEntry& entry, Findings* findings) {
  const v1::Event& event = entry.event;
  const std::string& repository = event.repository().name();
  int64_t id = 0;
  int64_t deployment_id = 0;
  const char* told_as = nullptr;
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      id = deployment_id = event.deployment().id();
      made_[event.deployment().description()].push_back(
          {repository, id, id, event.deployment().original_environment(),
           v1::STATUS_STATE_UNSPECIFIED});
      told_as = "deployment";
      break;
    case v1::EVENT_TYPE_STATUS_CREATED:
      id = event.status().id();
      deployment_id = event.status().deployment_id();
      if (!event.status().description().empty()) {
        made_[event.status().description()].push_back(
            {repository, id, deployment_id, "", event.status().state()});
      }
      if (event.status().state() != v1::STATUS_STATE_INACTIVE) {
        told_as = "deployment_status";
      }
      break;
    case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
      deployment_id = event.deployment_id();
      deleted_.insert(deployment_id);
      break;
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED:
      id = event.environment().id();
      break;
    default:
      break;
  }
  if (id != 0 && !ids_.insert(id).second) {
    findings->push_back(absl::StrCat("the stream at ", entry.global_position,
                                     ": the id ", id, " again"));
  }
  if (deployment_id != 0) touched_[repository].insert(deployment_id);
  if (entry.notify != (told_as != nullptr)) {
    findings->push_back(absl::StrCat("the stream at ", entry.global_position,
                                     ": others are ",
                                     entry.notify ? "" : "not ", "told of it"));
  }
  if (told_as != nullptr) {
    notifications_.push_back(
        {told_as, id, deployment_id, entry.global_position});
  }
}

void Replay::NoteEnd(Findings* findings) {
  for (auto& [repository, stream] : streams_) {
    if (stream.retiring.empty()) continue;
    findings->push_back(absl::StrCat(
        "the last success of ", repository,
        " is half there: ", stream.retiring.front(), " is not retired"));
    stream.retiring.clear();
  }
}

const v1::RepositoryState& Replay::StateOf(
    const std::string& repository) const {
  static const auto& none = *new v1::RepositoryState;
  const auto found = streams_.find(repository);
  return found == streams_.end() ? none : found->second.state;
}

DeploymentIds Replay::TakeTouched() { return std::exchange(touched_, {}); }

}  // namespace crash
