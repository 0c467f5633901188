#include "slipway/tests/crash/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace crash {
namespace {

constexpr int kStartMsMax = 60'000;
constexpr int kStopMsMax = 30'000;

}  // namespace

ServerProcess::ServerProcess(ServerProcessParams params)
    : params_(std::move(params)),
      port_file_(absl::StrCat(params_.directory, "/port-", params_.name)),
      log_(absl::StrCat(params_.directory, "/server-", params_.name, ".log")) {}

ServerProcess::~ServerProcess() { Kill(); }

absl::Status ServerProcess::Spawn() {
  Kill();
  unlink(port_file_.c_str());
  std::vector<std::string> arguments = {
      params_.binary, "--listen=127.0.0.1:0",
      absl::StrCat("--port_file=", port_file_)};
  arguments.insert(arguments.end(), params_.flags.begin(), params_.flags.end());
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const int log =
      open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Only what is allowed after a fork of many threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    // A write past the limit of `LimitFileSize` is to fail, not to kill.
    signal(SIGXFSZ, SIG_IGN);
    if (log >= 0) {
      dup2(log, STDOUT_FILENO);
      dup2(log, STDERR_FILENO);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  const int error = errno;
  if (log >= 0) close(log);
  if (pid < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("fork: ", std::strerror(error)));
  }
  pid_ = pid;
  return absl::OkStatus();
}

absl::Status ServerProcess::WaitUntilReady() {
  for (int waited_ms = 0; waited_ms < kStartMsMax; ++waited_ms) {
    std::ifstream file(port_file_);
    int port = 0;
    if (file >> port) {
      port_ = port;
      return absl::OkStatus();
    }
    if (HasEnded(1)) {
      return absl::UnavailableError(
          absl::StrCat("the server ended: ", end_, "; see ", log_));
    }
  }
  return absl::UnavailableError(
      absl::StrCat("the server did not listen in time; see ", log_));
}

absl::Status ServerProcess::Start() {
  absl::Status status = Spawn();
  return status.ok() ? WaitUntilReady() : status;
}

bool ServerProcess::HasEnded(int timeout_ms) {
  for (int waited_ms = 0; pid_ > 0; ++waited_ms) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      port_ = 0;
      pid_ = -1;
      end_ = WIFEXITED(status)
                 ? absl::StrCat("exit status ", WEXITSTATUS(status))
                 : absl::StrCat("signal ", WTERMSIG(status));
      return true;
    }
    if (waited_ms >= timeout_ms) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void ServerProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  port_ = 0;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
}

absl::Status ServerProcess::Stop() {
  if (pid_ <= 0) return absl::UnavailableError("the server does not run");
  kill(pid_, SIGTERM);
  if (!HasEnded(kStopMsMax)) {
    Kill();
    return absl::UnavailableError("the server did not end when asked to");
  }
  if (end_ == "exit status 0") return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the server ended: ", end_, "; see ", log_));
}

absl::Status ServerProcess::LimitFileSize(int64_t bytes) {
  rlimit limit;
  if (prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit) != 0) {
    return absl::UnavailableError(
        absl::StrCat("prlimit: ", std::strerror(errno)));
  }
  limit.rlim_cur = bytes < 0 ? limit.rlim_max : static_cast<rlim_t>(bytes);
  if (prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) != 0) {
    return absl::UnavailableError(
        absl::StrCat("prlimit: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status ServerProcess::CheckAlive() {
  if (!HasEnded(0)) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the server ended by itself: ", end_, "; see ", log_));
}

}  // namespace crash
