#include "slipway/conformance/walks/command_walk.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

constexpr int64_t kStartMs = 1700000000000;
constexpr int64_t kIdsStart = 1000;

// Commits that refs point at: one digit, forty times.
std::string ShaOf(int number) {
  return std::string(40, "0123456789abcdef"[number % 16]);
}

// One byte as a choice among weighted cases; 0 is the first case.
template <typename T>
struct Case {
  int weight;
  T value;
};

template <typename T>
T Pick(uint8_t choice, std::initializer_list<Case<T>> cases) {
  int total = 0;
  for (const Case<T>& c : cases) total += c.weight;
  int place = choice * total / 256;
  for (const Case<T>& c : cases) {
    if (place < c.weight) return c.value;
    place -= c.weight;
  }
  return cases.begin()->value;
}

absl::string_view PickText(
    uint8_t choice, std::initializer_list<Case<absl::string_view>> cases) {
  return Pick<absl::string_view>(choice, cases);
}

// One byte as the place in a list of `size`, 0 being the last, which is the
// newest; -1 where the list is empty.
int PickNewest(uint8_t choice, int size) {
  return size == 0 ? -1 : size - 1 - choice * size / 256;
}

std::string Text(absl::string_view text) { return std::string(text); }

const std::string& LongText() {
  static const std::string& text = *new std::string(300, 'x');
  return text;
}

// Turns one step into one command.
class Interpreter {
 public:
  Interpreter(const WalkStep& step, size_t index, const Model& model)
      : step_(step), index_(static_cast<int64_t>(index)), model_(model) {}

  v1::Command Interpret() {
    AddFrame();
    if (!RepeatRequest()) {
      AddRequest();
      AddKey();
      AddExpectation();
    }
    AddFault();
    return command_;
  }

 private:
  const v1::RepositoryState& State() const {
    return model_.StateOf(command_.repository());
  }

  void AddFrame() {
    struct Name {
      absl::string_view owner;
      absl::string_view name;
    };
    const Name name =
        Pick<Name>(step_[kStepRepository], {{84, {"octocat", "hello-world"}},
                                            {8, {"OctoCat", "Hello-World"}},
                                            {7, {"octocat", "spoon"}},
                                            {1, {"hubot", "nothing"}}});
    command_.mutable_repository()->set_owner(Text(name.owner));
    command_.mutable_repository()->set_name(Text(name.name));
    const bool other_actor = step_[kStepMoment] % 4 == 3;
    command_.mutable_actor()->set_id(other_actor ? 2 : 1);
    command_.mutable_actor()->set_login(other_actor ? "hubot" : "octocat");
    // Clocks step back now and then; ids do not.
    command_.set_time_ms(kStartMs + index_ * 1000 -
                         (step_[kStepMoment] >= 240 ? 5000 : 0));
    command_.mutable_ids()->set_first(kIdsStart + index_ * kWalkIdsPerStep);
    command_.mutable_ids()->set_count(kWalkIdsPerStep);
  }

  // Asks once more for what was asked under a key (R100); by another actor now
  // and then, and with something else as often. False: for nothing.
  bool RepeatRequest() {
    const uint8_t choice = step_[kStepKey];
    if (choice < 224) return false;
    const auto commands = model_.KeyedCommands(command_.repository());
    const int place =
        PickNewest(step_[kStepSubject], static_cast<int>(commands.size()));
    if (place < 0) return false;
    v1::Command repeated = *commands[place];
    *repeated.mutable_repository() = command_.repository();
    repeated.set_time_ms(command_.time_ms());
    *repeated.mutable_ids() = command_.ids();
    if (choice >= 252) *repeated.mutable_actor() = command_.actor();
    command_ = std::move(repeated);
    if (choice >= 248 && choice < 252) {
      command_.mutable_delete_deployment()->set_deployment_id(DeploymentId());
    }
    return true;
  }

  void AddKey() {
    const uint8_t choice = step_[kStepKey];
    if (choice < 176) return;
    // Mostly a new one.
    command_.set_idempotency_key(choice < 208 ? absl::StrCat("key ", index_)
                                              : "cl\xC3\xA9");
  }

  void AddExpectation() {
    const uint8_t choice = step_[kStepExpectation];
    if (choice < 208) return;
    if (!command_.has_create_status() && !command_.has_delete_deployment()) {
      return;
    }
    v1::Expectation& expectation = *command_.mutable_expectation();
    if (choice >= 252) return;
    if (choice >= 248) expectation.add_latest_status_ids(0);
    if (choice >= 244) expectation.add_latest_status_ids(State().last_id());
    if (choice >= 240) return;
    const int64_t id = command_.has_create_status()
                           ? command_.create_status().deployment_id()
                           : command_.delete_deployment().deployment_id();
    int64_t latest = 0;
    for (const v1::DeploymentRecord& record : State().deployments()) {
      if (record.deployment().id() != id || record.statuses().empty()) continue;
      latest = record.statuses().rbegin()->id();
    }
    expectation.add_latest_status_ids(latest);
  }

  // What the step needs and the repository lacks comes first; only a high byte,
  // which is an unreasonable one, insists on what it says.
  void AddRequest() {
    const bool insists = Insists();
    const v1::RepositoryState& state = State();
    if (!state.has_repository() && !insists) return AddPutRepository();
    const std::string& branch = state.repository().default_branch();
    if (!HasRef(v1::REF_TYPE_BRANCH, branch) && !insists) {
      return AddPutRef(branch, v1::REF_TYPE_BRANCH);
    }
    using Kind = v1::Command::RequestCase;
    Kind kind =
        Pick<Kind>(step_[kStepKind], {{56, v1::Command::kCreateDeployment},
                                      {84, v1::Command::kCreateStatus},
                                      {18, v1::Command::kDeleteDeployment},
                                      {10, v1::Command::kPutRef},
                                      {10, v1::Command::kPutCommitContext},
                                      {4, v1::Command::kDeleteRef},
                                      {4, v1::Command::kPutRepository},
                                      {4, v1::Command::kDeleteCommitContext},
                                      // From here on a step insists.
                                      {2, v1::Command::kCreateDeployment},
                                      {2, v1::Command::kCreateStatus},
                                      {2, v1::Command::kDeleteRef},
                                      {2, v1::Command::kPutCommitContext},
                                      {1, v1::Command::kDeleteCommitContext},
                                      {1, v1::Command::kDeleteRepository}});
    if (state.deployments().empty() && !insists &&
        (kind == v1::Command::kCreateStatus ||
         kind == v1::Command::kDeleteDeployment)) {
      kind = v1::Command::kCreateDeployment;
    }
    switch (kind) {
      case v1::Command::kCreateDeployment:
        return AddCreateDeployment();
      case v1::Command::kCreateStatus:
        return AddCreateStatus();
      case v1::Command::kDeleteDeployment:
        return command_.mutable_delete_deployment()->set_deployment_id(
            DeploymentId());
      case v1::Command::kPutRef: {
        const bool tag = step_[kStepSubject] >= 230;
        return AddPutRef(
            tag ? "v1"
                : Text(PickText(step_[kStepSubject], {{5, "topic"},
                                                      {3, "fix"},
                                                      {1, "clash"},
                                                      {3, "main"},
                                                      {1, "trunk"}})),
            tag ? v1::REF_TYPE_TAG : v1::REF_TYPE_BRANCH);
      }
      case v1::Command::kPutCommitContext:
        return AddPutCommitContext();
      case v1::Command::kDeleteRef: {
        v1::DeleteRef& request = *command_.mutable_delete_ref();
        request.set_type(step_[kStepSubject] >= 230 ? v1::REF_TYPE_TAG
                                                    : v1::REF_TYPE_BRANCH);
        request.set_name(Text(PickText(step_[kStepSubject], {{3, "topic"},
                                                             {3, "main"},
                                                             {1, "trunk"},
                                                             {1, "gone"},
                                                             {2, "v1"}})));
        return;
      }
      case v1::Command::kPutRepository:
        return AddPutRepository();
      case v1::Command::kDeleteCommitContext: {
        v1::DeleteCommitContext& request =
            *command_.mutable_delete_commit_context();
        request.set_sha(CommitSha());
        request.set_context(ContextName());
        return;
      }
      case v1::Command::kDeleteRepository:
        command_.mutable_delete_repository();
        return;
      case v1::Command::REQUEST_NOT_SET:
        return;
    }
  }

  // See `AddRequest`.
  bool Insists() const { return step_[kStepKind] >= 246; }

  bool HasRef(v1::RefType type, const std::string& name) const {
    const v1::RepositoryState& state = State();
    return std::any_of(state.refs().begin(), state.refs().end(),
                       [&](const v1::Ref& ref) {
                         return ref.type() == type && ref.name() == name;
                       });
  }

  void AddPutRepository() {
    v1::PutRepository& request = *command_.mutable_put_repository();
    const std::string name =
        absl::AsciiStrToLower(command_.repository().name());
    request.set_id(name == "hello-world" ? 11 : name == "spoon" ? 12 : 13);
    const bool taken = step_[kStepFault] >= 236 && step_[kStepFault] < 248;
    if (taken) request.set_id(request.id() == 11 ? 12 : 11);
    request.set_default_branch(
        Text(PickText(step_[kStepSubject], {{5, "main"}, {1, "trunk"}})));
    request.set_visibility(step_[kStepFlags] >= 128
                               ? v1::REPOSITORY_VISIBILITY_PRIVATE
                               : v1::REPOSITORY_VISIBILITY_UNSPECIFIED);
  }

  void AddPutRef(const std::string& name, v1::RefType type) {
    v1::PutRef& request = *command_.mutable_put_ref();
    request.set_name(name);
    request.set_type(type);
    request.set_sha(ShaOf(10 + step_[kStepValue] * 6 / 256));
    // Up to date, nothing known, or behind.
    const v1::RepositoryState& state = State();
    const int base = Pick<int>(step_[kStepMerge], {{5, 0}, {2, 1}, {3, 2}});
    if (base == 2) request.set_merge_base_sha(ShaOf(9));
    if (base != 0) return;
    for (const v1::Ref& ref : state.refs()) {
      if (ref.type() == v1::REF_TYPE_BRANCH &&
          ref.name() == state.repository().default_branch()) {
        request.set_merge_base_sha(ref.sha());
      }
    }
  }

  void AddCreateDeployment() {
    v1::CreateDeployment& request = *command_.mutable_create_deployment();
    request.set_ref(Text(PickText(step_[kStepSubject], {{28, "main"},
                                                        {12, "topic"},
                                                        {6, "fix"},
                                                        {4, "clash"},
                                                        {4, "v1"},
                                                        {4, "a SHA"},
                                                        {3, "refs/heads/topic"},
                                                        {2, "tags/v1"},
                                                        {2, "an upper SHA"},
                                                        {1, "heads/fix"},
                                                        {1, "nowhere"},
                                                        {1, ""}})));
    if (!Insists()) {
      // The ref has to be there first.
      for (const char* branch : {"topic", "fix", "clash"}) {
        if (absl::EndsWith(request.ref(), branch) &&
            !HasRef(v1::REF_TYPE_BRANCH, branch)) {
          return AddPutRef(branch, v1::REF_TYPE_BRANCH);
        }
      }
      if (absl::EndsWith(request.ref(), "v1") &&
          !HasRef(v1::REF_TYPE_TAG, "v1")) {
        return AddPutRef("v1", v1::REF_TYPE_TAG);
      }
    }
    if (request.ref() == "a SHA") request.set_ref(CommitSha());
    if (request.ref() == "an upper SHA") {
      request.set_ref(absl::AsciiStrToUpper(CommitSha()));
    }
    const int auto_merge =
        Pick<int>(step_[kStepMerge], {{5, 0}, {4, 1}, {1, 2}});
    if (auto_merge != 0) request.set_auto_merge(auto_merge == 2);
    AddRequiredContexts(request);
    const std::string environment =
        Environment(PickText(step_[kStepEnvironment], {{20, "staging"},
                                                       {4, "production"},
                                                       {6, "omitted"},
                                                       {4, "Staging"},
                                                       {6, "qa"},
                                                       {2, "Production"},
                                                       {3, "review/1"},
                                                       {1,
                                                        "s\xC3\xBC"
                                                        "d"},
                                                       {1, "odd"}}));
    if (environment != "omitted") request.set_environment(environment);
    const uint8_t flags = step_[kStepFlags];
    if (flags % 8 >= 6) request.set_transient_environment(flags % 8 == 6);
    if (flags / 8 % 8 >= 6) {
      request.set_production_environment(flags / 8 % 8 == 6);
    }
    if (flags / 64 == 3) request.set_task("migrate");
    switch (Pick<int>(step_[kStepText],
                      {{16, 0}, {6, 1}, {6, 2}, {4, 3}, {2, 4}, {1, 5}})) {
      case 1:
        request.set_payload_type(v1::PAYLOAD_TYPE_OBJECT);
        request.set_payload("{\"n\":1}");
        break;
      case 2:
        request.set_payload_type(v1::PAYLOAD_TYPE_STRING);
        request.set_payload("n=1");
        break;
      case 3:
        request.set_description("by hand");
        break;
      case 4:
        request.set_payload("dropped, for want of a type");
        break;
      case 5:
        request.set_description("\xFF");
        break;
      default:
        break;
    }
  }

  void AddRequiredContexts(v1::CreateDeployment& request) {
    switch (Pick<int>(step_[kStepContexts],
                      {{12, 0}, {12, 1}, {2, 2}, {1, 3}, {1, 4}})) {
      case 1:
        request.mutable_required_contexts();
        break;
      case 2:
        request.mutable_required_contexts()->add_contexts("ci");
        break;
      case 3:
        request.mutable_required_contexts()->add_contexts("CI");
        request.mutable_required_contexts()->add_contexts("lint");
        break;
      case 4:
        for (const absl::string_view name : {"ci", "Ci", "lint", "nope"}) {
          request.mutable_required_contexts()->add_contexts(Text(name));
        }
        break;
      default:
        break;
    }
  }

  void AddCreateStatus() {
    v1::CreateStatus& request = *command_.mutable_create_status();
    request.set_deployment_id(ReportedId());
    request.set_state(Pick<v1::StatusState>(
        step_[kStepValue], {{50, v1::STATUS_STATE_SUCCESS},
                            {10, v1::STATUS_STATE_IN_PROGRESS},
                            {7, v1::STATUS_STATE_QUEUED},
                            {7, v1::STATUS_STATE_PENDING},
                            {8, v1::STATUS_STATE_FAILURE},
                            {6, v1::STATUS_STATE_ERROR},
                            {8, v1::STATUS_STATE_INACTIVE},
                            {2, v1::STATUS_STATE_WAITING},
                            {1, v1::STATUS_STATE_UNSPECIFIED},
                            {1, static_cast<v1::StatusState>(99)}}));
    const std::string environment =
        Environment(PickText(step_[kStepEnvironment], {{28, "omitted"},
                                                       {4, "staging"},
                                                       {3, "qa"},
                                                       {2, "STAGING"},
                                                       {2, "production"},
                                                       {1, "fresh"},
                                                       {1, "odd"}}));
    if (environment != "omitted") request.set_environment(environment);
    if (step_[kStepFlags] >= 208) {
      request.set_auto_inactive(step_[kStepFlags] >= 248);
    }
    switch (Pick<int>(
        step_[kStepText],
        {{16, 0}, {4, 1}, {4, 2}, {4, 3}, {1, 4}, {1, 5}, {1, 6}, {1, 7}})) {
      case 1:
        request.set_description("d\xC3\xA9ploy\xC3\xA9");
        break;
      case 2:
        request.set_log_url("https://logs.example/1");
        break;
      case 3:
        request.set_target_url("https://ci.example/1");
        request.set_environment_url("HTTPS://app.example");
        break;
      case 4:
        request.set_log_url("");
        request.set_target_url("ftp://ci.example/1");
        break;
      case 5:
        request.set_log_url("https://logs.example/2");
        request.set_target_url("https://ci.example/2");
        break;
      case 6:
        request.set_environment_url("ftp://app.example");
        break;
      case 7:
        request.set_description(LongText());
        break;
      default:
        break;
    }
  }

  void AddPutCommitContext() {
    v1::PutCommitContext& request = *command_.mutable_put_commit_context();
    request.set_sha(CommitSha());
    request.set_context(ContextName());
    request.set_state(Pick<v1::CommitContextState>(
        step_[kStepValue], {{6, v1::COMMIT_CONTEXT_STATE_SUCCESS},
                            {2, v1::COMMIT_CONTEXT_STATE_PENDING},
                            {2, v1::COMMIT_CONTEXT_STATE_FAILURE},
                            {1, v1::COMMIT_CONTEXT_STATE_NEUTRAL},
                            {1, v1::COMMIT_CONTEXT_STATE_UNSPECIFIED}}));
  }

  // "odd" is a name that cannot be, or one of the longest that can.
  std::string Environment(absl::string_view name) const {
    if (name != "odd") return Text(name);
    const int length =
        Pick<int>(step_[kStepValue], {{1, 255}, {1, 0}, {1, 256}});
    return std::string(length, 'x');
  }

  // Of a deployment that exists, mostly; of nobody's, or of the other
  // repository's, now and then.
  int64_t DeploymentId() const {
    const v1::RepositoryState& state = State();
    const int place = PickNewest(step_[kStepSubject], state.deployments_size());
    if (place < 0 || (step_[kStepFault] >= 230 && step_[kStepFault] < 236)) {
      return State().last_id() + 1 - step_[kStepValue] % 3;
    }
    return state.deployments(place).deployment().id();
  }

  // Whoever reports mostly does so of a deployment that is under way.
  int64_t ReportedId() const {
    std::vector<int64_t> under_way;
    for (const v1::DeploymentRecord& record : State().deployments()) {
      const v1::StatusState latest = record.statuses().empty()
                                         ? v1::STATUS_STATE_UNSPECIFIED
                                         : record.statuses().rbegin()->state();
      if (latest != v1::STATUS_STATE_SUCCESS &&
          latest != v1::STATUS_STATE_INACTIVE) {
        under_way.push_back(record.deployment().id());
      }
    }
    if (under_way.empty() || step_[kStepSubject] % 4 == 3) {
      return DeploymentId();
    }
    return under_way[PickNewest(step_[kStepSubject],
                                static_cast<int>(under_way.size()))];
  }

  std::string CommitSha() const {
    const v1::RepositoryState& state = State();
    const int place = PickNewest(step_[kStepSubject], state.commits_size());
    if (place < 0 || (step_[kStepFault] >= 230 && step_[kStepFault] < 236)) {
      return ShaOf(1);
    }
    if (step_[kStepFault] >= 236 && step_[kStepFault] < 240) return "HEAD";
    return state.commits(place).sha();
  }

  std::string ContextName() const {
    return Text(
        PickText(step_[kStepContexts], {{4, "ci"}, {2, "CI"}, {2, "lint"}}));
  }

  // Mistakes that only a host can make.
  void AddFault() {
    switch (step_[kStepFault]) {
      case 248:
        command_.mutable_expectation();
        break;
      case 249:
        command_.mutable_ids()->set_first(State().last_id());
        break;
      case 250:
        command_.mutable_ids()->set_count(0);
        break;
      case 251:
        command_.set_time_ms(-1);
        break;
      case 252:
        command_.mutable_actor()->clear_id();
        break;
      case 253:
        command_.mutable_actor()->set_login("\xC0");
        break;
      case 254:
        command_.mutable_ids()->set_first(kIdMax + 1);
        break;
      case 255:
        command_.clear_request();
        break;
      default:
        break;
    }
  }

  const WalkStep& step_;
  const int64_t index_;
  const Model& model_;
  v1::Command command_;
};

}  // namespace

v1::Rules RulesOf(const CommandWalk& walk) {
  const RulesChoice& choice = walk.rules;
  enum class Kind { kDocumented, kObserved, kEmpty, kKnobs, kUnknown };
  const Kind kind = Pick<Kind>(choice[0], {{50, Kind::kDocumented},
                                           {38, Kind::kObserved},
                                           {10, Kind::kEmpty},
                                           {100, Kind::kKnobs},
                                           {2, Kind::kUnknown}});
  v1::Rules rules;
  if (kind == Kind::kEmpty) return rules;
  if (kind == Kind::kDocumented) return DocumentedRules();
  if (kind == Kind::kObserved) return ObservedRules();
  if (kind == Kind::kUnknown) {
    rules.set_deletion_scope(static_cast<v1::DeletionScope>(99));
    return rules;
  }
  size_t next = 1;
#define SLIPWAY_KNOB(name, Type) \
  rules.set_##name(static_cast<v1::Type>(choice[next++] % v1::Type##_ARRAYSIZE))
  SLIPWAY_KNOB(production_name_match, NameMatch);
  SLIPWAY_KNOB(empty_url, EmptyUrl);
  SLIPWAY_KNOB(log_url_scheme, UrlScheme);
  SLIPWAY_KNOB(inactivation_name_match, NameMatch);
  SLIPWAY_KNOB(prior_deployments, PriorDeployments);
  SLIPWAY_KNOB(production_inactivation, ProductionInactivation);
  SLIPWAY_KNOB(inactivation_flags, FlagsOf);
  SLIPWAY_KNOB(inactive_creator, InactiveCreator);
  SLIPWAY_KNOB(inactivation_scope, InactivationScope);
  SLIPWAY_KNOB(deletion_scope, DeletionScope);
  SLIPWAY_KNOB(list_environment_match, NameMatch);
#undef SLIPWAY_KNOB
  v1::Limits& limits = *rules.mutable_limits();
  const auto set_limit = [&](std::initializer_list<int64_t> values,
                             void (v1::Limits::*set)(int64_t)) {
    // Mostly the default.
    const uint8_t limit = choice[next++];
    if (limit < 208) return;
    (limits.*set)(values.begin()[(limit - 208) * values.size() / 48]);
  };
  set_limit({3, 1, 0}, &v1::Limits::set_statuses_per_deployment_max);
  set_limit({10, -1}, &v1::Limits::set_environment_name_characters_max);
  set_limit({400, 5}, &v1::Limits::set_status_description_characters_max);
  set_limit({5}, &v1::Limits::set_payload_bytes_max);
  set_limit({45}, &v1::Limits::set_name_bytes_max);
  set_limit({20}, &v1::Limits::set_text_bytes_max);
  set_limit({1}, &v1::Limits::set_required_contexts_max);
  set_limit({5}, &v1::Limits::set_idempotency_key_bytes_max);
  set_limit({0}, &v1::Limits::set_idempotency_kept_ms);
  return rules;
}

v1::Command CommandOf(const WalkStep& step, size_t index, const Model& model) {
  return Interpreter(step, index, model).Interpret();
}

v1::Seed WalkSeed() {
  v1::Seed seed;
  for (const absl::string_view name : {"hello-world", "spoon"}) {
    v1::SeedRepository& repository = *seed.add_repositories();
    repository.mutable_repository()->set_owner("octocat");
    repository.mutable_repository()->set_name(Text(name));
    repository.mutable_repository()->set_default_branch("main");
    const auto add_commit = [&](int sha, int parent) {
      v1::SeedCommit& commit = *repository.add_commits();
      commit.set_sha(ShaOf(sha));
      if (parent != 0) commit.add_parent_shas(ShaOf(parent));
      return &commit;
    };
    const auto add_ref = [&](absl::string_view ref, v1::RefType type, int sha) {
      v1::SeedRef& added = *repository.add_refs();
      added.mutable_ref()->set_name(Text(ref));
      added.mutable_ref()->set_type(type);
      added.mutable_ref()->set_sha(ShaOf(sha));
      return &added;
    };
    const auto add_context = [](v1::SeedCommit* commit, absl::string_view name,
                                v1::CommitContextState state) {
      v1::CommitContext& context = *commit->add_contexts();
      context.set_context(Text(name));
      context.set_state(state);
    };
    // 9 <- 10, the head; 11 and 13 behind, 12 up to date.
    add_commit(9, 0);
    add_context(add_commit(10, 9), "ci", v1::COMMIT_CONTEXT_STATE_SUCCESS);
    v1::SeedCommit* topic = add_commit(11, 9);
    add_context(topic, "CI", v1::COMMIT_CONTEXT_STATE_FAILURE);
    add_context(topic, "lint", v1::COMMIT_CONTEXT_STATE_SUCCESS);
    add_commit(12, 10);
    add_commit(13, 9);
    add_ref("main", v1::REF_TYPE_BRANCH, 10);
    add_ref("topic", v1::REF_TYPE_BRANCH, 11);
    add_ref("fix", v1::REF_TYPE_BRANCH, 12);
    add_ref("clash", v1::REF_TYPE_BRANCH, 13)->set_conflicts(true);
    add_ref("v1", v1::REF_TYPE_TAG, 9);
  }
  return seed;
}

std::string DescribeStep(size_t index, const v1::Command& command,
                         const v1::Decision& decision) {
  v1::Command request = command;
  request.clear_repository();
  request.clear_actor();
  request.clear_time_ms();
  request.clear_ids();
  std::string line = absl::StrCat(index + 1, ". ", command.repository().owner(),
                                  "/", command.repository().name(), ": ",
                                  request.ShortDebugString());
  if (command.time_ms() < 0 || command.actor().id() == 0 ||
      command.ids().count() != kWalkIdsPerStep ||
      command.ids().first() % kWalkIdsPerStep != 0) {
    absl::StrAppend(&line, " by { ", command.actor().ShortDebugString(),
                    " } at ", command.time_ms(), " with ids { ",
                    command.ids().ShortDebugString(), " }");
  }
  if (decision.replayed()) absl::StrAppend(&line, " -> as before");
  if (decision.has_rejection()) {
    absl::StrAppend(&line,
                    " -> no: ", v1::Reason_Name(decision.rejection().reason()),
                    ", rule ", decision.rejection().rule());
  } else {
    absl::StrAppend(&line, " -> ",
                    v1::Outcome_Name(decision.acceptance().outcome()));
  }
  for (const v1::Event& event : decision.acceptance().events()) {
    if (event.has_deployment()) {
      absl::StrAppend(&line, ", deployment ", event.deployment().id());
    } else if (event.has_status()) {
      absl::StrAppend(&line, ", ", event.status().deployment_id(), " is ",
                      v1::StatusState_Name(event.status().state()));
    }
  }
  return line;
}

std::string DescribeRules(const v1::Rules& rules) {
  const std::string text = rules.SerializeAsString();
  if (text == DocumentedRules().SerializeAsString()) return "documented";
  if (text == ObservedRules().SerializeAsString()) return "observed";
  return absl::StrCat("documented, but { ", rules.ShortDebugString(), " }");
}

}  // namespace slipway
