// The conformance kit: runs sequences of operations against a subject, compares
// each answer with the oracle's, and says rule by rule what it found.
//
//   slipway::conformance::InProcessSubject subject({rules});
//   slipway::conformance::RunOptions options;
//   options.profile = slipway::conformance::DocumentedProfile();
//   slipway::conformance::v1::Report report =
//       slipway::conformance::Run(options, subject);
//
// Equal seeds give equal sequences, whatever the subject answers.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_KIT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_KIT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {

// GitHub's documentation, every knob at its documented default.
v1::Profile DocumentedProfile();
// What GitHub.com is seen to do, where it differs.
v1::Profile ObservedProfile();

// How far a run is.
struct Progress {
  int64_t sequences = 0;
  int64_t sequences_max = 0;
  int64_t steps = 0;
  double steps_per_second = 0;
  int rules_reached = 0;
  int rules_to_reach = 0;
};

struct RunOptions {
  v1::Profile profile;
  int64_t sequences = 200;
  int64_t steps_max = 30;
  uint64_t seed = 1;
  // 1: one call after the other. 2 to 4: each sequence has a prefix, then calls
  // in parallel (R36).
  int clients = 1;
  // The run stops looking after so many different failures.
  int failures_max = 10;
  // How many attempts shrinking one failure may take.
  int64_t shrink_attempts_max = 2000;
  // By rule, the reasons of a list of known failures.
  std::map<int, std::string> known_failures;
  // Called now and then, on the thread that runs. May be empty.
  std::function<void(const Progress&)> on_progress;
  // Called with each recorded history of clients in parallel. May be empty.
  std::function<void(const v1::History&)> on_history;
};

// Runs. Total: whatever the subject does ends in a report. A subject that gives
// no answers makes it COULD_NOT_RUN, with what it did in `could_not_run`.
v1::Report Run(const RunOptions& options, SubjectUnderTest& subject);

// Runs one sequence, of `--replay`, and nothing else.
v1::Report Replay(const RunOptions& options, const v1::Sequence& sequence,
                  SubjectUnderTest& subject);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_KIT_H_
