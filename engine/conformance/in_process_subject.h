// The engine as a subject, in the kit's own process: runner, store and source
// control in memory, with every capability that a subject can have.
//
//   slipway::conformance::InProcessSubject subject(
//       {slipway::DocumentedRules()});
//   v1::Report report = slipway::conformance::Run(options, subject);
//
// Hooks make it wrong on purpose, to show that the kit notices. Each looks at,
// and may change, what passes one place on the way of a call:
//
//   operation ──► rules, ref ──► state ──► facts ──► (Decide) ──► decision
//                                                                    │
//   answer ◄───────────────────────── store ◄────────────────────────┘
//
//   InProcessHooks hooks;
//   // Transient deployments are retired too.
//   hooks.state = [](const slipway::v1::Command&,
//                    slipway::v1::RepositoryState& state) {
//     for (auto& record : *state.mutable_deployments()) {
//       record.mutable_deployment()->set_transient_environment(false);
//     }
//   };
//   InProcessSubject mutant({rules, hooks});

#ifndef SLIPWAY_ENGINE_CONFORMANCE_IN_PROCESS_SUBJECT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_IN_PROCESS_SUBJECT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/subject.pb.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/seed.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace conformance {

// Each may be empty. With clients in parallel, `operation`, `rules`, `ref`,
// `between` and `answer` are called by several threads at once; `state`,
// `facts` and `decision` under the store's lock, so one at a time. None but
// `between` may call the subject.
struct InProcessHooks {
  // A reset: for hooks that remember something.
  std::function<void()> reset;

  // The call as it comes in, ids filled in: reads and writes. What is changed
  // here is what the subject takes the call for: a flag that it overlooks, a
  // filter that it ignores, the next page instead of this one.
  std::function<void(v1::Operation&)> operation;

  // The rules that it lives by, for this call: the wrong knob.
  std::function<void(const v1::Operation&, slipway::v1::Rules&)> rules;

  // What the ref of a create turned out to be, complete with whether it is up
  // to date and its contexts. Not called where there is no such ref.
  std::function<void(const std::string& ref, slipway::v1::ResolvedRef&)> ref;

  // The state, in a copy, just before the facts for the command are taken from
  // it: what the engine believes to be. The facts are then `FactsFor` of it.
  std::function<void(const slipway::v1::Command&,
                     slipway::v1::RepositoryState&)>
      state;

  // The facts of a command, before `Decide`. `state` is the true one. Refs and
  // merges are added to them later: see `ref`.
  std::function<void(const slipway::v1::RepositoryState& state,
                     const slipway::v1::Command&, slipway::v1::Facts&)>
      facts;

  // The decision, before it is committed: events may be changed, dropped and
  // added (a new row takes its id from `take_id`), effects too, acceptance may
  // become rejection. Events that the state cannot take are dropped, and so are
  // effects of events that are not there. It is not asked again after a merge:
  // a decision with the effect MERGE comes by on its own.
  using TakeId = std::function<int64_t()>;
  std::function<void(const slipway::v1::RepositoryState& state,
                     const slipway::v1::Command&, const TakeId& take_id,
                     slipway::v1::Decision&)>
      decision;

  // Set: a command decides on facts that it has read before, in a transaction
  // of their own, and this is called in between, without a lock. Then two at a
  // time lose updates.
  std::function<void()> between;

  // The answer, last of all. `operation` is what the subject took the call for.
  std::function<void(const v1::Operation&, v1::Answer&)> answer;
};

struct InProcessParams {
  slipway::v1::Rules rules;
  InProcessHooks hooks;
};

// Thread-safe, but for `Reset`, which must be alone. A reset gives new store
// objects, so it is cheap. It never hangs, unless a hook does.
class InProcessSubject : public SubjectUnderTest {
 public:
  explicit InProcessSubject(InProcessParams params);
  ~InProcessSubject() override;

  absl::StatusOr<v1::Capabilities> Describe() override;
  absl::StatusOr<std::string> Reset() override;
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override;

  // What its repository starts with: branches, tags and commits that are up to
  // date, behind and in conflict, with and without contexts.
  static const slipway::v1::Seed& SeedOfRepository();

 private:
  struct World;

  const InProcessParams params_;
  std::unique_ptr<World> world_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_IN_PROCESS_SUBJECT_H_
