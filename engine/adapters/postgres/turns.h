// One caller at a time for each repository, among those of one engine: so that
// those who wait for a repository hold no connection. Not for users.
//
//   if (!turns.Wait(name, deadline)) ...  // too late
//   Turn turn(turns, name);  // to the end of the block

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "slipway/adapters/postgres/connection.h"

namespace slipway {
namespace postgres_internal {

// Thread-safe.
class Turns {
 public:
  // Waits until nobody else has the turn of `name`. False: that was not so
  // before the deadline.
  bool Wait(const std::string& name, Deadline deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::unique_ptr<Place>& place = places_[name];
    if (place == nullptr) place = std::make_unique<Place>();
    // The map moves its elements, but not what they point to, which stays while
    // anybody counts on it.
    Place& here = *place;
    ++here.callers;
    if (!here.freed.wait_until(lock, deadline,
                               [&] { return !here.is_taken; })) {
      Leave(name, here);
      return false;
    }
    here.is_taken = true;
    return true;
  }

  void End(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    Place& here = *places_.at(name);
    here.is_taken = false;
    here.freed.notify_one();
    Leave(name, here);
  }

 private:
  struct Place {
    std::condition_variable freed;
    // Who has the turn, and who waits for it.
    int callers = 0;
    bool is_taken = false;
  };

  void Leave(const std::string& name, Place& here) {
    if (--here.callers == 0) places_.erase(name);
  }

  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Place>> places_;
};

// Ends a turn that `Turns::Wait` gave.
class Turn {
 public:
  Turn(Turns& turns, const std::string& name) : turns_(turns), name_(name) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_.End(name_); }

 private:
  Turns& turns_;
  const std::string name_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_TURNS_H_
