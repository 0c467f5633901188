// The report for a terminal, and the line that shows progress on one.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/conformance/report_text.h"
#include "slipway/conformance/reports.h"

namespace slipway {
namespace conformance {
namespace {

using internal::ControlCharacters;
using internal::Count;
using internal::Counted;
using internal::FieldPair;
using internal::Grouped;
using internal::LevelName;
using internal::OutcomeName;

void AppendIndented(absl::string_view text, absl::string_view indent,
                    std::string* out) {
  if (absl::EndsWith(text, "\n")) text.remove_suffix(1);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(out, line.empty() ? "" : indent, line, "\n");
  }
}

// Levels down, outcomes across.
void AppendCounts(const v1::Report& report, std::string* out) {
  absl::StrAppendFormat(out, "  %-12s", "");
  for (const v1::RuleOutcome outcome : internal::Outcomes()) {
    absl::StrAppendFormat(out, "%13s", OutcomeName(outcome));
  }
  absl::StrAppend(out, "\n");
  const auto row = [&](absl::string_view name, v1::Level level) {
    absl::StrAppendFormat(out, "  %-12s", name);
    for (const v1::RuleOutcome outcome : internal::Outcomes()) {
      absl::StrAppendFormat(out, "%13d", Count(report, outcome, level));
    }
    absl::StrAppend(out, "\n");
  };
  for (const v1::Level level : internal::Levels()) row(LevelName(level), level);
  row("all", v1::LEVEL_UNSPECIFIED);
}

void AppendRules(const v1::Report& report, std::string* out) {
  for (const v1::RuleResult& rule : report.rules()) {
    std::string outcome(OutcomeName(rule.outcome()));
    if (rule.outcome() == v1::RULE_OUTCOME_FAILED) {
      outcome = absl::AsciiStrToUpper(outcome);
    }
    absl::StrAppendFormat(out, "  %-11s  R%-3d %-12s%9s  %s\n", outcome,
                          rule.rule(), LevelName(rule.level()),
                          Grouped(rule.steps()), rule.title());
    if (!rule.note().empty()) {
      AppendIndented(rule.note(), std::string(42, ' '), out);
    }
  }
}

void AppendAnswers(const v1::Report& report, const v1::Failure& failure,
                   std::string* out) {
  const std::vector<FieldPair> pairs =
      internal::FieldPairs(failure, report.capabilities());
  if (pairs.empty()) return;
  size_t field_width = sizeof("field");
  size_t expected_width = sizeof("expected");
  for (const FieldPair& pair : pairs) {
    field_width = std::max(field_width, pair.field.size());
    expected_width = std::max(expected_width, pair.expected.size());
  }
  expected_width = std::min<size_t>(expected_width, 48);
  const auto row = [&](absl::string_view mark, absl::string_view field,
                       absl::string_view expected, absl::string_view actual) {
    std::string line =
        absl::StrFormat("  %1s %-*s  %-*s  %s", mark, field_width, field,
                        expected_width, expected, actual);
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(out, line, "\n");
  };
  row("", "field", "expected", "actual");
  for (const FieldPair& pair : pairs) {
    row(pair.differs ? "!" : "", pair.field,
        pair.expected.empty() ? "-" : pair.expected,
        pair.actual.empty() ? "-" : pair.actual);
  }
}

void AppendFailure(int number, const v1::Report& report,
                   const v1::Failure& failure, std::string* out) {
  absl::StrAppend(out, "\nFailure ", number, ": ",
                  internal::RuleNames(failure.rules()), "\n");
  AppendIndented(failure.summary(), "  ", out);
  if (failure.sequences_to_find() > 0) {
    absl::StrAppend(out, "  Found after ",
                    Counted(failure.sequences_to_find(), "sequence"), ".\n");
  }
  if (!failure.reproduced()) {
    absl::StrAppend(out,
                    "  It did not fail again when it was replayed: the subject "
                    "is not steady.\n");
  }
  absl::StrAppend(out, "\n  Steps\n");
  bool parallel = false;
  const std::vector<internal::Step> steps =
      internal::StepsOf(failure.sequence());
  for (const internal::Step& step : steps) {
    if (step.client >= 0 && !parallel) {
      absl::StrAppend(out, "    at the same time:\n");
      parallel = true;
    }
    absl::StrAppend(
        out, step.number == failure.step() + 1 ? "  > " : "    ", step.number,
        ". ",
        step.client >= 0 ? absl::StrCat("client ", step.client, ": ") : "",
        step.text, "\n");
  }
  if (failure.step() < 0 && failure.sequence().parallel().empty()) {
    absl::StrAppend(out, "  > the look at everything after the last step\n");
  }
  absl::StrAppend(out, "\n");
  AppendAnswers(report, failure, out);
  if (!failure.actual().exchange().empty()) {
    absl::StrAppend(out, "\n  On the wire\n");
    AppendIndented(failure.actual().exchange(), "    ", out);
  }
  if (!failure.curl().empty()) {
    absl::StrAppend(out, "\n  By hand\n");
    for (const std::string& line : failure.curl()) {
      AppendIndented(line, "    ", out);
    }
  }
  if (!failure.file().empty()) {
    absl::StrAppend(
        out, "\n  Saved: run it alone with --replay=", failure.file(), "\n");
  }
}

}  // namespace

std::string TextReport(const v1::Report& given) {
  const v1::Report report =
      internal::Cleaned(given, ControlCharacters::kReplaced);
  std::string text = absl::StrCat(
      report.subject(), ", profile ", report.profile().name(), ", seed ",
      report.seed(), ": ", Counted(report.sequences(), "sequence"), ", ",
      Counted(report.steps(), "step"), " in ",
      internal::Duration(report.elapsed_ms()), "\n\n");
  AppendRules(report, &text);
  absl::StrAppend(&text, "\n");
  AppendCounts(report, &text);
  for (int i = 0; i < report.failures_size(); ++i) {
    AppendFailure(i + 1, report, report.failures(i), &text);
  }
  if (report.open_sequences() > 0) {
    absl::StrAppend(&text, "\n", Counted(report.open_sequences(), "sequence"),
                    " ended at an answer that breaks only a rule which the "
                    "profile leaves open.\n");
  }
  if (!report.left_over().empty()) {
    absl::StrAppend(&text, "\nNot cleaned up: ", report.left_over(), "\n");
  }
  if (!report.could_not_run().empty()) {
    absl::StrAppend(&text, "\nThe run ended early:\n");
    AppendIndented(report.could_not_run(), "  ", &text);
  }
  // Last, where it stays on the screen.
  absl::StrAppend(
      &text, "\n",
      absl::AsciiStrToUpper(internal::VerdictName(report.verdict())), "\n");
  return text;
}

std::string ProgressLine(const Progress& progress, int width) {
  const std::string numbers = absl::StrFormat(
      "  %s/%s sequences  %s steps/s  %d/%d rules", Grouped(progress.sequences),
      Grouped(progress.sequences_max),
      Grouped(static_cast<int64_t>(progress.steps_per_second)),
      progress.rules_reached, progress.rules_to_reach);
  const size_t columns = static_cast<size_t>(std::max(width, 0));
  // "[##  ]"; without it where there is no room for one that says anything.
  if (columns < numbers.size() + 8) return numbers.substr(2).substr(0, columns);
  const size_t bar = std::min<size_t>(columns - numbers.size() - 2, 40);
  const double done = progress.sequences_max <= 0
                          ? 0
                          : static_cast<double>(progress.sequences) /
                                static_cast<double>(progress.sequences_max);
  const auto filled = static_cast<size_t>(static_cast<double>(bar) *
                                          std::min(1.0, std::max(0.0, done)));
  return absl::StrCat("[", std::string(filled, '#'),
                      std::string(bar - filled, ' '), "]", numbers);
}

}  // namespace conformance
}  // namespace slipway
