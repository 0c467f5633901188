#include "slipway/conformance/walks/model.h"

#include <utility>

#include "absl/status/status.h"
#include "slipway/core/decide.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {

Model::Model(ModelParams params) : params_(std::move(params)) {
  if (params_.decide != nullptr) return;
  params_.decide = [](const v1::Rules& rules, const v1::Facts& facts,
                      const v1::Command& command) {
    return Decide(rules, facts, command);
  };
}

absl::StatusOr<v1::Decision> Model::Execute(const v1::Command& command) {
  v1::Facts facts = StoreFacts(command);
  absl::Status status = AskSourceControl(command, facts);
  if (!status.ok()) return status;
  v1::Decision decision = params_.decide(params_.rules, facts, command);
  if (decision.acceptance().outcome() == v1::OUTCOME_MERGE_REQUIRED) {
    absl::StatusOr<v1::MergeOutcome> outcome =
        Merge(command, facts, decision.acceptance().effects(0).merge());
    if (!outcome.ok()) return outcome.status();
    facts.set_merge_outcome(*outcome);
    decision = params_.decide(params_.rules, facts, command);
  }
  if (decision.replayed()) return decision;
  const Key key = KeyOf(command.repository());
  const bool puts = command.has_put_repository() && decision.has_acceptance();
  // Not of a repository that never was.
  if (KeepsAnswer(command, decision) && (puts || states_.count(key) > 0)) {
    v1::KeyedAnswer& answer = answers_[key][command.idempotency_key()];
    *answer.mutable_command() = command;
    *answer.mutable_decision() = decision;
  }
  if (decision.acceptance().events().empty()) return decision;
  v1::RepositoryState next = StateOf(command.repository());
  for (const v1::Event& event : decision.acceptance().events()) {
    status = Evolve(event, &next);
    if (!status.ok()) return status;
  }
  states_[key] = std::move(next);
  return decision;
}

v1::Facts Model::StoreFacts(const v1::Command& command) const {
  v1::Facts facts =
      FactsFor(params_.rules, StateOf(command.repository()), command);
  const auto answers = answers_.find(KeyOf(command.repository()));
  if (answers != answers_.end()) {
    const auto answer = answers->second.find(command.idempotency_key());
    if (answer != answers->second.end()) {
      *facts.mutable_keyed_answer() = answer->second;
    }
  }
  facts = Comparable(std::move(facts), command);
  if (!command.has_put_repository()) return facts;
  for (const auto& [key, state] : states_) {
    const v1::Repository& repository = state.repository();
    if (!state.has_repository() || key == KeyOf(command.repository()) ||
        repository.id() != command.put_repository().id()) {
      continue;
    }
    facts.mutable_repository_id_holder()->set_owner(repository.owner());
    facts.mutable_repository_id_holder()->set_name(repository.name());
  }
  return facts;
}

v1::Facts Model::Comparable(v1::Facts facts, const v1::Command& command) const {
  if (!facts.has_keyed_answer()) return facts;
  if (KeptAnswer(params_.rules, facts, command) == nullptr) {
    facts.clear_keyed_answer();
    return facts;
  }
  facts.mutable_keyed_answer()->mutable_command()->clear_time_ms();
  facts.mutable_keyed_answer()->mutable_command()->clear_ids();
  return facts;
}

std::vector<const v1::Command*> Model::KeyedCommands(
    const v1::RepositoryName& name) const {
  std::vector<const v1::Command*> commands;
  const auto answers = answers_.find(KeyOf(name));
  if (answers == answers_.end()) return commands;
  for (const auto& [key, answer] : answers->second) {
    commands.push_back(&answer.command());
  }
  return commands;
}

const v1::RepositoryState& Model::StateOf(
    const v1::RepositoryName& name) const {
  const auto found = states_.find(KeyOf(name));
  return found == states_.end() ? v1::RepositoryState::default_instance()
                                : found->second;
}

Model::Key Model::KeyOf(const v1::RepositoryName& name) {
  return {FoldName(name.owner()), FoldName(name.name())};
}

absl::Status Model::AskSourceControl(const v1::Command& command,
                                     v1::Facts& facts) {
  if (params_.source_control == nullptr || !command.has_create_deployment() ||
      !facts.has_repository()) {
    return absl::OkStatus();
  }
  facts.clear_ref();
  auto resolved = params_.source_control->Resolve(
      {facts.repository(), command.create_deployment().ref()});
  if (!resolved.ok()) return resolved.status();
  if (!resolved->has_value()) return absl::OkStatus();
  v1::ResolvedRef& ref = *facts.mutable_ref() = **resolved;
  auto contains = params_.source_control->Contains(
      {facts.repository(), ref.sha(), facts.repository().default_branch()});
  if (!contains.ok()) return contains.status();
  ref.set_contains_default_branch(*contains);
  auto contexts =
      params_.source_control->Contexts({facts.repository(), ref.sha()});
  if (!contexts.ok()) return contexts.status();
  for (const v1::CommitContext& context : *contexts) {
    *ref.add_contexts() = context;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::MergeOutcome> Model::Merge(const v1::Command& command,
                                              const v1::Facts& facts,
                                              const v1::MergeEffect& merge) {
  if (params_.source_control == nullptr) return v1::MERGE_OUTCOME_CONFLICT;
  auto result = params_.source_control->Merge(
      {facts.repository(), merge.base(), merge.head(), command.actor(), ""});
  if (!result.ok()) return result.status();
  switch (*result) {
    case SourceControl::MergeResult::kMerged:
      return v1::MERGE_OUTCOME_MERGED;
    case SourceControl::MergeResult::kConflict:
      return v1::MERGE_OUTCOME_CONFLICT;
    default:
      return absl::InternalError("a ref that is behind has nothing to merge");
  }
}

}  // namespace slipway
