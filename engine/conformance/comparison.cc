#include "slipway/conformance/comparison.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace slipway {
namespace conformance {

using slipway::v1::Deployment;
using slipway::v1::DeploymentStatus;

namespace {

// No row has it, and it keeps its digits in JSON.
constexpr int64_t kNoRow = (int64_t{1} << 53) - 1;
// How much of a value a summary shows.
constexpr size_t kShownBytesMax = 60;
// How far apart two moments may be that are one for the oracle, where the
// subject has a clock of its own.
constexpr int64_t kSlackSeconds = 1;

int64_t SecondsOf(int64_t time_ms) { return time_ms / 1000; }

std::string Shown(absl::string_view text) {
  if (text.size() <= kShownBytesMax) return absl::StrCat("\"", text, "\"");
  size_t size = kShownBytesMax;
  while (size > 0 && (text[size] & 0xC0) == 0x80) --size;
  return absl::StrCat("\"", text.substr(0, size), "\"... (", text.size(),
                      " bytes)");
}
std::string Shown(bool value) { return value ? "true" : "false"; }
std::string Shown(int64_t value) { return absl::StrCat(value); }
std::string Shown(slipway::v1::StatusState state) {
  absl::string_view name = slipway::v1::StatusState_Name(state);
  if (name.empty()) return absl::StrCat("state ", static_cast<int>(state));
  return absl::AsciiStrToLower(name.substr(name.find("STATE_") + 6));
}

bool IsEmptyObject(slipway::v1::PayloadType type, absl::string_view payload) {
  if (type == slipway::v1::PAYLOAD_TYPE_UNSPECIFIED) return true;
  if (type != slipway::v1::PAYLOAD_TYPE_OBJECT) return false;
  return absl::StripAsciiWhitespace(payload) == "{}";
}

bool IsEqualJson(const std::string& a, const std::string& b) {
  google::protobuf::Value value_a;
  google::protobuf::Value value_b;
  if (!google::protobuf::util::JsonStringToMessage(a, &value_a).ok() ||
      !google::protobuf::util::JsonStringToMessage(b, &value_b).ok()) {
    return false;
  }
  // The text of a message has the keys of its maps in order.
  return value_a.DebugString() == value_b.DebugString();
}

template <typename Rows>
bool IsNewestFirst(const Rows& rows) {
  for (int i = 1; i < rows.size(); ++i) {
    if (rows[i - 1].id() <= rows[i].id()) return false;
  }
  return true;
}

}  // namespace

int RuleOfField(const std::string& field) {
  struct Row {
    absl::string_view field;
    int rule;
  };
  constexpr Row kRows[] = {
      {"ref", 2},
      {"task", 10},
      {"transient_environment", 10},
      {"production_environment", 10},
      {"payload", 11},
      {"auto_merge", 13},
      {"required_contexts", 15},
      {"state", 20},
      {"description", 25},
      {"environment_url", 25},
      {"log_url", 25},
      {"target_url", 25},
      {"auto_inactive", 30},
      {"environment", 60},
  };
  for (const Row& row : kRows) {
    if (row.field == field) return row.rule;
  }
  return 0;
}

// ---------------------------------------------------------------------------
// Ids.

int64_t SymbolTable::IdOf(const std::string& symbol) const {
  for (auto known = ids_.rbegin(); known != ids_.rend(); ++known) {
    if (known->first == symbol) return known->second;
  }
  return 0;
}

void SymbolTable::FillIn(v1::Operation& operation) const {
  const auto id_of = [this](const std::string& symbol) {
    const int64_t id = IdOf(symbol);
    return id != 0 ? id : kNoRow;
  };
  switch (operation.call_case()) {
    case v1::Operation::kCreateStatus: {
      v1::CreateStatus& call = *operation.mutable_create_status();
      call.set_deployment_id(id_of(call.deployment()));
      return;
    }
    case v1::Operation::kDeleteDeployment: {
      v1::DeleteDeployment& call = *operation.mutable_delete_deployment();
      call.set_deployment_id(id_of(call.deployment()));
      return;
    }
    case v1::Operation::kGetDeployment: {
      v1::GetDeployment& call = *operation.mutable_get_deployment();
      call.set_deployment_id(id_of(call.deployment()));
      return;
    }
    case v1::Operation::kListStatuses: {
      v1::ListStatuses& call = *operation.mutable_list_statuses();
      call.set_deployment_id(id_of(call.deployment()));
      return;
    }
    case v1::Operation::kGetStatus: {
      v1::GetStatus& call = *operation.mutable_get_status();
      call.set_deployment_id(id_of(call.deployment()));
      call.set_status_id(id_of(call.status()));
      return;
    }
    case v1::Operation::kCreateDeployment:
    case v1::Operation::kListDeployments:
    case v1::Operation::CALL_NOT_SET:
      return;
  }
}

void SymbolTable::Bind(const v1::Operation& operation,
                       const v1::Answer& answer) {
  if (operation.has_create_deployment() && answer.has_deployment()) {
    ids_.emplace_back(operation.create_deployment().binds(),
                      answer.deployment().id());
  } else if (operation.has_create_status() && answer.has_status()) {
    ids_.emplace_back(operation.create_status().binds(), answer.status().id());
  }
}

int64_t IdMatching::TheirsOf(int64_t ours) const {
  const auto found = std::lower_bound(
      pairs_.begin(), pairs_.end(), ours,
      [](const Pair& pair, int64_t id) { return pair.ours < id; });
  return found != pairs_.end() && found->ours == ours ? found->theirs : 0;
}

bool IdMatching::Knows(int64_t theirs) const {
  return std::any_of(pairs_.begin(), pairs_.end(), [theirs](const Pair& pair) {
    return pair.theirs == theirs;
  });
}

std::string IdMatching::Match(int64_t ours, int64_t theirs, int64_t time_ms) {
  if (theirs <= 0) return absl::StrCat("id ", theirs, " is not positive");
  auto place = std::lower_bound(
      pairs_.begin(), pairs_.end(), ours,
      [](const Pair& pair, int64_t id) { return pair.ours < id; });
  if (place != pairs_.end() && place->ours == ours) {
    if (place->theirs == theirs) return "";
    return absl::StrCat("id: expected ", place->theirs, " as before, got ",
                        theirs);
  }
  for (auto before = place; before != pairs_.begin();) {
    --before;
    if (before->theirs == theirs) {
      return absl::StrCat("id ", theirs, " is that of an older row");
    }
    if (before->time_ms == time_ms) continue;
    if (before->theirs > theirs) {
      return absl::StrCat("id ", theirs, " is not above ", before->theirs,
                          ", the id of an older row");
    }
    break;
  }
  for (auto after = place; after != pairs_.end(); ++after) {
    if (after->theirs == theirs) {
      return absl::StrCat("id ", theirs, " is that of a newer row");
    }
    if (after->time_ms == time_ms) continue;
    if (after->theirs < theirs) {
      return absl::StrCat("id ", theirs, " is not below ", after->theirs,
                          ", the id of a newer row");
    }
    break;
  }
  pairs_.insert(place, {ours, theirs, time_ms});
  return "";
}

// ---------------------------------------------------------------------------
// Answers.

// Compares one answer. What differs is gathered; the first difference leads.
class AnswerComparer {
 public:
  AnswerComparer(const v1::Operation& operation, const Expectation& expected,
                 const v1::Answer& actual, const Oracle& oracle,
                 Comparison& state)
      : operation_(operation),
        expectation_(expected),
        expected_(expected.answer),
        actual_(actual),
        oracle_(oracle),
        state_(state) {}

  absl::optional<Mismatch> Compare() {
    if (expected_.code() != actual_.code()) {
      CompareCode();
      return mismatch_;
    }
    // Nothing of it can be looked at: an empty list is not told from no list.
    if (!actual_.flaw().empty()) {
      Differ({Deciding()}, actual_.flaw());
      return mismatch_;
    }
    if (expected_.code() >= 400 || expected_.code() == 202) CompareRefusal();
    if (expected_.has_deployment()) {
      if (actual_.has_deployment()) {
        CompareDeployment(expected_.deployment(), actual_.deployment());
      } else {
        Differ({Deciding()}, "the answer has no deployment");
      }
    }
    if (expected_.has_status()) {
      if (actual_.has_status()) {
        CompareStatus(expected_.status(), actual_.status());
      } else {
        Differ({Deciding()}, "the answer has no status");
      }
    }
    if (expected_.code() == 200) {
      if (operation_.has_list_deployments()) CompareDeploymentList();
      if (operation_.has_list_statuses()) CompareStatusList();
    }
    if (state_.notifications_) CompareNotifications();
    return mismatch_;
  }

 private:
  int Deciding() const {
    if (expectation_.deciding_rule != 0) return expectation_.deciding_rule;
    return expectation_.rules.empty() ? 12 : expectation_.rules.front();
  }
  bool Shaped(int rule) const {
    return std::find(expectation_.rules.begin(), expectation_.rules.end(),
                     rule) != expectation_.rules.end();
  }

  void Differ(std::initializer_list<int> rules, absl::string_view summary) {
    DifferBy(rules, summary);
  }
  template <typename Rules>
  void DifferBy(const Rules& rules, absl::string_view summary) {
    if (!mismatch_.has_value()) {
      mismatch_.emplace();
      mismatch_->summary = std::string(summary);
    }
    for (const int rule : rules) {
      if (rule == 0 ||
          std::find(mismatch_->rules.begin(), mismatch_->rules.end(), rule) !=
              mismatch_->rules.end()) {
        continue;
      }
      mismatch_->rules.push_back(rule);
    }
    if (mismatch_->rules.empty()) mismatch_->rules.push_back(Deciding());
  }

  template <typename Value>
  void CompareField(absl::string_view field, const Value& expected,
                    const Value& actual, std::initializer_list<int> rules) {
    if (expected == actual) return;
    Differ(rules, absl::StrCat(field, ": expected ", Shown(expected), ", got ",
                               Shown(actual)));
  }

  const OracleRecord* RecordOf(int64_t id) const {
    for (const OracleRecord& record : oracle_.records()) {
      if (record.deployment.id() == id) return &record;
    }
    return nullptr;
  }

  // ---- Codes.

  void CompareCode() {
    const int code = actual_.code();
    std::string summary =
        absl::StrCat("expected ", expected_.code(),
                     expected_.message().empty()
                         ? ""
                         : absl::StrCat(" ", Shown(expected_.message())),
                     ", got ", code,
                     actual_.message().empty()
                         ? ""
                         : absl::StrCat(" ", Shown(actual_.message())));
    for (const slipway::v1::Violation& violation : actual_.violations()) {
      absl::StrAppend(&summary, " (", violation.field(), ": ",
                      violation.message(), ")");
    }
    const bool refused = code >= 400 && code < 500;
    const bool to_be_refused = expected_.code() >= 400;
    if (operation_.has_delete_deployment()) {
      const int64_t id =
          oracle_.IdOf(operation_.delete_deployment().deployment());
      row_ = id;
      if (expected_.code() == 422 && !refused) {
        // Nobody else in its environment: the scope was too narrow.
        if (IsAloneInEnvironment(id)) return Differ({41, 40}, summary);
        return Differ({40, 41}, summary);
      }
      if (expected_.code() == 204 && code == 422) {
        if (Shaped(41)) return Differ({41, 40}, summary);
        return Differ({40, 41}, summary);
      }
      return Differ({Deciding(), 42}, summary);
    }
    const bool create = operation_.has_create_deployment();
    if (to_be_refused || !refused) {
      // R14 is about what R13 does; a 202 is a merge that was made.
      const bool merge = create && (Deciding() == 14 || code == 202);
      Differ({Deciding(), create && refused ? 12 : 0, merge ? 13 : 0,
              create && refused ? RuleOfRefusal() : 0},
             summary);
      return;
    }
    // A later check came before the one that had something to do.
    const int order = create && Shaped(12) ? 12 : 0;
    Differ({RuleOfRefusal(), Deciding(), order}, summary);
  }

  // The rule that the subject seems to have refused by.
  int RuleOfRefusal() const {
    if (!operation_.has_create_deployment()) {
      if (actual_.code() == 404) return Deciding();
      if (actual_.violations().empty()) return Deciding();
      return RuleOfField(actual_.violations(0).field());
    }
    if (actual_.code() == 409) {
      if (!actual_.contexts().empty()) return 15;
      if (absl::StrContains(actual_.message(), "merging")) return 13;
      if (absl::StrContains(actual_.message(), "checks")) return 15;
      // Which of the two was looked at?
      return Shaped(15) ? 15 : 13;
    }
    if (absl::StrContains(actual_.message(), "No ref found")) return 2;
    if (actual_.violations().empty()) return Deciding();
    return RuleOfField(actual_.violations(0).field());
  }

  bool IsAloneInEnvironment(int64_t id) const {
    const OracleRecord* record = RecordOf(id);
    if (record == nullptr) return false;
    return std::none_of(oracle_.records().begin(), oracle_.records().end(),
                        [&](const OracleRecord& other) {
                          return other.deployment.id() != id &&
                                 absl::EqualsIgnoreCase(
                                     other.deployment.environment(),
                                     record->deployment.environment());
                        });
  }

  // ---- Refusals.

  void CompareRefusal() {
    if (!expected_.message().empty() && !actual_.message().empty()) {
      CompareField("message", expected_.message(), actual_.message(),
                   {Deciding(), Shaped(12) ? 12 : 0,
                    operation_.has_create_deployment() ? RuleOfRefusal() : 0});
    }
    if (expected_.errors_size() == 1 && actual_.errors_size() > 0) {
      CompareField("errors", expected_.errors(0), actual_.errors(0),
                   {operation_.has_delete_deployment() ? 41 : Deciding()});
    }
    if (!expected_.violations().empty()) {
      for (const slipway::v1::Violation& violation : actual_.violations()) {
        const bool known = std::any_of(
            expected_.violations().begin(), expected_.violations().end(),
            [&](const slipway::v1::Violation& other) {
              return other.field() == violation.field();
            });
        if (known) continue;
        Differ({RuleOfField(violation.field())},
               absl::StrCat("nothing is wrong with ", violation.field(),
                            ", but got: ", violation.message()));
      }
    }
    if (!expected_.contexts().empty()) CompareContexts();
  }

  void CompareContexts() {
    const auto told = [](const v1::Answer& answer) {
      std::vector<std::string> lines;
      for (const slipway::v1::CommitContext& context : answer.contexts()) {
        lines.push_back(absl::StrCat(
            absl::AsciiStrToLower(context.context()), " ",
            absl::AsciiStrToLower(
                slipway::v1::CommitContextState_Name(context.state()))));
      }
      std::sort(lines.begin(), lines.end());
      std::string all;
      for (const std::string& line : lines) absl::StrAppend(&all, line, "; ");
      return all;
    };
    const std::string expected = told(expected_);
    const std::string actual = told(actual_);
    CompareField("contexts", expected, actual, {15});
  }

  // ---- Rows.

  void CompareId(absl::string_view what, int64_t ours, int64_t theirs,
                 int64_t time_ms, IdMatching& ids) {
    const std::string contradiction = ids.Match(ours, theirs, time_ms);
    if (contradiction.empty()) return;
    Differ({17}, absl::StrCat(what, " ", contradiction));
  }

  void CompareTime(absl::string_view field, int64_t expected_ms,
                   int64_t actual_ms, std::initializer_list<int> rules) {
    const int64_t actual = SecondsOf(actual_ms);
    // Two that are missing would be equal.
    if (actual_ms == 0 && expected_ms != 0) {
      return Differ(rules, absl::StrCat(field, ": there is none"));
    }
    if (state_.lends_clock_) {
      if (SecondsOf(expected_ms) == actual) return;
      Differ(rules, absl::StrCat(field, ": expected ", expected_ms, " ms, got ",
                                 actual_ms, " ms"));
      return;
    }
    auto known = std::lower_bound(state_.times_.begin(), state_.times_.end(),
                                  expected_ms,
                                  [](const std::pair<int64_t, int64_t>& time,
                                     int64_t ms) { return time.first < ms; });
    if (known == state_.times_.end() || known->first != expected_ms) {
      state_.times_.insert(known, {expected_ms, actual});
      return;
    }
    const int64_t apart = actual > known->second ? actual - known->second
                                                 : known->second - actual;
    if (apart <= kSlackSeconds) return;
    Differ(rules, absl::StrCat(field, ": expected the second ", known->second,
                               ", got ", actual));
  }

  void ComparePayload(const Deployment& expected, const Deployment& actual,
                      std::initializer_list<int> rules) {
    if (IsEmptyObject(expected.payload_type(), expected.payload()) &&
        IsEmptyObject(actual.payload_type(), actual.payload())) {
      return;
    }
    if (IsEmptyObject(expected.payload_type(), expected.payload()) &&
        actual.payload_type() == slipway::v1::PAYLOAD_TYPE_OBJECT) {
      Differ(rules, absl::StrCat("payload: expected {}, got ",
                                 Shown(actual.payload())));
      return;
    }
    if (expected.payload_type() != actual.payload_type()) {
      Differ(rules, absl::StrCat(
                        "payload: expected ",
                        slipway::v1::PayloadType_Name(expected.payload_type()),
                        ", got ",
                        slipway::v1::PayloadType_Name(actual.payload_type())));
      return;
    }
    if (expected.payload() == actual.payload()) return;
    if (!state_.payload_bytes_ &&
        expected.payload_type() == slipway::v1::PAYLOAD_TYPE_OBJECT &&
        IsEqualJson(expected.payload(), actual.payload())) {
      return;
    }
    CompareField("payload", expected.payload(), actual.payload(), rules);
  }

  void CompareLogin(bool has_creator, const slipway::v1::Actor& creator,
                    int rule) {
    if (state_.login_.empty()) return;
    if (has_creator) {
      CompareField("creator", state_.login_, creator.login(), {rule});
    } else {
      Differ({rule},
             absl::StrCat("creator: expected ", state_.login_, ", got none"));
    }
  }

  // A field that a new deployment has wrong breaks the rule of that field; one
  // that was right before, the rule that deployments do not change.
  void CompareDeployment(const Deployment& expected, const Deployment& actual) {
    row_ = expected.id();
    const bool created = operation_.has_create_deployment();
    const OracleRecord* record = RecordOf(expected.id());
    const bool fresh =
        created || (record != nullptr && record->statuses.empty());
    const auto rule = [&](int own) { return fresh ? own : 21; };
    const auto then = [&](int own) { return fresh ? 0 : own; };
    CompareId("deployment", expected.id(), actual.id(),
              expected.created_at_ms(), state_.deployment_ids_);
    CompareField("original_environment", expected.original_environment(),
                 actual.original_environment(), {fresh ? 10 : 23});
    const bool named =
        created && operation_.create_deployment().request().has_environment();
    CompareField("environment", expected.environment(), actual.environment(),
                 {fresh ? (named ? 60 : 10) : 23, fresh ? 0 : 60});
    const bool moved =
        expected.environment() != expected.original_environment();
    CompareField("transient_environment", expected.transient_environment(),
                 actual.transient_environment(),
                 {moved ? 23 : rule(10), then(10)});
    CompareField("production_environment", expected.production_environment(),
                 actual.production_environment(),
                 {moved ? 23 : rule(10), then(10)});
    CompareField("ref", expected.ref(), actual.ref(), {rule(2), then(2)});
    if (!expected.sha().empty()) {
      CompareField("sha", expected.sha(), actual.sha(), {rule(2), then(2)});
    }
    CompareField("task", expected.task(), actual.task(), {rule(10), then(10)});
    ComparePayload(expected, actual, {rule(11), then(11)});
    if (expected.has_description() != actual.has_description()) {
      Differ({rule(11), then(11)},
             expected.has_description()
                 ? absl::StrCat("description: expected ",
                                Shown(expected.description()), ", got none")
                 : absl::StrCat("description: expected none, got ",
                                Shown(actual.description())));
    } else {
      CompareField("description", expected.description(), actual.description(),
                   {rule(11), then(11)});
    }
    CompareLogin(actual.has_creator(), actual.creator(), rule(10));
    CompareTime("created_at", expected.created_at_ms(), actual.created_at_ms(),
                {fresh ? 22 : 21});
    CompareTime("updated_at", expected.updated_at_ms(), actual.updated_at_ms(),
                {22});
  }

  // The rule under which a retirement appended the row; 0: a caller did.
  int AppendedBy(const DeploymentStatus& status) const {
    const OracleRecord* record = RecordOf(status.deployment_id());
    if (record == nullptr) return 0;
    const auto found = record->appended_by.find(status.id());
    if (found == record->appended_by.end() || found->second == 21) return 0;
    return found->second;
  }

  // What the status was that came by the deployment being looked at when a
  // retirement of it came about, or should have. nullptr: not known.
  const OracleEncounter* EncounterAt(int64_t time_ms) const {
    const OracleRecord* record = RecordOf(row_);
    if (record == nullptr) return nullptr;
    for (const OracleEncounter& encounter : record->encounters) {
      if (SecondsOf(encounter.time_ms) == SecondsOf(time_ms)) return &encounter;
    }
    return nullptr;
  }

  // The rules that a subject breaks which has retired the deployment being
  // looked at with `row`, the best guess first.
  std::vector<int> ExemptedBy(const DeploymentStatus& row) const {
    const OracleRecord* record = RecordOf(row_);
    std::vector<int> rules;
    const OracleEncounter* encounter =
        state_.lends_clock_ ? EncounterAt(row.created_at_ms()) : nullptr;
    if (encounter != nullptr) {
      rules.push_back(encounter->rule);
      rules.insert(rules.end(), encounter->others.begin(),
                   encounter->others.end());
    } else if (record != nullptr) {
      rules.push_back(record->exempted_by);
    }
    rules.push_back(31);
    return rules;
  }

  // The rules that a subject breaks which lacks `row`, a retirement.
  std::vector<int> RetiredBy(const DeploymentStatus& row) const {
    std::vector<int> rules = {AppendedBy(row), 31};
    if (const OracleEncounter* encounter = EncounterAt(row.created_at_ms())) {
      rules.insert(rules.end(), encounter->others.begin(),
                   encounter->others.end());
    }
    return rules;
  }

  // A retirement with an id that cannot be is more likely another one.
  void CompareStatusId(const DeploymentStatus& expected,
                       const DeploymentStatus& actual, bool appended) {
    const std::string contradiction = state_.status_ids_.Match(
        expected.id(), actual.id(), expected.created_at_ms());
    if (contradiction.empty()) return;
    const bool other = appended && state_.lends_clock_ &&
                       SecondsOf(expected.created_at_ms()) !=
                           SecondsOf(actual.created_at_ms());
    std::vector<int> rules;
    if (other) rules = RetiredBy(expected);
    rules.push_back(17);
    DifferBy(rules, absl::StrCat("status ", contradiction));
  }

  void CompareStatus(const DeploymentStatus& expected,
                     const DeploymentStatus& actual) {
    row_ = expected.deployment_id();
    const int appended_by = AppendedBy(expected);
    const bool appended = appended_by != 0;
    const bool created = operation_.has_create_status();
    const auto rule = [&](int own) { return appended ? 35 : own; };
    CompareField("state", expected.state(), actual.state(),
                 {appended  ? appended_by
                  : created ? 20
                            : 21});
    CompareStatusId(expected, actual, appended);
    CompareField("environment", expected.environment(), actual.environment(),
                 {appended ? 31 : 23, appended ? 23 : 60});
    const bool described =
        !expected.description().empty() && actual.description().empty();
    CompareField("description", expected.description(), actual.description(),
                 {rule(described ? 25 : 11), described ? 11 : 25});
    CompareField("log_url", expected.log_url(), actual.log_url(),
                 {rule(24), 25});
    CompareField("target_url", expected.target_url(), actual.target_url(),
                 {rule(24), 25});
    CompareField("environment_url", expected.environment_url(),
                 actual.environment_url(), {rule(25)});
    CompareLogin(actual.has_creator(), actual.creator(), rule(20));
    // A retirement that came too early was that of a status which was not to
    // retire it.
    const bool too_early =
        appended && state_.lends_clock_ &&
        SecondsOf(actual.created_at_ms()) < SecondsOf(expected.created_at_ms());
    if (too_early) {
      std::vector<int> rules = ExemptedBy(actual);
      rules.push_back(35);
      DifferBy(rules, "created_at: a retirement that came too early");
    } else {
      CompareTime("created_at", expected.created_at_ms(),
                  actual.created_at_ms(), {rule(21)});
    }
    if (actual.deployment_id() == 0) return;
    const int64_t deployment =
        state_.deployment_ids_.TheirsOf(expected.deployment_id());
    if (deployment != 0) {
      CompareField("deployment_id", deployment, actual.deployment_id(), {21});
    }
  }

  // ---- Lists.

  void ComparePages() {
    // There may be other rows than there should be.
    const int rows = operation_.has_list_statuses() ? 21 : 70;
    CompareField("next page", expected_.has_next_page(),
                 actual_.has_next_page(), {72, rows});
    CompareField("last page", expected_.last_page(), actual_.last_page(),
                 {72, rows});
  }

  // Whether it is the id of no deployment that there is.
  bool IsNowhere(int64_t theirs) const {
    for (const OracleRecord& record : oracle_.records()) {
      if (state_.deployment_ids_.TheirsOf(record.deployment.id()) == theirs) {
        return false;
      }
    }
    return true;
  }

  static bool Passes(const v1::ListDeployments& list, const Deployment& row) {
    const auto matches = [](bool asked, absl::string_view filter,
                            absl::string_view value) {
      return !asked || filter.empty() || filter == "none" || filter == value;
    };
    return matches(list.has_sha(), list.sha(), row.sha()) &&
           matches(list.has_ref(), list.ref(), row.ref()) &&
           matches(list.has_task(), list.task(), row.task()) &&
           matches(list.has_environment(),
                   absl::AsciiStrToLower(list.environment()),
                   absl::AsciiStrToLower(row.environment()));
  }

  void CompareDeploymentList() {
    const auto& expected = expected_.deployments();
    const auto& actual = actual_.deployments();
    bool same_rows = expected.size() == actual.size();
    for (int i = 0; same_rows && i < expected.size(); ++i) {
      const int64_t theirs = state_.deployment_ids_.TheirsOf(expected[i].id());
      same_rows = theirs == 0 || theirs == actual[i].id();
    }
    if (!same_rows) return ExplainDeploymentList();
    for (int i = 0; i < expected.size(); ++i) {
      CompareDeployment(expected[i], actual[i]);
    }
    row_ = 0;
    ComparePages();
  }

  void ExplainDeploymentList() {
    const v1::ListDeployments& list = operation_.list_deployments();
    const auto ids = [](const auto& rows, const auto& id_of) {
      std::string text;
      for (const Deployment& row : rows) {
        absl::StrAppend(&text, text.empty() ? "" : " ", id_of(row));
      }
      return text.empty() ? std::string("none") : text;
    };
    const std::string summary = absl::StrCat(
        "deployments: expected ",
        ids(expected_.deployments(),
            [this](const Deployment& row) {
              return state_.deployment_ids_.TheirsOf(row.id());
            }),
        ", got ", ids(actual_.deployments(), [](const Deployment& row) {
          return row.id();
        }));
    if (!IsNewestFirst(actual_.deployments())) return Differ({70, 17}, summary);
    bool filters = false;
    for (const Deployment& row : actual_.deployments()) {
      filters = filters || !Passes(list, row);
      if (!IsNowhere(row.id())) continue;
      // It was deleted, or nothing was to be created.
      if (state_.deployment_ids_.Knows(row.id())) {
        return Differ({42, 70}, summary);
      }
      return Differ({12, 13, 70}, summary);
    }
    if (filters) return Differ({70}, summary);
    // The rows are of the list, but not those of the page?
    if (list.has_page() || list.has_per_page() || expected_.has_next_page()) {
      const bool all_on_one_page = list.page() <= 1 &&
                                   !expected_.has_next_page() &&
                                   !actual_.has_next_page();
      if (!all_on_one_page) return Differ({71, 70}, summary);
      if (actual_.deployments_size() < expected_.deployments_size() &&
          list.per_page() > 0 && list.per_page() < 30 &&
          actual_.deployments_size() != 0) {
        return Differ({70, 71}, summary);
      }
    }
    Differ({70, 71}, summary);
  }

  void CompareStatusList() {
    const auto& expected = expected_.statuses();
    const auto& actual = actual_.statuses();
    row_ = oracle_.IdOf(operation_.list_statuses().deployment());
    if (!IsNewestFirst(actual)) {
      return Differ({70, 17}, "statuses are not listed newest first");
    }
    bool same_rows = expected.size() == actual.size();
    for (int i = 0; same_rows && i < expected.size(); ++i) {
      const int64_t theirs = state_.status_ids_.TheirsOf(expected[i].id());
      same_rows = theirs != 0 ? theirs == actual[i].id()
                              : expected[i].state() == actual[i].state();
    }
    if (!same_rows) return ExplainStatusList();
    for (int i = 0; i < expected.size(); ++i) {
      CompareStatus(expected[i], actual[i]);
    }
    ComparePages();
  }

  void ExplainStatusList() {
    const auto states = [](const auto& rows) {
      std::string text;
      for (const DeploymentStatus& row : rows) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", Shown(row.state()));
        if (text.size() > 200) return text + ", ...";
      }
      return text.empty() ? std::string("none") : text;
    };
    const auto& expected = expected_.statuses();
    const auto& actual = actual_.statuses();
    const std::string summary =
        absl::StrCat("statuses, newest first: expected ", states(expected),
                     "; got ", states(actual));
    const OracleRecord* record = RecordOf(row_);
    if (record != nullptr && record->statuses.empty() &&
        actual.rbegin()->state() != slipway::v1::STATUS_STATE_INACTIVE) {
      return Differ({16, 21}, summary);
    }
    const v1::ListStatuses& list = operation_.list_statuses();
    const bool whole = list.page() <= 1 && !expected_.has_next_page() &&
                       !actual_.has_next_page();
    // Side by side from the oldest where all can be seen, else from the newest.
    for (int i = 0; i < std::max(expected.size(), actual.size()); ++i) {
      const DeploymentStatus* ours =
          i < expected.size() ? &expected[whole ? expected.size() - 1 - i : i]
                              : nullptr;
      const DeploymentStatus* theirs =
          i < actual.size() ? &actual[whole ? actual.size() - 1 - i : i]
                            : nullptr;
      if (ours != nullptr && theirs != nullptr &&
          ours->state() == theirs->state()) {
        const int64_t known = state_.status_ids_.TheirsOf(ours->id());
        if (known == 0 || known == theirs->id()) continue;
      }
      if (ours != nullptr && AppendedBy(*ours) != 0) {
        std::vector<int> rules = RetiredBy(*ours);
        rules.push_back(36);
        if (!whole) rules.push_back(71);
        return DifferBy(rules, summary);
      }
      if (theirs != nullptr &&
          theirs->state() == slipway::v1::STATUS_STATE_INACTIVE &&
          !IsKnownStatus(theirs->id())) {
        std::vector<int> rules = ExemptedBy(*theirs);
        rules.push_back(36);
        if (!whole) rules.push_back(71);
        if (actual.size() < expected.size()) rules.push_back(21);
        return DifferBy(rules, summary);
      }
      break;
    }
    if (list.has_page() || list.has_per_page() || expected_.has_next_page()) {
      return Differ({whole ? 21 : 71, whole ? 71 : 21}, summary);
    }
    Differ({21, 70}, summary);
  }

  // Whether the subject's row is one that the oracle has on that deployment.
  bool IsKnownStatus(int64_t theirs) const {
    const OracleRecord* record = RecordOf(row_);
    if (record == nullptr) return false;
    return std::any_of(record->statuses.begin(), record->statuses.end(),
                       [&](const DeploymentStatus& status) {
                         return state_.status_ids_.TheirsOf(status.id()) ==
                                theirs;
                       });
  }

  // ---- Notifications.

  void CompareNotifications() {
    const auto line = [](const v1::Notification& notification) {
      return absl::StrCat(notification.event(), " ", notification.action(), " ",
                          Shown(notification.state()));
    };
    const auto lines = [&](const v1::Answer& answer) {
      std::string text;
      for (const v1::Notification& notification : answer.notifications()) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", line(notification));
      }
      return text.empty() ? std::string("none") : text;
    };
    bool same = expected_.notifications_size() == actual_.notifications_size();
    for (int i = 0; same && i < expected_.notifications_size(); ++i) {
      const v1::Notification& ours = expected_.notifications(i);
      const v1::Notification& theirs = actual_.notifications(i);
      const auto fits = [](const IdMatching& ids, int64_t our_id,
                           int64_t their_id) {
        const int64_t known = ids.TheirsOf(our_id);
        return our_id == 0 || their_id == 0 || known == 0 || known == their_id;
      };
      same = ours.event() == theirs.event() &&
             ours.action() == theirs.action() &&
             (ours.event() != "deployment_status" ||
              ours.state() == theirs.state()) &&
             fits(state_.deployment_ids_, ours.deployment_id(),
                  theirs.deployment_id()) &&
             fits(state_.status_ids_, ours.status_id(), theirs.status_id());
    }
    if (same) return;
    Differ({80}, absl::StrCat("notifications: expected ", lines(expected_),
                              "; got ", lines(actual_)));
  }

  const v1::Operation& operation_;
  const Expectation& expectation_;
  const v1::Answer& expected_;
  const v1::Answer& actual_;
  const Oracle& oracle_;
  Comparison& state_;
  // The oracle's id of the deployment that is being looked at.
  int64_t row_ = 0;
  absl::optional<Mismatch> mismatch_;
};

Comparison::Comparison(const v1::Capabilities& capabilities)
    : lends_clock_(capabilities.lends_clock()),
      notifications_(capabilities.notifications()),
      payload_bytes_(capabilities.payload_bytes()),
      login_(capabilities.login()) {}

absl::optional<Mismatch> Comparison::Compare(const v1::Operation& operation,
                                             const Expectation& expected,
                                             const v1::Answer& answer,
                                             const Oracle& oracle) {
  return AnswerComparer(operation, expected, answer, oracle, *this).Compare();
}

}  // namespace conformance
}  // namespace slipway
