#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/scene.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace internal {
namespace {

v1::Command WithKey(v1::Command command, const std::string& key) {
  command.set_idempotency_key(key);
  return command;
}

// Sends a command, of which the scene compares everything with the model, and
// says whether it was replayed.
void Expect(bool replayed, const v1::Command& command, size_t place,
            Scene& scene, Findings& findings) {
  const v1::Decision decision = scene.Send(command, place);
  if (!scene.ok()) return;
  findings.Expect(
      decision.replayed() == replayed,
      replayed ? "not replayed: " : "replayed: ", command.ShortDebugString());
}

void CheckWhatIsKept(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("Octo", "App");
  const v1::RepositoryName other = Name("octo", "other");
  size_t place = 0;
  const auto first = [&](const v1::Command& command) {
    Expect(false, command, ++place, scene, findings);
  };
  const auto again = [&](const v1::Command& command) {
    Expect(true, command, ++place, scene, findings);
  };

  // Nothing about a repository that never was, asked for or tried to be put.
  for (int i = 0; i < 2; ++i) {
    first(WithKey(DeleteDeployment(app, 1), "nobody"));
    first(WithKey(PutRepository(app, 0), "nobody"));
  }
  const v1::Command put = WithKey(PutRepository(app, 7), "put");
  first(put);
  again(put);
  scene.Put(app, 7);
  scene.Put(other, 8);

  std::vector<v1::Command> kept = {
      put,
      WithKey(CreateDeployment(app, "qa"), "create"),
      // Refused, though not for long.
      WithKey(CreateDeployment(app, "qa"), "refused"),
  };
  kept[2].mutable_create_deployment()->set_ref("later");
  first(kept[1]);
  first(kept[2]);
  scene.Create(PutBranch(app, "later", 'c'));
  const int64_t id = scene.Create(CreateDeployment(app, "qa"));
  kept.push_back(
      WithKey(CreateStatus(app, id, v1::STATUS_STATE_SUCCESS), "status"));
  kept.back().mutable_expectation()->add_latest_status_ids(0);
  first(kept.back());
  kept.push_back(WithKey(DeleteDeployment(app, id), "delete"));
  first(kept.back());
  kept.push_back(WithKey(PutBranch(app, "moves", 'a'), "branch"));
  first(kept.back());
  scene.Create(PutBranch(app, "moves", 'b'));
  // A merge that is asked for is no answer; that it failed is.
  scene.Create(PutBranch(app, "behind", 'd'));
  kept.push_back(WithKey(CreateDeployment(app, "qa"), "merge"));
  kept.back().mutable_create_deployment()->set_ref("behind");
  kept.back().mutable_create_deployment()->set_auto_merge(true);
  first(kept.back());
  // Keys that a careless store takes for each other.
  for (const std::string& key :
       {std::string("k"), std::string("K"), std::string("k "),
        std::string(" k"), std::string("k\0", 2), std::string("k\0k", 3),
        std::string("k%"), std::string("k_"), std::string("k'"),
        std::string("\xC3\xA4"), std::string("a\xCC\x88"),
        std::string("\xF0\x9F\x9A\x80"), std::string(255, 'k'),
        std::string(254, 'k')}) {
    kept.push_back(
        WithKey(PutBranch(app, absl::StrCat("b", kept.size()), 'a'), key));
    first(kept.back());
  }
  // Another repository has keys of its own.
  kept.push_back(WithKey(CreateDeployment(other, "qa"), "create"));
  first(kept.back());

  const auto all_again = [&] {
    for (const v1::Command& command : kept) {
      again(command);
      // Another request, or another's, under the key.
      v1::Command reused = command;
      reused.mutable_actor()->set_id(4711);
      first(reused);
      if (!scene.ok()) return;
    }
  };
  all_again();
  scene.Reopen();
  scene.OpenAnother();
  all_again();
  // Answers outlive the repository, and its next life.
  kept.push_back(WithKey(DeleteRepository(app), "gone"));
  first(kept.back());
  all_again();
  scene.Reopen();
  all_again();
  scene.Put(app, 9);
  all_again();
  scene.CompareAll();
}

void CheckHowLongIsKept(const StoreCheckParams& params, Findings& findings) {
  v1::Rules rules;
  constexpr int64_t kKeptMs = 5000;
  rules.mutable_limits()->set_idempotency_kept_ms(kKeptMs);
  Scene scene(params, findings, rules);
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  int64_t id = 1000000;
  const auto send = [&](v1::Command command, int64_t time_ms) {
    command.set_time_ms(time_ms);
    command.mutable_ids()->set_first(id += 10);
    command.mutable_ids()->set_count(10);
    return scene.SendAsItIs(command);
  };
  const v1::Command create = WithKey(CreateDeployment(app, "qa"), "key");
  constexpr int64_t kStartMs = 1000000;
  send(create, kStartMs);
  findings.Expect(send(create, kStartMs + kKeptMs - 1).replayed(),
                  "an answer was forgotten too early");
  // The next one takes its place, for another request too.
  const v1::Command branch = WithKey(PutBranch(app, "b", 'a'), "key");
  findings.Expect(!send(branch, kStartMs + kKeptMs).replayed(),
                  "an answer was kept too long");
  findings.Expect(send(branch, kStartMs + kKeptMs + 1).replayed(),
                  "an answer did not take the place of an old one");
  scene.Reopen();
  findings.Expect(send(branch, kStartMs + 2 * kKeptMs - 1).replayed(),
                  "an answer did not take the place of an old one for good");
  findings.Expect(!send(create, kStartMs + 2 * kKeptMs).replayed(),
                  "an answer was kept too long");
  // Many others, which may make a store forget what is old.
  for (int i = 0; i < 20; ++i) {
    send(WithKey(PutBranch(app, "b", 'a'), absl::StrCat("key", i)),
         kStartMs + 2 * kKeptMs + 100 * i);
  }
  findings.Expect(send(create, kStartMs + 3 * kKeptMs - 1).replayed(),
                  "an answer was forgotten too early");
  scene.CompareAll();
}

// Runs `call` on several threads at once.
template <typename Call>
void AtOnce(int callers, const Call& call) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  threads.reserve(callers);
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < callers) std::this_thread::yield();
      call(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

constexpr int kCallers = 4;

}  // namespace

void CheckKeys(const StoreCheckParams& params, Findings& findings) {
  CheckWhatIsKept(params, findings);
  CheckHowLongIsKept(params, findings);
}

void CheckKeyRaces(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  if (!scene.ok()) return;
  for (int round = 0; round < params.rounds && scene.ok(); ++round) {
    const v1::Command command =
        WithKey(CreateDeployment(app, "qa"), absl::StrCat("key", round));
    std::vector<v1::Decision> decisions(kCallers);
    AtOnce(kCallers,
           [&](int i) { decisions[i] = scene.SendAlone(command, i); });
    int decided = 0;
    for (v1::Decision& decision : decisions) {
      if (!decision.replayed()) ++decided;
      decision.clear_replayed();
      findings.ExpectSame("answers under one key", decisions[0], decision);
    }
    findings.Expect(decided == 1, "one request under one key was decided ",
                    decided, " times");
  }
  const v1::RepositoryState state = scene.CompareAlone(app);
  findings.Expect(state.deployments_size() == params.rounds || !scene.ok(),
                  "of ", params.rounds, " requests under keys came ",
                  state.deployments_size(), " deployments");
}

void CheckExpectationRaces(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  if (!scene.ok()) return;
  const int64_t id = IdOf(scene.SendAlone(CreateDeployment(app, "qa")));
  int64_t latest = 0;
  for (int round = 0; round < params.rounds && scene.ok(); ++round) {
    v1::Command command = CreateStatus(app, id, v1::STATUS_STATE_IN_PROGRESS);
    command.mutable_expectation()->add_latest_status_ids(latest);
    std::vector<v1::Decision> decisions(kCallers);
    AtOnce(kCallers,
           [&](int i) { decisions[i] = scene.SendAlone(command, i); });
    int accepted = 0;
    for (const v1::Decision& decision : decisions) {
      if (!decision.has_acceptance()) continue;
      ++accepted;
      latest = IdOf(decision);
    }
    findings.Expect(accepted == 1, "of ", kCallers,
                    " who expect the same latest status ", accepted,
                    " had their way");
  }
  scene.CompareAlone(app);
}

}  // namespace internal
}  // namespace slipway
