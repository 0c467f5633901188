// R1, R3 and R5 to R7: what `Decide` makes of the commands by which a host
// tells of repositories, refs and commit contexts.

#include <cstdint>
#include <string>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using internal::Asked;
using internal::AskOfRepository;
using internal::FromText;
using internal::MergeText;
using internal::RulesOf;
using internal::SameMessage;
using internal::ViolationsOf;
using ::testing::ElementsAre;

Asked AskPutRepository() {
  return AskOfRepository("put_repository { id: 1 default_branch: 'main' }");
}

Asked AskPutRef() {
  Asked asked =
      AskOfRepository("put_ref { name: 'topic' type: REF_TYPE_BRANCH }");
  asked.command.mutable_put_ref()->set_sha(internal::kShaB);
  return asked;
}

Asked AskDeleteRef() {
  Asked asked =
      AskOfRepository("delete_ref { name: 'topic' type: REF_TYPE_BRANCH }");
  MergeText("name: 'topic' type: REF_TYPE_BRANCH sha: 'bb'",
            asked.facts.mutable_existing_ref());
  return asked;
}

Asked AskPutContext() {
  Asked asked = AskOfRepository(
      "put_commit_context { context: 'Build' "
      "state: COMMIT_CONTEXT_STATE_SUCCESS }");
  asked.command.mutable_put_commit_context()->set_sha(internal::kShaB);
  asked.facts.set_commit_exists(true);
  return asked;
}

Asked AskDeleteContext() {
  Asked asked = AskOfRepository("delete_commit_context { context: 'BUILD' }");
  asked.command.mutable_delete_commit_context()->set_sha(internal::kShaB);
  asked.facts.set_commit_exists(true);
  MergeText("context: 'Build' state: COMMIT_CONTEXT_STATE_STALE",
            asked.facts.mutable_existing_context());
  return asked;
}

// The one event of the answer, which is yes, without what every event has.
v1::Event EventOf(const Asked& asked) {
  const v1::Decision decision = asked.Answer();
  EXPECT_EQ(decision.acceptance().events_size(), 1)
      << decision.ShortDebugString();
  EXPECT_EQ(decision.acceptance().effects_size(), 0);  // R80
  if (decision.acceptance().events().empty()) return {};
  v1::Event event = decision.acceptance().events(0);
  EXPECT_EQ(event.time_ms(), 5000);
  EXPECT_EQ(event.actor().login(), "ann");
  event.clear_time_ms();
  event.clear_actor();
  return event;
}

// clang-format off
TEST(RepositoryCommandsTest, R12RefusalsInTheirOrder) {
  const internal::Defect malformed =
      {v1::REASON_MALFORMED_COMMAND,    8, [](Asked& asked) { asked.command.set_time_ms(-1); }};
  const internal::Defect key_reused =
      {v1::REASON_IDEMPOTENCY_KEY_REUSED, 100, internal::ReuseKey};
  const internal::Defect no_repository =
      {v1::REASON_REPOSITORY_NOT_FOUND, 1, [](Asked& asked) { asked.facts.clear_repository(); }};
  const internal::Defect no_commit =
      {v1::REASON_COMMIT_NOT_FOUND,     7, [](Asked& asked) { asked.facts.set_commit_exists(false); }};
  internal::ExpectPrecedence(AskPutRepository(), {
      malformed,
      key_reused,
      {v1::REASON_INVALID_FIELDS,       5, [](Asked& asked) { asked.command.mutable_put_repository()->set_id(0); }},
      {v1::REASON_REPOSITORY_ID_TAKEN,  5, [](Asked& asked) { asked.facts.mutable_repository_id_holder()->set_owner("x"); }},
  });
  internal::ExpectPrecedence(AskOfRepository("delete_repository {}"), {
      malformed,
      key_reused,
      no_repository,
  });
  internal::ExpectPrecedence(AskPutRef(), {
      malformed,
      key_reused,
      no_repository,
      {v1::REASON_INVALID_FIELDS,       6, [](Asked& asked) { asked.command.mutable_put_ref()->clear_type(); }},
  });
  Asked delete_ref = AskDeleteRef();
  delete_ref.command.mutable_delete_ref()->set_name("main");
  delete_ref.facts.mutable_repository()->set_default_branch("trunk");
  internal::ExpectPrecedence(delete_ref, {
      malformed,
      key_reused,
      no_repository,
      {v1::REASON_INVALID_FIELDS,        6, [](Asked& asked) { asked.command.mutable_delete_ref()->set_type(static_cast<v1::RefType>(9)); }},
      {v1::REASON_REF_NOT_FOUND,         6, [](Asked& asked) { asked.facts.clear_existing_ref(); }},
      {v1::REASON_DEFAULT_BRANCH_NEEDED, 3, [](Asked& asked) { asked.facts.mutable_repository()->set_default_branch("main"); }},
  });
  internal::ExpectPrecedence(AskPutContext(), {
      malformed,
      key_reused,
      no_repository,
      {v1::REASON_INVALID_FIELDS,       7, [](Asked& asked) { asked.command.mutable_put_commit_context()->clear_state(); }},
      no_commit,
  });
  internal::ExpectPrecedence(AskDeleteContext(), {
      malformed,
      key_reused,
      no_repository,
      {v1::REASON_INVALID_FIELDS,       6, [](Asked& asked) { asked.command.mutable_delete_commit_context()->clear_sha(); }},
      no_commit,
      {v1::REASON_CONTEXT_NOT_FOUND,    7, [](Asked& asked) { asked.facts.clear_existing_context(); }},
  });
}
// clang-format on

TEST(PutRepositoryTest, R1R5CreatesWhatIsNotThere) {
  Asked asked = AskPutRepository();
  asked.facts.clear_repository();
  asked.command.mutable_put_repository()->set_visibility(
      v1::REPOSITORY_VISIBILITY_PRIVATE);
  EXPECT_TRUE(SameMessage(EventOf(asked), FromText<v1::Event>(R"pb(
                            type: EVENT_TYPE_REPOSITORY_PUT
                            repository { owner: "octo" name: "app" }
                            put_repository {
                              id: 1
                              owner: "octo"
                              name: "app"
                              default_branch: "main"
                              visibility: REPOSITORY_VISIBILITY_PRIVATE
                              created_at_ms: 5000
                              updated_at_ms: 5000
                            })pb")));
  EXPECT_THAT(RulesOf(asked.Answer()), ElementsAre(1, 3, 5, 81));
}

TEST(PutRepositoryTest, R1R5ReplacesWhatIsThereAndItsSpelling) {
  Asked asked = AskPutRepository();
  asked.facts.mutable_repository()->set_created_at_ms(1000);
  MergeText(
      "repository { owner: 'OCTO' name: 'App' } "
      "put_repository { default_branch: 'trunk' }",
      &asked.command);
  EXPECT_TRUE(SameMessage(EventOf(asked), FromText<v1::Event>(R"pb(
                            type: EVENT_TYPE_REPOSITORY_PUT
                            repository { owner: "OCTO" name: "App" }
                            put_repository {
                              id: 1
                              owner: "OCTO"
                              name: "App"
                              default_branch: "trunk"
                              created_at_ms: 1000
                              updated_at_ms: 5000
                            })pb")));
}

TEST(PutRepositoryTest, R5AnIdIsItsOwnForever) {
  Asked asked = AskPutRepository();
  asked.command.mutable_put_repository()->set_id(2);
  EXPECT_THAT(ViolationsOf(asked.Answer()),
              ElementsAre("id: the repository exists with the id 1"));
  EXPECT_EQ(asked.Answer().rejection().violations(0).code(),
            v1::VIOLATION_CODE_ALREADY_EXISTS);
  asked = AskPutRepository();
  MergeText("owner: 'acme' name: 'web'",
            asked.facts.mutable_repository_id_holder());
  EXPECT_EQ(asked.Answer().rejection().reason(),
            v1::REASON_REPOSITORY_ID_TAKEN);
  EXPECT_EQ(asked.Answer().rejection().message(),
            "The id 1 is that of acme/web");
}

TEST(PutRepositoryTest, R5IdsAreFromOneToBelowTwoToThe53) {
  constexpr int64_t kTooLarge = int64_t{1} << 53;
  for (const int64_t id : {int64_t{-1}, int64_t{0}, int64_t{1}, kTooLarge - 1,
                           kTooLarge, INT64_MAX}) {
    Asked asked = AskPutRepository();
    asked.facts.clear_repository();
    asked.command.mutable_put_repository()->set_id(id);
    EXPECT_EQ(asked.Answer().has_acceptance(), id > 0 && id < kTooLarge) << id;
  }
}

TEST(PutRepositoryTest, R3R12EveryViolationIsListed) {
  Asked asked = AskPutRepository();
  MergeText("id: -1 default_branch: ''",
            asked.command.mutable_put_repository());
  asked.command.mutable_put_repository()->set_visibility(
      static_cast<v1::RepositoryVisibility>(9));
  EXPECT_THAT(ViolationsOf(asked.Answer()),
              ElementsAre("id: id is not from 1 to 2^53 - 1",
                          "default_branch: default_branch can't be blank",
                          "visibility: visibility is not a known one"));
}

TEST(DeleteRepositoryTest, R5DeletesIt) {
  EXPECT_TRUE(SameMessage(EventOf(AskOfRepository("delete_repository {}")),
                          FromText<v1::Event>(R"pb(
                            type: EVENT_TYPE_REPOSITORY_DELETED
                            repository { owner: "octo" name: "app" })pb")));
}

TEST(PutRefTest, R6PutsTheRefAndTheCommit) {
  Asked asked = AskPutRef();
  asked.command.mutable_put_ref()->set_merge_base_sha(internal::kShaA);
  const v1::Event event = EventOf(asked);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_REF_PUT);
  EXPECT_EQ(event.ref().name(), "topic");
  EXPECT_EQ(event.ref().type(), v1::REF_TYPE_BRANCH);
  EXPECT_EQ(event.ref().sha(), internal::kShaB);
  EXPECT_EQ(event.commit().sha(), internal::kShaB);
  EXPECT_EQ(event.commit().merge_base_sha(), internal::kShaA);
  EXPECT_EQ(asked.Answer().acceptance().outcome(), v1::OUTCOME_REF_PUT);
  EXPECT_THAT(RulesOf(asked.Answer()), ElementsAre(6, 81));
}

TEST(PutRefTest, R6TheHeadOfTheDefaultBranchContainsItself) {
  Asked asked = AskPutRef();
  asked.command.mutable_put_ref()->set_name("main");
  EXPECT_EQ(EventOf(asked).commit().merge_base_sha(), internal::kShaB);
  asked.command.mutable_put_ref()->set_merge_base_sha(internal::kShaA);
  EXPECT_EQ(EventOf(asked).commit().merge_base_sha(), internal::kShaB);
  // A tag of that name is not the default branch.
  asked.command.mutable_put_ref()->set_type(v1::REF_TYPE_TAG);
  EXPECT_EQ(EventOf(asked).commit().merge_base_sha(), internal::kShaA);
}

TEST(PutRefTest, R6Shas) {
  const struct {
    std::string sha;
    bool valid;
  } cases[] = {
      {internal::kShaA, true},       {std::string(64, '0'), true},
      {std::string(40, 'f'), true},  {std::string(40, 'g'), false},
      {std::string(40, 'A'), false}, {std::string(39, 'a'), false},
      {std::string(41, 'a'), false}, {std::string(63, 'a'), false},
      {std::string(65, 'a'), false}, {std::string(40, '/'), false},
      {std::string(40, ':'), false}, {std::string(40, '`'), false},
  };
  for (const auto& c : cases) {
    Asked asked = AskPutRef();
    asked.command.mutable_put_ref()->set_sha(c.sha);
    EXPECT_EQ(asked.Answer().has_acceptance(), c.valid) << c.sha;
    asked = AskPutRef();
    asked.command.mutable_put_ref()->set_merge_base_sha(c.sha);
    EXPECT_EQ(asked.Answer().has_acceptance(), c.valid) << c.sha;
  }
  Asked asked = AskPutRef();
  asked.command.mutable_put_ref()->clear_sha();
  EXPECT_FALSE(asked.Answer().has_acceptance());
}

TEST(PutRefTest, R4R12EveryViolationIsListed) {
  Asked asked = AskPutRef();
  MergeText("name: '' type: REF_TYPE_UNSPECIFIED sha: 'x' merge_base_sha: 'y'",
            asked.command.mutable_put_ref());
  EXPECT_THAT(
      ViolationsOf(asked.Answer()),
      ElementsAre("name: name can't be blank",
                  "type: type is neither a branch nor a tag",
                  "sha: sha is not 40 or 64 lower-case hexadecimal digits",
                  "merge_base_sha: merge_base_sha is not 40 or 64 lower-case "
                  "hexadecimal digits"));
  for (const int more : {0, 1}) {
    asked = AskPutRef();
    asked.command.mutable_put_ref()->set_name(std::string(1024 + more, 'x'));
    EXPECT_EQ(asked.Answer().has_acceptance(), more == 0);
  }
}

TEST(DeleteRefTest, R6TheEventHasTheRefAsItWas) {
  const Asked asked = AskDeleteRef();
  const v1::Event event = EventOf(asked);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_REF_DELETED);
  EXPECT_TRUE(SameMessage(event.ref(), asked.facts.existing_ref()));
  EXPECT_EQ(asked.Answer().acceptance().outcome(), v1::OUTCOME_REF_DELETED);
}

TEST(DeleteRefTest, R3TheDefaultBranchStaysButATagOfThatNameNeedNot) {
  Asked asked = AskDeleteRef();
  asked.command.mutable_delete_ref()->set_name("main");
  EXPECT_EQ(asked.Answer().rejection().reason(),
            v1::REASON_DEFAULT_BRANCH_NEEDED);
  EXPECT_EQ(asked.Answer().rejection().message(),
            "The default branch cannot be deleted");
  asked.command.mutable_delete_ref()->set_type(v1::REF_TYPE_TAG);
  EXPECT_TRUE(asked.Answer().has_acceptance());
}

TEST(DeleteRefTest, R6WhatIsNotThere) {
  Asked asked = AskDeleteRef();
  asked.facts.clear_existing_ref();
  EXPECT_EQ(asked.Answer().rejection().message(), "Reference does not exist");
  asked.command.mutable_delete_ref()->clear_name();
  asked.command.mutable_delete_ref()->clear_type();
  EXPECT_THAT(ViolationsOf(asked.Answer()),
              ElementsAre("name: name can't be blank",
                          "type: type is neither a branch nor a tag"));
}

TEST(PutCommitContextTest, R7PutsTheLatestState) {
  const Asked asked = AskPutContext();
  const v1::Event event = EventOf(asked);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_COMMIT_CONTEXT_PUT);
  EXPECT_EQ(event.commit().sha(), internal::kShaB);
  EXPECT_TRUE(SameMessage(event.context(), FromText<v1::CommitContext>(R"pb(
                            context: "Build"
                            state: COMMIT_CONTEXT_STATE_SUCCESS
                            updated_at_ms: 5000)pb")));
  EXPECT_EQ(asked.Answer().acceptance().outcome(),
            v1::OUTCOME_COMMIT_CONTEXT_PUT);
  EXPECT_THAT(RulesOf(asked.Answer()), ElementsAre(7, 81));
}

TEST(PutCommitContextTest, R7EveryKnownStateMayBePut) {
  for (int state = -1; state <= v1::CommitContextState_ARRAYSIZE; ++state) {
    Asked asked = AskPutContext();
    asked.command.mutable_put_commit_context()->set_state(
        static_cast<v1::CommitContextState>(state));
    EXPECT_EQ(asked.Answer().has_acceptance(),
              state > 0 && state < v1::CommitContextState_ARRAYSIZE)
        << state;
  }
}

TEST(PutCommitContextTest, R7R12EveryViolationIsListed) {
  Asked asked = AskPutContext();
  MergeText("sha: 'x' context: '' state: COMMIT_CONTEXT_STATE_UNSPECIFIED",
            asked.command.mutable_put_commit_context());
  EXPECT_THAT(
      ViolationsOf(asked.Answer()),
      ElementsAre("sha: sha is not 40 or 64 lower-case hexadecimal digits",
                  "context: context can't be blank",
                  "state: state is not included in the list"));
}

TEST(PutCommitContextTest, R7OnlyOfAKnownCommit) {
  Asked asked = AskPutContext();
  asked.facts.set_commit_exists(false);
  EXPECT_EQ(asked.Answer().rejection().message(),
            std::string("No commit found for SHA: ") + internal::kShaB);
}

TEST(DeleteCommitContextTest, R7TheEventHasTheContextAsItWas) {
  const Asked asked = AskDeleteContext();
  const v1::Event event = EventOf(asked);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_COMMIT_CONTEXT_DELETED);
  EXPECT_EQ(event.commit().sha(), internal::kShaB);
  EXPECT_TRUE(SameMessage(event.context(), asked.facts.existing_context()));
  EXPECT_EQ(asked.Answer().acceptance().outcome(),
            v1::OUTCOME_COMMIT_CONTEXT_DELETED);
}

TEST(DeleteCommitContextTest, R7WhatIsNotThere) {
  Asked asked = AskDeleteContext();
  asked.facts.clear_existing_context();
  EXPECT_EQ(asked.Answer().rejection().message(),
            "No context found for: BUILD");
  asked.facts.set_commit_exists(false);
  EXPECT_EQ(asked.Answer().rejection().message(),
            std::string("No commit found for SHA: ") + internal::kShaB);
  MergeText("sha: 'x' context: ''",
            asked.command.mutable_delete_commit_context());
  EXPECT_THAT(
      ViolationsOf(asked.Answer()),
      ElementsAre("sha: sha is not 40 or 64 lower-case hexadecimal digits",
                  "context: context can't be blank"));
}

}  // namespace
}  // namespace slipway
