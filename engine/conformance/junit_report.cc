// The report for CI servers.

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "engine/conformance/report_text.h"
#include "slipway/conformance/reports.h"

namespace slipway {
namespace conformance {
namespace {

// For attributes and for text between tags. Line ends in attributes would
// become spaces.
std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Attribute(absl::string_view name, absl::string_view value) {
  return absl::StrCat(
      " ", name, "=\"",
      absl::StrReplaceAll(Escaped(value), {{"\n", "&#10;"}, {"\t", "&#9;"}}),
      "\"");
}

std::string Property(absl::string_view name, absl::string_view value) {
  return absl::StrCat("      <property", Attribute("name", name),
                      Attribute("value", value), "/>\n");
}

bool IsAbout(const v1::Failure& failure, int rule) {
  return std::count(failure.rules().begin(), failure.rules().end(), rule) > 0;
}

// What is inside of a test case; empty: it passed.
std::string Body(const v1::Report& report, const v1::RuleResult& rule) {
  const bool passed = rule.outcome() == v1::RULE_OUTCOME_PASSED;
  if (passed && !rule.fails_run()) return "";
  if (!rule.fails_run()) {
    return absl::StrCat(
        "      <skipped",
        Attribute("message",
                  absl::StrCat(internal::OutcomeName(rule.outcome()),
                               rule.note().empty() ? "" : ": ", rule.note())),
        "/>\n");
  }
  std::string message = rule.note();
  std::string details;
  for (const v1::Failure& failure : report.failures()) {
    if (!IsAbout(failure, rule.rule())) continue;
    if (message.empty()) message = failure.summary();
    absl::StrAppend(&details, failure.summary(), "\n",
                    DescribeSequence(failure.sequence()),
                    failure.actual().exchange().empty() ? "" : "\n",
                    failure.actual().exchange());
    for (const std::string& line : failure.curl()) {
      absl::StrAppend(&details, line, "\n");
    }
    if (!failure.file().empty()) {
      absl::StrAppend(&details, "--replay=", failure.file(), "\n");
    }
  }
  return absl::StrCat("      <failure", Attribute("message", message),
                      Attribute("type", absl::StrCat("R", rule.rule())), ">",
                      Escaped(details), "</failure>\n");
}

}  // namespace

std::string JUnitReport(const v1::Report& given) {
  const v1::Report report =
      internal::Cleaned(given, internal::ControlCharacters::kReplaced);
  const bool ran = report.verdict() == v1::VERDICT_CONFORMS ||
                   report.verdict() == v1::VERDICT_DOES_NOT_CONFORM;
  int failed = 0;
  int skipped = 0;
  for (const v1::RuleResult& rule : report.rules()) {
    if (rule.fails_run()) {
      ++failed;
    } else if (rule.outcome() != v1::RULE_OUTCOME_PASSED) {
      ++skipped;
    }
  }
  const std::string counts = absl::StrCat(
      Attribute("tests", absl::StrCat(report.rules_size() + (ran ? 0 : 1))),
      Attribute("failures", absl::StrCat(failed)),
      Attribute("errors", ran ? "0" : "1"),
      Attribute("skipped", absl::StrCat(skipped)),
      Attribute("time",
                absl::StrFormat(
                    "%.3f", static_cast<double>(report.elapsed_ms()) / 1000)));
  const std::string name = absl::StrCat("conformance of ", report.subject());
  std::string xml = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites",
      Attribute("name", name), counts, ">\n  <testsuite",
      Attribute("name", name), counts, ">\n    <properties>\n",
      Property("profile", report.profile().name()),
      Property("seed", absl::StrCat(report.seed())),
      Property("sequences", absl::StrCat(report.sequences())),
      Property("steps", absl::StrCat(report.steps())),
      Property("verdict", internal::VerdictName(report.verdict())),
      Property("left_over", report.left_over()), "    </properties>\n");
  const std::string suite =
      absl::StrCat("conformance.", report.profile().name());
  const auto add_case = [&](absl::string_view case_name,
                            const std::string& body) {
    absl::StrAppend(&xml, "    <testcase", Attribute("classname", suite),
                    Attribute("name", case_name), " time=\"0\"");
    if (body.empty()) {
      absl::StrAppend(&xml, "/>\n");
    } else {
      absl::StrAppend(&xml, ">\n", body, "    </testcase>\n");
    }
  };
  for (const v1::RuleResult& rule : report.rules()) {
    add_case(absl::StrCat("R", rule.rule(), " ", rule.title()),
             Body(report, rule));
  }
  if (!ran) {
    add_case("the run",
             absl::StrCat("      <error", Attribute("message", "could not run"),
                          ">", Escaped(report.could_not_run()), "</error>\n"));
  }
  return absl::StrCat(xml, "  </testsuite>\n</testsuites>\n");
}

}  // namespace conformance
}  // namespace slipway
