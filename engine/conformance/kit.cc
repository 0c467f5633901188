#include "slipway/conformance/kit.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "engine/conformance/trial.h"
#include "slipway/conformance/generator.h"
#include "slipway/conformance/rule_table.h"
#include "slipway/conformance/smaller_sequence.h"

namespace slipway {
namespace conformance {
namespace {

using Outcome = TrialResult::Outcome;

constexpr int kClientsMax = 4;
// How many calls each client makes in parallel.
constexpr int kCallsPerClient = 3;
// What happens between clients is up to chance: how often an attempt of
// shrinking, and the replay, may take it.
constexpr int kChances = 5;
constexpr int kReplayChances = 20;
// How often a failure is tried again before it is taken for a flaky one.
constexpr int kAgainMax = 3;
// How many calls without an answer shrinking one failure bears.
constexpr int kSilencesMax = 3;
constexpr int64_t kProgressMs = 100;
// What a note ends in where a rule had to be reached.
constexpr char kMustBe[] = "; it has to be tested";

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool IsMismatchOf(const TrialResult& result, int rule) {
  return result.outcome == Outcome::kMismatch &&
         result.mismatch.rules.front() == rule;
}

// One run, from the first question to the report.
class KitRun {
 public:
  KitRun(const RunOptions& options, SubjectUnderTest& subject)
      : options_(options), subject_(subject), began_ms_(NowMs()) {}

  v1::Report Run() {
    if (!Start(options_.profile, options_.clients)) return Conclude();
    WalkOptions walks;
    walks.steps_max = std::max<int64_t>(options_.steps_max, 1);
    if (options_.clients > 1) {
      walks.parallel_max = std::min<int64_t>(kCallsPerClient * options_.clients,
                                             walks.steps_max);
    }
    for (int64_t i = 0; i < options_.sequences; ++i) {
      const rc::Shrinkable<OperationWalk> walk =
          MakeWalk(walks, options_.seed, i);
      const OperationWalk made = walk.value();
      TrialResult result = trials_->Run(made);
      ++sequences_;
      if (result.outcome == Outcome::kNoAnswer) {
        CouldNotRun(result);
        break;
      }
      if (result.outcome == Outcome::kMismatch) {
        Found(made, std::move(result));
        if (failures_ >= options_.failures_max) break;
      }
      ShowProgress(/*at_end=*/false);
    }
    ShowProgress(/*at_end=*/true);
    return Conclude();
  }

  v1::Report Replay(const v1::Sequence& sequence) {
    is_replay_ = true;
    int clients = 1;
    for (const v1::Operation& operation : sequence.parallel()) {
      clients = std::max(clients, operation.client() + 1);
    }
    if (!Start(sequence.has_profile() ? sequence.profile() : options_.profile,
               clients)) {
      return Conclude();
    }
    if (sequence.operations().empty() && sequence.parallel().empty()) {
      report_.set_could_not_run("the sequence has no operations");
      return Conclude();
    }
    bool decided = false;
    const int chances = sequence.parallel().empty() ? 1 : kReplayChances;
    for (int i = 0; i < chances; ++i) {
      TrialResult result = trials_->Replay(sequence);
      ++sequences_;
      if (result.outcome == Outcome::kNoAnswer) CouldNotRun(result);
      decided = decided || result.outcome != Outcome::kNotDecided;
      if (result.outcome == Outcome::kMismatch) {
        const bool again = Repeats(result);
        AddFailure(std::move(result), again);
      }
      if (!report_.could_not_run().empty() || !failed_.empty()) break;
    }
    if (!decided) report_.set_could_not_run(NotDecided());
    return Conclude();
  }

 private:
  // False: it cannot be run, as the report says.
  bool Start(const v1::Profile& profile, int clients) {
    *report_.mutable_profile() = profile;
    report_.set_seed(options_.seed);
    clients_ = clients;
    for (const auto& known : options_.known_failures) {
      const int rule = known.first;
      if (std::any_of(RuleTable().begin(), RuleTable().end(),
                      [&](const RuleRow& row) { return row.number == rule; })) {
        continue;
      }
      report_.set_could_not_run(
          absl::StrCat("the known failures: the kit has no rule R", rule));
      return false;
    }
    const absl::StatusOr<v1::Capabilities> capabilities = subject_.Describe();
    if (!capabilities.ok()) {
      report_.set_could_not_run(
          absl::StrCat("the subject did not say what it can do: ",
                       capabilities.status().ToString()));
      return false;
    }
    *report_.mutable_capabilities() = *capabilities;
    if (capabilities->refs().empty()) {
      report_.set_could_not_run(
          "the subject has no refs that deployments could be made of");
      return false;
    }
    if (clients < 1 || clients > kClientsMax) {
      report_.set_could_not_run(
          absl::StrCat("clients are from 1 to ", kClientsMax));
      return false;
    }
    if (clients > 1 && clients > capabilities->clients_max()) {
      report_.set_could_not_run(
          absl::StrCat("the subject takes calls from ",
                       std::max(1, capabilities->clients_max()),
                       " clients at the most, not from ", clients));
      return false;
    }
    TrialOptions trial;
    trial.profile = profile;
    trial.capabilities = *capabilities;
    trial.clients = clients;
    trial.run_name = options_.run_name.empty() ? absl::StrCat(options_.seed)
                                               : options_.run_name;
    trial.attempts_max = options_.order_attempts_max;
    trial.on_history = options_.on_history;
    trials_.emplace(std::move(trial), subject_);
    return true;
  }

  void CouldNotRun(const TrialResult& result) {
    std::string what = result.status.ToString();
    if (result.step >= 0 && result.step < result.sequence.operations_size()) {
      absl::StrAppend(
          &what, ", at operation ", result.step + 1, " of sequence ",
          sequences_, ": ",
          result.sequence.operations(result.step).ShortDebugString());
    }
    report_.set_could_not_run(std::move(what));
  }

  // -------------------------------------------------------------------------
  // Failures.

  // A wrong answer in the middle of the run.
  void Found(const OperationWalk& walk, TrialResult result) {
    const int rule = result.mismatch.rules.front();
    if (failed_.count(rule) > 0) return;
    found_after_ = sequences_;
    trials_->set_counting(false);
    // What goes wrong one by one as well says more when it is told so.
    if (!walk.parallel.empty() && result.sequence.parallel_size() > 0) {
      v1::Sequence one_by_one = result.sequence;
      one_by_one.mutable_operations()->MergeFrom(one_by_one.parallel());
      one_by_one.clear_parallel();
      TrialResult sequential = trials_->Replay(one_by_one);
      if (sequential.outcome == Outcome::kMismatch) {
        if (failed_.count(sequential.mismatch.rules.front()) == 0) {
          Shrinking shrinking(std::move(sequential));
          ShrinkSequence(shrinking);
          const bool again = Repeats(shrinking.found);
          AddFailure(std::move(shrinking.found), again);
        }
        trials_->set_counting(true);
        return;
      }
    }
    result = Shrink(walk, std::move(result));
    const bool again = Repeats(result);
    AddFailure(std::move(result), again);
    trials_->set_counting(true);
  }

  // A failure on its way to a smaller one. What leads in it is a guess, and a
  // smaller one may have a better guess among what was found first.
  struct Shrinking {
    explicit Shrinking(TrialResult first)
        : found(std::move(first)), rules(found.mismatch.rules) {}

    TrialResult found;
    const std::vector<int> rules;
    int64_t attempts = 0;
    int silences = 0;
  };

  // Whether it may be the failure that was found, and none that is known.
  bool IsTheSame(const TrialResult& result, const Shrinking& shrinking) const {
    if (result.outcome != Outcome::kMismatch) return false;
    const int rule = result.mismatch.rules.front();
    return failed_.count(rule) == 0 &&
           std::find(shrinking.rules.begin(), shrinking.rules.end(), rule) !=
               shrinking.rules.end();
  }

  bool MayGoOn(const Shrinking& shrinking) const {
    return shrinking.attempts < options_.shrink_attempts_max &&
           shrinking.silences < kSilencesMax;
  }

  // Whether what `make` does, as often as chance needs, is the same failure: it
  // is then what was found.
  template <typename Make>
  bool StillFails(Make make, bool one_by_one, Shrinking& shrinking) {
    ++shrinking.attempts;
    for (int i = 0; i < (one_by_one ? 1 : kChances); ++i) {
      TrialResult result = make();
      if (IsTheSame(result, shrinking)) {
        shrinking.found = std::move(result);
        return true;
      }
      if (result.outcome == Outcome::kNoAnswer) {
        ++shrinking.silences;
        return false;
      }
    }
    return false;
  }
  bool StillFails(const OperationWalk& walk, Shrinking& shrinking) {
    return StillFails([&] { return trials_->Run(walk); }, walk.parallel.empty(),
                      shrinking);
  }
  bool StillFails(const v1::Sequence& sequence, Shrinking& shrinking) {
    return StillFails([&] { return trials_->Replay(sequence); },
                      sequence.parallel().empty(), shrinking);
  }

  // The smallest one.
  TrialResult Shrink(const OperationWalk& walk, TrialResult found) {
    // What came after the wrong answer is of no account.
    OperationWalk cut = walk;
    if (found.sequence.parallel().empty()) {
      cut.steps.resize(std::min(cut.steps.size(), found.walk_steps));
      cut.parallel.clear();
    }
    Shrinking shrinking(std::move(found));
    // Only what happens again can be told from what is of no account.
    bool again = false;
    for (int i = 0; i < kAgainMax && !again; ++i) {
      again = StillFails(cut, shrinking);
    }
    if (again) {
      ShrinkWalk(std::move(cut), shrinking);
      ShrinkSequence(shrinking);
    }
    return std::move(shrinking.found);
  }

  void ShrinkWalk(OperationWalk walk, Shrinking& shrinking) {
    rc::Shrinkable<OperationWalk> smallest = ShrinkableWalk(std::move(walk));
    bool smaller = true;
    while (smaller) {
      smaller = false;
      rc::Seq<rc::Shrinkable<OperationWalk>> candidates = smallest.shrinks();
      while (!smaller && MayGoOn(shrinking)) {
        rc::Maybe<rc::Shrinkable<OperationWalk>> candidate = candidates.next();
        if (!candidate) break;
        if (!StillFails(candidate->value(), shrinking)) continue;
        smallest = *candidate;
        smaller = true;
      }
    }
  }

  // What cannot go from the walk may go from what the walk has led to.
  void ShrinkSequence(Shrinking& shrinking) {
    bool smaller = true;
    while (smaller) {
      smaller = false;
      for (const v1::Sequence& candidate :
           SmallerSequences(shrinking.found.sequence)) {
        if (!MayGoOn(shrinking)) break;
        smaller = StillFails(candidate, shrinking);
        if (smaller) break;
      }
    }
    shrinking.found.sequence = Renumbered(std::move(shrinking.found.sequence));
  }

  // Whether the sequence of `result` fails once more.
  bool Repeats(const TrialResult& result) {
    const int rule = result.mismatch.rules.front();
    const bool counted = result.sequence.parallel().empty();
    const int chances = counted ? 1 : kReplayChances;
    trials_->set_counting(false);
    bool again = false;
    for (int i = 0; i < chances && !again; ++i) {
      again = IsMismatchOf(trials_->Replay(result.sequence), rule);
    }
    trials_->set_counting(true);
    return again;
  }

  void AddFailure(TrialResult result, bool reproduced) {
    const int rule = result.mismatch.rules.front();
    failed_.insert(rule);
    if (options_.known_failures.count(rule) == 0) ++failures_;
    v1::Failure& failure = *report_.add_failures();
    for (const int broken : result.mismatch.rules) failure.add_rules(broken);
    failure.set_summary(std::move(result.mismatch.summary));
    *failure.mutable_sequence() = std::move(result.sequence);
    failure.mutable_sequence()->set_seed(options_.seed);
    failure.mutable_sequence()->set_description(failure.summary());
    *failure.mutable_expected() = std::move(result.expected);
    *failure.mutable_actual() = std::move(result.actual);
    failure.set_step(result.step);
    failure.set_reproduced(reproduced);
    failure.set_sequences_to_find(std::max<int64_t>(found_after_, 1));
    for (std::string& call : result.calls) {
      failure.add_curl(std::move(call));
    }
  }

  // -------------------------------------------------------------------------
  // The report.

  int64_t RightStepsOf(int rule) const {
    return trials_.has_value()
               ? trials_->tally().right_by_rule[static_cast<size_t>(rule)]
               : 0;
  }
  int64_t StepsOf(int rule) const {
    return trials_.has_value()
               ? trials_->tally().wrong_by_rule[static_cast<size_t>(rule)] +
                     RightStepsOf(rule)
               : 0;
  }

  bool IsLeftOpen(int rule) const {
    const auto& open = report_.profile().open_rules();
    return std::find(open.begin(), open.end(), rule) != open.end();
  }

  std::string WhyNot(const RuleRow& row) const {
    if (IsLeftOpen(row.number)) return "the profile leaves it open";
    std::string why_not =
        WhyNotTested(row, report_.capabilities(), report_.profile().rules());
    if (why_not.empty() && row.need == RuleNeed::kSeveralClients &&
        clients_ == 1) {
      return "it needs clients in parallel";
    }
    return why_not;
  }

  void AddRule(const RuleRow& row) {
    v1::RuleResult& result = *report_.add_rules();
    result.set_fails_run(Judge(row, result));
  }

  // Whether the rule makes the run fail.
  bool Judge(const RuleRow& row, v1::RuleResult& result) {
    result.set_rule(row.number);
    result.set_title(std::string(row.title));
    result.set_level(row.level);
    const bool must_be_reached = options_.reach_all && !is_replay_ &&
                                 row.level != v1::LEVEL_OPEN &&
                                 !IsLeftOpen(row.number);
    result.set_steps(StepsOf(row.number));
    const auto known = options_.known_failures.find(row.number);
    const bool is_known = known != options_.known_failures.end();
    if (failed_.count(row.number) > 0) {
      result.set_outcome(is_known ? v1::RULE_OUTCOME_KNOWN
                                  : v1::RULE_OUTCOME_FAILED);
      if (is_known) result.set_note(known->second);
      return !is_known;
    }
    const std::string why_not = WhyNot(row);
    if (!why_not.empty()) {
      result.set_outcome(v1::RULE_OUTCOME_NOT_TESTED);
      result.set_note(absl::StrCat(why_not, must_be_reached ? kMustBe : ""));
      result.clear_steps();
      return must_be_reached;
    }
    // A wrong answer that breaks another rule may hide what it does to this.
    if (RightStepsOf(row.number) == 0) {
      result.set_outcome(v1::RULE_OUTCOME_NOT_REACHED);
      if (result.steps() > 0) {
        result.set_note("no step that it had a say in was answered right");
      } else if (row.number == 36) {
        result.set_note(NotDecided());
      }
      if (must_be_reached) {
        absl::StrAppend(result.mutable_note(), result.note().empty()
                                                   ? "it has to be tested"
                                                   : kMustBe);
      }
      return must_be_reached;
    }
    result.set_outcome(v1::RULE_OUTCOME_PASSED);
    if (is_known && !is_replay_) {
      result.set_note(
          absl::StrCat("in the list of known failures (", known->second,
                       "), but it has passed: take it off the list"));
      return true;
    }
    if (row.number == 36) result.set_note(NotDecided());
    if (row.number == 22 && !report_.capabilities().lends_clock()) {
      result.set_note("seen only to within a second: the clock is not lent");
    }
    return false;
  }

  std::string NotDecided() const {
    if (!trials_.has_value()) return "";
    const Tally& tally = trials_->tally();
    if (tally.histories_not_decided == 0) return "";
    return absl::StrCat(tally.histories_not_decided, " of ",
                        tally.histories_not_decided + tally.histories_explained,
                        " histories have too many orders to be decided");
  }

  v1::Report Conclude() {
    if (trials_.has_value()) {
      report_.set_left_over(trials_->CleanUp());
      report_.set_steps(trials_->tally().steps);
      report_.set_open_sequences(trials_->tally().open_sequences);
    }
    report_.set_sequences(sequences_);
    report_.set_elapsed_ms(NowMs() - began_ms_);
    bool fails = failures_ > 0;
    for (const RuleRow& row : RuleTable()) {
      AddRule(row);
      fails = fails || report_.rules().rbegin()->fails_run();
    }
    report_.set_verdict(!report_.could_not_run().empty()
                            ? v1::VERDICT_COULD_NOT_RUN
                        : fails ? v1::VERDICT_DOES_NOT_CONFORM
                                : v1::VERDICT_CONFORMS);
    return std::move(report_);
  }

  void ShowProgress(bool at_end) {
    if (!options_.on_progress) return;
    const int64_t now_ms = NowMs();
    if (!at_end && now_ms - shown_ms_ < kProgressMs) return;
    shown_ms_ = now_ms;
    Progress progress;
    progress.sequences = sequences_;
    progress.sequences_max = options_.sequences;
    progress.steps = trials_->tally().steps;
    progress.steps_per_second =
        1000.0 * static_cast<double>(progress.steps) /
        static_cast<double>(std::max<int64_t>(now_ms - began_ms_, 1));
    for (const RuleRow& row : RuleTable()) {
      if (!WhyNot(row).empty()) continue;
      ++progress.rules_to_reach;
      if (StepsOf(row.number) > 0) ++progress.rules_reached;
    }
    options_.on_progress(progress);
  }

  const RunOptions& options_;
  SubjectUnderTest& subject_;
  const int64_t began_ms_;
  int64_t shown_ms_ = 0;
  bool is_replay_ = false;
  int clients_ = 1;
  int64_t sequences_ = 0;
  int64_t found_after_ = 0;
  // Those that are not known.
  int failures_ = 0;
  // The rules that lead in a failure.
  std::set<int> failed_;
  absl::optional<Trials> trials_;
  v1::Report report_;
};

}  // namespace

v1::Profile DocumentedProfile() {
  v1::Profile profile;
  profile.set_name("documented");
  profile.mutable_rules();
  return profile;
}

v1::Profile ObservedProfile() {
  v1::Profile profile;
  profile.set_name("observed");
  profile.mutable_rules()->set_deletion_scope(
      slipway::v1::DELETION_SCOPE_ENVIRONMENT);
  return profile;
}

v1::Report Run(const RunOptions& options, SubjectUnderTest& subject) {
  return KitRun(options, subject).Run();
}

v1::Report Replay(const RunOptions& options, const v1::Sequence& sequence,
                  SubjectUnderTest& subject) {
  return KitRun(options, subject).Replay(sequence);
}

}  // namespace conformance
}  // namespace slipway
