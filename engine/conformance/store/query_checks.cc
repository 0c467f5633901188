#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/rules.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace internal {

void CheckRepositories(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("Octo", "App");
  const v1::RepositoryName other = Name("octo", "other");
  // Refused, so that the name has been heard of.
  scene.Send(PutRepository(other, 0));
  scene.Put(app, 7);
  const int64_t id = scene.Create(CreateDeployment(app, "qa"));
  // Another spelling of the name is the same repository, and stays.
  scene.Create(PutRepository(Name("OCTO", "aPP"), 7));
  scene.Create(CreateStatus(Name("octo", "app"), id, v1::STATUS_STATE_SUCCESS));
  scene.CompareAll();
  // The id is taken, then free, then another's.
  scene.Send(PutRepository(other, 7));
  scene.Send(PutRepository(app, 8));
  scene.CompareAll();
  scene.Create(DeleteRepository(app));
  scene.CompareAll();
  scene.Put(other, 7);
  scene.Send(PutRepository(app, 7));
  scene.Put(app, 8);
  scene.CompareAll();
  // Another default branch and another visibility.
  v1::Command put = PutRepository(app, 8);
  put.mutable_put_repository()->set_default_branch("topic");
  put.mutable_put_repository()->set_visibility(
      v1::REPOSITORY_VISIBILITY_PRIVATE);
  scene.Create(put);
  scene.CompareAll();
  if (!scene.ok()) return;
  for (const int64_t nobodys : {int64_t{0}, int64_t{-1}, int64_t{9}, kIdMax}) {
    const auto found = scene.store().FindRepositoryById(nobodys);
    findings.Expect(found.ok() && !found->has_value(),
                    "FindRepositoryById: nobody has ", nobodys);
  }
}

void CheckDeletions(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  scene.Put(app, 1);
  scene.Put(other, 2);
  const int64_t kept = scene.Create(CreateDeployment(other, "qa"));
  std::vector<int64_t> ids;
  for (const char* environment : {"qa", "QA", "prod"}) {
    ids.push_back(scene.Create(CreateDeployment(app, environment)));
    scene.Create(CreateStatus(app, ids.back(), v1::STATUS_STATE_SUCCESS));
    scene.Create(CreateStatus(app, ids.back(), v1::STATUS_STATE_INACTIVE));
  }
  scene.Create(CreateStatus(app, ids[0], v1::STATUS_STATE_SUCCESS));
  for (const int64_t id : {ids[2], ids[1], ids[0]}) {
    scene.Create(DeleteDeployment(app, id));
    scene.CompareAll();
  }
  // Its environments and its last id stay, as the comparison has seen. Then
  // nothing stays but the last id.
  const int64_t last = scene.Create(CreateDeployment(app, "qa"));
  scene.Create(CreateStatus(app, last, v1::STATUS_STATE_SUCCESS));
  scene.Create(DeleteRepository(app));
  scene.CompareAll();
  scene.Put(app, 3);
  scene.CompareAll();
  if (!scene.ok()) return;
  v1::Command late = CreateDeployment(app, "qa");
  late.set_time_ms(1);
  late.mutable_ids()->set_first(last);
  late.mutable_ids()->set_count(9);
  findings.Expect(scene.SendAsItIs(late).has_rejection(),
                  "ids of a former life of the repository were taken");
  scene.Create(CreateDeployment(app, "qa"));
  scene.Create(CreateStatus(other, kept, v1::STATUS_STATE_SUCCESS));
  scene.CompareAll();

  // The same ids in two repositories are two rows each.
  const v1::RepositoryName twins[] = {Name("twins", "a"), Name("twins", "b")};
  int64_t repository_id = 10;
  for (const v1::RepositoryName& twin : twins) scene.Put(twin, repository_id++);
  for (const v1::RepositoryName& twin : twins) {
    v1::Command command = CreateDeployment(twin, "qa-" + twin.name());
    command.mutable_create_deployment()->set_task(twin.name());
    command.set_time_ms(5);
    command.mutable_ids()->set_first(500000);
    command.mutable_ids()->set_count(2);
    scene.SendAsItIs(command);
    command = CreateStatus(twin, 500000, v1::STATUS_STATE_SUCCESS);
    command.set_time_ms(6);
    command.mutable_ids()->set_first(500002);
    command.mutable_ids()->set_count(2);
    scene.SendAsItIs(command);
  }
  scene.CompareAll();
  scene.Create(DeleteDeployment(twins[1], 500000));
  scene.CompareAll();
}

void CheckListOrderAndPages(const StoreCheckParams& params,
                            Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  scene.Put(app, 1);
  scene.Put(other, 2);
  scene.CompareAll(Effort::kAll);
  constexpr int kRows = 24;
  std::vector<int64_t> ids;
  for (int i = 0; i < kRows; ++i) {
    const char* const environments[] = {"qa", "QA", "prod", "review/1"};
    v1::Command command = CreateDeployment(app, environments[i * 5 % 7 % 4]);
    v1::CreateDeployment& request = *command.mutable_create_deployment();
    request.set_ref(i % 3 == 0 ? "topic" : "main");
    if (i % 4 == 1) request.set_ref(std::string(40, 'b'));
    if (i % 5 < 2) request.set_task(i % 2 == 0 ? "migrate" : "Deploy");
    ids.push_back(scene.Create(command));
    if (i % 6 == 0) {
      *command.mutable_repository() = other;
      scene.Create(command);
    }
  }
  scene.CompareAll();
  // Moves, deletions, and statuses out of the order of the deployments.
  for (int i = kRows - 1; i >= 0 && scene.ok(); --i) {
    v1::Command command = CreateStatus(app, ids[i], v1::STATUS_STATE_QUEUED);
    if (i % 5 == 0) command.mutable_create_status()->set_environment("Prod");
    if (i % 5 == 1) command.mutable_create_status()->set_environment("qa");
    scene.Create(command);
    if (i % 8 == 3) scene.Create(DeleteDeployment(app, ids[i]));
  }
  // Many statuses of one.
  for (int i = 0; i < 12; ++i) {
    scene.Create(CreateStatus(app, ids[0], v1::STATUS_STATE_IN_PROGRESS));
  }
  scene.CompareAll(Effort::kAll);
}

void CheckOutbox(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  if (!scene.ok()) return;
  const v1::RepositoryName app = Name("octo", "app");
  const v1::RepositoryName other = Name("octo", "other");
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max();
  const auto read = [&](const v1::RepositoryName& name, int64_t after,
                        int64_t limit) {
    const auto entries = scene.outbox().ReadOutbox({name, after, limit});
    findings.Expect(entries.ok(), "ReadOutbox: ", entries.status().ToString());
    return entries.ok() ? *entries : std::vector<OutboxEntry>();
  };
  findings.Expect(read(app, 0, kFar).empty(),
                  "ReadOutbox: entries of a repository that never was");
  scene.Put(app, 1);
  v1::Command command = CreateDeployment(app, "qa");
  command.mutable_create_deployment()->set_production_environment(false);
  const int64_t a = scene.Create(command);
  scene.Create(CreateStatus(app, a, v1::STATUS_STATE_SUCCESS));
  const int64_t b = scene.Create(command);
  scene.Create(CreateStatus(app, b, v1::STATUS_STATE_SUCCESS));
  scene.Create(CreateStatus(app, b, v1::STATUS_STATE_INACTIVE));
  scene.Create(DeleteDeployment(app, a));
  scene.Put(other, 2);
  if (!scene.ok()) return;

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
  constexpr auto kTotal = static_cast<int64_t>(std::size(expected));
  for (int64_t after = -2; after <= kTotal + 1; ++after) {
    for (const int64_t limit :
         {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{3}, kFar}) {
      // In any spelling of the name.
      const std::vector<OutboxEntry> entries =
          read(after % 2 == 0 ? app : Name("OCTO", "App"), after, limit);
      const int64_t begin = std::clamp<int64_t>(after, 0, kTotal);
      const int64_t size = std::clamp<int64_t>(limit, 0, kTotal - begin);
      const std::string where =
          absl::StrCat("ReadOutbox after ", after, ", at most ", limit, ": ");
      if (!findings.Expect(static_cast<int64_t>(entries.size()) == size, where,
                           entries.size(), " entries instead of ", size)) {
        return;
      }
      for (int64_t i = 0; i < size; ++i) {
        findings.Expect(entries[i].position == begin + i + 1, where,
                        "position ", entries[i].position, " at place ", i);
        findings.Expect(entries[i].event.type() == expected[begin + i].type,
                        where, "another event at place ", i);
        findings.Expect(entries[i].notify == expected[begin + i].notify, where,
                        "notify differs at place ", i);
      }
    }
  }
  findings.Expect(read(app, kFar, kFar).empty(),
                  "ReadOutbox: entries after the end");
  scene.Create(DeleteRepository(app));
  findings.Expect(static_cast<int64_t>(read(app, 0, kFar).size()) == kTotal + 1,
                  "ReadOutbox: the stream ends with its repository");
  scene.CompareAll();
  scene.Put(app, 3);
  scene.CompareAll();
}

void CheckNumbers(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, kIdMax);
  const auto send = [&](v1::Command command, int64_t time_ms, int64_t first) {
    command.set_time_ms(time_ms);
    command.mutable_ids()->set_first(first);
    command.mutable_ids()->set_count(2);
    command.mutable_actor()->set_id(kIdMax);
    command.mutable_actor()->set_type(v1::ACTOR_TYPE_BOT);
    command.mutable_actor()->set_site_admin(true);
    return IdOf(scene.SendAsItIs(command));
  };
  // Times need not grow; ids do.
  const int64_t a = send(CreateDeployment(app, "qa"), kTimeMaxMs, 1LL << 32);
  send(CreateStatus(app, a, v1::STATUS_STATE_SUCCESS), 0, (1LL << 33) + 1);
  send(CreateDeployment(app, "qa"), 1, kIdMax - 8);
  const int64_t b =
      send(CreateDeployment(app, "qa"), kTimeMaxMs - 1, kIdMax - 5);
  send(CreateStatus(app, b, v1::STATUS_STATE_SUCCESS), kTimeMaxMs, kIdMax - 1);
  scene.CompareAll();
}

}  // namespace internal
}  // namespace slipway
