// For tests: starts PostgreSQL, then a server with a new database of it, and
// ends both together.
//
//   postgres_launcher SERVER FLAGS…

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "slipway/adapters/postgres/postgres_server.h"

namespace {

std::string PercentEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%",
                      absl::BytesToHexString(absl::string_view(&c, 1)));
    }
  }
  return encoded;
}

// "host=/tmp/x dbname=y" as "postgresql:///?host=%2ftmp%2fx&dbname=y".
std::string UrlOf(absl::string_view connection) {
  std::string url = "postgresql:///";
  const char* separator = "?";
  for (const absl::string_view part :
       absl::StrSplit(connection, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> name_and_value =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    absl::StrAppend(&url, separator, name_and_value.first, "=",
                    PercentEncoded(name_and_value.second));
    separator = "&";
  }
  return url;
}

// Runs the command until it ends, or this process is asked to end. Its exit
// status.
int Run(std::vector<std::string> command) {
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) {
    sigaddset(&signals, signal);
  }
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  if (pid < 0) return 1;
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGCHLD) kill(pid, signal);
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "postgres_launcher: which server?" << std::endl;
    return 2;
  }
  const auto postgres = slipway::PostgresServer::Start({});
  if (!postgres.ok()) {
    std::cerr << "postgres_launcher: " << postgres.status() << std::endl;
    return 2;
  }
  const absl::StatusOr<std::string> database = (*postgres)->CreateDatabase();
  if (!database.ok()) {
    std::cerr << "postgres_launcher: " << database.status() << std::endl;
    return 2;
  }
  std::vector<std::string> command(argv + 1, argv + argc);
  command.push_back(absl::StrCat("--store=", UrlOf(*database)));
  return Run(std::move(command));
}
