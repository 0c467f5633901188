#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/names.h"

namespace slipway {
namespace internal {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

std::vector<OutboxEntry> Read(Outbox& outbox, int64_t after, int64_t limit,
                              Findings& findings) {
  const auto entries = outbox.ReadAll({after, limit});
  findings.Expect(entries.ok(), "ReadAll: ", entries.status().ToString());
  return entries.ok() ? *entries : std::vector<OutboxEntry>();
}

int64_t Last(Outbox& outbox, Findings& findings) {
  const absl::StatusOr<int64_t> last = outbox.LastGlobalPosition();
  findings.Expect(last.ok(), "LastGlobalPosition: ", last.status().ToString());
  return last.ok() ? *last : 0;
}

bool IsOf(const OutboxEntry& entry, const v1::RepositoryName& name) {
  return SameName(entry.event.repository(), name);
}

// Compares two entries but for the position in the stream of all.
void CompareEntry(const OutboxEntry& expected, const OutboxEntry& actual,
                  Findings& findings) {
  findings.Expect(expected.position == actual.position, "ReadAll: position ",
                  actual.position, " where ReadOutbox has ", expected.position);
  findings.Expect(expected.notify == actual.notify,
                  "ReadAll: notify is not that of ReadOutbox");
  findings.ExpectSame("event of ReadAll", expected.event, actual.event);
  findings.ExpectSame("deployment of ReadAll",
                      expected.deployment.value_or(v1::Deployment()),
                      actual.deployment.value_or(v1::Deployment()));
}

// That the whole stream is made of those of `names`, each in its order, without
// gaps. Gives the stream.
std::vector<OutboxEntry> CompareStreams(
    Outbox& outbox, const std::vector<v1::RepositoryName>& names,
    Findings& findings) {
  const std::vector<OutboxEntry> all = Read(outbox, 0, kFar, findings);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto due = static_cast<int64_t>(i) + 1;
    findings.Expect(all[i].global_position == due, "ReadAll: position ",
                    all[i].global_position, " where ", due, " is due");
  }
  findings.Expect(Last(outbox, findings) == static_cast<int64_t>(all.size()),
                  "LastGlobalPosition: not that of the last of ", all.size(),
                  " entries");
  size_t total = 0;
  for (const v1::RepositoryName& name : names) {
    const auto own = outbox.ReadOutbox({name, 0, kFar});
    if (!findings.Expect(own.ok(), "ReadOutbox: ", own.status().ToString())) {
      return all;
    }
    size_t next = 0;
    for (const OutboxEntry& entry : all) {
      if (!IsOf(entry, name) || !findings.empty()) continue;
      if (!findings.Expect(next < own->size(), "ReadAll: more entries of ",
                           FullName(name), " than ReadOutbox has")) {
        return all;
      }
      CompareEntry((*own)[next++], entry, findings);
    }
    findings.Expect(next == own->size(), "ReadAll: ", next, " entries of ",
                    FullName(name), " where ReadOutbox has ", own->size());
    total += own->size();
  }
  findings.Expect(total == all.size() || !findings.empty(),
                  "ReadAll: ", all.size(), " entries where repositories have ",
                  total);
  return all;
}

void CheckPages(Outbox& outbox, const std::vector<OutboxEntry>& all,
                Findings& findings) {
  const auto total = static_cast<int64_t>(all.size());
  for (int64_t after = -2; after <= total + 1; ++after) {
    for (const int64_t limit :
         {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{3}, kFar}) {
      const std::vector<OutboxEntry> page =
          Read(outbox, after, limit, findings);
      const int64_t begin = std::clamp<int64_t>(after, 0, total);
      const int64_t size = std::clamp<int64_t>(limit, 0, total - begin);
      if (!findings.Expect(static_cast<int64_t>(page.size()) == size,
                           "ReadAll after ", after, ", at most ", limit, ": ",
                           page.size(), " entries instead of ", size)) {
        return;
      }
      for (int64_t i = 0; i < size; ++i) {
        findings.Expect(page[i].global_position == begin + i + 1,
                        "ReadAll after ", after, ": position ",
                        page[i].global_position, " at place ", i);
        CompareEntry(all[begin + i], page[i], findings);
      }
    }
  }
  findings.Expect(Read(outbox, kFar, kFar, findings).empty(),
                  "ReadAll: entries after the end");
}

// Reads on from where it has come to, and remembers all.
class Follower {
 public:
  Follower(Outbox& outbox, int64_t limit, Findings& findings)
      : outbox_(outbox), limit_(limit), findings_(findings) {}

  void ReadToTheEnd() {
    while (findings_.empty()) {
      const auto page = Read(outbox_, cursor_, limit_, findings_);
      if (page.empty()) return;
      for (const OutboxEntry& entry : page) {
        ++cursor_;
        findings_.Expect(entry.global_position == cursor_,
                         "ReadAll while others write: position ",
                         entry.global_position, " where ", cursor_, " is due");
        seen_.push_back(entry);
      }
    }
  }

  const std::vector<OutboxEntry>& seen() const { return seen_; }

 private:
  Outbox& outbox_;
  const int64_t limit_;
  Findings& findings_;
  int64_t cursor_ = 0;
  std::vector<OutboxEntry> seen_;
};

}  // namespace

void CheckGlobalStream(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  if (!scene.ok()) return;
  findings.Expect(Read(scene.outbox(), 0, kFar, findings).empty() &&
                      Last(scene.outbox(), findings) == 0,
                  "ReadAll: an empty store has entries");
  const std::vector<v1::RepositoryName> names = {Name("Octo", "App"),
                                                 Name("octo", "other")};
  scene.Put(names[0], 1);
  scene.Put(names[1], 2);
  for (int i = 0; i < 3; ++i) {
    for (const v1::RepositoryName& name : names) {
      v1::Command create = CreateDeployment(name, "qa");
      create.mutable_create_deployment()->set_production_environment(false);
      const int64_t id = scene.Create(create);
      scene.Create(CreateStatus(name, id, v1::STATUS_STATE_SUCCESS));
      // Refused: nothing comes of it.
      scene.Send(CreateStatus(name, id, v1::STATUS_STATE_WAITING));
    }
  }
  if (!scene.ok()) return;
  const auto all = CompareStreams(scene.outbox(), names, findings);
  if (findings.empty()) CheckPages(scene.outbox(), all, findings);
  // Streams outlive their repositories, and reopening.
  scene.Create(DeleteRepository(names[0]));
  scene.Put(names[0], 3);
  for (int i = 0; i < 2; ++i) {
    if (!scene.ok()) return;
    const auto now = CompareStreams(scene.outbox(), names, findings);
    for (size_t place = 0; place < all.size() && findings.empty(); ++place) {
      CompareEntry(all[place], now[place], findings);
    }
    scene.Reopen();
  }
}

void CheckGlobalStreamRaces(const StoreCheckParams& params,
                            Findings& findings) {
  Scene scene(params, findings);
  scene.OpenAnother();
  constexpr int kWriters = 3;
  std::vector<v1::RepositoryName> names;
  for (int i = 0; i < kWriters; ++i) {
    names.push_back(Name("octo", absl::StrCat("app", i)));
    scene.Put(names.back(), i + 1);
  }
  if (!scene.ok()) return;
  std::atomic<int> writers_left{kWriters};
  std::vector<std::thread> threads;
  threads.reserve(kWriters + 1);
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      // Each sees all of its own as soon as it has been answered.
      Follower follower(scene.outbox(i + 1), 100, findings);
      size_t events = 3;
      for (int j = 0; j < params.rounds && findings.empty(); ++j) {
        const v1::Decision decision = scene.SendAlone(
            CreateDeployment(names[i], absl::StrCat("env", j)), i);
        events += decision.acceptance().events_size();
        follower.ReadToTheEnd();
        const auto own = static_cast<size_t>(std::count_if(
            follower.seen().begin(), follower.seen().end(),
            [&](const OutboxEntry& entry) { return IsOf(entry, names[i]); }));
        findings.Expect(own == events || !findings.empty(),
                        "ReadAll: ends before a decision that was answered: ",
                        own, " of ", events, " entries");
      }
      --writers_left;
    });
  }
  Follower follower(scene.outbox(), 2, findings);
  threads.emplace_back([&] {
    while (writers_left > 0 && findings.empty()) {
      follower.ReadToTheEnd();
      std::this_thread::yield();
    }
    follower.ReadToTheEnd();
  });
  for (std::thread& thread : threads) thread.join();
  if (!scene.ok()) return;
  // What was read while others wrote is what is there.
  const auto all = CompareStreams(scene.outbox(), names, findings);
  findings.Expect(follower.seen().size() == all.size() || !findings.empty(),
                  "ReadAll: gave ", follower.seen().size(),
                  " entries while others wrote, and ", all.size(), " after");
  for (size_t i = 0; i < all.size() && findings.empty(); ++i) {
    CompareEntry(all[i], follower.seen()[i], findings);
  }
}

}  // namespace internal
}  // namespace slipway
