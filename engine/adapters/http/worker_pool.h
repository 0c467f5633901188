// Threads that run tasks from a queue with a bound.
//
//   WorkerPool pool(/*threads=*/2, /*queue_max=*/1024);
//   if (!pool.Submit([] { Answer(); })) Refuse();  // the queue is full
//
// A full queue refuses instead of growing: the caller tells its peer, while
// that peer still listens, rather than answering everyone too late.

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_WORKER_POOL_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace slipway {
namespace http_internal {

// Thread-safe.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  // Starts `threads` threads, with all signals blocked: those belong to the
  // embedder. Throws `std::system_error` when the system has no thread left.
  WorkerPool(int threads, size_t queue_max);
  ~WorkerPool();  // As StopAndWait.

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // True: `task` will run, unless the pool is stopped first. False: it will
  // not, because `queue_max` tasks wait already or the pool is stopped. A task
  // that throws ends alone.
  bool Submit(Task task);

  // Drops the tasks that wait and takes no more. Does not wait for those that
  // run.
  void Stop();

  // The same, and returns when no task runs any more. Not for a task, and not
  // for two threads at once.
  void StopAndWait();

 private:
  void Work();
  // Whether to wake a thread, under the lock. One wakes at a time, and wakes
  // the next: a burst of tasks would otherwise wake threads that find their
  // task taken, which costs more than most tasks do.
  bool WantsWaking();

  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;  // guarded by mutex_
  bool stopped_ = false;    // guarded by mutex_
  int sleeping_ = 0;        // guarded by mutex_
  bool waking_ = false;     // guarded by mutex_
  std::vector<std::thread> threads_;
};

// Starts a thread that receives no signals. Throws as `std::thread` does.
std::thread StartQuietThread(std::function<void()> run);

}  // namespace http_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_WORKER_POOL_H_
