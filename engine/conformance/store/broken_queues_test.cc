// The suite catches delivery queues that are wrong in one way each. Every check
// of queues catches at least one.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/conformance/store/store_checks.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/outbox.h"

namespace slipway {
namespace {

// Does all that a queue in memory does, for a broken one to change.
class Forwarding : public DeliveryQueue {
 public:
  explicit Forwarding(Outbox* outbox) : outbox_(outbox), memory_(outbox) {}

  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override {
    return memory_.AddHook(params);
  }
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    return memory_.Enqueue(params);
  }
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    return memory_.Claim(params);
  }
  absl::Status Record(const RecordParams& params) override {
    return memory_.Record(params);
  }
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    return memory_.ListDeliveries(params);
  }
  absl::StatusOr<absl::optional<Delivery>> FindDelivery(int64_t id) override {
    return memory_.FindDelivery(id);
  }
  absl::Status Redeliver(const RedeliverParams& params) override {
    return memory_.Redeliver(params);
  }
  absl::StatusOr<int64_t> Prune(const PruneParams& params) override {
    return memory_.Prune(params);
  }
  absl::StatusOr<int64_t> CountPending(int64_t hook_id) override {
    return memory_.CountPending(hook_id);
  }

 protected:
  Outbox* const outbox_;
  MemoryDeliveryQueue memory_;
};

class StartsAtTheBeginning : public Forwarding {
  // An outbox whose end is its beginning.
  class Rewound : public Outbox {
   public:
    explicit Rewound(Outbox* outbox) : outbox_(outbox) {}
    absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
        const ReadParams& params) override {
      return outbox_->ReadOutbox(params);
    }
    absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
        const ReadAllParams& params) override {
      return outbox_->ReadAll(params);
    }
    absl::StatusOr<int64_t> LastGlobalPosition() override { return 0; }

   private:
    Outbox* const outbox_;
  };

 public:
  explicit StartsAtTheBeginning(Outbox* outbox)
      : Forwarding(outbox), rewound_(outbox), queue_(&rewound_) {}
  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override {
    return queue_.AddHook(params);
  }
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    return queue_.Enqueue(params);
  }
  absl::StatusOr<int64_t> CountPending(int64_t hook_id) override {
    return queue_.CountPending(hook_id);
  }

 private:
  Rewound rewound_;
  MemoryDeliveryQueue queue_;
};

class FoldsUrls : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override {
    auto hook = memory_.AddHook({absl::AsciiStrToLower(params.url)});
    hook->url = params.url;
    return hook;
  }
};

// Looks whether there is one, and adds it later.
class AddsHooksInTwoSteps : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<Hook> AddHook(const AddHookParams& params) override {
    bool is_known = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      is_known = known_.count(params.url) > 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::lock_guard<std::mutex> lock(mutex_);
    if (!is_known) {
      known_[params.url] = absl::StrCat(params.url, "#", ++count_);
    }
    auto hook = memory_.AddHook({known_[params.url]});
    hook->url = params.url;
    return hook;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> known_;
  int count_ = 0;
};

class EnqueuesForNobody : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    auto count = memory_.Enqueue(params);
    if (absl::IsNotFound(count.status())) return 0;
    return count;
  }
};

class IgnoresTypes : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    return memory_.Enqueue({params.hook_id, params.now_ms, params.limit});
  }
};

class IgnoresTheLimit : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    return memory_.Enqueue({params.hook_id, params.now_ms, 1000, params.types});
  }
};

// Says how many deliveries there are of what was passed.
class CountsDeliveriesOnly : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    const auto before = memory_.CountPending(params.hook_id);
    const auto count = memory_.Enqueue(params);
    if (!count.ok()) return count;
    return *memory_.CountPending(params.hook_id) - *before;
  }
};

class HasOneGuid : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    auto page = memory_.ListDeliveries(params);
    for (Delivery& delivery : *page) {
      delivery.guid = "12345678-1234-4234-8234-123456789abc";
    }
    return page;
  }
};

class ForgetsTheDeployment : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    auto page = memory_.ListDeliveries(params);
    for (Delivery& delivery : *page) delivery.entry.deployment.reset();
    return page;
  }
};

// What two enqueue at once, is passed by both.
class EnqueuesWithoutALock : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Enqueue(const EnqueueParams& params) override {
    const int64_t before = count_;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const auto count = memory_.Enqueue(params);
    if (!count.ok() || *count == 0) return count;
    count_ += *count;
    return count_ - before;
  }

 private:
  std::atomic<int64_t> count_{0};
};

// Every claim gives what is the head of each deployment, and then the next.
class ClaimsPastTheHead : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<Delivery> claimed;
    auto all = memory_.ListDeliveries({params.hook_id, 0, 1000});
    std::reverse(all->begin(), all->end());
    for (const Delivery& delivery : *all) {
      if (delivery.state != DeliveryState::kPending) continue;
      if (delivery.due_at_ms > params.now_ms) continue;
      if (static_cast<int64_t>(claimed.size()) == params.limit) break;
      if (leased_until_ms_[delivery.id] > params.now_ms) continue;
      leased_until_ms_[delivery.id] = params.now_ms + params.lease_ms;
      claimed.push_back(delivery);
    }
    return claimed;
  }
  absl::Status Record(const RecordParams& params) override {
    std::lock_guard<std::mutex> lock(mutex_);
    leased_until_ms_[params.delivery_id] = 0;
    return memory_.Record(params);
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, int64_t> leased_until_ms_;
};

// A head that waits holds up all.
class IsOneQueue : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    const auto all = memory_.ListDeliveries({params.hook_id, 0, 1000});
    for (const Delivery& delivery : *all) {
      if (delivery.state == DeliveryState::kPending &&
          delivery.due_at_ms > params.now_ms) {
        return std::vector<Delivery>();
      }
    }
    return memory_.Claim(params);
  }
};

// In the order of ids, not of when they are due.
class ClaimsById : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    auto claimed = memory_.Claim(params);
    std::sort(claimed->begin(), claimed->end(),
              [](const Delivery& left, const Delivery& right) {
                return left.id < right.id;
              });
    return claimed;
  }
};

class ClaimsTooEarly : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    return memory_.Claim(
        {params.hook_id, params.now_ms + 1000, params.lease_ms, params.limit});
  }
};

// Two that claim at once have the same.
class ClaimsForEverybody : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    return memory_.Claim({params.hook_id, params.now_ms, 0, params.limit});
  }
};

class NeverEndsALease : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    return memory_.Claim(
        {params.hook_id, params.now_ms, int64_t{1} << 50, params.limit});
  }
};

// Lets a late answer open what is closed.
class ReopensWhatIsDone : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::Status Record(const RecordParams& params) override {
    const auto found = memory_.FindDelivery(params.delivery_id);
    if (found->has_value() && (*found)->state != DeliveryState::kPending &&
        params.state == DeliveryState::kPending) {
      memory_.Redeliver({params.delivery_id, params.due_at_ms}).IgnoreError();
    }
    return memory_.Record(params);
  }
};

// Knows who claimed each delivery last.
class KnowsClaims : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    auto claimed = memory_.Claim(params);
    std::lock_guard<std::mutex> lock(mutex_);
    for (const Delivery& delivery : *claimed) {
      leased_until_ms_[delivery.id] = delivery.leased_until_ms;
    }
    return claimed;
  }

 protected:
  int64_t LastOf(int64_t delivery_id) {
    std::lock_guard<std::mutex> lock(mutex_);
    return leased_until_ms_[delivery_id];
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, int64_t> leased_until_ms_;
};

// Whoever records ends the claim of whoever has it.
class EndsAnyClaim : public KnowsClaims {
 public:
  using KnowsClaims::KnowsClaims;
  absl::Status Record(const RecordParams& params) override {
    RecordParams last = params;
    last.leased_until_ms = LastOf(params.delivery_id);
    return memory_.Record(last);
  }
};

// Opens the way for the next while another one is still sending this.
class EndsAnyClaimByASuccess : public KnowsClaims {
 public:
  using KnowsClaims::KnowsClaims;
  absl::Status Record(const RecordParams& params) override {
    RecordParams changed = params;
    if (params.state == DeliveryState::kDelivered) {
      changed.leased_until_ms = LastOf(params.delivery_id);
    }
    return memory_.Record(changed);
  }
};

class ForgetsLateAttempts : public KnowsClaims {
 public:
  using KnowsClaims::KnowsClaims;
  absl::Status Record(const RecordParams& params) override {
    if (params.leased_until_ms != LastOf(params.delivery_id)) {
      return absl::OkStatus();
    }
    return memory_.Record(params);
  }
};

// Every claim is told that it is the same one.
class HasOneClaim : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> Claim(
      const ClaimParams& params) override {
    auto claimed = memory_.Claim(params);
    for (Delivery& delivery : *claimed) delivery.leased_until_ms = 1;
    return claimed;
  }
};

class ForgetsErrors : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::Status Record(const RecordParams& params) override {
    RecordParams shorter = params;
    shorter.attempt.error.clear();
    return memory_.Record(shorter);
  }
};

class RecordsForNobody : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::Status Record(const RecordParams& params) override {
    memory_.Record(params).IgnoreError();
    return absl::OkStatus();
  }
};

// Delivers again what failed, and nothing else.
class RedeliversFailuresOnly : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::Status Redeliver(const RedeliverParams& params) override {
    const auto found = memory_.FindDelivery(params.delivery_id);
    if (found->has_value() && (*found)->state == DeliveryState::kDelivered) {
      return absl::OkStatus();
    }
    return memory_.Redeliver(params);
  }
};

class ListsTheOldestFirst : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    auto page = memory_.ListDeliveries(params);
    std::reverse(page->begin(), page->end());
    return page;
  }
};

class ListsNoAttempts : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    auto page = memory_.ListDeliveries(params);
    for (Delivery& delivery : *page) delivery.attempts.clear();
    return page;
  }
};

class PagesOverlap : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<std::vector<Delivery>> ListDeliveries(
      const ListDeliveriesParams& params) override {
    ListDeliveriesParams more = params;
    if (more.before_id > 0) ++more.before_id;
    return memory_.ListDeliveries(more);
  }
};

class PrunesTooMuch : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Prune(const PruneParams& params) override {
    return memory_.Prune({params.before_ms + 1, params.limit});
  }
};

class PrunesAllAtOnce : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> Prune(const PruneParams& params) override {
    return memory_.Prune({params.before_ms, 1000});
  }
};

class CountsTheDelivered : public Forwarding {
 public:
  using Forwarding::Forwarding;
  absl::StatusOr<int64_t> CountPending(int64_t hook_id) override {
    return static_cast<int64_t>(
        memory_.ListDeliveries({hook_id, 0, 1000})->size());
  }
};

// What each opening of the data has of it.
enum class Sharing {
  kEverything,
  // A queue of its own for each handle.
  kNothing,
};

class Handle : public StoreHandle {
 public:
  Handle(MemoryStore* store, std::shared_ptr<DeliveryQueue> queue)
      : store_(store), queue_(std::move(queue)) {}
  Store& store() override { return *store_; }
  Outbox& outbox() override { return *store_; }
  DeliveryQueue* deliveries() override { return queue_.get(); }

 private:
  MemoryStore* const store_;
  const std::shared_ptr<DeliveryQueue> queue_;
};

// Data that is as durable as this object: enough for the checks of queues.
class Subject : public StoreUnderTest {
 public:
  using Maker = std::function<std::shared_ptr<DeliveryQueue>(Outbox*)>;
  Subject(Maker make, Sharing sharing)
      : make_(std::move(make)), sharing_(sharing), queue_(make_(&store_)) {}

  absl::StatusOr<std::unique_ptr<StoreHandle>> Open() override {
    return std::make_unique<Handle>(
        &store_, sharing_ == Sharing::kEverything ? queue_ : make_(&store_));
  }

 private:
  const Maker make_;
  const Sharing sharing_;
  MemoryStore store_;
  const std::shared_ptr<DeliveryQueue> queue_;
};

template <typename Queue>
StoreFactory With(Sharing sharing = Sharing::kEverything) {
  return [=]() -> absl::StatusOr<std::unique_ptr<StoreUnderTest>> {
    return std::make_unique<Subject>(
        [](Outbox* outbox) { return std::make_shared<Queue>(outbox); },
        sharing);
  };
}

// A handle that says that it has a queue, and has none.
StoreFactory WithNone() {
  return []() -> absl::StatusOr<std::unique_ptr<StoreUnderTest>> {
    return std::make_unique<Subject>([](Outbox*) { return nullptr; },
                                     Sharing::kEverything);
  };
}

StoreCheckParams Params(StoreFactory make) {
  StoreCheckParams params;
  params.make = std::move(make);
  params.capabilities.durable = true;
  params.capabilities.several_handles = true;
  params.capabilities.deliveries = true;
  return params;
}

std::vector<StoreCheck> ChecksOfQueues() {
  std::vector<StoreCheck> checks;
  for (const StoreCheck& check : StoreChecks()) {
    if (check.needs == &StoreCapabilities::deliveries) checks.push_back(check);
  }
  return checks;
}

struct Broken {
  const char* how;
  StoreFactory make;
  // The checks that have to catch it; others may.
  std::vector<std::string> caught_by;
};

const std::vector<Broken>& BrokenQueues() {
  static const auto& all = *new std::vector<Broken>{
      // clang-format off
      {"is none", WithNone(), {"R104Hooks", "R104DeliveriesReopened"}},
      {"starts at the beginning", With<StartsAtTheBeginning>(), {"R104Hooks"}},
      {"folds URLs", With<FoldsUrls>(), {"R104Hooks"}},
      {"adds hooks in two steps", With<AddsHooksInTwoSteps>(), {"R104Hooks"}},
      {"enqueues for nobody", With<EnqueuesForNobody>(), {"R104Hooks"}},
      {"ignores types", With<IgnoresTypes>(), {"R104Enqueued"}},
      {"ignores the limit", With<IgnoresTheLimit>(), {"R104Enqueued"}},
      {"counts deliveries only", With<CountsDeliveriesOnly>(), {"R104Enqueued"}},
      {"has one guid", With<HasOneGuid>(), {"R104Enqueued"}},
      {"forgets the deployment", With<ForgetsTheDeployment>(), {"R104Enqueued"}},
      {"enqueues without a lock", With<EnqueuesWithoutALock>(), {"R104EnqueuersAtOnce"}},
      {"claims past the head", With<ClaimsPastTheHead>(), {"R104ClaimsInOrder", "R104ClaimsAtOnce"}},
      {"is one queue", With<IsOneQueue>(), {"R104ClaimsInOrder"}},
      {"claims by id", With<ClaimsById>(), {"R104ClaimsInOrder"}},
      {"claims too early", With<ClaimsTooEarly>(), {"R104ClaimsInOrder"}},
      {"claims for everybody", With<ClaimsForEverybody>(), {"R104ClaimsInOrder", "R104Leases"}},
      {"never ends a lease", With<NeverEndsALease>(), {"R104Leases"}},
      {"reopens what is done", With<ReopensWhatIsDone>(), {"R104Leases", "R104Recorded"}},
      {"ends any claim", With<EndsAnyClaim>(), {"R104LateRecords"}},
      {"ends any claim by a success", With<EndsAnyClaimByASuccess>(), {"R104LateRecords"}},
      {"forgets late attempts", With<ForgetsLateAttempts>(), {"R104LateRecords"}},
      {"has one claim", With<HasOneClaim>(), {"R104Leases", "R104LateRecords", "R104Recorded"}},
      {"forgets errors", With<ForgetsErrors>(), {"R104Recorded"}},
      {"records for nobody", With<RecordsForNobody>(), {"R104Recorded"}},
      {"redelivers failures only", With<RedeliversFailuresOnly>(), {"R104Redelivered"}},
      {"lists the oldest first", With<ListsTheOldestFirst>(), {"R104DeliveryLists"}},
      {"lists no attempts", With<ListsNoAttempts>(), {"R104DeliveryLists"}},
      {"pages overlap", With<PagesOverlap>(), {"R104DeliveryLists"}},
      {"prunes too much", With<PrunesTooMuch>(), {"R104Pruned"}},
      {"prunes all at once", With<PrunesAllAtOnce>(), {"R104Pruned"}},
      {"counts the delivered", With<CountsTheDelivered>(), {"R104ClaimsInOrder", "R104Recorded", "R104Redelivered"}},
      {"is forgotten", With<MemoryDeliveryQueue>(Sharing::kNothing), {"R104Hooks", "R104EnqueuersAtOnce", "R104DeliveriesReopened"}},
      // clang-format on
  };
  return all;
}

class BrokenQueueTest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenQueueTest, IsCaught) {
  const StoreCheckParams params = Params(GetParam().make);
  const std::vector<std::string>& expected = GetParam().caught_by;
  std::set<std::string> caught;
  for (const StoreCheck& check : ChecksOfQueues()) {
    if (std::count(expected.begin(), expected.end(), check.name) == 0) continue;
    if (!check.run(params).empty()) caught.insert(check.name);
  }
  EXPECT_EQ(caught, std::set<std::string>(expected.begin(), expected.end()));
}

INSTANTIATE_TEST_SUITE_P(
    That, BrokenQueueTest, testing::ValuesIn(BrokenQueues()),
    [](const testing::TestParamInfo<Broken>& info) {
      std::string name;
      bool starts = true;
      for (const char* next = info.param.how; *next != '\0'; ++next) {
        if (*next != ' ') {
          name.push_back(starts ? absl::ascii_toupper(*next) : *next);
        }
        starts = *next == ' ';
      }
      return name;
    });

TEST(BrokenQueues, EveryCheckCatchesOne) {
  std::set<std::string> catching;
  for (const Broken& broken : BrokenQueues()) {
    catching.insert(broken.caught_by.begin(), broken.caught_by.end());
  }
  ASSERT_FALSE(ChecksOfQueues().empty());
  for (const StoreCheck& check : ChecksOfQueues()) {
    EXPECT_EQ(catching.count(check.name), 1u) << check.name;
  }
}

TEST(BrokenQueues, TheOneInMemoryIsNone) {
  const StoreCheckParams params = Params(With<MemoryDeliveryQueue>());
  for (const StoreCheck& check : ChecksOfQueues()) {
    EXPECT_EQ(absl::StrJoin(check.run(params), "\n"), "") << check.name;
  }
}

}  // namespace
}  // namespace slipway
