#include "slipway/adapters/sqlite/writer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace slipway {
namespace internal {
namespace {

// How often a group lets others run before it takes itself for complete.
constexpr int kYields = 20;

// How long the files are taken to be in their places. Looking costs as much as
// a statement, which a lone caller would feel; what is decided in this time
// after somebody has replaced a file goes where the replaced one is.
constexpr std::chrono::milliseconds kFilesPause(100);

// For another thread: copies of a status share a count, whose handling inside
// of Abseil TSan cannot see.
absl::Status CopyOf(const absl::Status& status) {
  return absl::Status(status.code(), status.message());
}

// What this thread is at work on; a decider of one store may write to another.
class AtWork {
 public:
  AtWork(const Writer& writer, Rows& rows)
      : writer_(writer), rows_(rows), outer_(innermost) {
    innermost = this;
  }
  ~AtWork() { innermost = outer_; }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

  static Rows* Find(const Writer& writer) {
    for (const AtWork* at = innermost; at != nullptr; at = at->outer_) {
      if (&at->writer_ == &writer) return &at->rows_;
    }
    return nullptr;
  }

 private:
  static thread_local const AtWork* innermost;

  const Writer& writer_;
  Rows& rows_;
  const AtWork* const outer_;
};
thread_local const AtWork* AtWork::innermost = nullptr;

}  // namespace

// One call of `Run`. Shared, because whoever wakes it may be slower than it.
struct Writer::Caller {
  Caller(Work work, int64_t busy_us) : work(work), busy_since_us(busy_us) {}

  // Only while its call lasts.
  Work work;
  // `Database::busy_us` when it came.
  const int64_t busy_since_us;
  absl::Status status;

  std::mutex mutex;
  std::condition_variable wake;
  // Its status is final.
  bool is_done = false;
  // It is its turn to lead.
  bool leads = false;

  void Wake(bool Caller::*what) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      this->*what = true;
    }
    wake.notify_one();
  }
};

Writer::Writer(Params params)
    : database_(std::move(params.database)),
      files_(database_->path()),
      group_size_max_(std::max<size_t>(params.group_size_max, 1)),
      metrics_(params.metrics),
      rows_(*database_) {}

Rows* Writer::Current() { return AtWork::Find(*this); }

size_t Writer::CountWaiting() {
  std::lock_guard<std::mutex> lock(mutex_);
  return waiting_.size();
}

absl::Status Writer::Run(Work work) {
  if (Current() != nullptr) {
    return absl::InternalError(
        "a decider must not call the store that waits for it");
  }
  const auto self = std::make_shared<Caller>(work, database_->busy_us());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (is_led_) {
      waiting_.push_back(self);
    } else {
      is_led_ = true;
      self->leads = true;
    }
  }
  {
    std::unique_lock<std::mutex> lock(self->mutex);
    self->wake.wait(lock, [&] { return self->is_done || self->leads; });
    if (self->is_done) return self->status;
  }
  Lead(self);
  return self->status;
}

void Writer::Admit(size_t limit, Group* group) {
  std::lock_guard<std::mutex> lock(mutex_);
  while (limit-- > 0 && !waiting_.empty()) {
    group->push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void Writer::Lead(const std::shared_ptr<Caller>& self) {
  Group group = {self};
  // It has waited the longest; for all of them together no lock is waited for
  // longer than for it.
  database_->LimitBusy(self->busy_since_us);
  Outcome outcome = CommitTogether(&group, /*admits_more=*/true);
  if (outcome == Outcome::kUndone) {
    for (const std::shared_ptr<Caller>& caller : group) {
      if (outcome == Outcome::kBroken) {
        // A refusal stays one.
        if (caller->status.ok()) caller->status = CopyOf(broken_);
        continue;
      }
      Group alone = {caller};
      outcome = CommitTogether(&alone, /*admits_more=*/false);
    }
  }
  last_group_size_ = group.size();
  std::shared_ptr<Caller> next;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_.empty()) {
      is_led_ = false;
    } else {
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
  }
  // Who goes on first, so that the disk has work while the others wake.
  if (next != nullptr) next->Wake(&Caller::leads);
  for (const std::shared_ptr<Caller>& caller : group) {
    if (caller != self) caller->Wake(&Caller::is_done);
  }
}

void Writer::AdmitMore(Group* group) {
  const size_t before = group->size();
  Admit(group_size_max_ - before, group);
  // Those of the last group have just been woken, and may be about to come
  // back: whoever can run is let run, which costs nothing where nobody can.
  // After a lone caller nobody is expected.
  for (int i = 0;
       i < kYields && group->size() == before && before < last_group_size_;
       ++i) {
    std::this_thread::yield();
    Admit(group_size_max_ - before, group);
  }
}

Writer::Outcome Writer::CommitTogether(Group* group, bool admits_more) {
  // A refusal stays one.
  const auto tell_all = [&](const absl::Status& status) {
    for (const std::shared_ptr<Caller>& caller : *group) {
      if (caller->status.ok()) caller->status = CopyOf(status);
    }
  };
  absl::Status status = Begin();
  if (!status.ok()) {
    Undo();
    tell_all(status);
    broken_ = status;
    return Outcome::kBroken;
  }
  const int64_t changes_before = rows_.changes();
  for (size_t done = 0;; ++done) {
    if (done == group->size() && admits_more) AdmitMore(group);
    if (done == group->size()) break;
    Caller& caller = *(*group)[done];
    const int64_t changes = rows_.changes();
    {
      const AtWork at_work(*this, rows_);
      caller.status = caller.work(rows_);
    }
    if (database_->InTransaction()) {
      // Those who only read, or were refused, change nothing.
      if (caller.status.ok() || rows_.changes() == changes) continue;
    } else if (caller.status.ok()) {
      // He did not see that a statement failed.
      caller.status = database_->TransactionIsLost();
    }
    // It is half done, or SQLite has undone everybody's because of an error of
    // the storage, and so all have to be undone.
    Undo();
    return group->size() == 1 ? Outcome::kAnswered : Outcome::kUndone;
  }
  if (rows_.changes() == changes_before) {
    // Nothing is to be written.
    database_->Rollback();
    return Outcome::kAnswered;
  }
  status = Commit(group->size());
  if (status.ok()) return Outcome::kAnswered;
  Undo();
  const bool was_in_doubt = is_in_doubt_;
  if (was_in_doubt && !Settle().ok()) {
    broken_ = status;
    tell_all(absl::UnknownError(absl::StrCat(
        "outcome unknown: the commit failed, and what it wrote cannot be "
        "overwritten, so that a crash could bring it back: ",
        status.message())));
    return Outcome::kBroken;
  }
  if (group->size() > 1) return Outcome::kUndone;
  tell_all(status);
  broken_ = status;
  return was_in_doubt ? Outcome::kBroken : Outcome::kAnswered;
}

absl::Status Writer::Begin() {
  absl::Status status;
  if (is_in_doubt_ || database_->WalIsLong()) {
    status = files_.Check();
    if (!status.ok()) return status;
  }
  if (is_in_doubt_) {
    status = Settle();
    if (!status.ok()) {
      return absl::UnavailableError(
          absl::StrCat("nothing can be written before an earlier commit, which "
                       "failed, is overwritten: ",
                       status.message()));
    }
  }
  if (database_->WalIsLong()) database_->LimitWal();
  status = internal::Run(*database_, Sql::kBeginImmediate);
  if (metrics_ != nullptr) {
    const int64_t retries = database_->TakeRetries();
    if (retries > 0) {
      metrics_->Add("slipway_store_retries_total", {{"reason", "busy"}},
                    static_cast<double>(retries));
    }
  }
  if (status.ok()) status = CheckFiles();
  if (status.ok()) status = database_->ReserveWalIndex();
  if (!status.ok()) return status;
  database_->EnterTransaction();
  absl::StatusOr<bool> changed = database_->ChangedByOthers();
  if (!changed.ok()) return changed.status();
  if (*changed) {
    rows_.Clear();
  } else {
    rows_.ClearIfLarge();
  }
  return absl::OkStatus();
}

absl::Status Writer::CheckFiles() {
  const auto now = std::chrono::steady_clock::now();
  if (!files_status_.ok() || now - files_checked_at_ >= kFilesPause) {
    files_checked_at_ = now;
    files_status_ = files_.Check();
  }
  return files_status_;
}

absl::Status Writer::Commit(size_t size) {
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status = rows_.Flush();
  if (!status.ok()) return status;
  status = internal::Run(*database_, Sql::kCommit);
  if (!status.ok()) {
    // A contradiction is found before anything is written, and leaves the
    // transaction open. Where there was no room, its last page, which makes it
    // count, is not in the WAL. Else the whole of it may be: what failed may
    // have been the sync.
    is_in_doubt_ = !database_->InTransaction() && !database_->FailedForRoom();
    return status;
  }
  database_->LeaveTransaction();
  if (metrics_ != nullptr) {
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    metrics_->Observe("slipway_commit_seconds", {}, seconds.count());
    metrics_->Observe("slipway_commit_group_size", {},
                      static_cast<double>(size));
  }
  return status;
}

void Writer::Undo() {
  database_->Rollback();
  rows_.Clear();
}

absl::Status Writer::Settle() {
  absl::Status status = database_->OverwriteFailedCommit();
  is_in_doubt_ = !status.ok();
  return status;
}

}  // namespace internal
}  // namespace slipway
