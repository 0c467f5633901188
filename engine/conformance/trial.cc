#include "engine/conformance/trial.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/conformance/notification_check.h"

namespace slipway {
namespace conformance {
namespace {

// How many resets are told of that could not delete something.
constexpr size_t kLeftOverMax = 50;

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

// How many characters a name may have (R60).
constexpr size_t kNameMax = 255;

size_t CharactersOf(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(),
                    [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// Names that are the same for all who share a repository.
bool IsEverybodys(const std::string& name) {
  return name.empty() || name == "none" || name == "deploy" ||
         absl::EqualsIgnoreCase(name, "production");
}

// Gives a name that ends in `from` the end `to`. One that is as long as a name
// may be stays so, and one that is too long stays too long.
void ChangeEnd(const std::string& from, const std::string& to,
               std::string* name) {
  if (IsEverybodys(*name) || !absl::EndsWith(*name, from)) return;
  const size_t characters = CharactersOf(*name);
  if (characters > kNameMax) return;
  std::string stem = name->substr(0, name->size() - from.size());
  while (!stem.empty()) {
    size_t first = 1;
    while (first < stem.size() && (stem[first] & 0xC0) == 0x80) ++first;
    const size_t now = CharactersOf(stem) + to.size();
    if (now > kNameMax) {
      stem.erase(0, first);
    } else if (now < kNameMax && characters == kNameMax) {
      stem.insert(0, stem.substr(0, first));
    } else {
      break;
    }
  }
  *name = absl::StrCat(stem, to);
}

// Gives the names of `operation` the end of another trial.
void ChangeEnds(const std::string& from, const std::string& to,
                v1::Operation& operation) {
  if (operation.has_create_deployment()) {
    slipway::v1::CreateDeployment& request =
        *operation.mutable_create_deployment()->mutable_request();
    if (request.has_task()) ChangeEnd(from, to, request.mutable_task());
    if (request.has_environment()) {
      ChangeEnd(from, to, request.mutable_environment());
    }
    // Where there is no end, a ref is one of the repository's.
    if (!from.empty()) ChangeEnd(from, to, request.mutable_ref());
  } else if (operation.has_create_status()) {
    slipway::v1::CreateStatus& request =
        *operation.mutable_create_status()->mutable_request();
    if (request.has_environment()) {
      ChangeEnd(from, to, request.mutable_environment());
    }
  } else if (operation.has_list_deployments()) {
    v1::ListDeployments& list = *operation.mutable_list_deployments();
    if (list.has_task()) ChangeEnd(from, to, list.mutable_task());
    if (list.has_environment()) {
      ChangeEnd(from, to, list.mutable_environment());
    }
  }
}

// Where the repository has deployments of others, no list may show them.
void KeepToOwn(const std::string& suffix, v1::Operation& operation) {
  if (!operation.has_list_deployments()) return;
  v1::ListDeployments& list = *operation.mutable_list_deployments();
  if (absl::EndsWith(list.environment(), suffix) ||
      absl::EndsWith(list.task(), suffix)) {
    return;
  }
  list.set_environment(absl::StrCat("staging", suffix));
}

absl::string_view BranchOf(absl::string_view ref) {
  absl::ConsumePrefix(&ref, "refs/");
  absl::ConsumePrefix(&ref, "heads/");
  return ref;
}

// A new row shows its own mistakes, but for an environment that it has from the
// row before it.
bool ShowsItsOwn(const v1::Operation& operation, const Mismatch& mismatch) {
  if (!operation.has_create_status()) {
    return operation.has_create_deployment();
  }
  return operation.create_status().request().has_environment() ||
         mismatch.rules.front() != 23;
}

// Takes away what is about deployments that are not those of `request`. (Every
// deployment that was made is in it, as others are to be told of it.)
void KeepOwn(const v1::NotificationsRequest& request,
             v1::NotificationsResponse& response) {
  auto& all = *response.mutable_notifications();
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const v1::Notification& notification) {
                             return std::none_of(
                                 request.expected().begin(),
                                 request.expected().end(),
                                 [&](const v1::Notification& own) {
                                   return own.deployment_id() ==
                                          notification.deployment_id();
                                 });
                           }),
            all.end());
}

}  // namespace

Trials::Trials(TrialOptions options, SubjectUnderTest& subject)
    : options_(std::move(options)),
      subject_(subject),
      refs_(options_.capabilities.refs()) {}

std::string Trials::CleanUp() {
  const absl::StatusOr<std::string> left_over = subject_.Reset();
  NoteLeftOver(left_over.ok() ? *left_over
                              : absl::StrCat("the clean-up failed: ",
                                             left_over.status().ToString()));
  return absl::StrCat(absl::StrJoin(left_over_, "; "),
                      left_over_.size() < kLeftOverMax ? "" : "; maybe more");
}

void Trials::NoteLeftOver(const std::string& left_over) {
  if (left_over.empty() || left_over_.size() >= kLeftOverMax) return;
  if (std::find(left_over_.begin(), left_over_.end(), left_over) ==
      left_over_.end()) {
    left_over_.push_back(left_over);
  }
}

void Trials::CountRight(int rule, int64_t steps) {
  if (counting_) tally_.right_by_rule[static_cast<size_t>(rule)] += steps;
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
    // After a wrong answer the oracle believes in what did not happen.
    if (refs_as_answered_.has_value()) refs_ = *refs_as_answered_;
  }
  refs_as_answered_.reset();
  operations_.Clear();
  parallel_.Clear();
  look_.Clear();
  symbols_ = SymbolTable();
  told_.Clear();
  told_steps_ = 0;
  absl::StatusOr<std::string> left_over = subject_.Reset();
  if (!left_over.ok()) {
    result.outcome = TrialResult::Outcome::kNoAnswer;
    result.status =
        absl::Status(left_over.status().code(),
                     absl::StrCat("the reset: ", left_over.status().message()));
    return false;
  }
  NoteLeftOver(*left_over);
  GeneratorOptions generator;
  if (!options_.capabilities.fresh_repository()) {
    suffix_ = absl::StrCat("-", options_.run_name, "-", trials_);
    generator.suffix = suffix_;
    v1::Operation probe;
    probe.mutable_list_deployments()->set_per_page(1);
    absl::StatusOr<v1::Answer> answer = subject_.Apply(probe);
    if (!answer.ok()) {
      result.outcome = TrialResult::Outcome::kNoAnswer;
      result.status = answer.status();
      return false;
    }
    // One that does not say so may have some.
    if (answer->code() != 200 || !answer->flaw().empty() ||
        !answer->deployments().empty()) {
      others_exist_ = true;
    }
    generator.others_exist = others_exist_;
  }
  oracle_.emplace(options_.profile.rules(), refs_, others_exist_);
  comparison_.emplace(options_.capabilities);
  generator_.emplace(std::move(generator));
  return true;
}

void Trials::Conclude(Mismatch mismatch, int code, TrialResult& result) const {
  const auto is_open = [this](int rule) {
    const auto& open = options_.profile.open_rules();
    return std::find(open.begin(), open.end(), rule) != open.end();
  };
  // No rule says that a call may fail, whatever it leaves open.
  const bool may_be_open = code / 100 == 2 || code / 100 == 4;
  if (may_be_open) {
    result.outcome = is_open(mismatch.rules.front())
                         ? TrialResult::Outcome::kOpen
                         : TrialResult::Outcome::kMismatch;
    mismatch.rules.erase(
        std::remove_if(mismatch.rules.begin(), mismatch.rules.end(), is_open),
        mismatch.rules.end());
  } else {
    result.outcome = TrialResult::Outcome::kMismatch;
  }
  result.mismatch = std::move(mismatch);
}

bool Trials::Make(v1::Operation& operation, int step, TrialResult& result) {
  symbols_.FillIn(operation);
  const std::vector<v1::RefFixture> refs = oracle_->refs();
  Expectation expected = oracle_->Apply(operation);
  absl::StatusOr<v1::Answer> answer = subject_.Apply(operation);
  result.step = step;
  if (step < 0) result.look = operation;
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
    Right(operation, expected, *answer);
    return true;
  }
  if (answer->code() != expected.answer.code()) {
    NoteMerge(operation, refs, answer->code());
  }
  const bool is_readable = answer->flaw().empty();
  Conclude(*std::move(mismatch), is_readable ? answer->code() : 0, result);
  result.expected = std::move(expected.answer);
  if (!options_.capabilities.notifications()) {
    result.expected.clear_notifications();
  }
  result.actual = *std::move(answer);
  return false;
}

void Trials::NoteMerge(const v1::Operation& operation,
                       const std::vector<v1::RefFixture>& before, int code) {
  if (!operation.has_create_deployment()) return;
  refs_as_answered_.emplace();
  for (const v1::RefFixture& ref : before) *refs_as_answered_->Add() = ref;
  if (code != 202) return;
  const absl::string_view merged =
      BranchOf(operation.create_deployment().request().ref());
  for (v1::RefFixture& ref : *refs_as_answered_) {
    if (BranchOf(ref.name()) != merged) continue;
    ref.set_is_behind(false);
    ref.clear_sha();
    ref.clear_contexts();
  }
}

void Trials::Right(const v1::Operation& operation, const Expectation& expected,
                   const v1::Answer& answer) {
  std::vector<int> rules = expected.rules;
  if (options_.capabilities.late_notifications()) {
    const auto told = std::find(rules.begin(), rules.end(), 80);
    if (told != rules.end()) {
      rules.erase(told);  // that is seen later
      ++told_steps_;
    }
    for (v1::Notification notification : expected.answer.notifications()) {
      // By the subject's ids.
      notification.set_deployment_id(
          operation.has_create_status()
              ? operation.create_status().deployment_id()
              : answer.deployment().id());
      notification.set_status_id(answer.status().id());
      *told_.add_expected() = std::move(notification);
    }
  }
  Count(rules, tally_.right_by_rule);
}

void Trials::CheckLateNotifications(TrialResult& result) {
  if (!options_.capabilities.late_notifications()) return;
  result.step = -1;
  absl::StatusOr<v1::NotificationsResponse> response =
      subject_.Notifications(told_);
  if (!response.ok()) {
    result.outcome = TrialResult::Outcome::kNoAnswer;
    result.status = response.status();
    return;
  }
  // Of what others have made nothing is known.
  if (others_exist_) KeepOwn(told_, *response);
  const int64_t deliveries = response->notifications_size();
  NotificationCheck check = CheckNotifications(told_, *std::move(response));
  if (check.mismatch.has_value()) {
    Conclude(*std::move(check.mismatch), /*code=*/200, result);
    result.expected = std::move(check.missing);
    result.actual = std::move(check.wrong);
    return;
  }
  CountRight(80, told_steps_);
  if (options_.capabilities.signed_notifications()) CountRight(82, deliveries);
}

// What a call shows may have come about long before it: a row that should be
// there or not makes a deletion go wrong, or the time of the last update, and
// is itself seen only when somebody looks. The fewest calls after which the
// look at everything shows something wrong say best what it is.
void Trials::LookBefore(TrialResult& result) {
  if (result.outcome != TrialResult::Outcome::kMismatch || !parallel_.empty()) {
    return;
  }
  if (result.step >= 0 &&
      ShowsItsOwn(operations_[result.step], result.mismatch)) {
    return;
  }
  const bool counting = counting_;
  counting_ = false;
  Operations made;
  made.Swap(&operations_);
  std::string made_suffix = suffix_;
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
    MakeAll(fewer, made_suffix, closer);
    if (closer.outcome == TrialResult::Outcome::kMismatch ||
        closer.outcome == TrialResult::Outcome::kOpen) {
      wrong = calls;
      result = std::move(closer);
      made.Swap(&operations_);
      made_suffix = suffix_;
    } else {
      right = calls;
    }
    calls = right + (wrong - right) / 2;
  }
  made.Swap(&operations_);
  suffix_ = made_suffix;
  counting_ = counting;
}

Trials::Operations Trials::Renamed(Operations operations,
                                   const std::string& suffix) const {
  if (suffix_ == suffix && !others_exist_) return operations;
  for (v1::Operation& operation : operations) {
    ChangeEnds(suffix, suffix_, operation);
    if (others_exist_) KeepToOwn(suffix_, operation);
  }
  return operations;
}

// Makes `operations`, whose names end in `suffix`, and looks.
void Trials::MakeAll(const Operations& operations, const std::string& suffix,
                     TrialResult& result) {
  if (!Begin(result)) return;
  operations_ = Renamed(operations, suffix);
  for (int i = 0; i < operations_.size(); ++i) {
    if (!Make(operations_[i], i, result)) return;
  }
  generator_->Adopt(operations_);
  Look(result);
}

void Trials::Look(TrialResult& result) {
  look_.Clear();
  generator_->AddLook(*oracle_, &look_);
  for (v1::Operation& operation : look_) {
    if (!Make(operation, /*step=*/-1, result)) return;
  }
}

void Trials::End(TrialResult& result) {
  LookBefore(result);
  if (result.outcome == TrialResult::Outcome::kPassed) {
    CheckLateNotifications(result);
  }
  if (result.outcome == TrialResult::Outcome::kPassed) return;
  Count(result.mismatch.rules, tally_.wrong_by_rule);
  *result.sequence.mutable_profile() = options_.profile;
  result.sequence.set_suffix(suffix_);
  for (v1::Operation& operation : operations_) {
    std::string call = subject_.DescribeCall(operation);
    if (!call.empty()) result.calls.push_back(std::move(call));
    ClearIds(operation);
    *result.sequence.add_operations() = operation;
  }
  for (v1::Operation& operation : parallel_) {
    symbols_.FillIn(operation);
    std::string call = subject_.DescribeCall(operation);
    if (!call.empty()) result.calls.push_back(std::move(call));
    ClearIds(operation);
    *result.sequence.add_parallel() = operation;
  }
  if (result.step < 0 && result.look.call_case() != 0) {
    std::string call = subject_.DescribeCall(result.look);
    if (!call.empty()) result.calls.push_back(std::move(call));
  }
  if (counting_ && result.outcome == TrialResult::Outcome::kOpen) {
    ++tally_.open_sequences;
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
  End(result);
  return result;
}

TrialResult Trials::Replay(const v1::Sequence& sequence) {
  TrialResult result;
  if (sequence.parallel().empty()) {
    MakeAll(sequence.operations(), sequence.suffix(), result);
    End(result);
    return result;
  }
  if (!Begin(result)) return result;
  operations_ = Renamed(sequence.operations(), sequence.suffix());
  bool goes_on = true;
  for (int i = 0; goes_on && i < operations_.size(); ++i) {
    goes_on = Make(operations_[i], i, result);
  }
  if (goes_on) {
    parallel_ = Renamed(sequence.parallel(), sequence.suffix());
    generator_->Adopt(operations_);
    generator_->Adopt(parallel_);
    RunInParallel(result);
  }
  End(result);
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

  if (HasFailed(*history, result)) {
    LearnMerges(*history);
    return;
  }
  Explanation explanation =
      Explain(*oracle_, *comparison_, *history, look, options_.attempts_max);
  switch (explanation.outcome) {
    case Explanation::Outcome::kExplained:
      for (const Explanation::Call& call : explanation.calls) {
        const v1::HistoryEntry& entry = history->entries(call.entry);
        Right(entry.operation(), call.expected, entry.answer());
      }
      CountRight(36, history->entries_size());
      if (counting_) ++tally_.histories_explained;
      oracle_ = std::move(explanation.oracle);
      return;
    case Explanation::Outcome::kNotDecided:
      if (counting_) ++tally_.histories_not_decided;
      result.outcome = TrialResult::Outcome::kNotDecided;
      LearnMerges(*history);
      return;
    case Explanation::Outcome::kNotExplained:
      Conclude(std::move(explanation.mismatch), /*code=*/200, result);
      result.expected = std::move(explanation.expected);
      result.actual = std::move(explanation.actual);
      if (!options_.capabilities.notifications()) {
        result.expected.clear_notifications();
      }
      LearnMerges(*history);
      return;
  }
}

bool Trials::HasFailed(const v1::History& history, TrialResult& result) {
  // What the calls before it have led to is a guess, as is its rule.
  Oracle oracle = *oracle_;
  for (const v1::HistoryEntry& entry : history.entries()) {
    const Expectation expected = oracle.Apply(entry.operation());
    const int code = entry.answer().code();
    if (code < 500) continue;
    Comparison comparison(options_.capabilities);
    absl::optional<Mismatch> mismatch =
        comparison.Compare(entry.operation(), expected, entry.answer(), oracle);
    if (!mismatch.has_value()) continue;
    mismatch->summary =
        absl::StrCat("a call of client ", entry.operation().client(),
                     " in parallel: ", mismatch->summary);
    Conclude(*std::move(mismatch), code, result);
    result.expected = expected.answer;
    if (!options_.capabilities.notifications()) {
      result.expected.clear_notifications();
    }
    result.actual = entry.answer();
    return true;
  }
  return false;
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
