// The one loop that joins the pure core to the world: it asks the store for the
// facts and source control about the ref, decides, commits, merges where a
// decision says so, and asks again.
//
//   slipway::Runner runner({&store, &source_control, &clock, &ids});
//   slipway::v1::Command command;
//   command.mutable_repository()->set_owner("octocat");
//   ...
//   absl::StatusOr<slipway::v1::Decision> decision = runner.Execute(command);
//   if (!decision.ok()) ...                 // the machinery failed
//   if (decision->has_rejection()) ...      // the answer is no

#ifndef SLIPWAY_ENGINE_RUNNER_RUNNER_H_
#define SLIPWAY_ENGINE_RUNNER_RUNNER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/ports/clock.h"
#include "slipway/ports/id_source.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/source_control.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {

// What a runner works with. Not owned; all must outlive it.
struct RunnerParams {
  Store* store = nullptr;
  // nullptr: refs are those that `put_ref` told the store, and a merge is a
  // conflict, because there is nobody to do it.
  SourceControl* source_control = nullptr;
  Clock* clock = nullptr;
  IdSource* ids = nullptr;
  // Empty: as documented.
  v1::Rules rules = {};
  // Gets slipway_decisions_total{kind, outcome}: of the command the name of its
  // request ("create_status", or "none"); that of the acceptance's outcome
  // ("status_created"), the rejection's reason ("invalid_fields"), "replayed"
  // (R100), "unknown" where nobody can know whether it happened, or "failed".
  // nullptr: nobody counts.
  Metrics* metrics = nullptr;
};

// Thread-safe: commands on one repository are decided one after the other,
// those on different repositories side by side, as far as the store lets them.
class Runner {
 public:
  // `store`, `clock` and `ids` are needed.
  explicit Runner(RunnerParams params);

  // Decides `command` and makes the decision durable. Time and ids that the
  // command does not bring (a time of 0, no ids) are filled in, inside of the
  // store's transaction, so that ids grow in the order of the decisions (R17),
  // and so do times unless the clock steps back.
  //
  // OK is an answer: an acceptance that is durable, or a rejection that has
  // changed nothing. A command whose idempotency key has an answer already gets
  // that one, `replayed`, and takes no ids (R100). The outcome is never
  // MERGE_REQUIRED: the merge has been tried (R13), and one that was done stays
  // even if this call fails after it.
  // ABORTED: the ref moved each time that it was to be merged; ask again.
  // UNAVAILABLE, UNKNOWN, DATA_LOSS: the store's or source control's, see
  // there.
  // RESOURCE_EXHAUSTED: there are no ids left.
  absl::StatusOr<v1::Decision> Execute(const v1::Command& command);

  // What `Execute` would answer now, without committing or merging anything
  // (and so with the outcome MERGE_REQUIRED where it would merge). Fails alike.
  absl::StatusOr<v1::Decision> DryRun(const v1::Command& command);

  const v1::Rules& rules() const { return params_.rules; }

 private:
  // What is known of the world beside the store's facts.
  struct Outside {
    // Set where source control was asked; holds nullopt where it knew no ref.
    absl::optional<absl::optional<v1::ResolvedRef>> ref;
    v1::MergeOutcome merge_outcome = v1::MERGE_OUTCOME_UNSPECIFIED;
    v1::Repository repository;
  };

  // `Execute`, uncounted.
  absl::StatusOr<v1::Decision> DecideAndCommit(const v1::Command& command);
  void Count(const v1::Command& command,
             const absl::StatusOr<v1::Decision>& decision);
  absl::Status AskSourceControl(const v1::Command& command, Outside* outside);
  absl::StatusOr<SourceControl::MergeResult> Merge(const v1::Command& command,
                                                   const v1::MergeEffect& merge,
                                                   const Outside& outside);
  // Decides on the store's facts and `outside`. `filled` is a copy of
  // `command`, made outside of the transaction, whose time and ids are filled
  // in here, anew each time.
  absl::Status DecideWith(const v1::Facts& facts, const Outside& outside,
                          const v1::Command& command, v1::Command* filled,
                          v1::Decision* decision);

  RunnerParams params_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_RUNNER_RUNNER_H_
