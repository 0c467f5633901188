// What the forms of a report have in common: words, cleaned texts, and what is
// different about an answer. Not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_REPORT_TEXT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_REPORT_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace slipway {
namespace conformance {
namespace internal {

// All functions are total and pure.

enum class ControlCharacters {
  // For forms that can write them, JSON.
  kKept,
  // For terminals, XML and HTML: all but tabs and line feeds become U+FFFD.
  kReplaced,
};

// `report` with texts that are safe to show: each is UTF-8, whatever the
// subject said, and the values of `Authorization` and cookies are removed.
v1::Report Cleaned(const v1::Report& report, ControlCharacters control);

// One text of the same.
std::string CleanedText(absl::string_view text, ControlCharacters control);

// "conforms", "does not conform", "could not run".
absl::string_view VerdictName(v1::Verdict verdict);
// "passed", "failed", "known", "not reached", "not tested".
absl::string_view OutcomeName(v1::RuleOutcome outcome);
// "required", "recommended", "open".
absl::string_view LevelName(v1::Level level);
// The outcomes and levels, in the order of a report.
const std::vector<v1::RuleOutcome>& Outcomes();
const std::vector<v1::Level>& Levels();

// How many rules have this outcome, and this level; UNSPECIFIED: any.
int Count(const v1::Report& report, v1::RuleOutcome outcome,
          v1::Level level = v1::LEVEL_UNSPECIFIED);

// "R31, R33".
std::string RuleNames(
    const google::protobuf::RepeatedField<google::protobuf::int32>& rules);

// "1,234,567", "1 step", "2 steps".
std::string Grouped(int64_t number);
std::string Counted(int64_t number, absl::string_view noun);
// "1.25 s", "3 min 5 s".
std::string Duration(int64_t ms);

// One field of two answers, as texts; empty: the answer has none.
struct FieldPair {
  std::string field;
  std::string expected;
  std::string actual;
  // Where the codes differ, only the code: the rest follows from it. Not of
  // ids, and of times only where the subject lends its clock: every subject has
  // its own.
  bool differs = false;
};
// All fields of the two answers to the step that failed, but the exchange and
// what the subject cannot tell.
std::vector<FieldPair> FieldPairs(const v1::Failure& failure,
                                  const v1::Capabilities& capabilities);

// One step of a sequence, for people.
struct Step {
  // From 1 on.
  int number = 0;
  // Of clients in parallel, from 0 on; -1: before them.
  int client = -1;
  std::string text;
};
std::vector<Step> StepsOf(const v1::Sequence& sequence);

}  // namespace internal
}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_REPORT_TEXT_H_
