#include "slipway/core/decide.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/core/draft.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/v1/actor.pb.h"

namespace slipway {
namespace {

using internal::Draft;
using internal::Question;

// Notes what is wrong with the parts that every command has. These are the
// host's duties, so they go by the names of the messages' fields. Ids are none
// of them where nothing is decided anew.
void CheckCommand(const Question& question, bool needs_ids, Draft& draft) {
  const v1::Command& command = question.command;
  const auto violate = [&draft](absl::string_view field, int rule) {
    return draft.Violate("Command", field, v1::VIOLATION_CODE_INVALID, rule);
  };
  if (const absl::string_view knob = UnknownKnob(question.rules);
      !knob.empty()) {
    absl::StrAppend(violate("rules", 8), knob,
                    " has something that this version does not know");
  }
  if (command.request_case() == v1::Command::REQUEST_NOT_SET) {
    violate("request", 8)->append("request is not set, or not a known one");
  }
  if (command.time_ms() < 0 || command.time_ms() > kTimeMaxMs) {
    absl::StrAppend(violate("time_ms", 8), "time_ms is not from 0 to ",
                    kTimeMaxMs);
  }
  draft.CheckName("Command", "owner", command.repository().owner());
  draft.CheckName("Command", "name", command.repository().name());
  draft.CheckName("Command", "login", command.actor().login());
  if (command.actor().id() <= 0 || command.actor().id() > kIdMax) {
    violate("actor", 8)->append("the actor's id is not from 1 to 2^53 - 1");
  }
  if (!v1::ActorType_IsValid(command.actor().type())) {
    violate("actor", 8)->append("the actor's type is not a known one");
  }
  internal::CheckIdempotencyKey(question, draft);
  if (command.has_expectation() && !command.has_create_status() &&
      !command.has_delete_deployment()) {
    violate("expectation", 101)
        ->append(
            "only create_status and delete_deployment have an expectation");
  }
  const int64_t needed =
      needs_ids ? IdsNeeded(question.facts, command) : int64_t{0};
  if (needed == 0) return;
  const v1::IdBlock& ids = command.ids();
  if (ids.first() <= question.facts.last_id() || ids.first() <= 0) {
    violate("ids", 17)->append(
        "ids are not all above every id that the repository has seen");
  } else if (ids.count() < needed) {
    absl::StrAppend(violate("ids", 17), "ids are ", ids.count(),
                    " where up to ", needed, " are needed");
  } else if (ids.first() > kIdMax || needed - 1 > kIdMax - ids.first()) {
    violate("ids", 17)->append("ids are not all below 2^53");
  }
}

// The one place that knows every kind of command.
void DecideRequest(const Question& question, Draft& draft) {
  switch (question.command.request_case()) {
    case v1::Command::kCreateDeployment:
      return DecideCreateDeployment(question, draft);
    case v1::Command::kCreateStatus:
      return DecideCreateStatus(question, draft);
    case v1::Command::kDeleteDeployment:
      return DecideDeleteDeployment(question, draft);
    case v1::Command::kPutRepository:
      return DecidePutRepository(question, draft);
    case v1::Command::kDeleteRepository:
      return DecideDeleteRepository(question, draft);
    case v1::Command::kPutRef:
      return DecidePutRef(question, draft);
    case v1::Command::kDeleteRef:
      return DecideDeleteRef(question, draft);
    case v1::Command::kPutCommitContext:
      return DecidePutCommitContext(question, draft);
    case v1::Command::kDeleteCommitContext:
      return DecideDeleteCommitContext(question, draft);
    case v1::Command::REQUEST_NOT_SET:
      return;  // CheckCommand has rejected it
  }
}

// R100: the first answer once more, or none where it was another's.
void Replay(const v1::KeyedAnswer& kept, const v1::Command& command,
            Draft& draft, v1::Decision* decision) {
  if (!internal::IsSameRequest(kept.command(), command)) {
    draft.Reject(v1::REASON_IDEMPOTENCY_KEY_REUSED, 100)
        ->append("This idempotency key has been used for another request.");
    return;
  }
  *decision = kept.decision();
  decision->set_replayed(true);
}

void DecideAnew(const Question& question, Draft& draft) {
  if (!question.facts.has_repository() &&
      !question.command.has_put_repository()) {
    draft.Reject(v1::REASON_REPOSITORY_NOT_FOUND, 1)->append("Not Found");
    return;
  }
  DecideRequest(question, draft);
}

}  // namespace

void Decide(const v1::Rules& rules, const v1::Facts& facts,
            const v1::Command& command, v1::Decision* decision) {
  decision->Clear();
  const Question question{rules, LimitsOf(rules), facts, command};
  Draft draft(question, decision);
  const v1::KeyedAnswer* const kept = KeptAnswer(rules, facts, command);
  CheckCommand(question, /*needs_ids=*/kept == nullptr, draft);
  if (decision->has_rejection()) {
    draft.Reject(v1::REASON_MALFORMED_COMMAND, 8)->append("Malformed command");
    return;
  }
  if (kept != nullptr) return Replay(*kept, command, draft, decision);
  DecideAnew(question, draft);
  if (KeepsAnswer(command, *decision)) {
    decision->set_answered_at_ms(command.time_ms());
  }
}

v1::Decision Decide(const v1::Rules& rules, const v1::Facts& facts,
                    const v1::Command& command) {
  v1::Decision decision;
  Decide(rules, facts, command, &decision);
  return decision;
}

}  // namespace slipway
