// One sequence on a subject, from the reset to the look at everything.
//
//   Trials trials(options, subject);
//   TrialResult result = trials.Run(walk);
//   if (result.outcome == TrialResult::Outcome::kMismatch) ...
//
// Used by the kit; not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_TRIAL_H_
#define SLIPWAY_ENGINE_CONFORMANCE_TRIAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "slipway/conformance/comparison.h"
#include "slipway/conformance/generator.h"
#include "slipway/conformance/oracle.h"
#include "slipway/conformance/parallel.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace slipway {
namespace conformance {

struct TrialOptions {
  v1::Profile profile;
  v1::Capabilities capabilities;
  int clients = 1;
  // Part of the names in a repository that is shared.
  std::string run_name;
  // Of the search for an order of parallel calls.
  int64_t attempts_max = 200000;
  // May be empty.
  std::function<void(const v1::History&)> on_history;
};

struct TrialResult {
  enum class Outcome {
    kPassed,
    kMismatch,
    // A rule that the profile leaves open: the sequence ended there, and says
    // nothing.
    kOpen,
    // The search for an order of parallel calls was not finished.
    kNotDecided,
    // `status` of the subject.
    kNoAnswer,
  };
  Outcome outcome = Outcome::kPassed;
  absl::Status status;
  Mismatch mismatch;
  // Of the operation that showed it; its place, or -1: the look at the end.
  v1::Answer expected;
  v1::Answer actual;
  int step = -1;
  // The call of the look at the end that was made last.
  v1::Operation look;
  // How many steps of the walk were made.
  size_t walk_steps = 0;
  // What was made: only where the outcome is not kPassed. Without ids.
  v1::Sequence sequence;
  // The lines that make the same calls by hand.
  std::vector<std::string> calls;
};

// What the trials so far have come to.
struct Tally {
  static constexpr size_t kRulesMax = 128;
  using ByRule = std::array<int64_t, kRulesMax>;
  // By rule, how many operations it had a say in that were answered right, and
  // how many wrong answers may break it.
  ByRule right_by_rule = {};
  ByRule wrong_by_rule = {};
  int64_t steps = 0;
  int64_t histories_explained = 0;
  int64_t histories_not_decided = 0;
  int64_t open_sequences = 0;
};

// Not thread-safe. Total: whatever the subject does is a result.
class Trials {
 public:
  Trials(TrialOptions options, SubjectUnderTest& subject);

  TrialResult Run(const OperationWalk& walk);
  TrialResult Replay(const v1::Sequence& sequence);

  // Cleans up; what is left over, for people.
  std::string CleanUp();

  // Counted while `counting`.
  const Tally& tally() const { return tally_; }
  void set_counting(bool counting) { counting_ = counting; }

 private:
  using Operations = google::protobuf::RepeatedPtrField<v1::Operation>;

  bool Begin(TrialResult& result);
  void NoteLeftOver(const std::string& left_over);
  // Makes one operation; false where the sequence ends with it.
  bool Make(v1::Operation& operation, int step, TrialResult& result);
  // `operations`, whose names end in `suffix`, as those of this trial.
  Operations Renamed(Operations operations, const std::string& suffix) const;
  void MakeAll(const Operations& operations, const std::string& suffix,
               TrialResult& result);
  void LookBefore(TrialResult& result);
  void Look(TrialResult& result);
  void RunInParallel(TrialResult& result);
  void LearnMerges(const v1::History& history);
  // Notes what an answer that was right has to have led to.
  void Right(const v1::Operation& operation, const Expectation& expected,
             const v1::Answer& answer);
  // Where notifications come late: whether they are right.
  void CheckLateNotifications(TrialResult& result);
  // `code` is that of the answer; 0 where nothing could be made of it.
  void Conclude(Mismatch mismatch, int code, TrialResult& result) const;
  // Whether `operation`, of refs that were as `before`, has merged, by the code
  // of an answer that is wrong.
  void NoteMerge(const v1::Operation& operation,
                 const std::vector<v1::RefFixture>& before, int code);
  // Whether a call in parallel failed as no order can explain.
  bool HasFailed(const v1::History& history, TrialResult& result);
  // What is to be done when all calls are made.
  void End(TrialResult& result);
  void Count(const std::vector<int>& rules, Tally::ByRule& by_rule) const;
  void CountRight(int rule, int64_t steps);

  const TrialOptions options_;
  SubjectUnderTest& subject_;
  Tally tally_;
  bool counting_ = true;
  int64_t trials_ = 0;
  // What could not be deleted so far, for people.
  std::vector<std::string> left_over_;

  // What is believed of a repository that is shared, from trial to trial.
  google::protobuf::RepeatedPtrField<v1::RefFixture> refs_;
  bool others_exist_ = false;
  // Where the last trial ended at a wrong answer that may have merged, or not.
  absl::optional<google::protobuf::RepeatedPtrField<v1::RefFixture>>
      refs_as_answered_;

  // Of the trial that is being made, or was made last.
  // What its names end in where the repository is shared.
  std::string suffix_;
  absl::optional<Oracle> oracle_;
  absl::optional<Comparison> comparison_;
  absl::optional<Generator> generator_;
  SymbolTable symbols_;
  // What others are to be told by its end, and how many calls decided that.
  v1::NotificationsRequest told_;
  int64_t told_steps_ = 0;
  Operations operations_;
  Operations parallel_;
  Operations look_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_TRIAL_H_
