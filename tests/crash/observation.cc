#include "slipway/tests/crash/observation.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "slipway/core/rules.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/repository.pb.h"

namespace crash {

namespace v1 = slipway::v1;

const char kOwner[] = "octocat";

namespace {

constexpr int64_t kPageSize = 1000;
constexpr int64_t kNewest = 100;

v1::RepositoryName NameOf(const std::string& repository) {
  v1::RepositoryName name;
  name.set_owner(kOwner);
  name.set_name(repository);
  return name;
}

absl::Status ReadRecord(slipway::Store& store, const std::string& repository,
                        int64_t id,
                        absl::optional<v1::DeploymentRecord>* record) {
  const auto found = store.FindDeployment({NameOf(repository), id});
  if (!found.ok()) return found.status();
  record->reset();
  if (!found->has_value()) return absl::OkStatus();
  *record->emplace().mutable_deployment() = (*found)->deployment;
  slipway::Store::ListStatusesParams params;
  params.repository = NameOf(repository);
  params.deployment_id = id;
  params.limit = kPageSize;
  int64_t total = 0;
  do {
    const auto page = store.ListStatuses(params);
    if (!page.ok()) return page.status();
    if (!page->has_value()) {
      return absl::DataLossError(
          absl::StrCat(id, " of ", repository, " has no list of statuses"));
    }
    total = (*page)->total;
    for (const v1::DeploymentStatus& status : (*page)->rows) {
      *(*record)->add_statuses() = status;
    }
    params.offset += kPageSize;
  } while (params.offset < total);
  // Lists have the newest first.
  auto* statuses = (*record)->mutable_statuses();
  std::reverse(statuses->pointer_begin(), statuses->pointer_end());
  // The row beside the list says the same of the latest one.
  const absl::optional<v1::DeploymentStatus>& latest = (*found)->latest_status;
  const int64_t latest_id = latest.has_value() ? latest->id() : 0;
  const int64_t last_id =
      statuses->empty() ? 0 : (*record)->statuses(statuses->size() - 1).id();
  if (latest_id != last_id || total != statuses->size()) {
    return absl::DataLossError(
        absl::StrCat(id, " of ", repository, ": its latest status is ",
                     latest_id, ", its list has ", statuses->size(), " of ",
                     total, " up to ", last_id));
  }
  return absl::OkStatus();
}

absl::Status AddSample(slipway::Store& store, const v1::Command& command,
                       Observation* observation) {
  const v1::Rules rules = slipway::DocumentedRules();
  absl::StatusOr<v1::Facts> facts = store.Facts({rules, command});
  if (!facts.ok()) return facts.status();
  observation->samples.push_back({command, *std::move(facts)});
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadStream(slipway::Outbox& outbox, int64_t after_position,
                        std::vector<slipway::OutboxEntry>* entries) {
  while (true) {
    auto page = outbox.ReadAll({after_position, kPageSize});
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    for (slipway::OutboxEntry& entry : *page) {
      after_position = entry.global_position;
      entries->push_back(std::move(entry));
    }
  }
}

absl::Status ReadRows(slipway::Store& store, const ObservationPlan& plan,
                      const DeploymentIds& ids, Observation* observation) {
  for (const std::string& repository : plan.repositories) {
    std::set<int64_t> wanted;
    const auto given = ids.find(repository);
    if (given != ids.end()) wanted = given->second;
    slipway::Store::ListDeploymentsParams params;
    params.repository = NameOf(repository);
    params.limit = kNewest;
    const auto page = store.ListDeployments(params);
    if (!page.ok()) return page.status();
    if (!page->has_value()) {
      return absl::DataLossError(absl::StrCat("no repository ", repository));
    }
    observation->totals[repository] = (*page)->total;
    for (const v1::Deployment& deployment : (*page)->rows) {
      wanted.insert(deployment.id());
    }
    for (const int64_t id : wanted) {
      absl::Status status =
          ReadRecord(store, repository, id, &observation->rows[repository][id]);
      if (!status.ok()) return status;
    }

    v1::Command command;
    *command.mutable_repository() = NameOf(repository);
    for (const std::string& environment : plan.environments) {
      command.mutable_create_deployment()->set_environment(environment);
      absl::Status status = AddSample(store, command, observation);
      if (!status.ok()) return status;
    }
    // A success of the newest in each environment, and a deletion.
    for (const std::string& environment : plan.environments) {
      if ((*page)->rows.empty()) break;
      v1::CreateStatus& request = *command.mutable_create_status();
      request.set_deployment_id((*page)->rows.front().id());
      request.set_state(v1::STATUS_STATE_SUCCESS);
      request.set_environment(environment);
      absl::Status status = AddSample(store, command, observation);
      if (!status.ok()) return status;
    }
    if ((*page)->rows.empty()) continue;
    command.mutable_delete_deployment()->set_deployment_id(
        (*page)->rows.back().id());
    absl::Status status = AddSample(store, command, observation);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace crash
