#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
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
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/scene.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace internal {
namespace {

constexpr int64_t kNobodys = int64_t{1} << 52;
constexpr int64_t kAll = 1000;
constexpr int64_t kLeaseMs = 60'000;

std::string Text(DeliveryState state) {
  switch (state) {
    case DeliveryState::kPending:
      return "pending";
    case DeliveryState::kDelivered:
      return "delivered";
    case DeliveryState::kFailed:
      return "failed";
  }
  return absl::StrCat("state ", static_cast<int>(state));
}

bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_digit =
        absl::ascii_isdigit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
    if (is_dash ? text[i] != '-' : !is_digit) return false;
  }
  return true;
}

std::vector<int64_t> IdsOf(const std::vector<Delivery>& deliveries) {
  std::vector<int64_t> ids;
  ids.reserve(deliveries.size());
  for (const Delivery& delivery : deliveries) ids.push_back(delivery.id);
  return ids;
}

int64_t DeploymentOf(const Delivery& delivery) {
  const v1::Event& event = delivery.entry.event;
  return event.has_status() ? event.status().deployment_id()
                            : event.deployment().id();
}

// A scene whose store has a queue. Failures of the queue become findings, and
// what it did not give is empty.
class Desk {
 public:
  Desk(const StoreCheckParams& params, Findings& findings)
      : findings_(findings), scene_(params, findings) {
    scene_.Put(app_, 1);
    CheckThatItHasAQueue();
  }

  bool ok() const { return scene_.ok(); }
  Scene& scene() { return scene_; }
  const v1::RepositoryName& app() const { return app_; }

  void OpenAnother() {
    scene_.OpenAnother();
    CheckThatItHasAQueue();
  }
  void Reopen() {
    scene_.Reopen();
    CheckThatItHasAQueue();
  }

  // Only while `ok`.
  DeliveryQueue& queue(size_t place = 0) {
    return *scene_.handle(place).deliveries();
  }

  int64_t Deploy(absl::string_view environment = "qa") {
    return scene_.Create(CreateDeployment(app_, environment));
  }
  void Report(int64_t deployment_id, v1::StatusState state) {
    scene_.Create(CreateStatus(app_, deployment_id, state));
  }

  Hook AddHook(const std::string& url, size_t place = 0) {
    if (!ok()) return Hook();
    absl::StatusOr<Hook> hook = queue(place).AddHook({url});
    if (!Expect(hook.status(), "AddHook")) return Hook();
    findings_.Expect(hook->id > 0, "AddHook: the id ", hook->id);
    findings_.Expect(hook->url == url, "AddHook: the URL '", hook->url,
                     "' instead of '", url, "'");
    return *hook;
  }

  int64_t Enqueue(const DeliveryQueue::EnqueueParams& params,
                  size_t place = 0) {
    if (!ok()) return 0;
    const absl::StatusOr<int64_t> count = queue(place).Enqueue(params);
    return Expect(count.status(), "Enqueue") ? *count : 0;
  }

  // Until the end of the stream.
  void EnqueueAll(int64_t hook_id, int64_t now_ms) {
    while (Enqueue({hook_id, now_ms}) > 0) {
    }
  }

  std::vector<Delivery> Claim(const DeliveryQueue::ClaimParams& params,
                              size_t place = 0) {
    if (!ok()) return {};
    absl::StatusOr<std::vector<Delivery>> claimed = queue(place).Claim(params);
    if (!Expect(claimed.status(), "Claim")) return {};
    std::lock_guard<std::mutex> lock(mutex_);
    for (const Delivery& delivery : *claimed) {
      leased_until_ms_[delivery.id] = delivery.leased_until_ms;
    }
    return *std::move(claimed);
  }

  // Claims what there is, and says so where it is not this.
  void ExpectClaim(const char* when, int64_t hook_id, int64_t now_ms,
                   const std::vector<int64_t>& expected) {
    const std::vector<int64_t> ids =
        IdsOf(Claim({hook_id, now_ms, kLeaseMs, kAll}));
    if (!ok()) return;
    findings_.Expect(ids == expected, "Claim ", when, ": [",
                     absl::StrJoin(ids, " "), "] instead of [",
                     absl::StrJoin(expected, " "), "]");
  }

  // By whoever claimed it last, or without a claim where nobody has.
  void Record(int64_t delivery_id, DeliveryState state, int64_t due_at_ms = 0,
              const DeliveryAttempt& attempt = {}, size_t place = 0) {
    int64_t leased_until_ms = 0;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = leased_until_ms_.find(delivery_id);
      if (found != leased_until_ms_.end()) leased_until_ms = found->second;
    }
    RecordFor({delivery_id, leased_until_ms, attempt, state, due_at_ms}, place);
  }
  // By whoever claimed it then.
  void RecordLate(const Delivery& claimed, DeliveryState state,
                  int64_t due_at_ms = 0, int status_code = 0) {
    DeliveryAttempt attempt;
    attempt.status_code = status_code;
    RecordFor({claimed.id, claimed.leased_until_ms, attempt, state, due_at_ms});
  }
  void RecordFor(const DeliveryQueue::RecordParams& record, size_t place = 0) {
    if (ok()) Expect(queue(place).Record(record), "Record");
  }

  void Redeliver(int64_t delivery_id, int64_t now_ms) {
    if (!ok()) return;
    Expect(queue().Redeliver({delivery_id, now_ms}), "Redeliver");
  }

  std::vector<Delivery> List(int64_t hook_id, int64_t before_id = 0,
                             int64_t limit = kAll, size_t place = 0) {
    if (!ok()) return {};
    absl::StatusOr<std::vector<Delivery>> page =
        queue(place).ListDeliveries({hook_id, before_id, limit});
    if (!Expect(page.status(), "ListDeliveries")) return {};
    return *std::move(page);
  }

  // In the order of the stream.
  std::vector<int64_t> Ids(int64_t hook_id) {
    std::vector<int64_t> ids = IdsOf(List(hook_id));
    std::reverse(ids.begin(), ids.end());
    return ids;
  }

  Delivery Find(int64_t id, size_t place = 0) {
    if (!ok()) return Delivery();
    absl::StatusOr<absl::optional<Delivery>> found =
        queue(place).FindDelivery(id);
    if (!Expect(found.status(), "FindDelivery") ||
        !findings_.Expect(found->has_value(), "FindDelivery: there is no ",
                          id)) {
      return Delivery();
    }
    return **found;
  }

  int64_t Prune(const DeliveryQueue::PruneParams& params) {
    if (!ok()) return 0;
    const absl::StatusOr<int64_t> pruned = queue().Prune(params);
    return Expect(pruned.status(), "Prune") ? *pruned : 0;
  }

  void ExpectPending(int64_t hook_id, int64_t expected, size_t place = 0) {
    if (!ok()) return;
    const absl::StatusOr<int64_t> count = queue(place).CountPending(hook_id);
    if (!Expect(count.status(), "CountPending")) return;
    findings_.Expect(*count == expected, "CountPending: ", *count,
                     " instead of ", expected);
  }

  void ExpectState(const char* when, int64_t id, DeliveryState state) {
    const DeliveryState found = Find(id).state;
    if (!ok()) return;
    findings_.Expect(found == state, when, ": it is ", Text(found),
                     " instead of ", Text(state));
  }

  // The entries that ask for others to be told, after a place in the stream.
  std::vector<OutboxEntry> Notified(int64_t after_position) {
    std::vector<OutboxEntry> notified;
    while (ok()) {
      const absl::StatusOr<std::vector<OutboxEntry>> entries =
          scene_.outbox().ReadAll({after_position, kAll});
      if (!Expect(entries.status(), "ReadAll") || entries->empty()) break;
      for (const OutboxEntry& entry : *entries) {
        if (entry.notify) notified.push_back(entry);
        after_position = entry.global_position;
      }
    }
    return notified;
  }

  // That a hook has deliveries of these entries and no others, in their order,
  // just made.
  void ExpectDeliveries(int64_t hook_id, int64_t now_ms,
                        const std::vector<OutboxEntry>& entries) {
    std::vector<Delivery> deliveries = List(hook_id);
    if (!ok()) return;
    std::reverse(deliveries.begin(), deliveries.end());
    if (!findings_.Expect(deliveries.size() == entries.size(),
                          "Enqueue: ", deliveries.size(),
                          " deliveries instead of ", entries.size())) {
      return;
    }
    std::set<std::string> guids;
    int64_t last_id = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const Delivery& delivery = deliveries[i];
      ExpectEntry(entries[i], delivery.entry);
      findings_.Expect(delivery.hook_id == hook_id, "Enqueue: the hook ",
                       delivery.hook_id);
      findings_.Expect(delivery.id > last_id, "Enqueue: the id ", delivery.id,
                       " after ", last_id);
      last_id = delivery.id;
      findings_.Expect(IsUuid(delivery.guid), "Enqueue: '", delivery.guid,
                       "' is no UUID in lower case");
      findings_.Expect(guids.insert(delivery.guid).second,
                       "Enqueue: the same guid twice");
      findings_.Expect(delivery.state == DeliveryState::kPending &&
                           delivery.attempts.empty() &&
                           delivery.attempts_since_due == 0,
                       "Enqueue: a delivery that is not new");
      findings_.Expect(
          delivery.enqueued_at_ms == now_ms && delivery.due_at_ms == now_ms,
          "Enqueue: enqueued at ", delivery.enqueued_at_ms, " and due at ",
          delivery.due_at_ms, " instead of ", now_ms);
    }
  }

  void ExpectEntry(const OutboxEntry& expected, const OutboxEntry& actual) {
    findings_.ExpectSame("event of a delivery", expected.event, actual.event);
    findings_.ExpectSame("deployment of a delivery",
                         expected.deployment.value_or(v1::Deployment()),
                         actual.deployment.value_or(v1::Deployment()));
    findings_.Expect(actual.global_position == expected.global_position &&
                         actual.position == expected.position && actual.notify,
                     "entry of a delivery: positions ", actual.global_position,
                     " and ", actual.position, " instead of ",
                     expected.global_position, " and ", expected.position);
  }

  bool Expect(const absl::Status& status, const char* what) {
    return findings_.Expect(status.ok(), what, ": ", status.ToString());
  }

 private:
  void CheckThatItHasAQueue() {
    for (size_t i = 0; scene_.ok() && i < 3; ++i) {
      findings_.Expect(scene_.handle(i).deliveries() != nullptr,
                       "deliveries: there are none");
    }
  }

  Findings& findings_;
  Scene scene_;
  std::mutex mutex_;
  // Of the last claim of each delivery.
  std::map<int64_t, int64_t> leased_until_ms_;
  const v1::RepositoryName app_ = Name("octo", "app");
};

void RunAtOnce(size_t count, const std::function<void(size_t)>& caller) {
  std::atomic<size_t> ready{0};
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < count) std::this_thread::yield();
      caller(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// One deployment with a status in progress and one of success.
struct Story {
  Hook hook;
  int64_t created = 0, started = 0, succeeded = 0;
};

// A hook with the deliveries of a story, enqueued at 1000.
Story Tell(Desk& desk) {
  Story story;
  story.hook = desk.AddHook("http://a.example/");
  const int64_t id = desk.Deploy();
  desk.Report(id, v1::STATUS_STATE_IN_PROGRESS);
  desk.Report(id, v1::STATUS_STATE_SUCCESS);
  desk.EnqueueAll(story.hook.id, 1000);
  std::vector<int64_t> ids = desk.Ids(story.hook.id);
  ids.resize(3);
  story.created = ids[0];
  story.started = ids[1];
  story.succeeded = ids[2];
  return story;
}

}  // namespace

void CheckHooks(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  desk.OpenAnother();
  desk.Deploy();
  const Hook hook = desk.AddHook("http://a.example/hook", 0);
  const Hook other = desk.AddHook("http://a.example/Hook", 1);
  if (!desk.ok()) return;
  findings.Expect(hook.id != other.id, "AddHook: two URLs have one hook");
  const absl::StatusOr<int64_t> last =
      desk.scene().outbox().LastGlobalPosition();
  if (!desk.Expect(last.status(), "LastGlobalPosition")) return;
  findings.Expect(hook.cursor == *last, "AddHook: the cursor is at ",
                  hook.cursor, " instead of the end, ", *last);
  // What was before it, it does not hear of.
  desk.EnqueueAll(hook.id, 1000);
  desk.ExpectPending(hook.id, 0);
  // Added again it is the same, and where it was.
  desk.Deploy();
  for (size_t place = 0; place < 2; ++place) {
    const Hook again = desk.AddHook("http://a.example/hook", place);
    findings.Expect(again.id == hook.id && again.cursor == hook.cursor,
                    "AddHook: a second hook, or cursor, of one URL");
  }
  desk.EnqueueAll(hook.id, 1000);
  findings.Expect(desk.AddHook("http://a.example/hook", 1).cursor > hook.cursor,
                  "AddHook: a cursor that stays behind");
  desk.ExpectPending(hook.id, 1, 1);
  desk.ExpectPending(other.id, 0);
  // What nobody has.
  if (!desk.ok()) return;
  findings.Expect(
      absl::IsNotFound(desk.queue().Enqueue({kNobodys, 1000}).status()),
      "Enqueue: a hook that is none");
  desk.ExpectPending(kNobodys, 0);
  findings.Expect(
      desk.Claim({kNobodys, 1000}).empty() && desk.List(kNobodys).empty(),
      "deliveries of a hook that is none");
  // By several at once.
  for (int i = 0; i < params.rounds && desk.ok(); ++i) {
    const std::string url = absl::StrCat("http://b.example/", i);
    int64_t ids[2] = {};
    RunAtOnce(2,
              [&](size_t place) { ids[place] = desk.AddHook(url, place).id; });
    findings.Expect(ids[0] == ids[1], "AddHook: two hooks of one URL at once");
  }
}

void CheckEnqueue(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Hook all = desk.AddHook("http://a.example/");
  const Hook some = desk.AddHook("http://b.example/");
  const int64_t first = desk.Deploy("qa");
  desk.Report(first, v1::STATUS_STATE_SUCCESS);
  const int64_t second = desk.Deploy("qa");
  desk.Report(second, v1::STATUS_STATE_IN_PROGRESS);
  // Retires the first, which is in the stream and told to nobody.
  desk.Report(second, v1::STATUS_STATE_SUCCESS);
  desk.Report(second, v1::STATUS_STATE_INACTIVE);
  desk.scene().Create(DeleteDeployment(desk.app(), first));
  desk.scene().Create(DeleteRepository(desk.app()));
  desk.scene().Put(desk.app(), 2);
  desk.Deploy("qa");
  if (!desk.ok()) return;
  const std::vector<OutboxEntry> notified = desk.Notified(all.cursor);
  const absl::StatusOr<int64_t> last =
      desk.scene().outbox().LastGlobalPosition();
  if (!desk.Expect(last.status(), "LastGlobalPosition")) return;
  // In small steps, each of which says how far it went.
  int64_t passed = 0;
  while (const int64_t count = desk.Enqueue({all.id, 5000, 2})) {
    findings.Expect(count <= 2, "Enqueue: ", count, " entries instead of 2");
    passed += count;
    const int64_t cursor = desk.AddHook(all.url).cursor;
    if (!desk.ok()) return;
    findings.Expect(cursor == all.cursor + passed, "Enqueue: after ", passed,
                    " entries the cursor is at ", cursor, ", from ",
                    all.cursor);
  }
  findings.Expect(passed == *last - all.cursor, "Enqueue: passed ", passed,
                  " entries of ", *last - all.cursor);
  desk.ExpectDeliveries(all.id, 5000, notified);
  desk.ExpectPending(all.id, static_cast<int64_t>(notified.size()));
  // The other one has a cursor of its own, and hears of deployments only.
  desk.ExpectPending(some.id, 0);
  std::vector<OutboxEntry> wanted;
  for (const OutboxEntry& entry : notified) {
    if (entry.event.has_deployment()) wanted.push_back(entry);
  }
  while (desk.Enqueue({some.id, 7000, 3, {v1::EVENT_TYPE_DEPLOYMENT_CREATED}}) >
         0) {
  }
  desk.ExpectDeliveries(some.id, 7000, wanted);
  // At the end there is nothing to be done twice.
  findings.Expect(desk.Enqueue({all.id, 9000}) == 0,
                  "Enqueue: goes on behind the end");
  desk.ExpectDeliveries(all.id, 5000, notified);
}

void CheckEnqueueRaces(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  desk.OpenAnother();
  const Hook hook = desk.AddHook("http://a.example/");
  if (!desk.ok()) return;
  constexpr size_t kEnqueuers = 2;
  constexpr size_t kWriters = 2;
  std::atomic<size_t> writing{kWriters};
  std::atomic<int64_t> passed{0};
  RunAtOnce(kEnqueuers + kWriters, [&](size_t i) {
    if (i < kEnqueuers) {
      while (desk.ok()) {
        const bool is_last = writing == 0;
        const int64_t count = desk.Enqueue({hook.id, 1000, 3}, i);
        passed += count;
        if (count == 0 && is_last) break;
        if (count == 0) std::this_thread::yield();
      }
      return;
    }
    for (int j = 0; j < params.rounds && findings.empty(); ++j) {
      const int64_t id =
          IdOf(desk.scene().SendAlone(CreateDeployment(desk.app(), "qa"), i));
      desk.scene().SendAlone(
          CreateStatus(desk.app(), id, v1::STATUS_STATE_SUCCESS), i);
    }
    --writing;
  });
  const std::vector<OutboxEntry> notified = desk.Notified(hook.cursor);
  if (!desk.ok()) return;
  const int64_t expected = desk.AddHook(hook.url).cursor - hook.cursor;
  findings.Expect(passed == expected, "Enqueue: several at once passed ",
                  passed.load(), " entries of ", expected);
  desk.ExpectDeliveries(hook.id, 1000, notified);
}

void CheckClaims(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  // An id is another deployment's in another repository.
  const v1::RepositoryName other = Name("octo", "other");
  desk.scene().Put(other, 2);
  const Hook hook = desk.AddHook("http://a.example/");
  const Hook bystander = desk.AddHook("http://b.example/");
  const int64_t first = desk.Deploy();
  desk.Report(first, v1::STATUS_STATE_IN_PROGRESS);
  desk.Report(first, v1::STATUS_STATE_SUCCESS);
  const int64_t second = desk.Deploy();
  desk.Report(second, v1::STATUS_STATE_IN_PROGRESS);
  if (!desk.ok()) return;
  v1::Command twin = CreateDeployment(other, "qa");
  twin.set_time_ms(900'000);
  twin.mutable_ids()->set_first(first);
  twin.mutable_ids()->set_count(2);
  desk.scene().SendAsItIs(twin);
  desk.EnqueueAll(hook.id, 1000);
  desk.EnqueueAll(bystander.id, 1000);
  std::vector<int64_t> ids = desk.Ids(hook.id);
  if (!desk.ok() || !findings.Expect(ids.size() == 6, "Enqueue: ", ids.size(),
                                     " deliveries instead of 6")) {
    return;
  }
  // first: 0 1 2; second: 3 4; its twin: 5.
  desk.ExpectClaim("before anything is due", hook.id, 999, {});
  const std::vector<int64_t> one =
      IdsOf(desk.Claim({hook.id, 1000, kLeaseMs, 1}));
  findings.Expect(one == std::vector<int64_t>{ids[0]},
                  "Claim: not the first one where one is asked for");
  desk.ExpectClaim("of the others", hook.id, 1000, {ids[3], ids[5]});
  desk.ExpectClaim("when all heads are claimed", hook.id, 1000, {});
  // A head that is put off holds up its own deployment only.
  desk.Record(ids[0], DeliveryState::kPending, 9000);
  desk.Record(ids[3], DeliveryState::kDelivered);
  desk.Record(ids[5], DeliveryState::kPending, 5000);
  desk.ExpectClaim("behind one that is put off", hook.id, 4999, {ids[4]});
  desk.Record(ids[4], DeliveryState::kPending, 4000);
  desk.ExpectClaim("longest due first", hook.id, 9000,
                   {ids[4], ids[5], ids[0]});
  // What was given up holds up nobody.
  desk.Record(ids[0], DeliveryState::kFailed);
  desk.ExpectClaim("behind one that failed", hook.id, 9000, {ids[1]});
  desk.Record(ids[1], DeliveryState::kDelivered);
  desk.ExpectClaim("at the end of a deployment", hook.id, 9000, {ids[2]});
  for (const int64_t id : {ids[2], ids[4], ids[5]}) {
    desk.Record(id, DeliveryState::kDelivered);
  }
  desk.ExpectClaim("when all is done", hook.id, 1'000'000, {});
  desk.ExpectPending(hook.id, 0);
  // The other hook's are as they were.
  desk.ExpectPending(bystander.id, 6);
  ids = desk.Ids(bystander.id);
  if (!desk.ok()) return;
  const std::vector<Delivery> claimed =
      desk.Claim({bystander.id, 1000, kLeaseMs, kAll});
  findings.Expect(
      IdsOf(claimed) == std::vector<int64_t>({ids[0], ids[3], ids[5]}),
      "Claim: another hook's deliveries are not as they were");
  for (const Delivery& delivery : claimed) {
    const Delivery found = desk.Find(delivery.id);
    if (!desk.ok()) return;
    desk.ExpectEntry(found.entry, delivery.entry);
    findings.Expect(
        delivery.guid == found.guid && delivery.hook_id == bystander.id &&
            delivery.attempts_since_due == 0 && delivery.due_at_ms == 1000,
        "Claim: gives another delivery than FindDelivery");
  }
}

void CheckClaimRaces(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  desk.OpenAnother();
  const Hook hook = desk.AddHook("http://a.example/");
  constexpr int kDeployments = 5;
  for (int i = 0; i < kDeployments; ++i) {
    const int64_t id = desk.Deploy();
    for (int j = 0; j < 3; ++j) {
      desk.Report(id, v1::STATUS_STATE_IN_PROGRESS);
    }
  }
  desk.EnqueueAll(hook.id, 1000);
  desk.ExpectPending(hook.id, kDeployments * 4);
  if (!desk.ok()) return;
  std::mutex mutex;
  // By deployment: the one that is being sent, and the last that was.
  std::map<int64_t, int64_t> sending;
  std::map<int64_t, int64_t> last_sent;
  int64_t sent = 0;
  RunAtOnce(4, [&](size_t i) {
    while (desk.ok()) {
      const std::vector<Delivery> claimed =
          desk.Claim({hook.id, 1000, kLeaseMs, 2}, i);
      {
        std::lock_guard<std::mutex> lock(mutex);
        if (sent == kDeployments * 4) return;
        for (const Delivery& delivery : claimed) {
          const int64_t deployment = DeploymentOf(delivery);
          findings.Expect(sending[deployment] == 0,
                          "Claim: two of one deployment at once");
          findings.Expect(delivery.id > last_sent[deployment],
                          "Claim: one that was delivered, or overtaken");
          sending[deployment] = delivery.id;
        }
      }
      // As long as it takes to send.
      std::this_thread::yield();
      for (const Delivery& delivery : claimed) {
        {
          std::lock_guard<std::mutex> lock(mutex);
          sending[DeploymentOf(delivery)] = 0;
          last_sent[DeploymentOf(delivery)] = delivery.id;
          ++sent;
        }
        desk.Record(delivery.id, DeliveryState::kDelivered, 0, {}, i);
      }
    }
  });
  desk.ExpectPending(hook.id, 0);
}

void CheckLeases(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Story story = Tell(desk);
  const std::vector<int64_t> head{story.created};
  const std::vector<Delivery> first = desk.Claim({story.hook.id, 1000, 500});
  desk.ExpectClaim("within a lease", story.hook.id, 1499, {});
  const std::vector<Delivery> second = desk.Claim({story.hook.id, 1500, 500});
  if (!desk.ok()) return;
  if (!findings.Expect(IdsOf(first) == head && IdsOf(second) == head,
                       "Claim: not to be had again when the lease ran out")) {
    return;
  }
  findings.Expect(first[0].guid == second[0].guid,
                  "Claim: another guid the second time");
  findings.Expect(second[0].leased_until_ms > first[0].leased_until_ms,
                  "Claim: a lease until ", second[0].leased_until_ms,
                  " after one until ", first[0].leased_until_ms);
  desk.Record(story.created, DeliveryState::kDelivered);
  desk.ExpectClaim("of the next", story.hook.id, 1600, {story.started});
  desk.Record(story.created, DeliveryState::kPending, 1600);
  desk.ExpectState("after a late failure", story.created,
                   DeliveryState::kDelivered);
  // To be tried again at once, it needs no lease to run out.
  desk.Record(story.started, DeliveryState::kPending, 1600);
  desk.ExpectClaim("of one that was recorded", story.hook.id, 1600,
                   {story.started});
}

void CheckLateRecords(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Story story = Tell(desk);
  const int64_t hook = story.hook.id;
  // Its lease was over, and nobody else had it: it counts.
  const std::vector<Delivery> first = desk.Claim({hook, 1000, 500});
  desk.ExpectClaim("within a lease", hook, 1499, {});
  if (!desk.ok() || !findings.Expect(first.size() == 1, "Claim: ", first.size(),
                                     " deliveries instead of 1")) {
    return;
  }
  desk.RecordLate(first[0], DeliveryState::kPending, 2000);
  desk.ExpectClaim("before it is due again", hook, 1999, {});
  // Two have it, one after the other: the first one comes late, and disturbs
  // the other in nothing.
  const std::vector<Delivery> second = desk.Claim({hook, 2000, 500});
  const std::vector<Delivery> third = desk.Claim({hook, 2500, 500});
  if (!desk.ok() ||
      !findings.Expect(second.size() == 1 && third.size() == 1,
                       "Claim: not to be had again after a late failure")) {
    return;
  }
  const struct {
    const char* what;
    DeliveryState state;
    int status_code;
  } late[] = {
      {"after another's late failure", DeliveryState::kPending, 500},
      {"after another's late end", DeliveryState::kFailed, 400},
      {"after another's late success", DeliveryState::kDelivered, 204},
  };
  int64_t attempts = 1;
  for (const auto& row : late) {
    desk.RecordLate(second[0], row.state, 2600, row.status_code);
    ++attempts;
    desk.ExpectClaim(row.what, hook, 2999, {});
    desk.ExpectPending(hook, 3);
    const Delivery found = desk.Find(story.created);
    if (!desk.ok()) return;
    findings.Expect(
        found.state == DeliveryState::kPending && found.due_at_ms == 2000,
        "Record ", row.what, ": it is ", Text(found.state), ", due at ",
        found.due_at_ms);
    findings.Expect(static_cast<int64_t>(found.attempts.size()) == attempts &&
                        found.attempts.back().status_code == row.status_code &&
                        found.attempts_since_due == attempts,
                    "Record ", row.what,
                    ": the attempt is not in the history, or not ", "counted");
  }
  desk.RecordLate(third[0], DeliveryState::kDelivered);
  desk.ExpectState("after a record in time", story.created,
                   DeliveryState::kDelivered);
  // Likewise without a claim; what nobody records is to be had again.
  desk.ExpectClaim("of the next", hook, 3000, {story.started});
  desk.RecordFor({story.started, 0, {}, DeliveryState::kDelivered});
  desk.ExpectClaim("after a record without a claim", hook, 3001, {});
  const std::vector<Delivery> fourth = desk.Claim({hook, 3000 + kLeaseMs, 500});
  const std::vector<Delivery> fifth = desk.Claim({hook, 3500 + kLeaseMs, 500});
  if (!desk.ok() ||
      !findings.Expect(fourth.size() == 1 && fifth.size() == 1 &&
                           fourth[0].id == story.started,
                       "Claim: not to be had again after a late success")) {
    return;
  }
  // Whoever had it last is done with it: nobody is disturbed.
  desk.RecordLate(fifth[0], DeliveryState::kPending, 1'000'000);
  desk.RecordLate(fourth[0], DeliveryState::kDelivered);
  desk.ExpectState("after a late success of what nobody has", story.started,
                   DeliveryState::kDelivered);
  desk.ExpectClaim("of the last", hook, 200'000, {story.succeeded});
}

void CheckRecord(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Story story = Tell(desk);
  if (!desk.ok()) return;
  DeliveryAttempt refused;
  refused.number = 77;
  refused.started_at_ms = 1001;
  refused.duration_ms = 12;
  refused.error = "connection refused: \xC3\xA9";
  desk.Claim({story.hook.id, 1000});
  desk.Record(story.created, DeliveryState::kPending, 2000, refused);
  Delivery found = desk.Find(story.created);
  if (!desk.ok()) return;
  findings.Expect(found.state == DeliveryState::kPending &&
                      found.due_at_ms == 2000 && found.attempts_since_due == 1,
                  "Record: a failed attempt leaves it ", Text(found.state),
                  ", due at ", found.due_at_ms, ", after ",
                  found.attempts_since_due, " attempts");
  const std::vector<Delivery> claimed = desk.Claim({story.hook.id, 2000});
  if (!desk.ok()) return;
  findings.Expect(claimed.size() == 1 && claimed[0].attempts_since_due == 1,
                  "Claim: does not say how many attempts there were");
  DeliveryAttempt slow;
  slow.started_at_ms = 2001;
  slow.duration_ms = 9000;
  slow.status_code = 500;
  desk.Record(story.created, DeliveryState::kFailed, 0, slow);
  desk.Record(story.created, DeliveryState::kPending, 3000, slow);
  found = desk.Find(story.created);
  if (!desk.ok()) return;
  findings.Expect(found.state == DeliveryState::kFailed,
                  "Record: one that was given up is ", Text(found.state));
  desk.ExpectPending(story.hook.id, 2);
  const std::vector<DeliveryAttempt> expected = {refused, slow, slow};
  if (!findings.Expect(found.attempts.size() == expected.size(),
                       "Record: ", found.attempts.size(),
                       " attempts instead of ", expected.size())) {
    return;
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const DeliveryAttempt& attempt = found.attempts[i];
    findings.Expect(attempt.number == static_cast<int64_t>(i) + 1,
                    "Record: attempt ", i + 1, " has the number ",
                    attempt.number);
    findings.Expect(attempt.started_at_ms == expected[i].started_at_ms &&
                        attempt.duration_ms == expected[i].duration_ms &&
                        attempt.status_code == expected[i].status_code &&
                        attempt.error == expected[i].error,
                    "Record: attempt ", i + 1, " is not as it was noted");
  }
  const absl::Status status = desk.queue().Record({kNobodys, 0, slow});
  findings.Expect(absl::IsNotFound(status),
                  "Record of a delivery that is none: ", status.ToString());
}

void CheckRedeliver(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Story story = Tell(desk);
  const int64_t hook = story.hook.id;
  desk.Claim({hook, 1000});
  desk.Record(story.created, DeliveryState::kDelivered);
  desk.Claim({hook, 1000});
  desk.Record(story.started, DeliveryState::kFailed);
  desk.ExpectPending(hook, 1);
  const std::string guid = desk.Find(story.created).guid;
  // What was delivered and what failed, before what is still pending.
  desk.Redeliver(story.started, 5000);
  desk.Redeliver(story.created, 5000);
  desk.ExpectPending(hook, 3);
  const Delivery again = desk.Find(story.created);
  if (!desk.ok()) return;
  findings.Expect(
      again.state == DeliveryState::kPending && again.due_at_ms == 5000 &&
          again.attempts_since_due == 0 && again.attempts.size() == 1 &&
          again.guid == guid,
      "Redeliver: it is ", Text(again.state), ", due at ", again.due_at_ms,
      ", with ", again.attempts.size(), " attempts");
  desk.ExpectClaim("before it is due", hook, 4999, {});
  desk.ExpectClaim("of what is redelivered", hook, 5000, {story.created});
  desk.Record(story.created, DeliveryState::kDelivered);
  desk.ExpectClaim("of the next", hook, 5000, {story.started});
  const std::vector<DeliveryAttempt> attempts =
      desk.Find(story.created).attempts;
  if (!desk.ok()) return;
  findings.Expect(attempts.size() == 2 && attempts[1].number == 2,
                  "Redeliver: its attempts are not numbered on");
  // One that waits for its next try is due at once; one that is being sent
  // stays claimed.
  desk.Record(story.started, DeliveryState::kPending, 900'000);
  desk.Redeliver(story.started, 6000);
  desk.ExpectClaim("of what waited", hook, 6000, {story.started});
  desk.Redeliver(story.started, 6001);
  desk.ExpectClaim("of what is being sent", hook, 6001, {});
  desk.Record(story.started, DeliveryState::kDelivered);
  desk.ExpectClaim("of the last", hook, 6001, {story.succeeded});
  if (!desk.ok()) return;
  const absl::Status status = desk.queue().Redeliver({kNobodys, 1000});
  findings.Expect(absl::IsNotFound(status),
                  "Redeliver of a delivery that is none: ", status.ToString());
}

void CheckDeliveryLists(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Hook hook = desk.AddHook("http://a.example/");
  const Hook other = desk.AddHook("http://b.example/");
  for (int i = 0; i < 5; ++i) desk.Deploy();
  // Ids of two hooks in turn.
  while (desk.Enqueue({hook.id, 1000, 1}) + desk.Enqueue({other.id, 1000, 1}) >
         0) {
  }
  const std::vector<int64_t> ids = IdsOf(desk.List(hook.id));
  if (!desk.ok() || !findings.Expect(ids.size() == 5, "ListDeliveries: ",
                                     ids.size(), " instead of 5")) {
    return;
  }
  findings.Expect(std::is_sorted(ids.rbegin(), ids.rend()) &&
                      std::adjacent_find(ids.begin(), ids.end()) == ids.end(),
                  "ListDeliveries: not the newest first");
  desk.Record(ids[0], DeliveryState::kDelivered);
  desk.Record(ids[2], DeliveryState::kFailed);
  // In pages.
  std::vector<int64_t> paged;
  int64_t before = 0;
  while (desk.ok() && paged.size() <= ids.size()) {
    const std::vector<Delivery> page = desk.List(hook.id, before, 2);
    if (page.empty()) break;
    findings.Expect(page.size() <= 2, "ListDeliveries: ", page.size(),
                    " instead of 2");
    for (const Delivery& delivery : page) paged.push_back(delivery.id);
    before = page.back().id;
  }
  if (!desk.ok()) return;
  findings.Expect(paged == ids, "ListDeliveries in pages: [",
                  absl::StrJoin(paged, " "), "] instead of [",
                  absl::StrJoin(ids, " "), "]");
  for (const Delivery& delivery : desk.List(hook.id)) {
    const Delivery found = desk.Find(delivery.id);
    if (!desk.ok()) return;
    findings.Expect(found.guid == delivery.guid &&
                        found.state == delivery.state &&
                        found.attempts.size() == delivery.attempts.size(),
                    "FindDelivery: gives another than ListDeliveries");
    findings.Expect(delivery.attempts.size() ==
                        (delivery.id == ids[0] || delivery.id == ids[2]),
                    "ListDeliveries: the attempts are missing");
  }
  if (!desk.ok()) return;
  const auto none = desk.queue().FindDelivery(kNobodys);
  findings.Expect(none.ok() && !none->has_value(),
                  "FindDelivery: finds what is none");
}

void CheckPrune(const StoreCheckParams& params, Findings& findings) {
  Desk desk(params, findings);
  const Hook hook = desk.AddHook("http://a.example/");
  for (int i = 0; i < 4; ++i) desk.Deploy();
  desk.EnqueueAll(hook.id, 1000);
  desk.Deploy();
  desk.EnqueueAll(hook.id, 2000);
  const std::vector<int64_t> ids = desk.Ids(hook.id);
  if (!desk.ok() || !findings.Expect(ids.size() == 5, "Enqueue: ", ids.size(),
                                     " deliveries instead of 5")) {
    return;
  }
  for (const int place : {0, 1, 4}) {
    desk.Record(ids[place], DeliveryState::kDelivered);
  }
  desk.Record(ids[2], DeliveryState::kFailed);
  // Not what is as young as that, nor what is pending.
  const int64_t too_old = desk.Prune({1000});
  const int64_t limited = desk.Prune({2000, 1});
  const int64_t rest = desk.Prune({2000});
  const int64_t again = desk.Prune({2000});
  if (!desk.ok()) return;
  findings.Expect(too_old == 0 && limited == 1 && rest == 2 && again == 0,
                  "Prune: took ", too_old, ", ", limited, ", ", rest, " and ",
                  again, " instead of 0, 1, 2 and 0");
  const std::vector<int64_t> left = desk.Ids(hook.id);
  if (!desk.ok()) return;
  findings.Expect(left == std::vector<int64_t>({ids[3], ids[4]}),
                  "Prune: left [", absl::StrJoin(left, " "), "]");
  const auto gone = desk.queue().FindDelivery(ids[0]);
  findings.Expect(gone.ok() && !gone->has_value(),
                  "FindDelivery: finds what was pruned");
  desk.ExpectClaim("of what is left", hook.id, 2000, {ids[3]});
  desk.Record(ids[3], DeliveryState::kDelivered);
  desk.Prune({3000});
  // Its ids are not used again, though there is nothing left.
  desk.Reopen();
  desk.Deploy();
  desk.EnqueueAll(hook.id, 3000);
  const std::vector<int64_t> next = desk.Ids(hook.id);
  if (!desk.ok()) return;
  findings.Expect(next.size() == 1 && next[0] > ids[4],
                  "Prune: ids are used again");
}

void CheckDeliveriesReopened(const StoreCheckParams& params,
                             Findings& findings) {
  Desk desk(params, findings);
  const Story story = Tell(desk);
  desk.Claim({story.hook.id, 1000, 500});
  const std::vector<Delivery> before = desk.List(story.hook.id);
  desk.Reopen();
  const Hook hook = desk.AddHook(story.hook.url);
  findings.Expect(hook.id == story.hook.id,
                  "opened again, the hook is another one");
  findings.Expect(desk.Enqueue({hook.id, 2000}) == 0,
                  "opened again, the cursor has moved back");
  const std::vector<Delivery> after = desk.List(hook.id);
  if (!desk.ok()) return;
  if (!findings.Expect(IdsOf(after) == IdsOf(before),
                       "opened again, there are other deliveries")) {
    return;
  }
  for (size_t i = 0; i < after.size(); ++i) {
    desk.ExpectEntry(before[i].entry, after[i].entry);
    findings.Expect(after[i].guid == before[i].guid &&
                        after[i].due_at_ms == before[i].due_at_ms,
                    "opened again, a delivery is another one");
  }
  // Claims outlive whoever has them, as there may be others with handles.
  desk.ExpectClaim("opened again", hook.id, 1499, {});
  desk.ExpectClaim("once the lease is over", hook.id, 1500, {story.created});
  DeliveryAttempt attempt;
  attempt.status_code = 204;
  desk.Record(story.created, DeliveryState::kDelivered, 0, attempt);
  desk.Reopen();
  const Delivery found = desk.Find(story.created);
  if (!desk.ok()) return;
  findings.Expect(found.state == DeliveryState::kDelivered &&
                      found.attempts.size() == 1 &&
                      found.attempts[0].status_code == 204,
                  "opened again, an attempt is lost");
  desk.ExpectPending(hook.id, 2);
  desk.Deploy();
  desk.Reopen();
  desk.EnqueueAll(hook.id, 3000);
  desk.ExpectPending(hook.id, 3);
  desk.Redeliver(story.created, 4000);
  desk.Reopen();
  desk.ExpectState("redelivered and opened again", story.created,
                   DeliveryState::kPending);
}

}  // namespace internal
}  // namespace slipway
