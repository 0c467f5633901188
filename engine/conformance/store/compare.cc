#include "engine/conformance/store/compare.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "slipway/core/evolve.h"
#include "slipway/core/facts.h"
#include "slipway/core/names.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"

namespace slipway {
namespace internal {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

// The answer of a query that must not fail; nullopt: it failed, and that has
// been noted.
template <typename Answer>
absl::optional<Answer> Answered(const char* method,
                                absl::StatusOr<Answer> answer,
                                Findings& findings) {
  if (!findings.Expect(answer.ok(), method, ": ", answer.status().ToString())) {
    return absl::nullopt;
  }
  return *std::move(answer);
}

// Whether two rows, which may be absent, are the same.
template <typename Row>
void CompareOptional(const std::string& what,
                     const absl::optional<Row>& expected,
                     const absl::optional<Row>& actual, Findings& findings) {
  if (expected.has_value() && actual.has_value()) {
    findings.ExpectSame(what, *expected, *actual);
    return;
  }
  findings.Expect(expected.has_value() == actual.has_value(), what,
                  expected.has_value() ? ": there is one, but none was found"
                                       : ": there is none, but one was found: ",
                  actual.has_value() ? actual->ShortDebugString() : "");
}

// Compares a page with the part of `expected`, which is newest first, that
// `offset` and `limit` say.
template <typename Row>
void ComparePage(const std::string& what,
                 const std::vector<const Row*>& expected, int64_t offset,
                 int64_t limit, const Store::Page<Row>& page,
                 Findings& findings) {
  const auto total = static_cast<int64_t>(expected.size());
  const std::string where =
      absl::StrCat(what, " from ", offset, ", at most ", limit);
  findings.Expect(page.total == total, where, ": total is ", page.total,
                  ", but ", total, " match");
  const int64_t begin = std::clamp<int64_t>(offset, 0, total);
  const int64_t size = std::clamp<int64_t>(limit, 0, total - begin);
  if (!findings.Expect(static_cast<int64_t>(page.rows.size()) == size, where,
                       ": ", page.rows.size(), " rows instead of ", size)) {
    return;
  }
  for (int64_t i = 0; i < size; ++i) {
    if (!findings.ExpectSame(absl::StrCat(where, ", row ", i),
                             *expected[begin + i], page.rows[i])) {
      return;
    }
  }
}

void CompareDeployment(Store& store, const v1::RepositoryName& name,
                       const v1::DeploymentRecord& record, Findings& findings) {
  const int64_t id = record.deployment().id();
  const auto found =
      Answered("FindDeployment", store.FindDeployment({name, id}), findings);
  if (!found.has_value()) return;
  if (!findings.Expect(found->has_value(), "FindDeployment: no ", id)) return;
  findings.ExpectSame("FindDeployment", record.deployment(),
                      (*found)->deployment);
  absl::optional<v1::DeploymentStatus> latest;
  if (!record.statuses().empty()) latest = *record.statuses().rbegin();
  CompareOptional(absl::StrCat("the latest status of ", id), latest,
                  (*found)->latest_status, findings);

  std::vector<const v1::DeploymentStatus*> statuses;
  for (const v1::DeploymentStatus& status : record.statuses()) {
    statuses.insert(statuses.begin(), &status);
  }
  const auto total = static_cast<int64_t>(statuses.size());
  const std::vector<std::pair<int64_t, int64_t>> pages = {
      {0, 30},      {0, kFar}, {1, 1}, {total - 1, 2}, {total, 30},
      {kFar, kFar}, {-1, 30},  {0, 0}, {0, -1},        {total + 1, 1}};
  for (const auto& [offset, limit] : pages) {
    Store::ListStatusesParams params;
    params.repository = name;
    params.deployment_id = id;
    params.offset = offset;
    params.limit = limit;
    const auto page =
        Answered("ListStatuses", store.ListStatuses(params), findings);
    if (!page.has_value()) return;
    if (!findings.Expect(page->has_value(), "ListStatuses: no ", id)) return;
    ComparePage(absl::StrCat("statuses of ", id), statuses, offset, limit,
                **page, findings);
  }
  for (const v1::DeploymentStatus& status : record.statuses()) {
    const auto one = Answered(
        "FindStatus", store.FindStatus({name, id, status.id()}), findings);
    if (!one.has_value()) return;
    CompareOptional<v1::DeploymentStatus>("FindStatus", status, *one, findings);
  }
}

// Ids that no deployment has: those of other rows, those of deleted ones, and
// those that nobody has.
void CompareAbsent(Store& store, const v1::RepositoryName& name,
                   const v1::RepositoryState& state, Findings& findings) {
  std::set<int64_t> absent = {0, -1, 1, kFar, state.last_id() + 1};
  std::set<int64_t> statuses = {0, state.last_id() + 1};
  std::set<int64_t> deployments;
  for (const v1::DeploymentRecord& record : state.deployments()) {
    deployments.insert(record.deployment().id());
    for (const v1::DeploymentStatus& status : record.statuses()) {
      absent.insert(status.id());
      statuses.insert(status.id());
    }
    absent.insert(record.deployment().id() - 1);
  }
  absent.insert(state.last_id());
  for (const v1::Environment& environment : state.environments()) {
    absent.insert(environment.id());
  }
  constexpr int kTriedMax = 24;
  int tried = 0;
  for (const int64_t id : absent) {
    if (deployments.count(id) > 0 || ++tried > kTriedMax) continue;
    const auto found =
        Answered("FindDeployment", store.FindDeployment({name, id}), findings);
    const auto page =
        Answered("ListStatuses", store.ListStatuses({name, id}), findings);
    if (!found.has_value() || !page.has_value()) return;
    findings.Expect(!found->has_value(), "FindDeployment: there is no ", id,
                    ", but it was found");
    findings.Expect(!page->has_value(), "ListStatuses: there is no ", id,
                    ", but it was found");
    for (const int64_t status_id : statuses) {
      if (++tried > 2 * kTriedMax) break;
      const auto status = Answered(
          "FindStatus", store.FindStatus({name, id, status_id}), findings);
      findings.Expect(status.has_value() && !status->has_value(),
                      "FindStatus: found ", status_id, " of ", id,
                      ", which is no deployment");
    }
  }
  // A status of one deployment is not one of another.
  for (int i = 1; i < state.deployments_size() && i < kTriedMax; ++i) {
    for (const v1::DeploymentStatus& status : state.deployments(i).statuses()) {
      const int64_t id = state.deployments(i - 1).deployment().id();
      const auto found = Answered(
          "FindStatus", store.FindStatus({name, id, status.id()}), findings);
      findings.Expect(found.has_value() && !found->has_value(),
                      "FindStatus: found ", status.id(),
                      " under a deployment that it is not of, ", id);
    }
  }
}

// One filter of a list: the values to try, the first of which is none.
using Filter = std::vector<absl::optional<std::string>>;

std::string Describe(const absl::optional<std::string>& value) {
  return value.has_value() ? absl::StrCat("\"", *value, "\"") : "-";
}

void CompareList(Store& store, const Store::ListDeploymentsParams& filters,
                 const v1::RepositoryState& state, bool every_page,
                 Findings& findings) {
  std::vector<const v1::Deployment*> expected;
  for (int i = state.deployments_size() - 1; i >= 0; --i) {
    const v1::Deployment& row = state.deployments(i).deployment();
    if (filters.sha && *filters.sha != row.sha()) continue;
    if (filters.ref && *filters.ref != row.ref()) continue;
    if (filters.task && *filters.task != row.task()) continue;
    if (filters.environment) {
      const bool same =
          filters.environment_match == v1::NAME_MATCH_EXACT
              ? *filters.environment == row.environment()
              : FoldName(*filters.environment) == FoldName(row.environment());
      if (!same) continue;
    }
    expected.push_back(&row);
  }
  const auto total = static_cast<int64_t>(expected.size());
  std::vector<std::pair<int64_t, int64_t>> pages = {{0, 1000}, {1, 2}};
  if (every_page) {
    pages.insert(pages.end(), {{0, kFar},
                               {kFar, kFar},
                               {-3, 2},
                               {0, 0},
                               {0, -1},
                               {total - 1, 2},
                               {total, 2},
                               {total + 1, 2}});
    for (int64_t offset = 0; offset < std::min<int64_t>(total, 20);
         offset += 3) {
      pages.emplace_back(offset, 3);
    }
  }
  const std::string what = absl::StrCat(
      "ListDeployments with sha ", Describe(filters.sha), ", ref ",
      Describe(filters.ref), ", task ", Describe(filters.task),
      ", environment ", Describe(filters.environment),
      filters.environment_match == v1::NAME_MATCH_EXACT ? " (exact)" : "");
  for (const auto& [offset, limit] : pages) {
    Store::ListDeploymentsParams params = filters;
    params.offset = offset;
    params.limit = limit;
    const auto page =
        Answered("ListDeployments", store.ListDeployments(params), findings);
    if (!page.has_value()) return;
    if (!findings.Expect(page->has_value(), what, ": no repository")) return;
    ComparePage(what, expected, offset, limit, **page, findings);
    if (!findings.empty()) return;
  }
}

// The values of one field that occur, newest first; other spellings of them;
// and one that does not.
Filter ValuesOf(const v1::RepositoryState& state,
                const std::string& (v1::Deployment::*field)() const,
                size_t size_max) {
  Filter values = {absl::nullopt};
  const auto add = [&](const std::string& value) {
    if (values.size() < size_max &&
        std::find(values.begin(), values.end(), value) == values.end()) {
      values.emplace_back(value);
    }
  };
  for (int i = state.deployments_size() - 1; i >= 0; --i) {
    add((state.deployments(i).deployment().*field)());
  }
  if (values.size() > 1) {
    const std::string newest = *values[1];
    ++size_max;
    add(absl::AsciiStrToUpper(newest));
    ++size_max;
    add(absl::AsciiStrToLower(newest));
    // What a pattern would match.
    values.emplace_back(newest.substr(0, newest.size() / 2));
    values.emplace_back(newest + " ");
  }
  values.emplace_back("%");
  values.emplace_back("");
  return values;
}

}  // namespace

v1::RepositoryState Replay(Outbox& outbox, const v1::RepositoryName& name,
                           int64_t limit, Findings& findings) {
  v1::RepositoryState state;
  int64_t position = 0;
  while (true) {
    const auto entries = Answered(
        "ReadOutbox", outbox.ReadOutbox({name, position, limit}), findings);
    if (!entries.has_value() || entries->empty()) return state;
    if (!findings.Expect(static_cast<int64_t>(entries->size()) <= limit,
                         "ReadOutbox: more than ", limit, " entries")) {
      return state;
    }
    for (const OutboxEntry& entry : *entries) {
      if (!findings.Expect(entry.position == position + 1,
                           "ReadOutbox: position ", entry.position, " after ",
                           position)) {
        return state;
      }
      ++position;
      const absl::Status status = Evolve(entry.event, &state);
      if (!findings.Expect(status.ok(), "ReadOutbox: position ", position,
                           " cannot follow: ", status.ToString())) {
        return state;
      }
    }
  }
}

void CompareRows(Store& store, const v1::RepositoryName& name,
                 const v1::RepositoryState& state, Findings& findings) {
  absl::optional<v1::Repository> expected;
  if (state.has_repository()) expected = state.repository();
  const auto repository =
      Answered("FindRepository", store.FindRepository(name), findings);
  if (!repository.has_value()) return;
  CompareOptional("FindRepository", expected, *repository, findings);
  Store::ListDeploymentsParams all;
  all.repository = name;
  const auto page =
      Answered("ListDeployments", store.ListDeployments(all), findings);
  if (!page.has_value()) return;
  if (!findings.Expect(page->has_value() == expected.has_value(),
                       "ListDeployments knows ",
                       page->has_value() ? "a repository that is not there"
                                         : "no such repository")) {
    return;
  }
  if (expected.has_value()) {
    const auto by_id =
        Answered("FindRepositoryById", store.FindRepositoryById(expected->id()),
                 findings);
    if (!by_id.has_value()) return;
    CompareOptional("FindRepositoryById", expected, *by_id, findings);
    CompareList(store, all, state, /*every_page=*/true, findings);
    for (const v1::DeploymentRecord& record : state.deployments()) {
      CompareDeployment(store, name, record, findings);
      if (!findings.empty()) return;
    }
  }
  CompareAbsent(store, name, state, findings);
}

void CompareLists(Store& store, const v1::RepositoryName& name,
                  const v1::RepositoryState& state, Effort effort,
                  Findings& findings) {
  if (!state.has_repository()) return;
  const size_t values_max = effort == Effort::kAll ? 100 : 2;
  const Filter shas = ValuesOf(state, &v1::Deployment::sha, values_max);
  const Filter refs = ValuesOf(state, &v1::Deployment::ref, values_max);
  const Filter tasks = ValuesOf(state, &v1::Deployment::task, values_max);
  const Filter environments =
      ValuesOf(state, &v1::Deployment::environment, values_max);
  const auto compare = [&](const absl::optional<std::string>& sha,
                           const absl::optional<std::string>& ref,
                           const absl::optional<std::string>& task,
                           const absl::optional<std::string>& environment,
                           bool every_page) {
    Store::ListDeploymentsParams params;
    params.repository = name;
    params.sha = sha;
    params.ref = ref;
    params.task = task;
    params.environment = environment;
    for (const v1::NameMatch match :
         {v1::NAME_MATCH_IGNORE_CASE, v1::NAME_MATCH_EXACT,
          v1::NAME_MATCH_UNSPECIFIED}) {
      params.environment_match = match;
      if (findings.empty()) {
        CompareList(store, params, state, every_page, findings);
      }
      if (!environment.has_value()) break;
    }
  };
  const absl::optional<std::string> any;
  for (const auto& value : shas) compare(value, any, any, any, true);
  for (const auto& value : refs) compare(any, value, any, any, true);
  for (const auto& value : tasks) compare(any, any, value, any, true);
  for (const auto& value : environments) compare(any, any, any, value, true);
  // Together, each with and without, in the values of one row after another.
  const int rows = effort == Effort::kAll
                       ? state.deployments_size()
                       : std::min(state.deployments_size(), 2);
  for (int i = 0; i < rows; ++i) {
    const v1::Deployment& row =
        state.deployments(state.deployments_size() - 1 - i).deployment();
    const v1::Deployment& other = state.deployments(0).deployment();
    for (int subset = 0; subset < 16; ++subset) {
      const auto when = [&](int bit, const std::string& value) {
        return (subset & bit) != 0 ? absl::make_optional(value) : absl::nullopt;
      };
      compare(when(1, row.sha()), when(2, row.ref()), when(4, row.task()),
              when(8, row.environment()), effort == Effort::kAll);
      compare(when(1, row.sha()), when(2, row.ref()), when(4, other.task()),
              when(8, other.environment()), false);
    }
  }
  if (effort == Effort::kSome) return;
  for (const auto& sha : shas) {
    for (const auto& ref : refs) {
      for (const auto& task : tasks) {
        for (const auto& environment : environments) {
          compare(sha, ref, task, environment, false);
        }
      }
    }
  }
}

void CompareFacts(Store& store, const v1::Rules& rules,
                  const v1::RepositoryName& name,
                  const v1::RepositoryState& state, Findings& findings) {
  const auto compare = [&](v1::Command command) {
    *command.mutable_repository() = name;
    const auto facts =
        Answered("Facts", store.Facts({rules, command}), findings);
    if (!facts.has_value()) return;
    findings.ExpectSame(absl::StrCat("Facts for ", command.ShortDebugString()),
                        FactsFor(rules, state, command), *facts);
  };
  const auto compare_create = [&](const std::string& ref,
                                  const absl::optional<std::string>& to) {
    v1::Command command;
    command.mutable_create_deployment()->set_ref(ref);
    if (to.has_value())
      command.mutable_create_deployment()->set_environment(*to);
    compare(command);
  };
  compare(v1::Command());
  compare_create("nowhere", absl::nullopt);
  compare_create("", "");
  for (const v1::Ref& ref : state.refs()) {
    compare_create(ref.name(), absl::nullopt);
    compare_create("refs/heads/" + ref.name(), absl::nullopt);
    compare_create("tags/" + ref.name(), absl::nullopt);
    compare_create(absl::AsciiStrToUpper(ref.name()), absl::nullopt);
    compare_create(" " + ref.name(), absl::nullopt);
    compare_create(ref.name() + " ", absl::nullopt);
    for (const v1::RefType type : {v1::REF_TYPE_BRANCH, v1::REF_TYPE_TAG}) {
      v1::Command command;
      command.mutable_delete_ref()->set_name(ref.name());
      command.mutable_delete_ref()->set_type(type);
      compare(command);
    }
  }
  for (const v1::Environment& environment : state.environments()) {
    compare_create("nowhere", environment.name());
    compare_create("nowhere", absl::AsciiStrToUpper(environment.name()));
    compare_create("nowhere", environment.name() + " ");
  }
  for (const v1::Commit& commit : state.commits()) {
    compare_create(commit.sha(), absl::nullopt);
    compare_create(absl::AsciiStrToUpper(commit.sha()), absl::nullopt);
    v1::Command command;
    command.mutable_put_commit_context()->set_sha(commit.sha());
    compare(command);
    for (const v1::CommitContext& context : commit.contexts()) {
      v1::DeleteCommitContext& request =
          *command.mutable_delete_commit_context();
      request.set_sha(commit.sha());
      request.set_context(absl::AsciiStrToUpper(context.context()));
      compare(command);
      request.set_context(context.context() + "x");
      compare(command);
    }
  }
  for (const v1::DeploymentRecord& record : state.deployments()) {
    if (!findings.empty()) return;
    v1::Command command;
    v1::CreateStatus& status = *command.mutable_create_status();
    status.set_deployment_id(record.deployment().id());
    status.set_state(v1::STATUS_STATE_QUEUED);
    compare(command);
    status.set_state(v1::STATUS_STATE_SUCCESS);
    compare(command);
    for (const v1::Environment& environment : state.environments()) {
      status.set_environment(absl::AsciiStrToUpper(environment.name()));
      compare(command);
      if (environment.id() % 3 == 0) status.set_auto_inactive(false);
    }
    command.mutable_delete_deployment()->set_deployment_id(
        record.deployment().id());
    compare(command);
  }
  v1::Command command;
  command.mutable_create_status()->set_deployment_id(state.last_id() + 1);
  compare(command);
  command.mutable_delete_deployment()->set_deployment_id(state.last_id() + 1);
  compare(command);
  command.mutable_delete_repository();
  compare(command);
  command.mutable_put_ref()->set_name("main");
  compare(command);
}

v1::RepositoryState CompareWithReplay(Store& store, Outbox& outbox,
                                      const v1::Rules& rules,
                                      const v1::RepositoryName& name,
                                      Findings& findings) {
  v1::RepositoryState state = Replay(outbox, name, 1000, findings);
  if (findings.empty()) CompareRows(store, name, state, findings);
  if (findings.empty()) {
    CompareLists(store, name, state, Effort::kSome, findings);
  }
  if (findings.empty()) CompareFacts(store, rules, name, state, findings);
  return state;
}

}  // namespace internal
}  // namespace slipway
