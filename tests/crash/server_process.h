// The server under test, as a process of its own that can be killed.
//
//   ServerProcess server({binary, {"--store=sqlite:FILE"}, directory, "0"});
//   server.Start();
//   ...
//   server.Kill();

#ifndef TESTS_CRASH_SERVER_PROCESS_H_
#define TESTS_CRASH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace crash {

struct ServerProcessParams {
  std::string binary;
  // Beside --listen and --port_file.
  std::vector<std::string> flags;
  // For its log, "server-NAME.log", and the file with its port.
  std::string directory;
  std::string name;
};

// Not thread-safe, but for `port`; to be used by the thread that made it, whose
// end is that of the process.
class ServerProcess {
 public:
  explicit ServerProcess(ServerProcessParams params);
  ~ServerProcess();

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts it and returns at once. RESOURCE_EXHAUSTED: there is no process.
  absl::Status Spawn();
  // Waits until it listens. UNAVAILABLE: it has ended, or does not listen in
  // time; the log says why.
  absl::Status WaitUntilReady();
  // Both.
  absl::Status Start();

  // SIGKILL, and waits for the end.
  void Kill();
  // SIGTERM, and waits. UNAVAILABLE: it did not end well.
  absl::Status Stop();

  // Writes past that size of any file fail from now on, as where a disk is
  // full; -1: none does. UNAVAILABLE: the system refuses.
  absl::Status LimitFileSize(int64_t bytes);

  // Where it listens; 0: it does not.
  int port() const { return port_; }
  // UNAVAILABLE: it runs no more, and nobody has ended it.
  absl::Status CheckAlive();

 private:
  // Whether it has ended, waiting for so long.
  bool HasEnded(int timeout_ms);

  const ServerProcessParams params_;
  const std::string port_file_;
  const std::string log_;
  pid_t pid_ = -1;
  std::atomic<int> port_{0};
  std::string end_;
};

}  // namespace crash

#endif  // TESTS_CRASH_SERVER_PROCESS_H_
