#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/decide.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {

void CheckReopen(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  // An empty store is one, too.
  scene.Reopen();
  const v1::RepositoryName app = Name("Octo", "App");
  const v1::RepositoryName gone = Name("octo", "gone");
  scene.Put(app, 1);
  scene.Put(gone, 2);
  scene.Reopen();
  scene.CompareAll();
  v1::Command tag = PutBranch(app, "v1", 'c');
  tag.mutable_put_ref()->set_type(v1::REF_TYPE_TAG);
  scene.Create(tag);
  v1::Command context = PutBranch(app, "v1", 'c');
  context.mutable_put_commit_context()->set_sha(std::string(40, 'c'));
  context.mutable_put_commit_context()->set_context("CI");
  context.mutable_put_commit_context()->set_state(
      v1::COMMIT_CONTEXT_STATE_FAILURE);
  scene.Create(context);
  std::vector<int64_t> ids;
  for (const char* environment : {"qa", "QA", "prod", "qa"}) {
    v1::Command command = CreateDeployment(app, environment);
    command.mutable_create_deployment()->set_payload_type(
        v1::PAYLOAD_TYPE_STRING);
    command.mutable_create_deployment()->set_payload(
        std::string("\0\xC3\xA9", 3));
    ids.push_back(scene.Create(command));
    scene.Create(CreateStatus(app, ids.back(), v1::STATUS_STATE_SUCCESS));
  }
  scene.Create(CreateDeployment(gone, "qa"));
  scene.Create(DeleteRepository(gone));
  scene.Reopen();
  scene.CompareAll();
  // The last ids are remembered though their rows are not there.
  scene.Create(CreateStatus(app, ids[2], v1::STATUS_STATE_INACTIVE));
  scene.Create(DeleteDeployment(app, ids[2]));
  scene.Reopen();
  scene.CompareAll();
  scene.Put(gone, 3);
  scene.Create(CreateDeployment(app, "qa"));
  for (int i = 0; i < 3; ++i) {
    scene.Reopen();
    scene.Create(CreateStatus(app, ids[i % 2], v1::STATUS_STATE_SUCCESS));
  }
  scene.CompareAll();
}

void CheckHandles(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  scene.CompareAll();
  // Every step is compared through every handle.
  size_t place = 0;
  for (int i = 0; i < 6; ++i) {
    const int64_t id = scene.Create(CreateDeployment(app, "qa"), ++place);
    v1::Command succeed = CreateStatus(app, id, v1::STATUS_STATE_SUCCESS);
    succeed.set_idempotency_key(absl::StrCat("key ", i));
    scene.Create(succeed, ++place);
    scene.Create(succeed, ++place);
    scene.CompareAll();
    if (i % 3 == 1) scene.Create(DeleteRepository(app), ++place);
    if (i % 3 == 1) scene.Put(app, i + 10);
  }
  scene.CompareAll();
}

void CheckIds(const StoreCheckParams& params, Findings& findings) {
  const v1::RepositoryName app = Name("octo", "app");
  Scene scene(params, findings);
  scene.OpenAnother();
  scene.Create(PutRepository(app, 1));
  scene.Create(PutBranch(app, "main", 'a'));
  if (!scene.ok()) return;
  if (!findings.Expect(scene.handle().ids() != nullptr,
                       "ids: there are none")) {
    return;
  }
  int64_t last = 0;
  const auto take = [&](int64_t count, size_t place) {
    const absl::StatusOr<int64_t> first =
        scene.handle(place).ids()->Take(count);
    if (!findings.Expect(first.ok(), "Take: ", first.status().ToString())) {
      return;
    }
    findings.Expect(*first > last, "Take: ", *first, " after ", last);
    last = *first + count - 1;
    findings.Expect(last <= kIdMax, "Take: ", last, " is not below 2^53");
  };
  // One after the other, by whichever handle.
  size_t place = 0;
  for (const int64_t count : {1, 1, 5, 1, 1000, 1, 3, 100000, 1, 2}) {
    take(count, ++place);
  }
  scene.Reopen();
  if (!scene.ok()) return;
  take(1, 0);
  take(7, 0);
  scene.OpenAnother();

  // Several at once: no two overlap, and each caller's grow.
  constexpr int kCallers = 4;
  std::vector<std::vector<std::pair<int64_t, int64_t>>> taken(kCallers);
  std::vector<std::thread> threads;
  threads.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        const int64_t count = 1 + (i + j) % 3;
        const absl::StatusOr<int64_t> first =
            scene.handle(i).ids()->Take(count);
        if (!findings.Expect(first.ok(), "Take: ", first.status().ToString())) {
          return;
        }
        taken[i].emplace_back(*first, count);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::pair<int64_t, int64_t>> all;
  for (const auto& blocks : taken) {
    findings.Expect(std::is_sorted(blocks.begin(), blocks.end()),
                    "Take: the ids of one caller do not grow");
    all.insert(all.end(), blocks.begin(), blocks.end());
  }
  std::sort(all.begin(), all.end());
  for (const auto& [first, count] : all) {
    findings.Expect(first > last, "Take: ", first, " was handed out twice");
    last = std::max(last, first + count - 1);
  }
  if (!scene.ok()) return;
  take(1, 1);

  // As a runner does it: taken inside of the transaction, above every id that
  // the repository has, whichever handle decides.
  threads.clear();
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        v1::Command command = CreateDeployment(app, absl::StrCat("env", j));
        command.set_time_ms(1);
        v1::Decision decision;
        const absl::Status status = scene.store(i).Transact(
            {scene.rules(), command,
             [&](const v1::Facts& facts, v1::Decision* answer) {
               v1::Command filled = command;
               const int64_t count = IdsNeeded(facts, filled);
               const absl::StatusOr<int64_t> first =
                   scene.handle(i).ids()->Take(count);
               if (!first.ok()) return first.status();
               filled.mutable_ids()->set_first(*first);
               filled.mutable_ids()->set_count(count);
               Decide(scene.rules(), facts, filled, answer);
               return absl::OkStatus();
             }},
            &decision);
        findings.Expect(status.ok(), "Transact: ", status.ToString());
        findings.Expect(decision.has_acceptance(),
                        "Take: ids that are not above the repository's last: ",
                        decision.ShortDebugString());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  scene.CompareAlone(app);
}

void CheckBrokenConnections(const StoreCheckParams& params,
                            Findings& findings) {
  const v1::RepositoryName app = Name("octo", "app");
  Scene scene(params, findings);
  scene.Put(app, 1);
  if (!scene.ok()) return;
  constexpr int kCallers = 3;
  std::atomic<int> callers_left{kCallers};
  // By description: whether the caller was told that it has happened.
  std::vector<std::map<std::string, bool>> told(kCallers);
  std::vector<std::thread> threads;
  threads.reserve(kCallers + 1);
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        v1::Command command = CreateDeployment(app, "qa");
        const std::string description = absl::StrCat(i, "/", j);
        // Between transactions as well as under those of others.
        if (j % 3 == i) scene.handle().BreakConnections();
        command.mutable_create_deployment()->set_description(description);
        const absl::StatusOr<v1::Decision> decision =
            SendTo(scene.store(), scene.rules(), command);
        findings.Expect(decision.ok() || absl::IsUnavailable(decision.status()),
                        "Transact: ", decision.status().ToString());
        told[i][description] = decision.ok();
      }
      --callers_left;
    });
  }
  threads.emplace_back([&] {
    while (callers_left > 0) {
      scene.handle().BreakConnections();
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  if (!scene.ok()) return;
  scene.Reopen();
  if (!scene.ok()) return;
  // The first call after a break may still fail.
  for (int i = 0; i < 100; ++i) {
    if (scene.store().FindRepository(app).ok()) break;
  }
  const v1::RepositoryState state = scene.CompareAlone(app);
  std::map<std::string, int> happened;
  for (const v1::DeploymentRecord& record : state.deployments()) {
    ++happened[record.deployment().description()];
  }
  for (const std::map<std::string, bool>& of_one : told) {
    for (const auto& [description, ok] : of_one) {
      const int times = happened[description];
      findings.Expect(times == (ok ? 1 : 0), "a transaction was answered with ",
                      ok ? "OK" : "UNAVAILABLE", " and has happened ", times,
                      " times");
    }
  }
}

}  // namespace internal
}  // namespace slipway
