#include "slipway/runner/runner.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/core/rules.h"
#include "slipway/ports/metrics.h"
#include "slipway/ports/source_control.h"
#include "slipway/ports/store.h"

namespace slipway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using MergeResult = SourceControl::MergeResult;

constexpr int64_t kNowMs = 1700000000000;

std::string Sha(char digit) { return std::string(40, digit); }

v1::ResolvedRef Resolved(v1::RefForm form, char digit) {
  v1::ResolvedRef ref;
  ref.set_form(form);
  ref.set_sha(Sha(digit));
  return ref;
}

// Answers as it is told and keeps what it was asked.
class FakeSourceControl : public SourceControl {
 public:
  absl::StatusOr<absl::optional<v1::ResolvedRef>> Resolve(
      const ResolveParams& params) override {
    calls.push_back("resolve " + params.ref);
    return resolve();
  }
  absl::StatusOr<bool> Contains(const ContainsParams& params) override {
    calls.push_back("contains " + params.branch + " in " +
                    params.sha.substr(0, 1));
    return contains();
  }
  absl::StatusOr<std::vector<v1::CommitContext>> Contexts(
      const ContextsParams& params) override {
    calls.push_back("contexts of " + params.sha.substr(0, 1));
    return contexts();
  }
  absl::StatusOr<MergeResult> Merge(const MergeParams& params) override {
    calls.push_back("merge " + params.head + " into " + params.base + " by " +
                    params.actor.login());
    message = params.message;
    return merge();
  }

  // An up-to-date branch without contexts.
  std::function<absl::StatusOr<absl::optional<v1::ResolvedRef>>()> resolve =
      [] { return absl::make_optional(Resolved(v1::REF_FORM_BRANCH, 'b')); };
  std::function<absl::StatusOr<bool>()> contains = [] { return true; };
  std::function<absl::StatusOr<std::vector<v1::CommitContext>>()> contexts =
      [] { return std::vector<v1::CommitContext>(); };
  std::function<absl::StatusOr<MergeResult>()> merge = [] {
    return MergeResult::kMerged;
  };
  std::vector<std::string> calls;
  std::string message;
};

// A store in memory that fails when it is told to.
class FakeStore : public MemoryStore {
 public:
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    if (transacts_until_failure-- == 0) return failure;
    if (!decides_twice) return MemoryStore::Transact(params, decision);
    // As a store that tries a transaction again.
    const auto decide = [&](const v1::Facts& facts, v1::Decision* answer) {
      v1::Decision lost;
      absl::Status status = params.decide(facts, &lost);
      if (!status.ok()) return status;
      return params.decide(facts, answer);
    };
    return MemoryStore::Transact({params.rules, params.command, decide},
                                 decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    if (facts_fail) return failure;
    return MemoryStore::Facts(params);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    if (find_fails) return failure;
    return MemoryStore::FindRepository(name);
  }

  absl::Status failure = absl::UnavailableError("the store is away");
  std::atomic<int> transacts_until_failure{-1};
  bool decides_twice = false;
  bool facts_fail = false;
  bool find_fails = false;
};

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    Runner runner = WithoutSourceControl();
    Accepted(runner, "put_repository { id: 1 default_branch: 'main' }");
    Accepted(runner, "put_ref { name: 'main' type: REF_TYPE_BRANCH sha: '" +
                         Sha('a') + "' }");
    Accepted(runner, "put_ref { name: 'topic' type: REF_TYPE_BRANCH sha: '" +
                         Sha('c') + "' }");
    entries_ = ReadAll().size();
  }

  Runner Make(SourceControl* source_control) {
    RunnerParams params;
    params.store = &store_;
    params.source_control = source_control;
    params.clock = &clock_;
    params.ids = ids_;
    params.rules = rules_;
    return Runner(std::move(params));
  }
  Runner WithoutSourceControl() { return Make(nullptr); }
  Runner WithSourceControl() { return Make(&source_control_); }

  v1::Command CommandOf(const std::string& request) {
    v1::Command command;
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(request, &command))
        << request;
    if (!command.has_repository()) {
      command.mutable_repository()->set_owner("octo");
      command.mutable_repository()->set_name("app");
    }
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("ann");
    return command;
  }

  v1::Decision Accepted(Runner& runner, const std::string& request) {
    const absl::StatusOr<v1::Decision> decision =
        runner.Execute(CommandOf(request));
    EXPECT_TRUE(decision.ok()) << decision.status();
    if (!decision.ok()) return v1::Decision();
    EXPECT_TRUE(decision->has_acceptance()) << decision->ShortDebugString();
    return *decision;
  }

  v1::Rejection Rejected(Runner& runner, const std::string& request) {
    const absl::StatusOr<v1::Decision> decision =
        runner.Execute(CommandOf(request));
    EXPECT_TRUE(decision.ok()) << decision.status();
    if (!decision.ok()) return v1::Rejection();
    EXPECT_TRUE(decision->has_rejection()) << decision->ShortDebugString();
    return decision->rejection();
  }

  std::vector<OutboxEntry> ReadAll() {
    return *store_.ReadOutbox({CommandOf("").repository(), 0, 1000000});
  }

  // Whether anything was committed since the set-up.
  bool Changed() { return ReadAll().size() != entries_; }

  const std::string kCreate = "create_deployment { ref: 'topic' }";

  v1::Rules rules_ = DocumentedRules();
  FakeStore store_;
  FakeSourceControl source_control_;
  ManualClock clock_{kNowMs};
  MemoryIds counted_{1000};
  IdSource* ids_ = &counted_;
  size_t entries_ = 0;
};

// ---------------------------------------------------------------------------
// Time and ids.

TEST_F(RunnerTest, R17FillsInTheTimeAndTheIdsThatACommandDoesNotBring) {
  Runner runner = WithSourceControl();
  const v1::Decision decision = Accepted(runner, kCreate);
  const v1::Event& created = decision.acceptance().events(0);
  EXPECT_EQ(created.time_ms(), kNowMs);
  EXPECT_EQ(created.deployment().id(), 1000);
  EXPECT_EQ(decision.acceptance().events(1).environment().id(), 1001);
  clock_.AdvanceMs(500);
  const v1::Decision again = Accepted(runner, kCreate);
  EXPECT_EQ(again.acceptance().events(0).time_ms(), kNowMs + 500);
  EXPECT_EQ(again.acceptance().events(0).deployment().id(), 1002);
}

TEST_F(RunnerTest, KeepsTheTimeAndTheIdsThatACommandBrings) {
  Runner runner = WithSourceControl();
  const v1::Decision decision =
      Accepted(runner, "time_ms: 5 ids { first: 7000 count: 2 } " + kCreate);
  EXPECT_EQ(decision.acceptance().events(0).time_ms(), 5);
  EXPECT_EQ(decision.acceptance().events(0).deployment().id(), 7000);
  EXPECT_EQ(*counted_.Take(1), 1000);  // none were taken
}

TEST_F(RunnerTest, ACommandThatCreatesNoRowTakesNoId) {
  Runner runner = WithSourceControl();
  Accepted(runner, "delete_ref { name: 'topic' type: REF_TYPE_BRANCH }");
  Rejected(runner, "create_status { deployment_id: 5 }");
  EXPECT_EQ(*counted_.Take(1), 1000);
}

TEST_F(RunnerTest, AStoreMayAskTwice) {
  store_.decides_twice = true;
  Runner runner = WithSourceControl();
  const v1::Decision decision = Accepted(runner, kCreate);
  EXPECT_EQ(decision.acceptance().events_size(), 2);
  EXPECT_EQ(ReadAll().size(), entries_ + 2);
  // The ids of the lost answer stay lost.
  EXPECT_EQ(decision.acceptance().events(0).deployment().id(), 1002);
}

TEST_F(RunnerTest, DecidesByItsRules) {
  rules_.mutable_limits()->set_name_bytes_max(4);
  Runner runner = WithSourceControl();
  EXPECT_EQ(runner.rules().limits().name_bytes_max(), 4);
  EXPECT_EQ(Rejected(runner, kCreate).reason(), v1::REASON_INVALID_FIELDS);
}

TEST_F(RunnerTest, ARejectionIsAnAnswerAndChangesNothing) {
  Runner runner = WithoutSourceControl();
  EXPECT_EQ(Rejected(runner, "create_deployment { ref: 'nowhere' }").reason(),
            v1::REASON_REF_NOT_FOUND);
  EXPECT_EQ(Rejected(runner, "").reason(), v1::REASON_MALFORMED_COMMAND);
  EXPECT_FALSE(Changed());
}

// Counters by their labels.
class FakeMetrics : public Metrics {
 public:
  void Add(absl::string_view counter, Labels labels, double amount) override {
    std::string key(counter);
    for (const MetricLabel& label : labels) {
      key.append(" ").append(label.value.data(), label.value.size());
    }
    counters[key] += amount;
  }
  void Set(absl::string_view, Labels, double) override {}
  void Observe(absl::string_view, Labels, double) override {}
  std::map<std::string, double> counters;
};

TEST_F(RunnerTest, CountsDecisionsByKindAndOutcome) {
  FakeMetrics metrics;
  Runner runner({&store_, nullptr, &clock_, ids_, rules_, &metrics});
  Accepted(runner, "create_deployment { ref: 'main' }");
  Accepted(runner, "create_deployment { ref: 'main' }");
  Rejected(runner, "create_deployment { ref: 'nowhere' }");
  Rejected(runner, "");
  store_.transacts_until_failure = 0;
  EXPECT_FALSE(runner.Execute(CommandOf(kCreate)).ok());
  store_.failure = absl::UnknownError("it may have happened");
  store_.transacts_until_failure = 0;
  EXPECT_FALSE(runner.Execute(CommandOf(kCreate)).ok());
  EXPECT_TRUE(runner.DryRun(CommandOf(kCreate)).ok());
  const std::map<std::string, double> expected = {
      {"slipway_decisions_total create_deployment deployment_created", 2},
      {"slipway_decisions_total create_deployment failed", 1},
      {"slipway_decisions_total create_deployment ref_not_found", 1},
      {"slipway_decisions_total create_deployment unknown", 1},
      {"slipway_decisions_total none malformed_command", 1},
  };
  EXPECT_EQ(metrics.counters, expected);
}

// ---------------------------------------------------------------------------
// Idempotency keys.

TEST_F(RunnerTest, R100TheSameRequestGetsTheFirstAnswerAndTakesNoIds) {
  Runner runner = WithSourceControl();
  const std::string request = "idempotency_key: 'key' " + kCreate;
  v1::Decision first = Accepted(runner, request);
  EXPECT_EQ(first.answered_at_ms(), kNowMs);
  const size_t entries = ReadAll().size();
  const int64_t next_id = *counted_.Take(1);
  clock_.AdvanceMs(500);
  first.set_replayed(true);
  EXPECT_EQ(Accepted(runner, request).SerializeAsString(),
            first.SerializeAsString());
  EXPECT_EQ(runner.DryRun(CommandOf(request))->SerializeAsString(),
            first.SerializeAsString());
  EXPECT_EQ(ReadAll().size(), entries);
  EXPECT_EQ(*counted_.Take(1), next_id + 1);
  EXPECT_EQ(
      Rejected(runner, "idempotency_key: 'key' create_deployment {}").reason(),
      v1::REASON_IDEMPOTENCY_KEY_REUSED);
}

TEST_F(RunnerTest, R100AKeyIsFreeAgainWhenItsAnswerIsNoLongerKept) {
  Runner runner = WithSourceControl();
  const std::string request = "idempotency_key: 'key' " + kCreate;
  const v1::Decision first = Accepted(runner, request);
  clock_.AdvanceMs(24 * 60 * 60 * 1000);
  const v1::Decision second = Accepted(runner, request);
  EXPECT_FALSE(second.replayed());
  EXPECT_GT(second.acceptance().events(0).deployment().id(),
            first.acceptance().events(0).deployment().id());
  EXPECT_TRUE(Accepted(runner, request).replayed());
}

TEST_F(RunnerTest, R100ADryRunKeepsNoAnswer) {
  Runner runner = WithSourceControl();
  const std::string request = "idempotency_key: 'key' " + kCreate;
  EXPECT_FALSE(runner.DryRun(CommandOf(request))->replayed());
  EXPECT_FALSE(Accepted(runner, request).replayed());
}

TEST_F(RunnerTest, R100WhatComesOfAMergeIsTheAnswerThatIsKept) {
  for (const MergeResult result :
       {MergeResult::kMerged, MergeResult::kConflict}) {
    source_control_.contains = [] { return false; };
    source_control_.merge = [=] { return result; };
    Runner runner = WithSourceControl();
    const v1::Command command = CommandOf(absl::StrCat(
        "idempotency_key: '", result == MergeResult::kMerged ? "yes" : "no",
        "' ", kCreate));
    absl::StatusOr<v1::Decision> first = runner.Execute(command);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(first->has_acceptance(), result == MergeResult::kMerged);
    EXPECT_EQ(first->answered_at_ms(), kNowMs);
    EXPECT_FALSE(first->replayed());
    // Nothing is merged again, and the caller is told the same though the
    // branch is up to date.
    source_control_.calls.clear();
    source_control_.contains = [] { return true; };
    first->set_replayed(true);
    EXPECT_EQ(runner.Execute(command)->SerializeAsString(),
              first->SerializeAsString());
    EXPECT_THAT(
        source_control_.calls,
        ElementsAre("resolve topic", "contains main in b", "contexts of b"));
  }
}

TEST_F(RunnerTest, R100AMergeWithoutAnAnswerLeavesTheKeyFree) {
  source_control_.contains = [] { return false; };
  Runner runner = WithSourceControl();
  const v1::Command command = CommandOf("idempotency_key: 'key' " + kCreate);
  // The store goes away after the merge.
  store_.transacts_until_failure = 1;
  EXPECT_EQ(runner.Execute(command).status(), store_.failure);
  source_control_.contains = [] { return true; };
  const absl::StatusOr<v1::Decision> again = runner.Execute(command);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->replayed());
  EXPECT_EQ(again->acceptance().outcome(), v1::OUTCOME_DEPLOYMENT_CREATED);
}

TEST_F(RunnerTest, R101AnExpectationIsCheckedInTheTransaction) {
  Runner runner = WithoutSourceControl();
  const v1::Decision created =
      Accepted(runner, "create_deployment { ref: 'main' }");
  const std::string status = absl::StrCat(
      "expectation { latest_status_ids: 0 } create_status { deployment_id: ",
      created.acceptance().events(0).deployment().id(),
      " state: STATUS_STATE_QUEUED }");
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      accepted += runner.Execute(CommandOf(status))->has_acceptance() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
}

// ---------------------------------------------------------------------------
// Source control.

TEST_F(RunnerTest, R2TheRefIsWhatSourceControlSays) {
  Runner runner = WithSourceControl();
  const v1::Decision decision = Accepted(runner, kCreate);
  EXPECT_EQ(decision.acceptance().events(0).deployment().sha(), Sha('b'));
  EXPECT_THAT(
      source_control_.calls,
      ElementsAre("resolve topic", "contains main in b", "contexts of b"));
  // Even where the store knows one of that name.
  source_control_.resolve = [] {
    return absl::optional<v1::ResolvedRef>(absl::nullopt);
  };
  EXPECT_EQ(Rejected(runner, kCreate).reason(), v1::REASON_REF_NOT_FOUND);
}

TEST_F(RunnerTest, WithoutSourceControlTheRefIsTheStores) {
  Runner runner = WithoutSourceControl();
  EXPECT_EQ(
      Accepted(runner, "create_deployment { ref: 'topic' auto_merge: false }")
          .acceptance()
          .events(0)
          .deployment()
          .sha(),
      Sha('c'));
}

TEST_F(RunnerTest, AsksSourceControlForNoMoreThanIsNeeded) {
  Runner runner = WithSourceControl();
  Accepted(runner,
           "create_deployment { ref: 'topic' auto_merge: false "
           "required_contexts {} }");
  EXPECT_THAT(source_control_.calls, ElementsAre("resolve topic"));
  source_control_.calls.clear();
  Accepted(runner, "create_deployment { ref: 'topic' required_contexts {} }");
  EXPECT_THAT(source_control_.calls,
              ElementsAre("resolve topic", "contains main in b"));
  source_control_.calls.clear();
  Rejected(runner, "repository { owner: 'octo' name: 'nobody' } " + kCreate);
  Accepted(runner, "delete_ref { name: 'topic' type: REF_TYPE_BRANCH }");
  EXPECT_THAT(source_control_.calls, IsEmpty());
}

TEST_F(RunnerTest, R15TheContextsAreThoseOfSourceControl) {
  source_control_.contexts = [] {
    v1::CommitContext context;
    context.set_context("ci");
    context.set_state(v1::COMMIT_CONTEXT_STATE_FAILURE);
    return std::vector<v1::CommitContext>{context};
  };
  Runner runner = WithSourceControl();
  const v1::Rejection rejection = Rejected(runner, kCreate);
  EXPECT_EQ(rejection.reason(), v1::REASON_CONTEXTS_FAILED);
  ASSERT_EQ(rejection.contexts_size(), 1);
  EXPECT_EQ(rejection.contexts(0).context(), "ci");
}

// ---------------------------------------------------------------------------
// Merges.

TEST_F(RunnerTest, R13MergesABranchThatIsBehind) {
  bool merged = false;
  source_control_.contains = [&merged] { return merged; };
  source_control_.merge = [&merged] {
    merged = true;
    return MergeResult::kMerged;
  };
  Runner runner = WithSourceControl();
  const v1::Decision decision = Accepted(runner, kCreate);
  EXPECT_EQ(decision.acceptance().outcome(), v1::OUTCOME_AUTO_MERGED);
  EXPECT_EQ(decision.acceptance().message(),
            "Auto-merged main into topic on deployment.");
  EXPECT_EQ(source_control_.message, decision.acceptance().message());
  EXPECT_EQ(source_control_.calls.back(), "merge main into topic by ann");
  EXPECT_FALSE(Changed());
  // The caller asks again.
  EXPECT_EQ(Accepted(runner, kCreate).acceptance().outcome(),
            v1::OUTCOME_DEPLOYMENT_CREATED);
}

TEST_F(RunnerTest, R13AConflictIsARejection) {
  source_control_.contains = [] { return false; };
  source_control_.merge = [] { return MergeResult::kConflict; };
  Runner runner = WithSourceControl();
  const v1::Rejection rejection = Rejected(runner, kCreate);
  EXPECT_EQ(rejection.reason(), v1::REASON_MERGE_CONFLICT);
  EXPECT_EQ(rejection.message(), "Conflict merging main into topic.");
  EXPECT_FALSE(Changed());
}

TEST_F(RunnerTest, R13WithoutSourceControlAMergeIsAConflict) {
  Runner runner = WithoutSourceControl();
  EXPECT_EQ(Rejected(runner, kCreate).reason(), v1::REASON_MERGE_CONFLICT);
}

TEST_F(RunnerTest, LooksAgainWhereThereIsNothingToMerge) {
  int looks = 0;
  source_control_.contains = [&looks] { return ++looks == 3; };
  source_control_.merge = [] { return MergeResult::kNothingToMerge; };
  Runner runner = WithSourceControl();
  EXPECT_EQ(Accepted(runner, kCreate).acceptance().outcome(),
            v1::OUTCOME_DEPLOYMENT_CREATED);
  EXPECT_EQ(looks, 3);
}

TEST_F(RunnerTest, LooksAgainWhereTheBranchIsGone) {
  bool gone = false;
  source_control_.contains = [] { return false; };
  source_control_.resolve =
      [&gone]() -> absl::StatusOr<absl::optional<v1::ResolvedRef>> {
    if (gone) return absl::optional<v1::ResolvedRef>();
    return absl::make_optional(Resolved(v1::REF_FORM_BRANCH, 'b'));
  };
  source_control_.merge = [&gone] {
    gone = true;
    return MergeResult::kNoSuchBranch;
  };
  Runner runner = WithSourceControl();
  EXPECT_EQ(Rejected(runner, kCreate).reason(), v1::REASON_REF_NOT_FOUND);
}

TEST_F(RunnerTest, GivesUpOnARefThatMovesEachTime) {
  int merges = 0;
  source_control_.contains = [] { return false; };
  source_control_.merge = [&merges] {
    ++merges;
    return MergeResult::kNothingToMerge;
  };
  Runner runner = WithSourceControl();
  EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(merges, 3);
  EXPECT_FALSE(Changed());
}

// ---------------------------------------------------------------------------
// Ports that fail.

TEST_F(RunnerTest, SourceControlThatCannotAnswerIsAStatus) {
  const absl::Status away = absl::UnavailableError("the forge is away");
  struct {
    const char* call;
    std::function<void(FakeSourceControl&)> spoil;
  } const cases[] = {
      {"resolve", [&](auto& fake) { fake.resolve = [&] { return away; }; }},
      {"contains", [&](auto& fake) { fake.contains = [&] { return away; }; }},
      {"contexts", [&](auto& fake) { fake.contexts = [&] { return away; }; }},
      {"merge",
       [&](auto& fake) {
         fake.contains = [] { return false; };
         fake.merge = [&] { return away; };
       }},
  };
  for (const auto& test_case : cases) {
    source_control_ = FakeSourceControl();
    test_case.spoil(source_control_);
    Runner runner = WithSourceControl();
    EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status(), away)
        << test_case.call;
    EXPECT_EQ(source_control_.calls.back().find(test_case.call), 0u)
        << source_control_.calls.back();
    EXPECT_FALSE(Changed());
  }
}

TEST_F(RunnerTest, AStoreThatCannotAnswerIsAStatus) {
  Runner runner = WithSourceControl();
  store_.find_fails = true;
  EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status(), store_.failure);
  EXPECT_EQ(runner.DryRun(CommandOf(kCreate)).status(), store_.failure);
  EXPECT_THAT(source_control_.calls, IsEmpty());
  store_.find_fails = false;
  store_.transacts_until_failure = 0;
  EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status(), store_.failure);
  EXPECT_FALSE(Changed());
  EXPECT_TRUE(runner.Execute(CommandOf(kCreate)).ok());
}

TEST_F(RunnerTest, AMergeStaysWhereTheStoreFailsAfterIt) {
  bool merged = false;
  source_control_.contains = [&merged] { return merged; };
  source_control_.merge = [&merged] {
    merged = true;
    return MergeResult::kMerged;
  };
  store_.transacts_until_failure = 1;
  Runner runner = WithSourceControl();
  EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status(), store_.failure);
  EXPECT_FALSE(Changed());
  EXPECT_EQ(Accepted(runner, kCreate).acceptance().outcome(),
            v1::OUTCOME_DEPLOYMENT_CREATED);
}

TEST_F(RunnerTest, R17WithoutIdsNothingIsCreated) {
  MemoryIds exhausted(kIdMax);  // one is left, and two are needed
  ids_ = &exhausted;
  Runner runner = WithSourceControl();
  EXPECT_EQ(runner.Execute(CommandOf(kCreate)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(Changed());
  // What needs none goes on.
  Accepted(runner, "delete_ref { name: 'topic' type: REF_TYPE_BRANCH }");
}

// ---------------------------------------------------------------------------
// Dry runs.

TEST_F(RunnerTest, ADryRunAnswersAndCommitsNothing) {
  Runner runner = WithSourceControl();
  const absl::StatusOr<v1::Decision> dry = runner.DryRun(CommandOf(kCreate));
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->acceptance().outcome(), v1::OUTCOME_DEPLOYMENT_CREATED);
  EXPECT_FALSE(Changed());
  const absl::StatusOr<v1::Decision> refused =
      runner.DryRun(CommandOf("delete_deployment { deployment_id: 5 }"));
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->rejection().reason(), v1::REASON_DEPLOYMENT_NOT_FOUND);
}

TEST_F(RunnerTest, ADryRunMergesNothing) {
  source_control_.contains = [] { return false; };
  Runner runner = WithSourceControl();
  const absl::StatusOr<v1::Decision> dry = runner.DryRun(CommandOf(kCreate));
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->acceptance().outcome(), v1::OUTCOME_MERGE_REQUIRED);
  EXPECT_THAT(
      source_control_.calls,
      ElementsAre("resolve topic", "contains main in b", "contexts of b"));
}

TEST_F(RunnerTest, ADryRunFailsAsARunDoes) {
  store_.facts_fail = true;
  Runner runner = WithSourceControl();
  EXPECT_EQ(runner.DryRun(CommandOf(kCreate)).status(), store_.failure);
  store_.facts_fail = false;
  source_control_.resolve = [] { return absl::UnavailableError("away"); };
  EXPECT_EQ(runner.DryRun(CommandOf(kCreate)).status().code(),
            absl::StatusCode::kUnavailable);
  source_control_ = FakeSourceControl();
  MemoryIds exhausted(kIdMax);
  ids_ = &exhausted;
  Runner without_ids = WithSourceControl();
  EXPECT_EQ(without_ids.DryRun(CommandOf(kCreate)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// ---------------------------------------------------------------------------
// At once.

TEST_F(RunnerTest, R36IdsAndSuccessesOfManyThreadsFitOneOrder) {
  Runner runner = WithoutSourceControl();
  constexpr int kThreads = 4;
  constexpr int kEach = 40;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &runner] {
      for (int j = 0; j < kEach; ++j) {
        const int64_t id =
            Accepted(runner,
                     "create_deployment { ref: 'main' environment: 'qa' }")
                .acceptance()
                .events(0)
                .deployment()
                .id();
        Accepted(runner,
                 "create_status { state: STATUS_STATE_SUCCESS "
                 "deployment_id: " +
                     std::to_string(id) + " }");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t last_id = 0;
  int created = 0;
  int succeeded = 0;
  int retired = 0;
  for (const OutboxEntry& entry : ReadAll()) {
    const v1::Event& event = entry.event;
    int64_t id = 0;
    if (event.has_deployment()) {
      ++created;
      id = event.deployment().id();
    } else if (event.has_status()) {
      id = event.status().id();
      const bool success = event.status().state() == v1::STATUS_STATE_SUCCESS;
      ++(success ? succeeded : retired);
    } else {
      continue;
    }
    EXPECT_GT(id, last_id);
    last_id = id;
  }
  EXPECT_EQ(created, kThreads * kEach);
  EXPECT_EQ(succeeded, kThreads * kEach);
  // Each once at the most, and the last success stays.
  EXPECT_GT(retired, 0);
  EXPECT_LT(retired, kThreads * kEach);
}

}  // namespace
}  // namespace slipway
