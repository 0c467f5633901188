#include "slipway/adapters/http/worker_pool.h"

#include <csignal>
#include <utility>

namespace slipway {
namespace http_internal {

std::thread StartQuietThread(std::function<void()> run) {
  // A new thread inherits the mask; ours is put back on every path.
  struct SignalsBlocked {
    SignalsBlocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &previous);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous, nullptr); }
    sigset_t previous;
  } blocked;
  return std::thread(std::move(run));
}

WorkerPool::WorkerPool(int threads, size_t queue_max) : queue_max_(queue_max) {
  try {
    for (int i = 0; i < threads; ++i) {
      threads_.push_back(StartQuietThread([this] { Work(); }));
    }
  } catch (...) {
    StopAndWait();
    throw;
  }
}

WorkerPool::~WorkerPool() { StopAndWait(); }

bool WorkerPool::Submit(Task task) {
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
    wake = WantsWaking();
  }
  if (wake) wake_.notify_one();
  return true;
}

void WorkerPool::Stop() {
  std::deque<Task> dropped;  // destroyed after the lock is let go
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
}

bool WorkerPool::WantsWaking() {
  if (queue_.empty() || waking_ || sleeping_ == 0) return false;
  waking_ = true;
  return true;
}

void WorkerPool::Work() {
  for (;;) {
    Task task;
    bool wake = false;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      while (!stopped_ && queue_.empty()) {
        ++sleeping_;
        wake_.wait(lock);
        --sleeping_;
        waking_ = false;
      }
      if (stopped_) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      // This task may block: the next one has a thread of its own coming.
      wake = WantsWaking();
    }
    if (wake) wake_.notify_one();
    try {
      task();
    } catch (...) {
      // Nobody is left to tell; what the task held is released with it.
    }
  }
}

void WorkerPool::StopAndWait() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace http_internal
}  // namespace slipway
