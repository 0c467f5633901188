#include "slipway/adapters/postgres/connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace slipway {
namespace postgres_internal {
namespace {

using Clock = std::chrono::steady_clock;

int MillisecondsUntil(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count() + 1, 0, 1 << 30));
}

// False: the deadline has passed.
bool Poll(int socket, int16_t events, Deadline deadline) {
  while (true) {
    pollfd descriptor = {socket, events, 0};
    const int ready = poll(&descriptor, 1, MillisecondsUntil(deadline));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// In one line.
std::string Tidy(absl::string_view message) {
  std::string text(absl::StripSuffix(message, "\n"));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool IsRetryable(absl::string_view code) {
  // Serialization failure, deadlock; the plan of a prepared statement that a
  // change of the schema has made stale is made anew by the next connection.
  return code == "40001" || code == "40P01" || code == "0A000" ||
         code == "26000";
}

}  // namespace

absl::Status Failure::ToStatus() const {
  if (ok()) return absl::OkStatus();
  const std::string text =
      code.empty() ? absl::StrCat("PostgreSQL: ", message)
                   : absl::StrCat("PostgreSQL: ", message, " (", code, ")");
  // Damage: a corrupted table or index, or a schema that is not what was made.
  if (code == "XX001" || code == "XX002" || absl::StartsWith(code, "23") ||
      code == "42P01" || code == "42703" || code == "42804" ||
      code == "42P10") {
    return absl::DataLossError(text);
  }
  return absl::UnavailableError(text);
}

Connection::Connection(PGconn* connection)
    : connection_(connection, &PQfinish) {}

Connection::~Connection() = default;

Failure Connection::Open(const std::string& connection_string,
                         const std::vector<Setting>& settings,
                         Deadline deadline,
                         std::unique_ptr<Connection>* connection) {
  // libpq gives each host of several this time; it counts in seconds, from 2.
  const std::string seconds =
      absl::StrCat(std::max(2, MillisecondsUntil(deadline) / 1000));
  const char* const keywords[] = {"dbname", "connect_timeout", nullptr};
  const char* const values[] = {connection_string.c_str(), seconds.c_str(),
                                nullptr};
  std::unique_ptr<Connection> opened(
      new Connection(PQconnectdbParams(keywords, values, /*expand_dbname=*/1)));
  PGconn* raw = opened->connection_.get();
  if (raw == nullptr) {
    return {Failure::Kind::kLost, "", "no memory for a connection", ""};
  }
  const auto failed = [&] {
    // libpq gives no code here, but the words are the server's: those of a
    // server that speaks another language are not understood.
    const std::string message = Tidy(PQerrorMessage(raw));
    const bool refused = absl::StrContains(message, "authentication failed") ||
                         absl::StrContains(message, "no password supplied");
    return Failure{Failure::Kind::kLost, refused ? "28P01" : "", message, ""};
  };
  if (PQstatus(raw) != CONNECTION_OK) return failed();
  if (PQsetnonblocking(raw, 1) != 0) return failed();
  // Notices are for people at a terminal.
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);
  // All in one round trip, and one by one only where that does not work.
  const std::string all = absl::StrJoin(
      settings, ";", [](std::string* text, const Setting& setting) {
        absl::StrAppend(text, setting.sql);
      });
  Failure failure = opened->RunScript(all, deadline);
  for (size_t i = 0; !failure.ok() && i < settings.size(); ++i) {
    if (failure.kind == Failure::Kind::kLost) return failure;
    Failure one = opened->RunScript(settings[i].sql, deadline);
    if (one.kind == Failure::Kind::kLost) return one;
    if (!one.ok() && settings[i].is_required) {
      one.message = absl::StrCat("the server refuses \"", settings[i].sql,
                                 "\": ", one.message);
      return one;
    }
  }
  if (PQenterPipelineMode(raw) != 1) return failed();
  *connection = std::move(opened);
  return {};
}

void Connection::Add(const Statement& statement, Values values) {
  queue_.push_back({&statement, std::move(values)});
}

void Connection::AddFirst(const Statement& statement, Values values) {
  queue_.insert(queue_.begin(), {&statement, std::move(values)});
}

Failure Connection::Lost(absl::string_view what) {
  is_lost_ = true;
  std::string message = lost_because_;
  if (message.empty()) message = Tidy(PQerrorMessage(connection_.get()));
  return {Failure::Kind::kLost, "", absl::StrCat(what, ": ", message), ""};
}

Failure Connection::FailureOf(const PGresult* result) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(result, code);
    return std::string(text == nullptr ? "" : text);
  };
  Failure failure;
  failure.code = field(PG_DIAG_SQLSTATE);
  failure.constraint = field(PG_DIAG_CONSTRAINT_NAME);
  failure.message = Tidy(field(PG_DIAG_MESSAGE_PRIMARY));
  if (failure.message.empty()) {
    failure.message = Tidy(PQresultErrorMessage(result));
  }
  const std::string severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  if (IsRetryable(failure.code)) {
    failure.kind = Failure::Kind::kRetry;
  } else if (failure.code.empty() || failure.code == "40003" ||
             severity == "FATAL" || severity == "PANIC") {
    // The session is over; 40003 says that nobody knows.
    failure.kind = Failure::Kind::kLost;
    is_lost_ = true;
  } else {
    failure.kind = Failure::Kind::kRefused;
  }
  return failure;
}

bool Connection::Wait(bool for_writing, Deadline deadline) {
  const int socket = PQsocket(connection_.get());
  if (socket < 0) return false;
  const auto events =
      static_cast<int16_t>(for_writing ? POLLIN | POLLOUT : POLLIN);
  if (Poll(socket, events, deadline)) return true;
  lost_because_ = "no answer in time";
  return false;
}

bool Connection::IsAlive() {
  // Before the end there may be words.
  constexpr int kReadsMax = 8;
  for (int i = 0; i < kReadsMax; ++i) {
    pollfd descriptor = {PQsocket(connection_.get()), POLLIN, 0};
    if (poll(&descriptor, 1, 0) <= 0) return true;
    if (PQconsumeInput(connection_.get()) != 1) return false;
  }
  return true;
}

bool Connection::Flush(Deadline deadline) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return true;
    if (left < 0) return false;
    // The server may be waiting for us to read.
    if (!Wait(/*for_writing=*/true, deadline)) return false;
    if (PQconsumeInput(connection_.get()) != 1) return false;
  }
}

bool Connection::Next(Deadline deadline, PGresult** result) {
  while (PQisBusy(connection_.get()) == 1) {
    if (!Wait(/*for_writing=*/false, deadline)) return false;
    if (PQconsumeInput(connection_.get()) != 1) return false;
  }
  *result = PQgetResult(connection_.get());
  return true;
}

bool Connection::Send(const Queued& queued,
                      std::vector<const Statement*>* preparing) {
  const Statement& statement = *queued.statement;
  PGconn* raw = connection_.get();
  if (prepared_.insert(&statement).second) {
    if (PQsendPrepare(raw, statement.name, statement.sql, 0, nullptr) != 1) {
      return false;
    }
    preparing->push_back(&statement);
  }
  const int count = queued.values.size();
  data_.resize(count);
  lengths_.resize(count);
  formats_.resize(count, 1);
  for (int i = 0; i < count; ++i) {
    data_[i] = queued.values.data(i);
    lengths_[i] = queued.values.length(i);
  }
  preparing->push_back(nullptr);
  return PQsendQueryPrepared(raw, statement.name, count, data_.data(),
                             lengths_.data(), formats_.data(),
                             /*resultFormat=*/1) == 1;
}

Failure Connection::Run(Deadline deadline, std::vector<Rows>* rows) {
  rows->clear();
  std::vector<Queued> queue;
  queue.swap(queue_);
  if (is_lost_ || !IsAlive()) {
    Failure failure = Lost("the connection is closed");
    failure.is_unsent = true;
    return failure;
  }
  // Of each result to come: the statement that it says is prepared, or nullptr.
  std::vector<const Statement*> preparing;
  for (const Queued& queued : queue) {
    if (!Send(queued, &preparing)) return Lost("sending failed");
  }
  if (PQpipelineSync(connection_.get()) != 1 || !Flush(deadline)) {
    // What the server said before it went tells more.
    if (lost_because_.empty()) PQconsumeInput(connection_.get());
    return Lost("sending failed");
  }
  Failure failure;
  size_t place = 0;
  while (true) {
    PGresult* result = nullptr;
    if (!Next(deadline, &result)) return Lost("the connection was lost");
    // The end of one statement's results.
    if (result == nullptr) {
      if (PQstatus(connection_.get()) == CONNECTION_BAD) {
        return failure.ok() ? Lost("the connection was lost") : failure;
      }
      continue;
    }
    switch (PQresultStatus(result)) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result);
        return failure;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK: {
        Rows answer(result);
        if (place >= preparing.size())
          return Lost("more results than statements");
        if (preparing[place] == nullptr) rows->push_back(std::move(answer));
        break;
      }
      default:
        // PGRES_PIPELINE_ABORTED for those after the one that failed. Behind
        // the last one it is the commit of a statement by itself that failed.
        if (failure.ok()) failure = FailureOf(result);
        if (place < preparing.size() && preparing[place] != nullptr) {
          prepared_.erase(preparing[place]);
        }
        PQclear(result);
        if (is_lost_) return failure;
        break;
    }
    ++place;
  }
}

Failure Connection::RunScript(const std::string& sql, Deadline deadline) {
  PGconn* raw = connection_.get();
  const bool is_pipelining = PQpipelineStatus(raw) != PQ_PIPELINE_OFF;
  if (is_pipelining && PQexitPipelineMode(raw) != 1) return Lost("not idle");
  if (PQsendQuery(raw, sql.c_str()) != 1 || !Flush(deadline)) {
    return Lost("sending failed");
  }
  Failure failure;
  while (true) {
    PGresult* result = nullptr;
    if (!Next(deadline, &result)) return Lost("the connection was lost");
    if (result == nullptr) {
      if (is_pipelining && PQenterPipelineMode(raw) != 1) {
        return Lost("not idle");
      }
      return failure;
    }
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
        status != PGRES_EMPTY_QUERY && failure.ok()) {
      failure = FailureOf(result);
    }
    PQclear(result);
    if (is_lost_) return failure;
  }
}

}  // namespace postgres_internal
}  // namespace slipway
