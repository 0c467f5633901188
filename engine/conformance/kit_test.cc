#include "slipway/conformance/kit.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/rule_table.h"

namespace slipway {
namespace conformance {
namespace {

// What a run found, in lines.
std::string Describe(const v1::Report& report) {
  std::string text = absl::StrCat(v1::Verdict_Name(report.verdict()), " ",
                                  report.could_not_run(), "\n");
  for (const v1::RuleResult& rule : report.rules()) {
    absl::StrAppend(&text, "R", rule.rule(), " ",
                    v1::RuleOutcome_Name(rule.outcome()), " ", rule.steps(),
                    " ", rule.note(), "\n");
  }
  for (const v1::Failure& failure : report.failures()) {
    absl::StrAppend(&text, failure.DebugString(), "\n");
  }
  return text;
}

v1::RuleResult ResultOf(const v1::Report& report, int rule) {
  for (const v1::RuleResult& result : report.rules()) {
    if (result.rule() == rule) return result;
  }
  return v1::RuleResult();
}

void ExpectPasses(const v1::Profile& profile, int clients,
                  int64_t sequences = 200) {
  InProcessSubject subject({profile.rules(), {}});
  RunOptions options;
  options.profile = profile;
  options.clients = clients;
  options.sequences = sequences;
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
  EXPECT_EQ(report.sequences(), sequences);
  EXPECT_EQ(report.left_over(), "");
  for (const v1::RuleResult& rule : report.rules()) {
    if (rule.level() == v1::LEVEL_OPEN) continue;
    if ((rule.rule() == 36 && clients == 1) || rule.rule() == 82) {
      EXPECT_EQ(rule.outcome(), v1::RULE_OUTCOME_NOT_TESTED);
      continue;
    }
    EXPECT_EQ(rule.outcome(), v1::RULE_OUTCOME_PASSED)
        << "R" << rule.rule() << " " << rule.title() << "\n"
        << Describe(report);
  }
}

TEST(Kit, TheEnginePassesTheDocumentedProfile) {
  ExpectPasses(DocumentedProfile(), 1);
}

TEST(Kit, TheEnginePassesTheObservedProfile) {
  ExpectPasses(ObservedProfile(), 1);
}

TEST(Kit, TheEnginePassesWithClientsInParallel) {
  for (const int clients : {2, 3, 4}) {
    ExpectPasses(DocumentedProfile(), clients, /*sequences=*/100);
  }
}

// ---------------------------------------------------------------------------
// Subjects that are wrong on purpose.

struct Mutant {
  std::string name;
  // One of these is to lead.
  std::vector<int> rules;
  InProcessHooks hooks;
};

InProcessHooks WithRules(std::function<void(slipway::v1::Rules&)> change) {
  InProcessHooks hooks;
  hooks.rules = [change = std::move(change)](const v1::Operation&,
                                             slipway::v1::Rules& rules) {
    change(rules);
  };
  return hooks;
}

InProcessHooks WithState(
    std::function<void(slipway::v1::DeploymentRecord&)> change) {
  InProcessHooks hooks;
  hooks.state = [change = std::move(change)](
                    const slipway::v1::Command& command,
                    slipway::v1::RepositoryState& state) {
    if (!command.has_create_status()) return;
    for (auto& record : *state.mutable_deployments()) change(record);
  };
  return hooks;
}

InProcessHooks WithAnswer(
    std::function<void(const v1::Operation&, v1::Answer&)> change) {
  InProcessHooks hooks;
  hooks.answer = std::move(change);
  return hooks;
}

InProcessHooks WithOperation(std::function<void(v1::Operation&)> change) {
  InProcessHooks hooks;
  hooks.operation = std::move(change);
  return hooks;
}

std::vector<Mutant> Mutants() {
  std::vector<Mutant> mutants;
  mutants.push_back({"transient deployments are retired too",
                     {31},
                     WithState([](slipway::v1::DeploymentRecord& record) {
                       record.mutable_deployment()->set_transient_environment(
                           false);
                     })});
  mutants.push_back({"production deployments are retired too",
                     {33},
                     WithRules([](slipway::v1::Rules& rules) {
                       rules.set_production_inactivation(
                           slipway::v1::PRODUCTION_INACTIVATION_INCLUDED);
                     })});
  mutants.push_back({"the flags of the new deployment count",
                     {31, 33, 34},
                     WithRules([](slipway::v1::Rules& rules) {
                       rules.set_inactivation_flags(
                           slipway::v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT);
                     })});
  mutants.push_back({"every other deployment is prior",
                     {32},
                     WithRules([](slipway::v1::Rules& rules) {
                       rules.set_prior_deployments(
                           slipway::v1::PRIOR_DEPLOYMENTS_EVERY_OTHER);
                     })});
  mutants.push_back({"auto_inactive is overlooked",
                     {30},
                     WithOperation([](v1::Operation& operation) {
                       if (operation.has_create_status()) {
                         operation.mutable_create_status()
                             ->mutable_request()
                             ->clear_auto_inactive();
                       }
                     })});
  mutants.push_back({"the environment where a deployment began counts",
                     {23, 31, 34},
                     WithState([](slipway::v1::DeploymentRecord& record) {
                       record.mutable_deployment()->set_environment(
                           record.deployment().original_environment());
                     })});
  mutants.push_back({"the scope of deletions is the environment",
                     {41},
                     WithRules([](slipway::v1::Rules& rules) {
                       rules.set_deletion_scope(
                           slipway::v1::DELETION_SCOPE_ENVIRONMENT);
                     })});
  mutants.push_back({"updated_at stays",
                     {22},
                     WithAnswer([](const v1::Operation&, v1::Answer& answer) {
                       if (answer.has_deployment()) {
                         answer.mutable_deployment()->set_updated_at_ms(
                             answer.deployment().created_at_ms());
                       }
                     })});
  mutants.push_back({"original_environment moves too",
                     {23},
                     WithAnswer([](const v1::Operation&, v1::Answer& answer) {
                       if (answer.has_deployment()) {
                         answer.mutable_deployment()->set_original_environment(
                             answer.deployment().environment());
                       }
                     })});
  mutants.push_back(
      {"pages begin one row too early",
       {71},
       WithAnswer([](const v1::Operation& operation, v1::Answer& answer) {
         if (operation.list_deployments().page() > 1 &&
             answer.deployments_size() > 0) {
           answer.mutable_deployments()->RemoveLast();
         }
       })});
  mutants.push_back({"of two filters one counts",
                     {70},
                     WithOperation([](v1::Operation& operation) {
                       if (!operation.has_list_deployments()) return;
                       v1::ListDeployments& list =
                           *operation.mutable_list_deployments();
                       if (list.has_task()) list.clear_environment();
                     })});
  mutants.push_back(
      {"an empty list of contexts is none",
       {15},
       WithOperation([](v1::Operation& operation) {
         if (!operation.has_create_deployment()) return;
         slipway::v1::CreateDeployment& request =
             *operation.mutable_create_deployment()->mutable_request();
         if (request.required_contexts().contexts().empty()) {
           request.clear_required_contexts();
         }
       })});
  mutants.push_back(
      {"pending contexts pass", {15}, [] {
         InProcessHooks hooks;
         hooks.ref = [](const std::string&, slipway::v1::ResolvedRef& ref) {
           for (auto& context : *ref.mutable_contexts()) {
             if (context.state() == slipway::v1::COMMIT_CONTEXT_STATE_PENDING) {
               context.set_state(slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS);
             }
           }
         };
         return hooks;
       }()});
  mutants.push_back({"others are told of inactive", {80}, {}});
  mutants.back().hooks.decision =
      [](const slipway::v1::RepositoryState&, const slipway::v1::Command&,
         const InProcessHooks::TakeId&, slipway::v1::Decision& decision) {
        if (!decision.has_acceptance()) return;
        slipway::v1::Acceptance& acceptance = *decision.mutable_acceptance();
        for (int i = 0; i < acceptance.events_size(); ++i) {
          if (acceptance.events(i).status().state() !=
              slipway::v1::STATUS_STATE_INACTIVE) {
            continue;
          }
          slipway::v1::Effect& effect = *acceptance.add_effects();
          effect.set_type(slipway::v1::EFFECT_TYPE_NOTIFY);
          effect.set_event_index(i);
        }
      };
  return mutants;
}

TEST(Kit, MutantsAreCaughtAndShrunk) {
  for (const Mutant& mutant : Mutants()) {
    SCOPED_TRACE(mutant.name);
    InProcessSubject subject({DocumentedProfile().rules(), mutant.hooks});
    RunOptions options;
    options.profile = DocumentedProfile();
    options.sequences = 1000;
    options.failures_max = 1;
    const v1::Report report = conformance::Run(options, subject);
    EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM)
        << Describe(report);
    if (report.failures().empty()) continue;
    const v1::Failure& failure = report.failures(0);
    EXPECT_LE(failure.sequence().operations_size(), 6) << Describe(report);
    EXPECT_TRUE(failure.reproduced()) << Describe(report);
    EXPECT_NE(
        std::find(mutant.rules.begin(), mutant.rules.end(), failure.rules(0)),
        mutant.rules.end())
        << Describe(report);
    EXPECT_EQ(ResultOf(report, failure.rules(0)).outcome(),
              v1::RULE_OUTCOME_FAILED);
  }
}

// ---------------------------------------------------------------------------
// The run itself.

// Passes on to another subject; tests change one thing.
class Wrapper : public SubjectUnderTest {
 public:
  explicit Wrapper(SubjectUnderTest& inner) : inner_(inner) {}
  absl::StatusOr<v1::Capabilities> Describe() override {
    return inner_.Describe();
  }
  absl::StatusOr<std::string> Reset() override { return inner_.Reset(); }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    return inner_.Apply(operation);
  }

 protected:
  SubjectUnderTest& inner_;
};

InProcessParams Engine() { return {DocumentedProfile().rules(), {}}; }

RunOptions ShortRun() {
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 40;
  return options;
}

// Writes down what it is asked, and answers every so many calls wrongly.
class Scribe : public Wrapper {
 public:
  Scribe(SubjectUnderTest& inner, int wrong_every)
      : Wrapper(inner), wrong_every_(wrong_every) {}
  absl::StatusOr<std::string> Reset() override {
    asked_.emplace_back();
    return inner_.Reset();
  }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    asked_.back().push_back(operation.ShortDebugString());
    absl::StatusOr<v1::Answer> answer = inner_.Apply(operation);
    if (wrong_every_ > 0 && ++calls_ % wrong_every_ == 0) {
      answer->set_code(418);
    }
    return answer;
  }
  // By sequence.
  const std::vector<std::vector<std::string>>& asked() const { return asked_; }

 private:
  const int wrong_every_;
  int calls_ = 0;
  std::vector<std::vector<std::string>> asked_;
};

TEST(Kit, EqualSeedsGiveEqualSequences) {
  InProcessSubject engine(Engine());
  Scribe first(engine, 0);
  Scribe second(engine, 0);
  Scribe third(engine, 0);
  RunOptions options = ShortRun();
  conformance::Run(options, first);
  conformance::Run(options, second);
  EXPECT_EQ(first.asked(), second.asked());
  options.seed = 2;
  conformance::Run(options, third);
  EXPECT_NE(first.asked(), third.asked());
}

TEST(Kit, EqualSeedsGiveEqualSequencesWhateverIsAnswered) {
  InProcessSubject engine(Engine());
  Scribe right(engine, 0);
  Scribe wrong(engine, 11);
  RunOptions options = ShortRun();
  options.shrink_attempts_max = 0;
  options.failures_max = 1000;
  conformance::Run(options, right);
  conformance::Run(options, wrong);
  // Each sequence is there up to its first wrong answer; failures are replayed
  // in between.
  size_t next = 0;
  for (const std::vector<std::string>& asked : right.asked()) {
    bool found = false;
    while (!found && next < wrong.asked().size()) {
      const std::vector<std::string>& begun = wrong.asked()[next++];
      found = begun.size() <= asked.size() &&
              std::equal(begun.begin(), begun.end(), asked.begin());
    }
    EXPECT_TRUE(found);
  }
}

// A repository that is there for good: a reset deletes what it can, and
// somebody else's deployment may be in it.
class Shared : public Wrapper {
 public:
  Shared(SubjectUnderTest& inner, bool with_others)
      : Wrapper(inner), with_others_(with_others) {}
  absl::StatusOr<v1::Capabilities> Describe() override {
    absl::StatusOr<v1::Capabilities> capabilities = inner_.Describe();
    capabilities->clear_fresh_repository();
    capabilities->clear_lends_clock();
    capabilities->clear_notifications();
    capabilities->clear_login();
    capabilities->clear_payload_bytes();
    return capabilities;
  }
  absl::StatusOr<std::string> Reset() override {
    if (!began_) {
      began_ = true;
      absl::StatusOr<std::string> reset = inner_.Reset();
      if (with_others_) Leave();
      return reset;
    }
    for (const int64_t id : made_) {
      v1::Operation retire;
      retire.mutable_create_status()->set_deployment_id(id);
      retire.mutable_create_status()->mutable_request()->set_state(
          slipway::v1::STATUS_STATE_INACTIVE);
      inner_.Apply(retire).IgnoreError();
      v1::Operation deletion;
      deletion.mutable_delete_deployment()->set_deployment_id(id);
      inner_.Apply(deletion).IgnoreError();
    }
    made_.clear();
    return std::string(with_others_ ? "one of somebody else" : "");
  }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    v1::Operation now = operation;
    now.set_time_ms(now_ms_ += 20);
    absl::StatusOr<v1::Answer> answer = inner_.Apply(now);
    if (answer->has_deployment() && operation.has_create_deployment()) {
      std::lock_guard<std::mutex> lock(mutex_);
      made_.push_back(answer->deployment().id());
    }
    return answer;
  }

 private:
  void Leave() {
    for (const char* environment : {"production", "staging"}) {
      v1::Operation create;
      slipway::v1::CreateDeployment& request =
          *create.mutable_create_deployment()->mutable_request();
      request.set_ref("main");
      request.set_environment(environment);
      create.set_time_ms(now_ms_ += 20);
      const absl::StatusOr<v1::Answer> answer = inner_.Apply(create);
      v1::Operation success;
      success.set_time_ms(now_ms_ += 20);
      success.mutable_create_status()->set_deployment_id(
          answer->deployment().id());
      success.mutable_create_status()->mutable_request()->set_state(
          slipway::v1::STATUS_STATE_SUCCESS);
      inner_.Apply(success).IgnoreError();
    }
  }

  const bool with_others_;
  bool began_ = false;
  std::atomic<int64_t> now_ms_{1650000000000};
  std::mutex mutex_;
  std::vector<int64_t> made_;
};

TEST(Kit, ASharedRepositoryPassesToo) {
  for (const bool with_others : {false, true}) {
    for (const v1::Profile& profile :
         {DocumentedProfile(), ObservedProfile()}) {
      SCOPED_TRACE(absl::StrCat(profile.name(), " ", with_others));
      InProcessSubject engine({profile.rules(), {}});
      Shared subject(engine, with_others);
      RunOptions options;
      options.profile = profile;
      options.sequences = 100;
      const v1::Report report = conformance::Run(options, subject);
      EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
      EXPECT_EQ(report.left_over(), with_others ? "one of somebody else" : "");
      EXPECT_EQ(ResultOf(report, 80).outcome(), v1::RULE_OUTCOME_NOT_TESTED);
      for (const v1::RuleResult& rule : report.rules()) {
        if (rule.level() == v1::LEVEL_OPEN) continue;
        EXPECT_NE(rule.outcome(), v1::RULE_OUTCOME_NOT_REACHED)
            << Describe(report);
      }
    }
  }
}

// What clients in parallel have merged stays merged, too.
TEST(Kit, ASharedRepositoryPassesWithClientsInParallel) {
  for (const uint64_t seed : {1, 2, 3}) {
    InProcessSubject engine(Engine());
    Shared subject(engine, /*with_others=*/false);
    RunOptions options;
    options.profile = DocumentedProfile();
    options.sequences = 60;
    options.seed = seed;
    options.clients = 4;
    const v1::Report report = conformance::Run(options, subject);
    EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
    EXPECT_EQ(ResultOf(report, 36).outcome(), v1::RULE_OUTCOME_PASSED);
  }
}

TEST(Kit, MutantsAreCaughtInASharedRepository) {
  for (const Mutant& mutant : Mutants()) {
    SCOPED_TRACE(mutant.name);
    // Not seen without the clock, or without notifications.
    if (mutant.rules[0] == 22 || mutant.rules[0] == 80) continue;
    InProcessSubject engine({DocumentedProfile().rules(), mutant.hooks});
    Shared subject(engine, /*with_others=*/true);
    RunOptions options;
    options.profile = DocumentedProfile();
    options.sequences = 1000;
    options.failures_max = 1;
    options.shrink_attempts_max = 300;
    const v1::Report report = conformance::Run(options, subject);
    EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM)
        << Describe(report);
    ASSERT_FALSE(report.failures().empty());
    EXPECT_TRUE(report.failures(0).reproduced()) << Describe(report);

    // In another run, whose names are others.
    InProcessSubject again({DocumentedProfile().rules(), mutant.hooks});
    Shared later(again, /*with_others=*/true);
    options.run_name = "another-run";
    const v1::Report replayed =
        Replay(options, report.failures(0).sequence(), later);
    EXPECT_EQ(replayed.verdict(), v1::VERDICT_DOES_NOT_CONFORM)
        << Describe(replayed) << Describe(report);
    // What is right passes it.
    InProcessSubject right({DocumentedProfile().rules(), {}});
    Shared shared(right, /*with_others=*/true);
    EXPECT_EQ(Replay(options, report.failures(0).sequence(), shared).verdict(),
              v1::VERDICT_CONFORMS);
  }
}

// Its names get an end, and its lists do not show what others have made.
TEST(Kit, ASequenceWithoutASuffixCanBeReplayedInASharedRepository) {
  v1::Sequence sequence;
  v1::CreateDeployment& create =
      *sequence.add_operations()->mutable_create_deployment();
  create.set_binds("$d1");
  create.mutable_request()->set_ref("main");
  create.mutable_request()->set_environment("staging");
  sequence.add_operations()->mutable_list_deployments();
  RunOptions options;
  options.profile = DocumentedProfile();
  InProcessSubject engine(Engine());
  Shared subject(engine, /*with_others=*/true);
  const v1::Report report = Replay(options, sequence, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
}

// Fails with a 500, and nothing else, where `fails` says so.
class Failing : public Wrapper {
 public:
  Failing(SubjectUnderTest& inner,
          std::function<bool(const v1::Operation&)> fails)
      : Wrapper(inner), fails_(std::move(fails)) {}
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (!fails_(operation)) return inner_.Apply(operation);
    v1::Answer answer;
    answer.set_code(500);
    answer.set_exchange("< 500");
    return answer;
  }
  std::string DescribeCall(const v1::Operation& operation) override {
    return absl::StrCat("call ", operation.client());
  }

 private:
  const std::function<bool(const v1::Operation&)> fails_;
};

TEST(Kit, AnOpenRuleLeavesNoRoomForFailures) {
  InProcessSubject engine(Engine());
  Failing subject(engine, [](const v1::Operation& operation) {
    return operation.has_create_deployment();
  });
  RunOptions options;
  options.profile = DocumentedProfile();
  for (int rule = 1; rule < 60; ++rule) options.profile.add_open_rules(rule);
  options.sequences = 20;
  options.failures_max = 1;
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM) << Describe(report);
  EXPECT_EQ(report.open_sequences(), 0);
}

TEST(Kit, SequencesThatEndAtAnOpenRuleAreCounted) {
  InProcessSubject engine(
      {DocumentedProfile().rules(),
       WithAnswer([](const v1::Operation&, v1::Answer& answer) {
         if (answer.has_deployment()) {
           answer.mutable_deployment()->set_task("wrong");
         }
       })});
  RunOptions options;
  options.profile = DocumentedProfile();
  options.profile.add_open_rules(10);
  options.sequences = 20;
  const v1::Report report = conformance::Run(options, engine);
  EXPECT_GT(report.open_sequences(), 0) << Describe(report);
}

TEST(Kit, AFailureInParallelIsShownWithItsCall) {
  InProcessSubject engine(Engine());
  Failing subject(engine, [](const v1::Operation& operation) {
    return operation.client() == 1 && operation.has_create_deployment();
  });
  RunOptions options;
  options.profile = DocumentedProfile();
  options.clients = 2;
  options.sequences = 20;
  options.failures_max = 1;
  const v1::Report report = conformance::Run(options, subject);
  ASSERT_FALSE(report.failures().empty()) << Describe(report);
  const v1::Failure& failure = report.failures(0);
  EXPECT_NE(failure.rules(0), 36) << Describe(report);
  EXPECT_EQ(failure.actual().code(), 500) << Describe(report);
  EXPECT_EQ(failure.actual().exchange(), "< 500");
  EXPECT_EQ(std::count(failure.curl().begin(), failure.curl().end(), "call 1"),
            1)
      << Describe(report);
}

// Tells notifications at the end of a sequence, in a wild order and twice.
class Late : public Wrapper {
 public:
  using Wrapper::Wrapper;
  absl::StatusOr<v1::Capabilities> Describe() override {
    absl::StatusOr<v1::Capabilities> capabilities = inner_.Describe();
    capabilities->clear_notifications();
    capabilities->set_late_notifications(true);
    capabilities->set_signed_notifications(true);
    return capabilities;
  }
  absl::StatusOr<std::string> Reset() override {
    told_.Clear();
    return inner_.Reset();
  }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    absl::StatusOr<v1::Answer> answer = inner_.Apply(operation);
    std::lock_guard<std::mutex> lock(mutex_);
    for (const v1::Notification& one : answer->notifications()) {
      *told_.add_notifications() = one;
    }
    answer->clear_notifications();
    return answer;
  }
  absl::StatusOr<v1::NotificationsResponse> Notifications(
      const v1::NotificationsRequest& /*request*/) override {
    v1::NotificationsResponse response = told_;
    response.MergeFrom(told_);
    std::reverse(response.mutable_notifications()->begin(),
                 response.mutable_notifications()->end());
    for (v1::Notification& one : *response.mutable_notifications()) {
      if (one.state() == flawed) one.set_flaw("it is not signed");
    }
    return response;
  }
  // Notifications of this state have a flaw.
  slipway::v1::StatusState flawed = slipway::v1::STATUS_STATE_WAITING;

 private:
  std::mutex mutex_;
  v1::NotificationsResponse told_;
};

TEST(Kit, R80NotificationsMayComeLate) {
  for (const int clients : {1, 4}) {
    InProcessSubject engine(Engine());
    Late subject(engine);
    RunOptions options = ShortRun();
    options.clients = clients;
    const v1::Report report = conformance::Run(options, subject);
    EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
    EXPECT_EQ(ResultOf(report, 80).outcome(), v1::RULE_OUTCOME_PASSED);
    EXPECT_EQ(ResultOf(report, 82).outcome(), v1::RULE_OUTCOME_PASSED);
  }
}

// One that is to be led by R80, shrunk to `steps`.
void ExpectNotToldRight(const InProcessHooks& hooks, int steps) {
  InProcessSubject engine({DocumentedProfile().rules(), hooks});
  Late subject(engine);
  RunOptions options = ShortRun();
  options.sequences = 200;
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(report.failures_size(), 1) << Describe(report);
  EXPECT_EQ(report.failures(0).rules(0), 80) << Describe(report);
  EXPECT_EQ(report.failures(0).sequence().operations_size(), steps)
      << Describe(report);
  EXPECT_TRUE(report.failures(0).reproduced());
}

TEST(Kit, R80WhatIsToldLateOrNotAtAllIsLookedAt) {
  ExpectNotToldRight(Mutants().back().hooks, 2);  // of inactive
  InProcessHooks nobody_is_told;
  nobody_is_told.decision =
      [](const slipway::v1::RepositoryState&, const slipway::v1::Command&,
         const InProcessHooks::TakeId&, slipway::v1::Decision& decision) {
        if (decision.acceptance().outcome() ==
                slipway::v1::OUTCOME_DEPLOYMENT_CREATED ||
            decision.acceptance().outcome() ==
                slipway::v1::OUTCOME_STATUS_CREATED) {
          decision.mutable_acceptance()->clear_effects();
        }
      };
  ExpectNotToldRight(nobody_is_told, 1);
}

TEST(Kit, R82AFlawIsAFailureOfItsOwn) {
  InProcessSubject engine(Engine());
  Late subject(engine);
  subject.flawed = slipway::v1::STATUS_STATE_ERROR;
  const v1::Report report = conformance::Run(ShortRun(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(report.failures_size(), 1) << Describe(report);
  EXPECT_EQ(report.failures(0).rules(0), 82) << Describe(report);
  EXPECT_EQ(report.failures(0).sequence().operations_size(), 2)
      << Describe(report);
  EXPECT_EQ(ResultOf(report, 80).outcome(), v1::RULE_OUTCOME_PASSED);
}

TEST(Kit, ASubjectThatKnowsOfNoNotificationsCouldNotBeRun) {
  InProcessSubject engine(Engine());
  class Boaster : public Wrapper {
   public:
    using Wrapper::Wrapper;
    absl::StatusOr<v1::Capabilities> Describe() override {
      absl::StatusOr<v1::Capabilities> capabilities = inner_.Describe();
      capabilities->set_late_notifications(true);
      return capabilities;
    }
  };
  Boaster subject(engine);
  EXPECT_EQ(conformance::Run(ShortRun(), subject).verdict(),
            v1::VERDICT_COULD_NOT_RUN);
}

// Answers so many calls, and then fails in its way.
class Breaking : public Wrapper {
 public:
  Breaking(SubjectUnderTest& inner, int calls, absl::Status status)
      : Wrapper(inner), calls_(calls), status_(std::move(status)) {}
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (calls_-- <= 0) return status_;
    return inner_.Apply(operation);
  }

 private:
  int calls_;
  const absl::Status status_;
};

TEST(Kit, ASubjectThatDoesNotAnswerCouldNotBeRun) {
  for (const absl::Status& status :
       {absl::DeadlineExceededError("no answer in 5 s"),
        absl::UnavailableError("the connection closed"),
        absl::DataLossError("<html>")}) {
    for (const int calls : {0, 1, 100}) {
      InProcessSubject engine(Engine());
      Breaking subject(engine, calls, status);
      const v1::Report report = conformance::Run(ShortRun(), subject);
      EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
      EXPECT_NE(report.could_not_run().find(std::string(status.message())),
                std::string::npos)
          << report.could_not_run();
      EXPECT_LE(report.steps(), calls);
    }
  }
}

class Misfit : public Wrapper {
 public:
  using Wrapper::Wrapper;
  absl::StatusOr<v1::Capabilities> Describe() override { return capabilities; }
  absl::StatusOr<std::string> Reset() override { return reset; }

  absl::StatusOr<v1::Capabilities> capabilities = v1::Capabilities();
  absl::StatusOr<std::string> reset = std::string();
};

TEST(Kit, WhatCannotBeRunIsSaid) {
  InProcessSubject engine(Engine());
  Misfit subject(engine);
  v1::Report report = conformance::Run(ShortRun(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
  EXPECT_NE(report.could_not_run(), "") << "no refs";

  subject.capabilities = absl::UnavailableError("not there");
  report = conformance::Run(ShortRun(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);

  subject.capabilities = engine.Describe();
  subject.reset = absl::UnavailableError("cannot reset");
  report = conformance::Run(ShortRun(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
  EXPECT_NE(report.left_over(), "");

  subject.capabilities->set_clients_max(2);
  RunOptions options = ShortRun();
  options.clients = 3;
  report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
  options.clients = 0;
  report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
}

// Whatever comes back, it is only wrong.
class Babbler : public Wrapper {
 public:
  using Wrapper::Wrapper;
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    absl::StatusOr<v1::Answer> answer = inner_.Apply(operation);
    switch (++calls_ % 5) {
      case 0:
        return v1::Answer();
      case 1:
        answer->mutable_deployment()->set_id(calls_ % 2 == 0 ? -1 : 0);
        answer->mutable_status()->set_state(
            static_cast<slipway::v1::StatusState>(77));
        return answer;
      case 2:
        for (int i = 0; i < 300; ++i) answer->add_deployments()->set_id(i);
        for (int i = 0; i < 300; ++i) answer->add_statuses()->set_id(-i);
        return answer;
      default:
        return answer;
    }
  }

 private:
  int calls_ = 0;
};

TEST(Kit, NonsenseIsAFailureAndNoMore) {
  for (const int clients : {1, 2}) {
    InProcessSubject engine(Engine());
    Babbler subject(engine);
    RunOptions options = ShortRun();
    options.clients = clients;
    options.shrink_attempts_max = 50;
    const v1::Report report = conformance::Run(options, subject);
    EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
    EXPECT_FALSE(report.failures().empty());
  }
}

TEST(Kit, AFlakySubjectIsToldFromAWrongOne) {
  InProcessSubject engine(Engine());
  // Wrong once only.
  class Flaky : public Wrapper {
   public:
    using Wrapper::Wrapper;
    absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
      absl::StatusOr<v1::Answer> answer = inner_.Apply(operation);
      if (++calls_ == 60) answer->set_code(500);
      return answer;
    }
    int calls_ = 0;
  };
  Flaky subject(engine);
  const v1::Report report = conformance::Run(ShortRun(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(report.failures_size(), 1);
  EXPECT_FALSE(report.failures(0).reproduced());
}

Mutant ProductionIsRetired() { return Mutants()[1]; }

TEST(Kit, AKnownFailureIsKnownWhileItFails) {
  InProcessSubject subject(
      {DocumentedProfile().rules(), ProductionIsRetired().hooks});
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 60;
  options.known_failures[33] = "next release";
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
  EXPECT_EQ(ResultOf(report, 33).outcome(), v1::RULE_OUTCOME_KNOWN);
  EXPECT_EQ(ResultOf(report, 33).note(), "next release");
}

TEST(Kit, AKnownFailureThatPassesFails) {
  InProcessSubject subject(Engine());
  RunOptions options;
  options.profile = DocumentedProfile();
  options.known_failures[31] = "next release";
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  EXPECT_EQ(ResultOf(report, 31).outcome(), v1::RULE_OUTCOME_PASSED);
  EXPECT_NE(ResultOf(report, 31).note().find("take it off the list"),
            std::string::npos);
}

TEST(Kit, WhatIsNotReachedHasNotPassed) {
  InProcessSubject subject(Engine());
  RunOptions options = ShortRun();
  options.sequences = 1;
  options.steps_max = 1;
  options.known_failures[31] = "next release";
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
  EXPECT_EQ(ResultOf(report, 31).outcome(), v1::RULE_OUTCOME_NOT_REACHED);
}

TEST(Kit, WhatIsNotReachedFailsOnlyWhereItIsAskedFor) {
  InProcessSubject subject(Engine());
  RunOptions options = ShortRun();
  options.reach_all = true;
  v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  EXPECT_TRUE(report.failures().empty());
  EXPECT_EQ(ResultOf(report, 36).outcome(), v1::RULE_OUTCOME_NOT_TESTED);
  EXPECT_TRUE(ResultOf(report, 36).fails_run());
  EXPECT_EQ(ResultOf(report, 36).note(),
            "it needs clients in parallel; it has to be tested");
  EXPECT_FALSE(ResultOf(report, 26).fails_run());
  // It has no wire, and is asked one by one.
  options.profile.add_open_rules(36);
  options.profile.add_open_rules(82);
  options.sequences = 200;
  report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);

  options.sequences = 1;
  options.steps_max = 1;
  report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  v1::Sequence sequence;
  sequence.add_operations()->mutable_list_deployments();
  EXPECT_EQ(Replay(options, sequence, subject).verdict(), v1::VERDICT_CONFORMS);
}

TEST(Kit, WhatReplaysOfNothingAndUnknownRulesCannotShow) {
  InProcessSubject subject(Engine());
  RunOptions options = ShortRun();
  v1::Report report = Replay(options, v1::Sequence(), subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
  EXPECT_EQ(report.could_not_run(), "the sequence has no operations");
  options.known_failures[100] = "why not";
  report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_COULD_NOT_RUN);
  EXPECT_EQ(report.could_not_run(),
            "the known failures: the kit has no rule R100");
}

// Answers a call with nothing but a code.
class Blunt : public Wrapper {
 public:
  using Wrapper::Wrapper;
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    absl::StatusOr<v1::Answer> answer = inner_.Apply(operation);
    if (only_creations && !operation.has_create_deployment()) return answer;
    answer = v1::Answer();
    answer->set_code(500);
    return answer;
  }
  bool only_creations = false;
};

TEST(Kit, WhatIsNeverAnsweredRightHasNotPassed) {
  for (const int clients : {1, 2}) {
    InProcessSubject engine(Engine());
    Blunt subject(engine);
    RunOptions options = ShortRun();
    options.clients = clients;
    options.shrink_attempts_max = 50;
    const v1::Report all = conformance::Run(options, subject);
    EXPECT_EQ(all.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
    for (const v1::RuleResult& rule : all.rules()) {
      EXPECT_NE(rule.outcome(), v1::RULE_OUTCOME_PASSED) << Describe(all);
    }

    subject.only_creations = true;
    const v1::Report creations = conformance::Run(options, subject);
    EXPECT_EQ(creations.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
    for (const int rule : {2, 10, 11, 13, 15, 16, 20, 31}) {
      EXPECT_NE(ResultOf(creations, rule).outcome(), v1::RULE_OUTCOME_PASSED)
          << Describe(creations);
    }
    // Its lists are as empty as they should be.
    EXPECT_EQ(ResultOf(creations, 70).outcome(), v1::RULE_OUTCOME_PASSED)
        << Describe(creations);
  }
}

TEST(Kit, AnOpenRuleIsNotTested) {
  InProcessSubject subject(
      {DocumentedProfile().rules(), ProductionIsRetired().hooks});
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 60;
  options.profile.add_open_rules(33);
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
  EXPECT_EQ(ResultOf(report, 33).outcome(), v1::RULE_OUTCOME_NOT_TESTED);
  EXPECT_NE(ResultOf(report, 33).note(), "");
}

TEST(Kit, AFailureCanBeReplayedAlone) {
  const InProcessParams wrong = {DocumentedProfile().rules(),
                                 ProductionIsRetired().hooks};
  InProcessSubject subject(wrong);
  RunOptions options = ShortRun();
  options.failures_max = 1;
  const v1::Report report = conformance::Run(options, subject);
  ASSERT_EQ(report.failures_size(), 1) << Describe(report);
  const v1::Failure& failure = report.failures(0);

  const v1::Report again = Replay(options, failure.sequence(), subject);
  EXPECT_EQ(again.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(again.failures_size(), 1);
  EXPECT_EQ(again.failures(0).rules(0), failure.rules(0));
  EXPECT_TRUE(again.failures(0).reproduced());

  InProcessSubject right(Engine());
  EXPECT_EQ(Replay(options, failure.sequence(), right).verdict(),
            v1::VERDICT_CONFORMS);
}

TEST(Kit, ProgressIsShown) {
  InProcessSubject subject(Engine());
  RunOptions options = ShortRun();
  Progress last;
  options.on_progress = [&](const Progress& progress) { last = progress; };
  conformance::Run(options, subject);
  EXPECT_EQ(last.sequences, 40);
  EXPECT_EQ(last.sequences_max, 40);
  EXPECT_GT(last.steps, 0);
  EXPECT_GT(last.rules_to_reach, 20);
  EXPECT_LE(last.rules_reached, last.rules_to_reach);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
