// The conformance kit on a command line.
//
//   ./bazelw run //engine/conformance:runner -- --help

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "slipway/adapters/curl/curl_client.h"
#include "slipway/adapters/http/listen_address.h"
#include "slipway/adapters/http/server.h"
#include "slipway/conformance/http/http_subject.h"
#include "slipway/conformance/http/webhook_receiver.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"
#include "slipway/conformance/reports.h"
#include "slipway/conformance/runner/known_failures.h"
#include "slipway/conformance/runner/options.h"
#include "slipway/conformance/subject.h"
#include "slipway/conformance/subprocess/child_process.h"
#include "slipway/conformance/subprocess/subprocess_subject.h"
#include "slipway/conformance/v1/report.pb.h"
#include "slipway/conformance/v1/sequence.pb.h"

namespace slipway {
namespace conformance {
namespace {

constexpr int kConforms = 0;
constexpr int kDoesNotConform = 1;
constexpr int kCouldNotRun = 2;

// How long a server may take until it has written its port.
constexpr int kServerStartMs = 30'000;

// ---------------------------------------------------------------------------
// Signals: the first one lets the run clean up, the second ends it.

volatile sig_atomic_t interrupted = 0;

void OnSignal(int signal) {
  if (interrupted != 0) {
    ChildProcess::KillAll();
    _exit(128 + signal);
  }
  interrupted = 1;
}

void HandleSignals() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    sigaction(signal, &action, nullptr);
  }
}

// Asks nothing more once the run is interrupted, but to clean up.
class InterruptibleSubject : public SubjectUnderTest {
 public:
  explicit InterruptibleSubject(SubjectUnderTest* subject)
      : subject_(*subject) {}

  absl::StatusOr<v1::Capabilities> Describe() override {
    return subject_.Describe();
  }
  absl::StatusOr<std::string> Reset() override { return subject_.Reset(); }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (interrupted != 0) return absl::CancelledError("interrupted");
    return subject_.Apply(operation);
  }
  absl::StatusOr<v1::NotificationsResponse> Notifications(
      const v1::NotificationsRequest& request) override {
    if (interrupted != 0) return absl::CancelledError("interrupted");
    return subject_.Notifications(request);
  }
  std::string DescribeCall(const v1::Operation& operation) override {
    return subject_.DescribeCall(operation);
  }

 private:
  SubjectUnderTest& subject_;
};

// ---------------------------------------------------------------------------
// Files.

absl::StatusOr<std::string> ReadFile(const std::string& option,
                                     const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  if (!file || (file.peek() != std::ifstream::traits_type::eof() &&
                !(content << file.rdbuf()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, ": cannot read ", path));
  }
  return content.str();
}

absl::Status WriteFile(const std::string& option, const std::string& path,
                       const std::string& content) {
  std::ofstream file(path);
  file << content;
  file.close();
  if (file) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", option, ": cannot write ", path));
}

// Keeps where a text message is wrong, for one line of an error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ =
        absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

template <typename Message>
absl::StatusOr<Message> ReadMessage(const std::string& option,
                                    const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(option, path);
  if (!text.ok()) return text.status();
  Message message;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(*text, &message)) return message;
  return absl::InvalidArgumentError(
      absl::StrCat("--", option, ": ", path, ": ", error.text()));
}

// ---------------------------------------------------------------------------
// The subject, with what it needs.

absl::StatusOr<v1::Profile> ProfileOf(const std::string& name) {
  if (name.empty() || name == "documented") return DocumentedProfile();
  if (name == "observed") return ObservedProfile();
  absl::StatusOr<v1::Profile> profile =
      ReadMessage<v1::Profile>("profile", name);
  if (profile.ok() && profile->name().empty()) profile->set_name(name);
  return profile;
}

// What a file has up to the end of its line; empty where there is no file.
absl::StatusOr<std::string> ReadSecret(const std::string& option,
                                       const std::string& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> secret = ReadFile(option, path);
  if (!secret.ok()) return secret.status();
  const std::string stripped(
      absl::StripSuffix(absl::StripSuffix(*secret, "\n"), "\r"));
  if (stripped.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, ": ", path, " is empty"));
  }
  return stripped;
}

absl::StatusOr<v1::Capabilities> KnownOf(const RunnerOptions& options) {
  if (!options.fixtures.empty()) {
    absl::StatusOr<v1::Capabilities> known =
        ReadMessage<v1::Capabilities>("fixtures", options.fixtures);
    if (known.ok() && known->refs().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fixtures: ", options.fixtures, " has no refs in it"));
    }
    return known;
  }
  v1::Capabilities known;
  v1::RefFixture& ref = *known.add_refs();
  ref.set_name(options.ref.empty() ? "main" : options.ref);
  ref.set_form(slipway::v1::REF_FORM_BRANCH);
  return known;
}

// A command without its arguments, some of which may be secrets; a shell's
// quotes and the like are not looked through.
std::string NameOf(const std::string& command) {
  for (const absl::string_view word : absl::StrSplit(command, ' ')) {
    if (word.empty() || word == "exec") continue;
    const bool is_path =
        std::all_of(word.begin(), word.end(), [](unsigned char c) {
          return absl::ascii_isalnum(c) || absl::StrContains("/._-+", c);
        });
    if (!is_path) break;
    return absl::StrCat("the subprocess ", word);
  }
  return "a subprocess";
}

// Files that go with the run.
class ScratchDirectory {
 public:
  ScratchDirectory() = default;
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  // False: it cannot be made.
  bool Make() {
    std::string path = "/tmp/slipway-conformance-XXXXXX";
    if (mkdtemp(&path[0]) == nullptr) return false;
    path_ = path;
    return true;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Receives the webhooks of the server under test.
class WebhookListener {
 public:
  static absl::StatusOr<std::unique_ptr<WebhookListener>> Start(
      const RunnerOptions& options) {
    const absl::StatusOr<ListenAddress> listen =
        ParseListenAddress(options.webhook_listen);
    if (!listen.ok()) return Wrong(listen.status());
    absl::StatusOr<std::string> secret =
        ReadSecret("webhook_secret_file", options.webhook_secret_file);
    if (!secret.ok()) return secret.status();
    auto listener = std::make_unique<WebhookListener>(*std::move(secret));
    HttpServerOptions server;
    server.address = listen->address;
    server.port = listen->port;
    server.body_bytes_max = 32 << 20;  // GitHub's are cut off at 25 MB
    auto started = HttpServer::Start(server, &listener->receiver_);
    if (!started.ok()) return Wrong(started.status());
    listener->server_ = *std::move(started);
    listener->url_ = absl::StrCat("http://", HostOf(listen->address), ":",
                                  listener->server_->port(), "/");
    return listener;
  }
  explicit WebhookListener(std::string secret) : receiver_(std::move(secret)) {}

  WebhookReceiver* receiver() { return &receiver_; }
  // For a server on this machine.
  const std::string& url() const { return url_; }

 private:
  static absl::Status Wrong(const absl::Status& status) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook_listen: ", status.message()));
  }
  // Where every address is listened on, that of this machine.
  static std::string HostOf(const std::string& address) {
    if (address == "0.0.0.0") return "127.0.0.1";
    if (address == "::") return "[::1]";
    return absl::StrContains(address, ':') ? absl::StrCat("[", address, "]")
                                           : address;
  }

  WebhookReceiver receiver_;
  // Destroyed before the receiver.
  std::unique_ptr<HttpServer> server_;
  std::string url_;
};

class TestBed {
 public:
  absl::Status SetUp(const RunnerOptions& options, const v1::Profile& profile) {
    if (options.in_process) {
      name_ = "the engine in process";
      subject_ = std::make_unique<InProcessSubject>(
          InProcessParams{profile.rules(), {}});
      return absl::OkStatus();
    }
    if (!options.subprocess.empty()) {
      name_ = NameOf(options.subprocess);
      SubprocessSubjectOptions subprocess;
      subprocess.command = options.subprocess;
      subprocess.timeout_ms = options.step_timeout_ms;
      subject_ = std::make_unique<SubprocessSubject>(std::move(subprocess));
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> token =
        options.token_file.empty()
            ? options.token
            : ReadSecret("token_file", options.token_file);
    if (!token.ok()) return token.status();
    absl::StatusOr<v1::Capabilities> known = KnownOf(options);
    if (!known.ok()) return known.status();
    HttpSubjectOptions http;
    http.client = &client_;
    http.url = options.url;
    std::string command = options.server;
    if (!options.webhook_listen.empty()) {
      absl::StatusOr<std::unique_ptr<WebhookListener>> webhooks =
          WebhookListener::Start(options);
      if (!webhooks.ok()) return webhooks.status();
      webhooks_ = *std::move(webhooks);
      http.webhooks = webhooks_->receiver();
      http.webhook_timeout_ms = options.webhook_timeout_ms;
      command =
          absl::StrReplaceAll(command, {{"{webhook_url}", webhooks_->url()}});
    }
    if (!command.empty()) {
      const absl::StatusOr<int> port = StartServer(command);
      if (!port.ok()) return port.status();
      http.url =
          absl::StrReplaceAll(http.url, {{"{port}", absl::StrCat(*port)}});
    }
    http.owner = options.owner;
    http.repository = options.repository;
    http.token = *std::move(token);
    http.known = *std::move(known);
    http.timeout_ms = options.step_timeout_ms;
    name_ = absl::StrCat(http.url, "/repos/", http.owner, "/", http.repository);
    subject_ = std::make_unique<HttpSubject>(std::move(http));
    return absl::OkStatus();
  }

  SubjectUnderTest* subject() { return subject_.get(); }
  // For people.
  const std::string& name() const { return name_; }

 private:
  absl::StatusOr<int> StartServer(const std::string& command) {
    if (!scratch_.Make()) {
      return absl::InvalidArgumentError("--server: cannot write to /tmp");
    }
    const std::string port_file = absl::StrCat(scratch_.path(), "/port");
    return StartServer(
        absl::StrReplaceAll(command, {{"{port_file}", port_file}}), port_file);
  }

  absl::StatusOr<int> StartServer(const std::string& command,
                                  const std::string& port_file) {
    absl::StatusOr<ChildProcess> server =
        ChildProcess::Start(command, ChildProcess::Streams::kNone);
    if (!server.ok()) return server.status();
    server_ = std::make_unique<ChildProcess>(*std::move(server));
    constexpr int kStepMs = 20;
    for (int waited_ms = 0; waited_ms < kServerStartMs && interrupted == 0;
         waited_ms += kStepMs) {
      std::string line;
      int port = 0;
      // A line without its end is not whole yet.
      std::ifstream file(port_file);
      if (std::getline(file, line) && !file.eof() &&
          absl::SimpleAtoi(line, &port)) {
        return port;
      }
      if (const auto end = server_->WaitForEnd(kStepMs)) {
        return absl::UnavailableError(
            absl::StrCat("--server: it ended (", *end, ")"));
      }
    }
    return absl::DeadlineExceededError(absl::StrCat(
        "--server: it wrote no line with its port to {port_file} in ",
        kServerStartMs, " ms"));
  }

  CurlClient client_;
  // Of the server, which may have put more than its port into it.
  ScratchDirectory scratch_;
  // Destroyed after the subject, and so in this order.
  std::unique_ptr<WebhookListener> webhooks_;
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<SubjectUnderTest> subject_;
  std::string name_;
};

// ---------------------------------------------------------------------------
// The run.

// Lines of JSON, each as soon as it is there.
class HistoryWriter {
 public:
  absl::Status Open(const std::string& path) {
    file_.open(path);
    if (file_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("--history: cannot write ", path));
  }
  void Write(const v1::History& history) {
    std::string json;
    if (google::protobuf::util::MessageToJsonString(history, &json).ok()) {
      file_ << json << std::endl;
    }
  }

 private:
  std::ofstream file_;
};

void ShowProgress(const Progress& progress) {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
  // The last column stays free, so that no terminal goes to the next line.
  const int width = known && size.ws_col > 0 ? size.ws_col - 1 : 79;
  std::cerr << "\r\x1b[K" << ProgressLine(progress, width) << std::flush;
}

absl::Status SaveFailures(const std::string& directory, v1::Report* report) {
  if (report->failures().empty()) return absl::OkStatus();
  if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    return absl::InvalidArgumentError(
        absl::StrCat("--save_failures: cannot make ", directory));
  }
  std::vector<std::string> names;
  for (v1::Failure& failure : *report->mutable_failures()) {
    const int rule = failure.rules().empty() ? 0 : failure.rules(0);
    std::string name = absl::StrCat("R", rule);
    // One rule can lead in several failures.
    for (int n = 2; std::find(names.begin(), names.end(), name) != names.end();
         ++n) {
      name = absl::StrCat("R", rule, "-", n);
    }
    names.push_back(name);
    const std::string path = absl::StrCat(directory, "/", name, ".textproto");
    std::string text;
    google::protobuf::TextFormat::PrintToString(failure.sequence(), &text);
    absl::Status status = WriteFile(
        "save_failures", path,
        absl::StrCat("# proto-file: slipway/conformance/v1/sequence.proto\n"
                     "# proto-message: slipway.conformance.v1.Sequence\n",
                     text));
    if (!status.ok()) return status;
    failure.set_file(path);
  }
  return absl::OkStatus();
}

// Written before it is known whether the next one can be.
absl::Status WriteReports(const RunnerOptions& options,
                          const v1::Report& report) {
  const struct {
    const char* option;
    const std::string& path;
    std::string (*form)(const v1::Report&);
  } forms[] = {{"junit", options.junit, JUnitReport},
               {"json", options.json, JsonReport},
               {"html", options.html, HtmlReport}};
  absl::Status first;
  for (const auto& form : forms) {
    if (form.path.empty()) continue;
    absl::Status status = WriteFile(form.option, form.path, form.form(report));
    if (first.ok()) first = std::move(status);
  }
  return first;
}

int ExitStatusOf(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_CONFORMS:
      return kConforms;
    case v1::VERDICT_DOES_NOT_CONFORM:
      return kDoesNotConform;
    default:
      return kCouldNotRun;
  }
}

// The exit status; an error is one of the command line or of a file.
absl::StatusOr<int> RunWith(const RunnerOptions& options) {
  RunOptions run;
  absl::StatusOr<v1::Profile> profile = ProfileOf(options.profile);
  if (!profile.ok()) return profile.status();
  run.profile = *std::move(profile);
  v1::Sequence sequence;
  if (!options.replay.empty()) {
    auto read = ReadMessage<v1::Sequence>("replay", options.replay);
    if (!read.ok()) return read.status();
    sequence = *std::move(read);
    // What the command line says counts more than what the file says.
    if (!options.profile.empty() || !sequence.has_profile()) {
      *sequence.mutable_profile() = run.profile;
    }
    run.profile = sequence.profile();
  }
  std::string known_failures;
  if (!options.known_failures.empty()) {
    auto read = ReadFile("known_failures", options.known_failures);
    // A list that is to be written may not be there yet.
    if (read.ok()) {
      known_failures = *std::move(read);
    } else if (!options.update_known_failures) {
      return read.status();
    }
    auto known = ParseKnownFailures(known_failures);
    if (!known.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--known_failures: ", options.known_failures, ": ",
                       known.status().message()));
    }
    run.known_failures = *std::move(known);
  }
  run.sequences = options.sequences;
  run.steps_max = options.steps;
  run.clients = static_cast<int>(options.clients);
  run.reach_all = options.reach_all;
  // Runs with equal seeds must not meet in a repository that they share.
  run.run_name = absl::StrCat(absl::Hex(std::random_device()()));
  run.seed = options.seed ? *options.seed : std::random_device()();
  if (options.update_known_failures) {
    run.failures_max = std::numeric_limits<int>::max();
  }
  const bool shows_progress =
      isatty(STDERR_FILENO) == 1 && options.replay.empty();
  if (shows_progress) run.on_progress = ShowProgress;
  HistoryWriter histories;
  if (!options.history.empty()) {
    absl::Status status = histories.Open(options.history);
    if (!status.ok()) return status;
    run.on_history = [&](const v1::History& history) {
      histories.Write(history);
    };
  }

  TestBed bed;
  absl::Status status = bed.SetUp(options, run.profile);
  if (!status.ok()) return status;
  InterruptibleSubject subject(bed.subject());
  v1::Report report = options.replay.empty() ? Run(run, subject)
                                             : Replay(run, sequence, subject);
  if (shows_progress) std::cerr << "\r\x1b[K" << std::flush;
  report.set_subject(bed.name());
  if (!options.save_failures.empty()) {
    status = SaveFailures(options.save_failures, &report);
  }
  std::cout << TextReport(report) << std::flush;
  const absl::Status written = WriteReports(options, report);
  if (status.ok()) status = written;
  if (!status.ok()) return status;
  const int exit_status = ExitStatusOf(report.verdict());
  if (!options.update_known_failures || exit_status == kCouldNotRun) {
    return exit_status;
  }
  status = WriteFile("known_failures", options.known_failures,
                     UpdatedKnownFailures(known_failures, report));
  if (!status.ok()) return status;
  std::cout << "The known failures are in " << options.known_failures << "."
            << std::endl;
  return kConforms;
}

// Under `bazel run`, files are looked for where the user is; under `bazel test`
// the reports go where Bazel looks for them.
void FollowBazel(RunnerOptions* options) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  // A test that is run that way has its files where it is.
  if (directory != nullptr && std::getenv("TEST_SRCDIR") == nullptr &&
      chdir(directory) != 0) {
    std::cerr << "conformance: cannot go to " << directory << std::endl;
  }
  const char* xml = std::getenv("XML_OUTPUT_FILE");
  if (xml != nullptr && options->junit.empty()) options->junit = xml;
  const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  if (outputs == nullptr) return;
  if (options->html.empty()) {
    options->html = absl::StrCat(outputs, "/conformance.html");
  }
  if (options->save_failures.empty()) {
    options->save_failures = absl::StrCat(outputs, "/failures");
  }
}

int CouldNotRun(const absl::Status& status) {
  std::cerr << "conformance: " << status.message() << std::endl;
  return kCouldNotRun;
}

int Main(const std::vector<std::string>& arguments) {
  absl::StatusOr<RunnerOptions> options = ParseOptions(arguments);
  if (!options.ok()) return CouldNotRun(options.status());
  if (options->help) {
    std::cout << Usage();
    return kConforms;
  }
  FollowBazel(&*options);
  HandleSignals();
  const absl::StatusOr<int> exit_status = RunWith(*options);
  return exit_status.ok() ? *exit_status : CouldNotRun(exit_status.status());
}

}  // namespace
}  // namespace conformance
}  // namespace slipway

int main(int argc, char** argv) {
  return slipway::conformance::Main(
      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
