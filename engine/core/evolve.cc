#include "slipway/core/evolve.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/core/state_index.h"

namespace slipway {
namespace {

using internal::Find;
using internal::FindOrAdd;
using internal::KeyOf;
using internal::Remove;

absl::Status Damaged(const v1::Event& event, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(
      v1::EventType_Name(event.type()), " of ", event.repository().owner(), "/",
      event.repository().name(), ": ", why));
}

// Ids of new rows only grow (R17).
absl::Status NoteId(const v1::Event& event, int64_t id,
                    v1::RepositoryState& state) {
  if (id <= state.last_id()) {
    return Damaged(event,
                   absl::StrCat("id ", id, " is not above ", state.last_id()));
  }
  state.set_last_id(id);
  return absl::OkStatus();
}

absl::Status CreateDeployment(const v1::Event& event,
                              v1::RepositoryState& state) {
  if (!event.has_deployment()) return Damaged(event, "no deployment");
  absl::Status noted = NoteId(event, event.deployment().id(), state);
  if (!noted.ok()) return noted;
  *state.add_deployments()->mutable_deployment() = event.deployment();
  return absl::OkStatus();
}

absl::Status CreateStatus(const v1::Event& event, v1::RepositoryState& state) {
  if (!event.has_status()) return Damaged(event, "no status");
  const v1::DeploymentStatus& status = event.status();
  v1::DeploymentRecord* record =
      Find(*state.mutable_deployments(), status.deployment_id());
  if (record == nullptr) {
    return Damaged(event,
                   absl::StrCat("unknown deployment ", status.deployment_id()));
  }
  absl::Status noted = NoteId(event, status.id(), state);
  if (!noted.ok()) return noted;
  *record->add_statuses() = status;
  record->mutable_deployment()->set_environment(status.environment());
  record->mutable_deployment()->set_updated_at_ms(status.created_at_ms());
  return absl::OkStatus();
}

absl::Status DeleteDeployment(const v1::Event& event,
                              v1::RepositoryState& state) {
  if (!Remove(*state.mutable_deployments(), event.deployment_id())) {
    return Damaged(event,
                   absl::StrCat("unknown deployment ", event.deployment_id()));
  }
  return absl::OkStatus();
}

absl::Status CreateEnvironment(const v1::Event& event,
                               v1::RepositoryState& state) {
  if (!event.has_environment()) return Damaged(event, "no environment");
  absl::Status noted = NoteId(event, event.environment().id(), state);
  if (!noted.ok()) return noted;
  *state.add_environments() = event.environment();
  return absl::OkStatus();
}

absl::Status PutRepository(const v1::Event& event, v1::RepositoryState& state) {
  if (!event.has_put_repository()) return Damaged(event, "no repository");
  *state.mutable_repository() = event.put_repository();
  return absl::OkStatus();
}

absl::Status DeleteRepository(v1::RepositoryState& state) {
  const int64_t last_id = state.last_id();
  state.Clear();
  state.set_last_id(last_id);
  return absl::OkStatus();
}

absl::Status PutRef(const v1::Event& event, v1::RepositoryState& state) {
  if (!event.has_ref() || !event.has_commit()) {
    return Damaged(event, "no ref or no commit");
  }
  *FindOrAdd(*state.mutable_refs(), KeyOf(event.ref())) = event.ref();
  v1::Commit* commit =
      FindOrAdd(*state.mutable_commits(), KeyOf(event.commit()));
  commit->set_sha(event.commit().sha());
  if (!event.commit().merge_base_sha().empty()) {
    commit->set_merge_base_sha(event.commit().merge_base_sha());
  }
  return absl::OkStatus();
}

absl::Status DeleteRef(const v1::Event& event, v1::RepositoryState& state) {
  if (!Remove(*state.mutable_refs(), KeyOf(event.ref()))) {
    return Damaged(event, absl::StrCat("unknown ref ", event.ref().name()));
  }
  return absl::OkStatus();
}

absl::Status PutCommitContext(const v1::Event& event,
                              v1::RepositoryState& state) {
  if (!event.has_context()) return Damaged(event, "no context");
  v1::Commit* commit = Find(*state.mutable_commits(), KeyOf(event.commit()));
  if (commit == nullptr) {
    return Damaged(event,
                   absl::StrCat("unknown commit ", event.commit().sha()));
  }
  *FindOrAdd(*commit->mutable_contexts(), KeyOf(event.context())) =
      event.context();
  return absl::OkStatus();
}

absl::Status DeleteCommitContext(const v1::Event& event,
                                 v1::RepositoryState& state) {
  v1::Commit* commit = Find(*state.mutable_commits(), KeyOf(event.commit()));
  if (commit == nullptr ||
      !Remove(*commit->mutable_contexts(), KeyOf(event.context()))) {
    return Damaged(event,
                   absl::StrCat("unknown context ", event.context().context(),
                                " of commit ", event.commit().sha()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Evolve(const v1::Event& event, v1::RepositoryState* state) {
  if (!state->has_repository() &&
      event.type() != v1::EVENT_TYPE_REPOSITORY_PUT) {
    return Damaged(event, "there is no repository");
  }
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      return CreateDeployment(event, *state);
    case v1::EVENT_TYPE_STATUS_CREATED:
      return CreateStatus(event, *state);
    case v1::EVENT_TYPE_DEPLOYMENT_DELETED:
      return DeleteDeployment(event, *state);
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED:
      return CreateEnvironment(event, *state);
    case v1::EVENT_TYPE_REPOSITORY_PUT:
      return PutRepository(event, *state);
    case v1::EVENT_TYPE_REPOSITORY_DELETED:
      return DeleteRepository(*state);
    case v1::EVENT_TYPE_REF_PUT:
      return PutRef(event, *state);
    case v1::EVENT_TYPE_REF_DELETED:
      return DeleteRef(event, *state);
    case v1::EVENT_TYPE_COMMIT_CONTEXT_PUT:
      return PutCommitContext(event, *state);
    case v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED:
      return DeleteCommitContext(event, *state);
    default:
      return Damaged(event, "unknown type of event");
  }
}

absl::StatusOr<v1::RepositoryState> Evolve(v1::RepositoryState state,
                                           const v1::Event& event) {
  absl::Status status = Evolve(event, &state);
  if (!status.ok()) return status;
  return state;
}

}  // namespace slipway
