#include "slipway/adapters/http/worker_pool.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "gtest/gtest.h"

namespace slipway {
namespace http_internal {
namespace {

// Counts those that arrive, and keeps them until it is opened.
class Turnstile {
 public:
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitArrived(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, count] { return arrived_ >= count; });
  }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

TEST(WorkerPoolTest, EveryThreadGetsATaskWhileOthersBlock) {
  constexpr int kThreads = 8;
  WorkerPool pool(kThreads, /*queue_max=*/kThreads);
  for (int round = 0; round < 50; ++round) {
    Turnstile turnstile;
    std::atomic<int> done{0};
    for (int i = 0; i < kThreads; ++i) {
      // The queue is as long as the pool, and the round before it is over.
      ASSERT_TRUE(pool.Submit([&] {
        turnstile.Pass();
        ++done;
      }));
    }
    turnstile.AwaitArrived(kThreads);
    turnstile.Open();
    while (done < kThreads) std::this_thread::yield();
  }
}

TEST(WorkerPoolTest, AFullQueueRefuses) {
  Turnstile turnstile;
  WorkerPool pool(/*threads=*/1, /*queue_max=*/2);
  ASSERT_TRUE(pool.Submit([&] { turnstile.Pass(); }));
  turnstile.AwaitArrived(1);
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  turnstile.Open();
}

TEST(WorkerPoolTest, StopDropsWhatWaitsAndReleasesIt) {
  Turnstile turnstile;
  WorkerPool pool(/*threads=*/1, /*queue_max=*/2);
  ASSERT_TRUE(pool.Submit([&] { turnstile.Pass(); }));
  turnstile.AwaitArrived(1);
  auto held = std::make_shared<int>(7);
  std::atomic<bool> ran{false};
  ASSERT_TRUE(pool.Submit([held, &ran] { ran = true; }));
  pool.Stop();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(pool.Submit([] {}));
  turnstile.Open();
  pool.StopAndWait();
  EXPECT_FALSE(ran);
}

TEST(WorkerPoolTest, ATaskThatThrowsEndsAlone) {
  Turnstile turnstile;
  WorkerPool pool(/*threads=*/1, /*queue_max=*/2);
  ASSERT_TRUE(pool.Submit([] { throw std::runtime_error("broken"); }));
  ASSERT_TRUE(pool.Submit([&] { turnstile.Pass(); }));
  turnstile.AwaitArrived(1);
  turnstile.Open();
}

}  // namespace
}  // namespace http_internal
}  // namespace slipway
