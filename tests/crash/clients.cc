#include "slipway/tests/crash/clients.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "slipway/ports/http.h"
#include "slipway/tests/crash/json.h"
#include "slipway/tests/crash/observation.h"

namespace crash {
namespace {

// Longer than the limits of the stores, so that an answer is seldom lost for
// impatience.
constexpr int64_t kTimeoutMs = 90'000;
// As many deployments are written to at a time.
constexpr size_t kRowsMax = 60;

void SleepMs(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

bool OneIn(int n, std::mt19937_64& random) { return random() % n == 0; }

template <typename T>
const T& AnyOf(const std::vector<T>& values, std::mt19937_64& random) {
  return values[random() % values.size()];
}

std::string PathOf(const Request& request) {
  return absl::StrCat("/repos/", kOwner, "/", request.repository,
                      "/deployments");
}

// A field of a body; texts here need no escapes.
std::string Field(const char* name, const std::string& value) {
  return absl::StrCat("\"", name, "\":\"", value, "\"");
}

std::string BodyOf(const Request& request) {
  if (request.action == Action::kCreateDeployment) {
    return absl::StrCat(
        "{\"ref\":\"main\",\"required_contexts\":[],\"auto_merge\":false,",
        Field("environment", request.environment), ",",
        Field("description", request.mark), ",\"payload\":{",
        Field("mark", request.mark),
        "},\"transient_environment\":", request.transient ? "true" : "false",
        "}");
  }
  std::string body = absl::StrCat("{", Field("state", request.state), ",",
                                  Field("description", request.mark));
  if (!request.environment.empty()) {
    absl::StrAppend(&body, ",", Field("environment", request.environment));
  }
  return body + "}";
}

}  // namespace

slipway::HttpCall CallOf(const Request& request, const std::string& base) {
  slipway::HttpCall call;
  call.timeout_ms = kTimeoutMs;
  call.url = absl::StrCat(base, PathOf(request));
  const std::string one = absl::StrCat(call.url, "/", request.deployment_id);
  switch (request.action) {
    case Action::kCreateDeployment:
      call.method = "POST";
      call.body = BodyOf(request);
      break;
    case Action::kCreateStatus:
      call.method = "POST";
      call.url = one + "/statuses";
      call.body = BodyOf(request);
      break;
    case Action::kDeleteDeployment:
      call.method = "DELETE";
      call.url = one;
      break;
    case Action::kListDeployments:
      call.url += "?per_page=100";
      break;
    case Action::kListStatuses:
      call.url = one + "/statuses?per_page=100";
      break;
  }
  if (request.has_key) {
    call.headers.push_back({"Idempotency-Key", request.mark});
  }
  return call;
}

absl::optional<slipway::HttpCall> ReadingCallOf(const Request& request,
                                                const std::string& base) {
  if (!IsWrite(request.action) ||
      OutcomeOf(request) != Outcome::kAcknowledged) {
    return absl::nullopt;
  }
  slipway::HttpCall call;
  call.timeout_ms = kTimeoutMs;
  const int64_t deployment_id = request.action == Action::kCreateDeployment
                                    ? IdOf(request)
                                    : request.deployment_id;
  call.url = absl::StrCat(base, PathOf(request), "/", deployment_id);
  if (request.action == Action::kCreateStatus) {
    absl::StrAppend(&call.url, "/statuses/", IdOf(request));
  }
  return call;
}

Answer AnswerOf(Action action,
                const absl::StatusOr<slipway::HttpResponse>& response) {
  Answer answer;
  if (!response.ok()) {
    answer.result = AttemptResult::kLost;
    answer.body = std::string(response.status().message());
    return answer;
  }
  answer.status = response->status;
  answer.body = response->body;
  if (response->status == 503) {
    answer.result = AttemptResult::kUnavailable;
    const std::string* header =
        slipway::FindHeader(response->headers, "Retry-After");
    if (header == nullptr ||
        !absl::SimpleAtoi(*header, &answer.retry_after_s)) {
      answer.retry_after_s = -1;
    }
    return answer;
  }
  answer.result = AttemptResult::kAnswered;
  if (answer.status >= 300 || action == Action::kDeleteDeployment) {
    return answer;
  }
  const auto body = ParseJson(response->body);
  if (!body.has_value()) return answer;
  if (IsWrite(action)) {
    answer.ids.push_back(NumberOf(*body, "id"));
  }
  for (const auto& row : body->list_value().values()) {
    answer.ids.push_back(NumberOf(row, "id"));
  }
  // Lists are large, and looked at for their ids only.
  if (!IsWrite(action)) answer.body.clear();
  return answer;
}

Clients::Clients(ClientsParams params, History* history,
                 slipway::HttpClient* client)
    : params_(std::move(params)), history_(history), client_(client) {
  threads_.reserve(params_.threads);
  for (int i = 0; i < params_.threads; ++i) {
    threads_.emplace_back([this, i] { Run(i); });
  }
}

Clients::~Clients() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Clients::Resume() {
  std::lock_guard<std::mutex> lock(mutex_);
  is_paused_ = false;
  changed_.notify_all();
}

void Clients::Pause() {
  std::unique_lock<std::mutex> lock(mutex_);
  is_paused_ = true;
  changed_.wait(lock, [&] { return parked_ == params_.threads; });
}

bool Clients::Finish(int timeout_ms) {
  bool done = false;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    is_finishing_ = true;
    is_paused_ = false;
    changed_.notify_all();
    done = changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
      return parked_ == params_.threads && parked_open_ == 0;
    });
  }
  Pause();
  std::lock_guard<std::mutex> lock(mutex_);
  is_finishing_ = false;
  return done;
}

bool Clients::WaitForWork(bool has_open_request) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++parked_;
  if (has_open_request) ++parked_open_;
  changed_.notify_all();
  changed_.wait(lock, [&] {
    return is_ending_ || (!is_paused_ && !(is_finishing_ && !has_open_request));
  });
  --parked_;
  if (has_open_request) --parked_open_;
  return !is_ending_;
}

void Clients::Run(int thread) {
  std::mt19937_64 random(params_.seed * 1000 + thread);
  // Still to be answered, or to be repeated.
  absl::optional<size_t> open;
  while (WaitForWork(open.has_value())) {
    if (!open.has_value()) open = history_->Begin(NextRequest(random));
    const AttemptResult result = Try(*open, random);
    const Request request = history_->At(*open);
    switch (result) {
      case AttemptResult::kNone:
        // No server is up.
        SleepMs(1);
        break;
      case AttemptResult::kAnswered:
        // Now and then once more under its key: nothing happens twice.
        if (!request.has_key || !OneIn(10, random)) open.reset();
        break;
      case AttemptResult::kUnavailable:
        // What is given up here must never have happened.
        if (OneIn(2, random)) open.reset();
        SleepMs(static_cast<int>(random() % 20));
        break;
      case AttemptResult::kLost:
        if (!request.has_key || OneIn(20, random)) open.reset();
        SleepMs(1);
        break;
    }
  }
}

AttemptResult Clients::Try(size_t number, std::mt19937_64& random) {
  const int server = static_cast<int>(random() % params_.servers);
  const int port = params_.port_of(server);
  if (port == 0) return AttemptResult::kNone;
  const Request request = history_->At(number);
  const slipway::HttpCall call =
      CallOf(request, absl::StrCat("http://127.0.0.1:", port));
  const size_t attempt = history_->BeginAttempt(number, server);
  const Answer answer = AnswerOf(request.action, client_->Send(call));
  history_->EndAttempt(number, attempt, answer);
  if (answer.result == AttemptResult::kAnswered &&
      DecidingAnswer(request) == nullptr) {
    NoteDone(request, answer);
  }
  return answer.result;
}

void Clients::NoteDone(const Request& request, const Answer& answer) {
  std::lock_guard<std::mutex> lock(rows_mutex_);
  if (request.action == Action::kCreateDeployment && !answer.ids.empty()) {
    rows_.push_back({request.repository, answer.ids.front()});
    if (rows_.size() > kRowsMax) rows_.pop_front();
    return;
  }
  const bool is_gone =
      answer.status == 404 || request.action == Action::kDeleteDeployment;
  if (!is_gone || answer.status == 422) return;
  rows_.erase(std::remove_if(
                  rows_.begin(), rows_.end(),
                  [&](const Row& r) { return r.id == request.deployment_id; }),
              rows_.end());
}

absl::optional<Clients::Row> Clients::AnyRow(std::mt19937_64& random) {
  std::lock_guard<std::mutex> lock(rows_mutex_);
  if (rows_.empty()) return absl::nullopt;
  return rows_[random() % rows_.size()];
}

Request Clients::NextRequest(std::mt19937_64& random) {
  static const auto& states = *new std::vector<std::string>{
      "error", "failure", "inactive", "in_progress", "queued", "pending"};
  Request request;
  request.has_key = !OneIn(5, random) && params_.has_keys;
  const int dice = static_cast<int>(random() % 100);
  const absl::optional<Row> row = AnyRow(random);
  if (dice < 30 || !row.has_value()) {
    request.action = Action::kCreateDeployment;
    request.repository = AnyOf(params_.repositories, random);
    request.environment = AnyOf(params_.environments, random);
    request.transient = OneIn(10, random);
    return request;
  }
  request.repository = row->repository;
  request.deployment_id = row->id;
  if (dice < 72) {
    request.action = Action::kCreateStatus;
    request.state = dice < 58 ? "success" : AnyOf(states, random);
    if (OneIn(8, random)) {
      request.environment = AnyOf(params_.environments, random);
    }
    return request;
  }
  request.has_key = request.has_key && dice < 90;
  if (dice < 90) {
    request.action = Action::kDeleteDeployment;
  } else {
    request.action =
        dice < 95 ? Action::kListDeployments : Action::kListStatuses;
    if (dice < 95) request.deployment_id = 0;
  }
  return request;
}

}  // namespace crash
