// A command in a process group of its own, which ends with its owner. For the
// kit; not for users.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_CHILD_PROCESS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace slipway {
namespace conformance {

// Movable. Not thread-safe.
class ChildProcess {
 public:
  enum class Streams {
    // Standard input and output are pipes, not blocking.
    kPiped,
    // Standard input is empty; the output goes to standard error.
    kNone,
  };

  // Starts `/bin/sh -c command`, with this process's environment, directory and
  // standard error. RESOURCE_EXHAUSTED: the system has no process or descriptor
  // left. That there is no such command, the shell says, and ends.
  static absl::StatusOr<ChildProcess> Start(const std::string& command,
                                            Streams streams);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Closes its input, waits a moment for the command to end by itself, and then
  // ends all of its group.
  ~ChildProcess();

  // The ends of the pipes; -1: there are none.
  int input() const { return input_; }
  int output() const { return output_; }

  // "exit status 1", "signal 11"; nullopt: it runs.
  absl::optional<std::string> Ended();

  // The same, waiting for the end for at most so long.
  absl::optional<std::string> WaitForEnd(int timeout_ms);

  // Ends all of its group at once.
  void Kill();

  // Ends the groups of all that run, before the process ends on a signal: a
  // handler may call it. Afterwards no object of this class is of any use.
  static void KillAll();

 private:
  ChildProcess() = default;
  void CloseInput();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  absl::optional<std::string> end_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_CHILD_PROCESS_H_
