#include "slipway/tests/crash/trial.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/curl/curl_client.h"
#include "slipway/tests/crash/backend.h"
#include "slipway/tests/crash/checks.h"
#include "slipway/tests/crash/clients.h"
#include "slipway/tests/crash/history.h"
#include "slipway/tests/crash/observation.h"
#include "slipway/tests/crash/receiver.h"
#include "slipway/tests/crash/server_process.h"

namespace crash {
namespace {

using Clock = std::chrono::steady_clock;

enum class Fault { kKill, kTerminate, kCrashDatabase, kFill };

// What is checked after how many terminations: one is quicker than a check.
constexpr int kTerminationsPerCheck = 5;
// Rounds from one look at everything to the next.
constexpr int kRoundsPerFullLook = 25;
constexpr size_t kOldReadings = 40;
constexpr int kFinishMsMax = 180'000;
// What a server that was killed had claimed comes after the lease, which is as
// short as one may be, so that it is waited for. The receiver answers at once.
constexpr char kTimeoutFlag[] = "--webhook_timeout_seconds=5";
constexpr char kLeaseFlag[] = "--webhook_lease_seconds=10";
constexpr int kDeliveriesMsMax = 180'000;

void SleepMs(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

void Append(Findings findings, Findings* all) {
  for (std::string& finding : findings) all->push_back(std::move(finding));
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus()
              : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

std::string SeedOf(const std::vector<std::string>& repositories) {
  const std::string sha(40, 'a');
  std::string text;
  int64_t id = 1000;
  for (const std::string& repository : repositories) {
    absl::StrAppend(&text, "repositories { repository { id: ", ++id,
                    " owner: '", kOwner, "' name: '", repository,
                    "' default_branch: 'main' } commits { sha: '", sha,
                    "' } refs { ref { name: 'main' type: REF_TYPE_BRANCH "
                    "sha: '",
                    sha, "' } } }\n");
  }
  return text;
}

class Trial {
 public:
  Trial(const TrialParams& params, std::ostream& progress)
      : params_(params), progress_(progress), random_(params.seed) {}

  absl::StatusOr<TrialReport> Run();

 private:
  absl::Status SetUp();
  std::vector<Fault> Plan();
  // Does its harm while the clients are at work.
  absl::Status Strike(Fault fault);
  absl::Status Kill();
  absl::Status KillOneOfSeveral();
  absl::Status Terminate();
  absl::Status CrashDatabase();
  absl::Status Fill();
  // Starts what was killed, sometimes in vain.
  absl::Status StartServers();

  // While no client is at work: reads what there is, and checks it.
  absl::Status Look(bool servers_are_down, bool at_everything);
  // Adds what is new in the stream to the replay, and compares the rest where
  // it is to be read again.
  absl::Status ReadOn(slipway::Outbox& outbox, bool at_everything);
  absl::Status Read();
  absl::Status End();
  void Count();
  void Report(size_t round, size_t rounds);
  int Between(int low, int high) {
    return low + static_cast<int>(random_() % (high - low + 1));
  }
  absl::Status WaitFor(const std::function<bool()>& done, int timeout_ms,
                       const std::string& what);

  const TrialParams& params_;
  std::ostream& progress_;
  std::mt19937_64 random_;
  TrialReport report_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point reported_ = Clock::now();

  const ObservationPlan plan_ = {{"crash-0", "crash-1", "crash-2"},
                                 {"qa", "staging", "production"}};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Receiver> receiver_;
  std::vector<std::unique_ptr<ServerProcess>> servers_;
  History history_;
  slipway::CurlClient client_;
  std::unique_ptr<Clients> clients_;

  Replay replay_;
  // Of what the stream had, as it was read first.
  std::vector<size_t> entry_hashes_;
  // Requests whose lists and readings were checked.
  size_t checked_ = 0;
};

absl::Status Trial::SetUp() {
  switch (params_.store) {
    case StoreKind::kMemory:
      backend_ = MemoryBackend();
      break;
    case StoreKind::kSqlite: {
      auto backend = SqliteBackend(params_.directory, params_.fills > 0);
      if (!backend.ok()) return backend.status();
      backend_ = *std::move(backend);
      break;
    }
    case StoreKind::kPostgres: {
      auto backend = PostgresBackend();
      if (!backend.ok()) return backend.status();
      backend_ = *std::move(backend);
      break;
    }
  }
  const std::string secret = "It's a Secret to Everybody";
  const std::string seed_file = params_.directory + "/seed.textproto";
  const std::string secret_file = params_.directory + "/secret";
  absl::Status status = WriteFile(seed_file, SeedOf(plan_.repositories));
  if (!status.ok()) return status;
  status = WriteFile(secret_file, secret);
  if (!status.ok()) return status;
  std::vector<std::string> flags = {
      absl::StrCat("--store=", backend_->flag()),
      absl::StrCat("--seed=", seed_file),
      // The same whatever the port is, so that answers can be compared.
      "--base_url=http://slipway.test",
  };
  if (params_.has_webhooks) {
    auto receiver = Receiver::Start({secret, /*refuse_one_in=*/500});
    if (!receiver.ok()) return receiver.status();
    receiver_ = *std::move(receiver);
    flags.push_back(absl::StrCat("--webhook=", receiver_->url()));
    flags.push_back(absl::StrCat("--webhook_secret_file=", secret_file));
    flags.push_back(kTimeoutFlag);
    flags.push_back(kLeaseFlag);
  }
  for (int i = 0; i < params_.servers; ++i) {
    servers_.push_back(std::make_unique<ServerProcess>(ServerProcessParams{
        params_.server_binary, flags, params_.directory, absl::StrCat(i)}));
    status = servers_.back()->Start();
    if (!status.ok()) return status;
  }
  ClientsParams clients;
  clients.threads = params_.threads;
  clients.seed = params_.seed;
  clients.repositories = plan_.repositories;
  clients.environments = plan_.environments;
  clients.servers = params_.servers;
  clients.has_keys = params_.has_keys;
  clients.port_of = [this](int i) { return servers_[i]->port(); };
  clients_ = std::make_unique<Clients>(clients, &history_, &client_);
  return absl::OkStatus();
}

std::vector<Fault> Trial::Plan() {
  std::vector<Fault> faults;
  faults.insert(faults.end(), params_.kills, Fault::kKill);
  faults.insert(faults.end(), params_.terminations, Fault::kTerminate);
  faults.insert(faults.end(), params_.database_crashes, Fault::kCrashDatabase);
  faults.insert(faults.end(), params_.fills, Fault::kFill);
  std::shuffle(faults.begin(), faults.end(), random_);
  return faults;
}

absl::Status Trial::WaitFor(const std::function<bool()>& done, int timeout_ms,
                            const std::string& what) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!done()) {
    if (Clock::now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(what, " took longer than ", timeout_ms, " ms"));
    }
    SleepMs(1);
  }
  return absl::OkStatus();
}

absl::Status Trial::Strike(Fault fault) {
  switch (fault) {
    case Fault::kKill:
      return params_.servers == 1 ? Kill() : KillOneOfSeveral();
    case Fault::kTerminate:
      return Terminate();
    case Fault::kCrashDatabase:
      return CrashDatabase();
    case Fault::kFill:
      return Fill();
  }
  return absl::InternalError("no such fault");
}

absl::Status Trial::Kill() {
  servers_[0]->Kill();
  ++report_.kills;
  clients_->Pause();
  // Every other time the server finds the files first.
  return report_.kills % 2 == 0
             ? Look(/*servers_are_down=*/true, /*at_everything=*/false)
             : absl::OkStatus();
}

absl::Status Trial::KillOneOfSeveral() {
  const int victim = Between(0, params_.servers - 1);
  Window window;
  window.server = victim;
  servers_[victim]->Kill();
  ++report_.kills;
  window.begun_at = history_.now();
  SleepMs(Between(200, 400));
  window.ended_at = history_.now();
  absl::Status status = servers_[victim]->Start();
  if (!status.ok()) return status;
  SleepMs(Between(20, 100));
  clients_->Pause();
  Append(CheckOthersWentOn(history_.requests(), window), &report_.findings);
  return absl::OkStatus();
}

absl::Status Trial::Terminate() {
  absl::Status status = backend_->TerminateTransaction();
  if (status.ok()) ++report_.terminations;
  return status;
}

absl::Status Trial::CrashDatabase() {
  absl::Status status = backend_->StopDatabase();
  if (!status.ok()) return status;
  ++report_.database_crashes;
  SleepMs(Between(0, 500));
  return backend_->StartDatabase();
}

absl::Status Trial::Fill() {
  absl::Status status = backend_->TakeRoom();
  const bool has_room_of_its_own = !absl::IsUnimplemented(status);
  const auto limit = [&](int64_t bytes) {
    absl::Status limited = absl::OkStatus();
    for (const auto& server : servers_) {
      limited.Update(server->LimitFileSize(bytes));
    }
    return limited;
  };
  if (!has_room_of_its_own) status = limit(0);
  if (!status.ok()) return status;
  // What was written before has left some room in the store's own files.
  const int64_t before = history_.unavailable();
  status = WaitFor([&] { return history_.unavailable() > before; }, 60'000,
                   "filling the disk");
  if (!status.ok()) return status;
  Window window;
  window.begun_at = history_.now();
  SleepMs(Between(300, 600));
  window.ended_at = history_.now();
  status = has_room_of_its_own ? backend_->GiveRoom() : limit(-1);
  if (!status.ok()) return status;
  ++report_.fills;
  const int64_t acknowledged = history_.acknowledged();
  // Some of these were under way; more than there are clients cannot be.
  status = WaitFor(
      [&] { return history_.acknowledged() > acknowledged + params_.threads; },
      30'000, "writing again after there was room");
  clients_->Pause();
  if (!status.ok()) {
    report_.findings.push_back(std::string(status.message()));
  }
  Append(CheckNoRoom(history_.requests(), window), &report_.findings);
  return absl::OkStatus();
}

absl::Status Trial::StartServers() {
  for (const auto& server : servers_) {
    if (server->port() != 0) {
      absl::Status status = server->CheckAlive();
      if (!status.ok()) return status;
      continue;
    }
    // Starting is work that can be interrupted, too.
    while (Between(0, 5) == 0) {
      absl::Status status = server->Spawn();
      if (!status.ok()) return status;
      SleepMs(Between(0, 60));
      server->Kill();
      ++report_.kills_at_start;
    }
    absl::Status status = server->Start();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Trial::ReadOn(slipway::Outbox& outbox, bool at_everything) {
  Findings* const findings = &report_.findings;
  std::vector<slipway::OutboxEntry> entries;
  const absl::Status status =
      ReadStream(outbox, at_everything ? 0 : replay_.position(), &entries);
  if (!status.ok()) return status;
  size_t place = at_everything ? 0 : entry_hashes_.size();
  for (const slipway::OutboxEntry& entry : entries) {
    const size_t hash =
        std::hash<std::string>()(entry.event.SerializeAsString());
    if (place < entry_hashes_.size()) {
      if (entry_hashes_[place] != hash ||
          entry.global_position != static_cast<int64_t>(place) + 1) {
        findings->push_back(
            absl::StrCat("the stream at ", place + 1, " was another before"));
      }
    } else {
      entry_hashes_.push_back(hash);
      replay_.Add(entry, findings);
    }
    ++place;
  }
  if (place < entry_hashes_.size()) {
    findings->push_back(absl::StrCat("the stream had ", entry_hashes_.size(),
                                     " events before, and now ", place));
  }
  return absl::OkStatus();
}

absl::Status Trial::Look(bool servers_are_down, bool at_everything) {
  Findings* const findings = &report_.findings;
  // Before the stream, which has all that they are about.
  const std::vector<Delivery> deliveries =
      receiver_ != nullptr ? receiver_->Deliveries() : std::vector<Delivery>();
  const absl::StatusOr<View> view = backend_->Look(servers_are_down);
  if (!view.ok()) return view.status();
  Append(CheckAnswers(history_.requests(), at_everything ? 0 : checked_),
         findings);
  if (view->store == nullptr) return absl::OkStatus();

  absl::Status status = ReadOn(*view->outbox, at_everything);
  if (!status.ok()) return status;
  DeploymentIds ids;
  Observation seen;
  while (true) {
    for (const auto& [repository, touched] : replay_.TakeTouched()) {
      ids[repository].insert(touched.begin(), touched.end());
    }
    if (at_everything) {
      for (const std::string& repository : plan_.repositories) {
        for (const auto& record : replay_.StateOf(repository).deployments()) {
          ids[repository].insert(record.deployment().id());
        }
        ids[repository].insert(replay_.deleted().begin(),
                               replay_.deleted().end());
      }
    }
    seen = Observation();
    status = ReadRows(*view->store, plan_, ids, &seen);
    if (!status.ok()) return status;
    // What a server had sent before it was killed, its database may have
    // committed between the two: then the rows are of another moment.
    const absl::StatusOr<int64_t> last = view->outbox->LastGlobalPosition();
    if (!last.ok()) return last.status();
    if (*last <= replay_.position()) break;
    status = ReadOn(*view->outbox, /*at_everything=*/false);
    if (!status.ok()) return status;
  }
  replay_.NoteEnd(findings);
  Append(CheckRows(replay_, seen), findings);
  Append(CheckHistory(history_.requests(), replay_), findings);
  if (receiver_ != nullptr) {
    Append(CheckDeliveries(replay_.notifications(), deliveries,
                           /*is_over=*/false),
           findings);
  }
  return absl::OkStatus();
}

absl::Status Trial::Read() {
  const std::vector<Request>& requests = history_.requests();
  std::vector<size_t> wanted;
  for (size_t i = checked_; i < requests.size(); ++i) wanted.push_back(i);
  for (size_t i = 0; i < kOldReadings && checked_ > 0; ++i) {
    wanted.push_back(random_() % checked_);
  }
  checked_ = requests.size();
  std::vector<Reading> readings;
  for (const size_t i : wanted) {
    const int server = Between(0, params_.servers - 1);
    const auto call = ReadingCallOf(
        requests[i],
        absl::StrCat("http://127.0.0.1:", servers_[server]->port()));
    if (!call.has_value()) continue;
    auto response = client_.Send(*call);
    if (!response.ok()) return response.status();
    readings.push_back({i, response->status, std::move(response->body)});
  }
  report_.readings += static_cast<int64_t>(readings.size());
  Append(CheckReadings(requests, readings), &report_.findings);
  return absl::OkStatus();
}

absl::Status Trial::End() {
  if (!clients_->Finish(kFinishMsMax)) {
    report_.findings.push_back(
        "at the end: requests that are repeated get no answer");
  }
  absl::Status status = Look(/*servers_are_down=*/false,
                             /*at_everything=*/true);
  if (!status.ok()) return status;
  status = Read();
  if (!status.ok() || !report_.findings.empty()) return status;
  if (receiver_ != nullptr && !entry_hashes_.empty()) {
    progress_ << "waiting for deliveries: " << receiver_->taken() << " of "
              << replay_.notifications().size() << std::endl;
    WaitFor(
        [&] {
          SleepMs(100);
          return receiver_->taken() >= replay_.notifications().size();
        },
        kDeliveriesMsMax, "delivering")
        .IgnoreError();  // the check says which are missing
    Append(CheckDeliveries(replay_.notifications(), receiver_->Deliveries(),
                           /*is_over=*/true),
           &report_.findings);
  }
  for (const auto& server : servers_) {
    status = server->Stop();
    if (!status.ok()) {
      report_.findings.push_back(std::string(status.message()));
    }
  }
  status = backend_->CheckIntegrity();
  if (!status.ok()) report_.findings.push_back(status.ToString());
  return absl::OkStatus();
}

void Trial::Count() {
  report_.requests = static_cast<int64_t>(history_.requests().size());
  report_.acknowledged = report_.refused = report_.unknown = 0;
  report_.lost_answers = report_.unavailable = report_.repeats = 0;
  for (const Request& request : history_.requests()) {
    int answers = 0;
    for (const Attempt& attempt : request.attempts) {
      const AttemptResult result = attempt.answer.result;
      report_.lost_answers += result == AttemptResult::kLost;
      report_.unavailable += result == AttemptResult::kUnavailable;
      answers += result == AttemptResult::kAnswered;
    }
    report_.repeats += std::max(0, answers - 1);
    if (!IsWrite(request.action)) continue;
    const Outcome outcome = OutcomeOf(request);
    report_.acknowledged += outcome == Outcome::kAcknowledged;
    report_.refused += outcome == Outcome::kRefused;
    report_.unknown += outcome == Outcome::kUnknown;
  }
  report_.events = replay_.position();
  report_.notifications = static_cast<int64_t>(replay_.notifications().size());
  if (receiver_ != nullptr) {
    report_.deliveries = static_cast<int64_t>(receiver_->count());
  }
  report_.seconds =
      std::chrono::duration<double>(Clock::now() - begun_).count();
}

void Trial::Report(size_t round, size_t rounds) {
  if (Clock::now() - reported_ < std::chrono::seconds(2)) return;
  reported_ = Clock::now();
  progress_ << "fault " << round << " of " << rounds << ": "
            << history_.acknowledged() << " acknowledged, "
            << replay_.position() << " events, "
            << (receiver_ != nullptr ? receiver_->count() : 0) << " deliveries"
            << std::endl;
}

absl::StatusOr<TrialReport> Trial::Run() {
  absl::Status status = SetUp();
  if (!status.ok()) return status;
  const std::vector<Fault> faults = Plan();
  for (size_t i = 0; i < faults.size() && report_.findings.empty(); ++i) {
    clients_->Resume();
    SleepMs(Between(10, 250));
    status = Strike(faults[i]);
    if (!status.ok()) return status;
    if (faults[i] == Fault::kTerminate && i % kTerminationsPerCheck != 0) {
      continue;
    }
    if (faults[i] != Fault::kKill && faults[i] != Fault::kFill) {
      SleepMs(Between(20, 100));
    }
    clients_->Pause();
    status = StartServers();
    if (!status.ok()) return status;
    ++report_.rounds;
    status = Look(/*servers_are_down=*/false,
                  report_.rounds % kRoundsPerFullLook == 0);
    if (!status.ok()) return status;
    status = Read();
    if (!status.ok()) return status;
    Report(i + 1, faults.size());
  }
  clients_->Pause();
  if (report_.findings.empty()) status = End();
  Count();
  if (!status.ok()) return status;
  if (report_.acknowledged < report_.rounds) {
    return absl::FailedPreconditionError(absl::StrCat(
        "only ", report_.acknowledged, " writes were acknowledged in ",
        report_.rounds, " rounds: too few to say anything"));
  }
  return report_;
}

}  // namespace

absl::StatusOr<TrialReport> RunTrial(const TrialParams& params,
                                     std::ostream& progress) {
  return Trial(params, progress).Run();
}

std::string Summary(const TrialReport& report) {
  return absl::StrCat(
      "faults:      ", report.kills, " kills, ", report.kills_at_start,
      " more at the start, ", report.terminations, " terminated transactions, ",
      report.database_crashes, " database crashes, ", report.fills,
      " full disks\n", "requests:    ", report.requests, ", of which ",
      report.acknowledged, " decisions acknowledged, ", report.refused,
      " refused, ", report.unknown, " unknown\n",
      "attempts:    ", report.lost_answers, " without an answer, ",
      report.unavailable, " answered 503, ", report.repeats,
      " repeated after an answer\n", "checked:     ", report.rounds, " times; ",
      report.events, " events, ", report.readings, " GETs\n",
      "webhooks:    ", report.deliveries, " deliveries of ",
      report.notifications, " events\n",
      "duration:    ", static_cast<int64_t>(report.seconds), " s\n");
}

}  // namespace crash
