#include "slipway/adapters/memory/memory_store.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

v1::RepositoryName Name(const std::string& owner, const std::string& name) {
  v1::RepositoryName repository;
  repository.set_owner(owner);
  repository.set_name(name);
  return repository;
}

// A store, and the few lines that a runner would be.
class MemoryStoreTest : public testing::Test {
 protected:
  // Sends a request, written as text, with the next ids and the next second.
  // Thread-safe.
  v1::Decision Send(const v1::RepositoryName& repository,
                    const std::string& request) {
    v1::Command command;
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(request, &command))
        << request;
    *command.mutable_repository() = repository;
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("ann");
    command.set_time_ms(1000);
    v1::Decision decision;
    const absl::Status status = store_.Transact(
        {rules_, command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           if (!command.has_ids()) {
             command.mutable_ids()->set_first(next_id_.fetch_add(100));
             command.mutable_ids()->set_count(100);
           }
           Decide(rules_, facts, command, answer);
           return absl::OkStatus();
         }},
        &decision);
    EXPECT_TRUE(status.ok()) << status;
    return decision;
  }

  v1::Decision Accepted(const v1::RepositoryName& repository,
                        const std::string& request) {
    v1::Decision decision = Send(repository, request);
    EXPECT_TRUE(decision.has_acceptance())
        << request << ": " << decision.ShortDebugString();
    return decision;
  }

  // A repository with the branches main and topic.
  void Put(const v1::RepositoryName& repository, int64_t id) {
    Accepted(repository, "put_repository { default_branch: 'main' id: " +
                             std::to_string(id) + " }");
    Accepted(repository, "put_ref { name: 'main' type: REF_TYPE_BRANCH sha: '" +
                             kShaA + "' }");
    Accepted(repository,
             "put_ref { name: 'topic' type: REF_TYPE_BRANCH sha: '" + kShaB +
                 "' merge_base_sha: '" + kShaA + "' }");
  }

  // The id of a new deployment.
  int64_t Create(const v1::RepositoryName& repository,
                 const std::string& fields = "ref: 'main'") {
    return Accepted(repository, "create_deployment { " + fields + " }")
        .acceptance()
        .events(0)
        .deployment()
        .id();
  }

  // The id of a new status.
  int64_t Report(const v1::RepositoryName& repository, int64_t deployment_id,
                 const std::string& fields) {
    return Accepted(repository, "create_status { deployment_id: " +
                                    std::to_string(deployment_id) + " " +
                                    fields + " }")
        .acceptance()
        .events(0)
        .status()
        .id();
  }

  void Delete(const v1::RepositoryName& repository, int64_t deployment_id) {
    Accepted(repository, "delete_deployment { deployment_id: " +
                             std::to_string(deployment_id) + " }");
  }

  struct Listed {
    std::vector<int64_t> ids;
    int64_t total = 0;
  };
  Listed List(const Store::ListDeploymentsParams& params) {
    const auto page = store_.ListDeployments(params);
    EXPECT_TRUE(page.ok() && page->has_value());
    Listed listed;
    for (const v1::Deployment& row : (*page)->rows) {
      listed.ids.push_back(row.id());
    }
    listed.total = (*page)->total;
    return listed;
  }

  Store::ListDeploymentsParams InApp() const {
    Store::ListDeploymentsParams params;
    params.repository = app_;
    return params;
  }

  v1::StatusState LatestState(const v1::RepositoryName& repository,
                              int64_t id) {
    const auto found = store_.FindDeployment({repository, id});
    if (!found.ok() || !found->has_value()) return v1::STATUS_STATE_UNSPECIFIED;
    return (*found)->latest_status.has_value()
               ? (*found)->latest_status->state()
               : v1::STATUS_STATE_UNSPECIFIED;
  }

  std::vector<OutboxEntry> ReadAll(const v1::RepositoryName& repository) {
    return *store_.ReadOutbox({repository, 0, kFar});
  }

  // The state that the stream of a repository adds up to.
  v1::RepositoryState Rebuilt(const v1::RepositoryName& repository) {
    v1::RepositoryState state;
    for (const OutboxEntry& entry : ReadAll(repository)) {
      const absl::Status status = Evolve(entry.event, &state);
      EXPECT_TRUE(status.ok()) << status;
    }
    return state;
  }

  const std::string kShaA = std::string(40, 'a');
  const std::string kShaB = std::string(40, 'b');
  const v1::RepositoryName app_ = Name("octo", "app");
  const v1::RepositoryName other_ = Name("octo", "other");
  v1::Rules rules_ = DocumentedRules();
  MemoryStore store_;
  std::atomic<int64_t> next_id_{1000};
};

// ---------------------------------------------------------------------------
// Repositories.

TEST_F(MemoryStoreTest, R1FindsARepositoryByNameWithoutCaseAndById) {
  Put(Name("Octo", "App"), 7);
  const auto by_name = store_.FindRepository(Name("oCTO", "aPP"));
  ASSERT_TRUE(by_name.ok() && by_name->has_value());
  EXPECT_EQ((*by_name)->owner(), "Octo");
  EXPECT_EQ((*by_name)->name(), "App");
  const auto by_id = store_.FindRepositoryById(7);
  ASSERT_TRUE(by_id.ok() && by_id->has_value());
  EXPECT_EQ((*by_id)->SerializeAsString(), (*by_name)->SerializeAsString());
  EXPECT_TRUE(store_.FindDeployment({Name("octo", "app"), 1}).ok());
}

TEST_F(MemoryStoreTest, ASlashBelongsToTheOwnerOrToTheName) {
  Put(Name("a/b", "c"), 1);
  EXPECT_EQ(*store_.FindRepository(Name("a", "b/c")), absl::nullopt);
  Put(Name("a", "b/c"), 2);
  const int64_t id = Create(Name("a/b", "c"));
  EXPECT_EQ(*store_.FindDeployment({Name("a", "b/c"), id}), absl::nullopt);
}

TEST_F(MemoryStoreTest, ANewSpellingOfTheNameIsTheSameRepository) {
  Put(app_, 7);
  const int64_t id = Create(app_);
  Put(Name("OCTO", "APP"), 7);
  EXPECT_EQ((*store_.FindRepository(app_))->owner(), "OCTO");
  EXPECT_EQ((*store_.FindRepositoryById(7))->name(), "APP");
  EXPECT_TRUE(store_.FindDeployment({app_, id})->has_value());
}

TEST_F(MemoryStoreTest, R5TwoRepositoriesNeverHaveOneId) {
  Put(app_, 7);
  const std::string put = "put_repository { default_branch: 'main' id: 7 }";
  EXPECT_EQ(Send(other_, put).rejection().reason(),
            v1::REASON_REPOSITORY_ID_TAKEN);
  EXPECT_EQ(*store_.FindRepository(other_), absl::nullopt);
  EXPECT_EQ((*store_.FindRepositoryById(7))->name(), "app");
  Accepted(app_, "delete_repository {}");
  EXPECT_EQ(*store_.FindRepositoryById(7), absl::nullopt);
  EXPECT_TRUE(Send(other_, put).has_acceptance());
  EXPECT_EQ((*store_.FindRepositoryById(7))->name(), "other");
}

TEST_F(MemoryStoreTest, FactsOfAPutSayWhoHasTheId) {
  Put(app_, 7);
  v1::Command command;
  *command.mutable_repository() = other_;
  command.mutable_put_repository()->set_id(7);
  EXPECT_EQ(store_.Facts({rules_, command})->repository_id_holder().name(),
            "app");
  command.mutable_put_repository()->set_id(8);
  EXPECT_FALSE(store_.Facts({rules_, command})->has_repository_id_holder());
  *command.mutable_repository() = app_;
  command.mutable_put_repository()->set_id(7);
  EXPECT_FALSE(store_.Facts({rules_, command})->has_repository_id_holder());
}

TEST_F(MemoryStoreTest, WhatDoesNotExistIsAnAnswer) {
  const auto expect_nothing = [this](const v1::RepositoryName& repository) {
    EXPECT_EQ(*store_.FindRepository(repository), absl::nullopt);
    EXPECT_EQ(*store_.FindRepositoryById(9), absl::nullopt);
    EXPECT_FALSE(store_.FindDeployment({repository, 1000})->has_value());
    EXPECT_FALSE(store_.ListStatuses({repository, 1000})->has_value());
    EXPECT_FALSE(store_.FindStatus({repository, 1000, 1001})->has_value());
    Store::ListDeploymentsParams params;
    params.repository = repository;
    EXPECT_FALSE(store_.ListDeployments(params)->has_value());
    EXPECT_EQ(Send(repository, "create_deployment { ref: 'main' }")
                  .rejection()
                  .reason(),
              v1::REASON_REPOSITORY_NOT_FOUND);
  };
  expect_nothing(app_);  // never heard of
  EXPECT_TRUE(Send(app_, "put_repository { id: 9 }").has_rejection());
  expect_nothing(app_);  // heard of, but refused
  EXPECT_THAT(ReadAll(app_), IsEmpty());
  Put(app_, 9);
  Accepted(app_, "delete_repository {}");
  expect_nothing(app_);  // deleted
}

TEST_F(MemoryStoreTest, R17ADeletedRepositoryComesBackEmptyButRemembersItsIds) {
  Put(app_, 7);
  const int64_t id = Create(app_, "ref: 'main' environment: 'qa'");
  const int64_t status_id = Report(app_, id, "state: STATUS_STATE_SUCCESS");
  const size_t entries = ReadAll(app_).size();
  Accepted(app_, "delete_repository {}");
  EXPECT_FALSE(store_.FindDeployment({app_, id})->has_value());
  Put(app_, 8);

  EXPECT_EQ(List(InApp()).total, 0);
  EXPECT_FALSE(store_.FindDeployment({app_, id})->has_value());
  EXPECT_FALSE(store_.FindStatus({app_, id, status_id})->has_value());
  v1::Command command;
  *command.mutable_repository() = app_;
  command.mutable_create_deployment()->set_ref(kShaB);
  command.mutable_create_deployment()->set_environment("qa");
  const absl::StatusOr<v1::Facts> facts = store_.Facts({rules_, command});
  EXPECT_EQ(facts->last_id(), status_id);
  EXPECT_FALSE(facts->has_environment());
  EXPECT_TRUE(facts->has_ref());
  // Lower ids than those of its former life are refused.
  EXPECT_EQ(Send(app_, "ids { first: " + std::to_string(status_id) +
                           " count: 9 } create_deployment { ref: 'main' }")
                .rejection()
                .reason(),
            v1::REASON_MALFORMED_COMMAND);
  // The stream goes on: the deletion, and the three puts.
  const std::vector<OutboxEntry> stream = ReadAll(app_);
  ASSERT_EQ(stream.size(), entries + 4);
  EXPECT_EQ(stream[entries].event.type(), v1::EVENT_TYPE_REPOSITORY_DELETED);
  EXPECT_EQ(stream.back().position, static_cast<int64_t>(entries) + 4);
}

TEST_F(MemoryStoreTest, RepositoriesWithTheSameIdsKeepApart) {
  Put(app_, 1);
  Put(other_, 2);
  next_id_ = 5000;
  const int64_t in_app = Create(app_, "ref: 'main' task: 'a'");
  next_id_ = 5000;
  const int64_t in_other = Create(other_, "ref: 'main' task: 'b'");
  ASSERT_EQ(in_app, in_other);
  Report(app_, in_app, "state: STATUS_STATE_SUCCESS");
  EXPECT_EQ((*store_.FindDeployment({app_, in_app}))->deployment.task(), "a");
  EXPECT_EQ((*store_.FindDeployment({other_, in_app}))->deployment.task(), "b");
  EXPECT_EQ(LatestState(other_, in_other), v1::STATUS_STATE_UNSPECIFIED);
  Delete(other_, in_other);
  EXPECT_TRUE(store_.FindDeployment({app_, in_app})->has_value());
  EXPECT_FALSE(store_.FindDeployment({other_, in_other})->has_value());
}

// ---------------------------------------------------------------------------
// Lists.

TEST_F(MemoryStoreTest, R70ListsTheNewestFirstInPages) {
  Put(app_, 1);
  EXPECT_EQ(List(InApp()).total, 0);
  std::vector<int64_t> ids;
  for (int i = 0; i < 5; ++i) ids.insert(ids.begin(), Create(app_));
  EXPECT_EQ(List(InApp()).ids, ids);

  Store::ListDeploymentsParams params = InApp();
  params.limit = 2;
  params.offset = 2;
  EXPECT_THAT(List(params).ids, ElementsAre(ids[2], ids[3]));
  EXPECT_EQ(List(params).total, 5);
  params.offset = 4;
  EXPECT_THAT(List(params).ids, ElementsAre(ids[4]));
  params.offset = 5;
  EXPECT_THAT(List(params).ids, IsEmpty());
  EXPECT_EQ(List(params).total, 5);
  params.offset = kFar;
  params.limit = kFar;
  EXPECT_THAT(List(params).ids, IsEmpty());
  params.offset = 0;
  EXPECT_EQ(List(params).ids, ids);
  // Less than nothing is nothing.
  params.offset = -3;
  EXPECT_EQ(List(params).ids, ids);
  params.offset = 0;
  params.limit = 0;
  EXPECT_THAT(List(params).ids, IsEmpty());
  params.limit = -1;
  EXPECT_THAT(List(params).ids, IsEmpty());
  EXPECT_EQ(List(params).total, 5);
}

TEST_F(MemoryStoreTest, R70FiltersMustAllHold) {
  Put(app_, 1);
  Put(other_, 2);
  Create(other_, "ref: 'main' task: 'deploy' environment: 'qa'");
  // clang-format off
  const int64_t a = Create(app_, "ref: 'main'  task: 'deploy'  environment: 'qa'");
  const int64_t b = Create(app_, "ref: 'topic' task: 'deploy'  environment: 'QA'");
  const int64_t c = Create(app_, "ref: 'main'  task: 'migrate' environment: 'qa'");
  const int64_t d = Create(app_, "ref: '" + kShaB + "' task: 'deploy' environment: 'prod'");
  const absl::optional<std::string> any;
  struct {
    absl::optional<std::string> sha, ref, task, environment;
    std::vector<int64_t> ids;
  } const cases[] = {
      // sha   ref      task       environment
      {any,    any,     any,       any,    {d, c, b, a}},
      {kShaA,  any,     any,       any,    {c, a}},
      {kShaB,  any,     any,       any,    {d, b}},
      {"none", any,     any,       any,    {}},
      {any,    "main",  any,       any,    {c, a}},
      {any,    "topic", any,       any,    {b}},
      {any,    "Main",  any,       any,    {}},
      {any,    any,     "deploy",  any,    {d, b, a}},
      {any,    any,     "Deploy",  any,    {}},
      {any,    any,     "",        any,    {}},
      {any,    any,     any,       "qa",   {c, b, a}},
      {any,    any,     any,       "Qa",   {c, b, a}},
      {any,    any,     any,       "none", {}},
      {kShaB,  "topic", any,       any,    {b}},
      {kShaB,  "main",  any,       any,    {}},
      {any,    "main",  "deploy",  any,    {a}},
      {any,    any,     "deploy",  "QA",   {b, a}},
      {kShaA,  "main",  "migrate", "qa",   {c}},
      {kShaA,  "main",  "migrate", "prod", {}},
  };
  // clang-format on
  for (const auto& test_case : cases) {
    Store::ListDeploymentsParams params = InApp();
    params.sha = test_case.sha;
    params.ref = test_case.ref;
    params.task = test_case.task;
    params.environment = test_case.environment;
    const auto size = static_cast<int64_t>(test_case.ids.size());
    for (int64_t offset = 0; offset <= size; ++offset) {
      params.offset = offset;
      params.limit = 2;
      const Listed listed = List(params);
      EXPECT_EQ(listed.total, size);
      EXPECT_EQ(listed.ids,
                std::vector<int64_t>(
                    test_case.ids.begin() + offset,
                    test_case.ids.begin() + std::min(size, offset + 2)))
          << "case " << &test_case - cases << " from " << offset;
    }
  }
}

TEST_F(MemoryStoreTest, R70TheKnobComparesEnvironmentsWithCase) {
  Put(app_, 1);
  const int64_t lower = Create(app_, "ref: 'main' environment: 'qa'");
  const int64_t upper = Create(app_, "ref: 'main' environment: 'QA'");
  Store::ListDeploymentsParams params = InApp();
  params.environment = "qa";
  EXPECT_THAT(List(params).ids, ElementsAre(upper, lower));
  params.environment_match = v1::NAME_MATCH_UNSPECIFIED;
  EXPECT_THAT(List(params).ids, ElementsAre(upper, lower));
  params.environment_match = v1::NAME_MATCH_EXACT;
  EXPECT_THAT(List(params).ids, ElementsAre(lower));
  EXPECT_EQ(List(params).total, 1);
  params.environment = "QA";
  EXPECT_THAT(List(params).ids, ElementsAre(upper));
  params.environment = "Qa";
  EXPECT_THAT(List(params).ids, IsEmpty());
  EXPECT_EQ(List(params).total, 0);
  // With a second filter.
  params.environment = "QA";
  params.ref = "main";
  EXPECT_THAT(List(params).ids, ElementsAre(upper));
  // A move to another spelling.
  Report(app_, lower, "state: STATUS_STATE_QUEUED environment: 'QA'");
  params.ref = absl::nullopt;
  EXPECT_THAT(List(params).ids, ElementsAre(upper, lower));
  params.environment = "qa";
  EXPECT_THAT(List(params).ids, IsEmpty());
  Delete(app_, upper);
  params.environment = "QA";
  EXPECT_THAT(List(params).ids, ElementsAre(lower));
}

TEST_F(MemoryStoreTest, R23AMovedDeploymentIsInItsNewEnvironmentOnly) {
  Put(app_, 1);
  const int64_t older = Create(app_, "ref: 'main' environment: 'qa'");
  const int64_t newer = Create(app_, "ref: 'main' environment: 'prod'");
  Report(app_, older, "state: STATUS_STATE_QUEUED environment: 'prod'");
  Store::ListDeploymentsParams params = InApp();
  params.environment = "qa";
  EXPECT_THAT(List(params).ids, IsEmpty());
  params.environment = "prod";
  EXPECT_THAT(List(params).ids, ElementsAre(newer, older));
  // Stays there without being told again, and can move back.
  Report(app_, older, "state: STATUS_STATE_SUCCESS");
  EXPECT_THAT(List(params).ids, ElementsAre(newer, older));
  Report(app_, older, "state: STATUS_STATE_SUCCESS environment: 'qa'");
  EXPECT_THAT(List(params).ids, ElementsAre(newer));
  // It is live where it is now, and not where it was.
  Report(app_, newer, "state: STATUS_STATE_SUCCESS");
  EXPECT_EQ(LatestState(app_, older), v1::STATUS_STATE_SUCCESS);
  Report(app_, newer, "state: STATUS_STATE_SUCCESS environment: 'QA'");
  EXPECT_EQ(LatestState(app_, older), v1::STATUS_STATE_INACTIVE);
}

TEST_F(MemoryStoreTest, R42ADeletedDeploymentIsInNoList) {
  Put(app_, 1);
  const int64_t a = Create(app_, "ref: 'main' environment: 'qa'");
  const int64_t b = Create(app_, "ref: 'main' environment: 'qa'");
  const int64_t status_id = Report(app_, a, "state: STATUS_STATE_QUEUED");
  Delete(app_, a);
  EXPECT_FALSE(store_.FindDeployment({app_, a})->has_value());
  EXPECT_FALSE(store_.ListStatuses({app_, a})->has_value());
  EXPECT_FALSE(store_.FindStatus({app_, a, status_id})->has_value());
  Store::ListDeploymentsParams params = InApp();
  EXPECT_THAT(List(params).ids, ElementsAre(b));
  for (auto filter :
       {&Store::ListDeploymentsParams::sha, &Store::ListDeploymentsParams::ref,
        &Store::ListDeploymentsParams::environment}) {
    params = InApp();
    params.*filter = filter == &Store::ListDeploymentsParams::sha   ? kShaA
                     : filter == &Store::ListDeploymentsParams::ref ? "main"
                                                                    : "qa";
    EXPECT_THAT(List(params).ids, ElementsAre(b));
    EXPECT_EQ(List(params).total, 1);
  }
  Delete(app_, b);
  EXPECT_EQ(List(InApp()).total, 0);
  // The environment stays.
  v1::Command command;
  *command.mutable_repository() = app_;
  command.mutable_create_deployment()->set_environment("QA");
  EXPECT_EQ(store_.Facts({rules_, command})->environment().name(), "qa");
}

TEST_F(MemoryStoreTest, ListsAndFindsStatusesNewestFirst) {
  Put(app_, 1);
  const int64_t id = Create(app_);
  const int64_t other_id = Create(app_);
  EXPECT_EQ((*store_.FindDeployment({app_, id}))->latest_status, absl::nullopt);
  EXPECT_EQ((*store_.ListStatuses({app_, id}))->total, 0);
  std::vector<int64_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.insert(ids.begin(), Report(app_, id, "state: STATUS_STATE_QUEUED"));
  }
  EXPECT_EQ((*store_.FindDeployment({app_, id}))->latest_status->id(), ids[0]);
  const auto list = [&](int64_t offset, int64_t limit) {
    const auto page = store_.ListStatuses({app_, id, offset, limit});
    EXPECT_EQ((*page)->total, 3);
    std::vector<int64_t> listed;
    for (const v1::DeploymentStatus& row : (*page)->rows) {
      listed.push_back(row.id());
    }
    return listed;
  };
  EXPECT_THAT(list(0, 30), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_THAT(list(1, 1), ElementsAre(ids[1]));
  EXPECT_THAT(list(2, kFar), ElementsAre(ids[2]));
  EXPECT_THAT(list(3, 30), IsEmpty());
  EXPECT_THAT(list(kFar, kFar), IsEmpty());
  EXPECT_THAT(list(-1, 30), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_THAT(list(0, -1), IsEmpty());
  for (const int64_t status_id : ids) {
    EXPECT_EQ((*store_.FindStatus({app_, id, status_id}))->id(), status_id);
  }
  EXPECT_FALSE(store_.FindStatus({app_, id, ids[0] + 1})->has_value());
  EXPECT_FALSE(store_.FindStatus({app_, other_id, ids[0]})->has_value());
  EXPECT_FALSE(store_.ListStatuses({app_, ids[0]})->has_value());
  EXPECT_FALSE(store_.ListStatuses({other_, id})->has_value());
}

// ---------------------------------------------------------------------------
// Transactions and the outbox.

TEST_F(MemoryStoreTest, AStatusOfTheDeciderEndsTheTransactionUnchanged) {
  Put(app_, 1);
  const size_t entries = ReadAll(app_).size();
  v1::Command command;
  *command.mutable_repository() = app_;
  command.mutable_create_deployment()->set_ref("main");
  v1::Decision decision;
  const absl::Status status = store_.Transact(
      {rules_, command,
       [&](const v1::Facts&, v1::Decision* answer) {
         v1::Event* event = answer->mutable_acceptance()->add_events();
         event->set_type(v1::EVENT_TYPE_REPOSITORY_DELETED);
         return absl::ResourceExhaustedError("no ids");
       }},
      &decision);
  EXPECT_EQ(status, absl::ResourceExhaustedError("no ids"));
  EXPECT_EQ(ReadAll(app_).size(), entries);
  EXPECT_TRUE(store_.FindRepository(app_)->has_value());
}

TEST_F(MemoryStoreTest, ADeciderThatFailsOnAPutLeavesNoName) {
  v1::Command command;
  *command.mutable_repository() = app_;
  command.mutable_put_repository()->set_id(7);
  v1::Decision decision;
  EXPECT_FALSE(store_
                   .Transact({rules_, command,
                              [](const v1::Facts&, v1::Decision*) {
                                return absl::UnavailableError("not now");
                              }},
                             &decision)
                   .ok());
  EXPECT_EQ(*store_.FindRepositoryById(7), absl::nullopt);
  Put(other_, 7);
}

TEST_F(MemoryStoreTest, ARejectionChangesNothing) {
  Put(app_, 1);
  const int64_t id = Create(app_);
  const std::string before = Rebuilt(app_).SerializeAsString();
  EXPECT_TRUE(
      Send(app_, "create_deployment { ref: 'nowhere' }").has_rejection());
  EXPECT_TRUE(
      Send(app_, "create_status { deployment_id: " + std::to_string(id) + " }")
          .has_rejection());
  EXPECT_EQ(Rebuilt(app_).SerializeAsString(), before);
  EXPECT_EQ(List(InApp()).total, 1);
}

TEST_F(MemoryStoreTest, R81TheOutboxHasEveryChangeInItsPlace) {
  EXPECT_THAT(ReadAll(app_), IsEmpty());
  Put(app_, 1);
  const int64_t a = Create(app_, "ref: 'main' production_environment: false");
  Report(app_, a, "state: STATUS_STATE_SUCCESS");
  const int64_t b = Create(app_);
  Report(app_, b, "state: STATUS_STATE_SUCCESS");
  Report(app_, b, "state: STATUS_STATE_INACTIVE");
  Delete(app_, a);

  struct {
    v1::EventType type;
    bool notify;
  } const expected[] = {
      {v1::EVENT_TYPE_REPOSITORY_PUT, false},
      {v1::EVENT_TYPE_REF_PUT, false},
      {v1::EVENT_TYPE_REF_PUT, false},
      {v1::EVENT_TYPE_DEPLOYMENT_CREATED, true},
      {v1::EVENT_TYPE_ENVIRONMENT_CREATED, false},
      {v1::EVENT_TYPE_STATUS_CREATED, true},
      {v1::EVENT_TYPE_DEPLOYMENT_CREATED, true},
      {v1::EVENT_TYPE_STATUS_CREATED, true},
      {v1::EVENT_TYPE_STATUS_CREATED, false},  // a is retired
      {v1::EVENT_TYPE_STATUS_CREATED, false},  // inactive, by hand
      {v1::EVENT_TYPE_DEPLOYMENT_DELETED, false},
  };
  const std::vector<OutboxEntry> entries = ReadAll(app_);
  ASSERT_EQ(entries.size(), std::size(expected));
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].position, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(entries[i].event.type(), expected[i].type) << i;
    EXPECT_EQ(entries[i].notify, expected[i].notify) << i;
  }

  // In parts, and past the end.
  const auto part = store_.ReadOutbox({app_, 3, 2});
  ASSERT_EQ(part->size(), 2u);
  EXPECT_EQ((*part)[0].position, 4);
  EXPECT_EQ((*part)[1].position, 5);
  EXPECT_THAT(*store_.ReadOutbox({app_, 11, 5}), IsEmpty());
  EXPECT_THAT(*store_.ReadOutbox({app_, kFar, kFar}), IsEmpty());
  EXPECT_THAT(*store_.ReadOutbox({app_, 0, -1}), IsEmpty());
  EXPECT_EQ(store_.ReadOutbox({app_, -5, 1})->front().position, 1);
  // Reading has taken nothing out; streams are apart.
  EXPECT_EQ(ReadAll(app_).size(), std::size(expected));
  EXPECT_THAT(ReadAll(other_), IsEmpty());
  Put(other_, 2);
  EXPECT_EQ(ReadAll(other_).front().position, 1);
  EXPECT_EQ(ReadAll(app_).size(), std::size(expected));
}

// ---------------------------------------------------------------------------
// At once.

TEST_F(MemoryStoreTest, R36TwoSuccessesAtOnceAreOneAfterTheOther) {
  Put(app_, 1);
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    const std::string environment =
        " environment: 'e" + std::to_string(round) + "'";
    const int64_t prior = Create(app_, "ref: 'main'" + environment);
    const int64_t older = Create(app_, "ref: 'main'" + environment);
    const int64_t newer = Create(app_, "ref: 'main'" + environment);
    Report(app_, prior, "state: STATUS_STATE_SUCCESS");
    std::thread thread(
        [this, older] { Report(app_, older, "state: STATUS_STATE_SUCCESS"); });
    Report(app_, newer, "state: STATUS_STATE_SUCCESS");
    thread.join();

    // The prior one is retired, once; the older one too, unless it came last.
    EXPECT_EQ((*store_.ListStatuses({app_, prior}))->total, 2);
    EXPECT_EQ(LatestState(app_, prior), v1::STATUS_STATE_INACTIVE);
    EXPECT_EQ(LatestState(app_, newer), v1::STATUS_STATE_SUCCESS);
    EXPECT_EQ((*store_.ListStatuses({app_, newer}))->total, 1);
    const bool older_last =
        LatestState(app_, older) == v1::STATUS_STATE_SUCCESS;
    EXPECT_EQ((*store_.ListStatuses({app_, older}))->total, older_last ? 1 : 2);
    const int64_t success_of_older =
        (*store_.ListStatuses({app_, older}))->rows.back().id();
    const int64_t success_of_newer =
        (*store_.ListStatuses({app_, newer}))->rows.back().id();
    EXPECT_EQ(success_of_older > success_of_newer, older_last);
  }
  // Ids fit one order: the stream can be folded.
  EXPECT_EQ(Rebuilt(app_).deployments_size(), kRounds * 3);
}

TEST_F(MemoryStoreTest, R36NoReaderSeesAPart) {
  Put(app_, 1);
  const int64_t first = Create(app_, "ref: 'main' environment: 'qa'");
  Report(app_, first, "state: STATUS_STATE_SUCCESS");
  const int64_t watched = Create(app_, "ref: 'main' environment: 'idle'");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      const int64_t id = Create(app_, "ref: 'main' environment: 'qa'");
      Report(app_, id, "state: STATUS_STATE_SUCCESS");
    }
    done = true;
  });
  // Exactly one is live at any time, for whoever would succeed next and for
  // whoever follows the stream.
  v1::Rules rules = rules_;
  rules.set_prior_deployments(v1::PRIOR_DEPLOYMENTS_EVERY_OTHER);
  v1::Command command;
  *command.mutable_repository() = app_;
  command.mutable_create_status()->set_deployment_id(watched);
  command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
  command.mutable_create_status()->set_environment("qa");
  v1::RepositoryState state;
  int64_t position = 0;
  bool last = false;
  while (!last && !HasFailure()) {
    last = done;
    const absl::StatusOr<v1::Facts> facts = store_.Facts({rules, command});
    EXPECT_EQ(facts->live_deployments_size(), 1);
    const std::vector<OutboxEntry> entries =
        *store_.ReadOutbox({app_, position, kFar});
    for (const OutboxEntry& entry : entries) {
      EXPECT_EQ(entry.position, ++position);
      EXPECT_TRUE(Evolve(entry.event, &state).ok());
    }
    int live = 0;
    for (const v1::DeploymentRecord& record : state.deployments()) {
      if (!record.statuses().empty() &&
          record.statuses().rbegin()->state() == v1::STATUS_STATE_SUCCESS) {
        ++live;
      }
    }
    EXPECT_EQ(live, 1);
  }
  writer.join();
  EXPECT_EQ(state.deployments_size(), 302);
}

TEST_F(MemoryStoreTest, ManyThreadsOnManyRepositories) {
  constexpr int kRepositories = 3;
  constexpr int kThreads = 6;
  constexpr int kEach = 50;
  for (int i = 0; i < kRepositories; ++i) {
    Put(Name("octo", "app" + std::to_string(i)), i + 1);
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      const v1::RepositoryName name =
          Name("octo", "app" + std::to_string(i % kRepositories));
      for (int j = 0; j < kEach; ++j) {
        const int64_t id = Create(name, "ref: 'main' environment: 'qa'");
        Report(name, id, "state: STATUS_STATE_SUCCESS");
        Store::ListDeploymentsParams params;
        params.repository = name;
        EXPECT_GT(List(params).total, 0);
        EXPECT_TRUE(
            store_.FindRepositoryById(1 + i % kRepositories)->has_value());
        if (j % 10 == 9) Put(name, 1 + i % kRepositories);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kRepositories; ++i) {
    const v1::RepositoryName name = Name("octo", "app" + std::to_string(i));
    const v1::RepositoryState state = Rebuilt(name);
    EXPECT_EQ(state.deployments_size(), kThreads / kRepositories * kEach);
    for (const v1::DeploymentRecord& record : state.deployments()) {
      const auto found =
          store_.FindDeployment({name, record.deployment().id()});
      ASSERT_TRUE(found->has_value());
      EXPECT_EQ((*found)->deployment.SerializeAsString(),
                record.deployment().SerializeAsString());
    }
  }
}

TEST_F(MemoryStoreTest, RepositoriesDoNotWaitForEachOther) {
  Put(app_, 1);
  Put(other_, 2);
  std::promise<void> entered;
  std::promise<void> released;
  std::thread blocked([&] {
    v1::Command command;
    *command.mutable_repository() = app_;
    command.mutable_create_deployment()->set_ref("main");
    v1::Decision decision;
    store_
        .Transact({rules_, command,
                   [&](const v1::Facts&, v1::Decision*) {
                     entered.set_value();
                     released.get_future().wait();
                     return absl::UnavailableError("given up");
                   }},
                  &decision)
        .IgnoreError();
  });
  entered.get_future().wait();
  // While a decision about one repository hangs, all of this goes on; if not,
  // this test never ends.
  const int64_t id = Create(other_);
  Report(other_, id, "state: STATUS_STATE_SUCCESS");
  EXPECT_TRUE(store_.FindDeployment({other_, id})->has_value());
  EXPECT_TRUE(store_.FindRepositoryById(2)->has_value());
  Put(Name("octo", "new"), 3);
  Accepted(Name("octo", "new"), "delete_repository {}");
  released.set_value();
  blocked.join();
  Create(app_);
}

}  // namespace
}  // namespace slipway
