#include "engine/conformance/store/scene.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/conformance/walks/command_walk.h"
#include "slipway/core/decide.h"
#include "slipway/core/names.h"
#include "slipway/runner/history.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {
namespace {

v1::Command CommandOn(const v1::RepositoryName& name) {
  v1::Command command;
  *command.mutable_repository() = name;
  command.mutable_actor()->set_id(7);
  command.mutable_actor()->set_login("ann");
  return command;
}

// As `Store` addresses repositories.
std::pair<std::string, std::string> KeyOf(const v1::RepositoryName& name) {
  return {FoldName(name.owner()), FoldName(name.name())};
}

}  // namespace

v1::RepositoryName Name(absl::string_view owner, absl::string_view name) {
  v1::RepositoryName repository;
  repository.set_owner(std::string(owner));
  repository.set_name(std::string(name));
  return repository;
}

v1::Command PutRepository(const v1::RepositoryName& name, int64_t id) {
  v1::Command command = CommandOn(name);
  command.mutable_put_repository()->set_id(id);
  command.mutable_put_repository()->set_default_branch("main");
  return command;
}

v1::Command DeleteRepository(const v1::RepositoryName& name) {
  v1::Command command = CommandOn(name);
  command.mutable_delete_repository();
  return command;
}

v1::Command PutBranch(const v1::RepositoryName& name, absl::string_view branch,
                      char digit) {
  v1::Command command = CommandOn(name);
  v1::PutRef& request = *command.mutable_put_ref();
  request.set_name(std::string(branch));
  request.set_type(v1::REF_TYPE_BRANCH);
  request.set_sha(std::string(40, digit));
  return command;
}

v1::Command CreateDeployment(const v1::RepositoryName& name,
                             absl::string_view environment) {
  v1::Command command = CommandOn(name);
  v1::CreateDeployment& request = *command.mutable_create_deployment();
  request.set_ref("main");
  request.set_environment(std::string(environment));
  request.set_auto_merge(false);
  request.mutable_required_contexts();
  return command;
}

v1::Command CreateStatus(const v1::RepositoryName& name, int64_t deployment_id,
                         v1::StatusState state) {
  v1::Command command = CommandOn(name);
  command.mutable_create_status()->set_deployment_id(deployment_id);
  command.mutable_create_status()->set_state(state);
  return command;
}

v1::Command DeleteDeployment(const v1::RepositoryName& name,
                             int64_t deployment_id) {
  v1::Command command = CommandOn(name);
  command.mutable_delete_deployment()->set_deployment_id(deployment_id);
  return command;
}

int64_t IdOf(const v1::Decision& decision) {
  for (const v1::Event& event : decision.acceptance().events()) {
    if (event.has_deployment()) return event.deployment().id();
    if (event.has_status()) return event.status().id();
  }
  return 0;
}

absl::StatusOr<v1::Decision> SendTo(Store& store, const v1::Rules& rules,
                                    const v1::Command& command) {
  v1::Decision decision;
  const absl::Status status =
      store.Transact({rules, command,
                      [&](const v1::Facts& facts, v1::Decision* answer) {
                        v1::Command filled = command;
                        if (!filled.has_ids()) {
                          filled.mutable_ids()->set_first(facts.last_id() + 1);
                          filled.mutable_ids()->set_count(1000);
                        }
                        if (filled.time_ms() == 0) filled.set_time_ms(1000);
                        Decide(rules, facts, filled, answer);
                        return absl::OkStatus();
                      }},
                     &decision);
  if (!status.ok()) return status;
  return decision;
}

Scene::Scene(const StoreCheckParams& params, Findings& findings,
             v1::Rules rules)
    : params_(params),
      findings_(findings),
      model_(ModelParams{std::move(rules), nullptr, nullptr}) {
  absl::StatusOr<std::unique_ptr<StoreUnderTest>> subject = params.make();
  if (!findings_.Expect(subject.ok(),
                        "no store: ", subject.status().ToString())) {
    return;
  }
  subject_ = *std::move(subject);
  Open();
}

void Scene::Open() {
  if (subject_ == nullptr) return;
  absl::StatusOr<std::unique_ptr<StoreHandle>> handle = subject_->Open();
  if (!findings_.Expect(handle.ok(), "Open: ", handle.status().ToString())) {
    return;
  }
  handles_.push_back(*std::move(handle));
}

void Scene::OpenAnother() {
  if (params_.capabilities.several_handles && ok()) Open();
}

void Scene::Reopen() {
  if (!params_.capabilities.durable || !ok()) return;
  handles_.clear();
  Open();
}

v1::Decision Scene::Send(v1::Command command, size_t place) {
  constexpr int64_t kIdsEach = 1000;
  command.set_time_ms(next_time_ms_);
  command.mutable_ids()->set_first(next_id_);
  command.mutable_ids()->set_count(kIdsEach);
  next_time_ms_ += 1000;
  next_id_ += kIdsEach;
  return SendAsItIs(command, place);
}

v1::Decision Scene::SendAsItIs(const v1::Command& command, size_t place) {
  v1::Decision decision;
  if (!ok()) return decision;
  Store& sent_to = store(place);
  const v1::RepositoryName& name = command.repository();
  const v1::Facts expected_facts = model_.StoreFacts(command);
  const absl::StatusOr<v1::Facts> facts = sent_to.Facts({rules(), command});
  if (findings_.Expect(facts.ok(), "Facts: ", facts.status().ToString())) {
    findings_.ExpectSame("Facts", expected_facts,
                         model_.Comparable(*facts, command));
  }
  const absl::StatusOr<v1::Decision> expected = model_.Execute(command);
  if (!findings_.Expect(expected.ok(),
                        "the model fails: ", expected.status().ToString())) {
    return decision;
  }
  // As a runner would without source control: a merge is a conflict.
  v1::MergeOutcome merge_outcome = v1::MERGE_OUTCOME_UNSPECIFIED;
  while (true) {
    v1::Facts given;
    const absl::Status status =
        sent_to.Transact({rules(), command,
                          [&](const v1::Facts& read, v1::Decision* answer) {
                            given = read;
                            v1::Facts known = read;
                            known.set_merge_outcome(merge_outcome);
                            Decide(rules(), known, command, answer);
                            return absl::OkStatus();
                          }},
                         &decision);
    findings_.Expect(status.ok(), "Transact: ", status.ToString());
    findings_.ExpectSame("facts of Transact", expected_facts,
                         model_.Comparable(given, command));
    if (!findings_.empty() ||
        decision.acceptance().outcome() != v1::OUTCOME_MERGE_REQUIRED) {
      break;
    }
    merge_outcome = v1::MERGE_OUTCOME_CONFLICT;
  }
  findings_.ExpectSame("decision of Transact", *expected, decision);
  // What is replayed has happened before.
  CompareTail(name, decision.replayed() ? v1::Decision() : decision, place);
  pasts_[KeyOf(name)][static_cast<int64_t>(streams_[KeyOf(name)].size())] =
      model_.StateOf(name);
  for (size_t i = 0; i < handles_.size() && findings_.empty(); ++i) {
    CompareRows(store(i), name, model_.StateOf(name), findings_);
  }
  if (!findings_.empty()) {
    findings_.Add(
        absl::StrCat("that was at: ", DescribeStep(0, command, *expected)));
  }
  return decision;
}

int64_t Scene::Create(const v1::Command& command, size_t place) {
  const v1::Decision decision = Send(command, place);
  if (ok()) {
    findings_.Expect(decision.has_acceptance(),
                     "refused: ", decision.ShortDebugString());
  }
  return IdOf(decision);
}

void Scene::Put(const v1::RepositoryName& name, int64_t id) {
  Create(PutRepository(name, id));
  Create(PutBranch(name, "main", 'a'));
  v1::Command topic = PutBranch(name, "topic", 'b');
  topic.mutable_put_ref()->set_merge_base_sha(std::string(40, 'a'));
  Create(topic);
}

v1::Decision Scene::SendAlone(const v1::Command& command, size_t place) {
  if (!ok()) return v1::Decision();
  const absl::StatusOr<v1::Decision> decision =
      SendTo(store(place), rules(), command);
  if (!findings_.Expect(decision.ok(),
                        "Transact: ", decision.status().ToString())) {
    return v1::Decision();
  }
  return *decision;
}

void Scene::CompareTail(const v1::RepositoryName& name,
                        const v1::Decision& decision, size_t place) {
  std::vector<OutboxEntry>& stream = streams_[KeyOf(name)];
  const size_t first = stream.size();
  for (const v1::Event& event : decision.acceptance().events()) {
    OutboxEntry& entry = stream.emplace_back();
    entry.position = static_cast<int64_t>(stream.size());
    entry.event = event;
    if (event.has_put_repository()) {
      repository_ids_.insert(event.put_repository().id());
    }
    if (event.has_status()) {
      status_ids_[KeyOf(name)].emplace(event.status().deployment_id(),
                                       event.status().id());
    }
  }
  for (const v1::Effect& effect : decision.acceptance().effects()) {
    if (effect.type() != v1::EFFECT_TYPE_NOTIFY) continue;
    OutboxEntry& entry = stream[first + effect.event_index()];
    entry.notify = true;
    if (effect.has_deployment()) entry.deployment = effect.deployment();
  }
  CompareStream(name, first, std::numeric_limits<int64_t>::max(), place);
}

void Scene::CompareStream(const v1::RepositoryName& name, size_t first,
                          int64_t limit, size_t place) {
  const std::vector<OutboxEntry>& stream = streams_[KeyOf(name)];
  size_t next = first;
  while (true) {
    const absl::StatusOr<std::vector<OutboxEntry>> entries =
        outbox(place).ReadOutbox({name, static_cast<int64_t>(next), limit});
    if (!findings_.Expect(entries.ok(),
                          "ReadOutbox: ", entries.status().ToString())) {
      return;
    }
    if (entries->empty()) break;
    for (const OutboxEntry& entry : *entries) {
      if (!findings_.Expect(next < stream.size(), "ReadOutbox: more than the ",
                            stream.size(), " events that there were")) {
        return;
      }
      const OutboxEntry& expected = stream[next++];
      findings_.Expect(entry.position == expected.position,
                       "ReadOutbox: position ", entry.position, " instead of ",
                       expected.position);
      findings_.ExpectSame("event in the outbox", expected.event, entry.event);
      findings_.Expect(
          entry.notify == expected.notify, "ReadOutbox: notify is ",
          entry.notify ? "true" : "false", " at position ", expected.position);
      findings_.ExpectSame("deployment in the outbox",
                           expected.deployment.value_or(v1::Deployment()),
                           entry.deployment.value_or(v1::Deployment()));
      if (!findings_.empty()) return;
    }
  }
  findings_.Expect(next == stream.size(), "ReadOutbox: ends at position ", next,
                   " instead of ", stream.size());
}

void Scene::CompareRepositoryIds(size_t place) {
  constexpr int64_t kNobodys = 4711;
  std::set<int64_t> ids = repository_ids_;
  ids.insert(kNobodys);
  for (const int64_t id : ids) {
    const v1::Repository* holder = nullptr;
    for (const auto& [key, stream] : streams_) {
      const v1::RepositoryState& state =
          model_.StateOf(Name(key.first, key.second));
      if (state.has_repository() && state.repository().id() == id) {
        holder = &state.repository();
      }
    }
    const auto found = store(place).FindRepositoryById(id);
    if (findings_.Expect(found.ok(),
                         "FindRepositoryById: ", found.status().ToString()) &&
        findings_.Expect(found->has_value() == (holder != nullptr),
                         "FindRepositoryById: ", id,
                         holder == nullptr ? " was found, but is nobody's"
                                           : " was not found")) {
      if (holder != nullptr) {
        findings_.ExpectSame("FindRepositoryById", *holder, **found);
      }
    }
    for (const auto& [key, stream] : streams_) {
      const v1::Command put = PutRepository(Name(key.first, key.second), id);
      const absl::StatusOr<v1::Facts> facts =
          store(place).Facts({rules(), put});
      if (findings_.Expect(facts.ok(), "Facts: ", facts.status().ToString())) {
        findings_.ExpectSame("Facts for a put", model_.StoreFacts(put), *facts);
      }
      if (!findings_.empty()) return;
    }
  }
}

void Scene::CompareDeletedRows(const v1::RepositoryName& name, size_t place) {
  std::set<int64_t> deployments;
  for (const v1::DeploymentRecord& record :
       model_.StateOf(name).deployments()) {
    deployments.insert(record.deployment().id());
  }
  for (const auto& [deployment_id, status_id] : status_ids_[KeyOf(name)]) {
    if (deployments.count(deployment_id) > 0) continue;
    const auto found = store(place).FindDeployment({name, deployment_id});
    findings_.Expect(found.ok() && !found->has_value(),
                     "FindDeployment: ", deployment_id,
                     " was deleted, but is found");
    const auto page = store(place).ListStatuses({name, deployment_id});
    findings_.Expect(page.ok() && !page->has_value(),
                     "ListStatuses: ", deployment_id,
                     " was deleted, but is found");
    const auto status =
        store(place).FindStatus({name, deployment_id, status_id});
    findings_.Expect(status.ok() && !status->has_value(),
                     "FindStatus: ", status_id, " was deleted, but is found");
  }
}

void Scene::CompareAll(Effort effort) {
  for (size_t i = 0; i < handles_.size() && ok(); ++i) {
    for (const auto& [key, stream] : streams_) {
      const v1::RepositoryName name = Name(key.first, key.second);
      const v1::RepositoryState& state = model_.StateOf(name);
      constexpr int64_t kPart = 7;
      CompareStream(name, 0, kPart, i);
      findings_.ExpectSame("the state that the outbox adds up to", state,
                           Replay(outbox(i), name, kPart, findings_));
      CompareRows(store(i), name, state, findings_);
      CompareDeletedRows(name, i);
      if (ok()) CompareLists(store(i), name, state, effort, findings_);
      if (ok()) CompareFacts(store(i), rules(), name, state, findings_);
      if (!ok()) return;
    }
    CompareRepositoryIds(i);
  }
}

void Scene::CompareHistory(size_t place) {
  if (!ok()) return;
  constexpr int64_t kPart = 7;
  const History history(outbox(place), kPart);
  const auto compare = [&](const char* what, int64_t position,
                           const v1::RepositoryState& state,
                           const absl::StatusOr<Past>& past) {
    if (!findings_.Expect(past.ok(), what, ": ", past.status().ToString())) {
      return;
    }
    findings_.Expect(past->position == position, what, ": position ",
                     past->position, " instead of ", position);
    findings_.ExpectSame(what, state, past->state);
  };
  for (const auto& [key, states] : pasts_) {
    const v1::RepositoryName name = Name(key.first, key.second);
    const std::vector<OutboxEntry>& stream = streams_[key];
    for (const auto& [position, state] : states) {
      compare("as of a position", position, state,
              history.AsOfPosition(name, position));
      if (position == 0) continue;
      // The last entry that is not later than this one.
      const int64_t time_ms = stream[position - 1].event.time_ms();
      int64_t last = position;
      for (const OutboxEntry& entry : stream) {
        if (entry.event.time_ms() <= time_ms) {
          last = std::max(last, entry.position);
        }
      }
      compare("as of a time", last, states.at(last),
              history.AsOfTime(name, time_ms));
      if (!ok()) return;
    }
    compare("replay", static_cast<int64_t>(stream.size()), model_.StateOf(name),
            history.Replay(name));
  }
}

v1::RepositoryState Scene::CompareAlone(const v1::RepositoryName& name) {
  v1::RepositoryState state;
  for (size_t i = 0; i < handles_.size() && ok(); ++i) {
    state = CompareWithReplay(store(i), outbox(i), rules(), name, findings_);
  }
  return state;
}

}  // namespace internal
}  // namespace slipway
