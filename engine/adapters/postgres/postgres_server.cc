#include "slipway/adapters/postgres/postgres_server.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "libpq-fe.h"

namespace slipway {
namespace {

absl::Status Failed(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// Where the newest version's programs are.
absl::StatusOr<std::string> FindPrograms() {
  glob_t found;
  std::string newest;
  int newest_version = 0;
  if (glob("/usr/lib/postgresql/*/bin/postgres", 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      const std::filesystem::path program = found.gl_pathv[i];
      const std::filesystem::path bin = program.parent_path();
      const int version =
          std::atoi(bin.parent_path().filename().string().c_str());
      if (version <= newest_version) continue;
      newest_version = version;
      newest = bin.string();
    }
  }
  globfree(&found);
  if (newest.empty()) {
    return absl::UnavailableError(
        "there is no /usr/lib/postgresql/*/bin/postgres: install PostgreSQL's "
        "server");
  }
  return newest;
}

// The user of Debian, and most others, that owns nothing. PostgreSQL does not
// run as root.
constexpr unsigned kNobody = 65534;

bool BecomeNobody() {
  return setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 &&
         setuid(kNobody) == 0;
}

// As execv takes them; they point into `command`.
std::vector<char*> ArgumentsOf(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  return arguments;
}

// Starts a program as an unprivileged user, with its output in a file. It gets
// SIGQUIT when this process ends. -1: it could not be started.
pid_t Spawn(const std::vector<std::string>& command, const std::string& log) {
  // In a sandbox there may be no other user than root: then one is made up that
  // is another only as far as the program itself can see.
  std::vector<std::string> within = {"/usr/bin/unshare", "--user",
                                     "--map-user=65534", "--map-group=65534",
                                     "--"};
  within.insert(within.end(), command.begin(), command.end());
  std::vector<char*> arguments = ArgumentsOf(command);
  std::vector<char*> arguments_within = ArgumentsOf(within);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  // Nothing here may take memory: other threads of the parent may hold locks.
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int input = open("/dev/null", O_RDONLY);
  if (output < 0 || input < 0) _exit(125);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  constexpr int kDescriptorsMax = 1024;
  for (int file = 3; file < kDescriptorsMax; ++file) close(file);
  const bool is_within = geteuid() == 0 && !BecomeNobody();
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  // Signals to the test's group, such as Ctrl-C, are the test's to handle.
  setsid();
  char* const* run = is_within ? arguments_within.data() : arguments.data();
  execv(run[0], run);
  _exit(127);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

PostgresServer::PostgresServer(PostgresServerParams params,
                               std::string directory)
    : params_(std::move(params)), directory_(std::move(directory)) {}

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Start(
    const PostgresServerParams& params) {
  // Not the test's own directory: that may be in one that the unprivileged user
  // cannot enter, and too long a path for a socket.
  std::string directory = "/tmp/slipway-postgres-XXXXXX";
  if (mkdtemp(&directory[0]) == nullptr) return Failed("mkdtemp");
  auto server = absl::WrapUnique(new PostgresServer(params, directory));
  absl::Status status = server->Prepare();
  if (status.ok()) status = server->StartAgain();
  if (!status.ok()) return status;
  return server;
}

PostgresServer& PostgresServer::Shared() {
  static const std::unique_ptr<PostgresServer>& server = *[] {
    static std::unique_ptr<PostgresServer> started;
    absl::StatusOr<std::unique_ptr<PostgresServer>> result = Start({});
    if (!result.ok()) {
      std::cerr << result.status() << std::endl;
      std::abort();
    }
    started = *std::move(result);
    return &started;
  }();
  return *server;
}

std::string PostgresServer::data_directory() const {
  return params_.data_directory.empty() ? directory_ + "/data"
                                        : params_.data_directory;
}

absl::Status PostgresServer::Prepare() {
  for (const std::string& path :
       {directory_, params_.data_directory, params_.wal_directory}) {
    // EINVAL: there is no such user in this sandbox.
    if (!path.empty() && geteuid() == 0 &&
        chown(path.c_str(), kNobody, kNobody) != 0 && errno != EINVAL) {
      return Failed("chown");
    }
  }
  const absl::StatusOr<std::string> programs = FindPrograms();
  if (!programs.ok()) return programs.status();
  const std::string log = directory_ + "/initdb.log";
  std::vector<std::string> initdb = {
      *programs + "/initdb", "--pgdata=" + data_directory(),
      "--auth=trust",        "--username=postgres",
      "--encoding=UTF8",     "--locale=C",
      "--no-sync",           "--no-instructions"};
  if (!params_.wal_directory.empty()) {
    initdb.push_back("--waldir=" + params_.wal_directory);
    initdb.push_back("--wal-segsize=1");
  }
  const pid_t pid = Spawn(initdb, log);
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return Failed("initdb");
  if (status != 0) {
    return absl::UnavailableError(
        absl::StrCat("initdb: status ", status, ": ", ReadFile(log)));
  }
  std::ofstream settings(data_directory() + "/postgresql.conf", std::ios::app);
  settings << "\nlisten_addresses = ''\n"
           << "unix_socket_directories = '" << directory_ << "'\n"
           << "max_connections = 200\n"
           << "fsync = " << (params_.fsync ? "on" : "off") << "\n"
           << "full_page_writes = " << (params_.fsync ? "on" : "off") << "\n"
           << "shared_buffers = 128MB\n"
           << "max_wal_size = 4GB\n";
  for (const std::string& setting : params_.settings) {
    settings << setting << "\n";
  }
  settings.close();
  const std::string access = data_directory() + "/pg_hba.conf";
  const std::string rest = ReadFile(access);
  std::ofstream(access) << params_.access << "\n" << rest;
  return settings.good() ? absl::OkStatus() : Failed("postgresql.conf");
}

absl::Status PostgresServer::StartAgain() {
  const absl::StatusOr<std::string> programs = FindPrograms();
  if (!programs.ok()) return programs.status();
  const std::string log = directory_ + "/server.log";
  pid_ = Spawn({*programs + "/postgres", "-D", data_directory()}, log);
  if (pid_ < 0) {
    pid_ = 0;
    return Failed("fork");
  }
  constexpr int kLooksMax = 6000;
  for (int look = 0; look < kLooksMax; ++look) {
    const absl::Status status = Execute(connection(), "SELECT 1");
    if (status.ok()) return status;
    int exit = 0;
    if (waitpid(pid_, &exit, WNOHANG) == pid_) {
      pid_ = 0;
      return absl::UnavailableError(
          absl::StrCat("PostgreSQL ended with ", exit, ": ", ReadFile(log)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::UnavailableError(
      absl::StrCat("PostgreSQL does not answer: ", ReadFile(log)));
}

absl::Status PostgresServer::Stop(StopMode mode) {
  if (pid_ == 0) return absl::OkStatus();
  kill(pid_, mode == StopMode::kFast ? SIGINT : SIGQUIT);
  if (waitpid(pid_, nullptr, 0) != pid_) return Failed("waitpid");
  pid_ = 0;
  return absl::OkStatus();
}

PostgresServer::~PostgresServer() {
  Stop(StopMode::kImmediate).IgnoreError();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string PostgresServer::connection() const {
  return absl::StrCat("host=", directory_, " user=postgres dbname=postgres");
}

absl::Status PostgresServer::Execute(const std::string& connection,
                                     const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> opened(
      PQconnectdb(connection.c_str()), &PQfinish);
  if (PQstatus(opened.get()) != CONNECTION_OK) {
    return absl::UnavailableError(PQerrorMessage(opened.get()));
  }
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(opened.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    return absl::UnavailableError(PQerrorMessage(opened.get()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PostgresServer::CreateDatabase() {
  static std::atomic<int> created{0};
  const std::string name = absl::StrCat("test", ++created);
  absl::Status status =
      Execute(connection(),
              absl::StrCat("CREATE DATABASE ", name, " TEMPLATE template0"));
  if (!status.ok()) return status;
  return absl::StrCat("host=", directory_, " user=postgres dbname=", name);
}

absl::Status PostgresServer::DropDatabase(
    const std::string& connection_string) {
  const size_t place = connection_string.rfind('=');
  return Execute(connection(), absl::StrCat("DROP DATABASE IF EXISTS ",
                                            connection_string.substr(place + 1),
                                            " WITH (FORCE)"));
}

}  // namespace slipway
