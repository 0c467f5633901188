// What the deciders of engine/core share: the question in front of them and the
// answer that they are writing. Not for users of the engine.

#ifndef SLIPWAY_ENGINE_CORE_DRAFT_H_
#define SLIPWAY_ENGINE_CORE_DRAFT_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

// Everything that a decision may look at.
struct Question {
  const v1::Rules& rules;
  const v1::Limits limits;  // with every default filled in
  const v1::Facts& facts;
  const v1::Command& command;
};

// A decision in the making. It writes into the caller's message and allocates
// nothing that the message does not need.
class Draft {
 public:
  Draft(const Question& question, v1::Decision* decision)
      : question_(question), decision_(decision) {}

  // Notes that these rules had a say in the answer.
  void Cite(std::initializer_list<int> rules);

  // Starts an acceptance.
  v1::Acceptance* Accept(v1::Outcome outcome);
  // Appends an event with the command's repository, time and actor.
  v1::Event* AddEvent(v1::EventType type);
  // Asks the host to tell others about the event added last (R80).
  void NotifyOfLastEvent();
  // The same for a status, with its deployment as the status leaves it.
  void NotifyOfStatus(const v1::DeploymentStatus& status);
  // The next id of the command's block. Only as many as `IdsNeeded` says.
  int64_t TakeId() { return question_.command.ids().first() + ids_taken_++; }

  // Starts a rejection; whatever violations were noted stay in it. Returns its
  // message, empty, to append to.
  std::string* Reject(v1::Reason reason, int rule);

  // Lists a context in a rejection (R15).
  v1::CommitContext* AddContext();
  void AddContext(const v1::CommitContext& context) { *AddContext() = context; }

  // Notes something wrong with the request. Returns the message to append to.
  std::string* Violate(absl::string_view resource, absl::string_view field,
                       v1::ViolationCode code, int rule);
  // Whether anything was noted; if so, rejects as INVALID_FIELDS.
  bool RejectIfViolated();

  // Whether the command expects another latest status than the deployment's; if
  // so, rejects (R101). For when nothing else is wrong.
  bool RejectIfMovedOn();

  // Notes text that is not UTF-8 or has more than `bytes_max` bytes (R4).
  void CheckText(absl::string_view resource, absl::string_view field,
                 absl::string_view value, int64_t bytes_max);
  // The same for a name that must not be empty.
  void CheckName(absl::string_view resource, absl::string_view field,
                 absl::string_view value);
  // Notes a name that no environment can have (R60).
  void CheckEnvironmentName(absl::string_view resource,
                            absl::string_view value);

 private:
  const Question& question_;
  v1::Decision* decision_;
  int64_t ids_taken_ = 0;
  int first_violated_rule_ = 0;
};

// Notes what is wrong with a command's idempotency key (R100).
void CheckIdempotencyKey(const Question& question, Draft& draft);
// Whether two commands under one key are the same request (R100).
bool IsSameRequest(const v1::Command& a, const v1::Command& b);

// One per kind of command. Each is called with a well-formed command of its
// kind on a repository that exists (but for put_repository).
void DecideCreateDeployment(const Question& question, Draft& draft);
void DecideCreateStatus(const Question& question, Draft& draft);
void DecideDeleteDeployment(const Question& question, Draft& draft);
void DecidePutRepository(const Question& question, Draft& draft);
void DecideDeleteRepository(const Question& question, Draft& draft);
void DecidePutRef(const Question& question, Draft& draft);
void DecideDeleteRef(const Question& question, Draft& draft);
void DecidePutCommitContext(const Question& question, Draft& draft);
void DecideDeleteCommitContext(const Question& question, Draft& draft);

// Adds the environment called `name` to an acceptance, where there is none yet
// (R16).
void CreateEnvironmentIfNew(const Question& question, const std::string& name,
                            Draft& draft);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_DRAFT_H_
