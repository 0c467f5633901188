#include "engine/conformance/store/scene.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/conformance/walks/command_walk.h"
#include "slipway/core/decide.h"
#include "slipway/core/names.h"
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
  Close();
  Open();
}

void Scene::OpenAgain() {
  Close();
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
    findings_.ExpectSame("Facts", expected_facts, *facts);
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
    findings_.ExpectSame("facts of Transact", expected_facts, given);
    if (!findings_.empty() ||
        decision.acceptance().outcome() != v1::OUTCOME_MERGE_REQUIRED) {
      break;
    }
    merge_outcome = v1::MERGE_OUTCOME_CONFLICT;
  }
  findings_.ExpectSame("decision of Transact", *expected, decision);
  CompareTail(name, decision, place);
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
  int64_t& position =
      positions_[{FoldName(name.owner()), FoldName(name.name())}];
  const absl::StatusOr<std::vector<OutboxEntry>> entries =
      outbox(place).ReadOutbox(
          {name, position, std::numeric_limits<int64_t>::max()});
  if (!findings_.Expect(entries.ok(),
                        "ReadOutbox: ", entries.status().ToString())) {
    return;
  }
  const v1::Acceptance& acceptance = decision.acceptance();
  if (!findings_.Expect(
          static_cast<int>(entries->size()) == acceptance.events_size(),
          "ReadOutbox: ", entries->size(), " entries after position ", position,
          ", of a decision with ", acceptance.events_size(), " events")) {
    return;
  }
  std::vector<bool> notify(entries->size());
  for (const v1::Effect& effect : acceptance.effects()) {
    if (effect.type() == v1::EFFECT_TYPE_NOTIFY) {
      notify[effect.event_index()] = true;
    }
  }
  for (size_t i = 0; i < entries->size(); ++i) {
    const OutboxEntry& entry = (*entries)[i];
    ++position;
    findings_.Expect(entry.position == position, "ReadOutbox: position ",
                     entry.position, " instead of ", position);
    findings_.ExpectSame("event in the outbox",
                         acceptance.events(static_cast<int>(i)), entry.event);
    findings_.Expect(entry.notify == notify[i], "ReadOutbox: notify is ",
                     entry.notify ? "true" : "false", " at position ",
                     position);
  }
}

void Scene::CompareAll(Effort effort) {
  for (const auto& [key, position] : positions_) {
    const v1::RepositoryName name = Name(key.first, key.second);
    const v1::RepositoryState& state = model_.StateOf(name);
    for (size_t i = 0; i < handles_.size() && ok(); ++i) {
      findings_.ExpectSame("the state that the outbox adds up to", state,
                           Replay(outbox(i), name, 7, findings_));
      CompareRows(store(i), name, state, findings_);
      if (ok()) CompareLists(store(i), name, state, effort, findings_);
      if (ok()) CompareFacts(store(i), rules(), name, state, findings_);
      // Who has the id of a put, wherever that is.
      for (const auto& [other_key, other_position] : positions_) {
        const v1::RepositoryState& other =
            model_.StateOf(Name(other_key.first, other_key.second));
        const v1::Command put = PutRepository(
            name, other.has_repository() ? other.repository().id() : 4711);
        const absl::StatusOr<v1::Facts> facts = store(i).Facts({rules(), put});
        if (findings_.Expect(facts.ok(),
                             "Facts: ", facts.status().ToString())) {
          findings_.ExpectSame("Facts for a put", model_.StoreFacts(put),
                               *facts);
        }
      }
    }
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
