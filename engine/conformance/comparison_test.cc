#include "slipway/conformance/comparison.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

// ---------------------------------------------------------------------------
// Ids.

TEST(SymbolTable, FillsInTheIdsOfTheSubject) {
  SymbolTable symbols;
  v1::Operation create;
  create.mutable_create_deployment()->set_binds("$d1");
  v1::Answer answer;
  answer.mutable_deployment()->set_id(77);
  symbols.Bind(create, answer);
  v1::Operation status;
  status.mutable_create_status()->set_binds("$s1");
  v1::Answer status_answer;
  status_answer.mutable_status()->set_id(78);
  symbols.Bind(status, status_answer);

  v1::Operation get;
  get.mutable_get_status()->set_deployment("$d1");
  get.mutable_get_status()->set_status("$s1");
  symbols.FillIn(get);
  EXPECT_EQ(get.get_status().deployment_id(), 77);
  EXPECT_EQ(get.get_status().status_id(), 78);
}

TEST(SymbolTable, AnUnknownSymbolIsAnIdThatNoRowHas) {
  const SymbolTable symbols;
  v1::Operation get;
  get.mutable_get_deployment()->set_deployment("$d9");
  symbols.FillIn(get);
  EXPECT_GT(get.get_deployment().deployment_id(), int64_t{1} << 50);
  v1::Operation nothing;
  symbols.FillIn(nothing);
  EXPECT_EQ(nothing.call_case(), v1::Operation::CALL_NOT_SET);
}

TEST(SymbolTable, ARefusedCallBindsNothing) {
  SymbolTable symbols;
  v1::Operation create;
  create.mutable_create_deployment()->set_binds("$d1");
  symbols.Bind(create, v1::Answer());
  EXPECT_EQ(symbols.IdOf("$d1"), 0);
}

TEST(IdMatching, R17IdsGrowFromChangeToChange) {
  IdMatching ids;
  EXPECT_EQ(ids.Match(1, 10, /*time_ms=*/1), "");
  EXPECT_EQ(ids.Match(1, 10, 1), "") << "the same row again";
  EXPECT_NE(ids.Match(1, 11, 1), "") << "another id for the same row";
  EXPECT_NE(ids.Match(2, 9, 2), "") << "below an older row's";
  EXPECT_NE(ids.Match(2, 10, 2), "") << "that of an older row";
  EXPECT_EQ(ids.Match(3, 30, 3), "");
  EXPECT_NE(ids.Match(2, 31, 2), "") << "above a newer row's";
  EXPECT_EQ(ids.Match(2, 20, 2), "");
  EXPECT_EQ(ids.TheirsOf(2), 20);
  EXPECT_EQ(ids.TheirsOf(4), 0);
  EXPECT_TRUE(ids.Knows(20));
  EXPECT_FALSE(ids.Knows(21));
  EXPECT_NE(ids.Match(4, 0, 4), "") << "no id";
  EXPECT_NE(ids.Match(4, -7, 4), "");
}

TEST(IdMatching, RowsOfOneChangeComeInAnyOrder) {
  IdMatching ids;
  EXPECT_EQ(ids.Match(1, 10, 1), "");
  EXPECT_EQ(ids.Match(2, 22, 2), "");
  EXPECT_EQ(ids.Match(3, 21, 2), "");
  EXPECT_NE(ids.Match(4, 22, 2), "") << "taken";
  EXPECT_NE(ids.Match(4, 9, 2), "") << "below an older change's";
  EXPECT_EQ(ids.Match(5, 23, 3), "");
}

// ---------------------------------------------------------------------------
// Answers.

// A little life of two deployments, and the right answer to each call with ids
// of its own.
class Story {
 public:
  explicit Story(const v1::Capabilities& capabilities)
      : oracle_(slipway::v1::Rules(), capabilities.refs()),
        comparison_(capabilities) {}

  v1::Operation Create(const std::string& symbol) {
    v1::Operation operation = At();
    operation.mutable_create_deployment()->set_binds(symbol);
    slipway::v1::CreateDeployment& request =
        *operation.mutable_create_deployment()->mutable_request();
    request.set_ref("main");
    request.set_environment("staging");
    return operation;
  }
  v1::Operation Success(const std::string& deployment,
                        const std::string& symbol) {
    v1::Operation operation = At();
    operation.mutable_create_status()->set_binds(symbol);
    operation.mutable_create_status()->set_deployment(deployment);
    operation.mutable_create_status()->mutable_request()->set_state(
        slipway::v1::STATUS_STATE_SUCCESS);
    return operation;
  }
  v1::Operation Get(const std::string& deployment) {
    v1::Operation operation = At();
    operation.mutable_get_deployment()->set_deployment(deployment);
    return operation;
  }
  v1::Operation List() {
    v1::Operation operation = At();
    operation.mutable_list_deployments();
    return operation;
  }
  v1::Operation ListStatuses(const std::string& deployment) {
    v1::Operation operation = At();
    operation.mutable_list_statuses()->set_deployment(deployment);
    return operation;
  }
  v1::Operation Delete(const std::string& deployment) {
    v1::Operation operation = At();
    operation.mutable_delete_deployment()->set_deployment(deployment);
    return operation;
  }

  // The rules that the right answer breaks once `change` has been at it; none
  // where it is still right.
  using Change = std::function<void(v1::Answer&)>;
  std::vector<int> Tell(const v1::Operation& operation,
                        const Change& change = nullptr) {
    const Expectation expected = oracle_.Apply(operation);
    v1::Answer answer = expected.answer;
    Renumber(answer);
    if (change != nullptr) change(answer);
    const absl::optional<Mismatch> mismatch =
        comparison_.Compare(operation, expected, answer, oracle_);
    if (!mismatch.has_value()) return {};
    EXPECT_FALSE(mismatch->rules.empty());
    EXPECT_NE(mismatch->summary, "");
    EXPECT_EQ(mismatch->summary.find('\n'), std::string::npos);
    return mismatch->rules;
  }

 private:
  v1::Operation At() {
    v1::Operation operation;
    operation.set_time_ms(time_ms_ += 1000);
    return operation;
  }
  static void Renumber(v1::Answer& answer) {
    const auto deployment = [](slipway::v1::Deployment& row) {
      row.set_id(row.id() * 3 + 1000);
      row.mutable_creator()->set_login("octocat");
    };
    const auto status = [](slipway::v1::DeploymentStatus& row) {
      row.set_id(row.id() * 3 + 1000);
      row.set_deployment_id(row.deployment_id() * 3 + 1000);
      row.mutable_creator()->set_login("octocat");
    };
    if (answer.has_deployment()) deployment(*answer.mutable_deployment());
    if (answer.has_status()) status(*answer.mutable_status());
    for (auto& row : *answer.mutable_deployments()) deployment(row);
    for (auto& row : *answer.mutable_statuses()) status(row);
    for (auto& told : *answer.mutable_notifications()) {
      told.set_deployment_id(told.deployment_id() * 3 + 1000);
      if (told.status_id() != 0)
        told.set_status_id(told.status_id() * 3 + 1000);
    }
  }

  Oracle oracle_;
  Comparison comparison_;
  int64_t time_ms_ = 1700000000000;
};

v1::Capabilities Everything() {
  v1::Capabilities capabilities;
  capabilities.set_fresh_repository(true);
  capabilities.set_lends_clock(true);
  capabilities.set_notifications(true);
  capabilities.set_payload_bytes(true);
  capabilities.set_login("octocat");
  v1::RefFixture& ref = *capabilities.add_refs();
  ref.set_name("main");
  ref.set_form(slipway::v1::REF_FORM_BRANCH);
  ref.set_sha(std::string(40, 'a'));
  ref.set_is_default_branch(true);
  return capabilities;
}

TEST(Comparison, TheRightAnswersAreRight) {
  Story story(Everything());
  EXPECT_EQ(story.Tell(story.Create("$d1")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Success("$d1", "$s1")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Create("$d2")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Success("$d2", "$s2")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.ListStatuses("$d1")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.List()), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Get("$d1")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Delete("$d2")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Delete("$d1")), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Get("$d1")), std::vector<int>());
}

struct FieldCase {
  const char* name;
  // Which rule is to lead.
  int rule;
  Story::Change change;
};

TEST(Comparison, AFieldOfANewDeploymentHasItsRule) {
  using A = v1::Answer;
  const std::vector<FieldCase> cases = {
      {"id", 17, [](A& a) { a.mutable_deployment()->set_id(0); }},
      {"ref", 2, [](A& a) { a.mutable_deployment()->set_ref("Main"); }},
      {"sha", 2, [](A& a) { a.mutable_deployment()->set_sha("b"); }},
      {"task", 10, [](A& a) { a.mutable_deployment()->clear_task(); }},
      {"payload", 11,
       [](A& a) {
         a.mutable_deployment()->set_payload_type(
             slipway::v1::PAYLOAD_TYPE_STRING);
       }},
      {"description", 11,
       [](A& a) { a.mutable_deployment()->set_description(""); }},
      {"environment", 60,
       [](A& a) { a.mutable_deployment()->set_environment("Staging"); }},
      {"original", 10,
       [](A& a) { a.mutable_deployment()->clear_original_environment(); }},
      {"transient", 10,
       [](A& a) { a.mutable_deployment()->set_transient_environment(true); }},
      {"production", 10,
       [](A& a) { a.mutable_deployment()->set_production_environment(true); }},
      {"updated", 22,
       [](A& a) { a.mutable_deployment()->set_updated_at_ms(7); }},
      {"none", 16, [](A& a) { a.clear_deployment(); }},
      {"code", 16, [](A& a) { a.set_code(200); }},
      {"merge", 13,
       [](A& a) {
         a.set_code(409);
         a.set_message("Conflict merging main into main.");
       }},
      {"checks", 15,
       [](A& a) {
         a.set_code(409);
         a.add_contexts()->set_context("ci");
       }},
      {"field", 60,
       [](A& a) {
         a.set_code(422);
         a.add_violations()->set_field("environment");
       }},
      {"told", 80, [](A& a) { a.clear_notifications(); }},
      {"told wrongly", 80,
       [](A& a) { a.mutable_notifications(0)->set_deployment_id(1); }},
  };
  for (const FieldCase& c : cases) {
    Story story(Everything());
    const std::vector<int> rules = story.Tell(story.Create("$d1"), c.change);
    ASSERT_FALSE(rules.empty()) << c.name;
    EXPECT_EQ(rules.front(), c.rule) << c.name;
  }
}

TEST(Comparison, AFieldOfANewStatusHasItsRule) {
  using A = v1::Answer;
  const std::vector<FieldCase> cases = {
      {"id", 17, [](A& a) { a.mutable_status()->set_id(-1); }},
      {"state", 20,
       [](A& a) {
         a.mutable_status()->set_state(slipway::v1::STATUS_STATE_QUEUED);
       }},
      {"description", 11,
       [](A& a) { a.mutable_status()->set_description("none"); }},
      {"environment", 23,
       [](A& a) { a.mutable_status()->set_environment("production"); }},
      {"log_url", 24, [](A& a) { a.mutable_status()->set_log_url("x"); }},
      {"target_url", 24, [](A& a) { a.mutable_status()->set_target_url("x"); }},
      {"environment_url", 25,
       [](A& a) { a.mutable_status()->set_environment_url("x"); }},
      {"created_at", 21,
       [](A& a) { a.mutable_status()->set_created_at_ms(7); }},
      {"told", 80, [](A& a) { a.add_notifications()->set_event("x"); }},
  };
  for (const FieldCase& c : cases) {
    Story story(Everything());
    EXPECT_EQ(story.Tell(story.Create("$d1")), std::vector<int>());
    const std::vector<int> rules =
        story.Tell(story.Success("$d1", "$s1"), c.change);
    ASSERT_FALSE(rules.empty()) << c.name;
    EXPECT_EQ(rules.front(), c.rule) << c.name;
  }
}

TEST(Comparison, WhatWasRightBeforeMustStaySo) {
  Story story(Everything());
  story.Tell(story.Create("$d1"));
  story.Tell(story.Success("$d1", "$s1"));
  const std::vector<int> rules = story.Tell(
      story.Get("$d1"),
      [](v1::Answer& answer) { answer.mutable_deployment()->set_task("x"); });
  EXPECT_EQ(rules, (std::vector<int>{21, 10}));
}

// Runs two successes in one environment, then a call with a changed answer.
std::vector<int> AfterRetirement(v1::Operation (Story::*call)(),
                                 const Story::Change& change) {
  Story story(Everything());
  story.Tell(story.Create("$d1"));
  story.Tell(story.Success("$d1", "$s1"));
  story.Tell(story.Create("$d2"));
  story.Tell(story.Success("$d2", "$s2"));
  return story.Tell((story.*call)(), change);
}

TEST(Comparison, R31ARetirementThatIsMissingOrTooMuch) {
  Story story(Everything());
  story.Tell(story.Create("$d1"));
  story.Tell(story.Success("$d1", "$s1"));
  story.Tell(story.Create("$d2"));
  story.Tell(story.Success("$d2", "$s2"));
  Story other = story;
  Story third = story;
  Story fourth = story;
  EXPECT_EQ(story
                .Tell(story.ListStatuses("$d1"),
                      [](v1::Answer& answer) {
                        answer.mutable_statuses()->DeleteSubrange(0, 1);
                      })
                .front(),
            31)
      << "no row";
  EXPECT_EQ(other
                .Tell(other.ListStatuses("$d1"),
                      [](v1::Answer& answer) {
                        slipway::v1::DeploymentStatus row = answer.statuses(0);
                        row.set_id(row.id() + 1);
                        answer.mutable_statuses()->Add()->Swap(&row);
                        answer.mutable_statuses()->SwapElements(0, 2);
                        answer.mutable_statuses()->SwapElements(1, 2);
                      })
                .front(),
            31)
      << "twice";
  EXPECT_EQ(third
                .Tell(third.ListStatuses("$d1"),
                      [](v1::Answer& answer) {
                        answer.mutable_statuses(0)->set_created_at_ms(
                            answer.statuses(0).created_at_ms() + 5000);
                      })
                .front(),
            35)
      << "at another time";
  EXPECT_EQ(fourth
                .Tell(fourth.ListStatuses("$d1"),
                      [](v1::Answer& answer) {
                        answer.mutable_statuses()->SwapElements(0, 1);
                      })
                .front(),
            70)
      << "oldest first";
}

// Which of several rules it is, nobody can tell from the answer.
TEST(Comparison, WhatElseItMayBeIsNamed) {
  Story story(Everything());
  story.Tell(story.Create("$d1"));
  story.Tell(story.Success("$d1", "$s1"));
  story.Tell(story.Create("$d2"));
  story.Tell(story.Success("$d2", "$s2"));
  Story other = story;
  v1::Operation page = story.ListStatuses("$d1");
  page.mutable_list_statuses()->set_per_page(1);
  EXPECT_THAT(
      story.Tell(page, [](v1::Answer& answer) { answer.clear_statuses(); }),
      testing::IsSupersetOf({31, 71}))
      << "a retirement that is missing, or a page that is wrong";
  EXPECT_THAT(other.Tell(other.ListStatuses("$d1"),
                         [](v1::Answer& answer) {
                           answer.mutable_statuses()->SwapElements(0, 1);
                         }),
              testing::ElementsAre(70, 17))
      << "the oldest first, or ids that do not grow";
}

TEST(Comparison, R70ListsThatAreWrong) {
  EXPECT_EQ(AfterRetirement(&Story::List,
                            [](v1::Answer& answer) {
                              answer.mutable_deployments()->SwapElements(0, 1);
                            })
                .front(),
            70);
  EXPECT_EQ(AfterRetirement(&Story::List,
                            [](v1::Answer& answer) {
                              answer.mutable_deployments()->RemoveLast();
                            })
                .front(),
            70);
  EXPECT_EQ(AfterRetirement(
                &Story::List,
                [](v1::Answer& answer) { answer.set_has_next_page(true); })
                .front(),
            72);
  EXPECT_EQ(AfterRetirement(&Story::List,
                            [](v1::Answer& answer) {
                              answer.mutable_deployments(0)->set_id(999999);
                            })
                .front(),
            12)
      << "a row that nobody made";
}

TEST(Comparison, R40R41Deletions) {
  Story story(Everything());
  story.Tell(story.Create("$d1"));
  story.Tell(story.Success("$d1", "$s1"));
  story.Tell(story.Create("$d2"));
  Story gone = story;
  const Story::Change accepted = [](v1::Answer& answer) {
    answer.Clear();
    answer.set_code(204);
  };
  EXPECT_EQ(story.Tell(story.Delete("$d1"), accepted).front(), 40);
  EXPECT_EQ(gone.Tell(gone.Delete("$d2")), std::vector<int>());
  EXPECT_EQ(gone.Tell(gone.List(),
                      [](v1::Answer& answer) {
                        slipway::v1::Deployment row = answer.deployments(0);
                        row.set_id(row.id() + 1);
                        *answer.add_deployments() = row;
                        answer.mutable_deployments()->SwapElements(0, 1);
                      })
                .front(),
            12);
}

TEST(Comparison, TimesWithoutTheClockAreRelations) {
  v1::Capabilities capabilities = Everything();
  capabilities.set_lends_clock(false);
  const auto shift = [](int64_t ms) {
    return [ms](v1::Answer& answer) {
      if (answer.has_deployment()) {
        answer.mutable_deployment()->set_created_at_ms(5000);
        answer.mutable_deployment()->set_updated_at_ms(ms);
      }
      if (answer.has_status()) answer.mutable_status()->set_created_at_ms(ms);
    };
  };
  Story story(capabilities);
  EXPECT_EQ(story.Tell(story.Create("$d1"), shift(5000)), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Success("$d1", "$s1"), shift(9000)),
            std::vector<int>());
  EXPECT_EQ(story.Tell(story.Get("$d1"), shift(9999)), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Get("$d1"), shift(10100)), std::vector<int>());
  EXPECT_EQ(story.Tell(story.Get("$d1"), shift(5000)), std::vector<int>{22});

  Story without(capabilities);
  EXPECT_EQ(without.Tell(without.Create("$d1"),
                         [](v1::Answer& answer) {
                           answer.mutable_deployment()->clear_updated_at_ms();
                         }),
            std::vector<int>{22});
}

TEST(Comparison, R11PayloadsAreBytesOrJson) {
  v1::Capabilities capabilities = Everything();
  for (const bool bytes : {true, false}) {
    capabilities.set_payload_bytes(bytes);
    Story story(capabilities);
    v1::Operation create = story.Create("$d1");
    slipway::v1::CreateDeployment& request =
        *create.mutable_create_deployment()->mutable_request();
    request.set_payload_type(slipway::v1::PAYLOAD_TYPE_OBJECT);
    request.set_payload(R"({ "b": [1, 2.50], "a": "\u00fc" })");
    const std::vector<int> rules = story.Tell(create, [](v1::Answer& answer) {
      answer.mutable_deployment()->set_payload(
          "{\"a\":\"\xC3\xBC\",\"b\":[1,2.5]}");
    });
    EXPECT_EQ(rules, bytes ? std::vector<int>{11} : std::vector<int>());
    Story wrong(capabilities);
    EXPECT_EQ(wrong.Tell(create,
                         [](v1::Answer& answer) {
                           answer.mutable_deployment()->set_payload("{\"a\":");
                         }),
              std::vector<int>{11});
  }
}

TEST(Comparison, R11NoPayloadIsAnEmptyObject) {
  Story story(Everything());
  EXPECT_EQ(story.Tell(story.Create("$d1"),
                       [](v1::Answer& answer) {
                         answer.mutable_deployment()->set_payload_type(
                             slipway::v1::PAYLOAD_TYPE_OBJECT);
                         answer.mutable_deployment()->set_payload("{ }");
                       }),
            std::vector<int>{11});
  Story other(Everything());
  EXPECT_EQ(other.Tell(other.Create("$d1"),
                       [](v1::Answer& answer) {
                         answer.mutable_deployment()->set_payload_type(
                             slipway::v1::PAYLOAD_TYPE_OBJECT);
                         answer.mutable_deployment()->set_payload("{}");
                       }),
            std::vector<int>());
}

TEST(Comparison, MessagesAreComparedWhereThereAreAny) {
  v1::Operation create;
  create.set_time_ms(1);
  create.mutable_create_deployment()->mutable_request()->set_ref("nowhere");
  Story story(Everything());
  EXPECT_EQ(story.Tell(create), std::vector<int>());
  EXPECT_EQ(
      story.Tell(create, [](v1::Answer& answer) { answer.clear_message(); }),
      std::vector<int>());
  EXPECT_EQ(
      story
          .Tell(create,
                [](v1::Answer& answer) { answer.set_message("No such ref"); })
          .front(),
      2);
}

TEST(Comparison, AnIllFormedAnswerIsOnlyWrong) {
  const std::vector<Story::Change> changes = {
      [](v1::Answer& answer) { answer.Clear(); },
      [](v1::Answer& answer) { answer.set_code(-1); },
      [](v1::Answer& answer) { answer.set_code(500); },
      [](v1::Answer& answer) {
        answer.clear_deployment();
        answer.clear_status();
        answer.clear_deployments();
        answer.clear_statuses();
        answer.add_deployments();
        answer.add_deployments();
        answer.add_deployments();
        answer.add_statuses();
        answer.add_statuses();
        answer.add_statuses();
        answer.add_violations();
        answer.add_errors("\xFF");
      },
      [](v1::Answer& answer) {
        for (auto& row : *answer.mutable_statuses()) {
          row.set_state(static_cast<slipway::v1::StatusState>(99));
        }
        answer.mutable_status()->set_state(
            static_cast<slipway::v1::StatusState>(-5));
        answer.mutable_deployment()->set_task(std::string(1000, '\xC3'));
        for (auto& row : *answer.mutable_deployments()) {
          row.set_task(std::string(1000, '\xC3'));
        }
        answer.set_code(answer.code() == 204 ? 200 : answer.code());
      },
  };
  for (const Story::Change& change : changes) {
    Story story(Everything());
    EXPECT_FALSE(story.Tell(story.Create("$d1"), change).empty());
    Story later(Everything());
    later.Tell(later.Create("$d1"));
    later.Tell(later.Success("$d1", "$s1"));
    const std::vector<v1::Operation> calls = {
        later.Success("$d1", "$s2"), later.Get("$d1"), later.List(),
        later.ListStatuses("$d1"), later.Delete("$d1")};
    for (const v1::Operation& call : calls) {
      Story copy = later;
      const bool is_right = copy.Tell(call, change).empty();
      // The code says all that there is to say of a deletion.
      if (call.has_delete_deployment()) continue;
      EXPECT_FALSE(is_right) << call.ShortDebugString();
    }
  }
}

TEST(RuleOfField, KnowsTheFieldsOfTheApi) {
  EXPECT_EQ(RuleOfField("environment"), 60);
  EXPECT_EQ(RuleOfField("state"), 20);
  EXPECT_EQ(RuleOfField("nothing"), 0);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
