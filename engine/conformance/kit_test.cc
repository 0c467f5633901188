#include "slipway/conformance/kit.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
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

void ExpectPasses(const v1::Profile& profile, int clients) {
  InProcessSubject subject({profile.rules(), {}});
  RunOptions options;
  options.profile = profile;
  options.clients = clients;
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_CONFORMS) << Describe(report);
  EXPECT_EQ(report.sequences(), 200);
  EXPECT_EQ(report.left_over(), "");
  for (const v1::RuleResult& rule : report.rules()) {
    if (rule.level() == v1::LEVEL_OPEN) continue;
    if (rule.rule() == 36 && clients == 1) {
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
    ExpectPasses(DocumentedProfile(), clients);
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

}  // namespace
}  // namespace conformance
}  // namespace slipway
