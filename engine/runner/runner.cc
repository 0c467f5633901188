#include "slipway/runner/runner.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "slipway/core/decide.h"
#include "slipway/core/facts.h"

namespace slipway {
namespace {

// How often a ref that moved under a merge is looked at anew.
constexpr int kMergeAttemptsMax = 3;

const v1::MergeEffect* MergeOf(const v1::Decision& decision) {
  for (const v1::Effect& effect : decision.acceptance().effects()) {
    if (effect.type() == v1::EFFECT_TYPE_MERGE) return &effect.merge();
  }
  return nullptr;
}

// "OUTCOME_STATUS_CREATED" is "status_created".
std::string OutcomeLabel(const absl::StatusOr<v1::Decision>& decision) {
  // Nobody can know whether it happened.
  if (absl::IsUnknown(decision.status())) return "unknown";
  if (!decision.ok()) return "failed";
  if (decision->replayed()) return "replayed";
  if (decision->has_rejection()) {
    return absl::AsciiStrToLower(absl::StripPrefix(
        v1::Reason_Name(decision->rejection().reason()), "REASON_"));
  }
  return absl::AsciiStrToLower(absl::StripPrefix(
      v1::Outcome_Name(decision->acceptance().outcome()), "OUTCOME_"));
}

}  // namespace

Runner::Runner(RunnerParams params) : params_(std::move(params)) {}

absl::StatusOr<v1::Decision> Runner::Execute(const v1::Command& command) {
  absl::StatusOr<v1::Decision> decision = DecideAndCommit(command);
  if (params_.metrics != nullptr) Count(command, decision);
  return decision;
}

void Runner::Count(const v1::Command& command,
                   const absl::StatusOr<v1::Decision>& decision) {
  const auto* request =
      v1::Command::descriptor()->FindFieldByNumber(command.request_case());
  const std::string kind =
      request == nullptr ? "none" : std::string(request->name());
  params_.metrics->Add("slipway_decisions_total",
                       {{"kind", kind}, {"outcome", OutcomeLabel(decision)}});
}

absl::StatusOr<v1::Decision> Runner::DecideAndCommit(
    const v1::Command& command) {
  v1::Decision decision;
  v1::Command filled = command;
  for (int attempt = 0; attempt < kMergeAttemptsMax; ++attempt) {
    Outside outside;
    absl::Status status = AskSourceControl(command, &outside);
    // Twice at the most: before the merge, and after it.
    while (status.ok()) {
      status = params_.store->Transact(
          {params_.rules, command,
           [&](const v1::Facts& facts, v1::Decision* answer) {
             return DecideWith(facts, outside, command, &filled, answer);
           }},
          &decision);
      if (!status.ok()) break;
      const v1::MergeEffect* merge = MergeOf(decision);
      if (merge == nullptr) return decision;
      absl::StatusOr<SourceControl::MergeResult> result =
          Merge(command, *merge, outside);
      status = result.status();
      if (!status.ok()) break;
      if (*result == SourceControl::MergeResult::kMerged) {
        outside.merge_outcome = v1::MERGE_OUTCOME_MERGED;
      } else if (*result == SourceControl::MergeResult::kConflict) {
        outside.merge_outcome = v1::MERGE_OUTCOME_CONFLICT;
      } else {
        break;  // The branches have moved: look again.
      }
    }
    if (!status.ok()) return status;
  }
  return absl::AbortedError(absl::StrCat("the ref moved while it was merged, ",
                                         kMergeAttemptsMax, " times in a row"));
}

absl::StatusOr<v1::Decision> Runner::DryRun(const v1::Command& command) {
  Outside outside;
  absl::Status status = AskSourceControl(command, &outside);
  if (!status.ok()) return status;
  absl::StatusOr<v1::Facts> facts =
      params_.store->Facts({params_.rules, command});
  if (!facts.ok()) return facts.status();
  v1::Decision decision;
  v1::Command filled = command;
  status = DecideWith(*facts, outside, command, &filled, &decision);
  if (!status.ok()) return status;
  return decision;
}

absl::Status Runner::AskSourceControl(const v1::Command& command,
                                      Outside* outside) {
  if (params_.source_control == nullptr || !command.has_create_deployment()) {
    return absl::OkStatus();
  }
  const v1::CreateDeployment& request = command.create_deployment();
  absl::StatusOr<absl::optional<v1::Repository>> repository =
      params_.store->FindRepository(command.repository());
  if (!repository.ok()) return repository.status();
  if (!repository->has_value()) return absl::OkStatus();
  outside->repository = **repository;

  absl::StatusOr<absl::optional<v1::ResolvedRef>> resolved =
      params_.source_control->Resolve({**repository, request.ref()});
  if (!resolved.ok()) return resolved.status();
  outside->ref = *std::move(resolved);
  if (!outside->ref->has_value()) return absl::OkStatus();
  v1::ResolvedRef& ref = **outside->ref;

  if (!request.has_auto_merge() || request.auto_merge()) {
    absl::StatusOr<bool> contains = params_.source_control->Contains(
        {**repository, ref.sha(), (*repository)->default_branch()});
    if (!contains.ok()) return contains.status();
    ref.set_contains_default_branch(*contains);
  }
  if (!request.has_required_contexts() ||
      !request.required_contexts().contexts().empty()) {
    absl::StatusOr<std::vector<v1::CommitContext>> contexts =
        params_.source_control->Contexts({**repository, ref.sha()});
    if (!contexts.ok()) return contexts.status();
    for (v1::CommitContext& context : *contexts) {
      *ref.add_contexts() = std::move(context);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<SourceControl::MergeResult> Runner::Merge(
    const v1::Command& command, const v1::MergeEffect& merge,
    const Outside& outside) {
  if (params_.source_control == nullptr) {
    return SourceControl::MergeResult::kConflict;
  }
  return params_.source_control->Merge(
      {outside.repository, merge.base(), merge.head(), command.actor(),
       absl::StrCat("Auto-merged ", merge.head(), " into ", merge.base(),
                    " on deployment.")});
}

absl::Status Runner::DecideWith(const v1::Facts& facts, const Outside& outside,
                                const v1::Command& command, v1::Command* filled,
                                v1::Decision* decision) {
  if (command.time_ms() == 0) filled->set_time_ms(params_.clock->NowMs());
  // Copied only where something is to be added.
  v1::Facts changed;
  const bool changes = outside.ref.has_value() ||
                       outside.merge_outcome != v1::MERGE_OUTCOME_UNSPECIFIED;
  if (changes) {
    changed = facts;
    changed.set_merge_outcome(outside.merge_outcome);
  }
  if (outside.ref.has_value()) {
    changed.clear_ref();
    if (outside.ref->has_value()) *changed.mutable_ref() = **outside.ref;
  }
  const v1::Facts& known = changes ? changed : facts;
  const int64_t ids_needed =
      KeptAnswer(params_.rules, known, *filled) != nullptr
          ? 0
          : IdsNeeded(known, command);
  if (ids_needed > 0 && !command.has_ids()) {
    absl::StatusOr<int64_t> first = params_.ids->Take(ids_needed);
    if (!first.ok()) return first.status();
    filled->mutable_ids()->set_first(*first);
    filled->mutable_ids()->set_count(ids_needed);
  }
  Decide(params_.rules, known, *filled, decision);
  return absl::OkStatus();
}

}  // namespace slipway
