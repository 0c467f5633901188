#include "slipway/core/facts.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_replace.h"
#include "engine/core/testing.h"
#include "gtest/gtest.h"
#include "slipway/core/rules.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace {

using internal::AskCreateDeployment;
using internal::AskCreateStatus;
using internal::AskDeleteDeployment;
using internal::Asked;
using internal::AskOfRepository;
using internal::FromText;
using internal::MergeText;
using internal::SameMessage;

// $a, $b and $c in texts are SHAs.
std::string WithShas(const std::string& text) {
  return absl::StrReplaceAll(text, {{"$a", internal::kShaA},
                                    {"$b", internal::kShaB},
                                    {"$c", internal::kShaC}});
}

// "main" is at $a; "topic", at $b, contains it; "old", at $c, does not.
v1::RepositoryState State() {
  return FromText<v1::RepositoryState>(WithShas(R"pb(
    repository { id: 1 owner: "Octo" name: "App" default_branch: "main" }
    refs { name: "main" type: REF_TYPE_BRANCH sha: "$a" }
    refs { name: "old" type: REF_TYPE_BRANCH sha: "$c" }
    refs { name: "topic" type: REF_TYPE_BRANCH sha: "$b" }
    refs { name: "lost" type: REF_TYPE_TAG sha: "gone" }
    commits { sha: "$a" merge_base_sha: "$a" }
    commits {
      sha: "$b"
      merge_base_sha: "$a"
      contexts { context: "Build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "lint" state: COMMIT_CONTEXT_STATE_PENDING }
    }
    commits { sha: "$c" }
    environments { id: 2 name: "Staging" }
    environments { id: 4 name: "production" }
    deployments {
      deployment {
        id: 10
        task: "deploy"
        environment: "staging"
        creator { id: 8 login: "bob" }
      }
      statuses { id: 11 state: STATUS_STATE_QUEUED }
      statuses { id: 12 state: STATUS_STATE_SUCCESS }
    }
    deployments {
      deployment { id: 20 environment: "staging" }
      statuses { id: 21 state: STATUS_STATE_SUCCESS }
      statuses { id: 22 state: STATUS_STATE_FAILURE }
    }
    deployments { deployment { id: 30 environment: "STAGING" } }
    deployments {
      deployment { id: 40 environment: "STAGING" }
      statuses { id: 41 state: STATUS_STATE_SUCCESS }
    }
    deployments {
      deployment {
        id: 50
        original_environment: "staging"
        environment: "production"
        production_environment: true
      }
      statuses { id: 51 state: STATUS_STATE_SUCCESS }
    }
    last_id: 60)pb"));
}

// Checks the facts of `State()` for a request, but for those of every kind.
void ExpectFacts(const std::string& request, const std::string& facts,
                 const v1::Rules& rules = {}) {
  const v1::Command command = AskOfRepository(WithShas(request)).command;
  const v1::RepositoryState state = State();
  v1::Facts expected = FromText<v1::Facts>(WithShas(facts));
  *expected.mutable_repository() = state.repository();
  expected.set_last_id(60);
  EXPECT_TRUE(SameMessage(FactsFor(rules, state, command), expected))
      << request;
}

constexpr char kStaging[] = " environment { id: 2 name: 'Staging' } ";
constexpr char kProduction[] = " environment { id: 4 name: 'production' } ";

TEST(FactsForTest, WithoutARepositoryOnlyTheHighestIdIsKnown) {
  v1::RepositoryState state;
  state.set_last_id(60);
  for (const char* request :
       {"create_deployment { ref: 'main' }", "create_status {}",
        "delete_deployment {}", "put_repository {}", "delete_repository {}",
        "put_ref {}", "delete_ref {}", "put_commit_context {}",
        "delete_commit_context {}", ""}) {
    EXPECT_TRUE(SameMessage(
        FactsFor(v1::Rules(), state, AskOfRepository(request).command),
        FromText<v1::Facts>("last_id: 60")))
        << request;
  }
}

TEST(FactsForTest, CreateDeploymentNeedsItsRefAndItsEnvironment) {
  const std::string topic =
      "ref { form: REF_FORM_BRANCH sha: '$b' contains_default_branch: true "
      "contexts { context: 'Build' state: COMMIT_CONTEXT_STATE_SUCCESS } "
      "contexts { context: 'lint' state: COMMIT_CONTEXT_STATE_PENDING } }";
  ExpectFacts("create_deployment { ref: 'topic' }", topic + kProduction);
  ExpectFacts("create_deployment { ref: 'topic' environment: 'STAGING' }",
              topic + kStaging);
  ExpectFacts("create_deployment { ref: 'topic' environment: 'qa' }", topic);
  ExpectFacts("create_deployment { ref: 'topic' environment: '' }", topic);
  ExpectFacts("create_deployment { ref: 'old' environment: 'qa' }",
              "ref { form: REF_FORM_BRANCH sha: '$c' }");
  ExpectFacts("create_deployment { ref: 'heads/main' environment: 'qa' }",
              "ref { form: REF_FORM_QUALIFIED sha: '$a' "
              "contains_default_branch: true }");
  ExpectFacts("create_deployment { ref: '$c' environment: 'qa' }",
              "ref { form: REF_FORM_SHA sha: '$c' }");
  ExpectFacts("create_deployment { ref: 'lost' environment: 'qa' }",
              "ref { form: REF_FORM_TAG sha: 'gone' }");
  ExpectFacts("create_deployment { ref: 'nope' environment: 'qa' }", "");
}

TEST(FactsForTest, R31CreateStatusNeedsWhatASuccessRetires) {
  const std::string deployment40 =
      "deployment { id: 40 environment: 'STAGING' }"
      " latest_status_id: 41 status_count: 1 ";
  const std::string live10 =
      "live_deployments { id: 10 environment: 'staging' task: 'deploy' "
      "creator { id: 8 login: 'bob' } } ";
  const std::string live40 =
      "live_deployments { id: 40 environment: 'STAGING' creator {} } ";
  const std::string live50 =
      "live_deployments { id: 50 environment: 'production' "
      "production_environment: true creator {} } ";
  const std::string request = "create_status { deployment_id: 40 state: ";
  ExpectFacts(request + "STATUS_STATE_SUCCESS }",
              deployment40 + kStaging + live10);
  ExpectFacts(request + "STATUS_STATE_FAILURE }", deployment40 + kStaging);
  ExpectFacts(request + "STATUS_STATE_SUCCESS auto_inactive: false }",
              deployment40 + kStaging);
  // R23: the environment that it moves to is the one that counts.
  ExpectFacts(request + "STATUS_STATE_SUCCESS environment: 'production' }",
              deployment40 + kProduction);
  ExpectFacts(request + "STATUS_STATE_SUCCESS environment: 'qa' }",
              deployment40);
  ExpectFacts(request + "STATUS_STATE_SUCCESS environment: '' }", deployment40);
  // R32, R33: by the rules that are in force.
  ExpectFacts(
      "create_status { deployment_id: 30 state: STATUS_STATE_SUCCESS }",
      "deployment { id: 30 environment: 'STAGING' }" + live10 + live40 +
          kStaging,
      FromText<v1::Rules>("prior_deployments: PRIOR_DEPLOYMENTS_EVERY_OTHER"));
  ExpectFacts(request + "STATUS_STATE_SUCCESS environment: 'production' }",
              deployment40 + kProduction + live50,
              FromText<v1::Rules>(
                  "prior_deployments: PRIOR_DEPLOYMENTS_EVERY_OTHER "
                  "production_inactivation: PRODUCTION_INACTIVATION_INCLUDED"));
  ExpectFacts("create_status { deployment_id: 60 state: STATUS_STATE_SUCCESS }",
              "");
}

TEST(FactsForTest, R41DeleteDeploymentNeedsItsStateAndItsScope) {
  const v1::Rules observed = ObservedRules();
  const std::string deployment50 =
      "deployment { id: 50 original_environment: 'staging' "
      "environment: 'production' production_environment: true } "
      "latest_status_id: 51 latest_state: STATUS_STATE_SUCCESS ";
  const std::string request = "delete_deployment { deployment_id: ";
  ExpectFacts(request + "50 }", deployment50);
  // Where it was moved to it is the only one.
  ExpectFacts(request + "50 }", deployment50 + "only_one_in_scope: true",
              observed);
  const std::string deployment20 =
      "deployment { id: 20 environment: 'staging' } "
      "latest_status_id: 22 latest_state: STATUS_STATE_FAILURE ";
  ExpectFacts(request + "20 }", deployment20);
  ExpectFacts(request + "20 }", deployment20, observed);
  ExpectFacts(request + "30 }", "deployment { id: 30 environment: 'STAGING' }",
              observed);
  ExpectFacts(request + "60 }", "");
}

TEST(FactsForTest, R41TheOnlyDeploymentInScopeIsAlone) {
  const Asked asked =
      AskOfRepository("delete_deployment { deployment_id: 10 }");
  const auto alone = [&](const v1::Rules& rules,
                         const v1::RepositoryState& state) {
    return FactsFor(rules, state, asked.command).only_one_in_scope();
  };
  v1::RepositoryState state = State();
  state.mutable_deployments()->DeleteSubrange(1, 3);  // 10 and 50 are left
  EXPECT_FALSE(alone(v1::Rules(), state));
  EXPECT_FALSE(alone(DocumentedRules(), state));
  EXPECT_TRUE(alone(ObservedRules(), state));
  state.mutable_deployments()->RemoveLast();
  EXPECT_TRUE(alone(v1::Rules(), state));
  EXPECT_TRUE(alone(DocumentedRules(), state));
  EXPECT_TRUE(alone(ObservedRules(), state));
}

TEST(FactsForTest, RefsAndContextsNeedOnlyThemselves) {
  const std::string exists = "commit_exists: true ";
  ExpectFacts("put_repository { id: 1 }", "");
  ExpectFacts("delete_repository {}", "");
  ExpectFacts("put_ref { name: 'main' type: REF_TYPE_BRANCH }", "");
  ExpectFacts("delete_ref { name: 'main' type: REF_TYPE_BRANCH }",
              "existing_ref { name: 'main' type: REF_TYPE_BRANCH sha: '$a' }");
  ExpectFacts("delete_ref { name: 'main' type: REF_TYPE_TAG }", "");
  ExpectFacts("delete_ref { name: 'MAIN' type: REF_TYPE_BRANCH }", "");
  ExpectFacts("put_commit_context { sha: '$b' context: 'lint' }", exists);
  ExpectFacts("put_commit_context { sha: 'gone' context: 'lint' }", "");
  ExpectFacts("delete_commit_context { sha: '$b' context: 'bUILD' }",
              exists +
                  "existing_context { context: 'Build' "
                  "state: COMMIT_CONTEXT_STATE_SUCCESS }");
  ExpectFacts("delete_commit_context { sha: '$a' context: 'lint' }", exists);
  ExpectFacts("delete_commit_context { sha: 'gone' context: 'lint' }", "");
  ExpectFacts("", "");
}

// Checks that the answer to a question, which is yes, uses `needed` ids, and
// that one fewer is too few.
void ExpectIds(Asked asked, int64_t needed) {
  EXPECT_EQ(IdsNeeded(asked.facts, asked.command), needed);
  asked.command.mutable_ids()->set_count(needed);
  const v1::Decision decision = asked.Answer();
  ASSERT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
  // Each id is used once, in order, from the first one on.
  int64_t next = asked.command.ids().first();
  for (const v1::Event& event : decision.acceptance().events()) {
    if (event.has_deployment()) {
      EXPECT_EQ(event.deployment().id(), next++);
    }
    if (event.has_status()) {
      EXPECT_EQ(event.status().id(), next++);
    }
    if (event.has_environment()) {
      EXPECT_EQ(event.environment().id(), next++);
    }
  }
  EXPECT_EQ(next - asked.command.ids().first(), needed);
  if (needed == 0) return;
  asked.command.mutable_ids()->set_count(needed - 1);
  EXPECT_EQ(asked.Answer().rejection().reason(), v1::REASON_MALFORMED_COMMAND);
}

TEST(IdsNeededTest, R17ExactlyAsManyAsADecisionUses) {
  Asked deployment = AskCreateDeployment();
  ExpectIds(deployment, 1);
  deployment.facts.clear_environment();
  ExpectIds(deployment, 2);

  Asked status = AskCreateStatus("state: STATUS_STATE_SUCCESS");
  ExpectIds(status, 1);
  MergeText(
      "live_deployments { id: 10 environment: 'staging' }"
      "live_deployments { id: 20 environment: 'staging' }",
      &status.facts);
  ExpectIds(status, 3);
  status.facts.clear_environment();
  ExpectIds(status, 4);

  Asked without_ids = AskDeleteDeployment();
  without_ids.command.clear_ids();
  ExpectIds(without_ids, 0);
}

TEST(IdsNeededTest, R17NoneWhereNothingCanBeCreated) {
  Asked asked = AskCreateDeployment();
  asked.facts.clear_ref();
  EXPECT_EQ(IdsNeeded(asked.facts, asked.command), 0);
  asked = AskCreateDeployment();
  asked.facts.clear_repository();
  EXPECT_EQ(IdsNeeded(asked.facts, asked.command), 0);
  asked = AskCreateStatus("state: STATUS_STATE_SUCCESS");
  asked.facts.clear_deployment();
  EXPECT_EQ(IdsNeeded(asked.facts, asked.command), 0);
  asked = AskCreateStatus("state: STATUS_STATE_SUCCESS");
  asked.facts.clear_repository();
  EXPECT_EQ(IdsNeeded(asked.facts, asked.command), 0);
  for (const char* request :
       {"put_repository {}", "delete_repository {}", "put_ref {}",
        "delete_ref {}", "put_commit_context {}", "delete_commit_context {}",
        ""}) {
    asked = AskOfRepository(request);
    EXPECT_EQ(IdsNeeded(asked.facts, asked.command), 0) << request;
  }
}

}  // namespace
}  // namespace slipway
