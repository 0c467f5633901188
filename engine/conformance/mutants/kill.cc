#include "slipway/conformance/mutants/kill.h"

#include <algorithm>
#include <memory>

#include "slipway/conformance/kit.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/operation.pb.h"

namespace slipway {
namespace conformance {
namespace {

// The call without what tells it from another one like it.
std::string CallOf(v1::Operation operation) {
  operation.clear_time_ms();
  if (operation.has_create_status()) {
    operation.mutable_create_status()->clear_binds();
  }
  if (operation.has_create_deployment()) {
    operation.mutable_create_deployment()->clear_binds();
  }
  return operation.SerializeAsString();
}

template <typename Operations>
int StepsOfOperations(const Operations& operations) {
  int steps = 0;
  std::string last;
  for (const v1::Operation& operation : operations) {
    std::string call = CallOf(operation);
    if (call != last) ++steps;
    last = std::move(call);
  }
  return steps;
}

}  // namespace

int StepsOf(const v1::Sequence& sequence) {
  return StepsOfOperations(sequence.operations()) +
         StepsOfOperations(sequence.parallel());
}

bool IsAttributed(const Mutant& mutant, const v1::Failure& failure) {
  return std::find(failure.rules().begin(), failure.rules().end(),
                   mutant.rule) != failure.rules().end();
}

Kill TryToKill(const Mutant& mutant, uint64_t seed, int64_t sequences_max) {
  RunOptions options;
  options.profile = mutant.profile();
  options.clients = mutant.clients;
  options.seed = seed;
  options.sequences = sequences_max;
  options.failures_max = 1;
  const std::unique_ptr<SubjectUnderTest> subject =
      mutant.make(options.profile.rules());
  const v1::Report report = Run(options, *subject);
  Kill kill;
  kill.sequences = sequences_max;
  if (report.failures().empty()) return kill;
  kill.failure = report.failures(0);
  kill.killed = true;
  kill.sequences = kill.failure.sequences_to_find();
  kill.steps = StepsOf(kill.failure.sequence());
  return kill;
}

KillSummary Summarize(const Mutant& mutant, const std::vector<Kill>& kills) {
  KillSummary summary;
  std::vector<int64_t> sequences;
  std::vector<int> steps;
  for (const Kill& kill : kills) {
    sequences.push_back(kill.sequences);
    steps.push_back(kill.steps);
    if (kill.killed) ++summary.killed;
    if (IsAttributed(mutant, kill.failure)) ++summary.attributed;
  }
  if (kills.empty()) return summary;
  std::sort(sequences.begin(), sequences.end());
  std::sort(steps.begin(), steps.end());
  summary.steps_median = steps[steps.size() / 2];
  summary.steps_worst = steps.back();
  summary.median = sequences[sequences.size() / 2];
  summary.worst = sequences.back();
  return summary;
}

bool IsGoodEnough(const Mutant& mutant, const std::vector<Kill>& kills) {
  const KillSummary summary = Summarize(mutant, kills);
  const int all = static_cast<int>(kills.size());
  const bool by_chance = mutant.clients > 1;
  return summary.killed == all && summary.attributed == all &&
         summary.median < kSequencesToKillMax &&
         (by_chance ? summary.steps_median : summary.steps_worst) <= kStepsMax;
}

}  // namespace conformance
}  // namespace slipway
