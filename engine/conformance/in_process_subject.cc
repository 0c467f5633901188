#include "slipway/conformance/in_process_subject.h"

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/ports/source_control.h"
#include "slipway/ports/store.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/ref.pb.h"

namespace slipway {
namespace conformance {
namespace {

using slipway::v1::Command;
using slipway::v1::CommitContext;
using slipway::v1::Decision;
using slipway::v1::RepositoryState;
using slipway::v1::ResolvedRef;

constexpr char kOwner[] = "octocat";
constexpr char kName[] = "hello-world";
constexpr char kLogin[] = "octocat";
constexpr char kDefaultBranch[] = "main";
constexpr int kClientsMax = 4;
constexpr int64_t kStartMs = 1600000000000;
constexpr int64_t kFirstId = 100;

// ---------------------------------------------------------------------------
// The repository.

std::string ShaOf(char digit) { return std::string(40, digit); }

slipway::v1::SeedCommit* AddCommit(char digit,
                                   std::initializer_list<char> parents,
                                   slipway::v1::SeedRepository& repository) {
  slipway::v1::SeedCommit* commit = repository.add_commits();
  commit->set_sha(ShaOf(digit));
  for (const char parent : parents) commit->add_parent_shas(ShaOf(parent));
  return commit;
}

void AddContext(absl::string_view name, slipway::v1::CommitContextState state,
                slipway::v1::SeedCommit* commit) {
  CommitContext* context = commit->add_contexts();
  context->set_context(std::string(name));
  context->set_state(state);
}

void AddRef(absl::string_view name, slipway::v1::RefType type, char digit,
            bool conflicts, slipway::v1::SeedRepository& repository) {
  slipway::v1::SeedRef* ref = repository.add_refs();
  ref->mutable_ref()->set_name(std::string(name));
  ref->mutable_ref()->set_type(type);
  ref->mutable_ref()->set_sha(ShaOf(digit));
  ref->set_conflicts(conflicts);
}

slipway::v1::Seed MakeSeed() {
  slipway::v1::Seed seed;
  slipway::v1::SeedRepository& repository = *seed.add_repositories();
  repository.mutable_repository()->set_id(1);
  repository.mutable_repository()->set_owner(kOwner);
  repository.mutable_repository()->set_name(kName);
  repository.mutable_repository()->set_default_branch(kDefaultBranch);
  const auto success = slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS;
  AddCommit('1', {}, repository);
  slipway::v1::SeedCommit* main = AddCommit('a', {'1'}, repository);
  AddContext("ci/build", success, main);
  AddContext("ci/lint", success, main);
  slipway::v1::SeedCommit* feature = AddCommit('f', {'a'}, repository);
  AddContext("ci/build", success, feature);
  AddContext("review", slipway::v1::COMMIT_CONTEXT_STATE_PENDING, feature);
  slipway::v1::SeedCommit* broken = AddCommit('b', {'a'}, repository);
  AddContext("ci/build", slipway::v1::COMMIT_CONTEXT_STATE_FAILURE, broken);
  AddCommit('2', {'1'}, repository);
  slipway::v1::SeedCommit* old = AddCommit('3', {'1'}, repository);
  AddContext("ci/build", slipway::v1::COMMIT_CONTEXT_STATE_ERROR, old);
  AddCommit('c', {'1'}, repository);

  const auto branch = slipway::v1::REF_TYPE_BRANCH;
  const auto tag = slipway::v1::REF_TYPE_TAG;
  AddRef(kDefaultBranch, branch, 'a', false, repository);
  AddRef("feature", branch, 'f', false, repository);
  AddRef("broken", branch, 'b', false, repository);
  AddRef("topic", branch, '2', false, repository);
  AddRef("old", branch, '3', false, repository);
  AddRef("clash", branch, 'c', true, repository);
  AddRef("v1", tag, '1', false, repository);
  AddRef("v2", tag, 'a', false, repository);
  return seed;
}

void AddFixture(absl::string_view name, slipway::v1::RefForm form, char digit,
                bool behind, bool merges_cleanly,
                v1::Capabilities& capabilities) {
  v1::RefFixture& ref = *capabilities.add_refs();
  ref.set_name(std::string(name));
  ref.set_form(form);
  ref.set_sha(ShaOf(digit));
  ref.set_is_default_branch(name == kDefaultBranch);
  ref.set_is_behind(behind);
  ref.set_merges_cleanly(merges_cleanly);
  for (const slipway::v1::SeedCommit& commit :
       InProcessSubject::SeedOfRepository().repositories(0).commits()) {
    if (commit.sha() == ref.sha()) *ref.mutable_contexts() = commit.contexts();
  }
}

v1::Capabilities MakeCapabilities() {
  v1::Capabilities capabilities;
  capabilities.set_fresh_repository(true);
  capabilities.set_lends_clock(true);
  capabilities.set_notifications(true);
  capabilities.set_clients_max(kClientsMax);
  capabilities.set_payload_bytes(true);
  capabilities.set_login(kLogin);
  const auto branch = slipway::v1::REF_FORM_BRANCH;
  const auto tag = slipway::v1::REF_FORM_TAG;
  const auto sha = slipway::v1::REF_FORM_SHA;
  const auto qualified = slipway::v1::REF_FORM_QUALIFIED;
  AddFixture(kDefaultBranch, branch, 'a', false, false, capabilities);
  AddFixture("feature", branch, 'f', false, false, capabilities);
  AddFixture("broken", branch, 'b', false, false, capabilities);
  AddFixture("topic", branch, '2', true, true, capabilities);
  AddFixture("old", branch, '3', true, true, capabilities);
  AddFixture("clash", branch, 'c', true, false, capabilities);
  AddFixture("v1", tag, '1', true, false, capabilities);
  AddFixture("v2", tag, 'a', false, false, capabilities);
  AddFixture(ShaOf('c'), sha, 'c', true, false, capabilities);
  AddFixture(ShaOf('f'), sha, 'f', false, false, capabilities);
  AddFixture("refs/heads/clash", qualified, 'c', true, false, capabilities);
  AddFixture("heads/feature", qualified, 'f', false, false, capabilities);
  return capabilities;
}

// ---------------------------------------------------------------------------
// Where the hooks come in.

// Source control whose refs a hook may change.
class HookedSourceControl : public SourceControl {
 public:
  HookedSourceControl(SourceControl& real, const InProcessHooks& hooks)
      : real_(real), hooks_(hooks) {}

  // The whole answer is made here; the questions that follow, on the same
  // thread, are answered from it.
  absl::StatusOr<absl::optional<ResolvedRef>> Resolve(
      const ResolveParams& params) override {
    absl::StatusOr<absl::optional<ResolvedRef>> resolved =
        real_.Resolve(params);
    if (!resolved.ok() || !resolved->has_value()) return resolved;
    ResolvedRef& ref = **resolved;
    absl::StatusOr<bool> contains =
        real_.Contains({params.repository, ref.sha(), kDefaultBranch});
    if (!contains.ok()) return contains.status();
    ref.set_contains_default_branch(*contains);
    absl::StatusOr<std::vector<CommitContext>> contexts =
        real_.Contexts({params.repository, ref.sha()});
    if (!contexts.ok()) return contexts.status();
    for (CommitContext& context : *contexts) {
      *ref.add_contexts() = std::move(context);
    }
    hooks_.ref(params.ref, ref);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      resolved_[std::this_thread::get_id()] = ref;
    }
    ref.clear_contains_default_branch();
    ref.clear_contexts();
    return resolved;
  }
  absl::StatusOr<bool> Contains(const ContainsParams& /*params*/) override {
    std::lock_guard<std::mutex> lock(mutex_);
    return resolved_[std::this_thread::get_id()].contains_default_branch();
  }
  absl::StatusOr<std::vector<CommitContext>> Contexts(
      const ContextsParams& /*params*/) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const ResolvedRef& ref = resolved_[std::this_thread::get_id()];
    return std::vector<CommitContext>(ref.contexts().begin(),
                                      ref.contexts().end());
  }
  absl::StatusOr<MergeResult> Merge(const MergeParams& params) override {
    return real_.Merge(params);
  }

 private:
  SourceControl& real_;
  const InProcessHooks& hooks_;
  std::mutex mutex_;
  std::map<std::thread::id, ResolvedRef> resolved_;
};

// Drops the effects of events that are not there any more. `kept` has the new
// place of each event, or -1.
void KeepEffects(const std::vector<int>& kept,
                 slipway::v1::Acceptance& acceptance) {
  slipway::v1::Acceptance effects;
  for (const slipway::v1::Effect& effect : acceptance.effects()) {
    if (effect.type() != slipway::v1::EFFECT_TYPE_NOTIFY) {
      *effects.add_effects() = effect;
      continue;
    }
    if (effect.event_index() < 0 ||
        effect.event_index() >= static_cast<int>(kept.size()) ||
        kept[effect.event_index()] < 0) {
      continue;
    }
    slipway::v1::Effect& moved = *effects.add_effects();
    moved = effect;
    moved.set_event_index(kept[effect.event_index()]);
  }
  acceptance.mutable_effects()->Swap(effects.mutable_effects());
}

// A store whose facts and decisions hooks may change.
class HookedStore : public Store {
 public:
  HookedStore(Store& real, const InProcessHooks& hooks, MemoryIds& ids)
      : real_(real), hooks_(hooks), ids_(ids) {}

  absl::Status Transact(const TransactParams& params,
                        Decision* decision) override {
    absl::optional<slipway::v1::Facts> before;
    if (hooks_.between) {
      absl::StatusOr<slipway::v1::Facts> facts =
          real_.Facts({params.rules, params.command});
      if (!facts.ok()) return facts.status();
      before = *std::move(facts);
      hooks_.between();
    }
    return real_.Transact(
        {params.rules, params.command,
         [&](const slipway::v1::Facts& facts, Decision* answer) {
           slipway::v1::Facts believed = facts;
           if (before.has_value() &&
               before->has_deployment() == facts.has_deployment()) {
             believed = *before;
             // Only what was read is old; ids are the store's.
             believed.set_last_id(facts.last_id());
           }
           if (hooks_.state) {
             RepositoryState altered = state_;
             hooks_.state(params.command, altered);
             believed = FactsFor(params.rules, altered, params.command);
             believed.set_last_id(facts.last_id());
           }
           if (hooks_.facts) hooks_.facts(state_, params.command, believed);
           absl::Status status = params.decide(believed, answer);
           if (!status.ok()) return status;
           if (hooks_.decision) {
             hooks_.decision(
                 state_, params.command,
                 [this] { return ids_.Take(1).value_or(0); }, *answer);
           }
           Fold(*answer);
           return absl::OkStatus();
         }},
        decision);
  }

  absl::StatusOr<slipway::v1::Facts> Facts(const FactsParams& params) override {
    return real_.Facts(params);
  }
  absl::StatusOr<absl::optional<slipway::v1::Repository>> FindRepository(
      const slipway::v1::RepositoryName& name) override {
    return real_.FindRepository(name);
  }
  absl::StatusOr<absl::optional<slipway::v1::Repository>> FindRepositoryById(
      int64_t id) override {
    return real_.FindRepositoryById(id);
  }
  absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) override {
    return real_.FindDeployment(params);
  }
  absl::StatusOr<absl::optional<Page<slipway::v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) override {
    return real_.ListDeployments(params);
  }
  absl::StatusOr<absl::optional<Page<slipway::v1::DeploymentStatus>>>
  ListStatuses(const ListStatusesParams& params) override {
    return real_.ListStatuses(params);
  }
  absl::StatusOr<absl::optional<slipway::v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) override {
    return real_.FindStatus(params);
  }

 private:
  // Folds what the decision has led to into the state that hooks are shown, and
  // drops what it cannot take.
  void Fold(Decision& decision) {
    if (!decision.has_acceptance()) return;
    slipway::v1::Acceptance& acceptance = *decision.mutable_acceptance();
    std::vector<int> kept;
    slipway::v1::Acceptance events;
    for (const slipway::v1::Event& event : acceptance.events()) {
      // A hook may use ids again.
      state_.set_last_id(0);
      if (!Evolve(event, &state_).ok()) {
        kept.push_back(-1);
        continue;
      }
      kept.push_back(events.events_size());
      *events.add_events() = event;
    }
    if (events.events_size() == acceptance.events_size() &&
        acceptance.effects().empty()) {
      return;
    }
    acceptance.mutable_events()->Swap(events.mutable_events());
    KeepEffects(kept, acceptance);
  }

  Store& real_;
  const InProcessHooks& hooks_;
  MemoryIds& ids_;
  // Only under the lock of the repository.
  RepositoryState state_;
};

// ---------------------------------------------------------------------------
// Answers, with the codes of the REST surface.

int CodeOf(const slipway::v1::Rejection& rejection) {
  switch (rejection.reason()) {
    case slipway::v1::REASON_REPOSITORY_NOT_FOUND:
    case slipway::v1::REASON_DEPLOYMENT_NOT_FOUND:
      return 404;
    case slipway::v1::REASON_INVALID_FIELDS:
    case slipway::v1::REASON_REF_NOT_FOUND:
    case slipway::v1::REASON_TOO_MANY_STATUSES:
    case slipway::v1::REASON_DEPLOYMENT_ACTIVE:
      return 422;
    case slipway::v1::REASON_MERGE_CONFLICT:
    case slipway::v1::REASON_CONTEXTS_FAILED:
      return 409;
    default:
      return 500;
  }
}

void AnswerRejection(slipway::v1::Rejection& rejection, v1::Answer& answer) {
  answer.set_code(CodeOf(rejection));
  if (rejection.reason() == slipway::v1::REASON_TOO_MANY_STATUSES ||
      rejection.reason() == slipway::v1::REASON_DEPLOYMENT_ACTIVE) {
    answer.set_message("Validation Failed");
    answer.add_errors(rejection.message());
    return;
  }
  answer.set_message(rejection.message());
  answer.mutable_violations()->Swap(rejection.mutable_violations());
  answer.mutable_contexts()->Swap(rejection.mutable_contexts());
}

void AnswerAcceptance(slipway::v1::Acceptance& acceptance, v1::Answer& answer) {
  const auto take_first = [&](slipway::v1::EventType type) {
    for (slipway::v1::Event& event : *acceptance.mutable_events()) {
      if (event.type() == type) return &event;
    }
    return static_cast<slipway::v1::Event*>(nullptr);
  };
  switch (acceptance.outcome()) {
    case slipway::v1::OUTCOME_DEPLOYMENT_CREATED:
      answer.set_code(201);
      if (slipway::v1::Event* event =
              take_first(slipway::v1::EVENT_TYPE_DEPLOYMENT_CREATED)) {
        answer.mutable_deployment()->Swap(event->mutable_deployment());
      }
      return;
    case slipway::v1::OUTCOME_AUTO_MERGED:
      answer.set_code(202);
      answer.set_message(acceptance.message());
      return;
    case slipway::v1::OUTCOME_STATUS_CREATED:
      answer.set_code(201);
      if (slipway::v1::Event* event =
              take_first(slipway::v1::EVENT_TYPE_STATUS_CREATED)) {
        answer.mutable_status()->Swap(event->mutable_status());
      }
      return;
    case slipway::v1::OUTCOME_DEPLOYMENT_DELETED:
      answer.set_code(204);
      return;
    default:
      answer.set_code(500);
      return;
  }
}

// Where a page begins and ends, by R71 and R72.
struct PageOf {
  int64_t per_page;
  int64_t page;
};

template <typename List>
PageOf PageOfList(const List& list, const slipway::v1::Limits& limits) {
  PageOf page = {limits.per_page_default(), 1};
  if (list.per_page() >= 1) page.per_page = list.per_page();
  page.per_page =
      std::max<int64_t>(1, std::min(page.per_page, limits.per_page_max()));
  if (list.page() >= 1) {
    page.page = std::min<int64_t>(list.page(), int64_t{1} << 40);
  }
  return page;
}

void AnswerPages(const PageOf& page, int64_t total, v1::Answer& answer) {
  answer.set_code(200);
  const int64_t last = (total + page.per_page - 1) / page.per_page;
  if (page.page >= last) return;
  answer.set_has_next_page(true);
  answer.set_last_page(last);
}

void AnswerNotFound(v1::Answer& answer) {
  answer.set_code(404);
  answer.set_message("Not Found");
}

}  // namespace

// ---------------------------------------------------------------------------
// The subject.

// All that a reset makes anew.
struct InProcessSubject::World {
  explicit World(const InProcessParams& params)
      : params(params), clock(kStartMs), ids(kFirstId) {}

  absl::Status Build() {
    absl::StatusOr<std::unique_ptr<MemorySourceControl>> created =
        MemorySourceControl::Create(SeedOfRepository());
    if (!created.ok()) return created.status();
    real_source_control = *std::move(created);
    source_control = real_source_control.get();
    store = &real_store;
    const InProcessHooks& hooks = params.hooks;
    if (hooks.ref) {
      hooked_source_control = std::make_unique<HookedSourceControl>(
          *real_source_control, params.hooks);
      source_control = hooked_source_control.get();
    }
    if (hooks.state || hooks.facts || hooks.decision || hooks.between) {
      hooked_store =
          std::make_unique<HookedStore>(real_store, params.hooks, ids);
      store = hooked_store.get();
    }
    name.set_owner(kOwner);
    name.set_name(kName);
    runner = std::make_unique<Runner>(
        RunnerParams{store, source_control, &clock, &ids, params.rules});
    Command command = MakeCommand(kStartMs);
    command.mutable_put_repository()->set_id(1);
    command.mutable_put_repository()->set_default_branch(kDefaultBranch);
    const absl::StatusOr<Decision> put = runner->Execute(command);
    if (!put.ok()) return put.status();
    if (!put->has_acceptance()) {
      return absl::InternalError(put->rejection().message());
    }
    outbox_position = 1;
    return absl::OkStatus();
  }

  Command MakeCommand(int64_t time_ms) const {
    Command command;
    *command.mutable_repository() = name;
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login(kLogin);
    command.set_time_ms(time_ms);
    return command;
  }

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) {
    v1::Answer answer;
    absl::Status status;
    switch (operation.call_case()) {
      case v1::Operation::kCreateDeployment: {
        Command command = MakeCommand(operation.time_ms());
        *command.mutable_create_deployment() =
            operation.create_deployment().request();
        status = Execute(operation, command, answer);
        break;
      }
      case v1::Operation::kCreateStatus: {
        Command command = MakeCommand(operation.time_ms());
        *command.mutable_create_status() = operation.create_status().request();
        command.mutable_create_status()->set_deployment_id(
            operation.create_status().deployment_id());
        status = Execute(operation, command, answer);
        break;
      }
      case v1::Operation::kDeleteDeployment: {
        Command command = MakeCommand(operation.time_ms());
        command.mutable_delete_deployment()->set_deployment_id(
            operation.delete_deployment().deployment_id());
        status = Execute(operation, command, answer);
        break;
      }
      case v1::Operation::kGetDeployment:
        status = GetDeployment(operation.get_deployment(), answer);
        break;
      case v1::Operation::kListDeployments:
        status = ListDeployments(operation, answer);
        break;
      case v1::Operation::kListStatuses:
        status = ListStatuses(operation, answer);
        break;
      case v1::Operation::kGetStatus:
        status = GetStatus(operation.get_status(), answer);
        break;
      case v1::Operation::CALL_NOT_SET:
        return absl::InvalidArgumentError("the operation has no call");
    }
    if (!status.ok()) return status;
    return answer;
  }

  slipway::v1::Rules RulesFor(const v1::Operation& operation) const {
    slipway::v1::Rules rules = params.rules;
    params.hooks.rules(operation, rules);
    return rules;
  }

  absl::Status Execute(const v1::Operation& operation, const Command& command,
                       v1::Answer& answer) {
    const int64_t position = outbox_position.load();
    absl::StatusOr<Decision> decision =
        params.hooks.rules
            ? Runner({store, source_control, &clock, &ids, RulesFor(operation)})
                  .Execute(command)
            : runner->Execute(command);
    if (!decision.ok()) return decision.status();
    if (decision->has_acceptance()) {
      AnswerAcceptance(*decision->mutable_acceptance(), answer);
    } else {
      AnswerRejection(*decision->mutable_rejection(), answer);
    }
    return AddNotifications(position, operation.time_ms(), answer);
  }

  // Of several calls at once, each has those of its own time.
  absl::Status AddNotifications(int64_t position, int64_t time_ms,
                                v1::Answer& answer) {
    absl::StatusOr<std::vector<OutboxEntry>> entries =
        real_store.ReadOutbox({name, position, /*limit=*/1000});
    if (!entries.ok()) return entries.status();
    for (const OutboxEntry& entry : *entries) {
      const slipway::v1::Event& event = entry.event;
      if (!entry.notify || event.time_ms() != time_ms) continue;
      v1::Notification& notification = *answer.add_notifications();
      notification.set_action("created");
      if (event.type() == slipway::v1::EVENT_TYPE_DEPLOYMENT_CREATED) {
        notification.set_event("deployment");
        notification.set_deployment_id(event.deployment().id());
      } else if (event.type() == slipway::v1::EVENT_TYPE_STATUS_CREATED) {
        notification.set_event("deployment_status");
        notification.set_deployment_id(event.status().deployment_id());
        notification.set_status_id(event.status().id());
        notification.set_state(event.status().state());
      }
    }
    // Others that began before may still look at what they find from there.
    if (!entries->empty()) {
      int64_t last = entries->back().position;
      int64_t seen = outbox_position.load();
      while (seen < last &&
             !outbox_position.compare_exchange_weak(seen, last)) {
      }
    }
    return absl::OkStatus();
  }

  absl::Status GetDeployment(const v1::GetDeployment& call,
                             v1::Answer& answer) {
    auto found = store->FindDeployment({name, call.deployment_id()});
    if (!found.ok()) return found.status();
    if (found->has_value()) {
      answer.set_code(200);
      answer.mutable_deployment()->Swap(&(*found)->deployment);
    } else {
      AnswerNotFound(answer);
    }
    return absl::OkStatus();
  }

  absl::Status GetStatus(const v1::GetStatus& call, v1::Answer& answer) {
    auto found =
        store->FindStatus({name, call.deployment_id(), call.status_id()});
    if (!found.ok()) return found.status();
    if (found->has_value()) {
      answer.set_code(200);
      answer.mutable_status()->Swap(&**found);
    } else {
      AnswerNotFound(answer);
    }
    return absl::OkStatus();
  }

  absl::Status ListDeployments(const v1::Operation& operation,
                               v1::Answer& answer) {
    const v1::ListDeployments& call = operation.list_deployments();
    const slipway::v1::Rules rules =
        params.hooks.rules ? RulesFor(operation) : params.rules;
    const PageOf page = PageOfList(call, LimitsOf(rules));
    const auto filter = [](bool given, const std::string& value) {
      return given && !value.empty() && value != "none"
                 ? absl::optional<std::string>(value)
                 : absl::nullopt;
    };
    Store::ListDeploymentsParams list;
    list.repository = name;
    list.sha = filter(call.has_sha(), call.sha());
    list.ref = filter(call.has_ref(), call.ref());
    list.task = filter(call.has_task(), call.task());
    list.environment = filter(call.has_environment(), call.environment());
    list.environment_match = rules.list_environment_match();
    list.offset = (page.page - 1) * page.per_page;
    list.limit = page.per_page;
    auto found = store->ListDeployments(list);
    if (!found.ok()) return found.status();
    if (!found->has_value()) {
      AnswerNotFound(answer);
      return absl::OkStatus();
    }
    for (slipway::v1::Deployment& row : (*found)->rows) {
      answer.add_deployments()->Swap(&row);
    }
    AnswerPages(page, (*found)->total, answer);
    return absl::OkStatus();
  }

  absl::Status ListStatuses(const v1::Operation& operation,
                            v1::Answer& answer) {
    const v1::ListStatuses& call = operation.list_statuses();
    const slipway::v1::Rules rules =
        params.hooks.rules ? RulesFor(operation) : params.rules;
    const PageOf page = PageOfList(call, LimitsOf(rules));
    auto found =
        store->ListStatuses({name, call.deployment_id(),
                             (page.page - 1) * page.per_page, page.per_page});
    if (!found.ok()) return found.status();
    if (!found->has_value()) {
      AnswerNotFound(answer);
      return absl::OkStatus();
    }
    for (slipway::v1::DeploymentStatus& row : (*found)->rows) {
      answer.add_statuses()->Swap(&row);
    }
    AnswerPages(page, (*found)->total, answer);
    return absl::OkStatus();
  }

  const InProcessParams& params;
  MemoryStore real_store;
  std::unique_ptr<MemorySourceControl> real_source_control;
  std::unique_ptr<HookedStore> hooked_store;
  std::unique_ptr<HookedSourceControl> hooked_source_control;
  Store* store = nullptr;
  SourceControl* source_control = nullptr;
  ManualClock clock;
  MemoryIds ids;
  slipway::v1::RepositoryName name;
  std::unique_ptr<Runner> runner;
  std::atomic<int64_t> outbox_position{0};
};

InProcessSubject::InProcessSubject(InProcessParams params)
    : params_(std::move(params)) {}
InProcessSubject::~InProcessSubject() = default;

const slipway::v1::Seed& InProcessSubject::SeedOfRepository() {
  static const slipway::v1::Seed& seed = *new slipway::v1::Seed(MakeSeed());
  return seed;
}

absl::StatusOr<v1::Capabilities> InProcessSubject::Describe() {
  return MakeCapabilities();
}

absl::StatusOr<std::string> InProcessSubject::Reset() {
  if (params_.hooks.reset) params_.hooks.reset();
  world_ = std::make_unique<World>(params_);
  absl::Status status = world_->Build();
  if (!status.ok()) return status;
  return std::string();
}

absl::StatusOr<v1::Answer> InProcessSubject::Apply(
    const v1::Operation& operation) {
  if (world_ == nullptr) {
    return absl::FailedPreconditionError("there was no reset");
  }
  const InProcessHooks& hooks = params_.hooks;
  if (!hooks.operation) {
    absl::StatusOr<v1::Answer> answer = world_->Apply(operation);
    if (answer.ok() && hooks.answer) hooks.answer(operation, *answer);
    return answer;
  }
  v1::Operation taken = operation;
  hooks.operation(taken);
  absl::StatusOr<v1::Answer> answer = world_->Apply(taken);
  if (answer.ok() && hooks.answer) hooks.answer(taken, *answer);
  return answer;
}

}  // namespace conformance
}  // namespace slipway
