// The runner as its users see it: exit statuses, reports, and subjects that
// answer nothing of use. Nothing makes it crash or run on and on.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int exit_status = -1;
  // Standard output and standard error.
  std::string text;
};

Outcome RunRunner(const std::string& arguments) {
  // Without what the runner takes from a test of Bazel.
  const std::string command = absl::StrCat(
      "env -u XML_OUTPUT_FILE -u TEST_UNDECLARED_OUTPUTS_DIR "
      "engine/conformance/runner/runner ",
      arguments, " 2>&1");
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  size_t count = 0;
  while ((count = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    outcome.text.append(buffer, count);
  }
  const int status = pclose(pipe);
  outcome.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string TemporaryFile(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void Write(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
}

// Answers every request on 127.0.0.1 with the same bytes, whatever it asks.
class RawServer {
 public:
  enum class Then { kClose, kHang };

  RawServer(std::string bytes, Then then)
      : bytes_(std::move(bytes)),
        then_(then),
        listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~RawServer() {
    stopping_ = true;
    thread_.join();
    close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  // The options that have the runner test it.
  std::string Options() const {
    return absl::StrCat(
        "--url=http://127.0.0.1:", port_,
        " --repository=octocat/hello-world --seed=1 "
        "--sequences=5 --step_timeout_ms=300 --token=hush-hush");
  }

 private:
  // One connection at a time, until its peer has had enough.
  void Serve() {
    while (!stopping_) {
      if (!IsReadable(listener_)) continue;
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      std::string request;
      char buffer[4096];
      while (!stopping_) {
        if (!IsReadable(connection)) continue;
        const ssize_t count = recv(connection, buffer, sizeof(buffer), 0);
        if (count <= 0) break;
        request.append(buffer, static_cast<size_t>(count));
        if (!IsWhole(request)) continue;
        if (send(connection, bytes_.data(), bytes_.size(), MSG_NOSIGNAL) < 0 ||
            then_ == Then::kClose) {
          break;
        }
      }
      close(connection);
    }
  }

  static bool IsReadable(int descriptor) {
    pollfd waited = {descriptor, POLLIN, 0};
    return poll(&waited, 1, 20) > 0;
  }

  // Closing with something unread would be a reset.
  static bool IsWhole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string name = "Content-Length: ";
    const size_t at = request.find(name);
    if (at == std::string::npos) return true;
    size_t length = 0;
    const size_t begin = at + name.size();
    EXPECT_TRUE(absl::SimpleAtoi(
        request.substr(begin, request.find('\r', begin) - begin), &length));
    return request.size() >= end + 4 + length;
  }

  const std::string bytes_;
  const Then then_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

std::string HttpAnswer(const std::string& status, const std::string& type,
                       const std::string& body) {
  return absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type,
                      "\r\nContent-Length: ", body.size(),
                      "\r\nConnection: close\r\n\r\n", body);
}

// ---------------------------------------------------------------------------

TEST(Runner, TheEngineConforms) {
  const Outcome outcome = RunRunner("--in_process --seed=1 --sequences=20");
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.text, HasSubstr("profile documented, seed 1: 20 sequen"));
  EXPECT_TRUE(absl::EndsWith(outcome.text, "\nCONFORMS\n"));
  // No terminal, no progress.
  EXPECT_THAT(outcome.text, Not(HasSubstr("\r")));
}

TEST(Runner, EqualSeedsGiveEqualRuns) {
  const std::string a = TemporaryFile("a.json");
  const std::string b = TemporaryFile("b.json");
  RunRunner("--in_process --seed=5 --sequences=10 --json=" + a);
  RunRunner("--in_process --seed=5 --sequences=10 --json=" + b);
  const std::string first = ContentOf(a);
  EXPECT_THAT(first, HasSubstr("\"verdict\": \"VERDICT_CONFORMS\""));
  const auto without_time = [](const std::string& json) {
    const size_t at = json.find("\"elapsed_ms\"");
    return json.substr(0, at) + json.substr(json.find('\n', at));
  };
  EXPECT_EQ(without_time(first), without_time(ContentOf(b)));
}

TEST(Runner, AWrongCommandIsToldInOneLine) {
  const struct {
    const char* arguments;
    const char* error;
  } cases[] = {
      {"--nonsense", "there is no option --nonsense; --help shows all options"},
      {"--in_process --profile=absent", "--profile: cannot read absent"},
      {"--in_process --replay=absent", "--replay: cannot read absent"},
      {"--in_process --known_failures=absent",
       "--known_failures: cannot read absent"},
      {"--url=http://127.0.0.1:1 --repository=a/b --fixtures=absent",
       "--fixtures: cannot read absent"},
      {"--url=http://127.0.0.1:1 --repository=a/b --token_file=absent",
       "--token_file: cannot read absent"},
      {"--in_process --sequences=1 --html=absent/x",
       "--html: cannot write absent/x"},
      {"--url=http://127.0.0.1:1 --repository=a/b --webhook_listen=here",
       "--webhook_listen: listen address \"here\": has no port (expected "
       "\"127.0.0.1:8080\" or \"[::1]:8080\"; port 0 is any free port)"},
      {"--url=http://127.0.0.1:1 --repository=a/b --webhook_listen=127.0.0.1:0 "
       "--webhook_secret_file=absent",
       "--webhook_secret_file: cannot read absent"},
      {"--server='exit 4' --repository=a/b",
       "--server: it ended (exit status 4)"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = RunRunner(c.arguments);
    EXPECT_EQ(outcome.exit_status, 2) << c.arguments;
    EXPECT_TRUE(absl::EndsWith(outcome.text,
                               absl::StrCat("conformance: ", c.error, "\n")))
        << outcome.text;
  }
}

TEST(Runner, AWrongFileIsToldWithItsPlace) {
  const std::string path = TemporaryFile("wrong.textproto");
  Write(path, "name: \"x\"\nrules { nonsense: 1 }\n");
  const Outcome profile = RunRunner("--in_process --profile=" + path);
  EXPECT_EQ(profile.exit_status, 2);
  EXPECT_THAT(profile.text, HasSubstr("wrong.textproto: line 2, column "));
  Write(path, "R100: why not\n");
  const Outcome unknown = RunRunner("--in_process --known_failures=" + path);
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.text, HasSubstr("the kit has no rule R100"));
  Write(path, "\nR31\n");
  const Outcome known = RunRunner("--in_process --known_failures=" + path);
  EXPECT_EQ(known.exit_status, 2);
  EXPECT_THAT(known.text, HasSubstr("wrong.textproto: line 2: not a rule"));
}

TEST(Runner, AServerIsToldWhereToSendWebhooks) {
  const std::string path = TemporaryFile("webhook_url");
  for (const std::string& listen :
       {std::string(), std::string("--webhook_listen=0.0.0.0:0")}) {
    const Outcome outcome = RunRunner(
        absl::StrCat("--repository=a/b ", listen,
                     " --server='echo {webhook_url} >", path, "; exit 4'"));
    EXPECT_EQ(outcome.exit_status, 2);
    EXPECT_THAT(ContentOf(path),
                testing::MatchesRegex("http://127\\.0\\.0\\.1:[0-9]+/\n"));
  }
}

TEST(Runner, WhatAServerPutsBesideItsPortIsRemoved) {
  const std::string path = TemporaryFile("beside");
  const Outcome outcome = RunRunner(absl::StrCat(
      "--repository=a/b --server='mkdir {port_file}.d; echo {port_file}.d >",
      path, "; exit 4'"));
  EXPECT_EQ(outcome.exit_status, 2);
  const std::string beside = ContentOf(path);
  ASSERT_THAT(beside, testing::MatchesRegex("/tmp/.*/port.d\n"));
  EXPECT_NE(access(beside.substr(0, beside.size() - 1).c_str(), F_OK), 0);
}

TEST(Runner, AReplayOfNothingShowsNothing) {
  const std::string path = TemporaryFile("empty.textproto");
  Write(path, "");
  const Outcome outcome = RunRunner("--in_process --replay=" + path);
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.text, HasSubstr("the sequence has no operations"));
}

TEST(Runner, ArgumentsOfASubprocessAreNotShown) {
  for (const char* command :
       {"exec engine/conformance/subprocess/misbehaving_subject exit hush",
        "TOKEN=hush exec engine/conformance/subprocess/misbehaving_subject "
        "exit",
        "TOKEN=\"a hush\" exec "
        "engine/conformance/subprocess/misbehaving_subject exit"}) {
    const Outcome outcome =
        RunRunner(absl::StrCat("--sequences=1 --subprocess='", command, "'"));
    EXPECT_THAT(outcome.text,
                AllOf(HasSubstr("subprocess"), Not(HasSubstr("hush"))));
  }
}

TEST(Runner, HelpIsNoError) {
  const Outcome outcome = RunRunner("--help");
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.text, HasSubstr("--known_failures=FILE"));
}

// From a first failure to a list of known ones, and back.
TEST(Runner, KnownFailuresAreAListThatStaysTrue) {
  // The engine documented, the profile observed: one rule is not as expected.
  const std::string subject =
      "--seed=1 --sequences=60 --subprocess="
      "'exec examples/conformance_subject/conformance_subject' ";
  const std::string directory = TemporaryFile("failures");
  const Outcome wrong = RunRunner(
      absl::StrCat(subject, "--profile=observed --save_failures=", directory));
  EXPECT_EQ(wrong.exit_status, 1) << wrong.text;
  EXPECT_THAT(wrong.text, HasSubstr("Failure 1: R41"));
  EXPECT_TRUE(absl::EndsWith(wrong.text, "\nDOES NOT CONFORM\n"));

  const std::string replay =
      absl::StrCat(subject, "--replay=", directory, "/R41.textproto");
  EXPECT_EQ(RunRunner(replay).exit_status, 1);
  EXPECT_EQ(RunRunner(replay + " --profile=documented").exit_status, 0);

  const std::string list = TemporaryFile("known.txt");
  const std::string known = absl::StrCat("--known_failures=", list, " ");
  EXPECT_EQ(RunRunner(absl::StrCat(subject, "--profile=observed ", known,
                                   "--update_known_failures"))
                .exit_status,
            0);
  EXPECT_THAT(ContentOf(list), testing::StartsWith("R41: "));
  const Outcome adopted =
      RunRunner(absl::StrCat(subject, "--profile=observed ", known));
  EXPECT_EQ(adopted.exit_status, 0) << adopted.text;
  EXPECT_THAT(adopted.text, HasSubstr("  known        R41 "));

  // A replay does not test the rest of the list.
  EXPECT_EQ(RunRunner(absl::StrCat(replay, " --profile=documented ", known))
                .exit_status,
            0);

  const Outcome stale = RunRunner(absl::StrCat(subject, known));
  EXPECT_EQ(stale.exit_status, 1);
  EXPECT_THAT(stale.text, HasSubstr("take it off the list"));
  EXPECT_EQ(RunRunner(absl::StrCat(subject, known, "--update_known_failures"))
                .exit_status,
            0);
  EXPECT_EQ(ContentOf(list), "");
}

TEST(Runner, WritesHistories) {
  const std::string path = TemporaryFile("histories.jsonl");
  const Outcome outcome = RunRunner(absl::StrCat(
      "--in_process --seed=1 --sequences=5 --clients=2 --history=", path));
  EXPECT_EQ(outcome.exit_status, 0) << outcome.text;
  EXPECT_THAT(ContentOf(path), testing::StartsWith("{\"entries\":[{"));
}

// ---------------------------------------------------------------------------
// Servers that misbehave. A silent one ends the run; one that answers is wrong,
// and what it said is shown.

TEST(Runner, AServerThatIsNotThere) {
  const Outcome outcome =
      RunRunner("--url=http://127.0.0.1:1 --repository=octocat/hello-world");
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("UNAVAILABLE"), HasSubstr("\nCOULD NOT RUN\n")));
}

TEST(Runner, AServerThatHangs) {
  const RawServer server("", RawServer::Then::kHang);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("DEADLINE_EXCEEDED"));
}

TEST(Runner, AServerThatHangsInTheMiddle) {
  const RawServer server("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
                         RawServer::Then::kHang);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("DEADLINE_EXCEEDED"));
}

TEST(Runner, AServerThatClosesTheConnection) {
  const RawServer server("", RawServer::Then::kClose);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("UNAVAILABLE"));
}

TEST(Runner, AServerThatClosesInTheMiddle) {
  const RawServer server("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
                         RawServer::Then::kClose);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("UNAVAILABLE"));
}

TEST(Runner, AServerThatSpeaksNoHttp) {
  const RawServer server("\x01\x02 what?\r\n\r\n\xff", RawServer::Then::kClose);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
}

TEST(Runner, AServerThatFails) {
  const RawServer server(
      HttpAnswer("500 Internal Server Error", "application/json",
                 "{\"message\":\"Bearer hush-hush was wrong\"}"),
      RawServer::Then::kClose);
  const std::string html = TemporaryFile("500.html");
  const Outcome outcome =
      RunRunner(absl::StrCat(server.Options(), " --html=", html));
  EXPECT_EQ(outcome.exit_status, 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("< 500\n"), HasSubstr("curl -i "),
                                  HasSubstr("DOES NOT CONFORM")));
  for (const std::string& text : {outcome.text, ContentOf(html)}) {
    EXPECT_THAT(text, AllOf(HasSubstr("500"), Not(HasSubstr("hush-hush"))));
  }
}

TEST(Runner, ARepositoryThatIsNotThere) {
  const RawServer server(
      HttpAnswer("404 Not Found", "application/json", R"({"message":"no"})"),
      RawServer::Then::kClose);
  const Outcome outcome = RunRunner(server.Options());
  EXPECT_EQ(outcome.exit_status, 2) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("there is no repository octocat/"),
                                  HasSubstr("\nCOULD NOT RUN\n")));
}

TEST(Runner, AServerThatAnswersAPage) {
  const RawServer server(
      HttpAnswer("200 OK", "text/html",
                 "<!DOCTYPE html><h1>Welcome</h1><script>x()</script>"),
      RawServer::Then::kClose);
  const std::string html = TemporaryFile("page.html");
  const Outcome outcome =
      RunRunner(absl::StrCat(server.Options(), " --html=", html));
  EXPECT_EQ(outcome.exit_status, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("<h1>Welcome</h1>"));
  EXPECT_THAT(ContentOf(html),
              AllOf(HasSubstr("&lt;h1&gt;Welcome"), Not(HasSubstr("<script"))));
}

TEST(Runner, AServerThatAnswersGarbage) {
  for (const std::string& body :
       {std::string("{\"id\":"), std::string("\xff\x1b[2J\0", 6),
        std::string("[[[[[[[["), std::string("{\"id\":\"x\",\"state\":{}}")}) {
    const RawServer server(HttpAnswer("201 Created", "application/json", body),
                           RawServer::Then::kClose);
    const std::string xml = TemporaryFile("garbage.xml");
    const Outcome outcome =
        RunRunner(absl::StrCat(server.Options(), " --junit=", xml));
    EXPECT_EQ(outcome.exit_status, 1) << outcome.text;
    for (const std::string& text : {outcome.text, ContentOf(xml)}) {
      EXPECT_THAT(text, AllOf(HasSubstr("201"), Not(HasSubstr("\x1b")),
                              Not(HasSubstr("\xff"))));
    }
  }
}

// ---------------------------------------------------------------------------
// Subprocesses that do.

Outcome RunMisbehaving(const std::string& how) {
  return RunRunner(absl::StrCat(
      "--seed=1 --sequences=5 --step_timeout_ms=2000 --subprocess='exec "
      "engine/conformance/subprocess/misbehaving_subject ",
      how, "'"));
}

TEST(Runner, ASubprocessWithoutAnswers) {
  const struct {
    const char* how;
    const char* said;
  } cases[] = {
      {"hang", "DEADLINE_EXCEEDED"},
      {"hang describe", "DEADLINE_EXCEEDED"},
      {"hang reset", "DEADLINE_EXCEEDED"},
      {"close", "UNAVAILABLE"},
      {"exit", "exit status 3"},
      {"crash", "signal 6"},
      {"html", "<html><body>502 Bad Gateway"},
      {"text", "Traceback (most recent call last)"},
      {"no_length", "DATA_LOSS"},
      {"no_message", "DATA_LOSS"},
      {"wrong_kind", "DATA_LOSS"},
      {"failure", "the database is gone"},
  };
  for (const auto& c : cases) {
    const Outcome outcome = RunMisbehaving(c.how);
    EXPECT_EQ(outcome.exit_status, 2) << c.how << "\n" << outcome.text;
    EXPECT_THAT(outcome.text,
                AllOf(HasSubstr(c.said), HasSubstr("COULD NOT RUN")))
        << c.how;
  }
}

TEST(Runner, ASubprocessThatAnswersWrong) {
  const Outcome outcome = RunMisbehaving("code_500");
  EXPECT_EQ(outcome.exit_status, 1) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("got 500"));
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
