// The suite catches stores that are wrong in one way each, and lets those pass
// that do what a store may. Every check catches at least one.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/types/optional.h"
#include "engine/conformance/store/journal_store.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/conformance/store/store_checks.h"
#include "slipway/core/names.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {
namespace {

// Does all that a store in memory does, for a broken one to change.
class Forwarding : public Store, public Outbox {
 public:
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    return memory_.Transact(params, decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    return memory_.Facts(params);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    return memory_.FindRepository(name);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    return memory_.FindRepositoryById(id);
  }
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override {
    auto found = memory_.FindDeployment(params);
    if (found->has_value()) Spoil((*found)->deployment);
    return found;
  }
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    return memory_.ListDeployments(params);
  }
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override {
    return memory_.ListStatuses(params);
  }
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    return memory_.FindStatus(params);
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    return memory_.ReadOutbox(params);
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    return memory_.ReadAll(params);
  }
  absl::StatusOr<int64_t> LastGlobalPosition() override {
    return memory_.LastGlobalPosition();
  }

 protected:
  virtual void Spoil(v1::Deployment& /*row*/) {}

  // Commits a decision that was made elsewhere.
  absl::Status Commit(const TransactParams& params,
                      const v1::Decision& decision) {
    v1::Decision ignored;
    return memory_.Transact({params.rules, params.command,
                             [&](const v1::Facts&, v1::Decision* answer) {
                               *answer = decision;
                               return absl::OkStatus();
                             }},
                            &ignored);
  }

  MemoryStore memory_;
};

// ---------------------------------------------------------------------------
// Queries.

class FindsDeletedRepositoriesById : public Forwarding {
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    auto found = memory_.FindRepositoryById(id);
    std::lock_guard<std::mutex> lock(mutex_);
    if (found->has_value()) {
      seen_[id] = **found;
    } else if (seen_.count(id) > 0) {
      found->emplace(seen_[id]);
    }
    return found;
  }
  std::mutex mutex_;
  std::map<int64_t, v1::Repository> seen_;
};

class KeepsStatusesOfTheDeleted : public Forwarding {
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    auto found = memory_.FindStatus(params);
    const auto key = std::make_pair(params.deployment_id, params.status_id);
    if (found->has_value()) {
      seen_[key] = **found;
    } else if (seen_.count(key) > 0) {
      found->emplace(seen_[key]);
    }
    return found;
  }
  std::map<std::pair<int64_t, int64_t>, v1::DeploymentStatus> seen_;
};

class ForgetsTheLastId : public Forwarding {
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    auto facts = memory_.Facts(params);
    ListDeploymentsParams all;
    all.repository = params.command.repository();
    const auto page = memory_.ListDeployments(all);
    if (!page->has_value() || (*page)->total == 0) facts->set_last_id(0);
    return facts;
  }
};

class ForgetsARow : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    auto page = memory_.ListDeployments(params);
    if (page->has_value() && (*page)->rows.size() > 3) {
      (*page)->rows.pop_back();
    }
    return page;
  }
};

class ListsTheOldestFirst : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    auto page = memory_.ListDeployments(params);
    if (page->has_value()) {
      std::reverse((*page)->rows.begin(), (*page)->rows.end());
    }
    return page;
  }
};

class ListsStatusesTheOldestFirst : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override {
    auto page = memory_.ListStatuses(params);
    if (page->has_value()) {
      std::reverse((*page)->rows.begin(), (*page)->rows.end());
    }
    return page;
  }
};

class PagesOverlap : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    ListDeploymentsParams earlier = params;
    if (earlier.offset > 0) --earlier.offset;
    return memory_.ListDeployments(earlier);
  }
};

class CountsThePage : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    auto page = memory_.ListDeployments(params);
    if (page->has_value()) {
      (*page)->total = static_cast<int64_t>((*page)->rows.size());
    }
    return page;
  }
};

class ListsEnvironmentsWithCase : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    ListDeploymentsParams exact = params;
    exact.environment_match = v1::NAME_MATCH_EXACT;
    return memory_.ListDeployments(exact);
  }
};

class ForgetsASecondFilter : public Forwarding {
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    ListDeploymentsParams fewer = params;
    if (fewer.ref.has_value()) fewer.task.reset();
    return memory_.ListDeployments(fewer);
  }
};

class NotifiesOfNothing : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    auto entries = memory_.ReadOutbox(params);
    for (OutboxEntry& entry : *entries) entry.notify = false;
    return entries;
  }
};

class HasAGapInTheOutbox : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    ReadParams shifted = params;
    if (shifted.after_position > 5) --shifted.after_position;
    auto entries = memory_.ReadOutbox(shifted);
    for (OutboxEntry& entry : *entries) {
      if (entry.position >= 5) ++entry.position;
    }
    return entries;
  }
};

class DropsTheOutboxWithTheRepository : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    if (!memory_.FindRepository(params.repository)->has_value()) {
      return std::vector<OutboxEntry>();
    }
    return memory_.ReadOutbox(params);
  }
};

class KeepsSecondsIn32Bits : public Forwarding {
  void Spoil(v1::Deployment& row) override {
    row.set_updated_at_ms(std::min<int64_t>(row.updated_at_ms(), 1LL << 42));
  }
};

class FoldsAccents : public Forwarding {
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    v1::RepositoryName folded = name;
    folded.set_owner(
        absl::StrReplaceAll(name.owner(), {{"\xC3\x89", "\xC3\xA9"}}));
    return memory_.FindRepository(folded);
  }
};

class TrimsNames : public Forwarding {
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    v1::Command command = params.command;
    std::string& ref = *command.mutable_create_deployment()->mutable_ref();
    if (!params.command.has_create_deployment()) return memory_.Facts(params);
    while (!ref.empty() && ref.back() == ' ') ref.pop_back();
    return memory_.Facts({params.rules, command});
  }
};

class CutsTextAtNul : public Forwarding {
  void Spoil(v1::Deployment& row) override {
    if (!row.has_description()) return;
    row.set_description(row.description().c_str());
  }
};

class TakesEmptyTextForNone : public Forwarding {
  void Spoil(v1::Deployment& row) override {
    if (row.description().empty()) row.clear_description();
  }
};

class KeepsPayloadsAsUtf8 : public Forwarding {
  void Spoil(v1::Deployment& row) override {
    if (!IsUtf8(row.payload())) row.set_payload("?");
  }
};

// ---------------------------------------------------------------------------
// Transactions.

class CommitsWhenTheDeciderFails : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    absl::Status failure;
    const absl::Status status =
        memory_.Transact({params.rules, params.command,
                          [&](const v1::Facts& facts, v1::Decision* answer) {
                            failure = params.decide(facts, answer);
                            return absl::OkStatus();
                          }},
                         decision);
    return status.ok() ? failure : status;
  }
};

class LosesTheDecidersStatus : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    const absl::Status status = memory_.Transact(params, decision);
    return status.ok() ? status : absl::InternalError("rolled back");
  }
};

// The environment is made before the answer is known.
class LeavesTheEnvironmentOfTheRefused : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    int64_t last_id = 0;
    const absl::Status status = memory_.Transact(
        {params.rules, params.command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           last_id = facts.has_repository() ? facts.last_id() : -1;
           return params.decide(facts, answer);
         }},
        decision);
    if (last_id >= 0 && decision->has_rejection() &&
        params.command.create_deployment().environment() == "fresh") {
      v1::Decision made;
      v1::Event& event = *made.mutable_acceptance()->add_events();
      event.set_type(v1::EVENT_TYPE_ENVIRONMENT_CREATED);
      event.mutable_environment()->set_id(last_id + 1);
      event.mutable_environment()->set_name("fresh");
      Commit(params, made).IgnoreError();
    }
    return status;
  }
};

class AppliesAFew : public Forwarding {
 public:
  explicit AppliesAFew(int events_max) : events_max_(events_max) {}

 private:
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    v1::Decision whole;
    const absl::Status status = memory_.Transact(
        {params.rules, params.command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           const absl::Status decided = params.decide(facts, answer);
           whole = *answer;
           v1::Acceptance& half = *answer->mutable_acceptance();
           if (!whole.has_acceptance()) answer->clear_acceptance();
           while (half.events_size() > events_max_)
             half.mutable_events()->RemoveLast();
           return decided;
         }},
        decision);
    if (status.ok()) *decision = whole;
    return status;
  }
  const int events_max_;
};

class RetiresAFewOnly : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    return memory_.Transact({params.rules, params.command,
                             [&](const v1::Facts& facts, v1::Decision* answer) {
                               constexpr int kPage = 16;
                               v1::Facts few = facts;
                               while (few.live_deployments_size() > kPage) {
                                 few.mutable_live_deployments()->RemoveLast();
                               }
                               return params.decide(few, answer);
                             }},
                            decision);
  }
};

class RetiresWithCase : public Forwarding {
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    auto facts = memory_.Facts(params);
    auto& live = *facts->mutable_live_deployments();
    live.erase(std::remove_if(live.begin(), live.end(),
                              [&](const v1::LiveDeployment& deployment) {
                                return deployment.environment() !=
                                       facts->environment().name();
                              }),
               live.end());
    return facts;
  }
};

class IgnoresTheDeletionScope : public Forwarding {
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    v1::Rules rules = params.rules;
    rules.clear_deletion_scope();
    return memory_.Facts({rules, params.command});
  }
};

// ---------------------------------------------------------------------------
// Several callers.

class CommitsInParts : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    v1::Decision rest;
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Status status = memory_.Transact(
        {params.rules, params.command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           const absl::Status decided = params.decide(facts, answer);
           rest = *answer;
           auto& events = *answer->mutable_acceptance()->mutable_events();
           if (!rest.has_acceptance()) answer->clear_acceptance();
           if (!decided.ok() || events.size() < 3) return decided;
           answer->mutable_acceptance()->clear_effects();
           events.DeleteSubrange(1, events.size() - 1);
           return decided;
         }},
        decision);
    if (!status.ok() || rest.acceptance().events_size() < 3) return status;
    *decision = rest;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    rest.mutable_acceptance()->clear_effects();
    rest.mutable_acceptance()->mutable_events()->DeleteSubrange(0, 1);
    return Commit(params, rest);
  }
  std::mutex mutex_;
};

// Reads, decides, and then writes; those that put a repository, or the others.
// What it loses must not bring down the store beneath it: ids are never the
// same, and deletions have the store for themselves.
class DecidesOutside : public Forwarding {
 public:
  explicit DecidesOutside(bool puts) : puts_(puts) {}

 private:
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    if (params.command.has_delete_deployment()) {
      std::unique_lock<std::shared_mutex> lock(mutex_);
      return memory_.Transact(params, decision);
    }
    if (params.command.has_put_repository() != puts_) {
      return memory_.Transact(params, decision);
    }
    std::shared_lock<std::shared_mutex> lock(mutex_);
    auto facts = memory_.Facts({params.rules, params.command});
    constexpr int64_t kIdsEach = 10000;
    facts->set_last_id(
        std::max(facts->last_id(), next_id_.fetch_add(kIdsEach)));
    decision->Clear();
    const absl::Status status = params.decide(*facts, decision);
    if (!status.ok()) return status;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (!decision->has_acceptance()) return status;
    return Commit(params, *decision);
  }

  const bool puts_;
  std::shared_mutex mutex_;
  std::atomic<int64_t> next_id_{10000000};
};

class LosesRepositoriesWhileItWrites : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    ++writers_;
    absl::Status status = memory_.Transact(params, decision);
    std::this_thread::yield();
    --writers_;
    return status;
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    if (writers_ > 0) return absl::optional<v1::Repository>();
    return memory_.FindRepositoryById(id);
  }
  std::atomic<int> writers_{0};
};

class HasOneLock : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    std::lock_guard<std::mutex> lock(mutex_);
    return memory_.Transact(params, decision);
  }
  std::mutex mutex_;
};

// ---------------------------------------------------------------------------
// Keys, expectations, and the stream of all.

// Changes the facts that a decision and a caller get.
class SpoilsFacts : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    return memory_.Transact({params.rules, params.command,
                             [&](const v1::Facts& facts, v1::Decision* answer) {
                               v1::Facts spoiled = facts;
                               SpoilFacts(spoiled);
                               return params.decide(spoiled, answer);
                             }},
                            decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    auto facts = memory_.Facts(params);
    SpoilFacts(*facts);
    return facts;
  }
  virtual void SpoilFacts(v1::Facts& facts) = 0;
};

class KeepsNoAnswers : public SpoilsFacts {
  void SpoilFacts(v1::Facts& facts) override { facts.clear_keyed_answer(); }
};

class KeepsNoRefusals : public SpoilsFacts {
  void SpoilFacts(v1::Facts& facts) override {
    if (facts.keyed_answer().decision().has_rejection()) {
      facts.clear_keyed_answer();
    }
  }
};

class ForgetsAnswersWithTheRepository : public SpoilsFacts {
  void SpoilFacts(v1::Facts& facts) override {
    if (!facts.has_repository()) facts.clear_keyed_answer();
  }
};

class ForgetsTheLatestStatus : public SpoilsFacts {
  void SpoilFacts(v1::Facts& facts) override { facts.clear_latest_status_id(); }
};

class FoldsKeys : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    v1::Command folded = params.command;
    folded.set_idempotency_key(FoldName(folded.idempotency_key()));
    return memory_.Transact({params.rules, folded, params.decide}, decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    v1::Command folded = params.command;
    folded.set_idempotency_key(FoldName(folded.idempotency_key()));
    return memory_.Facts({params.rules, folded});
  }
};

// Keeps, under the keys of merges, that a merge is needed.
class KeepsThatAMergeIsNeeded : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    const absl::Status status = memory_.Transact(
        {params.rules, params.command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           v1::Facts known = facts;
           const auto kept = kept_.find(params.command.idempotency_key());
           if (kept != kept_.end())
             *known.mutable_keyed_answer() = kept->second;
           return params.decide(known, answer);
         }},
        decision);
    if (decision->acceptance().outcome() == v1::OUTCOME_MERGE_REQUIRED &&
        !params.command.idempotency_key().empty()) {
      v1::KeyedAnswer& kept = kept_[params.command.idempotency_key()];
      *kept.mutable_command() = params.command;
      *kept.mutable_decision() = *decision;
      kept.mutable_decision()->mutable_acceptance()->set_outcome(
          v1::OUTCOME_AUTO_MERGED);
      kept.mutable_decision()->set_answered_at_ms(params.command.time_ms());
    }
    return status;
  }
  std::map<std::string, v1::KeyedAnswer> kept_;
};

class WritesReplaysAgain : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    const absl::Status status = memory_.Transact(params, decision);
    if (!decision->replayed() || !params.command.has_put_ref()) return status;
    v1::Decision again = *decision;
    again.clear_replayed();
    return Commit(params, again);
  }
};

// Reads what is under a key, decides, and then writes.
class DecidesKeysOutside : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    if (params.command.idempotency_key().empty()) {
      return memory_.Transact(params, decision);
    }
    auto facts = memory_.Facts({params.rules, params.command});
    constexpr int64_t kIdsEach = 10000;
    facts->set_last_id(next_id_.fetch_add(kIdsEach));
    decision->Clear();
    const absl::Status status = params.decide(*facts, decision);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (!status.ok() || decision->replayed()) return status;
    return Commit(params, *decision);
  }
  std::atomic<int64_t> next_id_{10000000};
};

class TellsOfNoDeployment : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    auto entries = memory_.ReadOutbox(params);
    for (OutboxEntry& entry : *entries) entry.deployment.reset();
    return entries;
  }
};

class TellsAllOfNoDeployment : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    auto entries = memory_.ReadAll(params);
    for (OutboxEntry& entry : *entries) entry.deployment.reset();
    return entries;
  }
};

class HasAGapInTheStreamOfAll : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    auto entries = memory_.ReadAll(params);
    for (OutboxEntry& entry : *entries) {
      if (entry.global_position >= 5) ++entry.global_position;
    }
    return entries;
  }
};

// As where it is read from a copy that lags behind.
class ShowsTheNewestLate : public Forwarding {
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const int64_t last = *memory_.LastGlobalPosition();
    if (last != last_) calls_ = 0;
    last_ = last;
    constexpr int kCallsLate = 2;
    if (++calls_ <= kCallsLate) return std::vector<OutboxEntry>();
    return memory_.ReadAll(params);
  }
  std::mutex mutex_;
  int64_t last_ = 0;
  int calls_ = 0;
};

// ---------------------------------------------------------------------------
// What a store may do.

class DecidesTwice : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    return memory_.Transact({params.rules, params.command,
                             [&](const v1::Facts& facts, v1::Decision* answer) {
                               v1::Decision lost;
                               params.decide(facts, &lost).IgnoreError();
                               return params.decide(facts, answer);
                             }},
                            decision);
  }
};

class DecidesElsewhere : public Forwarding {
  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    absl::Status status;
    std::thread other([&] { status = memory_.Transact(params, decision); });
    other.join();
    return status;
  }
};

// ---------------------------------------------------------------------------

template <typename Wrong>
class Handle : public StoreHandle {
 public:
  template <typename... Arguments>
  explicit Handle(Arguments... arguments) : store_(arguments...) {}
  Store& store() override { return store_; }
  Outbox& outbox() override { return store_; }
  IdSource* ids() override { return &ids_; }

 private:
  Wrong store_;
  MemoryIds ids_;
};

class Subject : public StoreUnderTest {
 public:
  using Opener = std::function<std::unique_ptr<StoreHandle>()>;
  explicit Subject(Opener open) : open_(std::move(open)) {}
  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
    return open_();
  }

 private:
  const Opener open_;
};

template <typename Wrong, typename... Arguments>
StoreFactory InMemory(Arguments... arguments) {
  return [=]() -> absl::StatusOr<std::unique_ptr<StoreUnderTest>> {
    return std::make_unique<Subject>(
        [=] { return std::make_unique<Handle<Wrong>>(arguments...); });
  };
}

StoreFactory InJournal(bool JournalFaults::*fault) {
  return [fault] {
    JournalFaults faults;
    faults.*fault = true;
    return JournalStoreUnderTest::Make(faults);
  };
}

StoreCheckParams Params(StoreFactory make) {
  StoreCheckParams params;
  params.make = std::move(make);
  params.capabilities = JournalCapabilities();
  params.capabilities.parallel_repositories = true;
  params.shrinking_ms_max = 500;
  return params;
}

struct Broken {
  const char* how;
  StoreFactory make;
  // The checks that have to catch it; others may.
  std::vector<std::string> caught_by;
  bool in_journal = false;
};

const std::vector<Broken>& BrokenStores() {
  using Faults = JournalFaults;
  static const auto& all = *new std::vector<Broken>{
      // clang-format off
      {"finds deleted repositories by id", InMemory<FindsDeletedRepositoriesById>(), {"R1R5Repositories"}},
      {"keeps statuses of the deleted", InMemory<KeepsStatusesOfTheDeleted>(), {"R17R42Deletions"}},
      {"forgets the last id", InMemory<ForgetsTheLastId>(), {"R17R42Deletions"}},
      {"forgets a row", InMemory<ForgetsARow>(), {"R70R71ListsAndPages", "RandomWalks"}},
      {"lists the oldest first", InMemory<ListsTheOldestFirst>(), {"R70R71ListsAndPages", "RandomWalks"}},
      {"lists statuses the oldest first", InMemory<ListsStatusesTheOldestFirst>(), {"R70R71ListsAndPages"}},
      {"pages overlap", InMemory<PagesOverlap>(), {"R70R71ListsAndPages"}},
      {"counts the page", InMemory<CountsThePage>(), {"R70R71ListsAndPages"}},
      {"lists environments with case", InMemory<ListsEnvironmentsWithCase>(), {"R70R71ListsAndPages"}},
      {"forgets a second filter", InMemory<ForgetsASecondFilter>(), {"R70R71ListsAndPages"}},
      {"notifies of nothing", InMemory<NotifiesOfNothing>(), {"R80R81Outbox", "RandomWalks"}},
      {"has a gap in the outbox", InMemory<HasAGapInTheOutbox>(), {"R80R81Outbox"}},
      {"drops the outbox with the repository", InMemory<DropsTheOutboxWithTheRepository>(), {"R80R81Outbox"}},
      {"keeps times too short", InMemory<KeepsSecondsIn32Bits>(), {"R8R17Numbers"}},
      {"folds accents", InMemory<FoldsAccents>(), {"R1R60Names"}},
      {"trims names", InMemory<TrimsNames>(), {"R1R60Names"}},
      {"cuts text at NUL", InMemory<CutsTextAtNul>(), {"R4Texts"}},
      {"takes empty text for none", InMemory<TakesEmptyTextForNone>(), {"R4Texts"}},
      {"keeps payloads as UTF-8", InMemory<KeepsPayloadsAsUtf8>(), {"R11Payloads"}},
      {"commits when the decider fails", InMemory<CommitsWhenTheDeciderFails>(), {"FailingDecidersChangeNothing"}},
      {"loses the decider's status", InMemory<LosesTheDecidersStatus>(), {"FailingDecidersChangeNothing"}},
      {"leaves the environment of the refused", InMemory<LeavesTheEnvironmentOfTheRefused>(), {"RejectionsChangeNothing"}},
      {"applies one event only", InMemory<AppliesAFew>(1), {"R36TwoSuccessesAtOnce", "RandomWalks"}},
      {"applies a few events only", InMemory<AppliesAFew>(16), {"R31WideDecisions"}},
      {"retires a few only", InMemory<RetiresAFewOnly>(), {"R31WideDecisions"}},
      {"retires with case", InMemory<RetiresWithCase>(), {"RandomWalks"}},
      {"ignores the deletion scope", InMemory<IgnoresTheDeletionScope>(), {"RandomWalks"}},
      {"keeps no answers", InMemory<KeepsNoAnswers>(), {"R100Keys", "R100RacesForOneKey", "RandomWalks"}},
      {"keeps no refusals", InMemory<KeepsNoRefusals>(), {"R100Keys"}},
      {"forgets answers with the repository", InMemory<ForgetsAnswersWithTheRepository>(), {"R100Keys"}},
      {"folds keys", InMemory<FoldsKeys>(), {"R100Keys"}},
      {"keeps that a merge is needed", InMemory<KeepsThatAMergeIsNeeded>(), {"R100Keys"}},
      {"writes replays again", InMemory<WritesReplaysAgain>(), {"R100Keys"}},
      {"decides keys outside of the lock", InMemory<DecidesKeysOutside>(), {"R100RacesForOneKey"}},
      {"forgets the latest status", InMemory<ForgetsTheLatestStatus>(), {"RandomWalks", "R101RacesForOneStatus"}},
      {"tells of no deployment", InMemory<TellsOfNoDeployment>(), {"R80R81Outbox", "RandomWalks"}},
      {"tells all of no deployment", InMemory<TellsAllOfNoDeployment>(), {"R102AllRepositories"}},
      {"has a gap in the stream of all", InMemory<HasAGapInTheStreamOfAll>(), {"R102AllRepositories", "R102WritersInParallel"}},
      {"shows the newest late", InMemory<ShowsTheNewestLate>(), {"R102WritersInParallel"}},
      {"commits in parts", InMemory<CommitsInParts>(), {"R36ReadersSeeNoPart"}},
      {"decides outside of the lock", InMemory<DecidesOutside>(false), {"R36TwoSuccessesAtOnce", "RacesOnOneRepository", "R101RacesForOneStatus"}},
      {"decides puts outside of the lock", InMemory<DecidesOutside>(true), {"R5RacesForRepositories"}},
      {"loses repositories while it writes", InMemory<LosesRepositoriesWhileItWrites>(), {"RacesOnManyRepositories"}},
      {"has one lock", InMemory<HasOneLock>(), {"RepositoriesDoNotWait"}},
      {"tells before it writes", InJournal(&Faults::tells_before_writing), {"SeveralHandles", "KilledWriters"}, true},
      {"writes in parts", InJournal(&Faults::writes_in_parts), {"KilledWriters"}, true},
      {"forgets effects", InJournal(&Faults::forgets_effects), {"SeveralHandles"}, true},
      {"forgets the deleted", InJournal(&Faults::forgets_the_deleted), {"Reopened"}, true},
      {"forgets answers", InJournal(&Faults::forgets_answers), {"R100Keys", "SeveralHandles"}, true},
      {"reads once", InJournal(&Faults::reads_once), {"SeveralHandles", "RandomWalks"}, true},
      {"takes no lock", InJournal(&Faults::takes_no_lock), {"SeveralProcesses"}, true},
      {"gives up too late", InJournal(&Faults::gives_up_too_late), {"BrokenConnections"}, true},
      {"writes twice", InJournal(&Faults::writes_twice), {"BrokenConnections"}, true},
      {"counts ids in memory", InJournal(&Faults::counts_ids_in_memory), {"R17Ids"}, true},
      // clang-format on
  };
  return all;
}

const StoreCheck& CheckCalled(const std::string& name) {
  for (const StoreCheck& check : StoreChecks()) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "there is no check " << name;
  return StoreChecks().front();
}

// Without what the check does not need, as the data of `InMemory` can be opened
// but once.
StoreCapabilities CapabilitiesFor(const Broken& broken,
                                  const StoreCheck& check) {
  if (check.needs == nullptr && !broken.in_journal) return {};
  return JournalCapabilities();
}

class BrokenStoreTest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenStoreTest, IsCaught) {
  const Broken& broken = GetParam();
  for (const std::string& name : broken.caught_by) {
    const StoreCheck& check = CheckCalled(name);
    StoreCheckParams params = Params(broken.make);
    params.capabilities = CapabilitiesFor(broken, check);
    EXPECT_FALSE(check.run(params).empty()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    That, BrokenStoreTest, testing::ValuesIn(BrokenStores()),
    [](const testing::TestParamInfo<Broken>& info) {
      std::string name;
      bool starts = true;
      for (const char* next = info.param.how; *next != '\0'; ++next) {
        if (absl::ascii_isalnum(*next)) {
          name.push_back(starts ? absl::ascii_toupper(*next) : *next);
        }
        starts = *next == ' ';
      }
      return name;
    });

TEST(BrokenStores, EveryCheckCatchesOne) {
  std::set<std::string> catching;
  for (const Broken& broken : BrokenStores()) {
    catching.insert(broken.caught_by.begin(), broken.caught_by.end());
  }
  for (const StoreCheck& check : StoreChecks()) {
    // broken_queues_test.cc has those.
    if (check.needs == &StoreCapabilities::deliveries) continue;
    EXPECT_EQ(catching.count(check.name), 1u) << check.name;
  }
}

TEST(BrokenStores, ThatCannotBeMadeOrOpenedAreFindings) {
  const StoreFactory factories[] = {
      []() -> absl::StatusOr<std::unique_ptr<StoreUnderTest>> {
        return absl::UnavailableError("no disk");
      },
      []() -> absl::StatusOr<std::unique_ptr<StoreUnderTest>> {
        class Closed : public StoreUnderTest {
          absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
            return absl::UnavailableError("no disk");
          }
        };
        return std::make_unique<Closed>();
      }};
  for (const StoreFactory& make : factories) {
    for (const StoreCheck& check : StoreChecks()) {
      const std::vector<std::string> findings = check.run(Params(make));
      ASSERT_FALSE(findings.empty()) << check.name;
      EXPECT_NE(absl::StrJoin(findings, " ").find("no disk"), std::string::npos)
          << check.name;
    }
  }
}

class AllowedStoreTest : public testing::TestWithParam<StoreFactory> {};

TEST_P(AllowedStoreTest, Passes) {
  StoreCheckParams params;
  params.make = GetParam();
  params.capabilities.parallel_repositories = true;
  params.capabilities.ids = true;
  params.walks = 10;
  params.rounds = 10;
  for (const StoreCheck& check : StoreChecks()) {
    if (!Applies(check, params.capabilities)) continue;
    EXPECT_EQ(absl::StrJoin(check.run(params), "\n"), "") << check.name;
  }
}

INSTANTIATE_TEST_SUITE_P(DecidesTwice, AllowedStoreTest,
                         testing::Values(InMemory<DecidesTwice>()));
INSTANTIATE_TEST_SUITE_P(DecidesElsewhere, AllowedStoreTest,
                         testing::Values(InMemory<DecidesElsewhere>()));

}  // namespace
}  // namespace internal
}  // namespace slipway
