#include "slipway/conformance/subprocess/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace slipway {
namespace conformance {
namespace {

// How long a command that has no input any more may take to end.
constexpr int kGraceMs = 500;

// The groups that run, for the handler of signals, which may take no lock.
// There are seldom more than two; those that find no place are not ended.
std::array<std::atomic<pid_t>, 16> running_groups = {};

void NoteGroup(pid_t old_group, pid_t new_group) {
  for (std::atomic<pid_t>& group : running_groups) {
    pid_t expected = old_group;
    if (group.compare_exchange_strong(expected, new_group)) return;
  }
}

// Closed when it goes out of scope, unless it is taken.
class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }
  int* out() { return &descriptor_; }
  int Take() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

absl::Status Exhausted(const std::string& command, int error) {
  return absl::ResourceExhaustedError(
      absl::StrCat(command, ": cannot be started: ", std::strerror(error)));
}

// No child gets the ends but by the actions of its own start.
bool MakePipe(Descriptor* read_end, Descriptor* write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  *read_end->out() = ends[0];
  *write_end->out() = ends[1];
  return true;
}

void SetNonBlocking(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::string& command,
                                                 Streams streams) {
  Descriptor child_input;
  Descriptor input;
  Descriptor output;
  Descriptor child_output;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (streams == Streams::kPiped) {
    if (!MakePipe(&child_input, &input) || !MakePipe(&output, &child_output)) {
      const int error = errno;
      posix_spawn_file_actions_destroy(&actions);
      return Exhausted(command, error);
    }
    SetNonBlocking(input.get());
    SetNonBlocking(output.get());
    posix_spawn_file_actions_adddup2(&actions, child_input.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, child_output.get(), 1);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
  }
  // A group of its own, so that all of it can be ended; and the signals as a
  // program expects them.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
                                            POSIX_SPAWN_SETSIGDEF |
                                            POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);

  std::string shell = "sh";
  std::string option = "-c";
  std::string script = command;
  char* const arguments[] = {&shell[0], &option[0], &script[0], nullptr};
  ChildProcess child;
  const int error = posix_spawn(&child.pid_, "/bin/sh", &actions, &attributes,
                                arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    child.pid_ = -1;
    return Exhausted(command, error);
  }
  NoteGroup(0, child.pid_);
  child.input_ = input.Take();
  child.output_ = output.Take();
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept {
  *this = std::move(other);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(input_, other.input_);
  std::swap(output_, other.output_);
  std::swap(end_, other.end_);
  return *this;
}

ChildProcess::~ChildProcess() {
  // Without pipes it does not see that nobody asks any more.
  if (pid_ > 0 && output_ < 0 && !end_) kill(-pid_, SIGTERM);
  CloseInput();
  if (output_ >= 0) close(output_);
  if (pid_ <= 0) return;
  WaitForEnd(kGraceMs);
  Kill();
}

void ChildProcess::CloseInput() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

absl::optional<std::string> ChildProcess::Ended() {
  if (end_ || pid_ <= 0) return end_;
  int status = 0;
  // The process is looked at and left as it is: while it is not collected, its
  // group keeps its number.
  siginfo_t info;
  std::memset(&info, 0, sizeof(info));
  if (waitid(P_PID, static_cast<id_t>(pid_), &info,
             WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return absl::nullopt;
  }
  status = info.si_status;
  end_ = info.si_code == CLD_EXITED ? absl::StrCat("exit status ", status)
                                    : absl::StrCat("signal ", status);
  return end_;
}

absl::optional<std::string> ChildProcess::WaitForEnd(int timeout_ms) {
  constexpr int kStepMs = 5;
  for (int waited_ms = 0; !Ended() && waited_ms < timeout_ms;
       waited_ms += kStepMs) {
    poll(nullptr, 0, kStepMs);
  }
  return Ended();
}

void ChildProcess::Kill() {
  if (pid_ <= 0) return;
  NoteGroup(pid_, 0);
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!end_) end_ = "it was ended";
  pid_ = -1;
}

void ChildProcess::KillAll() {
  for (const std::atomic<pid_t>& group : running_groups) {
    if (group > 0) kill(-group, SIGKILL);
  }
}

}  // namespace conformance
}  // namespace slipway
