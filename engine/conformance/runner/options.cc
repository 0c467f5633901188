#include "slipway/conformance/runner/options.h"

#include <cstddef>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace conformance {
namespace {

constexpr int kClientsMax = 4;

// One option: what is written after its name, what it does, and how it is read.
struct Option {
  std::string name;
  // Empty: yes or no.
  std::string value;
  std::string help;
  // Empty, or what is wrong with the value.
  std::function<std::string(const std::string& value)> read;
};

// The options in the order of the usage; an empty name is a heading.
class OptionTable {
 public:
  explicit OptionTable(RunnerOptions* options) : to_(*options) {
    Heading("What is tested: one of");
    Text("url", "URL", "a server: where the API begins, without /repos",
         &to_.url);
    Text("subprocess", "COMMAND",
         "a program that speaks SubjectRequest and SubjectResponse on its "
         "standard input and output; run by /bin/sh -c",
         &to_.subprocess);
    Flag("in_process", "the engine itself, in this process", &to_.in_process);
    Text("server", "COMMAND",
         "a server that is started for the run: {port_file} in the command is "
         "a file that it is to write its port to, as a line with its end, "
         "{port} in --url (default "
         "http://127.0.0.1:{port}) is that port, and {webhook_url} is where "
         "it is to send its webhooks",
         &to_.server);

    Heading("The server's repository");
    Add("repository", "OWNER/NAME", "where deployments are made",
        [this](const std::string& value) { return ReadRepository(value); });
    Text("ref", "NAME",
         "a branch that is up to date and has no contexts (default: main); "
         "not with --fixtures",
         &to_.ref);
    Text("fixtures", "FILE",
         "the refs of the repository and the login of the token's owner: a "
         "text file of a slipway.conformance.v1.Capabilities",
         &to_.fixtures);
    Text("token", "TOKEN",
         "sent as Authorization: Bearer TOKEN; never written anywhere",
         &to_.token);
    Text("token_file", "FILE", "a file with the token", &to_.token_file);

    Heading("The server's webhooks");
    Text("webhook_listen", "ADDRESS:PORT",
         "receives them there and compares them (R80): tell the server to "
         "send those for deployment and deployment_status to "
         "http://ADDRESS:PORT/; port 0, the default with {webhook_url}, is "
         "any free one",
         &to_.webhook_listen);
    Text("webhook_secret_file", "FILE",
         "a file with the secret that they are signed with (R82)",
         &to_.webhook_secret_file);
    Number("webhook_timeout_ms",
           "how long one that should come is waited for (default: 5000)", 1,
           86'400'000, &to_.webhook_timeout_ms);

    Heading("How it is tested");
    Text("profile", "NAME",
         "documented (default), observed, or a text file of a "
         "slipway.conformance.v1.Profile",
         &to_.profile);
    Number("sequences", "how many sequences (default: 200)", 1, 1'000'000'000,
           &to_.sequences);
    Number("steps", "the longest sequence, in steps (default: 30)", 1, 10'000,
           &to_.steps);
    Add("seed", "N", "equal seeds give equal sequences (default: by chance)",
        [this](const std::string& value) { return ReadSeed(value); });
    Number("clients",
           "1 (default), or up to 4 that make calls at the same time", 1,
           kClientsMax, &to_.clients);
    Number("step_timeout_ms", "for one call (default: 10000)", 1, 86'400'000,
           &to_.step_timeout_ms);
    Text("replay", "FILE",
         "runs this sequence alone: a text file of a "
         "slipway.conformance.v1.Sequence, such as --save_failures writes",
         &to_.replay);
    Flag("reach_all",
         "a required or recommended rule that was not put to the test makes "
         "the run fail",
         &to_.reach_all);

    Heading("Known failures");
    Text("known_failures", "FILE",
         "rules that are known to fail, a line \"R31: reason\" for each; one "
         "that does not fail any more makes the run fail",
         &to_.known_failures);
    Flag("update_known_failures",
         "writes that file anew, by what this run finds",
         &to_.update_known_failures);

    Heading("What is written, beside the report on standard output");
    Text("junit", "FILE", "the report as JUnit's XML", &to_.junit);
    Text("json", "FILE", "the report as JSON", &to_.json);
    Text("html", "FILE", "the report as one page", &to_.html);
    Text("save_failures", "DIRECTORY",
         "each failure's sequence, for --replay: R31.textproto and so on",
         &to_.save_failures);
    Text("history", "FILE",
         "with --clients: one line of JSON for each history, a "
         "slipway.conformance.v1.History",
         &to_.history);
    Flag("help", "shows this", &to_.help);
  }
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  const std::vector<Option>& options() const { return options_; }

  const Option* Find(absl::string_view name) const {
    for (const Option& option : options_) {
      if (option.name == name && !name.empty()) return &option;
    }
    return nullptr;
  }

 private:
  using Read = std::function<std::string(const std::string&)>;

  void Add(std::string name, std::string value, std::string help, Read read) {
    options_.push_back(
        {std::move(name), std::move(value), std::move(help), std::move(read)});
  }
  void Heading(std::string text) { Add("", "", std::move(text), nullptr); }
  void Text(std::string name, std::string value, std::string help,
            std::string* to) {
    Add(std::move(name), std::move(value), std::move(help),
        [to](const std::string& given) {
          *to = given;
          return given.empty() ? "is empty" : "";
        });
  }
  void Flag(std::string name, std::string help, bool* to) {
    Add(std::move(name), "", std::move(help), [to](const std::string& given) {
      *to = given != "false";
      return given.empty() || given == "true" || given == "false"
                 ? ""
                 : "is true or false";
    });
  }
  void Number(std::string name, std::string help, int64_t least, int64_t most,
              int64_t* to) {
    Add(std::move(name), "N", std::move(help),
        [to, least, most](const std::string& given) {
          return absl::SimpleAtoi(given, to) && *to >= least && *to <= most
                     ? ""
                     : absl::StrCat("is a number from ", least, " to ", most);
        });
  }

  std::string ReadSeed(const std::string& value) {
    uint64_t seed = 0;
    if (!absl::SimpleAtoi(value, &seed)) return "is a number from 0 on";
    to_.seed = seed;
    return "";
  }
  std::string ReadRepository(const std::string& value) {
    const std::vector<std::string> parts = absl::StrSplit(value, '/');
    if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
      return "is OWNER/NAME";
    }
    to_.owner = parts[0];
    to_.repository = parts[1];
    return "";
  }

  RunnerOptions& to_;
  std::vector<Option> options_;
};

// Whether it has a user or a password, which every report would show.
bool HasUser(absl::string_view url) {
  const size_t host = url.find("://") + 3;
  return absl::StrContains(
      url.substr(host, url.find_first_of("/?#", host) - host), "@");
}

absl::Status Wrong(absl::string_view option, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--", option, " ", what));
}

// What does not go together, and what is missing.
absl::Status CheckTogether(RunnerOptions& options) {
  const bool over_http = !options.url.empty() || !options.server.empty();
  const int subjects = (over_http ? 1 : 0) + (options.in_process ? 1 : 0) +
                       (options.subprocess.empty() ? 0 : 1);
  if (subjects != 1) {
    return absl::InvalidArgumentError(
        "give one of --url, --server, --subprocess and --in_process; --help "
        "shows all options");
  }
  if (!options.server.empty() && options.url.empty()) {
    options.url = "http://127.0.0.1:{port}";
  }
  if (over_http) {
    if (!absl::StartsWith(options.url, "http://") &&
        !absl::StartsWith(options.url, "https://")) {
      return Wrong("url", "begins with http:// or https://");
    }
    if (HasUser(options.url)) {
      return Wrong("url", "has a user in it: give a token by --token_file");
    }
    if (!options.ref.empty() && !options.fixtures.empty()) {
      return absl::InvalidArgumentError(
          "give one of --ref and --fixtures, not both");
    }
    while (absl::EndsWith(options.url, "/")) options.url.pop_back();
    if (options.owner.empty()) {
      return Wrong("repository", "is missing: the server's OWNER/NAME");
    }
    if (options.webhook_listen.empty() &&
        absl::StrContains(options.server, "{webhook_url}")) {
      options.webhook_listen = "127.0.0.1:0";
    }
    if (!options.webhook_secret_file.empty() &&
        options.webhook_listen.empty()) {
      return Wrong("webhook_secret_file", "needs --webhook_listen");
    }
  } else if (!options.owner.empty() || !options.ref.empty() ||
             !options.fixtures.empty() || !options.token.empty() ||
             !options.token_file.empty() || !options.webhook_listen.empty() ||
             !options.webhook_secret_file.empty()) {
    return absl::InvalidArgumentError(
        "--repository, --ref, --fixtures, --token, --token_file, "
        "--webhook_listen and "
        "--webhook_secret_file are for --url and --server");
  }
  if (!options.token.empty() && !options.token_file.empty()) {
    return absl::InvalidArgumentError(
        "give one of --token and --token_file, not both");
  }
  if (options.update_known_failures && options.known_failures.empty()) {
    return Wrong("update_known_failures",
                 "needs --known_failures, the file to write");
  }
  if (options.update_known_failures && !options.replay.empty()) {
    return Wrong("update_known_failures",
                 "needs a whole run, not one of --replay");
  }
  if (!options.history.empty() && options.clients == 1 &&
      options.replay.empty()) {
    return Wrong("history", "needs --clients of 2 or more");
  }
  return absl::OkStatus();
}

// Words in lines of at most `width` columns, each after `indent`.
void AppendWrapped(absl::string_view text, absl::string_view indent,
                   size_t width, std::string* out) {
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      absl::StrAppend(out, "\n");
      column = 0;
    }
    if (column == 0) {
      absl::StrAppend(out, indent, word);
      column = indent.size() + word.size();
    } else {
      absl::StrAppend(out, " ", word);
      column += 1 + word.size();
    }
  }
  absl::StrAppend(out, "\n");
}

}  // namespace

absl::StatusOr<RunnerOptions> ParseOptions(
    const std::vector<std::string>& arguments) {
  RunnerOptions options;
  const OptionTable table(&options);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!absl::StartsWith(argument, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument '", argument, "'"));
    }
    const size_t equals = argument.find('=');
    const std::string name =
        argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = table.Find(name);
    if (option == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no option --", name, "; --help shows all options"));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (!option->value.empty()) {
      if (i + 1 == arguments.size()) return Wrong(name, "needs a value");
      value = arguments[++i];
    }
    // Not with the value, which may be a secret.
    const std::string wrong = option->read(value);
    if (!wrong.empty()) return Wrong(name, wrong);
  }
  if (options.help) return options;
  absl::Status status = CheckTogether(options);
  if (!status.ok()) return status;
  return options;
}

std::string Usage() {
  RunnerOptions options;
  std::string text =
      "Tests whether an implementation of the Deployments API behaves as it "
      "should.\n\n  runner --url=http://127.0.0.1:8080 "
      "--repository=octocat/hello-world\n\nExit status: 0 it conforms, 1 it "
      "does not, 2 it could not be tested.\n";
  const OptionTable table(&options);
  for (const Option& option : table.options()) {
    if (option.name.empty()) {
      absl::StrAppend(&text, "\n", option.help, "\n");
      continue;
    }
    absl::StrAppend(&text, "  --", option.name, option.value.empty() ? "" : "=",
                    option.value, "\n");
    AppendWrapped(option.help, "      ", 78, &text);
  }
  return text;
}

}  // namespace conformance
}  // namespace slipway
