// Wrong only when two clients meet: R36. One call at a time they are right.

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/conformance/mutants/families.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using slipway::v1::Command;
using slipway::v1::Decision;
using slipway::v1::RepositoryState;

// A place where each client waits a little for another one to come, so that
// they meet, also on one core. Where there is only one client it does not wait.
class MeetingPoint {
 public:
  // On the thread of the only client.
  void Reset() { alone_ = std::this_thread::get_id(); }

  void Wait() {
    if (std::this_thread::get_id() == alone_) return;
    const int place = arrived_.fetch_add(1);
    for (int i = 0; i < kWaits && arrived_.load() == place + 1; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

 private:
  static constexpr int kWaits = 10;

  std::thread::id alone_;
  std::atomic<int> arrived_{0};
};

// Reads, decides and writes without a lock around them: two successes at once
// retire the same deployment, each with a row.
InProcessHooks LostUpdate() {
  InProcessHooks hooks;
  auto meeting = std::make_shared<MeetingPoint>();
  hooks.reset = [meeting] { meeting->Reset(); };
  hooks.between = [meeting] { meeting->Wait(); };
  return hooks;
}

// The success is there before what it retires is retired.
class RetiresAfterwards : public InProcessSubject {
 public:
  explicit RetiresAfterwards(const InProcessParams& params)
      : InProcessSubject(WithHooks(params)) {}

  absl::StatusOr<std::string> Reset() override {
    meeting_.Reset();
    return InProcessSubject::Reset();
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    Postponed().clear();
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    const std::vector<int64_t> retired = std::move(Postponed());
    Postponed().clear();
    for (const int64_t id : retired) {
      meeting_.Wait();
      v1::Operation inactive;
      inactive.set_time_ms(operation.time_ms());
      v1::CreateStatus& call = *inactive.mutable_create_status();
      call.set_deployment_id(id);
      call.mutable_request()->set_state(slipway::v1::STATUS_STATE_INACTIVE);
      absl::StatusOr<v1::Answer> done = InProcessSubject::Apply(inactive);
      if (!done.ok()) return done;
    }
    return answer;
  }

 private:
  // By the call of this thread.
  static std::vector<int64_t>& Postponed() {
    static thread_local std::vector<int64_t> ids;
    return ids;
  }

  static InProcessParams WithHooks(InProcessParams params) {
    params.hooks.decision = [](const RepositoryState&, const Command&,
                               const InProcessHooks::TakeId&,
                               Decision& decision) {
      if (decision.acceptance().outcome() !=
          slipway::v1::OUTCOME_STATUS_CREATED) {
        return;
      }
      auto& events = *decision.mutable_acceptance()->mutable_events();
      std::vector<int64_t> retired;
      for (int i = events.size() - 1; i > 0; --i) {
        if (events[i].type() != slipway::v1::EVENT_TYPE_STATUS_CREATED) {
          continue;
        }
        retired.insert(retired.begin(), events[i].status().deployment_id());
        events.DeleteSubrange(i, 1);
      }
      Postponed() = std::move(retired);
    };
    return params;
  }

  MeetingPoint meeting_;
};

// The history of a deployment is read, and written back with one row more: of
// two at once, the first is overwritten.
class StatusLost : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<std::string> Reset() override {
    meeting_.Reset();
    rows_.clear();
    lost_.clear();
    return InProcessSubject::Reset();
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    const int64_t id = operation.create_status().deployment_id();
    size_t seen = 0;
    if (operation.has_create_status()) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        seen = rows_[id].size();
      }
      meeting_.Wait();
    }
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok()) return answer;
    std::lock_guard<std::mutex> lock(mutex_);
    if (operation.has_create_status() && answer->has_status()) {
      std::vector<int64_t>& rows = rows_[id];
      for (size_t i = seen; i < rows.size(); ++i) lost_.insert(rows[i]);
      rows.push_back(answer->status().id());
    }
    auto& listed = *answer->mutable_statuses();
    for (int i = listed.size() - 1; i >= 0; --i) {
      if (lost_.count(listed[i].id()) > 0) listed.DeleteSubrange(i, 1);
    }
    return answer;
  }

 private:
  std::mutex mutex_;
  // By deployment.
  std::map<int64_t, std::vector<int64_t>> rows_;
  std::set<int64_t> lost_;
  MeetingPoint meeting_;
};

// Each connection remembers what it has read, until it writes something itself.
class StaleReads : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<std::string> Reset() override {
    caches_.clear();
    return InProcessSubject::Reset();
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    const bool reads = operation.has_list_deployments() ||
                       operation.has_list_statuses() ||
                       operation.has_get_deployment();
    v1::Operation question = operation;
    question.clear_time_ms();
    const std::string key = question.SerializeAsString();
    const std::thread::id connection = std::this_thread::get_id();
    if (reads) {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto& cache = caches_[connection];
      const auto known = cache.find(key);
      if (known != cache.end()) return known->second;
    }
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok()) return answer;
    std::lock_guard<std::mutex> lock(mutex_);
    if (reads) {
      caches_[connection][key] = *answer;
    } else {
      caches_[connection].clear();
    }
    return answer;
  }

 private:
  std::mutex mutex_;
  std::map<std::thread::id, std::map<std::string, v1::Answer>> caches_;
};

}  // namespace

std::vector<Mutant> ConcurrencyMutants() {
  return {
      {"lost_update",
       "two clients: decides on what it has read before, without a lock", 36,
       Hooked(LostUpdate), DocumentedProfile, 2},
      {"retires_afterwards",
       "two clients: a success retires others in a second transaction", 36,
       Wrapped<RetiresAfterwards>(), DocumentedProfile, 2},
      {"status_lost", "two clients: of two statuses at once one is lost", 36,
       Wrapped<StatusLost>(), DocumentedProfile, 2},
      {"stale_reads",
       "two clients: answers what the same connection has read before", 36,
       Wrapped<StaleReads>(), DocumentedProfile, 2},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
