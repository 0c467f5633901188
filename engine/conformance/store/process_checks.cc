#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

// What a process tells when it is through, as ids are positive.
constexpr int64_t kDone = -1;
constexpr int64_t kFailed = -2;

// A process that runs `work` and reports numbers to this one.
class Child {
 public:
  using Tell = std::function<void(int64_t)>;

  // False: it could not be started.
  bool Start(const std::function<void(const Tell&)>& work) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    pid_ = fork();
    if (pid_ < 0) {
      close(ends[0]);
      close(ends[1]);
      return false;
    }
    if (pid_ == 0) {
      close(ends[0]);
      work([end = ends[1]](int64_t number) {
        // Pipes take a number at once or not at all.
        if (write(end, &number, sizeof(number)) !=
            static_cast<ssize_t>(sizeof(number))) {
          _exit(1);
        }
      });
      _exit(0);
    }
    close(ends[1]);
    end_ = ends[0];
    return true;
  }

  // The next number; false: there is none, the process is gone.
  bool Read(int64_t* number) const {
    ssize_t size = 0;
    do {
      size = read(end_, number, sizeof(*number));
    } while (size < 0 && errno == EINTR);
    return size == static_cast<ssize_t>(sizeof(*number));
  }

  void Kill() const { kill(pid_, SIGKILL); }

  ~Child() {
    if (pid_ <= 0) return;
    // Whoever is still writing gets a signal, and ends.
    close(end_);
    Kill();
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  int end_ = -1;
};

// Creates deployments in `environment` and succeeds with each, up to `count`,
// and tells the id of each status that was answered with OK.
void Deploy(StoreUnderTest& subject, const v1::RepositoryName& name,
            const std::string& environment, int count,
            const Child::Tell& tell) {
  absl::StatusOr<std::unique_ptr<StoreHandle>> handle = subject.Open();
  if (!handle.ok()) return tell(kFailed);
  const v1::Rules rules = DocumentedRules();
  for (int i = 0; i < count; ++i) {
    const absl::StatusOr<v1::Decision> created =
        SendTo((*handle)->store(), rules, CreateDeployment(name, environment));
    if (!created.ok() || !created->has_acceptance()) return tell(kFailed);
    const absl::StatusOr<v1::Decision> succeeded =
        SendTo((*handle)->store(), rules,
               CreateStatus(name, IdOf(*created), v1::STATUS_STATE_SUCCESS));
    if (!succeeded.ok() || !succeeded->has_acceptance()) return tell(kFailed);
    tell(IdOf(*succeeded));
  }
  tell(kDone);
}

// Makes the repository and leaves no handle open.
std::unique_ptr<StoreUnderTest> Prepare(const StoreCheckParams& params,
                                        const v1::RepositoryName& name,
                                        Findings& findings) {
  absl::StatusOr<std::unique_ptr<StoreUnderTest>> subject = params.make();
  if (!findings.Expect(subject.ok(),
                       "no store: ", subject.status().ToString())) {
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<StoreHandle>> handle = (*subject)->Open();
  if (!findings.Expect(handle.ok(), "Open: ", handle.status().ToString())) {
    return nullptr;
  }
  for (const v1::Command& command :
       {PutRepository(name, 1), PutBranch(name, "main", 'a')}) {
    const absl::StatusOr<v1::Decision> decision =
        SendTo((*handle)->store(), DocumentedRules(), command);
    if (!findings.Expect(decision.ok(),
                         "Transact: ", decision.status().ToString())) {
      return nullptr;
    }
  }
  return *std::move(subject);
}

// Opens the store and compares all of it with its stream; that each of
// `status_ids` is there; and that every success left one deployment live.
void CompareAfterwards(StoreUnderTest& subject, const v1::RepositoryName& name,
                       const std::set<int64_t>& status_ids,
                       Findings& findings) {
  absl::StatusOr<std::unique_ptr<StoreHandle>> handle = subject.Open();
  if (!findings.Expect(handle.ok(), "Open: ", handle.status().ToString())) {
    return;
  }
  const v1::RepositoryState state =
      CompareWithReplay((*handle)->store(), (*handle)->outbox(),
                        DocumentedRules(), name, findings);
  std::set<int64_t> found;
  std::set<std::string> live;
  for (const v1::DeploymentRecord& record : state.deployments()) {
    for (const v1::DeploymentStatus& status : record.statuses()) {
      found.insert(status.id());
    }
    if (record.statuses().empty() ||
        record.statuses().rbegin()->state() != v1::STATUS_STATE_SUCCESS) {
      continue;
    }
    findings.Expect(live.insert(record.deployment().environment()).second,
                    "a success is there without its retirements");
  }
  for (const int64_t id : status_ids) {
    if (!findings.Expect(found.count(id) > 0, "the status ", id,
                         " was answered with OK, and is lost")) {
      return;
    }
  }
}

}  // namespace

void CheckProcesses(const StoreCheckParams& params, Findings& findings) {
  const v1::RepositoryName app = Name("octo", "app");
  const std::unique_ptr<StoreUnderTest> subject =
      Prepare(params, app, findings);
  if (subject == nullptr) return;
  std::set<int64_t> status_ids;
  {
    constexpr int kProcesses = 3;
    std::vector<Child> children(kProcesses);
    for (int i = 0; i < kProcesses; ++i) {
      // Two of them in one environment.
      const std::string environment = absl::StrCat("env", i / 2);
      if (!findings.Expect(children[i].Start([&](const Child::Tell& tell) {
            Deploy(*subject, app, environment, params.rounds, tell);
          }),
                           "fork failed")) {
        return;
      }
    }
    for (const Child& child : children) {
      int64_t number = 0;
      while (child.Read(&number) && number > 0) {
        findings.Expect(status_ids.insert(number).second,
                        "two processes were given the id ", number);
      }
      findings.Expect(number == kDone, "a process failed beside others");
    }
  }
  findings.Expect(static_cast<int>(status_ids.size()) == 3 * params.rounds,
                  "statuses are missing");
  if (!findings.empty()) return;
  absl::StatusOr<std::unique_ptr<StoreHandle>> handle = subject->Open();
  if (!findings.Expect(handle.ok(), "Open: ", handle.status().ToString())) {
    return;
  }
  const v1::RepositoryState state =
      CompareWithReplay((*handle)->store(), (*handle)->outbox(),
                        DocumentedRules(), app, findings);
  findings.Expect(state.deployments_size() == 3 * params.rounds, "of ",
                  3 * params.rounds, " deployments ", state.deployments_size(),
                  " are left");
}

void CheckKilledWriters(const StoreCheckParams& params, Findings& findings) {
  const v1::RepositoryName app = Name("octo", "app");
  const std::unique_ptr<StoreUnderTest> subject =
      Prepare(params, app, findings);
  if (subject == nullptr) return;
  std::set<int64_t> status_ids;
  for (int i = 0; i < params.rounds && findings.empty(); ++i) {
    {
      Child child;
      if (!findings.Expect(child.Start([&](const Child::Tell& tell) {
            constexpr int kNeverDone = 1000000;
            Deploy(*subject, app, "qa", kNeverDone, tell);
          }),
                           "fork failed")) {
        return;
      }
      // At moments that differ: so many answers, and then so many microseconds.
      const auto note = [&](int64_t number) {
        findings.Expect(number > 0,
                        "a process could not go on after another "
                        "was killed");
        findings.Expect(number <= 0 || status_ids.insert(number).second,
                        "the id ", number, " was used twice");
      };
      int64_t number = 0;
      for (int answers = 0; answers <= i % 3 && child.Read(&number);
           ++answers) {
        note(number);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(i * 7919 % 2000));
      child.Kill();
      while (child.Read(&number)) note(number);
    }
    if (!findings.empty()) return;
    CompareAfterwards(*subject, app, status_ids, findings);
  }
}

}  // namespace internal
}  // namespace slipway
