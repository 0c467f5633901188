#include "slipway/adapters/sqlite/writer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include "absl/types/optional.h"

namespace slipway {
namespace internal {
namespace {

// How often a group lets others run before it takes itself for complete.
constexpr int kYields = 20;

// What this thread is at work on.
struct AtWork {
  const Writer* writer = nullptr;
  Rows* rows = nullptr;
};
thread_local AtWork at_work;

}  // namespace

// One call of `Run`. Shared, because whoever wakes it may be slower than it.
struct Writer::Caller {
  explicit Caller(Work work) : work(work) {}

  // Only while its call lasts.
  Work work;
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
      group_size_max_(std::max<size_t>(params.group_size_max, 1)),
      metrics_(params.metrics),
      rows_(*database_) {}

Rows* Writer::Current() {
  return at_work.writer == this ? at_work.rows : nullptr;
}

absl::Status Writer::Run(Work work) {
  if (Current() != nullptr) {
    return absl::InternalError(
        "a decider must not call the store that waits for it");
  }
  const auto self = std::make_shared<Caller>(work);
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
  if (!CommitTogether(&group, /*admits_more=*/true)) {
    for (const std::shared_ptr<Caller>& caller : group) {
      Group alone = {caller};
      CommitTogether(&alone, /*admits_more=*/false);
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

bool Writer::CommitTogether(Group* group, bool admits_more) {
  absl::Status status = Begin();
  const int64_t changes_before = rows_.changes();
  size_t done = 0;
  // Those who only read, or were refused, change nothing.
  for (; status.ok(); ++done) {
    if (done == group->size() && admits_more) AdmitMore(group);
    if (done == group->size()) break;
    Caller& caller = *(*group)[done];
    const int64_t changes = rows_.changes();
    at_work = {this, &rows_};
    caller.status = caller.work(rows_);
    at_work = {};
    if (caller.status.ok() || rows_.changes() == changes) continue;
    // It is half done, and so all have to be undone.
    database_->Rollback();
    rows_.Clear();
    return group->size() == 1;
  }
  if (status.ok() && rows_.changes() != changes_before) {
    status = Commit(group->size());
    if (status.ok()) return true;
  } else if (status.ok()) {
    // Nothing is to be written.
    database_->Rollback();
    return true;
  }
  database_->Rollback();
  rows_.Clear();
  if (admits_more) Admit(group_size_max_ - group->size(), group);
  for (const std::shared_ptr<Caller>& caller : *group) {
    // A refusal stays one.
    if (caller->status.ok()) caller->status = status;
  }
  return true;
}

absl::Status Writer::Begin() {
  absl::Status status = internal::Run(*database_, Sql::kBeginImmediate);
  if (metrics_ != nullptr) {
    const int64_t retries = database_->TakeRetries();
    if (retries > 0) {
      metrics_->Add("slipway_store_retries_total", {{"reason", "busy"}},
                    static_cast<double>(retries));
    }
  }
  if (!status.ok()) return status;
  absl::StatusOr<bool> changed = database_->ChangedByOthers();
  if (!changed.ok()) return changed.status();
  if (*changed) {
    rows_.Clear();
  } else {
    rows_.ClearIfLarge();
  }
  return absl::OkStatus();
}

absl::Status Writer::Commit(size_t size) {
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status = rows_.Flush();
  if (status.ok()) status = internal::Run(*database_, Sql::kCommit);
  if (metrics_ != nullptr && status.ok()) {
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    metrics_->Observe("slipway_commit_seconds", {}, seconds.count());
    metrics_->Observe("slipway_commit_group_size", {},
                      static_cast<double>(size));
  }
  return status;
}

}  // namespace internal
}  // namespace slipway
