#include "testdata/scenario_runner.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "slipway/core/decide.h"
#include "slipway/core/derived.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace testdata {
namespace {

using scenario::v1::Scenario;
using scenario::v1::Step;

constexpr int64_t kStartMs = 1700000000000;
constexpr int64_t kStepMs = 1000;
constexpr int64_t kIdsPerStep = 100;

v1::RepositoryName DefaultRepository() {
  v1::RepositoryName name;
  name.set_owner("octo");
  name.set_name("shop");
  return name;
}

v1::Actor DefaultActor() {
  v1::Actor actor;
  actor.set_id(1);
  actor.set_login("octocat");
  actor.set_type(v1::ACTOR_TYPE_USER);
  return actor;
}

v1::Command PutRef(v1::RefType type, const std::string& name, char sha,
                   char merge_base) {
  v1::Command command;
  v1::PutRef& request = *command.mutable_put_ref();
  request.set_type(type);
  request.set_name(name);
  request.set_sha(std::string(40, sha));
  request.set_merge_base_sha(std::string(40, merge_base));
  return command;
}

// The commands that every scenario begins with.
std::vector<v1::Command> World() {
  v1::Command put_repository;
  put_repository.mutable_put_repository()->set_id(1);
  put_repository.mutable_put_repository()->set_default_branch("main");
  put_repository.mutable_put_repository()->set_visibility(
      v1::REPOSITORY_VISIBILITY_PUBLIC);
  return {put_repository, PutRef(v1::REF_TYPE_BRANCH, "main", '1', '1'),
          PutRef(v1::REF_TYPE_BRANCH, "topic", '2', '1'),
          PutRef(v1::REF_TYPE_BRANCH, "behind", '3', '0'),
          PutRef(v1::REF_TYPE_TAG, "v1.0", '4', '1')};
}

// Fills in what is absent in a command; `number` is that of its step.
v1::Command Complete(v1::Command command, int number, int64_t clock_ms) {
  if (!command.has_repository()) {
    *command.mutable_repository() = DefaultRepository();
  }
  if (!command.has_actor()) *command.mutable_actor() = DefaultActor();
  if (command.time_ms() == 0) command.set_time_ms(clock_ms);
  if (!command.has_ids()) {
    command.mutable_ids()->set_first(number == 0 ? 1 : number * kIdsPerStep);
    command.mutable_ids()->set_count(number == 0 ? kIdsPerStep - 1
                                                 : kIdsPerStep);
  }
  return command;
}

template <typename Message>
void FillTime(const v1::Command& command, Message& message) {
  if (message.created_at_ms() == 0) {
    message.set_created_at_ms(command.time_ms());
  }
}

template <typename Message>
void FillTimes(const v1::Command& command, Message& message) {
  FillTime(command, message);
  if (message.updated_at_ms() == 0) {
    message.set_updated_at_ms(command.time_ms());
  }
}

// Fills in what is absent in an event that a scenario expects.
v1::Event Complete(v1::Event event, const v1::RepositoryName& repository,
                   const v1::Command& command) {
  if (!event.has_repository()) *event.mutable_repository() = repository;
  if (event.time_ms() == 0) event.set_time_ms(command.time_ms());
  if (!event.has_actor()) *event.mutable_actor() = command.actor();
  if (event.has_deployment()) {
    FillTimes(command, *event.mutable_deployment());
    if (!event.deployment().has_creator()) {
      *event.mutable_deployment()->mutable_creator() = command.actor();
    }
  }
  if (event.has_status()) {
    FillTime(command, *event.mutable_status());
    if (!event.status().has_creator()) {
      *event.mutable_status()->mutable_creator() = command.actor();
    }
  }
  if (event.has_environment()) FillTimes(command, *event.mutable_environment());
  if (event.has_put_repository()) {
    FillTimes(command, *event.mutable_put_repository());
  }
  if (event.has_context() && event.context().updated_at_ms() == 0) {
    event.mutable_context()->set_updated_at_ms(command.time_ms());
  }
  return event;
}

std::string TextOf(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

// One scenario on its way.
class Run {
 public:
  explicit Run(const Scenario& scenario) : scenario_(scenario) {}

  ScenarioReport Finish() {
    if (scenario_.title().empty()) Fail("the scenario has no title");
    if (scenario_.about().empty()) Fail("the scenario is about no rule");
    if (!scenario_.empty_world()) {
      for (const v1::Command& command : World()) {
        const v1::Command complete = Complete(command, 0, clock_ms_);
        if (!Decide(complete, Step()).has_acceptance()) {
          Fail("the world was not accepted");
        }
      }
    }
    for (const Step& step : scenario_.steps()) {
      ++number_;
      Take(step);
    }
    number_ = 0;
    if (!expects_anything_) Fail("the scenario expects nothing");
    return std::move(report_);
  }

 private:
  void Fail(absl::string_view what) {
    report_.failures.push_back(
        number_ == 0 ? std::string(what)
                     : absl::StrCat("step ", number_, ": ", what));
  }

  void Compare(absl::string_view what, const google::protobuf::Message& wanted,
               const google::protobuf::Message& got) {
    // The text tells absent from empty, so equal texts are equal messages.
    const std::string wanted_text = TextOf(wanted);
    const std::string got_text = TextOf(got);
    if (wanted_text == got_text) return;
    Fail(absl::StrCat(what, " is not as wanted.\nwanted:\n", wanted_text,
                      "got:\n", got_text));
  }

  void Take(const Step& step) {
    clock_ms_ += step.wait_ms() == 0 ? kStepMs : step.wait_ms();
    if (step.has_command()) {
      TakeCommand(step);
    } else if (step.given() || step.has_accepted() || step.has_rejected() ||
               step.replays() != 0 || !step.rules().empty() ||
               step.merge_outcome() != 0) {
      Fail("expects a decision but has no command");
    }
    if (step.has_view()) {
      expects_anything_ = true;
      CheckView(step.view());
    }
    if (!step.has_command() && !step.has_view()) Fail("is empty");
  }

  void TakeCommand(const Step& step) {
    if (step.given() + step.has_accepted() + step.has_rejected() +
            (step.replays() != 0) !=
        1) {
      Fail("is not exactly one of given, accepted, rejected and replays");
    }
    const v1::Command command = Complete(step.command(), number_, clock_ms_);
    // As it was before the command.
    const v1::RepositoryName repository = Spelling(command);
    const v1::Decision decision = Decide(command, step);
    decisions_[number_] = decision;
    CheckShape(command, decision);
    if (step.given()) {
      if (!step.rules().empty()) Fail("is given, so it cannot expect rules");
      if (!decision.has_acceptance()) {
        Fail(absl::StrCat("is given but was rejected:\n",
                          TextOf(decision.rejection())));
      }
      return;
    }
    expects_anything_ = true;
    report_.cited.insert(decision.rules().begin(), decision.rules().end());
    for (const int rule : step.rules()) {
      if (std::count(decision.rules().begin(), decision.rules().end(), rule) ==
          0) {
        Fail(absl::StrCat("the decision does not cite R", rule));
      }
    }
    if (step.replays() != 0) {
      CheckReplay(step.replays(), decision);
    } else if (decision.replayed()) {
      Fail("is the answer to an earlier step");
    }
    if (step.has_accepted()) {
      CheckAccepted(step.accepted(), decision, repository, command);
    } else if (step.has_rejected()) {
      CheckRejected(step.rejected(), decision);
    }
  }

  // Decides a complete command and folds what comes of it.
  v1::Decision Decide(const v1::Command& command, const Step& step) {
    const std::string key = FoldName(FullName(command.repository()));
    v1::RepositoryState& state = repositories_[key];
    v1::Facts facts = FactsFor(scenario_.rules(), state, command);
    facts.set_merge_outcome(step.merge_outcome());
    if (command.has_put_repository()) {
      for (const auto& other : repositories_) {
        if (other.first == key || !other.second.has_repository()) continue;
        const v1::Repository& holder = other.second.repository();
        if (holder.id() != command.put_repository().id()) continue;
        facts.mutable_repository_id_holder()->set_owner(holder.owner());
        facts.mutable_repository_id_holder()->set_name(holder.name());
      }
    }
    auto& kept = keyed_answers_[{key, command.idempotency_key()}];
    if (kept.has_decision()) *facts.mutable_keyed_answer() = kept;
    v1::Decision decision = slipway::Decide(scenario_.rules(), facts, command);
    if (decision.replayed()) return decision;
    if (KeepsAnswer(command, decision)) {
      *kept.mutable_command() = command;
      *kept.mutable_decision() = decision;
    }
    for (const v1::Event& event : decision.acceptance().events()) {
      const absl::Status status = Evolve(event, &state);
      if (!status.ok()) Fail(status.ToString());
    }
    return decision;
  }

  // What is true of every decision.
  void CheckShape(const v1::Command& command, const v1::Decision& decision) {
    if (!decision.replayed() &&
        decision.answered_at_ms() !=
            (KeepsAnswer(command, decision) ? command.time_ms() : 0)) {
      Fail("the decision does not say from when on it is kept");
    }
    if (decision.has_acceptance() == decision.has_rejection()) {
      Fail("the decision is not exactly one of acceptance and rejection");
    }
    if (decision.rules().empty()) Fail("the decision cites no rule");
    for (int i = 1; i < decision.rules_size(); ++i) {
      if (decision.rules(i - 1) >= decision.rules(i)) {
        Fail("the rules of the decision are not ascending");
      }
    }
  }

  void CheckReplay(int number, const v1::Decision& decision) {
    const auto first = decisions_.find(number);
    if (first == decisions_.end() || number == number_) {
      Fail(absl::StrCat("replays step ", number, ", which has no decision"));
      return;
    }
    v1::Decision wanted = first->second;
    wanted.set_replayed(true);
    Compare("the decision", wanted, decision);
  }

  void CheckAccepted(const scenario::v1::Accepted& accepted,
                     const v1::Decision& decision,
                     const v1::RepositoryName& repository,
                     const v1::Command& command) {
    if (!decision.has_acceptance()) {
      Fail(absl::StrCat("was rejected:\n", TextOf(decision.rejection())));
      return;
    }
    v1::Acceptance wanted;
    wanted.set_outcome(accepted.outcome());
    wanted.set_message(accepted.message());
    for (const v1::Event& event : accepted.events()) {
      *wanted.add_events() = Complete(event, repository, command);
    }
    if (accepted.has_merge()) {
      v1::Effect& effect = *wanted.add_effects();
      effect.set_type(v1::EFFECT_TYPE_MERGE);
      *effect.mutable_merge() = accepted.merge();
    }
    for (const int index : accepted.notified()) {
      v1::Effect& effect = *wanted.add_effects();
      effect.set_type(v1::EFFECT_TYPE_NOTIFY);
      effect.set_event_index(index);
      if (index < 0 || index >= wanted.events_size()) continue;
      if (!wanted.events(index).has_status()) continue;
      // The folding has brought it to where the status leaves it.
      const int64_t id = wanted.events(index).status().deployment_id();
      for (const v1::DeploymentRecord& record :
           StateOf(command.repository()).deployments()) {
        if (record.deployment().id() != id) continue;
        *effect.mutable_deployment() = record.deployment();
      }
    }
    Compare("the acceptance", wanted, decision.acceptance());
  }

  void CheckRejected(const scenario::v1::Rejected& rejected,
                     const v1::Decision& decision) {
    if (!decision.has_rejection()) {
      Fail(absl::StrCat("was accepted:\n", TextOf(decision.acceptance())));
      return;
    }
    v1::Rejection wanted;
    wanted.set_reason(rejected.reason());
    wanted.set_rule(rejected.rule());
    wanted.set_message(rejected.message());
    *wanted.mutable_violations() = rejected.violations();
    *wanted.mutable_contexts() = rejected.contexts();
    const v1::Rejection& got = decision.rejection();
    for (int i = 0; i < wanted.contexts_size() && i < got.contexts_size();
         ++i) {
      if (wanted.contexts(i).updated_at_ms() != 0) continue;
      wanted.mutable_contexts(i)->set_updated_at_ms(
          got.contexts(i).updated_at_ms());
    }
    Compare("the rejection", wanted, got);
  }

  void CheckView(const scenario::v1::View& view) {
    const v1::RepositoryName name =
        view.has_repository() ? view.repository() : DefaultRepository();
    const v1::RepositoryState& state = StateOf(name);
    scenario::v1::View got;
    if (view.has_repository()) *got.mutable_repository() = view.repository();
    for (const v1::DeploymentRecord& record : state.deployments()) {
      const v1::Deployment& deployment = record.deployment();
      scenario::v1::DeploymentView& seen = *got.add_deployments();
      seen.set_id(deployment.id());
      seen.set_environment(deployment.environment());
      for (const v1::DeploymentStatus& status : record.statuses()) {
        seen.add_statuses(status.state());
      }
      seen.set_state(DeriveState(scenario_.rules(), deployment,
                                 record.statuses().empty()
                                     ? v1::STATUS_STATE_UNSPECIFIED
                                     : record.statuses().rbegin()->state(),
                                 clock_ms_));
      const int index = got.deployments_size() - 1;
      if (index < view.deployments_size() &&
          view.deployments(index).updated_at_ms() != 0) {
        seen.set_updated_at_ms(deployment.updated_at_ms());
      }
    }
    for (const v1::Environment& environment : state.environments()) {
      scenario::v1::EnvironmentView& seen = *got.add_environments();
      seen.set_name(environment.name());
      for (const int64_t id : ActiveDeployments(state, environment.name())) {
        seen.add_active(id);
      }
    }
    Compare("the view", view, got);
  }

  v1::RepositoryState& StateOf(const v1::RepositoryName& name) {
    return repositories_[FoldName(FullName(name))];
  }

  // The name that the events of a command carry.
  v1::RepositoryName Spelling(const v1::Command& command) {
    const auto found =
        repositories_.find(FoldName(FullName(command.repository())));
    if (command.has_put_repository() || found == repositories_.end() ||
        !found->second.has_repository()) {
      return command.repository();
    }
    v1::RepositoryName name;
    name.set_owner(found->second.repository().owner());
    name.set_name(found->second.repository().name());
    return name;
  }

  const Scenario& scenario_;
  // By the folded full name. A deleted repository stays, for its last id (R17).
  std::map<std::string, v1::RepositoryState> repositories_;
  // By the folded full name and the idempotency key.
  std::map<std::pair<std::string, std::string>, v1::KeyedAnswer> keyed_answers_;
  // By the number of their step.
  std::map<int, v1::Decision> decisions_;
  int64_t clock_ms_ = kStartMs;
  int number_ = 0;
  bool expects_anything_ = false;
  ScenarioReport report_;
};

}  // namespace

absl::StatusOr<Scenario> ParseScenario(const std::string& text) {
  Scenario scenario;
  if (!google::protobuf::TextFormat::ParseFromString(text, &scenario)) {
    return absl::InvalidArgumentError(
        "not a Scenario; the log says on which line");
  }
  return scenario;
}

ScenarioReport RunScenario(const Scenario& scenario) {
  return Run(scenario).Finish();
}

}  // namespace testdata
}  // namespace slipway
