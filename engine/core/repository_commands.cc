// R3 and R5 to R7: repositories, refs and commit contexts, as a host tells the
// engine about them.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/core/draft.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

bool IsSha(absl::string_view sha) {
  if (sha.size() != 40 && sha.size() != 64) return false;
  for (const char c : sha) {
    if (!absl::ascii_isdigit(c) && (c < 'a' || c > 'f')) return false;
  }
  return true;
}

void CheckSha(absl::string_view resource, absl::string_view field,
              absl::string_view sha, Draft& draft) {
  if (IsSha(sha)) return;
  absl::StrAppend(draft.Violate(resource, field, v1::VIOLATION_CODE_INVALID, 6),
                  field, " is not 40 or 64 lower-case hexadecimal digits");
}

void CheckRefType(v1::RefType type, Draft& draft) {
  if (type != v1::REF_TYPE_UNSPECIFIED && v1::RefType_IsValid(type)) return;
  draft.Violate("Ref", "type", v1::VIOLATION_CODE_INVALID, 6)
      ->append("type is neither a branch nor a tag");
}

}  // namespace

void DecidePutRepository(const Question& question, Draft& draft) {
  const v1::Facts& facts = question.facts;
  const v1::Command& command = question.command;
  const v1::PutRepository& request = command.put_repository();
  draft.Cite({1, 3, 5});
  if (request.id() <= 0 || request.id() > kIdMax) {
    draft.Violate("Repository", "id", v1::VIOLATION_CODE_INVALID, 5)
        ->append("id is not from 1 to 2^53 - 1");
  } else if (facts.has_repository() &&
             facts.repository().id() != request.id()) {
    absl::StrAppend(
        draft.Violate("Repository", "id", v1::VIOLATION_CODE_ALREADY_EXISTS, 5),
        "the repository exists with the id ", facts.repository().id());
  }
  draft.CheckName("Repository", "default_branch", request.default_branch());
  if (!v1::RepositoryVisibility_IsValid(request.visibility())) {
    draft.Violate("Repository", "visibility", v1::VIOLATION_CODE_INVALID, 5)
        ->append("visibility is not a known one");
  }
  if (draft.RejectIfViolated()) return;
  if (facts.has_repository_id_holder()) {
    absl::StrAppend(draft.Reject(v1::REASON_REPOSITORY_ID_TAKEN, 5), "The id ",
                    request.id(), " is that of ",
                    facts.repository_id_holder().owner(), "/",
                    facts.repository_id_holder().name());
    return;
  }
  draft.Accept(v1::OUTCOME_REPOSITORY_PUT);
  v1::Event* event = draft.AddEvent(v1::EVENT_TYPE_REPOSITORY_PUT);
  *event->mutable_repository() = command.repository();
  v1::Repository* repository = event->mutable_put_repository();
  repository->set_id(request.id());
  repository->set_owner(command.repository().owner());
  repository->set_name(command.repository().name());
  repository->set_default_branch(request.default_branch());
  repository->set_visibility(request.visibility());
  repository->set_created_at_ms(facts.has_repository()
                                    ? facts.repository().created_at_ms()
                                    : command.time_ms());
  repository->set_updated_at_ms(command.time_ms());
}

void DecideDeleteRepository(const Question& /*question*/, Draft& draft) {
  draft.Cite({5});
  draft.Accept(v1::OUTCOME_REPOSITORY_DELETED);
  draft.AddEvent(v1::EVENT_TYPE_REPOSITORY_DELETED);
}

void DecidePutRef(const Question& question, Draft& draft) {
  const v1::PutRef& request = question.command.put_ref();
  draft.Cite({6});
  draft.CheckName("Ref", "name", request.name());
  CheckRefType(request.type(), draft);
  CheckSha("Ref", "sha", request.sha(), draft);
  if (!request.merge_base_sha().empty()) {
    CheckSha("Ref", "merge_base_sha", request.merge_base_sha(), draft);
  }
  if (draft.RejectIfViolated()) return;
  draft.Accept(v1::OUTCOME_REF_PUT);
  v1::Event* event = draft.AddEvent(v1::EVENT_TYPE_REF_PUT);
  event->mutable_ref()->set_name(request.name());
  event->mutable_ref()->set_type(request.type());
  event->mutable_ref()->set_sha(request.sha());
  event->mutable_commit()->set_sha(request.sha());
  const bool is_default_branch =
      request.type() == v1::REF_TYPE_BRANCH &&
      request.name() == question.facts.repository().default_branch();
  event->mutable_commit()->set_merge_base_sha(
      is_default_branch ? request.sha() : request.merge_base_sha());
}

void DecideDeleteRef(const Question& question, Draft& draft) {
  const v1::DeleteRef& request = question.command.delete_ref();
  draft.Cite({6});
  draft.CheckName("Ref", "name", request.name());
  CheckRefType(request.type(), draft);
  if (draft.RejectIfViolated()) return;
  if (!question.facts.has_existing_ref()) {
    draft.Reject(v1::REASON_REF_NOT_FOUND, 6)
        ->append("Reference does not exist");
    return;
  }
  if (request.type() == v1::REF_TYPE_BRANCH &&
      request.name() == question.facts.repository().default_branch()) {
    draft.Reject(v1::REASON_DEFAULT_BRANCH_NEEDED, 3)
        ->append("The default branch cannot be deleted");
    return;
  }
  draft.Accept(v1::OUTCOME_REF_DELETED);
  *draft.AddEvent(v1::EVENT_TYPE_REF_DELETED)->mutable_ref() =
      question.facts.existing_ref();
}

void DecidePutCommitContext(const Question& question, Draft& draft) {
  const v1::PutCommitContext& request = question.command.put_commit_context();
  draft.Cite({7});
  CheckSha("CommitContext", "sha", request.sha(), draft);
  draft.CheckName("CommitContext", "context", request.context());
  if (request.state() == v1::COMMIT_CONTEXT_STATE_UNSPECIFIED ||
      !v1::CommitContextState_IsValid(request.state())) {
    draft.Violate("CommitContext", "state", v1::VIOLATION_CODE_INVALID, 7)
        ->append("state is not included in the list");
  }
  if (draft.RejectIfViolated()) return;
  if (!question.facts.commit_exists()) {
    absl::StrAppend(draft.Reject(v1::REASON_COMMIT_NOT_FOUND, 7),
                    "No commit found for SHA: ", request.sha());
    return;
  }
  draft.Accept(v1::OUTCOME_COMMIT_CONTEXT_PUT);
  v1::Event* event = draft.AddEvent(v1::EVENT_TYPE_COMMIT_CONTEXT_PUT);
  event->mutable_commit()->set_sha(request.sha());
  event->mutable_context()->set_context(request.context());
  event->mutable_context()->set_state(request.state());
  event->mutable_context()->set_updated_at_ms(question.command.time_ms());
}

void DecideDeleteCommitContext(const Question& question, Draft& draft) {
  const v1::DeleteCommitContext& request =
      question.command.delete_commit_context();
  draft.Cite({7});
  CheckSha("CommitContext", "sha", request.sha(), draft);
  draft.CheckName("CommitContext", "context", request.context());
  if (draft.RejectIfViolated()) return;
  if (!question.facts.commit_exists()) {
    absl::StrAppend(draft.Reject(v1::REASON_COMMIT_NOT_FOUND, 7),
                    "No commit found for SHA: ", request.sha());
    return;
  }
  if (!question.facts.has_existing_context()) {
    absl::StrAppend(draft.Reject(v1::REASON_CONTEXT_NOT_FOUND, 7),
                    "No context found for: ", request.context());
    return;
  }
  draft.Accept(v1::OUTCOME_COMMIT_CONTEXT_DELETED);
  v1::Event* event = draft.AddEvent(v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED);
  event->mutable_commit()->set_sha(request.sha());
  *event->mutable_context() = question.facts.existing_context();
}

}  // namespace internal
}  // namespace slipway
