// One transaction at a time for each repository, among those of one engine: so
// that those who wait for a repository hold no connection, and what has
// gathered meanwhile is decided together. Not for users.
//
//   Turns::Request request{&params, decision};
//   if (!turns.Run(name, deadline, request, run)) ...  // too late
//   return request.status;

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "slipway/adapters/postgres/connection.h"
#include "slipway/ports/store.h"
#include "slipway/v1/decision.pb.h"

namespace slipway {
namespace postgres_internal {

// Thread-safe.
class Turns {
 public:
  // What one caller wants decided.
  struct Request {
    const Store::TransactParams* params = nullptr;
    // Never with others in one call of `run`: it concerns other repositories,
    // too, or takes long.
    bool is_alone = false;
    v1::Decision* decision = nullptr;
    // The answer.
    absl::Status status = absl::OkStatus();
    bool is_done = false;
    // Woken once it is done, or first of those that wait and has the turn.
    std::condition_variable changed;
  };
  // Answers all of them; never empty.
  using Runner = absl::FunctionRef<void(const std::vector<Request*>&)>;

  // Has `request` answered, by `run` of this caller or of another one that has
  // the turn of `name` just then. False: nobody has begun with it before the
  // deadline, and nobody will. Once somebody has begun with it, with up to 15
  // others, the deadline counts no more: this waits until `run` has answered,
  // which is for `run` to limit.
  bool Run(const std::string& name, Deadline deadline, Request& request,
           Runner run) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::unique_ptr<Place>& place = places_[name];
    if (place == nullptr) place = std::make_unique<Place>();
    // The map moves its elements, but not what they point to, which stays while
    // anybody counts on it.
    Place& here = *place;
    ++here.callers;
    here.waiting.push_back(&request);
    while (!request.is_done) {
      if (!here.is_taken) {
        RunSome(here, run, lock);
        continue;
      }
      const auto waiting =
          std::find(here.waiting.begin(), here.waiting.end(), &request);
      if (waiting == here.waiting.end()) {
        request.changed.wait(lock);  // Somebody is at it
      } else if (request.changed.wait_until(lock, deadline) ==
                 std::cv_status::timeout) {
        const auto still =
            std::find(here.waiting.begin(), here.waiting.end(), &request);
        if (still == here.waiting.end() || !here.is_taken) continue;
        here.waiting.erase(still);
        break;
      }
    }
    const bool is_done = request.is_done;
    if (--here.callers == 0) places_.erase(name);
    return is_done;
  }

 private:
  // Enough to share the cost of a commit, few enough that nobody waits long.
  static constexpr size_t kTogetherMax = 16;

  struct Place {
    // Those that nobody has begun with, in the order of their coming.
    std::deque<Request*> waiting;
    int callers = 0;
    bool is_taken = false;
  };

  static void RunSome(Place& here, Runner run,
                      std::unique_lock<std::mutex>& lock) {
    const size_t longest = std::min(here.waiting.size(), kTogetherMax);
    size_t size = 1;
    while (size < longest && !here.waiting[0]->is_alone &&
           !here.waiting[size]->is_alone) {
      ++size;
    }
    const std::vector<Request*> batch(here.waiting.begin(),
                                      here.waiting.begin() + size);
    here.waiting.erase(here.waiting.begin(), here.waiting.begin() + size);
    here.is_taken = true;
    lock.unlock();
    run(batch);
    lock.lock();
    here.is_taken = false;
    // Under the lock, as a request is gone once its caller sees that it is
    // done.
    for (Request* request : batch) {
      request->is_done = true;
      request->changed.notify_one();
    }
    if (!here.waiting.empty()) here.waiting.front()->changed.notify_one();
  }

  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Place>> places_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_
