#include "slipway/conformance/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/conformance/oracle_fields.h"
#include "engine/conformance/oracle_refs.h"

namespace slipway {
namespace conformance {
namespace {

using slipway::v1::CommitContext;
using slipway::v1::Deployment;
using slipway::v1::DeploymentStatus;
using slipway::v1::Limits;
using slipway::v1::Rules;

constexpr char kValidationFailed[] = "Validation Failed";

// The knobs, each with its default where it is unset.

// "Without case" is without that of the letters A to Z.
bool SameName(slipway::v1::NameMatch match, slipway::v1::NameMatch by_default,
              absl::string_view a, absl::string_view b) {
  if (match == slipway::v1::NAME_MATCH_UNSPECIFIED) match = by_default;
  if (match == slipway::v1::NAME_MATCH_EXACT) return a == b;
  return absl::EqualsIgnoreCase(a, b);
}

bool IsProductionName(const Rules& rules, absl::string_view name) {
  return SameName(rules.production_name_match(), slipway::v1::NAME_MATCH_EXACT,
                  name, "production");
}

bool SameEnvironment(const Rules& rules, absl::string_view a,
                     absl::string_view b) {
  return SameName(rules.inactivation_name_match(),
                  slipway::v1::NAME_MATCH_IGNORE_CASE, a, b);
}

bool EmptyUrlsAreGiven(const Rules& rules) {
  return rules.empty_url() == slipway::v1::EMPTY_URL_GIVEN;
}

bool EveryOtherIsPrior(const Rules& rules) {
  return rules.prior_deployments() ==
         slipway::v1::PRIOR_DEPLOYMENTS_EVERY_OTHER;
}

bool ProductionIsRetired(const Rules& rules) {
  return rules.production_inactivation() ==
         slipway::v1::PRODUCTION_INACTIVATION_INCLUDED;
}

bool FlagsOfSucceededCount(const Rules& rules) {
  return rules.inactivation_flags() ==
         slipway::v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT;
}

bool TaskNarrows(const Rules& rules) {
  return rules.inactivation_scope() ==
         slipway::v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK;
}

bool EnvironmentIsDeletionScope(const Rules& rules) {
  return rules.deletion_scope() == slipway::v1::DELETION_SCOPE_ENVIRONMENT;
}

int64_t StatusesMax(const Limits& limits) {
  return LimitOr(limits.has_statuses_per_deployment_max(),
                 limits.statuses_per_deployment_max(), 0);
}

int64_t PerPageDefault(const Limits& limits) {
  return LimitOr(limits.has_per_page_default(), limits.per_page_default(), 30);
}

int64_t PerPageMax(const Limits& limits) {
  return LimitOr(limits.has_per_page_max(), limits.per_page_max(), 100);
}

bool Passed(const CommitContext& context) {
  return context.state() == slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS;
}

void Decide(Expectation& expected, int code, int rule) {
  expected.answer.set_code(code);
  expected.deciding_rule = rule;
}

void NotFound(Expectation& expected) {
  Decide(expected, 404, 42);
  expected.answer.set_message("Not Found");
}

// R12: every problem is told, and the rule is that of the first.
void Refuse(const FieldProblems& problems, Expectation& expected) {
  Decide(expected, 422, problems.front().rule);
  expected.answer.set_message(kValidationFailed);
  for (const FieldProblem& problem : problems) {
    *expected.answer.add_violations() = problem.violation;
    expected.rules.push_back(problem.rule);
  }
}

void Notify(absl::string_view event, int64_t deployment_id,
            Expectation& expected) {
  v1::Notification* notification = expected.answer.add_notifications();
  notification->set_event(std::string(event));
  notification->set_action("created");
  notification->set_deployment_id(deployment_id);
}

// The part of a list that is one page of it.
struct Page {
  int64_t begin = 0;
  int64_t end = 0;
};

// R71 and R72. Calls that list name their fields alike.
template <typename Call>
Page PageOf(const Call& call, int64_t total, const Limits& limits,
            Expectation& expected) {
  int64_t per_page = PerPageDefault(limits);
  if (call.has_per_page() && call.per_page() >= 1) per_page = call.per_page();
  per_page = std::max<int64_t>(1, std::min(per_page, PerPageMax(limits)));
  const int64_t number = std::max<int64_t>(1, call.page());
  const int64_t last = (total + per_page - 1) / per_page;

  if (call.has_per_page() || call.has_page() || last > 1) {
    expected.rules.push_back(71);
  }
  if (last > 1) expected.rules.push_back(72);
  if (number < last) {
    expected.answer.set_has_next_page(true);
    expected.answer.set_last_page(last);
  }
  if (number > last) {
    if (number > 1) expected.deciding_rule = 71;
    return {};
  }
  Page page;
  page.begin = (number - 1) * per_page;
  page.end = std::min(total, page.begin + per_page);
  return page;
}

// Whether a filter filters (R70).
bool Filters(bool has, const std::string& value) {
  return has && !value.empty() && value != "none";
}

bool IsActive(const OracleRecord& record) {
  return !record.statuses.empty() &&
         record.statuses.back().state() == slipway::v1::STATUS_STATE_SUCCESS;
}

// A status of one deployment as it comes by another.
struct Encounter {
  // How many conditions keep the other from being retired; 0: it is.
  int missed = 0;
  // The rule of the first of them; of a retirement, the one that explains it.
  int rule = 31;
  // What else a subject may have got wrong that has it otherwise.
  std::vector<int> others;
  bool same_environment = true;
};

Encounter Meet(const Rules& rules, const Deployment& succeeded,
               absl::string_view environment_before, bool triggers,
               const OracleRecord& other) {
  const Deployment& it = other.deployment;
  Encounter encounter;
  const auto miss = [&encounter](int rule) {
    if (encounter.missed++ == 0) encounter.rule = rule;
    encounter.others.push_back(rule);
  };

  // What the other answer to the questions of R34 would have led to.
  encounter.same_environment =
      SameEnvironment(rules, it.environment(), succeeded.environment());
  const bool with_environment_before =
      SameEnvironment(rules, it.environment(), environment_before);
  const bool with_original_of_succeeded = SameEnvironment(
      rules, it.environment(), succeeded.original_environment());
  const bool with_original_of_other = SameEnvironment(
      rules, it.original_environment(), succeeded.environment());
  const bool moves_changed_it =
      encounter.same_environment
          ? !(with_environment_before && with_original_of_succeeded &&
              with_original_of_other)
          : with_environment_before || with_original_of_succeeded ||
                with_original_of_other;
  const bool of_succeeded = FlagsOfSucceededCount(rules);
  const Deployment& flags = of_succeeded ? succeeded : it;
  const Deployment& other_flags = of_succeeded ? it : succeeded;
  const bool production_counts = !ProductionIsRetired(rules);

  if (!IsActive(other)) miss(31);
  if (!encounter.same_environment) miss(moves_changed_it ? 34 : 31);
  if (TaskNarrows(rules) && it.task() != succeeded.task()) miss(37);
  if (!EveryOtherIsPrior(rules) && it.id() > succeeded.id()) miss(32);
  if (flags.transient_environment()) {
    miss(of_succeeded && !it.transient_environment() ? 34 : 31);
  }
  if (production_counts && flags.production_environment()) {
    miss(of_succeeded && !it.production_environment() ? 34 : 33);
  }
  if (!triggers) miss(30);
  const bool flags_differ =
      flags.transient_environment() != other_flags.transient_environment() ||
      flags.production_environment() != other_flags.production_environment();
  if (encounter.missed > 0) {
    if (flags_differ) encounter.others.push_back(34);
    return encounter;
  }

  // What some other reading of the rules would have spared it for. Where there
  // are several, no one of them can be blamed.
  std::vector<int> reasons;
  if (it.environment() != succeeded.environment()) reasons.push_back(31);
  if (it.id() > succeeded.id()) reasons.push_back(32);
  if (flags.production_environment()) reasons.push_back(33);
  if (moves_changed_it || other_flags.transient_environment() ||
      (production_counts && other_flags.production_environment())) {
    reasons.push_back(34);
  }
  if (it.task() != succeeded.task()) reasons.push_back(37);
  encounter.rule = reasons.size() == 1 ? reasons.front() : 31;
  // Its name may say what its flag does not.
  if (absl::EqualsIgnoreCase(it.environment(), "production")) {
    reasons.push_back(33);
  }
  encounter.others = std::move(reasons);
  return encounter;
}

// As it is after R24.
void SetLogUrls(const Rules& rules, const slipway::v1::CreateStatus& request,
                DeploymentStatus& status) {
  const bool empty_counts = EmptyUrlsAreGiven(rules);
  const bool log_given =
      empty_counts ? request.has_log_url() : !request.log_url().empty();
  const std::string& url = log_given ? request.log_url() : request.target_url();
  status.set_log_url(url);
  status.set_target_url(url);
}

}  // namespace

Oracle::Oracle(const Rules& rules,
               const google::protobuf::RepeatedPtrField<v1::RefFixture>& refs,
               bool others_exist)
    : rules_(rules),
      refs_(refs.begin(), refs.end()),
      others_exist_(others_exist) {}

Expectation Oracle::Apply(const v1::Operation& operation) {
  Expectation expected;
  switch (operation.call_case()) {
    case v1::Operation::kCreateDeployment:
      Create(operation, expected);
      break;
    case v1::Operation::kCreateStatus:
      CreateStatus(operation, expected);
      break;
    case v1::Operation::kDeleteDeployment:
      Delete(operation.delete_deployment(), expected);
      break;
    case v1::Operation::kGetDeployment:
      Get(operation.get_deployment(), expected);
      break;
    case v1::Operation::kListDeployments:
      List(operation.list_deployments(), expected);
      break;
    case v1::Operation::kListStatuses:
      ListStatuses(operation.list_statuses(), expected);
      break;
    case v1::Operation::kGetStatus:
      GetStatus(operation.get_status(), expected);
      break;
    case v1::Operation::CALL_NOT_SET:
      expected.answer.set_code(400);
      return expected;
  }
  std::vector<int>& rules = expected.rules;
  rules.push_back(expected.deciding_rule);
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return expected;
}

int64_t Oracle::IdOf(const std::string& symbol) const {
  const auto it = ids_by_symbol_.find(symbol);
  return it == ids_by_symbol_.end() ? 0 : it->second;
}

void Oracle::Bind(const std::string& symbol, int64_t id) {
  if (!symbol.empty()) ids_by_symbol_[symbol] = id;
}

size_t Oracle::PlaceOf(const std::string& symbol) const {
  const int64_t id = IdOf(symbol);
  size_t place = 0;
  while (place < records_.size() && records_[place].deployment.id() != id) {
    ++place;
  }
  return place;
}

void Oracle::Create(const v1::Operation& operation, Expectation& expected) {
  const v1::CreateDeployment& call = operation.create_deployment();
  const slipway::v1::CreateDeployment& request = call.request();

  // Everything that could refuse it, in the order of R12.
  const FieldProblems problems = ProblemsOf(request, rules_);
  const FoundRef ref = FindRef(refs_, former_heads_, request.ref());
  const bool exists = ref.fixture != nullptr;
  const bool wants_merge = !request.has_auto_merge() || request.auto_merge();
  const bool is_behind = exists && ref.is_behind;
  std::vector<CommitContext> contexts;
  if (exists) contexts = ConsideredContexts(*ref.fixture, request);
  const bool skips = request.has_required_contexts() &&
                     request.required_contexts().contexts().empty();
  const bool passed =
      skips || std::all_of(contexts.begin(), contexts.end(), Passed);
  const int reasons = (problems.empty() ? 0 : 1) + (exists ? 0 : 1) +
                      (is_behind && wants_merge ? 1 : 0) + (passed ? 0 : 1);
  if (reasons > 1) expected.rules.push_back(12);

  if (!problems.empty()) {
    Refuse(problems, expected);
    return;
  }
  if (!exists) {
    Decide(expected, 422, 2);
    expected.answer.set_message(
        absl::StrCat("No ref found for: ", request.ref()));
    return;
  }
  if (is_behind && wants_merge) {
    std::string main;
    for (const v1::RefFixture& fixture : refs_) {
      if (fixture.is_default_branch()) main = fixture.name();
    }
    const bool is_branch = ref.form == slipway::v1::REF_FORM_BRANCH;
    expected.rules.insert(expected.rules.end(), {13, 80});
    if (is_branch && ref.fixture->merges_cleanly()) {
      Decide(expected, 202, 13);
      expected.answer.set_message(absl::StrCat(
          "Auto-merged ", main, " into ", request.ref(), " on deployment."));
      MergeInto(request.ref());
      return;
    }
    Decide(expected, 409, is_branch ? 13 : 14);
    expected.answer.set_message(
        absl::StrCat("Conflict merging ", main, " into ", request.ref(), "."));
    return;
  }
  if (!passed) {
    Decide(expected, 409, 15);
    expected.rules.push_back(80);
    expected.answer.set_message(absl::StrCat(
        "Conflict: Commit status checks failed for ", request.ref(), "."));
    for (CommitContext& context : contexts) {
      *expected.answer.add_contexts() = std::move(context);
    }
    return;
  }

  records_.emplace_back();
  Deployment& deployment = records_.back().deployment;
  deployment.set_id(++last_id_);
  deployment.set_ref(request.ref());
  deployment.set_sha(ref.sha);
  deployment.set_task(request.has_task() ? request.task() : "deploy");
  deployment.set_payload_type(request.payload_type());
  if (request.payload_type() != slipway::v1::PAYLOAD_TYPE_UNSPECIFIED) {
    deployment.set_payload(request.payload());
  }
  if (request.has_description()) {
    deployment.set_description(request.description());
  }
  deployment.set_environment(request.has_environment() ? request.environment()
                                                       : "production");
  deployment.set_original_environment(deployment.environment());
  deployment.set_transient_environment(request.transient_environment());
  deployment.set_production_environment(
      request.has_production_environment()
          ? request.production_environment()
          : IsProductionName(rules_, deployment.environment()));
  deployment.set_created_at_ms(operation.time_ms());
  deployment.set_updated_at_ms(operation.time_ms());
  Bind(call.binds(), deployment.id());

  expected.rules.insert(expected.rules.end(), {2, 10, 11, 16, 17, 80});
  if (request.has_environment()) expected.rules.push_back(60);
  // The check that it passed by the narrowest margin.
  int rule = 16;
  if (ref.form != slipway::v1::REF_FORM_BRANCH) rule = 2;
  if (!contexts.empty() || skips) {
    expected.rules.push_back(15);
    if (!contexts.empty()) rule = 15;
  }
  if (is_behind) rule = 13;
  Decide(expected, 201, rule);
  *expected.answer.mutable_deployment() = deployment;
  Notify("deployment", deployment.id(), expected);
}

void Oracle::MergeInto(const std::string& branch) {
  v1::RefFixture former;
  for (v1::RefFixture& ref : refs_) {
    const bool is_it = IsBranch(ref) && ref.name() == branch;
    absl::string_view rest = ref.name();
    absl::ConsumePrefix(&rest, "refs/");
    const bool is_its_qualified_name =
        ref.form() == slipway::v1::REF_FORM_QUALIFIED &&
        absl::ConsumePrefix(&rest, "heads/") && rest == branch;
    if (!is_it && !is_its_qualified_name) continue;
    if (is_it) former = ref;
    // The head is now a new commit.
    ref.set_is_behind(false);
    ref.clear_sha();
    ref.clear_contexts();
  }
  if (!former.sha().empty()) former_heads_.push_back(std::move(former));
}

void Oracle::CreateStatus(const v1::Operation& operation,
                          Expectation& expected) {
  const v1::CreateStatus& call = operation.create_status();
  const slipway::v1::CreateStatus& request = call.request();
  std::vector<int>& rules = expected.rules;

  const size_t place = PlaceOf(call.deployment());
  const bool exists = place < records_.size();
  const FieldProblems problems = ProblemsOf(request, rules_);
  const int64_t cap = StatusesMax(rules_.limits());
  const bool is_full =
      exists && cap > 0 &&
      static_cast<int64_t>(records_[place].statuses.size()) >= cap;
  // R12, for a status.
  const int reasons =
      (exists ? 0 : 1) + (problems.empty() ? 0 : 1) + (is_full ? 1 : 0);
  if (reasons > 1) rules.push_back(12);

  if (!exists) {
    NotFound(expected);
    return;
  }
  if (!problems.empty()) {
    Refuse(problems, expected);
    return;
  }
  if (is_full) {
    Decide(expected, 422, 26);
    expected.answer.set_message(kValidationFailed);
    expected.answer.add_errors(
        "This deployment has reached the maximum number of statuses.");
    return;
  }

  OracleRecord& record = records_[place];
  const std::string environment_before = record.deployment.environment();
  DeploymentStatus status;
  status.set_id(++last_id_);
  status.set_deployment_id(record.deployment.id());
  status.set_state(request.state());
  status.set_description(request.description());
  status.set_environment(request.has_environment() ? request.environment()
                                                   : environment_before);
  status.set_environment_url(request.environment_url());
  SetLogUrls(rules_, request, status);
  status.set_created_at_ms(operation.time_ms());
  AddStatus(record, status, 21);
  Bind(call.binds(), status.id());

  rules.insert(rules.end(), {11, 17, 20, 21, 22, 80});
  int rule = 20;
  if (request.has_environment() ||
      environment_before != record.deployment.original_environment()) {
    rules.push_back(23);
    if (request.has_environment()) rule = 23;
  }
  if (request.has_environment()) rules.push_back(60);
  if (request.has_log_url() || request.has_target_url()) {
    rules.insert(rules.end(), {24, 25});
    rule = 25;
  }
  if (!request.description().empty() || request.has_environment_url()) {
    rules.push_back(25);
    rule = 25;
  }
  if (cap > 0) rules.push_back(26);
  Decide(expected, 201, rule);
  *expected.answer.mutable_status() = status;
  if (status.state() != slipway::v1::STATUS_STATE_INACTIVE) {
    Notify("deployment_status", status.deployment_id(), expected);
    v1::Notification& told = *expected.answer.mutable_notifications(0);
    told.set_status_id(status.id());
    told.set_state(status.state());
  }
  ComeBy(place, status, !request.has_auto_inactive() || request.auto_inactive(),
         environment_before, expected);
}

void Oracle::AddStatus(OracleRecord& record, const DeploymentStatus& status,
                       int rule) {
  record.statuses.push_back(status);
  record.appended_by[status.id()] = rule;
  record.deployment.set_environment(status.environment());
  record.deployment.set_updated_at_ms(status.created_at_ms());
}

void Oracle::ComeBy(size_t place, const DeploymentStatus& status,
                    bool auto_inactive, absl::string_view environment_before,
                    Expectation& expected) {
  const bool triggers =
      status.state() == slipway::v1::STATUS_STATE_SUCCESS && auto_inactive;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (i == place) continue;
    OracleRecord& other = records_[i];
    const Encounter encounter = Meet(rules_, records_[place].deployment,
                                     environment_before, triggers, other);
    if (encounter.missed <= 1) expected.rules.push_back(encounter.rule);
    other.encounters.push_back(
        {status.created_at_ms(), encounter.rule, encounter.others});
    if (encounter.missed > 0) {
      const int nearness = encounter.missed > 1          ? 1
                           : !encounter.same_environment ? 2
                                                         : 3;
      if (nearness < other.exempted_nearness) continue;
      other.exempted_nearness = nearness;
      other.exempted_by = encounter.rule;
      continue;
    }
    // R35; the creator is the kit's one caller either way.
    expected.rules.insert(expected.rules.end(), {30, 31, 35});
    DeploymentStatus inactive;
    inactive.set_id(++last_id_);
    inactive.set_deployment_id(other.deployment.id());
    inactive.set_state(slipway::v1::STATUS_STATE_INACTIVE);
    inactive.set_environment(other.deployment.environment());
    inactive.set_created_at_ms(status.created_at_ms());
    AddStatus(other, inactive, encounter.rule);
  }
}

void Oracle::Delete(const v1::DeleteDeployment& call, Expectation& expected) {
  const size_t place = PlaceOf(call.deployment());
  if (place == records_.size()) {
    NotFound(expected);
    return;
  }
  expected.rules.insert(expected.rules.end(), {40, 42, 80});
  bool alone_in_repository = !others_exist_;
  bool alone_in_environment = true;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (i == place) continue;
    alone_in_repository = false;
    if (absl::EqualsIgnoreCase(records_[i].deployment.environment(),
                               records_[place].deployment.environment())) {
      alone_in_environment = false;
    }
  }
  const bool by_environment = EnvironmentIsDeletionScope(rules_);
  const bool is_alone =
      by_environment ? alone_in_environment : alone_in_repository;
  int rule = 40;
  if (IsActive(records_[place])) {
    expected.rules.push_back(41);
    // Where the other scope would have it otherwise, the scope decides.
    if (alone_in_repository != alone_in_environment) rule = 41;
    if (!is_alone) {
      Decide(expected, 422, rule);
      expected.answer.set_message(kValidationFailed);
      expected.answer.add_errors(
          absl::StrCat("We cannot delete an active deployment unless it is the "
                       "only deployment in a given ",
                       by_environment ? "environment." : "repository."));
      return;
    }
  }
  Decide(expected, 204, rule);
  records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(place));
}

void Oracle::Get(const v1::GetDeployment& call, Expectation& expected) const {
  const size_t place = PlaceOf(call.deployment());
  if (place == records_.size()) {
    NotFound(expected);
    return;
  }
  const OracleRecord& record = records_[place];
  Decide(expected, 200, 21);
  if (!record.statuses.empty()) {
    expected.rules.insert(expected.rules.end(), {22, 23});
  }
  *expected.answer.mutable_deployment() = record.deployment;
}

void Oracle::List(const v1::ListDeployments& call,
                  Expectation& expected) const {
  const bool by_sha = Filters(call.has_sha(), call.sha());
  const bool by_ref = Filters(call.has_ref(), call.ref());
  const bool by_task = Filters(call.has_task(), call.task());
  const bool by_environment =
      Filters(call.has_environment(), call.environment());
  std::vector<const Deployment*> found;  // newest first (R70)
  for (size_t i = records_.size(); i-- > 0;) {
    const Deployment& it = records_[i].deployment;
    if (by_sha && it.sha() != call.sha()) continue;
    if (by_ref && it.ref() != call.ref()) continue;
    if (by_task && it.task() != call.task()) continue;
    if (by_environment && !SameName(rules_.list_environment_match(),
                                    slipway::v1::NAME_MATCH_IGNORE_CASE,
                                    it.environment(), call.environment())) {
      continue;
    }
    found.push_back(&it);
  }
  Decide(expected, 200, 70);
  expected.rules.push_back(70);
  const Page page = PageOf(call, static_cast<int64_t>(found.size()),
                           rules_.limits(), expected);
  for (int64_t i = page.begin; i < page.end; ++i) {
    *expected.answer.add_deployments() = *found[static_cast<size_t>(i)];
  }
}

void Oracle::ListStatuses(const v1::ListStatuses& call,
                          Expectation& expected) const {
  const size_t place = PlaceOf(call.deployment());
  if (place == records_.size()) {
    NotFound(expected);
    return;
  }
  const std::vector<DeploymentStatus>& statuses = records_[place].statuses;
  Decide(expected, 200, 70);
  expected.rules.insert(expected.rules.end(), {21, 70});
  if (statuses.empty()) expected.rules.push_back(16);
  const auto total = static_cast<int64_t>(statuses.size());
  const Page page = PageOf(call, total, rules_.limits(), expected);
  for (int64_t i = page.begin; i < page.end; ++i) {
    *expected.answer.add_statuses() =
        statuses[static_cast<size_t>(total - 1 - i)];
  }
}

void Oracle::GetStatus(const v1::GetStatus& call, Expectation& expected) const {
  const size_t place = PlaceOf(call.deployment());
  const int64_t id = IdOf(call.status());
  if (place < records_.size()) {
    for (const DeploymentStatus& status : records_[place].statuses) {
      if (status.id() != id) continue;
      Decide(expected, 200, 21);
      *expected.answer.mutable_status() = status;
      return;
    }
  }
  NotFound(expected);
}

}  // namespace conformance
}  // namespace slipway
