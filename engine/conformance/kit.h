// The conformance kit: runs sequences of operations against a subject, compares
// each answer with the oracle's, and says rule by rule what it found.
//
//   slipway::conformance::InProcessSubject subject({rules});
//   slipway::conformance::RunOptions options;
//   options.profile = slipway::conformance::DocumentedProfile();
//   slipway::conformance::v1::Report report =
//       slipway::conformance::Run(options, subject);
//
// Equal seeds give equal sequences, whatever the subject answers (in a
// repository that is shared, names in them differ from attempt to attempt, and
// what a merge has changed stays changed).
//
// A sequence ends at its first wrong answer. The first one of each rule is
// shrunk to a minimal sequence that breaks the same rule, or one that was named
// beside it, and replayed once more, to tell a subject that is flaky from one
// that is wrong. Every sequence ends with a look at everything. Time limits are
// the subject's own: a subject in process that hangs, hangs the run.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_KIT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_KIT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "slipway/conformance/progress.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {

// GitHub's documentation, every knob at its documented default.
v1::Profile DocumentedProfile();
// What GitHub.com is seen to do, where it differs.
v1::Profile ObservedProfile();

struct RunOptions {
  v1::Profile profile;
  int64_t sequences = 200;
  int64_t steps_max = 30;
  uint64_t seed = 1;
  // 1: one call after the other. 2 to 4: each sequence has a prefix, then calls
  // in parallel (R36).
  int clients = 1;
  // Part of the names that the run gives to environments and tasks where its
  // repository is shared, so that runs do not meet there. Empty: the seed.
  std::string run_name;
  // The run stops looking after so many different failures.
  int failures_max = 10;
  // How many attempts shrinking one failure may take.
  int64_t shrink_attempts_max = 2000;
  // How many orders of parallel calls are tried before a history counts as not
  // decided.
  int64_t order_attempts_max = 200000;
  // By rule, the reasons of a list of known failures. One that was reached and
  // has passed makes the run fail.
  std::map<int, std::string> known_failures;
  // A required or recommended rule that was not put to the test, and that the
  // profile does not leave open, makes the run fail. (Not that of a replay.)
  bool reach_all = false;
  // Called now and then, on the thread that runs. May be empty.
  std::function<void(const Progress&)> on_progress;
  // Called with each recorded history of clients in parallel. May be empty.
  std::function<void(const v1::History&)> on_history;
};

// Runs. Total: whatever the subject does ends in a report. The first call that
// gets no answer ends the run: COULD_NOT_RUN, with what happened in
// `could_not_run`, and the failures found so far. So do capabilities without
// refs, more clients than the subject takes, and known failures of
// rules that there are not. At the end the subject is
// reset; `left_over` says what stays.
//
// Of each rule: FAILED or KNOWN where it leads in a failure; NOT_TESTED where
// the profile leaves it open or the subject lacks what it needs; NOT_REACHED
// where no operation that put it to the test was answered right; else PASSED.
// `note` says why.
v1::Report Run(const RunOptions& options, SubjectUnderTest& subject);

// Runs one sequence, of `--replay`, and nothing else: once, or with clients in
// parallel up to 20 times, as long as it passes. The sequence's own profile, if
// it has one, takes the place of that of the options. COULD_NOT_RUN where it is
// empty, and where no history of it could be decided.
v1::Report Replay(const RunOptions& options, const v1::Sequence& sequence,
                  SubjectUnderTest& subject);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_KIT_H_
