#include "slipway/conformance/generator.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace conformance {
namespace {

using Operations = google::protobuf::RepeatedPtrField<v1::Operation>;

constexpr int64_t kStartMs = 1700000000000;
constexpr int64_t kTickMs = 1000;
// How far the times of two clients are apart.
constexpr int64_t kClientMs = 10000000;
constexpr int64_t kPageMax = 100;

// How many of the 256 choices of a ref are the default branch.
constexpr int kDefaultBranchBytes = 112;

// A symbol that nothing is ever bound to.
constexpr char kUnknownDeployment[] = "$d0";
constexpr char kUnknownStatus[] = "$s0";

// ---------------------------------------------------------------------------
// From bytes to choices.

template <typename T>
struct Option {
  // In 256ths; the rest of the byte goes to the first option.
  int weight;
  T value;
};

// Higher bytes choose later options, so 0 is the first one.
template <typename T>
T Choose(uint8_t byte, std::initializer_list<Option<T>> options) {
  int first_of_last = 256;
  for (const Option<T>* option = options.end() - 1; option != options.begin();
       --option) {
    first_of_last -= option->weight;
    if (byte >= first_of_last) return option->value;
  }
  return options.begin()->value;
}

bool IsProduction(absl::string_view environment) {
  return absl::EqualsIgnoreCase(environment, "production");
}

// A place in a list of `size` > 0; 0 is the last one, which is the newest. The
// newer half is chosen thrice as often.
size_t ChooseNewest(uint8_t byte, size_t size) {
  const size_t place = size_t{byte} * byte * size / 65536;
  return size - 1 - place;
}

std::string Repeat(absl::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) absl::StrAppend(&result, text);
  return result;
}

// ---------------------------------------------------------------------------
// Walks.

OperationStep MakeStep(rc::Random& random) {
  OperationStep step;
  uint64_t number = 0;
  for (size_t i = 0; i < step.size(); ++i) {
    if (i % 8 == 0) number = random.next();
    step[i] = static_cast<uint8_t>(number >> (i % 8 * 8));
  }
  return step;
}

// Everything but the kind made plain at once, then byte by byte.
rc::Seq<OperationStep> ShrinkStep(const OperationStep& step) {
  std::vector<OperationStep> plainer;
  const auto add = [&](const OperationStep& candidate) {
    if (candidate != step) plainer.push_back(candidate);
  };
  OperationStep plain = {};
  add(plain);
  plain[kStepKind] = step[kStepKind];
  add(plain);
  plain[kStepSubject] = step[kStepSubject];
  add(plain);
  for (size_t i = 0; i < step.size(); ++i) {
    const auto add_byte = [&](int byte) {
      OperationStep candidate = step;
      candidate[i] = static_cast<uint8_t>(byte);
      plainer.push_back(candidate);
    };
    if (step[i] > 0) add_byte(0);
    if (step[i] > 1) add_byte(step[i] / 2);
  }
  return rc::seq::fromContainer(std::move(plainer));
}

using Steps = std::vector<OperationStep>;

rc::Seq<Steps> ShrinkSteps(const Steps& steps) {
  return rc::seq::concat(
      rc::shrink::removeChunks(steps),
      rc::shrink::eachElement(
          steps, [](const OperationStep& step) { return ShrinkStep(step); }));
}

rc::Seq<OperationWalk> ShrinkWalk(const OperationWalk& walk) {
  return rc::seq::concat(
      rc::seq::map(ShrinkSteps(walk.parallel),
                   [walk](Steps&& parallel) {
                     return OperationWalk{walk.steps, std::move(parallel)};
                   }),
      rc::seq::map(ShrinkSteps(walk.steps), [walk](Steps&& steps) {
        return OperationWalk{std::move(steps), walk.parallel};
      }));
}

// Three of four are as long as they may be: what interferes needs company.
Steps MakeSteps(int64_t steps_max, rc::Random& random) {
  Steps steps;
  if (steps_max <= 0) return steps;
  const uint64_t length = random.next();
  steps.resize(length % 4 != 0
                   ? steps_max
                   : 1 + (length / 4) % static_cast<uint64_t>(steps_max));
  for (OperationStep& step : steps) step = MakeStep(random);
  return steps;
}

}  // namespace

rc::Shrinkable<OperationWalk> ShrinkableWalk(OperationWalk walk) {
  return rc::shrinkable::shrinkRecur(
      std::move(walk),
      [](const OperationWalk& larger) { return ShrinkWalk(larger); });
}

rc::Shrinkable<OperationWalk> MakeWalk(const WalkOptions& options,
                                       uint64_t seed, int64_t index) {
  rc::Random random(
      rc::Random::Key{{seed, static_cast<uint64_t>(index), 0, 0}});
  const rc::Gen<OperationWalk> generator([&options](const rc::Random& start,
                                                    int /*size*/) {
    rc::Random numbers = start;
    OperationWalk walk;
    walk.steps = MakeSteps(options.steps_max - options.parallel_max, numbers);
    walk.parallel = MakeSteps(options.parallel_max, numbers);
    return ShrinkableWalk(std::move(walk));
  });
  return generator(random, /*size=*/0);
}

// ---------------------------------------------------------------------------
// Steps.

// Turns one step into operations.
class StepInterpreter {
 public:
  StepInterpreter(const OperationStep& step, const Oracle& oracle,
                  Generator& generator, Operations* operations)
      : step_(step),
        oracle_(oracle),
        generator_(generator),
        operations_(operations) {}

  void Interpret() {
    enum Kind {
      kCreate,
      kStatus,
      kDelete,
      kGet,
      kList,
      kListStatuses,
      kGetStatus,
      kFill,
    };
    Kind kind = Choose<Kind>(step_[kStepKind], {{58, kCreate},
                                                {108, kStatus},
                                                {18, kDelete},
                                                {13, kGet},
                                                {24, kList},
                                                {18, kListStatuses},
                                                {16, kGetStatus},
                                                {1, kFill}});
    const bool needs_deployment =
        kind != kCreate && kind != kList && step_[kStepFault] < 250;
    if (needs_deployment && oracle_.records().empty()) kind = kCreate;
    switch (kind) {
      case kCreate:
        return AddCreate();
      case kStatus:
        return AddStatus();
      case kDelete:
        return AddDelete();
      case kGet:
        Add()->mutable_get_deployment()->set_deployment(Deployment());
        return;
      case kList:
        return AddList();
      case kListStatuses: {
        v1::ListStatuses& list = *Add()->mutable_list_statuses();
        list.set_deployment(Deployment());
        AddPage(list);
        return;
      }
      case kGetStatus:
        return AddGetStatus();
      case kFill:
        return AddFill();
    }
  }

 private:
  v1::Operation* Add() { return generator_.Add(operations_); }
  bool shared() const { return !generator_.options_.suffix.empty(); }
  std::string Suffixed(absl::string_view text) const {
    return absl::StrCat(text, generator_.options_.suffix);
  }

  // -------------------------------------------------------------------------
  // What there is.

  static bool IsActive(const OracleRecord& record) {
    return !record.statuses.empty() &&
           record.statuses.back().state() == slipway::v1::STATUS_STATE_SUCCESS;
  }

  // The symbol of a row that exists; empty where it has none.
  std::string SymbolOf(int64_t id) const {
    for (const Generator::DeploymentSymbol& known : generator_.deployments_) {
      if (known.id == id) return known.symbol;
    }
    return "";
  }

  // Mostly one that exists, else one that is gone or never was.
  const OracleRecord* Record() const {
    const std::vector<OracleRecord>& records = oracle_.records();
    if (records.empty() || step_[kStepFault] >= 248) return nullptr;
    return &records[ChooseNewest(step_[kStepSubject], records.size())];
  }
  std::string Deployment() const {
    if (const OracleRecord* record = Record()) {
      return SymbolOf(record->deployment.id());
    }
    if (step_[kStepFault] < 254 && !generator_.deployments_.empty()) {
      return generator_
          .deployments_[ChooseNewest(step_[kStepSubject],
                                     generator_.deployments_.size())]
          .symbol;
    }
    return kUnknownDeployment;
  }

  // -------------------------------------------------------------------------
  // Fields.

  // In a shared repository "production" itself is for deployments whose task
  // tells them apart: `task_is_own` says that this is one.
  void ChooseEnvironment(uint8_t byte, bool task_is_own,
                         std::string* environment, bool* omitted) const {
    *omitted = false;
    enum Name {
      kStaging,
      kStagingToo,
      kProduction,
      kProductionToo,
      kSlash,
      kLong,
      kNone,
    };
    Name name = Choose<Name>(byte, {{136, kStaging},
                                    {44, kStagingToo},
                                    {18, kProduction},
                                    {18, kProductionToo},
                                    {18, kSlash},
                                    {2, kLong},
                                    {20, kNone}});
    if (shared() && !task_is_own &&
        (name == kNone || name == kProduction || name == kProductionToo)) {
      name = kSlash;
    }
    switch (name) {
      case kStaging:
        *environment = Suffixed("staging");
        return;
      case kStagingToo:
        *environment = Suffixed("Staging");
        return;
      case kProduction:
        *environment = "production";
        return;
      case kProductionToo:
        *environment = "Production";
        return;
      case kSlash:
        *environment = Suffixed("qa/eu");
        return;
      case kLong:
        // 255 characters of two bytes each, but for the suffix.
        *environment = Suffixed(
            Repeat("\xC3\xBC",
                   255 - static_cast<int>(generator_.options_.suffix.size())));
        return;
      case kNone:
        *omitted = true;
        return;
    }
  }

  static bool AllPass(const v1::RefFixture& ref) {
    return std::all_of(ref.contexts().begin(), ref.contexts().end(),
                       [](const slipway::v1::CommitContext& context) {
                         return context.state() ==
                                slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS;
                       });
  }

  // The refs as the merges have left them; the default branch comes up most.
  const v1::RefFixture* ChooseRef() const {
    const std::vector<v1::RefFixture>& refs = oracle_.refs();
    if (refs.empty()) return nullptr;
    const int byte = step_[kStepSubject];
    if (byte < kDefaultBranchBytes) {
      for (const v1::RefFixture& ref : refs) {
        if (ref.is_default_branch()) return &ref;
      }
      return &refs[0];
    }
    return &refs[static_cast<size_t>(byte - kDefaultBranchBytes) * refs.size() /
                 (256 - kDefaultBranchBytes)];
  }

  void AddContexts(const v1::RefFixture& ref,
                   slipway::v1::CreateDeployment& request) const {
    enum List { kPlain, kOmitted, kEmpty, kPassing, kAnyOfThem, kMissing };
    const List list = Choose<List>(step_[kStepContexts], {{152, kPlain},
                                                          {34, kOmitted},
                                                          {14, kEmpty},
                                                          {16, kPassing},
                                                          {22, kAnyOfThem},
                                                          {18, kMissing}});
    if (list == kOmitted || (list == kPlain && AllPass(ref))) return;
    slipway::v1::RequiredContexts& contexts =
        *request.mutable_required_contexts();
    if (list == kPlain || list == kEmpty) return;
    for (const slipway::v1::CommitContext& context : ref.contexts()) {
      const bool passes =
          context.state() == slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS;
      if (list == kPassing && !passes) continue;
      // Names compare without case.
      contexts.add_contexts(step_[kStepContexts] % 2 == 0
                                ? context.context()
                                : absl::AsciiStrToUpper(context.context()));
      if (list == kAnyOfThem && step_[kStepContexts] % 4 >= 2) break;
    }
    if (list == kMissing) contexts.add_contexts("never/submitted");
  }

  void AddPayload(slipway::v1::CreateDeployment& request) const {
    const auto set = [&](slipway::v1::PayloadType type,
                         absl::string_view payload) {
      request.set_payload_type(type);
      request.set_payload(std::string(payload));
    };
    const slipway::v1::PayloadType object = slipway::v1::PAYLOAD_TYPE_OBJECT;
    const slipway::v1::PayloadType text = slipway::v1::PAYLOAD_TYPE_STRING;
    switch (step_[kStepText] / 16) {
      case 8:
        return set(object, R"({"answer":42})");
      case 9:
        return set(object,
                   "{ \"b\" : [1, 2.50, null],\n  \"a\": {\"\\u00fc\": "
                   "\"\xC3\xBC\"} }");
      case 10:
        return set(object, "{}");
      case 11:
        return set(text, R"({"answer":42})");
      case 12:
        return set(text, "two words\n");
      case 13:
        return set(text, "");
      default:
        return;
    }
  }

  // -------------------------------------------------------------------------
  // Calls.

  void AddCreate() {
    v1::CreateDeployment& create = *Add()->mutable_create_deployment();
    create.set_binds(generator_.NextDeployment());
    slipway::v1::CreateDeployment& request = *create.mutable_request();

    enum Task { kOmitted, kMigrations, kWeb, kDeploy };
    Task task = Choose<Task>(
        step_[kStepTask],
        {{150, kOmitted}, {46, kMigrations}, {40, kWeb}, {20, kDeploy}});
    bool omitted = false;
    std::string environment;
    ChooseEnvironment(step_[kStepEnvironment], /*task_is_own=*/true,
                      &environment, &omitted);
    if (shared() && task != kMigrations && task != kWeb &&
        (omitted || IsProduction(environment))) {
      task = kWeb;
    }
    if (task == kMigrations) request.set_task(Suffixed("deploy:migrations"));
    if (task == kWeb) request.set_task(Suffixed("web"));
    if (task == kDeploy) request.set_task("deploy");
    if (!omitted) request.set_environment(std::move(environment));

    const v1::RefFixture* ref = ChooseRef();
    if (ref != nullptr) request.set_ref(ref->name());
    enum Merge { kPlain, kAsk, kUnsaid, kNever };
    const Merge merge =
        Choose<Merge>(step_[kStepMerge],
                      {{160, kPlain}, {28, kAsk}, {44, kUnsaid}, {24, kNever}});
    if (merge == kNever ||
        (merge == kPlain && ref != nullptr && ref->is_behind())) {
      request.set_auto_merge(false);
    } else if (merge == kAsk) {
      request.set_auto_merge(true);
    }
    if (ref != nullptr) AddContexts(*ref, request);

    const int transient =
        Choose<int>(step_[kStepTransient], {{180, 0}, {52, 1}, {24, 2}});
    if (transient != 0) request.set_transient_environment(transient == 1);
    const int production =
        Choose<int>(step_[kStepProduction], {{168, 0}, {56, 1}, {32, 2}});
    if (production != 0) request.set_production_environment(production == 2);
    AddPayload(request);
    const int description = Choose<int>(step_[kStepTask] ^ step_[kStepText],
                                        {{180, 0}, {40, 1}, {18, 2}, {18, 3}});
    if (description == 1) request.set_description("First try");
    if (description == 2) request.set_description("");
    if (description == 3) request.set_description(Repeat("\xC3\xBC", 141));
    AddCreateFault(request);
  }

  void AddCreateFault(slipway::v1::CreateDeployment& request) const {
    const std::string unknown_ref = Suffixed("no-such-ref");
    switch (Choose<int>(step_[kStepFault],
                        {{220, 0}, {14, 1}, {8, 2}, {8, 3}, {6, 4}})) {
      case 1:
        return request.set_ref(unknown_ref);
      case 2:
        return request.set_environment("");
      case 3:
        return request.set_environment(Repeat("\xC3\xBC", 256));
      case 4:
        request.set_ref(unknown_ref);
        return request.set_environment("");
      default:
        return;
    }
  }

  void AddStatus() {
    v1::CreateStatus& create = *Add()->mutable_create_status();
    create.set_deployment(Deployment());
    create.set_binds(generator_.NextStatus(create.deployment()));
    slipway::v1::CreateStatus& request = *create.mutable_request();
    request.set_state(Choose<slipway::v1::StatusState>(
        step_[kStepValue], {{144, slipway::v1::STATUS_STATE_SUCCESS},
                            {18, slipway::v1::STATUS_STATE_INACTIVE},
                            {18, slipway::v1::STATUS_STATE_FAILURE},
                            {16, slipway::v1::STATUS_STATE_ERROR},
                            {22, slipway::v1::STATUS_STATE_IN_PROGRESS},
                            {18, slipway::v1::STATUS_STATE_QUEUED},
                            {20, slipway::v1::STATUS_STATE_PENDING}}));
    if (step_[kStepTransient] >= 208) {
      bool omitted = false;
      std::string environment;
      ChooseEnvironment(step_[kStepEnvironment], TaskIsOwn(), &environment,
                        &omitted);
      if (!omitted) request.set_environment(std::move(environment));
    }
    const int auto_inactive =
        Choose<int>(step_[kStepProduction], {{192, 0}, {28, 1}, {36, 2}});
    if (auto_inactive != 0) request.set_auto_inactive(auto_inactive == 1);
    // Others may do the same there at the same time.
    const OracleRecord* record = Record();
    if (shared() && (IsProduction(request.environment()) ||
                     (record != nullptr &&
                      IsProduction(record->deployment.environment())))) {
      request.set_auto_inactive(false);
    }
    switch (step_[kStepText] / 16) {
      case 10:
        request.set_description("");
        break;
      case 11:
      case 12:
        request.set_description("Half way");
        break;
      case 13:
        request.set_description(std::string(140, 'x'));
        break;
      case 14:
      case 15:
        request.set_description(Repeat("\xC3\xBC", 140));
        break;
      default:
        break;
    }
    AddLinks(request);
    AddStatusFault(request);
  }

  // Whether the deployment's task tells it apart from those of others.
  bool TaskIsOwn() const {
    const OracleRecord* record = Record();
    if (record == nullptr || !shared()) return true;
    const std::string& task = record->deployment.task();
    const std::string& suffix = generator_.options_.suffix;
    return task.size() > suffix.size() &&
           task.compare(task.size() - suffix.size(), suffix.size(), suffix) ==
               0;
  }

  void AddLinks(slipway::v1::CreateStatus& request) const {
    const std::string log_url = "https://ci.example.com/log";
    const std::string target_url = "https://ci.example.com/target";
    switch (step_[kStepLinks] / 16) {
      case 8:
        return request.set_log_url(log_url);
      case 9:
        return request.set_target_url(target_url);
      case 10:
        request.set_log_url(log_url);
        return request.set_target_url(target_url);
      case 11:
        request.set_log_url("");
        return request.set_target_url(target_url);
      case 12:
        return request.set_environment_url("https://staging.example.com/");
      case 13:
        return request.set_environment_url("http://staging.example.com/a?b=c");
      case 14:
        return request.set_log_url("ftp://ci.example.com/log");
      case 15:
        request.set_environment_url("https://staging.example.com/");
        request.set_log_url(log_url);
        return;
      default:
        return;
    }
  }

  void AddStatusFault(slipway::v1::CreateStatus& request) const {
    switch (Choose<int>(step_[kStepFault], {{207, 0},
                                            {7, 1},
                                            {5, 2},
                                            {8, 3},
                                            {8, 4},
                                            {5, 5},
                                            {4, 6},
                                            {4, 7},
                                            {8, 8}})) {
      case 1:
        return request.set_state(slipway::v1::STATUS_STATE_UNSPECIFIED);
      case 2:
        return request.set_state(slipway::v1::STATUS_STATE_WAITING);
      case 3:
        return request.set_description(Repeat("\xC3\xBC", 141));
      case 4:
        return request.set_environment_url("ftp://staging.example.com/");
      case 5:
        return request.set_environment("");
      case 6:
        return request.set_environment(Repeat("\xC3\xBC", 256));
      case 7:
        request.set_description(std::string(141, 'x'));
        return request.set_state(slipway::v1::STATUS_STATE_UNSPECIFIED);
      default:
        return;  // 8: the deployment is not there
    }
  }

  void AddDelete() {
    const OracleRecord* record = Record();
    // Whether others are in "production" too is not known, so whether an active
    // deployment is the only one there is not asked.
    const bool unclear = record != nullptr && shared() && IsActive(*record) &&
                         IsProduction(record->deployment.environment());
    const std::string deployment = Deployment();
    if (unclear) {
      Add()->mutable_get_deployment()->set_deployment(deployment);
    } else {
      Add()->mutable_delete_deployment()->set_deployment(deployment);
    }
  }

  template <typename List>
  void AddPage(List& list) const {
    const int per_page =
        Choose<int>(step_[kStepPage],
                    {{96, 0}, {36, 1}, {52, 2}, {32, 3}, {20, 100}, {20, 101}});
    if (per_page != 0) list.set_per_page(per_page);
    // Small pages are mostly turned.
    const uint8_t which = step_[kStepMerge];
    const int page =
        per_page == 0 || per_page >= 100
            ? Choose<int>(which, {{216, 0}, {20, 1}, {20, 2}})
            : Choose<int>(which,
                          {{90, 0}, {20, 1}, {90, 2}, {40, 3}, {16, 99}});
    if (page != 0) list.set_page(page);
  }

  void AddList() {
    v1::ListDeployments& list = *Add()->mutable_list_deployments();
    AddPage(list);
    const bool filtered = generator_.options_.others_exist;
    enum Filter {
      kNothing,
      kEnvironment,
      kTask,
      kRef,
      kSha,
      kEnvironmentAndTask,
      kRefAndTask,
      kShaAndEnvironment,
      kWordNone,
      kUnknown,
    };
    Filter filter =
        Choose<Filter>(step_[kStepValue], {{78, kNothing},
                                           {40, kEnvironment},
                                           {24, kTask},
                                           {20, kRef},
                                           {20, kSha},
                                           {24, kEnvironmentAndTask},
                                           {14, kRefAndTask},
                                           {14, kShaAndEnvironment},
                                           {10, kWordNone},
                                           {12, kUnknown}});
    const std::vector<OracleRecord>& records = oracle_.records();
    // What is not known cannot be told from what is looked for.
    const bool has_unknown = std::any_of(
        records.begin(), records.end(), [](const OracleRecord& record) {
          return record.deployment.sha().empty();
        });
    if (has_unknown && filter == kSha) filter = kNothing;
    if (has_unknown && filter == kShaAndEnvironment) filter = kEnvironment;
    const slipway::v1::Deployment* like =
        records.empty()
            ? nullptr
            : &records[ChooseNewest(step_[kStepSubject], records.size())]
                   .deployment;
    bool own = false;
    if (filter == kTask || filter == kEnvironmentAndTask ||
        filter == kRefAndTask) {
      list.set_task(like != nullptr ? like->task() : "deploy");
      own = like != nullptr && like->task() != "deploy";
    }
    if (filter == kEnvironment || filter == kEnvironmentAndTask ||
        filter == kShaAndEnvironment) {
      bool omitted = false;
      std::string environment;
      ChooseEnvironment(step_[kStepEnvironment], own, &environment, &omitted);
      if (!omitted) list.set_environment(std::move(environment));
      own = own || !shared() || (!omitted && !IsProduction(list.environment()));
    }
    if (filter == kRef || filter == kRefAndTask) {
      const v1::RefFixture* ref = ChooseRef();
      list.set_ref(ref != nullptr ? ref->name() : "main");
    }
    if (filter == kSha || filter == kShaAndEnvironment) {
      list.set_sha(like != nullptr && !like->sha().empty()
                       ? like->sha()
                       : std::string(40, '0'));
    }
    if (filter == kWordNone) {
      list.set_environment("none");
      if (step_[kStepTask] >= 128) list.set_task("none");
    }
    if (filter == kUnknown) {
      if (step_[kStepTask] < 128) {
        list.set_environment(Suffixed("nowhere"));
      } else {
        list.set_task(Suffixed("nothing"));
      }
      own = true;
    }
    if (filtered && !own) {
      if (filter == kTask || filter == kRefAndTask ||
          filter == kEnvironmentAndTask || step_[kStepTask] < 128) {
        list.set_environment(Suffixed("staging"));
      } else {
        list.set_task(Suffixed("web"));
      }
    }
  }

  void AddGetStatus() {
    v1::GetStatus& get = *Add()->mutable_get_status();
    const std::vector<Generator::StatusSymbol>& statuses = generator_.statuses_;
    if (statuses.empty() || step_[kStepFault] >= 246) {
      get.set_deployment(Deployment());
      get.set_status(kUnknownStatus);
      return;
    }
    const Generator::StatusSymbol& status =
        statuses[ChooseNewest(step_[kStepValue], statuses.size())];
    get.set_status(status.symbol);
    // Now and then of another deployment.
    get.set_deployment(step_[kStepFault] >= 228 ? Deployment()
                                                : status.deployment);
  }

  // More statuses than a page has, and the first pages.
  void AddFill() {
    if (generator_.client_ >= 0 || step_[kStepLinks] < 128) return AddList();
    const std::string deployment = Deployment();
    const int statuses = step_[kStepMerge] < 192 ? 31 : 101;
    for (int i = 0; i < statuses; ++i) {
      v1::CreateStatus& create = *Add()->mutable_create_status();
      create.set_deployment(deployment);
      create.set_binds(generator_.NextStatus(deployment));
      create.mutable_request()->set_state(slipway::v1::STATUS_STATE_QUEUED);
    }
    Add()->mutable_list_statuses()->set_deployment(deployment);
    v1::ListStatuses& list = *Add()->mutable_list_statuses();
    list.set_deployment(deployment);
    list.set_per_page(101);
  }

  const OperationStep& step_;
  const Oracle& oracle_;
  Generator& generator_;
  Operations* operations_;
};

// ---------------------------------------------------------------------------
// The generator.

Generator::Generator(GeneratorOptions options)
    : options_(std::move(options)), next_time_ms_(kStartMs) {}

v1::Operation* Generator::Add(Operations* operations) {
  v1::Operation* operation = operations->Add();
  operation->set_time_ms(next_time_ms_);
  if (client_ >= 0) operation->set_client(client_);
  next_time_ms_ += kTickMs;
  return operation;
}

void Generator::Settle(const Oracle& oracle) {
  while (deployments_settled_ < deployments_.size()) {
    DeploymentSymbol& symbol = deployments_[deployments_settled_];
    symbol.id = oracle.IdOf(symbol.symbol);
    if (symbol.id != 0) {
      ++deployments_settled_;
      continue;
    }
    deployments_.erase(deployments_.begin() +
                       static_cast<int64_t>(deployments_settled_));
    // Of the ones that were refused the number is free again, unless other
    // clients may see it otherwise.
    if (client_ < 0) --deployment_number_;
  }
  while (statuses_settled_ < statuses_.size()) {
    if (oracle.IdOf(statuses_[statuses_settled_].symbol) != 0) {
      ++statuses_settled_;
      continue;
    }
    statuses_.erase(statuses_.begin() +
                    static_cast<int64_t>(statuses_settled_));
    if (client_ < 0) --status_number_;
  }
}

std::string Generator::NextDeployment() {
  deployments_.push_back(
      {absl::StrCat("$d", ++deployment_number_, symbol_end_), 0});
  return deployments_.back().symbol;
}

std::string Generator::NextStatus(const std::string& deployment) {
  statuses_.push_back(
      {absl::StrCat("$s", ++status_number_, symbol_end_), deployment});
  return statuses_.back().symbol;
}

void Generator::AddOperations(const OperationStep& step, const Oracle& oracle,
                              Operations* operations) {
  Settle(oracle);
  StepInterpreter(step, oracle, *this, operations).Interpret();
}

Generator Generator::ForClient(int client, const Oracle& oracle) const {
  Generator generator = *this;
  generator.Settle(oracle);
  generator.client_ = client;
  generator.symbol_end_ = std::string(1, static_cast<char>('a' + client));
  generator.next_time_ms_ += (client + 1) * kClientMs;
  return generator;
}

void Generator::Adopt(const Operations& operations) {
  for (const v1::Operation& operation : operations) {
    next_time_ms_ = std::max(next_time_ms_, operation.time_ms() + kTickMs);
    const std::string& symbol = operation.create_deployment().binds();
    const bool known = std::any_of(
        deployments_.begin(), deployments_.end(),
        [&](const DeploymentSymbol& other) { return other.symbol == symbol; });
    if (!symbol.empty() && !known) deployments_.push_back({symbol, 0});
  }
}

void Generator::AddLook(const Oracle& oracle, Operations* operations) {
  Settle(oracle);
  const auto pages_of = [](size_t rows) {
    return std::max<int64_t>(
        1, (static_cast<int64_t>(rows) + kPageMax - 1) / kPageMax);
  };
  for (const DeploymentSymbol& known : deployments_) {
    bool exists = false;
    size_t statuses = 0;
    for (const OracleRecord& record : oracle.records()) {
      if (record.deployment.id() != known.id) continue;
      exists = true;
      statuses = record.statuses.size();
    }
    const int64_t pages = pages_of(statuses);
    for (int64_t page = 1; page <= pages; ++page) {
      v1::ListStatuses& list = *Add(operations)->mutable_list_statuses();
      list.set_deployment(known.symbol);
      list.set_per_page(kPageMax);
      if (page > 1) list.set_page(page);
    }
    // No list shows that a deployment which is gone can still be read.
    if (options_.others_exist || !exists) {
      Add(operations)->mutable_get_deployment()->set_deployment(known.symbol);
    }
  }
  AddDeploymentLists(pages_of(oracle.records().size()), operations);
}

void Generator::AddBlindLook(const std::vector<std::string>& deployments,
                             Operations* operations) {
  for (const std::string& symbol : deployments) {
    v1::ListStatuses& list = *Add(operations)->mutable_list_statuses();
    list.set_deployment(symbol);
    list.set_per_page(kPageMax);
    if (options_.others_exist) {
      Add(operations)->mutable_get_deployment()->set_deployment(symbol);
    }
  }
  AddDeploymentLists(/*pages=*/1, operations);
}

void Generator::AddDeploymentLists(int64_t pages, Operations* operations) {
  if (options_.others_exist) {
    v1::ListDeployments& list = *Add(operations)->mutable_list_deployments();
    list.set_environment(absl::StrCat("staging", options_.suffix));
    list.set_per_page(kPageMax);
    return;
  }
  for (int64_t page = 1; page <= pages; ++page) {
    v1::ListDeployments& list = *Add(operations)->mutable_list_deployments();
    list.set_per_page(kPageMax);
    if (page > 1) list.set_page(page);
  }
}

}  // namespace conformance
}  // namespace slipway
