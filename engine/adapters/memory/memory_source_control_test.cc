#include "slipway/adapters/memory/memory_source_control.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using ::testing::HasSubstr;
using MergeResult = SourceControl::MergeResult;

std::string Sha(char digit) { return std::string(40, digit); }

v1::Seed SeedOf(const std::string& text) {
  v1::Seed seed;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &seed));
  return seed;
}

// Digits stand for SHAs of forty of them.
v1::Seed Expand(v1::Seed seed) {
  const auto expand = [](std::string* sha) {
    if (sha->size() == 1) *sha = Sha(sha->front());
  };
  for (v1::SeedRepository& repository : *seed.mutable_repositories()) {
    for (v1::SeedCommit& commit : *repository.mutable_commits()) {
      expand(commit.mutable_sha());
      for (std::string& parent : *commit.mutable_parent_shas()) expand(&parent);
    }
    for (v1::SeedRef& ref : *repository.mutable_refs()) {
      expand(ref.mutable_ref()->mutable_sha());
    }
  }
  return seed;
}

// 1 <- 2 is main; topic and clash branched off at 1, fresh at 2.
constexpr char kSeed[] = R"pb(
  repositories {
    repository { owner: "Octo" name: "App" default_branch: "main" }
    commits { sha: "1" }
    commits { sha: "2" parent_shas: "1" }
    commits {
      sha: "3"
      parent_shas: "1"
      contexts { context: "ci" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "lint" state: COMMIT_CONTEXT_STATE_FAILURE }
    }
    commits { sha: "4" parent_shas: "2" }
    refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "2" } }
    refs { ref { type: REF_TYPE_BRANCH name: "topic" sha: "3" } }
    refs {
      ref { type: REF_TYPE_BRANCH name: "clash" sha: "3" }
      conflicts: true
    }
    refs { ref { type: REF_TYPE_BRANCH name: "fresh" sha: "4" } }
    refs { ref { type: REF_TYPE_TAG name: "v1" sha: "1" } }
  }
  repositories {
    repository { owner: "octo" name: "other" default_branch: "main" }
    commits { sha: "5" }
    refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "5" } }
  })pb";

v1::Repository RepositoryOf(const std::string& owner, const std::string& name) {
  v1::Repository repository;
  repository.set_owner(owner);
  repository.set_name(name);
  repository.set_default_branch("main");
  return repository;
}

class MemorySourceControlTest : public testing::Test {
 protected:
  MemorySourceControlTest()
      : source_control_(*MemorySourceControl::Create(Expand(SeedOf(kSeed)))) {}

  // "BRANCH 3…", or "none".
  std::string Resolve(const std::string& ref) {
    const auto resolved = source_control_->Resolve({app_, ref});
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    if (!resolved->has_value()) return "none";
    return v1::RefForm_Name((*resolved)->form()) + " " +
           (*resolved)->sha().substr(0, 1);
  }

  MergeResult Merge(const std::string& base, const std::string& head) {
    return *source_control_->Merge({app_, base, head, v1::Actor(), ""});
  }

  bool Contains(const std::string& sha, const std::string& branch) {
    return *source_control_->Contains({app_, sha, branch});
  }

  std::unique_ptr<MemorySourceControl> source_control_;
  const v1::Repository app_ = RepositoryOf("octo", "app");
};

TEST_F(MemorySourceControlTest, R2ResolvesEveryFormOfARef) {
  EXPECT_EQ(Resolve("main"), "REF_FORM_BRANCH 2");
  EXPECT_EQ(Resolve("topic"), "REF_FORM_BRANCH 3");
  EXPECT_EQ(Resolve("v1"), "REF_FORM_TAG 1");
  EXPECT_EQ(Resolve(Sha('4')), "REF_FORM_SHA 4");
  EXPECT_EQ(Resolve("refs/heads/topic"), "REF_FORM_QUALIFIED 3");
  EXPECT_EQ(Resolve("tags/v1"), "REF_FORM_QUALIFIED 1");
  EXPECT_EQ(Resolve("Main"), "none");
  EXPECT_EQ(Resolve(""), "none");
  EXPECT_EQ(Resolve(Sha('5')), "none");  // the other repository's
}

TEST_F(MemorySourceControlTest, R1FindsRepositoriesWithoutCase) {
  EXPECT_TRUE(source_control_->Resolve({RepositoryOf("OCTO", "aPP"), "topic"})
                  ->has_value());
}

TEST_F(MemorySourceControlTest, AnUnknownRepositoryHasNothing) {
  const v1::Repository nobody = RepositoryOf("octo", "nobody");
  EXPECT_EQ(*source_control_->Resolve({nobody, "main"}), absl::nullopt);
  EXPECT_FALSE(*source_control_->Contains({nobody, Sha('1'), "main"}));
  EXPECT_TRUE(source_control_->Contexts({nobody, Sha('3')})->empty());
  EXPECT_EQ(*source_control_->Merge({nobody, "topic", "main", {}, ""}),
            MergeResult::kNoSuchBranch);
}

TEST_F(MemorySourceControlTest, ASlashBelongsToTheOwnerOrToTheName) {
  v1::Seed seed = Expand(SeedOf(kSeed));
  seed.mutable_repositories(1)->mutable_repository()->set_owner("octo/app");
  seed.mutable_repositories(1)->mutable_repository()->set_name("x");
  const auto source_control = MemorySourceControl::Create(seed);
  ASSERT_TRUE(source_control.ok());
  EXPECT_EQ(
      *(*source_control)->Resolve({RepositoryOf("octo", "app/x"), "main"}),
      absl::nullopt);
}

TEST_F(MemorySourceControlTest, R13SaysWhetherACommitContainsABranch) {
  EXPECT_TRUE(Contains(Sha('2'), "main"));
  EXPECT_TRUE(Contains(Sha('4'), "main"));
  EXPECT_FALSE(Contains(Sha('1'), "main"));
  EXPECT_FALSE(Contains(Sha('3'), "main"));
  EXPECT_TRUE(Contains(Sha('3'), "gone"));   // there is nothing to contain
  EXPECT_FALSE(Contains(Sha('9'), "main"));  // nobody's
  EXPECT_FALSE(Contains("", "main"));
}

TEST_F(MemorySourceControlTest, R15GivesTheContextsOfACommit) {
  const auto contexts = source_control_->Contexts({app_, Sha('3')});
  ASSERT_TRUE(contexts.ok());
  ASSERT_EQ(contexts->size(), 2u);
  EXPECT_EQ((*contexts)[0].context(), "ci");
  EXPECT_EQ((*contexts)[1].state(), v1::COMMIT_CONTEXT_STATE_FAILURE);
  EXPECT_TRUE(source_control_->Contexts({app_, Sha('1')})->empty());
  EXPECT_TRUE(source_control_->Contexts({app_, Sha('9')})->empty());
}

TEST_F(MemorySourceControlTest, R13AMergeMovesTheBranchToACommitWithBoth) {
  EXPECT_EQ(Merge("topic", "main"), MergeResult::kMerged);
  const auto topic = source_control_->Resolve({app_, "topic"});
  const std::string merged = (*topic)->sha();
  EXPECT_NE(merged, Sha('3'));
  EXPECT_EQ(merged.size(), 40u);
  EXPECT_TRUE(Contains(merged, "main"));
  EXPECT_TRUE(Contains(merged, "clash"));  // which is at 3
  EXPECT_TRUE(source_control_->Contexts({app_, merged})->empty());
  EXPECT_EQ(Resolve("main"), "REF_FORM_BRANCH 2");
  EXPECT_EQ(Merge("topic", "main"), MergeResult::kNothingToMerge);
}

TEST_F(MemorySourceControlTest, EqualMergesGiveEqualCommits) {
  const auto other = *MemorySourceControl::Create(Expand(SeedOf(kSeed)));
  EXPECT_EQ(Merge("topic", "main"), MergeResult::kMerged);
  EXPECT_EQ(*other->Merge({app_, "topic", "main", {}, "in other words"}),
            MergeResult::kMerged);
  EXPECT_EQ((*source_control_->Resolve({app_, "topic"}))->sha(),
            (*other->Resolve({app_, "topic"}))->sha());
}

TEST_F(MemorySourceControlTest, OtherMergesLeaveTheBranchWhereItIs) {
  EXPECT_EQ(Merge("clash", "main"), MergeResult::kConflict);
  EXPECT_EQ(Resolve("clash"), "REF_FORM_BRANCH 3");
  EXPECT_EQ(Merge("fresh", "main"), MergeResult::kNothingToMerge);
  EXPECT_EQ(Resolve("fresh"), "REF_FORM_BRANCH 4");
  EXPECT_EQ(Merge("gone", "main"), MergeResult::kNoSuchBranch);
  EXPECT_EQ(Merge("topic", "gone"), MergeResult::kNoSuchBranch);
  EXPECT_EQ(Merge("v1", "main"), MergeResult::kNoSuchBranch);  // a tag
  EXPECT_EQ(Resolve("topic"), "REF_FORM_BRANCH 3");
}

TEST_F(MemorySourceControlTest, OneOfManyMergesAtOnceDoesIt) {
  constexpr int kThreads = 4;
  std::vector<MergeResult> results(kThreads);
  std::vector<std::thread> threads;
  for (MergeResult& result : results) {
    threads.emplace_back([this, &result] { result = Merge("topic", "main"); });
  }
  for (std::thread& thread : threads) thread.join();
  int merged = 0;
  for (const MergeResult result : results) {
    if (result == MergeResult::kMerged) {
      ++merged;
    } else {
      EXPECT_EQ(result, MergeResult::kNothingToMerge);
    }
  }
  EXPECT_EQ(merged, 1);
}

TEST(MemorySourceControlSeed, SaysWhatIsWrongWithIt) {
  struct {
    const char* wrong;
    const char* seed;
  } const cases[] = {
      {"needs an owner and a name",
       R"pb(repository { owner: "octo" default_branch: "main" })pb"},
      {"is there twice", R"pb(
         repository { owner: "OCTO" name: "app" default_branch: "main" }
         commits { sha: "1" }
         refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "1" } })pb"},
      {"is no branch",
       R"pb(repository { owner: "o" name: "x" default_branch: "main" })pb"},
      {"is no branch", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "1" }
         refs { ref { type: REF_TYPE_TAG name: "main" sha: "1" } })pb"},
      {"is not 40 or 64", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "HEAD" })pb"},
      {"does not come before", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "2" parent_shas: "1" }
         commits { sha: "1" })pb"},
      {"is there twice", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "1" }
         commits { sha: "1" })pb"},
      {"has context CI twice", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits {
           sha: "1"
           contexts { context: "ci" }
           contexts { context: "CI" }
         })pb"},
      {"is at an unknown commit", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "1" } })pb"},
      {"needs a name, and a type", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "1" }
         refs { ref { type: REF_TYPE_BRANCH sha: "1" } })pb"},
      {"needs a name, and a type", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "1" }
         refs { ref { name: "main" sha: "1" } })pb"},
      {"is there twice", R"pb(
         repository { owner: "o" name: "x" default_branch: "main" }
         commits { sha: "1" }
         refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "1" } }
         refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "1" } })pb"},
  };
  for (const auto& test_case : cases) {
    const v1::Seed seed = Expand(SeedOf(
        std::string(
            R"pb(repositories {
                   repository {
                     owner: "octo"
                     name: "app"
                     default_branch: "main"
                   }
                   commits { sha: "1" }
                   refs { ref { type: REF_TYPE_BRANCH name: "main" sha: "1" } }
                 })pb") +
        " repositories { " + test_case.seed + " }"));
    const auto made = MemorySourceControl::Create(seed);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument)
        << test_case.seed;
    EXPECT_THAT(std::string(made.status().message()),
                HasSubstr(test_case.wrong));
  }
}

TEST(MemorySourceControlSeed, MayBeEmpty) {
  EXPECT_TRUE(MemorySourceControl::Create(v1::Seed()).ok());
}

}  // namespace
}  // namespace slipway
