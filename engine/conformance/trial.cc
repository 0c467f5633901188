#include "engine/conformance/trial.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace slipway {
namespace conformance {
namespace {

void ClearIds(v1::Operation& operation) {
  switch (operation.call_case()) {
    case v1::Operation::kCreateStatus:
      return operation.mutable_create_status()->clear_deployment_id();
    case v1::Operation::kDeleteDeployment:
      return operation.mutable_delete_deployment()->clear_deployment_id();
    case v1::Operation::kGetDeployment:
      return operation.mutable_get_deployment()->clear_deployment_id();
    case v1::Operation::kListStatuses:
      return operation.mutable_list_statuses()->clear_deployment_id();
    case v1::Operation::kGetStatus:
      operation.mutable_get_status()->clear_deployment_id();
      return operation.mutable_get_status()->clear_status_id();
    case v1::Operation::kCreateDeployment:
    case v1::Operation::kListDeployments:
    case v1::Operation::CALL_NOT_SET:
      return;
  }
}

}  // namespace

Trials::Trials(TrialOptions options, SubjectUnderTest& subject)
    : options_(std::move(options)),
      subject_(subject),
      refs_(options_.capabilities.refs()) {}

std::string Trials::CleanUp() {
  absl::StatusOr<std::string> left_over = subject_.Reset();
  if (left_over.ok()) return *std::move(left_over);
  return absl::StrCat("the clean-up failed: ", left_over.status().ToString());
}

void Trials::Count(const std::vector<int>& rules,
                   Tally::ByRule& by_rule) const {
  if (!counting_) return;
  for (const int rule : rules) {
    if (rule > 0 && rule < static_cast<int>(Tally::kRulesMax)) {
      ++by_rule[static_cast<size_t>(rule)];
    }
  }
}

bool Trials::Begin(TrialResult& result) {
  ++trials_;
  // What was merged in a repository that is shared stays merged.
  if (!options_.capabilities.fresh_repository() && oracle_.has_value()) {
    refs_.Clear();
    for (const v1::RefFixture& ref : oracle_->refs()) *refs_.Add() = ref;
  }
  operations_.Clear();
  parallel_.Clear();
  look_.Clear();
  symbols_ = SymbolTable();
  absl::StatusOr<std::string> left_over = subject_.Reset();
  if (!left_over.ok()) {
    result.outcome = TrialResult::Outcome::kNoAnswer;
    result.status =
        absl::Status(left_over.status().code(),
                     absl::StrCat("the reset: ", left_over.status().message()));
    return false;
  }
  GeneratorOptions generator;
  if (!options_.capabilities.fresh_repository()) {
    generator.suffix = absl::StrCat("-", options_.run_name, "-", trials_);
    v1::Operation probe;
    probe.mutable_list_deployments()->set_per_page(1);
    absl::StatusOr<v1::Answer> answer = subject_.Apply(probe);
    if (!answer.ok()) {
      result.outcome = TrialResult::Outcome::kNoAnswer;
      result.status = answer.status();
      return false;
    }
    if (!answer->deployments().empty()) others_exist_ = true;
    generator.others_exist = others_exist_;
  }
  oracle_.emplace(options_.profile.rules(), refs_, others_exist_);
  comparison_.emplace(options_.capabilities);
  generator_.emplace(std::move(generator));
  return true;
}

void Trials::Conclude(Mismatch mismatch, TrialResult& result) const {
  const auto is_open = [this](int rule) {
    const auto& open = options_.profile.open_rules();
    return std::find(open.begin(), open.end(), rule) != open.end();
  };
  result.outcome = is_open(mismatch.rules.front())
                       ? TrialResult::Outcome::kOpen
                       : TrialResult::Outcome::kMismatch;
  mismatch.rules.erase(
      std::remove_if(mismatch.rules.begin(), mismatch.rules.end(), is_open),
      mismatch.rules.end());
  result.mismatch = std::move(mismatch);
}

bool Trials::Make(v1::Operation& operation, int step, TrialResult& result) {
  symbols_.FillIn(operation);
  Expectation expected = oracle_->Apply(operation);
  absl::StatusOr<v1::Answer> answer = subject_.Apply(operation);
  result.step = step;
  if (!answer.ok()) {
    result.outcome = TrialResult::Outcome::kNoAnswer;
    result.status = answer.status();
    return false;
  }
  if (counting_) ++tally_.steps;
  symbols_.Bind(operation, *answer);
  absl::optional<Mismatch> mismatch =
      comparison_->Compare(operation, expected, *answer, *oracle_);
  if (!mismatch.has_value()) {
    Count(expected.rules, tally_.right_by_rule);
    return true;
  }
  Conclude(*std::move(mismatch), result);
  result.expected = std::move(expected.answer);
  result.actual = *std::move(answer);
  return false;
}

// What a call shows may have come about long before it: a row that should be
// there or not makes a deletion go wrong, or the time of the last update, and
// is itself seen only when somebody looks. The fewest calls after which the
// look at everything shows something wrong say best what it is.
void Trials::LookBefore(TrialResult& result) {
  if (result.outcome != TrialResult::Outcome::kMismatch || !parallel_.empty()) {
    return;
  }
  if (result.step >= 0 && (operations_[result.step].has_create_deployment() ||
                           operations_[result.step].has_create_status())) {
    return;  // a new row shows its own mistakes
  }
  const bool counting = counting_;
  counting_ = false;
  Operations made;
  made.Swap(&operations_);
  // After `right` calls all is well, as far as is known; after `wrong`, not.
  int right = -1;
  int wrong = result.step >= 0 ? result.step + 1 : made.size();
  // Where the call itself is to blame, this is asked first.
  int calls = wrong - 1;
  while (calls > right && calls < wrong) {
    Operations fewer;
    for (int i = 0; i < calls; ++i) *fewer.Add() = made[i];
    TrialResult closer;
    closer.walk_steps = result.walk_steps;
    MakeAll(fewer, closer);
    if (closer.outcome == TrialResult::Outcome::kMismatch ||
        closer.outcome == TrialResult::Outcome::kOpen) {
      wrong = calls;
      result = std::move(closer);
      made.Swap(&operations_);
    } else {
      right = calls;
    }
    calls = right + (wrong - right) / 2;
  }
  made.Swap(&operations_);
  counting_ = counting;
}

// Makes `operations` and looks.
void Trials::MakeAll(const Operations& operations, TrialResult& result) {
  if (!Begin(result)) return;
  operations_ = operations;
  for (int i = 0; i < operations_.size(); ++i) {
    if (!Make(operations_[i], i, result)) return;
  }
  generator_->Adopt(operations_);
  Look(result);
}

bool Trials::Look(TrialResult& result) {
  look_.Clear();
  generator_->AddLook(*oracle_, &look_);
  for (v1::Operation& operation : look_) {
    if (!Make(operation, /*step=*/-1, result)) return false;
  }
  return true;
}

void Trials::Finish(TrialResult& result) {
  if (result.outcome == TrialResult::Outcome::kPassed) return;
  Count(result.mismatch.rules, tally_.wrong_by_rule);
  *result.sequence.mutable_profile() = options_.profile;
  for (v1::Operation& operation : operations_) {
    std::string call = subject_.DescribeCall(operation);
    if (!call.empty()) result.calls.push_back(std::move(call));
    ClearIds(operation);
    *result.sequence.add_operations() = operation;
  }
  for (v1::Operation& operation : parallel_) {
    ClearIds(operation);
    *result.sequence.add_parallel() = operation;
  }
}

TrialResult Trials::Run(const OperationWalk& walk) {
  TrialResult result;
  if (!Begin(result)) return result;
  bool goes_on = true;
  for (const OperationStep& step : walk.steps) {
    const int first = operations_.size();
    generator_->AddOperations(step, *oracle_, &operations_);
    ++result.walk_steps;
    for (int i = first; goes_on && i < operations_.size(); ++i) {
      goes_on = Make(operations_[i], i, result);
    }
    if (!goes_on) break;
  }
  if (goes_on && !walk.parallel.empty()) {
    std::vector<Generator> generators;
    std::vector<Oracle> oracles;
    for (int client = 0; client < options_.clients; ++client) {
      generators.push_back(generator_->ForClient(client, *oracle_));
      oracles.push_back(*oracle_);
    }
    for (const OperationStep& step : walk.parallel) {
      const size_t client = step[kStepClient] % generators.size();
      const int first = parallel_.size();
      generators[client].AddOperations(step, oracles[client], &parallel_);
      for (int i = first; i < parallel_.size(); ++i) {
        oracles[client].Apply(parallel_[i]);
      }
    }
    RunInParallel(result);
  } else if (goes_on) {
    Look(result);
  }
  LookBefore(result);
  Finish(result);
  return result;
}

TrialResult Trials::Replay(const v1::Sequence& sequence) {
  TrialResult result;
  if (sequence.parallel().empty()) {
    MakeAll(sequence.operations(), result);
    LookBefore(result);
    Finish(result);
    return result;
  }
  if (!Begin(result)) return result;
  operations_ = sequence.operations();
  bool goes_on = true;
  for (int i = 0; goes_on && i < operations_.size(); ++i) {
    goes_on = Make(operations_[i], i, result);
  }
  if (goes_on) {
    parallel_ = sequence.parallel();
    generator_->Adopt(operations_);
    generator_->Adopt(parallel_);
    RunInParallel(result);
  }
  LookBefore(result);
  Finish(result);
  return result;
}

void Trials::RunInParallel(TrialResult& result) {
  result.step = -1;
  absl::StatusOr<v1::History> history =
      RunClients(parallel_, options_.clients, symbols_, subject_);
  if (!history.ok()) {
    result.outcome = TrialResult::Outcome::kNoAnswer;
    result.status = history.status();
    return;
  }
  std::vector<std::string> deployments;
  for (const Operations* made : {&operations_, &parallel_}) {
    for (const v1::Operation& operation : *made) {
      const std::string& symbol = operation.create_deployment().binds();
      if (symbols_.IdOf(symbol) != 0) deployments.push_back(symbol);
    }
  }
  std::sort(deployments.begin(), deployments.end());
  deployments.erase(std::unique(deployments.begin(), deployments.end()),
                    deployments.end());
  look_.Clear();
  generator_->AddBlindLook(deployments, &look_);
  v1::History look;
  for (v1::Operation& operation : look_) {
    symbols_.FillIn(operation);
    absl::StatusOr<v1::Answer> answer = subject_.Apply(operation);
    if (!answer.ok()) {
      result.outcome = TrialResult::Outcome::kNoAnswer;
      result.status = answer.status();
      return;
    }
    v1::HistoryEntry& entry = *look.add_entries();
    entry.mutable_operation()->Swap(&operation);
    *entry.mutable_answer() = *std::move(answer);
  }
  if (options_.on_history) options_.on_history(*history);

  if (counting_) {
    tally_.steps += history->entries_size() + look.entries_size();
  }

  Explanation explanation =
      Explain(*oracle_, *comparison_, *history, look, options_.attempts_max);
  switch (explanation.outcome) {
    case Explanation::Outcome::kExplained:
      for (const std::vector<int>& rules : explanation.rules) {
        Count(rules, tally_.right_by_rule);
        Count({36}, tally_.right_by_rule);
      }
      if (counting_) ++tally_.histories_explained;
      oracle_ = std::move(explanation.oracle);
      return;
    case Explanation::Outcome::kNotDecided:
      if (counting_) ++tally_.histories_not_decided;
      result.outcome = TrialResult::Outcome::kNotDecided;
      LearnMerges(*history);
      return;
    case Explanation::Outcome::kNotExplained:
      Conclude(std::move(explanation.mismatch), result);
      LearnMerges(*history);
      return;
  }
}

// No order is known, but what was merged in it is.
void Trials::LearnMerges(const v1::History& history) {
  for (const v1::HistoryEntry& entry : history.entries()) {
    if (entry.operation().has_create_deployment() &&
        entry.answer().code() == 202) {
      oracle_->Apply(entry.operation());
    }
  }
}

}  // namespace conformance
}  // namespace slipway
