#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/rules.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {
namespace {

// Decides, and then fails all the same.
void SendInVain(Scene& scene, v1::Command command, const absl::Status& failure,
                Findings& findings) {
  if (!scene.ok()) return;
  command.set_time_ms(1);
  v1::Decision decision;
  const absl::Status status = scene.store().Transact(
      {scene.rules(), command,
       [&](const v1::Facts& facts, v1::Decision* answer) {
         v1::Command filled = command;
         filled.mutable_ids()->set_first(facts.last_id() + 1);
         filled.mutable_ids()->set_count(1000);
         Decide(scene.rules(), facts, filled, answer);
         return failure;
       }},
      &decision);
  findings.Expect(status == failure, "Transact: the decider's status was \"",
                  failure.ToString(), "\", but \"", status.ToString(),
                  "\" came back");
  scene.CompareAll();
}

}  // namespace

void CheckFailingDeciders(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  scene.Put(app, 1);
  int64_t live = 0;
  for (int i = 0; i < 3; ++i) {
    live = scene.Create(CreateDeployment(app, "qa"));
    v1::Command success = CreateStatus(app, live, v1::STATUS_STATE_SUCCESS);
    success.mutable_create_status()->set_auto_inactive(false);
    scene.Create(success);
  }
  const int64_t next = scene.Create(CreateDeployment(app, "qa"));
  scene.Send(PutRepository(other, 0));  // heard of, but refused
  v1::Command moved = CreateStatus(app, next, v1::STATUS_STATE_SUCCESS);
  moved.mutable_create_status()->set_environment("new");
  v1::Command delete_ref = DeleteRepository(app);
  delete_ref.mutable_delete_ref()->set_name("topic");
  delete_ref.mutable_delete_ref()->set_type(v1::REF_TYPE_BRANCH);
  const v1::Command commands[] = {
      PutRepository(other, 2),
      PutRepository(Name("OCTO", "APP"), 1),
      PutBranch(app, "topic", 'f'),
      CreateDeployment(app, "qa"),
      CreateDeployment(app, "new"),
      CreateStatus(app, next, v1::STATUS_STATE_SUCCESS),
      moved,
      DeleteDeployment(app, next),
      delete_ref,
      DeleteRepository(app),
  };
  for (const v1::Command& command : commands) {
    SendInVain(scene, command, absl::ResourceExhaustedError("no ids"),
               findings);
    SendInVain(scene, command, absl::UnavailableError("not now"), findings);
  }
  SendInVain(scene, PutRepository(other, 2), absl::AbortedError("again"),
             findings);
  // And the store goes on.
  scene.Create(CreateStatus(app, next, v1::STATUS_STATE_SUCCESS));
  scene.Put(other, 2);
  scene.CompareAll();
}

void CheckRejections(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  scene.Put(app, 1);
  const int64_t id = scene.Create(CreateDeployment(app, "qa"));
  scene.Create(CreateStatus(app, id, v1::STATUS_STATE_SUCCESS));
  scene.Create(CreateDeployment(app, "qa"));
  v1::Command nowhere = CreateDeployment(app, "fresh");
  nowhere.mutable_create_deployment()->set_ref("nowhere");
  v1::Command merge = CreateDeployment(app, "fresh");
  merge.mutable_create_deployment()->set_ref("behind");
  merge.mutable_create_deployment()->set_auto_merge(true);
  scene.Create(PutBranch(app, "behind", '9'));
  v1::Command unset = CreateDeployment(app, "qa");
  unset.clear_request();
  v1::Command bad = CreateStatus(app, id, v1::STATUS_STATE_SUCCESS);
  bad.mutable_create_status()->set_environment("");
  const v1::Command commands[] = {
      nowhere,
      merge,
      unset,
      bad,
      CreateDeployment(other, "qa"),
      CreateStatus(app, id + 1, v1::STATUS_STATE_SUCCESS),
      CreateStatus(app, id, v1::STATUS_STATE_WAITING),
      DeleteDeployment(app, id),
      DeleteDeployment(app, id + 1),
      DeleteRepository(other),
      PutRepository(other, 1),
      PutRepository(other, 0),
      PutRepository(app, 2),
  };
  for (const v1::Command& command : commands) {
    const v1::Decision decision = scene.Send(command);
    if (!scene.ok()) return;
    findings.Expect(decision.has_rejection(),
                    "accepted: ", command.ShortDebugString());
    scene.CompareAll();
  }
}

void CheckWideDecisions(const StoreCheckParams& params, Findings& findings) {
  for (const v1::PriorDeployments prior :
       {v1::PRIOR_DEPLOYMENTS_LOWER_ID, v1::PRIOR_DEPLOYMENTS_EVERY_OTHER}) {
    v1::Rules rules = DocumentedRules();
    rules.set_prior_deployments(prior);
    Scene scene(params, findings, rules);
    const v1::RepositoryName app = Name("octo", "app");
    scene.Put(app, 1);
    constexpr int kLive = 40;
    std::vector<int64_t> ids;
    for (int i = 0; i < kLive; ++i) {
      v1::Command command = CreateDeployment(app, i % 2 == 0 ? "qa" : "QA");
      if (i % 10 == 9) {
        command.mutable_create_deployment()->set_transient_environment(true);
      }
      if (i % 10 == 8) {
        command.mutable_create_deployment()->set_production_environment(true);
      }
      ids.push_back(IdOf(scene.SendAlone(command)));
      if (!scene.ok()) return;
      command = CreateStatus(app, ids.back(), v1::STATUS_STATE_SUCCESS);
      command.mutable_create_status()->set_auto_inactive(false);
      scene.SendAlone(command);
    }
    // The last but one, into another environment and back.
    v1::Command away = CreateStatus(app, ids[3], v1::STATUS_STATE_SUCCESS);
    away.mutable_create_status()->set_environment("away");
    scene.SendAlone(away);
    const v1::Decision decision = scene.SendAlone(
        CreateStatus(app, ids[kLive - 5], v1::STATUS_STATE_SUCCESS));
    if (!scene.ok()) return;
    const int retired = decision.acceptance().events_size() - 1;
    // Neither those that are exempt nor those that are newer.
    const int expected =
        prior == v1::PRIOR_DEPLOYMENTS_LOWER_ID ? 28 : kLive - 8 - 2;
    findings.Expect(retired == expected, "a success retired ", retired,
                    " others instead of ", expected);
    const v1::RepositoryState state = scene.CompareAlone(app);
    int inactive = 0;
    for (const v1::DeploymentRecord& record : state.deployments()) {
      if (!record.statuses().empty() &&
          record.statuses().rbegin()->state() == v1::STATUS_STATE_INACTIVE) {
        ++inactive;
      }
    }
    findings.Expect(inactive == expected, "of ", expected, " retirements ",
                    inactive, " are there");
  }
}

void CheckReadersSeeNoPart(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  constexpr int kLive = 8;
  // In turn the writer makes an environment with several live deployments, and
  // then one success retires them all at time `kRetiredMs`; by then the
  // environment has `kLive` + 1 deployments.
  constexpr int64_t kRetiredMs = 777000;
  std::atomic<int> round{0};
  std::atomic<bool> done{false};
  const auto environment_of = [](int number) {
    return absl::StrCat("env", number);
  };
  const auto write = [&](int number) {
    const std::string environment = environment_of(number);
    int64_t id = 0;
    for (int i = 0; i <= kLive && findings.empty(); ++i) {
      id = IdOf(scene.SendAlone(CreateDeployment(app, environment)));
      if (i == kLive) break;
      v1::Command live = CreateStatus(app, id, v1::STATUS_STATE_SUCCESS);
      live.mutable_create_status()->set_auto_inactive(false);
      scene.SendAlone(live);
    }
    round = number;
    v1::Command last = CreateStatus(app, id, v1::STATUS_STATE_SUCCESS);
    last.set_time_ms(kRetiredMs);
    scene.SendAlone(last);
  };
  if (!scene.ok()) return;
  write(1);
  v1::Rules rules = scene.rules();
  rules.set_prior_deployments(v1::PRIOR_DEPLOYMENTS_EVERY_OTHER);
  const int64_t idle = IdOf(scene.SendAlone(CreateDeployment(app, "idle")));
  if (!scene.ok()) return;
  std::thread writer([&] {
    for (int i = 2; i <= params.rounds && findings.empty(); ++i) write(i);
    done = true;
  });
  // Lists, facts, and the stream.
  v1::RepositoryState state;
  int64_t position = 0;
  bool last = false;
  while (!last && findings.empty()) {
    last = done;
    const std::string environment = environment_of(round);
    Store::ListDeploymentsParams list;
    list.repository = app;
    list.environment = environment;
    const auto page = scene.store(1).ListDeployments(list);
    if (!findings.Expect(page.ok() && page->has_value(),
                         "ListDeployments failed")) {
      break;
    }
    int moved = 0;
    for (const v1::Deployment& row : (*page)->rows) {
      if (row.updated_at_ms() == kRetiredMs) ++moved;
      const auto found = scene.store(1).FindDeployment({app, row.id()});
      if (!findings.Expect(found.ok() && found->has_value(),
                           "FindDeployment: no ", row.id())) {
        break;
      }
      const int64_t latest_ms = (*found)->latest_status.has_value()
                                    ? (*found)->latest_status->created_at_ms()
                                    : (*found)->deployment.created_at_ms();
      findings.Expect((*found)->deployment.updated_at_ms() == latest_ms,
                      "FindDeployment: a deployment and the latest status of "
                      "another moment");
    }
    findings.Expect(moved == 0 || moved == kLive + 1,
                    "ListDeployments: a success has changed ", moved, " of ",
                    kLive + 1, " deployments");
    findings.Expect(
        (*page)->total == static_cast<int64_t>((*page)->rows.size()),
        "ListDeployments: a total of another moment");

    v1::Command success = CreateStatus(app, idle, v1::STATUS_STATE_SUCCESS);
    success.mutable_create_status()->set_environment(environment);
    const auto facts = scene.store(1).Facts({rules, success});
    findings.Expect(facts.ok() && (facts->live_deployments_size() == kLive ||
                                   facts->live_deployments_size() == 1),
                    "Facts: ", facts.ok() ? facts->live_deployments_size() : -1,
                    " live deployments, where there are ", kLive, " or 1");

    const auto entries = scene.outbox(1).ReadOutbox(
        {app, position, std::numeric_limits<int64_t>::max()});
    if (!findings.Expect(entries.ok(), "ReadOutbox failed")) break;
    for (const OutboxEntry& entry : *entries) {
      findings.Expect(entry.position == ++position, "ReadOutbox: a gap");
      const absl::Status status = Evolve(entry.event, &state);
      findings.Expect(status.ok(), "ReadOutbox: ", status.ToString());
    }
    moved = 0;
    for (const v1::DeploymentRecord& record : state.deployments()) {
      if (record.deployment().updated_at_ms() == kRetiredMs) ++moved;
    }
    findings.Expect(moved % (kLive + 1) == 0,
                    "ReadOutbox: a part of the events of a success");
  }
  writer.join();
  scene.CompareAlone(app);
}

}  // namespace internal
}  // namespace slipway
