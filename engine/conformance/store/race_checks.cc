#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace internal {
namespace {

// Runs all of `callers` at once, each on a thread of its own, and waits.
void RunAtOnce(const std::vector<std::function<void()>>& callers) {
  std::atomic<size_t> ready{0};
  std::vector<std::thread> threads;
  threads.reserve(callers.size());
  for (const auto& caller : callers) {
    threads.emplace_back([&ready, &caller, size = callers.size()] {
      ++ready;
      while (ready < size) std::this_thread::yield();
      caller();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

const v1::DeploymentRecord* RecordOf(const v1::RepositoryState& state,
                                     int64_t id) {
  for (const v1::DeploymentRecord& record : state.deployments()) {
    if (record.deployment().id() == id) return &record;
  }
  return nullptr;
}

}  // namespace

void CheckTwoSuccesses(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  struct Round {
    int64_t prior, older, newer;
  };
  std::vector<Round> rounds;
  for (int i = 0; i < params.rounds && scene.ok(); ++i) {
    const v1::Command create = CreateDeployment(app, absl::StrCat("env", i));
    Round round;
    for (int64_t* id : {&round.prior, &round.older, &round.newer}) {
      *id = IdOf(scene.SendAlone(create));
    }
    const auto succeed = [&](int64_t id, size_t place) {
      scene.SendAlone(CreateStatus(app, id, v1::STATUS_STATE_SUCCESS), place);
    };
    succeed(round.prior, 0);
    RunAtOnce(
        {[&] { succeed(round.older, 0); }, [&] { succeed(round.newer, 1); }});
    rounds.push_back(round);
  }
  const v1::RepositoryState state = scene.CompareAlone(app);
  for (const Round& round : rounds) {
    if (!scene.ok()) return;
    const v1::DeploymentRecord* prior = RecordOf(state, round.prior);
    const v1::DeploymentRecord* older = RecordOf(state, round.older);
    const v1::DeploymentRecord* newer = RecordOf(state, round.newer);
    if (!findings.Expect(prior != nullptr && older != nullptr &&
                             newer != nullptr && !older->statuses().empty() &&
                             !newer->statuses().empty(),
                         "a success that was answered with OK is lost")) {
      return;
    }
    findings.Expect(prior->statuses_size() == 2 &&
                        prior->statuses(1).state() == v1::STATUS_STATE_INACTIVE,
                    "two successes at once retired the one before them ",
                    prior->statuses_size() - 1, " times");
    findings.Expect(newer->statuses_size() == 1,
                    "the newer of two successes was retired");
    // The older one is retired, unless it came last.
    const bool older_last = older->statuses(0).id() > newer->statuses(0).id();
    findings.Expect(older->statuses_size() == (older_last ? 1 : 2),
                    "two successes at once: the older came ",
                    older_last ? "last" : "first", ", but has ",
                    older->statuses_size(), " statuses");
  }
}

void CheckLostUpdates(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  if (!scene.ok()) return;
  const int64_t shared = IdOf(scene.SendAlone(CreateDeployment(app, "qa")));
  constexpr int kCallers = 4;
  std::vector<std::function<void()>> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        // Of one row, of one environment, and of an environment that all of
        // them make at once.
        scene.SendAlone(CreateStatus(app, shared, v1::STATUS_STATE_IN_PROGRESS),
                        i);
        const int64_t id = IdOf(
            scene.SendAlone(CreateDeployment(app, absl::StrCat("env", j)), i));
        scene.SendAlone(CreateStatus(app, id, v1::STATUS_STATE_SUCCESS), i);
        v1::Command branch =
            PutBranch(app, absl::StrCat("branch", j), "0123456789abcdef"[i]);
        scene.SendAlone(branch, i);
        if (j % 4 == 3) scene.SendAlone(DeleteDeployment(app, id), i);
      }
    });
  }
  RunAtOnce(callers);
  const v1::RepositoryState state = scene.CompareAlone(app);
  if (!scene.ok()) return;
  const v1::DeploymentRecord* record = RecordOf(state, shared);
  findings.Expect(
      record != nullptr && record->statuses_size() == kCallers * params.rounds,
      "of ", kCallers * params.rounds, " statuses ",
      record == nullptr ? 0 : record->statuses_size(), " are left");
  findings.Expect(state.environments_size() == params.rounds + 1,
                  "an environment that several make at once is there ",
                  state.environments_size(), " times instead of ",
                  params.rounds + 1);
}

void CheckRepositoryRaces(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  for (int i = 1; i <= params.rounds && scene.ok(); ++i) {
    // One id for two names.
    const v1::RepositoryName left = Name("left", absl::StrCat("app", i));
    const v1::RepositoryName right = Name("right", absl::StrCat("app", i));
    int accepted[2] = {};
    const auto put = [&](const v1::RepositoryName& name, int64_t id,
                         int place) {
      accepted[place] =
          scene.SendAlone(PutRepository(name, id), place).has_acceptance();
    };
    RunAtOnce({[&] { put(left, i, 0); }, [&] { put(right, i, 1); }});
    findings.Expect(accepted[0] + accepted[1] == 1, "one id was given to ",
                    accepted[0] + accepted[1], " repositories");
    // One name for two ids.
    const v1::RepositoryName both = Name("both", absl::StrCat("app", i));
    RunAtOnce({[&] { put(both, 2 * i + 1000000, 0); },
               [&] { put(both, 2 * i + 1000001, 1); }});
    findings.Expect(accepted[0] + accepted[1] == 1, "one name was given ",
                    accepted[0] + accepted[1], " ids");
    // Deleted by one while another goes on.
    RunAtOnce(
        {[&] { scene.SendAlone(DeleteRepository(both), 0); },
         [&] { scene.SendAlone(PutBranch(both, "main", 'a'), 1); },
         [&] { scene.SendAlone(CreateDeployment(both, "qa"), 1); },
         [&] { scene.SendAlone(PutRepository(both, 2 * i + 1000000), 0); }});
    for (const v1::RepositoryName& name : {left, right, both}) {
      scene.CompareAlone(name);
    }
    if (!scene.ok()) return;
    const auto found = scene.store().FindRepositoryById(i);
    findings.Expect(found.ok() && found->has_value(),
                    "FindRepositoryById: nobody has ", i);
  }
}

void CheckManyRepositories(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  constexpr int kRepositories = 3;
  constexpr int kCallers = 6;
  std::vector<v1::RepositoryName> names;
  for (int i = 0; i < kRepositories; ++i) {
    names.push_back(Name("octo", absl::StrCat("app", i)));
    scene.Put(names.back(), i + 1);
  }
  if (!scene.ok()) return;
  std::vector<std::function<void()>> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const v1::RepositoryName& name = names[i % kRepositories];
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        const int64_t id =
            IdOf(scene.SendAlone(CreateDeployment(name, "qa"), i));
        scene.SendAlone(CreateStatus(name, id, v1::STATUS_STATE_SUCCESS), i);
        if (j % 10 == 9) {
          scene.SendAlone(PutRepository(name, 1 + i % kRepositories), i);
        }
        const auto by_id =
            scene.store(i).FindRepositoryById(1 + i % kRepositories);
        findings.Expect(
            by_id.ok() && by_id->has_value() && (*by_id)->name() == name.name(),
            "FindRepositoryById: not found while others write");
      }
    });
  }
  RunAtOnce(callers);
  for (const v1::RepositoryName& name : names) {
    const v1::RepositoryState state = scene.CompareAlone(name);
    const int expected = kCallers / kRepositories * params.rounds;
    findings.Expect(state.deployments_size() == expected, "of ", expected,
                    " deployments ", state.deployments_size(), " are left");
  }
}

void CheckParallelRepositories(const StoreCheckParams& params,
                               Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  scene.Put(app, 1);
  scene.Put(other, 2);
  if (!scene.ok()) return;
  std::promise<void> entered;
  std::promise<void> released;
  std::shared_future<void> release = released.get_future().share();
  std::atomic<bool> is_inside{false};
  std::thread blocked([&] {
    const v1::Command command = CreateDeployment(app, "qa");
    v1::Decision decision;
    const absl::Status status =
        scene.store().Transact({scene.rules(), command,
                                [&](const v1::Facts&, v1::Decision*) {
                                  if (!is_inside.exchange(true))
                                    entered.set_value();
                                  release.wait();
                                  return absl::UnavailableError("given up");
                                }},
                               &decision);
    findings.Expect(!status.ok(), "a decider's status was lost");
    // Where the store never asked.
    if (!is_inside.exchange(true)) entered.set_value();
  });
  entered.get_future().wait();
  // While a decision about one repository takes its time, this goes on.
  std::future<void> others = std::async(std::launch::async, [&] {
    const int64_t id = IdOf(scene.SendAlone(CreateDeployment(other, "qa")));
    scene.SendAlone(CreateStatus(other, id, v1::STATUS_STATE_SUCCESS));
    const auto found = scene.store().FindDeployment({other, id});
    findings.Expect(found.ok() && found->has_value(), "FindDeployment failed");
    const auto by_id = scene.store().FindRepositoryById(2);
    findings.Expect(by_id.ok() && by_id->has_value(),
                    "FindRepositoryById failed");
    scene.SendAlone(PutRepository(Name("octo", "new"), 3));
    scene.SendAlone(DeleteRepository(Name("octo", "new")));
  });
  constexpr std::chrono::seconds kPatience(10);
  findings.Expect(others.wait_for(kPatience) == std::future_status::ready,
                  "a transaction waited for one on another repository");
  released.set_value();
  others.wait();
  blocked.join();
  scene.CompareAlone(app);
  scene.CompareAlone(other);
}

}  // namespace internal
}  // namespace slipway
