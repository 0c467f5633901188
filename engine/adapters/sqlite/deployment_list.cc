#include "slipway/adapters/sqlite/deployment_list.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/adapters/sqlite/database.h"

namespace slipway {
namespace internal {
namespace {

// One filter that was given, and the statements that go along its index.
struct Filter {
  // What its column must be.
  int64_t number = 0;
  // How many deployments that is.
  int64_t count = 0;
  Sql list = Sql::kListIds;
  Sql list_backwards = Sql::kListIdsBackwards;
  Sql filter = Sql::kListIds;
  // Its place among the arguments of the statements with all filters.
  int place = 0;
};

// The filters of `params`. nullopt: one of them matches nothing.
absl::StatusOr<absl::optional<std::vector<Filter>>> FiltersOf(
    Rows& rows, const Rows::Repository& repository,
    const Store::ListDeploymentsParams& params) {
  struct ByLabel {
    const absl::optional<std::string>& value;
    LabelKind kind;
    Sql list;
    Sql list_backwards;
    Sql filter;
    int place;
  };
  const bool exact = params.environment_match == v1::NAME_MATCH_EXACT;
  const absl::optional<std::string> none;
  const ByLabel by_labels[] = {
      {params.sha, LabelKind::kSha, Sql::kListIdsBySha,
       Sql::kListIdsByShaBackwards, Sql::kFilterIdsBySha, 0},
      {params.ref, LabelKind::kRef, Sql::kListIdsByRef,
       Sql::kListIdsByRefBackwards, Sql::kFilterIdsByRef, 1},
      {params.task, LabelKind::kTask, Sql::kListIdsByTask,
       Sql::kListIdsByTaskBackwards, Sql::kFilterIdsByTask, 2},
      {exact ? params.environment : none, LabelKind::kSpelling,
       Sql::kListIdsBySpelling, Sql::kListIdsBySpellingBackwards,
       Sql::kFilterIdsBySpelling, 4},
  };
  std::vector<Filter> filters;
  for (const ByLabel& by : by_labels) {
    if (!by.value.has_value()) continue;
    absl::StatusOr<Rows::Label*> label =
        rows.FindLabel(repository.number, by.kind, *by.value);
    if (!label.ok()) return label.status();
    if (*label == nullptr) return absl::optional<std::vector<Filter>>();
    filters.push_back({(*label)->number, (*label)->deployment_count, by.list,
                       by.list_backwards, by.filter, by.place});
  }
  if (params.environment.has_value() && !exact) {
    absl::StatusOr<Rows::Environment*> environment =
        rows.FindEnvironment(repository.number, *params.environment);
    if (!environment.ok()) return environment.status();
    if (*environment == nullptr) return absl::optional<std::vector<Filter>>();
    const absl::StatusOr<int64_t> count =
        rows.CountDeployments(repository.number, *params.environment);
    if (!count.ok()) return count.status();
    filters.push_back(
        {(*environment)->body.id(), *count, Sql::kListIdsByEnvironment,
         Sql::kListIdsByEnvironmentBackwards, Sql::kFilterIdsByEnvironment, 3});
  }
  return absl::make_optional(std::move(filters));
}

// The ids of the page by at most one filter.
absl::Status ListIds(Rows& rows, const Rows::Repository& repository,
                     const PagePlace& place, const Filter* filter,
                     std::vector<int64_t>* ids) {
  const auto read = [&](Query& query) {
    while (query.Next()) ids->push_back(query.Int(0));
    if (place.backwards) std::reverse(ids->begin(), ids->end());
    return query.status();
  };
  if (filter == nullptr) {
    Query query(rows.database(),
                place.backwards ? Sql::kListIdsBackwards : Sql::kListIds,
                repository.number, place.limit, place.offset);
    return read(query);
  }
  Query query(rows.database(),
              place.backwards ? filter->list_backwards : filter->list,
              repository.number, place.limit, place.offset, filter->number);
  return read(query);
}

// The same by several: all that match are counted.
absl::Status FilterIds(Rows& rows, const Rows::Repository& repository,
                       const std::vector<Filter>& filters, int64_t offset,
                       int64_t limit, int64_t* total,
                       std::vector<int64_t>* ids) {
  absl::optional<int64_t> wanted[5];
  const Filter* shortest = &filters.front();
  for (const Filter& filter : filters) {
    wanted[filter.place] = filter.number;
    if (filter.count < shortest->count) shortest = &filter;
  }
  Query query(rows.database(), shortest->filter, repository.number, wanted[0],
              wanted[1], wanted[2], wanted[3], wanted[4]);
  while (query.Next()) {
    if (*total >= offset && static_cast<int64_t>(ids->size()) < limit) {
      ids->push_back(query.Int(0));
    }
    ++*total;
  }
  return query.status();
}

}  // namespace

PagePlace PlaceOf(int64_t offset, int64_t limit, int64_t total) {
  PagePlace place;
  place.offset = std::clamp<int64_t>(offset, 0, total);
  place.limit = std::clamp<int64_t>(limit, 0, total - place.offset);
  const int64_t behind = total - place.offset - place.limit;
  if (behind < place.offset) {
    place.backwards = true;
    place.offset = behind;
  }
  return place;
}

absl::Status ListDeployments(Rows& rows, const Rows::Repository& repository,
                             const Store::ListDeploymentsParams& params,
                             Store::Page<v1::Deployment>* page) {
  absl::StatusOr<absl::optional<std::vector<Filter>>> filters =
      FiltersOf(rows, repository, params);
  if (!filters.ok()) return filters.status();
  if (!filters->has_value()) return absl::OkStatus();
  std::vector<int64_t> ids;
  absl::Status status;
  if ((*filters)->size() <= 1) {
    const Filter* filter = (*filters)->empty() ? nullptr : &(*filters)->front();
    page->total =
        filter == nullptr ? repository.deployment_count : filter->count;
    status = ListIds(rows, repository,
                     PlaceOf(params.offset, params.limit, page->total), filter,
                     &ids);
  } else {
    status = FilterIds(rows, repository, **filters, params.offset, params.limit,
                       &page->total, &ids);
  }
  if (!status.ok()) return status;
  page->rows.reserve(ids.size());
  for (const int64_t id : ids) {
    absl::StatusOr<DeploymentRow*> row =
        rows.FindDeployment(repository.number, id);
    if (!row.ok()) return row.status();
    if (*row == nullptr) {
      return absl::DataLossError("an index of the file is damaged");
    }
    page->rows.push_back(std::move((*row)->deployment));
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace slipway
