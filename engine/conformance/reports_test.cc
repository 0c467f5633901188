#include "slipway/conformance/reports.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::HasSubstr;
using testing::Not;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

v1::Report SomeReport() {
  return Parse<v1::Report>(R"pb(
    subject: "http://127.0.0.1:8080 <octocat/hello-world>"
    profile { name: "documented" }
    seed: 7
    sequences: 200
    steps: 5321
    elapsed_ms: 61200
    verdict: VERDICT_DOES_NOT_CONFORM
    rules {
      rule: 2
      title: "A ref resolves to a SHA"
      level: LEVEL_REQUIRED
      outcome: RULE_OUTCOME_PASSED
      steps: 5000
    }
    rules {
      rule: 22
      title: "A status moves updated_at"
      level: LEVEL_REQUIRED
      outcome: RULE_OUTCOME_KNOWN
      steps: 12
      note: "until the & next release"
    }
    rules {
      rule: 31
      title: "Only a success retires others"
      level: LEVEL_REQUIRED
      outcome: RULE_OUTCOME_FAILED
      steps: 1234
      fails_run: true
    }
    rules {
      rule: 35
      title: "Who retires"
      level: LEVEL_OPEN
      outcome: RULE_OUTCOME_NOT_TESTED
      note: "the login is not known"
    }
    rules {
      rule: 41
      title: "An active deployment stays"
      level: LEVEL_RECOMMENDED
      outcome: RULE_OUTCOME_NOT_REACHED
    }
    failures {
      rules: 31
      rules: 33
      summary: "state: expected inactive, got <success>"
      sequence {
        operations {
          create_deployment {
            binds: "$d1"
            request {
              ref: "main"
              environment: "staging"
              transient_environment: false
            }
          }
        }
        operations {
          create_status {
            binds: "$s1"
            deployment: "$d1"
            request { state: STATUS_STATE_SUCCESS }
          }
        }
      }
      step: 1
      expected {
        code: 201
        status { id: 3 state: STATUS_STATE_INACTIVE created_at_ms: 1000 }
      }
      actual {
        code: 201
        status { id: 9 state: STATUS_STATE_SUCCESS created_at_ms: 2000 }
        exchange: "> POST /x\r\n> Authorization: Bearer hush\r\n\r\n< 201\r\n<b>]]>\x1b[31m\xff"
      }
      reproduced: true
      file: "failures/R31-1.textproto"
      sequences_to_find: 3
      curl: "curl -H \"Authorization: Bearer $TOKEN\" \'http://127.0.0.1:8080/x\'"
    }
  )pb");
}

// What every form keeps: no secret, no control character, valid UTF-8.
void ExpectIsClean(const std::string& text) {
  EXPECT_THAT(text, Not(HasSubstr("hush")));
  EXPECT_THAT(text, HasSubstr("(removed)"));
  EXPECT_THAT(text, HasSubstr("$TOKEN"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
}

TEST(TextReport, SaysWhatBecameOfEachRuleAndCounts) {
  const std::string text = TextReport(SomeReport());
  ExpectIsClean(text);
  EXPECT_THAT(text, HasSubstr("profile documented, seed 7: 200 sequences, "
                              "5,321 steps in 1 min 1 s"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "  passed       R2   required        5,000  A ref resolves to a SHA\n"
          "  known        R22  required           12  A status moves "
          "updated_at\n"
          "                                          until the & next release\n"
          "  FAILED       R31  required        1,234  Only a success retires "
          "others\n"
          "  not tested   R35  open                0  Who retires\n"
          "                                          the login is not known\n"
          "  not reached  R41  recommended         0  An active deployment "
          "stays\n"));
  EXPECT_THAT(text, HasSubstr("  required                1            1        "
                              "    1            0            0\n"));
  EXPECT_TRUE(absl::EndsWith(text, "\nDOES NOT CONFORM\n"));
}

TEST(TextReport, ShowsAFailureWithItsSteps) {
  const std::string text = TextReport(SomeReport());
  EXPECT_THAT(text, HasSubstr("Failure 1: R31, R33\n"
                              "  state: expected inactive, got <success>\n"
                              "  Found after 3 sequences.\n"
                              "\n"
                              "  Steps\n"
                              "    1. create deployment of main to staging "
                              "(transient off) → $d1\n"
                              "  > 2. create status success on $d1 → $s1\n"));
  EXPECT_THAT(text, HasSubstr("  ! status.state"));
  // Ids and, without a lent clock, times are the subject's own.
  EXPECT_THAT(text, HasSubstr("    status.id"));
  EXPECT_THAT(text, HasSubstr("    status.created_at_ms"));
  EXPECT_THAT(text, HasSubstr("--replay=failures/R31-1.textproto\n"));
}

TEST(TextReport, SaysWhyARunEnded) {
  v1::Report report;
  report.set_verdict(v1::VERDICT_COULD_NOT_RUN);
  report.set_could_not_run("no answer\nin 10 s");
  report.set_left_over("deployments 7, 8");
  const std::string text = TextReport(report);
  EXPECT_THAT(text,
              HasSubstr("The run ended early:\n  no answer\n  in 10 s\n"));
  EXPECT_THAT(text, HasSubstr("Not cleaned up: deployments 7, 8\n"));
  EXPECT_TRUE(absl::EndsWith(text, "\nCOULD NOT RUN\n"));
}

TEST(TextReport, TellsAFlakySubject) {
  v1::Report report = SomeReport();
  report.mutable_failures(0)->set_reproduced(false);
  EXPECT_THAT(TextReport(report), HasSubstr("the subject is not steady"));
}

TEST(JUnitReport, HasOneCaseForEachRule) {
  const std::string xml = JUnitReport(SomeReport());
  ExpectIsClean(xml);
  EXPECT_THAT(xml, HasSubstr("<testsuite name=\"conformance of "
                             "http://127.0.0.1:8080 "
                             "&lt;octocat/hello-world&gt;\" tests=\"5\" "
                             "failures=\"1\" errors=\"0\" skipped=\"3\" "
                             "time=\"61.200\">"));
  EXPECT_THAT(xml, HasSubstr("name=\"R2 A ref resolves to a SHA\" "
                             "time=\"0\"/>"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"known: until the &amp; next "
                             "release\"/>"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"not tested: the login is not "
                             "known\"/>"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"not reached\"/>"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"state: expected inactive, got "
                             "&lt;success&gt;\" type=\"R31\">"));
  EXPECT_THAT(xml, Not(HasSubstr("]]>")));
}

TEST(JUnitReport, WhatMakesTheRunFailIsAFailure) {
  v1::Report report = SomeReport();
  for (v1::RuleResult& rule : *report.mutable_rules()) {
    rule.set_fails_run(rule.rule() == 2 || rule.rule() == 35);
  }
  report.mutable_rules(0)->set_note("take it off the list");
  const std::string xml = JUnitReport(report);
  EXPECT_THAT(xml, HasSubstr("failures=\"2\" errors=\"0\" skipped=\"3\""));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"take it off the list\" "
                             "type=\"R2\"></failure>"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"the login is not known\" "
                             "type=\"R35\"></failure>"));
}

TEST(JUnitReport, ARunThatCouldNotBeMadeIsAnError) {
  v1::Report report;
  report.set_verdict(v1::VERDICT_COULD_NOT_RUN);
  report.set_could_not_run("no connection");
  const std::string xml = JUnitReport(report);
  EXPECT_THAT(xml, HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(xml, HasSubstr("<error message=\"could not run\">no "
                             "connection</error>"));
}

TEST(JsonReport, CanBeReadBack) {
  const std::string json = JsonReport(SomeReport());
  EXPECT_THAT(json, Not(HasSubstr("hush")));
  v1::Report read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &read).ok());
  EXPECT_EQ(read.rules_size(), 5);
  EXPECT_EQ(read.rules(2).outcome(), v1::RULE_OUTCOME_FAILED);
  EXPECT_EQ(read.failures(0).sequence().DebugString(),
            SomeReport().failures(0).sequence().DebugString());
  EXPECT_THAT(JsonReport(v1::Report()), HasSubstr("\"steps\": \"0\""));
}

TEST(HtmlReport, IsOnePageWithEverythingEscaped) {
  const std::string html = HtmlReport(SomeReport());
  ExpectIsClean(html);
  EXPECT_THAT(html, HasSubstr("&lt;octocat/hello-world&gt;"));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<b>]]")));
  EXPECT_THAT(html, HasSubstr("until the &amp; next release"));
  EXPECT_THAT(html, HasSubstr("<a href=\"#failure-1\">"));
  EXPECT_THAT(html, HasSubstr("<article id=\"failure-1\""));
  for (const char* foreign :
       {"<script", "<link", "<img", "src=", "@import", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(foreign)));
  }
}

TEST(Reports, RemoveSecretsFromOtherPlacesToo) {
  v1::Report report;
  report.set_could_not_run(
      "authorization: Basic aHVzaA==\n"
      "curl -H 'Authorization: token hush' -H 'X: 1'\n"
      "Set-Cookie: id=hush; Secure\n");
  EXPECT_THAT(TextReport(report),
              HasSubstr("  authorization: (removed)\n"
                        "  curl -H 'Authorization: (removed)' -H 'X: 1'\n"
                        "  Set-Cookie: (removed)\n"));
}

TEST(Reports, AreTotal) {
  const v1::Report empty;
  EXPECT_NE(TextReport(empty), "");
  EXPECT_NE(JUnitReport(empty), "");
  EXPECT_NE(JsonReport(empty), "");
  EXPECT_NE(HtmlReport(empty), "");
  v1::Report odd;
  odd.add_failures()->set_step(-1);
  odd.add_rules()->set_level(static_cast<v1::Level>(99));
  EXPECT_NE(TextReport(odd), "");
  EXPECT_NE(HtmlReport(odd), "");
  EXPECT_NE(JUnitReport(odd), "");
}

TEST(ProgressLine, FitsTheTerminal) {
  Progress progress;
  progress.sequences = 50;
  progress.sequences_max = 200;
  progress.steps_per_second = 12345.6;
  progress.rules_reached = 31;
  progress.rules_to_reach = 52;
  EXPECT_EQ(ProgressLine(progress, 69),
            "[#####               ]  50/200 sequences  12,345 steps/s  31/52 "
            "rules");
  EXPECT_EQ(ProgressLine(progress, 20), "50/200 sequences  12");
  EXPECT_EQ(ProgressLine(progress, 0), "");
  EXPECT_LE(ProgressLine(progress, 500).size(), 100U);
  EXPECT_NE(ProgressLine(Progress(), 80), "");
}

TEST(DescribeSequence, NamesEveryKindOfStep) {
  EXPECT_EQ(
      DescribeSequence(Parse<v1::Sequence>(R"pb(
        operations {
          create_deployment {
            binds: "$d1"
            request {
              ref: "main"
              environment: "staging"
              transient_environment: true
            }
          }
        }
        operations {
          create_deployment {
            binds: "$d2"
            request {
              ref: "v1.0.0"
              task: "deploy migrations"
              production_environment: false
              auto_merge: false
              required_contexts {}
              payload_type: PAYLOAD_TYPE_OBJECT
              payload: "{}"
              description: "two\nlines"
            }
          }
        }
        operations {
          create_deployment {
            request {
              ref: ""
              required_contexts { contexts: "ci/build" contexts: "x y" }
            }
          }
        }
        operations {
          create_status {
            binds: "$s1"
            deployment: "$d1"
            request {
              state: STATUS_STATE_IN_PROGRESS
              auto_inactive: false
              environment: "qa"
              log_url: ""
            }
          }
        }
        operations {
          create_status {
            deployment_id: 77
            request {}
          }
        }
        operations { delete_deployment { deployment: "$d1" } }
        operations { get_deployment { deployment: "$d2" } }
        operations {
          list_deployments { environment: "qa" per_page: 2 page: 3 }
        }
        operations { list_statuses { deployment: "$d1" page: 2 } }
        operations { get_status { deployment: "$d1" status: "$s1" } }
        operations {}
        parallel {
          client: 1
          get_deployment { deployment: "$d1" }
        }
      )pb")),
      "1. create deployment of main to staging (transient) → $d1\n"
      "2. create deployment of v1.0.0 (production off, task \"deploy "
      "migrations\", auto_merge off, no required contexts, payload \"{}\", "
      "description \"two lines\") → $d2\n"
      "3. create deployment of \"\" (required contexts ci/build and \"x y\")\n"
      "4. create status in_progress on $d1 (auto_inactive off, environment qa, "
      "log_url \"\") → $s1\n"
      "5. create status of a state that does not exist on 77\n"
      "6. delete $d1\n"
      "7. get $d2\n"
      "8. list deployments (environment qa, 2 per page, page 3)\n"
      "9. list statuses of $d1 (page 2)\n"
      "10. get status $s1 of $d1\n"
      "11. nothing\n"
      "at the same time:\n"
      "12. client 1: get $d1\n");
}

TEST(DescribeSequence, CutsLongTexts) {
  v1::Sequence sequence;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "é";
  sequence.add_operations()
      ->mutable_create_deployment()
      ->mutable_request()
      ->set_ref("x" + text);
  const std::string steps = DescribeSequence(sequence);
  EXPECT_THAT(steps, HasSubstr("é…\" (201 bytes)"));
  EXPECT_LT(steps.size(), 120U);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
