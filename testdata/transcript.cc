#include "testdata/transcript.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "slipway/core/decide.h"
#include "slipway/core/derived.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace testdata {
namespace {

constexpr int64_t kStartMs = 1700000000000;
constexpr int64_t kIdsPerCommand = 100;
constexpr size_t kShaDigits = 40;
constexpr size_t kShownShaDigits = 7;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

// A command line in its parts: words, and what was given as NAME=VALUE.
struct Line {
  std::vector<std::string> words;
  std::map<std::string, std::string> options;

  // Takes an option away; empty where it is not given.
  std::string Take(const std::string& name) {
    const auto found = options.find(name);
    if (found == options.end()) return "";
    std::string value = std::move(found->second);
    options.erase(found);
    return value;
  }
};

Line ParseLine(absl::string_view text) {
  Line line;
  std::string token;
  bool quoted = false;
  const auto finish = [&] {
    const size_t equals = token.find('=');
    if (equals != std::string::npos) {
      line.options[token.substr(0, equals)] = token.substr(equals + 1);
    } else if (!token.empty()) {
      line.words.push_back(token);
    }
    token.clear();
  };
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      finish();
    } else {
      token.push_back(c);
    }
  }
  finish();
  return line;
}

// Sets the field of a message that has this name.
absl::Status SetField(const std::string& name, const std::string& value,
                      google::protobuf::Message* message) {
  const google::protobuf::FieldDescriptor* field =
      message->GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) return Wrong(absl::StrCat("there is no field ", name));
  const bool is_text =
      field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING;
  const std::string text =
      is_text ? absl::StrCat("\"", absl::CEscape(value), "\"") : value;
  if (!google::protobuf::TextFormat::MergeFromString(
          absl::StrCat(name, ": ", text), message)) {
    return Wrong(absl::StrCat(name, " cannot be ", value));
  }
  return absl::OkStatus();
}

absl::Status SetFields(const Line& line, google::protobuf::Message* message) {
  for (const auto& [name, value] : line.options) {
    absl::Status status = SetField(name, value, message);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// "a1" stands for 40 digits.
std::string FullSha(const std::string& digits) {
  std::string sha;
  while (!digits.empty() && sha.size() < kShaDigits) sha += digits;
  return sha.substr(0, kShaDigits);
}

std::string ShownSha(absl::string_view sha) {
  return std::string(sha.substr(0, kShownShaDigits));
}

// A ref as it is shown: names whole, SHAs short.
std::string ShownRef(const std::string& ref) {
  return ref.size() == kShaDigits ? ShownSha(ref) : ref;
}

// "STATUS_STATE_IN_PROGRESS" is "in_progress".
std::string Lower(const std::string& enum_name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(enum_name, prefix));
}

std::string StateName(v1::StatusState state) {
  return Lower(v1::StatusState_Name(state), "STATUS_STATE_");
}

std::string ContextStateName(v1::CommitContextState state) {
  return Lower(v1::CommitContextState_Name(state), "COMMIT_CONTEXT_STATE_");
}

std::string RuleNames(const v1::Decision& decision) {
  return absl::StrJoin(decision.rules(), " ",
                       [](std::string* text, int32_t rule) {
                         absl::StrAppend(text, "R", rule);
                       });
}

std::string DescribeDeployment(const v1::Deployment& deployment) {
  std::string text = absl::StrCat(
      "deployment ", deployment.id(), ": ", ShownRef(deployment.ref()), " (",
      ShownSha(deployment.sha()), ") to ", deployment.environment());
  if (deployment.task() != "deploy") {
    absl::StrAppend(&text, ", task ", deployment.task());
  }
  if (deployment.transient_environment()) absl::StrAppend(&text, ", transient");
  if (deployment.production_environment()) {
    absl::StrAppend(&text, ", production");
  }
  return text;
}

std::string DescribeStatus(const v1::DeploymentStatus& status) {
  std::string text = absl::StrCat(
      "status ", status.id(), " of deployment ", status.deployment_id(), ": ",
      StateName(status.state()), " in ", status.environment());
  if (!status.description().empty()) {
    absl::StrAppend(&text, ", \"", status.description(), "\"");
  }
  if (!status.log_url().empty()) {
    absl::StrAppend(&text, ", log ", status.log_url());
  }
  if (!status.environment_url().empty()) {
    absl::StrAppend(&text, ", at ", status.environment_url());
  }
  return absl::StrCat(text, ", by ", status.creator().login());
}

// What an event says that its command does not; empty where that is nothing.
std::string Describe(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_DEPLOYMENT_CREATED:
      return DescribeDeployment(event.deployment());
    case v1::EVENT_TYPE_STATUS_CREATED:
      return DescribeStatus(event.status());
    case v1::EVENT_TYPE_ENVIRONMENT_CREATED:
      return absl::StrCat("environment ", event.environment().id(), ": ",
                          event.environment().name());
    default:
      return "";
  }
}

std::string DescribeAcceptance(const v1::Decision& decision) {
  const v1::Acceptance& acceptance = decision.acceptance();
  std::string text = absl::StrCat(
      absl::StripPrefix(v1::Outcome_Name(acceptance.outcome()), "OUTCOME_"),
      " by ", RuleNames(decision), "\n");
  for (int i = 0; i < acceptance.events_size(); ++i) {
    const std::string line = Describe(acceptance.events(i));
    if (line.empty()) continue;
    const bool told =
        std::any_of(acceptance.effects().begin(), acceptance.effects().end(),
                    [&](const v1::Effect& effect) {
                      return effect.type() == v1::EFFECT_TYPE_NOTIFY &&
                             effect.event_index() == i;
                    });
    absl::StrAppend(&text, "  ", line, told ? "; told" : "", "\n");
  }
  for (const v1::Effect& effect : acceptance.effects()) {
    if (effect.type() != v1::EFFECT_TYPE_MERGE) continue;
    absl::StrAppend(&text, "  merge ", effect.merge().head(), " into ",
                    effect.merge().base(), ", then ask again\n");
  }
  if (!acceptance.message().empty()) {
    absl::StrAppend(&text, "  ", acceptance.message(), "\n");
  }
  return text;
}

std::string DescribeRejection(const v1::Decision& decision) {
  const v1::Rejection& rejection = decision.rejection();
  std::string text = absl::StrCat(
      "refused: ",
      absl::StripPrefix(v1::Reason_Name(rejection.reason()), "REASON_"),
      " by R", rejection.rule(), ", of ", RuleNames(decision), "\n  ",
      rejection.message(), "\n");
  for (const v1::Violation& violation : rejection.violations()) {
    absl::StrAppend(&text, "  ", violation.resource(), ".", violation.field(),
                    ": ", violation.message(), "\n");
  }
  for (const v1::CommitContext& context : rejection.contexts()) {
    absl::StrAppend(&text, "  context ", context.context(), ": ",
                    ContextStateName(context.state()), "\n");
  }
  return text;
}

// One transcript on its way.
class Story {
 public:
  Story() {
    v1::Command command;
    v1::PutRepository& request = *command.mutable_put_repository();
    request.set_id(1);
    request.set_default_branch("main");
    command.mutable_actor()->set_login("octocat");
    // Cannot fail: the command is well-formed and the state is new.
    (void)Decide(command, v1::MERGE_OUTCOME_UNSPECIFIED);
  }

  // Takes one command. Gives what it prints.
  absl::StatusOr<std::string> Take(absl::string_view text) {
    now_ms_ += 1000;
    Line line = ParseLine(text);
    if (line.words.empty()) return Wrong("there is no command");
    const std::string verb = line.words[0];
    line.words.erase(line.words.begin());
    const auto wanted_words = WordsOf(verb);
    if (wanted_words < 0) {
      return Wrong(absl::StrCat("there is no command ", verb));
    }
    if (static_cast<int>(line.words.size()) != wanted_words) {
      return Wrong(
          absl::StrCat(verb, " takes ", wanted_words, " words, and options"));
    }
    if (verb == "rules") return Report(SetFields(line, &rules_));
    if (verb == "limits") {
      return Report(SetFields(line, rules_.mutable_limits()));
    }
    if (verb == "wait") return Report(Wait(line.words[0]));
    if (verb == "show") return Show();
    return Ask(verb, std::move(line));
  }

 private:
  // How many words a command takes after its verb; -1 for none of ours.
  static int WordsOf(const std::string& verb) {
    static const auto* const words = new std::map<std::string, int>{
        {"branch", 2},        {"context", 3},    {"delete", 1}, {"deploy", 1},
        {"delete-branch", 1}, {"delete-tag", 1}, {"limits", 0}, {"rules", 0},
        {"show", 0},          {"status", 2},     {"tag", 2},    {"wait", 1}};
    const auto found = words->find(verb);
    return found == words->end() ? -1 : found->second;
  }

  static absl::StatusOr<std::string> Report(const absl::Status& status) {
    if (!status.ok()) return status;
    return std::string();
  }

  absl::Status Wait(absl::string_view time) {
    static const auto* const units =
        new std::map<char, int64_t>{{'s', 1000}, {'m', 60000}, {'h', 3600000}};
    const auto unit =
        time.empty() ? units->end() : units->find(time[time.size() - 1]);
    int64_t number = 0;
    if (unit == units->end() ||
        !absl::SimpleAtoi(time.substr(0, time.size() - 1), &number) ||
        number < 0) {
      return Wrong(absl::StrCat("this is no time to wait: ", time));
    }
    now_ms_ += number * unit->second;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Ask(const std::string& verb, Line line) {
    const std::string merge = line.Take("merge");
    v1::MergeOutcome merge_outcome = v1::MERGE_OUTCOME_UNSPECIFIED;
    if (!merge.empty() &&
        !v1::MergeOutcome_Parse(
            absl::StrCat("MERGE_OUTCOME_", absl::AsciiStrToUpper(merge)),
            &merge_outcome)) {
      return Wrong(absl::StrCat("a merge cannot come out as ", merge));
    }
    const std::string login = line.Take("as");
    v1::Command command;
    const absl::Status status = Fill(verb, line, &command);
    if (!status.ok()) return status;
    command.mutable_actor()->set_login(login.empty() ? "octocat" : login);
    return Decide(command, merge_outcome);
  }

  static absl::Status Fill(const std::string& verb, Line& line,
                           v1::Command* command) {
    if (verb == "branch" || verb == "tag") {
      v1::PutRef& request = *command->mutable_put_ref();
      request.set_name(line.words[0]);
      request.set_type(RefTypeOf(verb));
      request.set_sha(FullSha(line.words[1]));
      request.set_merge_base_sha(FullSha(line.Take("base")));
      return SetFields(line, &request);
    }
    if (verb == "delete-branch" || verb == "delete-tag") {
      v1::DeleteRef& request = *command->mutable_delete_ref();
      request.set_name(line.words[0]);
      request.set_type(RefTypeOf(absl::StripPrefix(verb, "delete-")));
      return SetFields(line, &request);
    }
    if (verb == "context") {
      v1::PutCommitContext& request = *command->mutable_put_commit_context();
      request.set_sha(FullSha(line.words[0]));
      request.set_context(line.words[1]);
      line.options["state"] = absl::StrCat(
          "COMMIT_CONTEXT_STATE_", absl::AsciiStrToUpper(line.words[2]));
      return SetFields(line, &request);
    }
    if (verb == "deploy") {
      v1::CreateDeployment& request = *command->mutable_create_deployment();
      request.set_ref(line.words[0]);
      if (line.options.count("required_contexts") != 0) {
        const std::string listed = line.Take("required_contexts");
        v1::RequiredContexts& required = *request.mutable_required_contexts();
        for (const absl::string_view context :
             absl::StrSplit(listed, ',', absl::SkipEmpty())) {
          required.add_contexts(std::string(context));
        }
      }
      return SetFields(line, &request);
    }
    line.options["deployment_id"] = line.words[0];
    if (verb == "delete") {
      return SetFields(line, command->mutable_delete_deployment());
    }
    line.options["state"] =
        absl::StrCat("STATUS_STATE_", absl::AsciiStrToUpper(line.words[1]));
    return SetFields(line, command->mutable_create_status());
  }

  static v1::RefType RefTypeOf(absl::string_view word) {
    return word == "tag" ? v1::REF_TYPE_TAG : v1::REF_TYPE_BRANCH;
  }

  absl::StatusOr<std::string> Decide(v1::Command command,
                                     v1::MergeOutcome merge_outcome) {
    command.mutable_repository()->set_owner("octo");
    command.mutable_repository()->set_name("shop");
    command.mutable_actor()->set_id(1);
    command.set_time_ms(now_ms_);
    command.mutable_ids()->set_first(state_.last_id() + 1);
    command.mutable_ids()->set_count(kIdsPerCommand);
    v1::Facts facts = FactsFor(rules_, state_, command);
    facts.set_merge_outcome(merge_outcome);
    const v1::Decision decision = slipway::Decide(rules_, facts, command);
    for (const v1::Event& event : decision.acceptance().events()) {
      const absl::Status status = Evolve(event, &state_);
      if (!status.ok()) return status;
    }
    return decision.has_acceptance() ? DescribeAcceptance(decision)
                                     : DescribeRejection(decision);
  }

  std::string Show() const {
    std::string text;
    for (const v1::DeploymentRecord& record : state_.deployments()) {
      const v1::Deployment& deployment = record.deployment();
      const v1::DeploymentState state = DeriveState(
          rules_, deployment,
          record.statuses().empty() ? v1::STATUS_STATE_UNSPECIFIED
                                    : record.statuses().rbegin()->state(),
          now_ms_);
      absl::StrAppend(
          &text, "deployment ", deployment.id(), " is ",
          absl::StripPrefix(v1::DeploymentState_Name(state),
                            "DEPLOYMENT_STATE_"),
          " in ", deployment.environment(), ": ",
          record.statuses().empty()
              ? "no status"
              : absl::StrJoin(
                    record.statuses(), ", ",
                    [](std::string* out, const v1::DeploymentStatus& status) {
                      absl::StrAppend(out, StateName(status.state()));
                    }),
          "\n");
    }
    for (const v1::Environment& environment : state_.environments()) {
      const std::vector<int64_t> active =
          ActiveDeployments(state_, environment.name());
      absl::StrAppend(&text, environment.name(), " has ");
      if (active.empty()) {
        absl::StrAppend(&text, "no active deployment\n");
      } else {
        absl::StrAppend(&text, "deployment ", absl::StrJoin(active, ", "),
                        "\n");
      }
    }
    return text.empty() ? "nothing\n" : text;
  }

  v1::Rules rules_;
  v1::RepositoryState state_;
  int64_t now_ms_ = kStartMs;
};

}  // namespace

absl::StatusOr<std::string> RewriteTranscript(absl::string_view text) {
  Story story;
  std::string rewritten;
  std::string output;
  bool has_command = false;
  bool in_output = false;
  int number = 0;
  for (const absl::string_view line :
       absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    ++number;
    if (in_output) {
      if (!line.empty()) continue;
      in_output = false;
    }
    absl::StrAppend(&rewritten, line, "\n");
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    if (line == "----") {
      if (!has_command) {
        return Wrong(absl::StrCat("line ", number, ": nothing was commanded"));
      }
      absl::StrAppend(&rewritten, output);
      output.clear();
      has_command = false;
      in_output = true;
      continue;
    }
    const absl::StatusOr<std::string> printed = story.Take(line);
    if (!printed.ok()) {
      return Wrong(
          absl::StrCat("line ", number, ": ", printed.status().message()));
    }
    absl::StrAppend(&output, *printed);
    has_command = true;
  }
  if (has_command) return Wrong("the last commands have no ---- after them");
  return rewritten;
}

}  // namespace testdata
}  // namespace slipway
