#include "slipway/core/evolve.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/core/testing.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::FromText;
using internal::MergeText;
using internal::SameMessage;

// What the tests start from.
v1::RepositoryState Before() {
  return FromText<v1::RepositoryState>(R"pb(
    repository { id: 1 owner: "octo" name: "app" default_branch: "main" }
    refs { name: "main" type: REF_TYPE_BRANCH sha: "aa" }
    refs { name: "topic" type: REF_TYPE_BRANCH sha: "bb" }
    refs { name: "v1" type: REF_TYPE_TAG sha: "aa" }
    commits { sha: "aa" merge_base_sha: "aa" }
    commits {
      sha: "bb"
      merge_base_sha: "aa"
      contexts { context: "Build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "lint" state: COMMIT_CONTEXT_STATE_PENDING }
    }
    environments { id: 11 name: "staging" }
    deployments {
      deployment {
        id: 10
        original_environment: "staging"
        environment: "staging"
        created_at_ms: 1000
        updated_at_ms: 1000
      }
    }
    deployments {
      deployment { id: 12 environment: "staging" updated_at_ms: 1000 }
      statuses { id: 13 deployment_id: 12 state: STATUS_STATE_QUEUED }
    }
    last_id: 13)pb");
}

// Folds an event into `Before()` and, when that works, returns the state. In
// place and by value must agree, and damage must change nothing.
absl::StatusOr<v1::RepositoryState> After(
    const std::string& event_text,
    const v1::RepositoryState& before = Before()) {
  auto event = FromText<v1::Event>(event_text);
  event.mutable_repository()->set_owner("octo");
  event.mutable_repository()->set_name("app");
  v1::RepositoryState in_place = before;
  const absl::Status status = Evolve(event, &in_place);
  absl::StatusOr<v1::RepositoryState> by_value = Evolve(before, event);
  EXPECT_EQ(status, by_value.status());
  if (!status.ok()) {
    EXPECT_TRUE(SameMessage(in_place, before)) << event_text;
    return status;
  }
  EXPECT_TRUE(SameMessage(in_place, *by_value));
  return by_value;
}

// Checks that an event makes of `Before()` what `change` makes of it.
template <typename Change>
void ExpectChange(const std::string& event_text, Change change) {
  v1::RepositoryState expected = Before();
  change(expected);
  const absl::StatusOr<v1::RepositoryState> after = After(event_text);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(SameMessage(*after, expected)) << event_text;
}

TEST(EvolveTest, DeploymentCreatedAddsIt) {
  ExpectChange(
      "type: EVENT_TYPE_DEPLOYMENT_CREATED deployment { id: 14 ref: 'main' }",
      [](v1::RepositoryState& state) {
        MergeText(
            "deployments { deployment { id: 14 ref: 'main' } }"
            "last_id: 14",
            &state);
      });
}

TEST(EvolveTest, R21R22R23AStatusIsAppendedAndMovesItsDeployment) {
  constexpr char kStatus[] = R"pb(
    id: 15
    deployment_id: 12
    state: STATUS_STATE_SUCCESS
    environment: "production"
    created_at_ms: 2000)pb";
  ExpectChange(
      std::string("type: EVENT_TYPE_STATUS_CREATED status {") + kStatus + "}",
      [&](v1::RepositoryState& state) {
        v1::DeploymentRecord& record = *state.mutable_deployments(1);
        MergeText(kStatus, record.add_statuses());
        record.mutable_deployment()->set_environment("production");
        record.mutable_deployment()->set_updated_at_ms(2000);
        state.set_last_id(15);
      });
}

TEST(EvolveTest, R42DeploymentDeletedTakesItsStatusesAndKeepsTheEnvironment) {
  ExpectChange("type: EVENT_TYPE_DEPLOYMENT_DELETED deployment_id: 12",
               [](v1::RepositoryState& state) {
                 state.mutable_deployments()->RemoveLast();
               });
  ExpectChange("type: EVENT_TYPE_DEPLOYMENT_DELETED deployment_id: 10",
               [](v1::RepositoryState& state) {
                 state.mutable_deployments()->DeleteSubrange(0, 1);
               });
}

TEST(EvolveTest, R16EnvironmentCreatedAddsIt) {
  constexpr char kEnvironment[] = "id: 20 name: 'production' created_at_ms: 5";
  ExpectChange(
      std::string("type: EVENT_TYPE_ENVIRONMENT_CREATED environment {") +
          kEnvironment + "}",
      [&](v1::RepositoryState& state) {
        MergeText(kEnvironment, state.add_environments());
        state.set_last_id(20);
      });
}

TEST(EvolveTest, R5RepositoryPutReplacesTheRepositoryAndNothingElse) {
  constexpr char kRepository[] = "id: 1 owner: 'Octo' default_branch: 'trunk'";
  const std::string event =
      std::string("type: EVENT_TYPE_REPOSITORY_PUT put_repository {") +
      kRepository + "}";
  ExpectChange(event, [&](v1::RepositoryState& state) {
    *state.mutable_repository() = FromText<v1::Repository>(kRepository);
  });
  const auto created = After(event, v1::RepositoryState());
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->repository().owner(), "Octo");
}

TEST(EvolveTest, R17RepositoryDeletedLeavesOnlyTheHighestId) {
  ExpectChange("type: EVENT_TYPE_REPOSITORY_DELETED",
               [](v1::RepositoryState& state) {
                 state.Clear();
                 state.set_last_id(13);
               });
}

TEST(EvolveTest, R6RefPutAddsOrMovesARefAndKeepsListsSorted) {
  // A new branch at a new commit, each in its place.
  ExpectChange(
      "type: EVENT_TYPE_REF_PUT "
      "ref { name: 'next' type: REF_TYPE_BRANCH sha: 'ab' }"
      "commit { sha: 'ab' merge_base_sha: 'aa' }",
      [](v1::RepositoryState& state) {
        MergeText("name: 'next' type: REF_TYPE_BRANCH sha: 'ab'",
                  state.add_refs());
        state.mutable_refs()->SwapElements(2, 3);
        state.mutable_refs()->SwapElements(1, 2);
        MergeText("sha: 'ab' merge_base_sha: 'aa'", state.add_commits());
        state.mutable_commits()->SwapElements(1, 2);
      });
  // A moved branch; a tag of that name is another ref.
  ExpectChange(
      "type: EVENT_TYPE_REF_PUT "
      "ref { name: 'topic' type: REF_TYPE_BRANCH sha: 'aa' }"
      "commit { sha: 'aa' }",
      [](v1::RepositoryState& state) { state.mutable_refs(1)->set_sha("aa"); });
  ExpectChange(
      "type: EVENT_TYPE_REF_PUT "
      "ref { name: 'topic' type: REF_TYPE_TAG sha: 'aa' } commit { sha: 'aa' }",
      [](v1::RepositoryState& state) {
        MergeText("name: 'topic' type: REF_TYPE_TAG sha: 'aa'",
                  state.add_refs());
        state.mutable_refs()->SwapElements(2, 3);
      });
}

TEST(EvolveTest, R6AnEmptyMergeBaseSaysNothingNewAndOthersReplaceIt) {
  ExpectChange(
      "type: EVENT_TYPE_REF_PUT "
      "ref { name: 'topic' type: REF_TYPE_BRANCH sha: 'bb' }"
      "commit { sha: 'bb' }",
      [](v1::RepositoryState&) {});
  ExpectChange(
      "type: EVENT_TYPE_REF_PUT "
      "ref { name: 'topic' type: REF_TYPE_BRANCH sha: 'bb' }"
      "commit { sha: 'bb' merge_base_sha: 'cc' }",
      [](v1::RepositoryState& state) {
        state.mutable_commits(1)->set_merge_base_sha("cc");
      });
}

TEST(EvolveTest, R6RefDeletedKeepsItsCommit) {
  ExpectChange(
      "type: EVENT_TYPE_REF_DELETED "
      "ref { name: 'topic' type: REF_TYPE_BRANCH sha: 'bb' }",
      [](v1::RepositoryState& state) {
        state.mutable_refs()->DeleteSubrange(1, 1);
      });
}

TEST(EvolveTest, R7CommitContextPutAddsOrReplacesWithoutCase) {
  ExpectChange(
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT commit { sha: 'bb' }"
      "context { context: 'BUILD' state: COMMIT_CONTEXT_STATE_FAILURE }",
      [](v1::RepositoryState& state) {
        v1::CommitContext* context =
            state.mutable_commits(1)->mutable_contexts(0);
        context->set_context("BUILD");
        context->set_state(v1::COMMIT_CONTEXT_STATE_FAILURE);
      });
  ExpectChange(
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT commit { sha: 'bb' }"
      "context { context: 'Docs' state: COMMIT_CONTEXT_STATE_SUCCESS }",
      [](v1::RepositoryState& state) {
        v1::Commit& commit = *state.mutable_commits(1);
        MergeText("context: 'Docs' state: COMMIT_CONTEXT_STATE_SUCCESS",
                  commit.add_contexts());
        commit.mutable_contexts()->SwapElements(1, 2);
      });
}

TEST(EvolveTest, R7CommitContextDeletedForgetsItWithoutCase) {
  ExpectChange(
      "type: EVENT_TYPE_COMMIT_CONTEXT_DELETED commit { sha: 'bb' }"
      "context { context: 'LINT' }",
      [](v1::RepositoryState& state) {
        state.mutable_commits(1)->mutable_contexts()->RemoveLast();
      });
}

TEST(EvolveTest, WhatCannotFollowIsDamageAndChangesNothing) {
  const char* const events[] = {
      "",
      "type: 99",
      // No body.
      "type: EVENT_TYPE_DEPLOYMENT_CREATED",
      "type: EVENT_TYPE_STATUS_CREATED",
      "type: EVENT_TYPE_DEPLOYMENT_DELETED",
      "type: EVENT_TYPE_ENVIRONMENT_CREATED",
      "type: EVENT_TYPE_REPOSITORY_PUT",
      "type: EVENT_TYPE_REF_PUT",
      "type: EVENT_TYPE_REF_PUT ref { name: 'x' type: REF_TYPE_BRANCH }",
      "type: EVENT_TYPE_REF_PUT commit { sha: 'bb' }",
      "type: EVENT_TYPE_REF_DELETED",
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT",
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT commit { sha: 'bb' }",
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT context { context: 'lint' }",
      "type: EVENT_TYPE_COMMIT_CONTEXT_DELETED",
      // R17: ids that do not grow.
      "type: EVENT_TYPE_DEPLOYMENT_CREATED deployment { id: 13 }",
      "type: EVENT_TYPE_DEPLOYMENT_CREATED deployment { id: -1 }",
      "type: EVENT_TYPE_STATUS_CREATED status { id: 13 deployment_id: 12 }",
      "type: EVENT_TYPE_ENVIRONMENT_CREATED environment { id: 13 }",
      // Something that is not there.
      "type: EVENT_TYPE_STATUS_CREATED status { id: 14 deployment_id: 11 }",
      "type: EVENT_TYPE_DEPLOYMENT_DELETED deployment_id: 11",
      "type: EVENT_TYPE_REF_DELETED ref { name: 'x' type: REF_TYPE_BRANCH }",
      "type: EVENT_TYPE_REF_DELETED ref { name: 'v1' type: REF_TYPE_BRANCH }",
      "type: EVENT_TYPE_COMMIT_CONTEXT_PUT commit { sha: 'cc' } context {}",
      "type: EVENT_TYPE_COMMIT_CONTEXT_DELETED commit { sha: 'cc' } context {}",
      "type: EVENT_TYPE_COMMIT_CONTEXT_DELETED commit { sha: 'aa' } context {}",
  };
  for (const char* event : events) {
    const auto after = After(event);
    EXPECT_EQ(after.status().code(), absl::StatusCode::kDataLoss) << event;
  }
  EXPECT_EQ(After("type: EVENT_TYPE_DEPLOYMENT_DELETED deployment_id: 11")
                .status()
                .message(),
            "EVENT_TYPE_DEPLOYMENT_DELETED of octo/app: unknown deployment 11");
}

TEST(EvolveTest, NothingButItsCreationFollowsWhereThereIsNoRepository) {
  v1::RepositoryState deleted;
  deleted.set_last_id(13);
  for (int type = 0; type < v1::EventType_ARRAYSIZE; ++type) {
    v1::Event event;
    event.set_type(static_cast<v1::EventType>(type));
    event.mutable_deployment()->set_id(14);
    event.mutable_environment()->set_id(14);
    event.mutable_put_repository()->set_id(1);
    event.mutable_ref()->set_name("main");
    event.mutable_commit()->set_sha("aa");
    const auto after = Evolve(deleted, event);
    EXPECT_EQ(after.ok(), type == v1::EVENT_TYPE_REPOSITORY_PUT);
    if (after.ok()) {
      EXPECT_EQ(after->last_id(), 13);  // R17
    }
  }
}

}  // namespace
}  // namespace slipway
