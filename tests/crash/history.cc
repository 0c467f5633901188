#include "slipway/tests/crash/history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace crash {

bool IsWrite(Action action) {
  return action != Action::kListDeployments && action != Action::kListStatuses;
}

const Answer* DecidingAnswer(const Request& request) {
  for (const Attempt& attempt : request.attempts) {
    if (attempt.answer.result == AttemptResult::kAnswered) {
      return &attempt.answer;
    }
  }
  return nullptr;
}

Outcome OutcomeOf(const Request& request) {
  const Answer* answer = DecidingAnswer(request);
  if (answer != nullptr) {
    return answer->status < 300 ? Outcome::kAcknowledged : Outcome::kRefused;
  }
  const bool all_said_no = std::all_of(
      request.attempts.begin(), request.attempts.end(), [](const Attempt& a) {
        return a.answer.result == AttemptResult::kUnavailable;
      });
  return all_said_no ? Outcome::kNotDone : Outcome::kUnknown;
}

int64_t BeginOf(const Request& request) {
  return request.attempts.empty() ? -1 : request.attempts.front().begun_at;
}

int64_t EndOf(const Request& request) {
  for (const Attempt& attempt : request.attempts) {
    if (attempt.answer.result == AttemptResult::kAnswered) {
      return attempt.ended_at;
    }
  }
  return -1;
}

int64_t IdOf(const Request& request) {
  const Answer* answer = DecidingAnswer(request);
  const bool makes = request.action == Action::kCreateDeployment ||
                     request.action == Action::kCreateStatus;
  if (!makes || answer == nullptr || answer->ids.empty()) return 0;
  return answer->ids.front();
}

std::string Describe(const Request& request) {
  const char* action = "";
  switch (request.action) {
    case Action::kCreateDeployment:
      action = "create_deployment ";
      break;
    case Action::kCreateStatus:
      action = "create_status ";
      break;
    case Action::kDeleteDeployment:
      action = "delete_deployment ";
      break;
    case Action::kListDeployments:
      action = "list_deployments ";
      break;
    case Action::kListStatuses:
      action = "list_statuses ";
      break;
  }
  std::string text =
      absl::StrCat(action, request.mark, " on ", request.repository);
  if (request.deployment_id != 0) {
    absl::StrAppend(&text, "/", request.deployment_id);
  }
  return text;
}

size_t History::Begin(Request request) {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t number = requests_.size();
  request.mark = absl::StrCat("op-", number);
  requests_.push_back(std::move(request));
  return number;
}

size_t History::BeginAttempt(size_t number, int server) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Attempt>& attempts = requests_[number].attempts;
  Attempt attempt;
  attempt.server = server;
  attempt.begun_at = now_++;
  attempts.push_back(std::move(attempt));
  return attempts.size() - 1;
}

void History::EndAttempt(size_t number, size_t attempt, Answer answer) {
  std::lock_guard<std::mutex> lock(mutex_);
  Request& request = requests_[number];
  const bool was_decided = DecidingAnswer(request) != nullptr;
  Attempt& ended = request.attempts[attempt];
  ended.ended_at = now_++;
  if (answer.result == AttemptResult::kUnavailable) ++unavailable_;
  ended.answer = std::move(answer);
  if (!was_decided && IsWrite(request.action) &&
      OutcomeOf(request) == Outcome::kAcknowledged) {
    ++acknowledged_;
  }
}

Request History::At(size_t number) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_[number];
}

int64_t History::now() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return now_;
}

int64_t History::acknowledged() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return acknowledged_;
}

int64_t History::unavailable() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return unavailable_;
}

}  // namespace crash
