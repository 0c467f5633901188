// Laws that hold for every sequence of commands, tried on sequences that mostly
// make sense (engine/conformance/walks/command_walk.h).
//
// A failure prints the shortest sequence that RapidCheck could make of it, one
// line per step, and the seed. To run it again, or others:
//
//   ./bazelw test //engine/runner:properties_test --test_arg=--seed=7
//   ./bazelw test //engine/runner:properties_test --test_arg=--walks=100000

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
// After gtest.h.
#include "rapidcheck.h"
#include "rapidcheck/detail/TestListenerAdapter.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/conformance/walks/command_walk.h"
#include "slipway/conformance/walks/model.h"
#include "slipway/conformance/walks/walk_generator.h"
#include "slipway/core/apply.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"
#include "slipway/ports/id_source.h"
#include "slipway/runner/runner.h"

namespace slipway {
namespace {

constexpr int kStepsMax = 60;

// Set by `main`.
uint64_t seed = 1;
constexpr int kWalks = 2000;
int walks = kWalks;

// ---------------------------------------------------------------------------
// The laws. Each says what is wrong, or nothing.

using Complaint = absl::optional<std::string>;

// One step of a walk, as the model took it.
struct Taken {
  const v1::Rules& rules;
  const v1::Command& command;
  const v1::Decision& decision;
  const v1::RepositoryState& before;
  const v1::RepositoryState& after;
};

template <typename Message>
bool Same(const Message& a, const Message& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

// Nothing, or which of two messages that should be equal is which.
template <typename Message>
Complaint Differs(absl::string_view what, const Message& expected,
                  const Message& actual) {
  if (Same(expected, actual)) return absl::nullopt;
  return absl::StrCat(what, " differ:\n  expected { ",
                      expected.ShortDebugString(), " }\n  actual   { ",
                      actual.ShortDebugString(), " }");
}

v1::StatusState LatestState(const v1::DeploymentRecord& record) {
  return record.statuses().empty() ? v1::STATUS_STATE_UNSPECIFIED
                                   : record.statuses().rbegin()->state();
}

const v1::DeploymentRecord* FindRecord(const v1::RepositoryState& state,
                                       int64_t id) {
  for (const v1::DeploymentRecord& record : state.deployments()) {
    if (record.deployment().id() == id) return &record;
  }
  return nullptr;
}

// A decision is one of two things, and cites the rule that refuses.
Complaint IsAnAnswer(const Taken& taken) {
  const v1::Decision& decision = taken.decision;
  if (decision.has_acceptance() == decision.has_rejection()) {
    return "neither or both of acceptance and rejection";
  }
  std::set<int> rules(decision.rules().begin(), decision.rules().end());
  if (static_cast<int>(rules.size()) != decision.rules_size() ||
      !std::is_sorted(decision.rules().begin(), decision.rules().end())) {
    return "rules that are not ascending, or twice there";
  }
  if (decision.has_rejection() &&
      (decision.rejection().reason() == v1::REASON_UNSPECIFIED ||
       rules.count(decision.rejection().rule()) == 0)) {
    return "a rejection without a reason, or without its rule";
  }
  return absl::nullopt;
}

Complaint ARefusalChangesNothing(const Taken& taken) {
  if (taken.decision.has_acceptance()) return absl::nullopt;
  return Differs("refused, but the states", taken.before, taken.after);
}

// R17.
Complaint IdsGrow(const Taken& taken) {
  int64_t last_id = taken.before.last_id();
  for (const v1::Event& event : taken.decision.acceptance().events()) {
    int64_t id = 0;
    if (event.has_deployment()) id = event.deployment().id();
    if (event.has_status()) id = event.status().id();
    if (event.has_environment()) id = event.environment().id();
    if (id == 0) continue;
    if (id <= last_id) return absl::StrCat("id ", id, " after ", last_id);
    last_id = id;
  }
  if (taken.after.last_id() != last_id) return "last_id is not the last id";
  return absl::nullopt;
}

// R40, R41.
Complaint ADeletedDeploymentIsNotActiveOrAlone(const Taken& taken) {
  if (!taken.command.has_delete_deployment()) return absl::nullopt;
  const v1::DeploymentRecord* record = FindRecord(
      taken.before, taken.command.delete_deployment().deployment_id());
  if (record == nullptr) return absl::nullopt;
  bool alone = true;
  for (const v1::DeploymentRecord& other : taken.before.deployments()) {
    if (other.deployment().id() == record->deployment().id()) continue;
    if (taken.rules.deletion_scope() == v1::DELETION_SCOPE_ENVIRONMENT &&
        FoldName(other.deployment().environment()) !=
            FoldName(record->deployment().environment())) {
      continue;
    }
    alone = false;
  }
  const bool active = LatestState(*record) == v1::STATUS_STATE_SUCCESS;
  if (taken.decision.has_acceptance() && active && !alone) {
    return "an active deployment was deleted while another was in scope";
  }
  if (taken.decision.rejection().reason() == v1::REASON_DEPLOYMENT_ACTIVE &&
      (!active || alone)) {
    return "a deployment that is not active, or alone, was kept";
  }
  if (taken.decision.has_acceptance() &&
      FindRecord(taken.after, record->deployment().id()) != nullptr) {
    return "a deleted deployment is still there";
  }
  return absl::nullopt;
}

// R31 to R34, R37, written a second time: whether a success of `newer` is to
// leave nothing of `older`.
bool IsSuperseded(const v1::Rules& rules, const v1::Deployment& newer,
                  const v1::Deployment& older) {
  const v1::Deployment& flags =
      rules.inactivation_flags() == v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT ? newer
                                                                      : older;
  const bool same_environment =
      rules.inactivation_name_match() == v1::NAME_MATCH_EXACT
          ? newer.environment() == older.environment()
          : FoldName(newer.environment()) == FoldName(older.environment());
  const bool same_task = rules.inactivation_scope() !=
                             v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK ||
                         newer.task() == older.task();
  const bool prior =
      rules.prior_deployments() == v1::PRIOR_DEPLOYMENTS_EVERY_OTHER
          ? older.id() != newer.id()
          : older.id() < newer.id();
  const bool exempt =
      flags.transient_environment() ||
      (flags.production_environment() &&
       rules.production_inactivation() != v1::PRODUCTION_INACTIVATION_INCLUDED);
  return same_environment && same_task && prior && !exempt;
}

// R30 to R37.
Complaint ASuccessRetiresItsPriorsAndNoOther(const Taken& taken) {
  if (!taken.command.has_create_status() || !taken.decision.has_acceptance()) {
    return absl::nullopt;
  }
  const v1::CreateStatus& request = taken.command.create_status();
  const bool triggers =
      request.state() == v1::STATUS_STATE_SUCCESS &&
      !(request.has_auto_inactive() && !request.auto_inactive());
  const v1::DeploymentRecord* newer =
      FindRecord(taken.after, request.deployment_id());
  for (const v1::DeploymentRecord& older : taken.before.deployments()) {
    const int64_t id = older.deployment().id();
    if (id == request.deployment_id()) continue;
    const v1::DeploymentRecord* now = FindRecord(taken.after, id);
    const bool was_live = LatestState(older) == v1::STATUS_STATE_SUCCESS;
    if (was_live && triggers &&
        IsSuperseded(taken.rules, newer->deployment(), older.deployment())) {
      if (LatestState(*now) == v1::STATUS_STATE_SUCCESS) {
        return absl::StrCat(id, " should have been retired, and still is a ",
                            "success");
      }
      if (LatestState(*now) != v1::STATUS_STATE_INACTIVE ||
          now->statuses_size() != older.statuses_size() + 1) {
        return absl::StrCat(id, " was not retired by one inactive row");
      }
    } else if (!Same(older, *now)) {
      return absl::StrCat(id, " changed, but was none of this success's");
    }
  }
  return absl::nullopt;
}

// R80.
Complaint OnlyWhatMattersIsSent(const Taken& taken) {
  std::set<int> sent;
  for (const v1::Effect& effect : taken.decision.acceptance().effects()) {
    if (effect.type() != v1::EFFECT_TYPE_NOTIFY) return "an effect left over";
    sent.insert(effect.event_index());
  }
  for (int i = 0; i < taken.decision.acceptance().events_size(); ++i) {
    const v1::Event& event = taken.decision.acceptance().events(i);
    const bool matters = event.has_deployment() ||
                         (event.has_status() &&
                          event.status().state() != v1::STATUS_STATE_INACTIVE);
    if (matters != (sent.count(i) > 0)) {
      return absl::StrCat("event ", i, matters ? " is not sent" : " is sent");
    }
  }
  return absl::nullopt;
}

// R101: what was expected was so.
Complaint AnExpectationHeld(const Taken& taken) {
  if (!taken.command.has_expectation() || !taken.decision.has_acceptance()) {
    return absl::nullopt;
  }
  const int64_t id = taken.command.has_create_status()
                         ? taken.command.create_status().deployment_id()
                         : taken.command.delete_deployment().deployment_id();
  const v1::DeploymentRecord* record = FindRecord(taken.before, id);
  if (record == nullptr) return "an expectation of nothing was met";
  const int64_t latest =
      record->statuses().empty() ? 0 : record->statuses().rbegin()->id();
  for (const int64_t expected :
       taken.command.expectation().latest_status_ids()) {
    if (expected == latest) return absl::nullopt;
  }
  return absl::StrCat("accepted, though the latest status is ", latest);
}

// R100. The other laws are about what has not happened before.
Complaint AReplayIsTheFirstAnswer(const v1::Facts& facts,
                                  const v1::Decision& decision) {
  v1::Decision first = decision;
  first.clear_replayed();
  return Differs("replayed, but the answers", facts.keyed_answer().decision(),
                 first);
}

const std::vector<std::function<Complaint(const Taken&)>>& Laws() {
  static const auto& laws =
      *new std::vector<std::function<Complaint(const Taken&)>>{
          IsAnAnswer,
          ARefusalChangesNothing,
          IdsGrow,
          ADeletedDeploymentIsNotActiveOrAlone,
          ASuccessRetiresItsPriorsAndNoOther,
          OnlyWhatMattersIsSent,
          AnExpectationHeld,
      };
  return laws;
}

// ---------------------------------------------------------------------------
// The store against the state.

v1::RepositoryName WalkRepository(absl::string_view name) {
  v1::RepositoryName repository;
  repository.set_owner("octocat");
  repository.set_name(std::string(name));
  return repository;
}

template <typename T>
std::string Bytes(const absl::optional<T>& message) {
  return message.has_value() ? "y" + message->SerializeAsString() : "n";
}

// Every row, as the store's queries give it.
Complaint RowsAre(const v1::RepositoryName& name,
                  const v1::RepositoryState& state, Store& store) {
  auto repository = store.FindRepository(name);
  absl::optional<v1::Repository> expected;
  if (state.has_repository()) expected = state.repository();
  if (!repository.ok() || Bytes(*repository) != Bytes(expected)) {
    return "FindRepository differs";
  }
  if (expected.has_value()) {
    auto by_id = store.FindRepositoryById(expected->id());
    if (!by_id.ok() || Bytes(*by_id) != Bytes(expected)) {
      return "FindRepositoryById differs";
    }
  }
  Store::ListDeploymentsParams list_params;
  list_params.repository = name;
  list_params.limit = 1000;
  auto page = store.ListDeployments(list_params);
  if (!page.ok()) return page.status().ToString();
  if (page->has_value() != expected.has_value()) {
    return "ListDeployments knows another repository than FindRepository";
  }
  if (!expected.has_value()) return absl::nullopt;
  const int size = state.deployments_size();
  if ((*page)->total != size ||
      static_cast<int>((*page)->rows.size()) != size) {
    return "ListDeployments gives more or less than there is";
  }
  for (int i = 0; i < size; ++i) {
    const v1::DeploymentRecord& record = state.deployments(size - 1 - i);
    Complaint row =
        Differs("rows of a list", record.deployment(), (*page)->rows[i]);
    if (row.has_value()) return row;
    const int64_t id = record.deployment().id();
    auto found = store.FindDeployment({name, id});
    if (!found.ok() || !found->has_value() ||
        !Same((*found)->deployment, record.deployment())) {
      return absl::StrCat("FindDeployment differs for ", id);
    }
    absl::optional<v1::DeploymentStatus> latest;
    if (!record.statuses().empty()) latest = *record.statuses().rbegin();
    if (Bytes((*found)->latest_status) != Bytes(latest)) {
      return absl::StrCat("the latest status differs of ", id);
    }
    auto statuses = store.ListStatuses({name, id, 0, 1000});
    if (!statuses.ok() || !statuses->has_value() ||
        (*statuses)->total != record.statuses_size() ||
        static_cast<int>((*statuses)->rows.size()) != record.statuses_size()) {
      return absl::StrCat("ListStatuses differs for ", id);
    }
    for (int j = 0; j < record.statuses_size(); ++j) {
      const v1::DeploymentStatus& status =
          record.statuses(record.statuses_size() - 1 - j);
      row = Differs("statuses", status, (*statuses)->rows[j]);
      if (row.has_value()) return row;
      auto one = store.FindStatus({name, id, status.id()});
      if (!one.ok() || !one->has_value() || !Same(**one, status)) {
        return absl::StrCat("FindStatus differs for ", status.id());
      }
    }
  }
  return absl::nullopt;
}

// Lists with one filter and with two, in pages of two.
Complaint ListsAre(const v1::RepositoryName& name,
                   const v1::RepositoryState& state, v1::NameMatch match,
                   Store& store) {
  if (!state.has_repository()) return absl::nullopt;
  using Params = Store::ListDeploymentsParams;
  std::vector<Params> filters;
  const auto add = [&](const std::function<void(Params&)>& fill) {
    Params params;
    params.repository = name;
    params.environment_match = match;
    fill(params);
    filters.push_back(params);
  };
  for (const v1::DeploymentRecord& record : state.deployments()) {
    const v1::Deployment& deployment = record.deployment();
    add([&](Params& params) { params.sha = deployment.sha(); });
    add([&](Params& params) { params.ref = deployment.ref(); });
    add([&](Params& params) { params.environment = deployment.environment(); });
    add([&](Params& params) {
      params.task = deployment.task();
      params.environment = FoldName(deployment.environment());
    });
    if (filters.size() >= 24) break;
  }
  add([](Params& params) { params.task = "migrate"; });
  add([](Params& params) { params.environment = "STAGING"; });
  for (Params& params : filters) {
    std::vector<const v1::Deployment*> expected;
    for (int i = state.deployments_size() - 1; i >= 0; --i) {
      const v1::Deployment& deployment = state.deployments(i).deployment();
      if (params.sha && *params.sha != deployment.sha()) continue;
      if (params.ref && *params.ref != deployment.ref()) continue;
      if (params.task && *params.task != deployment.task()) continue;
      if (params.environment &&
          (match == v1::NAME_MATCH_EXACT
               ? *params.environment != deployment.environment()
               : FoldName(*params.environment) !=
                     FoldName(deployment.environment()))) {
        continue;
      }
      expected.push_back(&deployment);
    }
    params.limit = 2;
    for (params.offset = 0;
         params.offset <= static_cast<int64_t>(expected.size());
         params.offset += 2) {
      auto page = store.ListDeployments(params);
      if (!page.ok() || !page->has_value()) return "ListDeployments failed";
      const std::vector<v1::Deployment>& rows = (*page)->rows;
      const auto total = static_cast<int64_t>(expected.size());
      bool same = (*page)->total == total &&
                  static_cast<int64_t>(rows.size()) ==
                      std::min<int64_t>(2, total - params.offset);
      for (size_t i = 0; same && i < rows.size(); ++i) {
        same = Same(rows[i], *expected[params.offset + i]);
      }
      if (!same) {
        return absl::StrCat("ListDeployments differs at ", params.offset,
                            " with sha ", params.sha.value_or("-"), ", ref ",
                            params.ref.value_or("-"), ", task ",
                            params.task.value_or("-"), ", environment ",
                            params.environment.value_or("-"));
      }
    }
  }
  return absl::nullopt;
}

// What the store knows for commands that nobody sends: its indexes, through the
// facts of every success and every deletion.
Complaint FactsAre(const v1::RepositoryName& name, const Model& model,
                   Store& store) {
  v1::Command command;
  *command.mutable_repository() = name;
  const auto compare = [&]() -> Complaint {
    auto facts = store.Facts({model.rules(), command});
    if (!facts.ok()) return facts.status().ToString();
    return Differs("facts", model.StoreFacts(command), *facts);
  };
  for (const v1::DeploymentRecord& record : model.StateOf(name).deployments()) {
    const int64_t id = record.deployment().id();
    command.mutable_create_status()->set_deployment_id(id);
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    Complaint complaint = compare();
    if (complaint.has_value()) return complaint;
    command.mutable_create_status()->set_environment("qa");
    complaint = compare();
    if (complaint.has_value()) return complaint;
    command.mutable_delete_deployment()->set_deployment_id(id);
    complaint = compare();
    if (complaint.has_value()) return complaint;
  }
  return absl::nullopt;
}

// The stream rebuilds the state (R81).
Complaint TheOutboxRebuilds(const v1::RepositoryName& name,
                            const v1::RepositoryState& state, Outbox& outbox) {
  v1::RepositoryState rebuilt;
  int64_t position = 0;
  while (true) {
    auto entries = outbox.ReadOutbox({name, position, 7});
    if (!entries.ok()) return entries.status().ToString();
    if (entries->empty()) break;
    for (const OutboxEntry& entry : *entries) {
      if (entry.position != ++position) return "a gap in the outbox";
      absl::Status status = Evolve(entry.event, &rebuilt);
      if (!status.ok()) return status.ToString();
    }
  }
  return Differs("states from the outbox", state, rebuilt);
}

// ---------------------------------------------------------------------------
// Walking.

// Hands out what the walk says, where the walk leaves that to the runner.
class NextIds : public IdSource {
 public:
  absl::StatusOr<int64_t> Take(int64_t /*count*/) override { return next; }
  int64_t next = 1;
};

// What walks have been seen to reach.
struct Coverage {
  std::set<int> rules;
  std::set<int> reasons;
  std::set<int> outcomes;
  int64_t steps = 0;
  int64_t accepted = 0;
  int64_t replayed = 0;
  // Steps on which success retired at least one other deployment.
  int64_t retired = 0;

  void Note(const v1::Decision& decision) {
    rules.insert(decision.rules().begin(), decision.rules().end());
    ++steps;
    if (decision.replayed()) ++replayed;
    if (decision.has_rejection()) {
      reasons.insert(decision.rejection().reason());
      return;
    }
    outcomes.insert(decision.acceptance().outcome());
    ++accepted;
    int rows = 0;
    for (const v1::Event& event : decision.acceptance().events()) {
      if (event.has_status()) ++rows;
    }
    if (rows > 1) ++retired;
  }
};

struct WalkOptions {
  bool with_source_control = false;
  // What goes wrong on purpose, where a test wants to see it caught.
  decltype(ModelParams::decide) decide = nullptr;
  std::function<std::unique_ptr<Store>(Store&)> wrap_store = nullptr;
  Coverage* coverage = nullptr;
};

// Sends a walk through the model and through a runner on a store in memory, and
// compares them with each other and with the laws.
class Walker {
 public:
  explicit Walker(const WalkOptions& options, const CommandWalk& walk)
      : options_(options), walk_(walk), rules_(RulesOf(walk)), clock_(0) {
    ModelParams params;
    params.rules = rules_;
    params.decide = options.decide;
    if (options.with_source_control) {
      model_source_control_ = *MemorySourceControl::Create(WalkSeed());
      source_control_ = *MemorySourceControl::Create(WalkSeed());
      params.source_control = model_source_control_.get();
    }
    model_ = std::make_unique<Model>(std::move(params));
    if (options.wrap_store != nullptr) wrapped_ = options.wrap_store(memory_);
    store_ = wrapped_ == nullptr ? &memory_ : wrapped_.get();
    RunnerParams runner_params;
    runner_params.store = store_;
    runner_params.source_control = source_control_.get();
    runner_params.clock = &clock_;
    runner_params.ids = &ids_;
    runner_params.rules = rules_;
    runner_ = std::make_unique<Runner>(std::move(runner_params));
  }

  // The steps up to the first complaint, and the complaint; nullopt where all
  // is well.
  Complaint Walk() {
    for (size_t i = 0; i < walk_.steps.size(); ++i) {
      Complaint complaint = Take(i);
      if (complaint.has_value()) return Tell(*complaint);
    }
    for (const char* name : {"hello-world", "spoon"}) {
      Complaint complaint = CompareAll(WalkRepository(name));
      if (complaint.has_value()) return Tell(*complaint);
    }
    return absl::nullopt;
  }

 private:
  std::string Tell(const std::string& complaint) const {
    std::string text = absl::StrCat("rules: ", DescribeRules(rules_), "\n");
    for (size_t i = 0; i < taken_.size(); ++i) {
      absl::StrAppend(&text, DescribeStep(i, taken_[i].first, taken_[i].second),
                      "\n");
    }
    return absl::StrCat(text, "=> ", complaint);
  }

  Complaint Take(size_t index) {
    const v1::Command command = CommandOf(walk_.steps[index], index, *model_);
    const v1::RepositoryState before = model_->StateOf(command.repository());
    const v1::Facts facts = model_->StoreFacts(command);

    absl::StatusOr<v1::Decision> expected = model_->Execute(command);
    if (!expected.ok()) return expected.status().ToString();
    taken_.emplace_back(command, *expected);
    if (options_.coverage != nullptr) options_.coverage->Note(*expected);
    const v1::RepositoryState& after = model_->StateOf(command.repository());
    if (expected->replayed()) {
      Complaint complaint = AReplayIsTheFirstAnswer(facts, *expected);
      if (complaint.has_value()) return complaint;
      complaint = Differs("replayed, but the states", before, after);
      if (complaint.has_value()) return complaint;
    } else {
      for (const auto& law : Laws()) {
        Complaint complaint = law({rules_, command, *expected, before, after});
        if (complaint.has_value()) return complaint;
      }
    }
    if (options_.decide != nullptr) return absl::nullopt;

    Complaint complaint = AgreesWithItself(command, facts, before, *expected);
    if (complaint.has_value()) return complaint;
    return TheRunnerAgrees(index, command, facts, *expected);
  }

  // `Decide` twice, once into a message that was used before; and `Apply`.
  Complaint AgreesWithItself(const v1::Command& command, const v1::Facts& facts,
                             const v1::RepositoryState& before,
                             const v1::Decision& expected) {
    const v1::Decision once = Decide(rules_, facts, command);
    Decide(rules_, facts, command, &used_);
    Complaint complaint = Differs("decisions on the same", once, used_);
    if (complaint.has_value()) return complaint;
    if (once.acceptance().outcome() == v1::OUTCOME_MERGE_REQUIRED ||
        facts.has_repository_id_holder() || facts.has_keyed_answer() ||
        options_.with_source_control) {
      return absl::nullopt;  // where a state alone is not all
    }
    v1::RepositoryState applied = before;
    absl::StatusOr<v1::Decision> decision = Apply(rules_, command, &applied);
    if (!decision.ok()) return decision.status().ToString();
    complaint = Differs("decisions of Apply", expected, *decision);
    if (complaint.has_value()) return complaint;
    return Differs("states of Apply", model_->StateOf(command.repository()),
                   applied);
  }

  Complaint TheRunnerAgrees(size_t index, const v1::Command& command,
                            const v1::Facts& facts,
                            const v1::Decision& expected) {
    absl::StatusOr<v1::Facts> known = store_->Facts({rules_, command});
    if (!known.ok()) return known.status().ToString();
    Complaint complaint =
        Differs("facts", facts, model_->Comparable(*known, command));
    if (complaint.has_value()) return complaint;

    v1::Command sent = command;
    if (index % 2 == 1 && command.ids().count() == kWalkIdsPerStep &&
        command.time_ms() > 0) {
      // The runner fills in the same.
      clock_.AdvanceMs(command.time_ms() - clock_.NowMs());
      sent.clear_time_ms();
      ids_.next = command.ids().first();
      sent.clear_ids();
    }
    if (!options_.with_source_control || !command.has_create_deployment()) {
      absl::StatusOr<v1::Decision> dry = runner_->DryRun(sent);
      if (!dry.ok()) return dry.status().ToString();
      if (dry->acceptance().outcome() != v1::OUTCOME_MERGE_REQUIRED) {
        complaint = Differs("decisions of a dry run", expected, *dry);
        if (complaint.has_value()) return complaint;
      }
    }
    absl::StatusOr<v1::Decision> decision = runner_->Execute(sent);
    if (!decision.ok()) return decision.status().ToString();
    complaint = Differs("decisions of the runner", expected, *decision);
    if (complaint.has_value()) return complaint;
    return RowsAre(command.repository(), model_->StateOf(command.repository()),
                   *store_);
  }

  Complaint CompareAll(const v1::RepositoryName& name) {
    if (options_.decide != nullptr) return absl::nullopt;
    const v1::RepositoryState& state = model_->StateOf(name);
    Complaint complaint = RowsAre(name, state, *store_);
    for (const v1::NameMatch match :
         {v1::NAME_MATCH_IGNORE_CASE, v1::NAME_MATCH_EXACT}) {
      if (!complaint.has_value()) {
        complaint = ListsAre(name, state, match, *store_);
      }
    }
    if (!complaint.has_value()) complaint = FactsAre(name, *model_, *store_);
    if (!complaint.has_value()) {
      complaint = TheOutboxRebuilds(name, state, memory_);
    }
    return complaint;
  }

  const WalkOptions& options_;
  const CommandWalk& walk_;
  const v1::Rules rules_;
  std::unique_ptr<MemorySourceControl> model_source_control_;
  std::unique_ptr<MemorySourceControl> source_control_;
  std::unique_ptr<Model> model_;
  MemoryStore memory_;
  std::unique_ptr<Store> wrapped_;
  Store* store_ = nullptr;
  ManualClock clock_;
  NextIds ids_;
  std::unique_ptr<Runner> runner_;
  v1::Decision used_;
  // Text is made of them only where it is needed.
  std::vector<std::pair<v1::Command, v1::Decision>> taken_;
};

// What RapidCheck found: nothing, or the complaint about the shortest walk.
struct Finding {
  bool failed = false;
  size_t steps = 0;
  std::string text;
};

Finding Search(const WalkOptions& options, int count) {
  Finding finding;
  rc::detail::TestMetadata metadata;
  metadata.id = "walks";
  rc::detail::TestParams params;
  params.seed = seed;
  params.maxSuccess = count;
  // Says nothing by itself.
  rc::detail::TestListenerAdapter listener;
  const rc::detail::TestResult result = rc::detail::checkTestable(
      [&] {
        const CommandWalk walk = *WalkGenerator(kStepsMax);
        const Complaint complaint = Walker(options, walk).Walk();
        if (!complaint.has_value()) return;
        // The last one that fails is the shortest.
        finding.steps = walk.steps.size();
        finding.text = *complaint;
        RC_FAIL("see below");
      },
      metadata, params, listener,
      std::unordered_map<std::string, rc::detail::Reproduce>());
  finding.failed = !result.is<rc::detail::SuccessResult>();
  if (finding.failed && finding.text.empty()) {
    std::ostringstream message;
    rc::detail::printResultMessage(result, message);
    finding.text = message.str();
  }
  return finding;
}

void ExpectEveryWalkIsFine(const WalkOptions& options, int count) {
  const Finding finding = Search(options, count);
  EXPECT_FALSE(finding.failed)
      << finding.text << "\n\nAgain with\n  ./bazelw test "
      << "//engine/runner:properties_test --test_arg=--seed=" << seed;
}

// The numbers that are missing of `wanted`.
template <typename Numbers>
std::string Missing(const Numbers& wanted, const std::set<int>& reached) {
  std::vector<int> missing;
  for (const int number : wanted) {
    if (reached.count(number) == 0) missing.push_back(number);
  }
  return absl::StrJoin(missing, ", ");
}

// ---------------------------------------------------------------------------
// The tests.

TEST(Properties, ModelStoreAndRunnerAgreeAndKeepTheLaws) {
  Coverage coverage;
  WalkOptions options;
  options.coverage = &coverage;
  ExpectEveryWalkIsFine(options, walks);
  std::cout << coverage.steps << " steps, " << coverage.accepted
            << " accepted, " << coverage.retired << " retired others, "
            << coverage.replayed << " replayed\n";
  if (walks < kWalks) return;  // too few to have reached everything
  // Every rule that decisions cite, and every reason, or the walks are idle.
  const std::vector<int> rules = {1,  2,  3,  4,  5,  6,  7,  8,   10, 11,
                                  12, 13, 14, 15, 16, 17, 20, 21,  22, 23,
                                  24, 25, 26, 30, 31, 32, 33, 34,  35, 36,
                                  37, 40, 41, 42, 60, 80, 81, 100, 101};
  EXPECT_EQ(Missing(rules, coverage.rules), "");
  EXPECT_EQ(Missing(coverage.rules, {rules.begin(), rules.end()}), "")
      << "decisions cite a rule that this test does not list";
  std::vector<int> reasons;
  for (int i = v1::REASON_UNSPECIFIED + 1; i < v1::Reason_ARRAYSIZE; ++i) {
    reasons.push_back(i);
  }
  EXPECT_EQ(Missing(reasons, coverage.reasons), "");
  // A sequence gets somewhere: most of its commands are accepted.
  EXPECT_GT(coverage.accepted, coverage.steps / 2);
  EXPECT_GT(coverage.retired, coverage.steps / 200);
  EXPECT_GT(coverage.replayed, coverage.steps / 100);
}

TEST(Properties, ModelStoreAndRunnerAgreeWithSourceControl) {
  Coverage coverage;
  WalkOptions options;
  options.with_source_control = true;
  options.coverage = &coverage;
  ExpectEveryWalkIsFine(options, walks / 4);
  EXPECT_EQ(coverage.outcomes.count(v1::OUTCOME_AUTO_MERGED), 1u);
  EXPECT_EQ(coverage.outcomes.count(v1::OUTCOME_MERGE_REQUIRED), 0u);
  EXPECT_EQ(coverage.reasons.count(v1::REASON_MERGE_CONFLICT), 1u);
  EXPECT_EQ(coverage.reasons.count(v1::REASON_CONTEXTS_FAILED), 1u);
}

// ---------------------------------------------------------------------------
// That what is wrong is found, and made short.

// Forgets which deployments are live, and so retires none.
class ForgetfulStore : public Store {
 public:
  explicit ForgetfulStore(Store& store) : store_(store) {}

  absl::Status Transact(const TransactParams& params,
                        v1::Decision* decision) override {
    const auto decide = [&](const v1::Facts& facts, v1::Decision* answer) {
      v1::Facts known = facts;
      known.clear_live_deployments();
      return params.decide(known, answer);
    };
    return store_.Transact({params.rules, params.command, decide}, decision);
  }
  absl::StatusOr<v1::Facts> Facts(const FactsParams& params) override {
    return store_.Facts(params);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) override {
    return store_.FindRepository(name);
  }
  absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) override {
    return store_.FindRepositoryById(id);
  }
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override {
    return store_.FindDeployment(params);
  }
  absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    return store_.ListDeployments(params);
  }
  absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>> ListStatuses(
      const ListStatusesParams& params) override {
    return store_.ListStatuses(params);
  }
  absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    return store_.FindStatus(params);
  }

 private:
  Store& store_;
};

// The life that it takes: repository, branch, two deployments, two successes.
constexpr size_t kShortestRetirement = 6;

TEST(PropertiesCatch, AStoreThatForgetsToRetire) {
  WalkOptions options;
  options.wrap_store = [](Store& store) {
    return std::make_unique<ForgetfulStore>(store);
  };
  const Finding finding = Search(options, walks);
  ASSERT_TRUE(finding.failed);
  EXPECT_LE(finding.steps, kShortestRetirement + 2) << finding.text;
}

TEST(PropertiesCatch, ACoreThatForgetsToRetire) {
  WalkOptions options;
  options.decide = [](const v1::Rules& rules, const v1::Facts& facts,
                      const v1::Command& command) {
    v1::Facts known = facts;
    known.clear_live_deployments();
    return Decide(rules, known, command);
  };
  const Finding finding = Search(options, walks);
  ASSERT_TRUE(finding.failed);
  EXPECT_NE(finding.text.find("should have been retired"), std::string::npos)
      << finding.text;
  EXPECT_LE(finding.steps, kShortestRetirement + 2) << finding.text;
}

TEST(PropertiesCatch, ACoreThatDeletesWhatIsActive) {
  WalkOptions options;
  options.decide = [](const v1::Rules& rules, const v1::Facts& facts,
                      const v1::Command& command) {
    v1::Facts known = facts;
    known.set_only_one_in_scope(true);
    return Decide(rules, known, command);
  };
  const Finding finding = Search(options, walks);
  ASSERT_TRUE(finding.failed);
  EXPECT_NE(finding.text.find("an active deployment was deleted"),
            std::string::npos)
      << finding.text;
  EXPECT_LE(finding.steps, kShortestRetirement + 2) << finding.text;
}

}  // namespace

bool ReadFlags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--seed=")) {
      if (!absl::SimpleAtoi(argument, &seed)) return false;
    } else if (absl::ConsumePrefix(&argument, "--walks=")) {
      if (!absl::SimpleAtoi(argument, &walks) || walks < 1) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace slipway

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!slipway::ReadFlags(argc, argv)) {
    std::cerr << "usage: properties_test [--seed=N] [--walks=N]\n";
    return 2;
  }
  return RUN_ALL_TESTS();
}
