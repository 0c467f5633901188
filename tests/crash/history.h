// What the clients asked for and what they were answered: the side that the
// data is held to.
//
//   const size_t number = history.Begin(request);
//   const size_t attempt = history.BeginAttempt(number, /*server=*/0);
//   ...  // send it
//   history.EndAttempt(number, attempt, {AttemptResult::kAnswered, 201, body});

#ifndef TESTS_CRASH_HISTORY_H_
#define TESTS_CRASH_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace crash {

enum class Action {
  kCreateDeployment,
  kCreateStatus,
  kDeleteDeployment,
  // These change nothing.
  kListDeployments,
  kListStatuses,
};

enum class AttemptResult {
  // Under way.
  kNone,
  // With a status other than 503.
  kAnswered,
  // 503: nothing has happened (R108).
  kUnavailable,
  // The connection broke after something was sent, or may have been: it may
  // have happened.
  kLost,
};

// What came back of one attempt.
struct Answer {
  AttemptResult result = AttemptResult::kNone;
  // Of HTTP; 0: none.
  int status = 0;
  std::string body;
  // Of a 503: when to come again; -1: it does not say. More than a second means
  // that somebody has to see to it first: what is stored is damaged.
  int64_t retry_after_s = -1;
  // Of the row that was made, or the rows that a list has.
  std::vector<int64_t> ids;
};

struct Attempt {
  // Which server it was sent to.
  int server = 0;
  // Places in the order of all that the history was told.
  int64_t begun_at = 0;
  int64_t ended_at = 0;
  Answer answer;
};

// One request, and every time it was sent.
struct Request {
  Action action = Action::kCreateDeployment;
  // Its name; all have the same owner.
  std::string repository;
  // Of the status, to delete, or to list.
  int64_t deployment_id = 0;
  // Of a deployment; of a status where it moves its deployment, else empty.
  std::string environment;
  // Of a status.
  std::string state;
  bool transient = false;
  // Whether it has an `Idempotency-Key`. Only then it is sent again after its
  // answer was lost.
  bool has_key = false;
  // Unlike that of any other: the key, and the description of what is made.
  std::string mark;
  std::vector<Attempt> attempts;
};

enum class Outcome {
  // A status below 300 came: it has happened, and stays so.
  kAcknowledged,
  // Another status came: nothing has happened.
  kRefused,
  // It was answered 503 each time, or never sent: nothing has happened.
  kNotDone,
  // An answer was lost, or is still awaited: it may have happened, once.
  kUnknown,
};

Outcome OutcomeOf(const Request& request);
// The answer that decided; nullptr: none did.
const Answer* DecidingAnswer(const Request& request);
// Where the first attempt began, and where the deciding answer came; -1: it has
// not.
int64_t BeginOf(const Request& request);
int64_t EndOf(const Request& request);
// The id of what was made; 0: nothing was, as far as is known.
int64_t IdOf(const Request& request);
// "create_status op-7 on crash-1/12", for findings.
std::string Describe(const Request& request);

// Thread-safe, but for `requests`.
class History {
 public:
  // Its number; its mark is then "op-NUMBER".
  size_t Begin(Request request);
  size_t BeginAttempt(size_t number, int server);
  void EndAttempt(size_t number, size_t attempt, Answer answer);

  Request At(size_t number) const;
  // The place that the next thing told gets.
  int64_t now() const;
  // Acknowledged so far, of those that change something.
  int64_t acknowledged() const;
  // Attempts that were answered 503 so far.
  int64_t unavailable() const;

  // Only while nobody tells anything.
  const std::vector<Request>& requests() const { return requests_; }

 private:
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  int64_t now_ = 0;
  int64_t acknowledged_ = 0;
  int64_t unavailable_ = 0;
};

// Whether it is one that changes something.
bool IsWrite(Action action);

}  // namespace crash

#endif  // TESTS_CRASH_HISTORY_H_
