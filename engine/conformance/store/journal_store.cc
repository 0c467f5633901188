#include "engine/conformance/store/journal_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {
namespace {

absl::Status Failed(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// A file, locked while this lives. Locks of different openings exclude each
// other, in one process too.
class FileLock {
 public:
  explicit FileLock(int file) : file_(file) {
    if (file_ >= 0) flock(file_, LOCK_EX);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (file_ >= 0) flock(file_, LOCK_UN);
  }

 private:
  const int file_;
};

// The command that a record is about, as far as a store in memory looks at it.
v1::Command CommandOf(const v1::KeyedAnswer& record) {
  if (record.has_command()) return record.command();
  v1::Command command;
  for (const v1::Event& event : record.decision().acceptance().events()) {
    *command.mutable_repository() = event.repository();
    if (event.type() == v1::EVENT_TYPE_REPOSITORY_PUT) {
      command.mutable_put_repository()->set_id(event.put_repository().id());
    } else if (event.type() == v1::EVENT_TYPE_REPOSITORY_DELETED) {
      command.mutable_delete_repository();
    }
  }
  return command;
}

// A counter in a file.
class FileIds : public IdSource {
 public:
  explicit FileIds(int file) : file_(file) {}
  ~FileIds() override { close(file_); }

  absl::StatusOr<int64_t> Take(int64_t count) override {
    std::lock_guard<std::mutex> lock(mutex_);
    FileLock file_lock(file_);
    int64_t last = 0;
    if (pread(file_, &last, sizeof(last), 0) < 0) return Failed("pread");
    const int64_t first = last + 1;
    last += count;
    if (pwrite(file_, &last, sizeof(last), 0) < 0) return Failed("pwrite");
    return first;
  }

 private:
  std::mutex mutex_;
  const int file_;
};

// Decisions in a file, one after the other, each with its size before it, and
// with the command where it had an idempotency key; and what they add up to, in
// memory.
class JournalHandle : public StoreHandle, public Store, public Outbox {
 public:
  JournalHandle(const JournalFaults& faults, int file,
                std::unique_ptr<IdSource> ids)
      : faults_(faults), file_(file), ids_(std::move(ids)) {}

  ~JournalHandle() override {
    if (!unwritten_.empty()) Append(unwritten_).IgnoreError();
    close(file_);
  }

  Store& store() override { return *this; }
  Outbox& outbox() override { return *this; }
  IdSource* ids() override { return ids_.get(); }
  void BreakConnections() override { is_broken_ = true; }

  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    std::lock_guard<std::mutex> lock(mutex_);
    FileLock file_lock(faults_.takes_no_lock ? -1 : file_);
    absl::Status status = CatchUp();
    if (!status.ok()) return status;
    bool gave_up = false;
    status = memory_.Transact(
        {params.rules, params.command,
         [&](const v1::Facts& facts, v1::Decision* answer) {
           const absl::Status decided = params.decide(facts, answer);
           if (!decided.ok() || answer->replayed()) return decided;
           const bool keeps = KeepsAnswer(params.command, *answer);
           if (answer->acceptance().events().empty() && !keeps) return decided;
           const bool breaks = is_broken_.exchange(false);
           if (breaks && !faults_.gives_up_too_late && !faults_.writes_twice) {
             return absl::UnavailableError("the connection is broken");
           }
           gave_up = breaks && faults_.gives_up_too_late;
           v1::KeyedAnswer record;
           if (keeps && !faults_.forgets_answers)
             *record.mutable_command() = params.command;
           *record.mutable_decision() = *answer;
           return Write(record, breaks && faults_.writes_twice);
         }},
        decision);
    if (gave_up) return absl::UnavailableError("the connection is broken");
    return status;
  }

  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    return Read([&] { return memory_.Facts(params); });
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    return Read([&] { return memory_.FindRepository(name); });
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    return Read([&] { return memory_.FindRepositoryById(id); });
  }
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override {
    return Read([&] { return memory_.FindDeployment(params); });
  }
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    return Read([&] { return memory_.ListDeployments(params); });
  }
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override {
    return Read([&] { return memory_.ListStatuses(params); });
  }
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    return Read([&] { return memory_.FindStatus(params); });
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadOutbox(
      const ReadParams& params) override {
    return Read([&] { return memory_.ReadOutbox(params); });
  }
  absl::StatusOr<std::vector<OutboxEntry>> ReadAll(
      const ReadAllParams& params) override {
    return Read([&] { return memory_.ReadAll(params); });
  }
  absl::StatusOr<int64_t> LastGlobalPosition() override {
    return Read([&] { return memory_.LastGlobalPosition(); });
  }

 private:
  template <typename Query>
  auto Read(const Query& query) -> decltype(query()) {
    std::lock_guard<std::mutex> lock(mutex_);
    FileLock file_lock(faults_.takes_no_lock ? -1 : file_);
    const absl::Status status = CatchUp();
    if (!status.ok()) return status;
    return query();
  }

  // Takes in what others have written.
  absl::Status CatchUp() {
    if (faults_.reads_once && has_read_) return absl::OkStatus();
    std::vector<v1::KeyedAnswer> records;
    while (true) {
      uint32_t size = 0;
      if (pread(file_, &size, sizeof(size), end_) != sizeof(size)) break;
      // A record that was not written to its end has never been.
      struct stat file_status = {};
      if (fstat(file_, &file_status) != 0) return Failed("fstat");
      if (end_ + static_cast<int64_t>(sizeof(size) + size) >
          file_status.st_size) {
        break;
      }
      std::string record(size, '\0');
      if (pread(file_, &record[0], size, end_ + sizeof(size)) !=
          static_cast<ssize_t>(size)) {
        break;
      }
      end_ += static_cast<int64_t>(sizeof(size) + size);
      records.emplace_back();
      if (!records.back().ParseFromString(record)) {
        return absl::DataLossError("a damaged record");
      }
    }
    size_t first = 0;
    std::map<std::string, size_t> deleted_at;
    if (faults_.forgets_the_deleted && !has_read_) {
      for (size_t i = 0; i < records.size(); ++i) {
        const v1::Command command = CommandOf(records[i]);
        if (command.has_delete_repository() &&
            records[i].decision().has_acceptance()) {
          deleted_at[FoldName(FullName(command.repository()))] = i + 1;
        }
      }
    }
    // How long answers are kept is for the rules of those who ask for them.
    v1::Rules rules;
    rules.mutable_limits()->set_idempotency_kept_ms(
        std::numeric_limits<int64_t>::max());
    for (; first < records.size(); ++first) {
      v1::Decision& written = *records[first].mutable_decision();
      const v1::Command command = CommandOf(records[first]);
      if (first < deleted_at[FoldName(FullName(command.repository()))]) {
        continue;
      }
      if (faults_.forgets_effects) {
        written.mutable_acceptance()->clear_effects();
      }
      // What was written without a lock may not add up.
      for (const v1::Event& event : written.acceptance().events()) {
        if (!event.has_status()) continue;
        const auto found = memory_.FindDeployment(
            {event.repository(), event.status().deployment_id()});
        if (!found->has_value()) {
          return absl::DataLossError("a status of no deployment");
        }
      }
      v1::Decision decision;
      const absl::Status status =
          memory_.Transact({rules, command,
                            [&](const v1::Facts&, v1::Decision* answer) {
                              *answer = written;
                              return absl::OkStatus();
                            }},
                           &decision);
      if (!status.ok()) return status;
    }
    has_read_ = true;
    return absl::OkStatus();
  }

  absl::Status Write(const v1::KeyedAnswer& answer, bool twice) {
    std::vector<std::string> records;
    if (faults_.writes_in_parts) {
      for (const v1::Event& event : answer.decision().acceptance().events()) {
        v1::KeyedAnswer part;
        *part.mutable_decision()->mutable_acceptance()->add_events() = event;
        records.push_back(part.SerializeAsString());
      }
    } else {
      records.push_back(answer.SerializeAsString());
    }
    if (twice) records.push_back(records.back());
    // What is left of a record that was not written to its end.
    if (!faults_.takes_no_lock && ftruncate(file_, end_) != 0) {
      return Failed("ftruncate");
    }
    if (!unwritten_.empty()) {
      const absl::Status status = Append(unwritten_);
      if (!status.ok()) return status;
      unwritten_.clear();
    }
    for (const std::string& record : records) {
      if (faults_.tells_before_writing) {
        unwritten_ = record;
        continue;
      }
      const absl::Status status = Append(record);
      if (!status.ok()) return status;
      if (faults_.writes_in_parts) usleep(100);
    }
    return absl::OkStatus();
  }

  // One write, which a signal does not divide; appended, wherever others are.
  absl::Status Append(const std::string& record) {
    const auto size = static_cast<uint32_t>(record.size());
    std::string bytes(sizeof(size), '\0');
    std::memcpy(&bytes[0], &size, sizeof(size));
    bytes += record;
    if (write(file_, bytes.data(), bytes.size()) !=
        static_cast<ssize_t>(bytes.size())) {
      return Failed("write");
    }
    end_ += static_cast<int64_t>(bytes.size());
    return absl::OkStatus();
  }

  const JournalFaults faults_;
  std::mutex mutex_;
  const int file_;
  // How far the file is read and written.
  int64_t end_ = 0;
  bool has_read_ = false;
  std::string unwritten_;
  std::atomic<bool> is_broken_{false};
  MemoryStore memory_;
  const std::unique_ptr<IdSource> ids_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> JournalStoreUnderTest::Make(
    const JournalFaults& faults) {
  const char* top = std::getenv("TEST_TMPDIR");
  std::string directory =
      absl::StrCat(top == nullptr ? "/tmp" : top, "/journal.XXXXXX");
  if (mkdtemp(&directory[0]) == nullptr) return Failed("mkdtemp");
  return absl::WrapUnique<StoreUnderTest>(
      new JournalStoreUnderTest(faults, directory));
}

JournalStoreUnderTest::JournalStoreUnderTest(const JournalFaults& faults,
                                             std::string directory)
    : faults_(faults), directory_(std::move(directory)) {}

JournalStoreUnderTest::~JournalStoreUnderTest() {
  unlink((directory_ + "/journal").c_str());
  unlink((directory_ + "/ids").c_str());
  rmdir(directory_.c_str());
}

absl::StatusOr<std::unique_ptr<StoreHandle>> JournalStoreUnderTest::Open() {
  constexpr mode_t kMode = 0600;
  const int file = open((directory_ + "/journal").c_str(),
                        O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
  const int ids_file =
      open((directory_ + "/ids").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (file < 0 || ids_file < 0) return Failed("open");
  std::unique_ptr<IdSource> ids = std::make_unique<FileIds>(ids_file);
  if (faults_.counts_ids_in_memory) ids = std::make_unique<MemoryIds>();
  return std::make_unique<JournalHandle>(faults_, file, std::move(ids));
}

StoreCapabilities JournalCapabilities() {
  StoreCapabilities capabilities;
  capabilities.durable = true;
  capabilities.several_handles = true;
  capabilities.several_processes = true;
  capabilities.ids = true;
  capabilities.breakable = true;
  return capabilities;
}

}  // namespace internal
}  // namespace slipway
