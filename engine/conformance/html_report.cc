// The report as one page for people: no script, and nothing from elsewhere.

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "engine/conformance/report_text.h"
#include "slipway/conformance/reports.h"

namespace slipway {
namespace conformance {
namespace {

using internal::Count;
using internal::Counted;
using internal::FieldPair;
using internal::Grouped;
using internal::LevelName;
using internal::OutcomeName;

constexpr absl::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --text: #1d2125; --soft: #59626b;
  --line: #dfe2e6; --shade: #f1f3f5; --bar: #9db7d5; --link: #0b57a4;
  --passed: #17693a; --passed-back: #e1f4e7;
  --failed: #a6161f; --failed-back: #fde5e5;
  --known: #7a4b00; --known-back: #fdf0d5;
  --missed: #59626b; --missed-back: #eceef0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1c2024; --text: #e4e7ea; --soft: #a3acb5;
    --line: #343a41; --shade: #252a30; --bar: #3f6795; --link: #82b7f2;
    --passed: #7fd8a0; --passed-back: #173524;
    --failed: #ff9d9d; --failed-back: #451b1e;
    --known: #f2c473; --known-back: #3d2f14;
    --missed: #a3acb5; --missed-back: #2a2f35;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem;
  background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.25;
  overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem; }
h3 { margin: 0; font-size: 1.05rem; }
h4 { margin: 1.25rem 0 .4rem; font-size: .95rem; }
a { color: var(--link); }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
.verdict {
  margin: 1.25rem 0; padding: .9rem 1.1rem; border-radius: .6rem;
  border-left: .4rem solid currentColor; font-size: 1.15rem; font-weight: 600;
}
.verdict p { margin: .2rem 0 0; color: var(--text); font-size: .95rem;
  font-weight: 400; }
.passed { color: var(--passed); background: var(--passed-back); }
.failed { color: var(--failed); background: var(--failed-back); }
.known { color: var(--known); background: var(--known-back); }
.missed { color: var(--missed); background: var(--missed-back); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--card); }
table { width: 100%; border-collapse: collapse; }
caption { padding: .6rem .75rem; text-align: left; color: var(--soft);
  font-size: .9rem; }
th, td { padding: .4rem .75rem; text-align: left; vertical-align: top;
  border-top: 1px solid var(--line); font-weight: 400; }
thead th { background: var(--shade); font-size: .85rem; font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.none { color: var(--soft); opacity: .6; }
.tag { display: inline-block; padding: 0 .55rem; border-radius: 1rem;
  font-size: .85rem; font-weight: 600; white-space: nowrap; }
.steps { width: 13rem; }
.bar { display: flex; align-items: center; gap: .75rem; }
.bar b { flex: 1; text-align: right; font-weight: 400;
  font-variant-numeric: tabular-nums; }
.bar svg { flex: none; width: 7rem; height: .7rem; border-radius: .2rem;
  background: var(--shade); }
.bar rect { fill: var(--bar); }
.note { display: block; color: var(--soft); font-size: .88rem; }
article { margin: 0 0 1.25rem; padding: 1.1rem 1.25rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
article > p:first-of-type { font-size: 1.02rem; }
ol { margin: .3rem 0; padding: 0 0 0 1.9rem; }
ol li { padding: .12rem .5rem; border-radius: .35rem; }
ol li.failed::after { content: " ← here"; font-weight: 600; }
.client { margin-right: .4rem; color: var(--soft); font-size: .88rem; }
pre { margin: .3rem 0; padding: .75rem .9rem; overflow-x: auto;
  border-radius: .4rem; background: var(--shade); font-size: .85rem;
  line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
code, .code { font-family: ui-monospace, monospace; font-size: .88em;
  overflow-wrap: anywhere; }
td.code, th.code { font-size: .85rem; }
th.code { white-space: nowrap; }
td.code { width: 40%; }
summary { margin: 1rem 0 .3rem; cursor: pointer; font-weight: 600;
  font-size: .95rem; }
@media print { body { max-width: none; } article { break-inside: avoid; } }
)css";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

// The class of an outcome.
absl::string_view ClassOf(v1::RuleOutcome outcome) {
  switch (outcome) {
    case v1::RULE_OUTCOME_PASSED:
      return "passed";
    case v1::RULE_OUTCOME_FAILED:
      return "failed";
    case v1::RULE_OUTCOME_KNOWN:
      return "known";
    default:
      return "missed";
  }
}

std::string Tag(v1::RuleOutcome outcome) {
  return absl::StrCat("<span class=\"tag ", ClassOf(outcome), "\">",
                      OutcomeName(outcome), "</span>");
}

void AppendVerdict(const v1::Report& report, std::string* html) {
  absl::string_view look = "missed";
  absl::string_view words = "The run could not be made.";
  if (report.verdict() == v1::VERDICT_CONFORMS) {
    look = "passed";
    words = "It conforms.";
  } else if (report.verdict() == v1::VERDICT_DOES_NOT_CONFORM) {
    look = "failed";
    words = "It does not conform.";
  }
  absl::StrAppend(html, "<div class=\"verdict ", look, "\" role=\"status\">",
                  words);
  if (!report.could_not_run().empty()) {
    absl::StrAppend(html, "<pre>", Escaped(report.could_not_run()), "</pre>");
  } else {
    absl::StrAppend(html, "<p>", Count(report, v1::RULE_OUTCOME_PASSED), " of ",
                    Counted(report.rules_size(), "rule"), " passed");
    for (const v1::RuleOutcome outcome : internal::Outcomes()) {
      const int count = Count(report, outcome);
      if (outcome == v1::RULE_OUTCOME_PASSED || count == 0) continue;
      absl::StrAppend(html, ", ", count, " ", OutcomeName(outcome));
    }
    absl::StrAppend(html, ".</p>");
  }
  if (!report.left_over().empty()) {
    absl::StrAppend(html, "<p>Not cleaned up: ", Escaped(report.left_over()),
                    "</p>");
  }
  absl::StrAppend(html, "</div>\n");
}

void AppendCounts(const v1::Report& report, std::string* html) {
  absl::StrAppend(html,
                  "<h2 id=\"levels\">By level</h2>\n<div class=\"wide\">"
                  "<table aria-labelledby=\"levels\">\n<thead><tr>"
                  "<th scope=\"col\">Level</th>");
  for (const v1::RuleOutcome outcome : internal::Outcomes()) {
    absl::StrAppend(html, "<th scope=\"col\" class=\"number\">",
                    OutcomeName(outcome), "</th>");
  }
  absl::StrAppend(html, "</tr></thead>\n<tbody>\n");
  for (const v1::Level level : internal::Levels()) {
    absl::StrAppend(html, "<tr><th scope=\"row\">", LevelName(level), "</th>");
    for (const v1::RuleOutcome outcome : internal::Outcomes()) {
      const int count = Count(report, outcome, level);
      absl::StrAppend(html, "<td class=\"number", count == 0 ? " none" : "",
                      "\">", count, "</td>");
    }
    absl::StrAppend(html, "</tr>\n");
  }
  absl::StrAppend(html, "</tbody></table></div>\n");
}

// The number of the first failure about a rule, from 1; 0: there is none.
int FailureOf(const v1::Report& report, int rule) {
  for (int i = 0; i < report.failures_size(); ++i) {
    const auto& rules = report.failures(i).rules();
    if (std::count(rules.begin(), rules.end(), rule) > 0) return i + 1;
  }
  return 0;
}

void AppendRules(const v1::Report& report, std::string* html) {
  int64_t steps_max = 1;
  for (const v1::RuleResult& rule : report.rules()) {
    steps_max = std::max(steps_max, static_cast<int64_t>(rule.steps()));
  }
  absl::StrAppend(
      html,
      "<h2 id=\"rules\">Rules</h2>\n<div class=\"wide\"><table "
      "aria-labelledby=\"rules\">\n<caption>Steps are those that a rule had a "
      "say in; a rule that no step reached has not passed.</caption>\n<thead>"
      "<tr><th scope=\"col\">Rule</th><th scope=\"col\">What it says</th>"
      "<th scope=\"col\">Level</th><th scope=\"col\">Outcome</th>"
      "<th scope=\"col\" class=\"steps\">Steps</th></tr></thead>\n<tbody>\n");
  for (const v1::RuleResult& rule : report.rules()) {
    const int failure = rule.outcome() == v1::RULE_OUTCOME_PASSED
                            ? 0
                            : FailureOf(report, rule.rule());
    // A bar is seen where there is one step, too.
    const double width =
        rule.steps() <= 0
            ? 0
            : std::max(1.0, 100.0 * static_cast<double>(rule.steps()) /
                                static_cast<double>(steps_max));
    absl::StrAppend(
        html, "<tr><th scope=\"row\">R", rule.rule(), "</th><td>",
        Escaped(rule.title()),
        rule.note().empty() ? ""
                            : absl::StrCat("<span class=\"note\">",
                                           Escaped(rule.note()), "</span>"),
        "</td><td class=\"soft\">", LevelName(rule.level()), "</td><td>",
        failure == 0 ? Tag(rule.outcome())
                     : absl::StrCat("<a href=\"#failure-", failure, "\">",
                                    Tag(rule.outcome()), "</a>"),
        "</td><td class=\"steps\"><span class=\"bar\"><svg viewBox=\"0 0 100 "
        "10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"",
        absl::StrFormat("%.1f", width), "\" height=\"10\"/></svg><b>",
        Grouped(rule.steps()), "</b></span></td></tr>\n");
  }
  absl::StrAppend(html, "</tbody></table></div>\n");
}

void AppendSteps(const v1::Failure& failure, std::string* html) {
  absl::StrAppend(html, "<h4>Steps</h4>\n<ol>\n");
  bool parallel = false;
  for (const internal::Step& step : internal::StepsOf(failure.sequence())) {
    if (step.client >= 0 && !parallel) {
      absl::StrAppend(html, "</ol>\n<p class=\"soft\">At the same time:</p>\n",
                      "<ol start=\"", step.number, "\">\n");
      parallel = true;
    }
    absl::StrAppend(
        html, "<li",
        step.number == failure.step() + 1 ? " class=\"failed\">" : ">",
        step.client < 0 ? ""
                        : absl::StrCat("<span class=\"client\">client ",
                                       step.client, "</span>"),
        Escaped(step.text), "</li>\n");
  }
  absl::StrAppend(html, "</ol>\n");
  if (failure.step() < 0 && failure.sequence().parallel().empty()) {
    absl::StrAppend(html,
                    "<p class=\"soft\">The look at everything after the last "
                    "step showed it.</p>\n");
  }
}

void AppendAnswers(const v1::Report& report, const v1::Failure& failure,
                   std::string* html) {
  const auto pairs = internal::FieldPairs(failure, report.capabilities());
  if (pairs.empty()) return;
  absl::StrAppend(html,
                  "<h4>Answer</h4>\n<div class=\"wide\"><table><thead><tr>"
                  "<th scope=\"col\">Field</th><th scope=\"col\">Expected</th>"
                  "<th scope=\"col\">Actual</th></tr></thead>\n<tbody>\n");
  const auto cell = [](absl::string_view value) {
    return value.empty() ? std::string("<span class=\"none\">none</span>")
                         : Escaped(value);
  };
  for (const FieldPair& pair : pairs) {
    absl::StrAppend(html, "<tr><th scope=\"row\" class=\"code\">",
                    Escaped(pair.field), "</th><td class=\"code\">",
                    cell(pair.expected), "</td><td class=\"code",
                    pair.differs ? " failed" : "", "\">", cell(pair.actual),
                    "</td></tr>\n");
  }
  absl::StrAppend(html, "</tbody></table></div>\n");
}

void AppendFailure(int number, const v1::Report& report,
                   const v1::Failure& failure, std::string* html) {
  absl::StrAppend(html, "<article id=\"failure-", number,
                  "\" aria-labelledby=\"failure-", number,
                  "-title\">\n<h3 id=\"failure-", number, "-title\">", number,
                  ". ", internal::RuleNames(failure.rules()), "</h3>\n<p>",
                  Escaped(failure.summary()), "</p>\n");
  if (failure.sequences_to_find() > 0) {
    absl::StrAppend(html, "<p class=\"soft\">Found after ",
                    Counted(failure.sequences_to_find(), "sequence"),
                    ", then shrunk.</p>\n");
  }
  if (!failure.reproduced()) {
    absl::StrAppend(html,
                    "<p><span class=\"tag known\">not steady</span> It did not "
                    "fail again when it was replayed.</p>\n");
  }
  AppendSteps(failure, html);
  AppendAnswers(report, failure, html);
  if (!failure.actual().exchange().empty()) {
    absl::StrAppend(html, "<h4>On the wire</h4>\n<pre tabindex=\"0\">",
                    Escaped(failure.actual().exchange()), "</pre>\n");
  }
  if (!failure.curl().empty()) {
    absl::StrAppend(html,
                    "<details><summary>The same calls by hand</summary>\n"
                    "<pre tabindex=\"0\">");
    for (const std::string& line : failure.curl()) {
      absl::StrAppend(html, Escaped(line), "\n");
    }
    absl::StrAppend(html, "</pre></details>\n");
  }
  if (!failure.file().empty()) {
    absl::StrAppend(html, "<p class=\"soft\">Run it alone: <code>--replay=",
                    Escaped(failure.file()), "</code></p>\n");
  }
  absl::StrAppend(html, "</article>\n");
}

}  // namespace

std::string HtmlReport(const v1::Report& given) {
  const v1::Report report =
      internal::Cleaned(given, internal::ControlCharacters::kReplaced);
  std::string html = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>",
      internal::VerdictName(report.verdict()), ": ", Escaped(report.subject()),
      "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<main>\n<h1>",
      "Conformance of ", Escaped(report.subject()),
      "</h1>\n<p class=\"soft\">Profile ", Escaped(report.profile().name()),
      ", seed ", report.seed(), ", ", Counted(report.sequences(), "sequence"),
      ", ", Counted(report.steps(), "step"), " in ",
      internal::Duration(report.elapsed_ms()), "</p>\n");
  AppendVerdict(report, &html);
  if (!report.failures().empty()) {
    absl::StrAppend(&html, "<h2>Failures</h2>\n");
    for (int i = 0; i < report.failures_size(); ++i) {
      AppendFailure(i + 1, report, report.failures(i), &html);
    }
  }
  if (!report.rules().empty()) {
    AppendCounts(report, &html);
    AppendRules(report, &html);
  }
  return absl::StrCat(html, "</main>\n</body>\n</html>\n");
}

}  // namespace conformance
}  // namespace slipway
