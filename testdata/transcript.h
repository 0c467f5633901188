// Transcripts: commands and what came of them, as a story for people.
//
//   # Lines like this one are for the reader.
//   branch main a1
//   deploy main environment=staging
//   ----
//   REF_PUT by R6 R81
//   DEPLOYMENT_CREATED by R2 R3 R10 …
//     deployment 1: main (a1a1a1a) to staging; told
//     environment 2: staging
//
// A block is one or more commands, a line "----", and what they print up to
// the next empty line. The repository is octo/shop; its default branch is main.
// Ids are taken from 1 on, as they are needed. A second passes before each
// command.
//
//   branch NAME SHA [base=SHA]     a few hexadecimal digits stand for 40, which
//   tag NAME SHA [base=SHA]        repeat them; `base` is the merge base (R6)
//   delete-branch NAME
//   delete-tag NAME
//   context SHA NAME STATE         STATE in lower case: success, timed_out, …
//   deploy REF [FIELD=VALUE]…      the fields of CreateDeployment;
//                                  required_contexts=a,b or required_contexts=
//   status ID STATE [FIELD=VALUE]… the fields of CreateStatus
//   delete ID
//   rules [FIELD=VALUE]…           the knobs of Rules, for the rest of the
//   story limits [FIELD=VALUE]…          the limits, likewise wait
//   NUMBER(s|m|h) show                           all deployments with their
//   derived states,
//                                  and which are active where (R50, R51)
//
// Any command that the engine decides takes `as=LOGIN`, who asks; `deploy` also
// takes `merge=merged` or `merge=conflict`, what came of the merge that the
// same command asked for. A value with spaces is put in double quotes.
//
// "told" marks an event that others are notified of (R80).

#ifndef SLIPWAY_TESTDATA_TRANSCRIPT_H_
#define SLIPWAY_TESTDATA_TRANSCRIPT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace testdata {

// The transcript with its commands and its comments as they are and its outputs
// as the engine gives them: equal to `text` where that is up to date. Pure.
//
// INVALID_ARGUMENT, with the line: a command that makes no sense, or a block
// without one.
absl::StatusOr<std::string> RewriteTranscript(absl::string_view text);

}  // namespace testdata
}  // namespace slipway

#endif  // SLIPWAY_TESTDATA_TRANSCRIPT_H_
