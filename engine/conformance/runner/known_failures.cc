#include "slipway/conformance/runner/known_failures.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace slipway {
namespace conformance {
namespace {

// The reason of a failure that nobody has written one for.
std::string ReasonOf(const v1::Report& report, int rule) {
  for (const v1::Failure& failure : report.failures()) {
    if (failure.rules_size() > 0 && failure.rules(0) == rule) {
      const std::string reason(absl::StripAsciiWhitespace(
          absl::StrReplaceAll(failure.summary(), {{"\n", " "}, {"\r", " "}})));
      if (!reason.empty()) return reason;
    }
  }
  return "no reason given";
}

}  // namespace

absl::StatusOr<std::map<int, std::string>> ParseKnownFailures(
    absl::string_view text) {
  std::map<int, std::string> known;
  int number = 0;
  for (const absl::string_view whole : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(whole);
    if (line.empty() || line[0] == '#') continue;
    const auto wrong = [&](absl::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", what));
    };
    const size_t colon = line.find(':');
    int rule = 0;
    if (colon == absl::string_view::npos || line[0] != 'R' ||
        !absl::SimpleAtoi(line.substr(1, colon - 1), &rule) || rule <= 0) {
      return wrong("not a rule and a reason, such as \"R31: to be fixed\"");
    }
    const absl::string_view reason =
        absl::StripAsciiWhitespace(line.substr(colon + 1));
    if (reason.empty()) return wrong("a reason is missing");
    if (!known.emplace(rule, reason).second) {
      return wrong(absl::StrCat("R", rule, " is there twice"));
    }
  }
  return known;
}

std::string UpdatedKnownFailures(absl::string_view text,
                                 const v1::Report& report) {
  std::string updated;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "#")) break;
    absl::StrAppend(&updated, line, "\n");
  }
  std::map<int, std::string> known;
  const auto parsed = ParseKnownFailures(text);
  if (parsed.ok()) known = *parsed;
  for (const v1::RuleResult& rule : report.rules()) {
    switch (rule.outcome()) {
      case v1::RULE_OUTCOME_PASSED:
        known.erase(rule.rule());
        break;
      case v1::RULE_OUTCOME_FAILED:
      case v1::RULE_OUTCOME_KNOWN:
        known.emplace(rule.rule(), ReasonOf(report, rule.rule()));
        break;
      default:
        break;
    }
  }
  for (const auto& entry : known) {
    absl::StrAppend(&updated, "R", entry.first, ": ", entry.second, "\n");
  }
  return updated;
}

}  // namespace conformance
}  // namespace slipway
