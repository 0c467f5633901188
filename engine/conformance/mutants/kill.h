// How soon the kit notices a mutant, and what it says.
//
//   Kill kill = TryToKill(mutant, /*seed=*/1, /*sequences_max=*/1000);
//   if (kill.killed) ... kill.sequences, kill.steps, kill.failure

#ifndef SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_KILL_H_
#define SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_KILL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "slipway/conformance/mutants/mutants.h"
#include "slipway/conformance/v1/report.pb.h"

namespace slipway {
namespace conformance {

// What is asked of the kit: more sequences than this count as survival, as a
// median; more steps as a failure that nobody wants to read.
constexpr int64_t kSequencesToKillMax = 1000;
constexpr int kStepsMax = 6;

struct Kill {
  // False: the run found nothing, or could not be made.
  bool killed = false;
  // How many sequences it took; the most that there may be where it was not
  // killed.
  int64_t sequences = 0;
  // Of the shrunk failure. Equal calls one after the other, of which only the
  // names of their rows differ, are one step: a list over its page cannot be
  // had without as many rows.
  int steps = 0;
  // The first one that was found.
  v1::Failure failure;
};

// Runs the kit on a new subject, up to the first failure. Equal arguments give
// equal kills, but for mutants with several clients.
Kill TryToKill(const Mutant& mutant, uint64_t seed, int64_t sequences_max);

// The steps of a sequence, counted as in `Kill`. Total, pure.
int StepsOf(const v1::Sequence& sequence);

// Whether the mutant's rule is among those of the failure. Total, pure.
bool IsAttributed(const Mutant& mutant, const v1::Failure& failure);

// One mutant, killed with several seeds.
struct KillSummary {
  int64_t median = 0;
  int64_t worst = 0;
  int steps_median = 0;
  int steps_worst = 0;
  int killed = 0;
  int attributed = 0;
};

// Of an even number, the median is the upper of the two in the middle; of none,
// all is 0. Total, pure.
KillSummary Summarize(const Mutant& mutant, const std::vector<Kill>& kills);

// Whether every one of them was killed for its rule, within the limits above.
// Between clients a failure may not happen again, and is then not shrunk: there
// the limit of the steps is for their median. Total, pure.
bool IsGoodEnough(const Mutant& mutant, const std::vector<Kill>& kills);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_MUTANTS_KILL_H_
