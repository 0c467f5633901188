// One connection to a PostgreSQL server: statements in pipelines, with a
// deadline. Not for users.
//
//   connection.Add(kBegin);
//   connection.Add(kLockRepository, Values().Int(key));
//   std::vector<Rows> rows;
//   const Failure failure = connection.Run(deadline, &rows);  // one round trip

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libpq-fe.h"
#include "slipway/adapters/postgres/values.h"

namespace slipway {
namespace postgres_internal {

using Deadline = std::chrono::steady_clock::time_point;

// What went wrong with a pipeline.
struct Failure {
  enum class Kind {
    kNone,
    // The server refused; it has rolled the transaction back, or will.
    kRefused,
    // Try the transaction again: it has been rolled back for the sake of
    // another one.
    kRetry,
    // The connection is gone. Whether what was sent has happened is not known.
    kLost,
  };
  Kind kind = Kind::kNone;
  // SQLSTATE; empty where the server did not speak.
  std::string code;
  std::string message;
  // The constraint that was violated, if any.
  std::string constraint;
  // Of kLost: the connection had gone before anything was sent, so nothing has
  // happened.
  bool is_unsent = false;

  bool ok() const { return kind == Kind::kNone; }
  // As the ports have it: UNAVAILABLE or DATA_LOSS.
  absl::Status ToStatus() const;
};

// A statement, prepared on each connection at its first use there. Static.
struct Statement {
  const char* name;
  const char* sql;
};

// A statement that is run on each new connection.
struct Setting {
  std::string sql;
  // False: a server that refuses it does without it.
  bool is_required = false;
};

// Not thread-safe.
class Connection {
 public:
  // Opens a connection and runs `settings` on it; one that is required and
  // refused is a failure.
  // The failure of a password is the code 28P01, that of another kind of
  // authentication 28000; a server that is not there has no code.
  static Failure Open(const std::string& connection_string,
                      const std::vector<Setting>& settings, Deadline deadline,
                      std::unique_ptr<Connection>* connection);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Adds a statement to the pipeline. `statement` must outlive this.
  void Add(const Statement& statement, Values values = Values());

  // The same, before those that are in it.
  void AddFirst(const Statement& statement, Values values = Values());

  // How many statements are in the pipeline.
  size_t size() const { return queue_.size(); }

  // Sends the pipeline and waits for the answers, one for each statement where
  // all went well. After kLost the connection is of no use.
  Failure Run(Deadline deadline, std::vector<Rows>* rows);

  // Runs statements without parameters, outside of a pipeline, to their end or
  // the first failure.
  Failure RunScript(const std::string& sql, Deadline deadline);

  bool is_open() const { return !is_lost_; }

 private:
  struct Queued {
    const Statement* statement;
    Values values;
  };

  explicit Connection(PGconn* connection);

  Failure Lost(absl::string_view what);
  Failure FailureOf(const PGresult* result);
  // Waits until the socket can be read, or written as well.
  bool Wait(bool for_writing, Deadline deadline);
  // Whether the server has not closed it, as far as is known without asking.
  bool IsAlive();
  bool Flush(Deadline deadline);
  // The next result, nullptr for none; false: the connection is lost.
  bool Next(Deadline deadline, PGresult** result);
  bool Send(const Queued& queued, std::vector<const Statement*>* preparing);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  bool is_lost_ = false;
  // Why, where it is not what libpq says.
  std::string lost_because_;
  std::vector<Queued> queue_;
  std::set<const Statement*> prepared_;
  // What libpq is handed for one statement; kept, so as not to allocate anew.
  std::vector<const char*> data_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

}  // namespace postgres_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_CONNECTION_H_
