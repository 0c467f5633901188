// R100.

#include <algorithm>
#include <initializer_list>

#include "absl/strings/string_view.h"
#include "engine/core/draft.h"
#include "slipway/core/names.h"

namespace slipway {
namespace internal {
namespace {

bool AreUtf8(std::initializer_list<absl::string_view> texts) {
  return std::all_of(texts.begin(), texts.end(), IsUtf8);
}

// Whether every text of a command's request is UTF-8.
bool IsUtf8Throughout(const v1::Command& command) {
  switch (command.request_case()) {
    case v1::Command::kCreateDeployment: {
      const v1::CreateDeployment& request = command.create_deployment();
      const auto& contexts = request.required_contexts().contexts();
      return AreUtf8({request.ref(), request.task(), request.environment(),
                      request.description()}) &&
             std::all_of(contexts.begin(), contexts.end(), IsUtf8);
    }
    case v1::Command::kCreateStatus: {
      const v1::CreateStatus& request = command.create_status();
      return AreUtf8({request.description(), request.environment(),
                      request.environment_url(), request.log_url(),
                      request.target_url()});
    }
    case v1::Command::kPutRepository:
      return IsUtf8(command.put_repository().default_branch());
    case v1::Command::kPutRef: {
      const v1::PutRef& request = command.put_ref();
      return AreUtf8({request.name(), request.sha(), request.merge_base_sha()});
    }
    case v1::Command::kDeleteRef:
      return IsUtf8(command.delete_ref().name());
    case v1::Command::kPutCommitContext: {
      const v1::PutCommitContext& request = command.put_commit_context();
      return AreUtf8({request.sha(), request.context()});
    }
    case v1::Command::kDeleteCommitContext: {
      const v1::DeleteCommitContext& request = command.delete_commit_context();
      return AreUtf8({request.sha(), request.context()});
    }
    case v1::Command::kDeleteDeployment:
    case v1::Command::kDeleteRepository:
    case v1::Command::REQUEST_NOT_SET:
      return true;
  }
  return true;
}

// The request, and what it rests on, without what differs from try to try or
// has more than one spelling.
v1::Command RequestOf(const v1::Command& command) {
  v1::Command request = command;
  request.clear_repository();
  request.clear_actor();
  request.clear_time_ms();
  request.clear_ids();
  request.clear_idempotency_key();
  return request;
}

}  // namespace

void CheckIdempotencyKey(const Question& question, Draft& draft) {
  const v1::Command& command = question.command;
  if (command.idempotency_key().empty()) return;
  draft.Cite({100});
  draft.CheckText("Command", "idempotency_key", command.idempotency_key(),
                  question.limits.idempotency_key_bytes_max());
  // The command is kept, and what is not UTF-8 could not be read again.
  if (IsUtf8(command.idempotency_key()) && !IsUtf8Throughout(command)) {
    draft
        .Violate("Command", "idempotency_key", v1::VIOLATION_CODE_CUSTOM,
                 /*rule=*/100)
        ->append("a command with an idempotency_key must be all UTF-8");
  }
}

bool IsSameRequest(const v1::Command& a, const v1::Command& b) {
  return SameName(a.repository(), b.repository()) &&
         a.actor().id() == b.actor().id() && IsUtf8Throughout(a) &&
         IsUtf8Throughout(b) &&
         RequestOf(a).SerializeAsString() == RequestOf(b).SerializeAsString();
}

}  // namespace internal
}  // namespace slipway
