#include "slipway/adapters/operations/deadline_probe.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace slipway {

absl::StatusOr<std::unique_ptr<DeadlineProbe>> DeadlineProbe::Start(
    std::string what, std::function<absl::Status()> ask, int64_t deadline_ms) {
  auto probe = absl::WrapUnique(
      new DeadlineProbe(std::move(what), std::move(ask), deadline_ms));
  try {
    probe->thread_ = std::thread([started = probe.get()] { started->Work(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread to ask ", probe->what_, ": ", error.what()));
  }
  return probe;
}

DeadlineProbe::DeadlineProbe(std::string what,
                             std::function<absl::Status()> ask,
                             int64_t deadline_ms)
    : what_(std::move(what)), ask_(std::move(ask)), deadline_(deadline_ms) {}

DeadlineProbe::~DeadlineProbe() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
    is_wanted_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status DeadlineProbe::Answer() {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool is_under_way = begun_ > ended_;
  const int64_t mine = is_under_way ? begun_ : ended_ + 1;
  const Clock::time_point asked_at = is_under_way ? begun_at_ : Clock::now();
  wanted_ = std::max(wanted_, mine);
  is_wanted_.notify_one();
  if (has_ended_.wait_until(lock, asked_at + deadline_,
                            [&] { return ended_ >= mine; })) {
    return answer_;
  }
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - asked_at);
  return absl::UnavailableError(
      absl::StrCat(what_, " has not answered for ", age.count(), " s"));
}

void DeadlineProbe::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    is_wanted_.wait(lock, [this] { return is_stopping_ || wanted_ > ended_; });
    if (is_stopping_) return;
    ++begun_;
    begun_at_ = Clock::now();
    lock.unlock();
    absl::Status answer = ask_();
    lock.lock();
    answer_ = std::move(answer);
    ++ended_;
    has_ended_.notify_all();
  }
}

}  // namespace slipway
