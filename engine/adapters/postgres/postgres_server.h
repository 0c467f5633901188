// A PostgreSQL server for tests, started by the test itself: in a scratch
// directory, on a Unix socket, as an unprivileged user. Not for users.
//
//   auto server = slipway::PostgresServer::Start({});
//   absl::StatusOr<std::string> database = (*server)->CreateDatabase();
//   params.connection = *database;

#ifndef SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_SERVER_H_
#define SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace slipway {

struct PostgresServerParams {
  // Whether a commit waits for the disk. Off for tests: a server that is killed
  // loses nothing by it, only a machine would.
  bool fsync = false;
  // More of "name=value", as in postgresql.conf.
  std::vector<std::string> settings;
  // Directories, empty ones, for the data and for the write-ahead log; unset:
  // in the server's own. The one for the log needs one for the data, too.
  std::string data_directory;
  std::string wal_directory;
  // Lines of pg_hba.conf that come before the one that trusts everybody.
  std::string access;
};

// Gone when destroyed, with all that was in it; and when the process ends.
class PostgresServer {
 public:
  // UNAVAILABLE: there is no PostgreSQL on this machine, or it does not start;
  //   the message has its log.
  static absl::StatusOr<std::unique_ptr<PostgresServer>> Start(
      const PostgresServerParams& params);
  // One for all tests of a binary, made at the first call. Ends the process
  // where it cannot be.
  static PostgresServer& Shared();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // A new, empty database; how to connect to it. Thread-safe.
  absl::StatusOr<std::string> CreateDatabase();
  // Removes it, whoever is connected.
  absl::Status DropDatabase(const std::string& connection);

  // How a superuser connects to the database of every server.
  std::string connection() const;
  // Runs statements without an answer, there or elsewhere.
  static absl::Status Execute(const std::string& connection,
                              const std::string& sql);

  enum class StopMode {
    // Connections are closed, and the data is put in order.
    kFast,
    // As if it had crashed: all is left as it is.
    kImmediate,
  };
  absl::Status Stop(StopMode mode);
  // Starts it again after `Stop`, on the same data.
  absl::Status StartAgain();

  // The directory of its socket, and mostly of its data.
  const std::string& directory() const { return directory_; }

 private:
  PostgresServer(PostgresServerParams params, std::string directory);
  absl::Status Prepare();
  std::string data_directory() const;

  const PostgresServerParams params_;
  const std::string directory_;
  // 0: it does not run.
  pid_t pid_ = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_POSTGRES_POSTGRES_SERVER_H_
