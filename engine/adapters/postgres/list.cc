#include "slipway/adapters/postgres/list.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/types/optional.h"
#include "slipway/adapters/postgres/facts_query.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/adapters/postgres/values.h"
#include "slipway/core/names.h"

namespace slipway {
namespace postgres_internal {
namespace {

// Beyond any number of rows, and far enough from where sums overflow.
constexpr int64_t kPlaceMax = int64_t{1} << 53;

// A page by one filter or none: how many there are is known, and the ids come
// from the filter's index, so that rows which are left out are not read.
#define SLIPWAY_LIST(total, filter)                                        \
  "SELECT CAST((" total ") AS bigint), " SLIPWAY_DEPLOYMENT_COLUMNS        \
  "\nFROM slipway_repositories AS r"                                       \
  "\nLEFT JOIN (SELECT id FROM slipway_deployments WHERE repository = $1 " \
  "AND " filter                                                            \
  " ORDER BY id DESC OFFSET $2 LIMIT $3) AS page ON true"                  \
  "\nLEFT JOIN slipway_deployments AS d"                                   \
  " ON d.repository = $1 AND d.id = page.id"                               \
  "\nWHERE r.key = $1 AND r.body IS NOT NULL ORDER BY d.id DESC"
#define SLIPWAY_COUNT(kind, column)                                       \
  "SELECT sum(count) FROM slipway_counts WHERE repository = $1 AND kind " \
  "= " kind " AND " column " = $4"

constexpr Statement kListAll = {"list_all",
                                SLIPWAY_LIST("r.deployments", "true")};
constexpr Statement kListBySha = {
    "list_by_sha",
    SLIPWAY_LIST(SLIPWAY_COUNT("1", "value"), "sha = $4 AND id > 0")};
constexpr Statement kListByRef = {
    "list_by_ref",
    SLIPWAY_LIST(SLIPWAY_COUNT("2", "value"), "ref = $4 AND id > 0")};
constexpr Statement kListByTask = {
    "list_by_task",
    SLIPWAY_LIST(SLIPWAY_COUNT("3", "value"), "task = $4 AND id > 0")};
constexpr Statement kListByEnvironment = {
    "list_by_environment",
    SLIPWAY_LIST(SLIPWAY_COUNT("4", "value"), "environment = $4 AND id > 0")};
constexpr Statement kListBySpelling = {
    "list_by_spelling",
    SLIPWAY_LIST(SLIPWAY_COUNT("4", "value = $5 AND spelling"),
                 "spelling = $4 AND id > 0")};

// By several at once what matches is counted. `leading` is a condition without
// an alternative, because only along such a one a plan that is made for every
// value uses an index. The order is for that index, too: on a table that the
// server believes to be empty all cost the same, but others have to be sorted.
#define SLIPWAY_LIST_FILTERED(leading)                                        \
  "WITH matching AS (SELECT id FROM slipway_deployments"                      \
  " WHERE repository = $1 AND id > 0 AND " leading                            \
  " AND ($4::bytea IS NULL OR sha = $4)"                                      \
  " AND ($5::bytea IS NULL OR ref = $5)"                                      \
  " AND ($6::bytea IS NULL OR task = $6)"                                     \
  " AND ($7::bytea IS NULL OR environment = $7)"                              \
  " AND ($8::bytea IS NULL OR spelling = $8) ORDER BY id DESC)"               \
  "\nSELECT CAST((SELECT count(*) FROM matching) AS "                         \
  "bigint), " SLIPWAY_DEPLOYMENT_COLUMNS                                      \
  "\nFROM slipway_repositories AS r"                                          \
  "\nLEFT JOIN (SELECT id FROM matching ORDER BY id DESC OFFSET $2 LIMIT $3)" \
  " AS page ON true"                                                          \
  "\nLEFT JOIN slipway_deployments AS d"                                      \
  " ON d.repository = $1 AND d.id = page.id"                                  \
  "\nWHERE r.key = $1 AND r.body IS NOT NULL ORDER BY d.id DESC"

constexpr Statement kFilterBySha = {"filter_by_sha",
                                    SLIPWAY_LIST_FILTERED("sha = $4")};
constexpr Statement kFilterByRef = {"filter_by_ref",
                                    SLIPWAY_LIST_FILTERED("ref = $5")};
constexpr Statement kFilterByTask = {"filter_by_task",
                                     SLIPWAY_LIST_FILTERED("task = $6")};
constexpr Statement kFilterByEnvironment = {
    "filter_by_environment", SLIPWAY_LIST_FILTERED("environment = $7")};
constexpr Statement kFilterBySpelling = {
    "filter_by_spelling", SLIPWAY_LIST_FILTERED("spelling = $8")};

// How many have each value, in the order of ListFilter. Of a filter that is not
// there it is 0.
constexpr Statement kCountFilters = {"count_filters", R"sql(
SELECT
  CAST((SELECT coalesce(sum(count), 0) FROM slipway_counts
    WHERE repository = $1 AND kind = 1 AND value = $2) AS bigint),
  CAST((SELECT coalesce(sum(count), 0) FROM slipway_counts
    WHERE repository = $1 AND kind = 2 AND value = $3) AS bigint),
  CAST((SELECT coalesce(sum(count), 0) FROM slipway_counts
    WHERE repository = $1 AND kind = 3 AND value = $4) AS bigint),
  CAST((SELECT coalesce(sum(count), 0) FROM slipway_counts
    WHERE repository = $1 AND kind = 4 AND value = $5
      AND ($6::bytea IS NULL OR spelling = $6)) AS bigint)
)sql"};

// In their order.
constexpr ListFilter kFilters[] = {ListFilter::kSha, ListFilter::kRef,
                                   ListFilter::kTask, ListFilter::kEnvironment};

bool BySpelling(const Store::ListDeploymentsParams& params) {
  return params.environment_match == v1::NAME_MATCH_EXACT;
}

const absl::optional<std::string>& ValueOf(
    const Store::ListDeploymentsParams& params, ListFilter filter) {
  switch (filter) {
    case ListFilter::kSha:
      return params.sha;
    case ListFilter::kRef:
      return params.ref;
    case ListFilter::kTask:
      return params.task;
    default:
      return params.environment;
  }
}

}  // namespace

int FilterCount(const Store::ListDeploymentsParams& params) {
  return params.sha.has_value() + params.ref.has_value() +
         params.task.has_value() + params.environment.has_value();
}

ListFilter FirstFilter(const Store::ListDeploymentsParams& params) {
  for (const ListFilter filter : kFilters) {
    if (ValueOf(params, filter).has_value()) return filter;
  }
  return ListFilter::kNone;
}

void AddFilterCounts(int64_t key, const Store::ListDeploymentsParams& params,
                     Connection& connection) {
  Values values;
  values.Int(key);
  const auto add = [&](const absl::optional<std::string>& text, bool folded) {
    if (text.has_value()) {
      values.Bytes(IndexKey(folded ? FoldName(*text) : *text));
    } else {
      values.Null();
    }
  };
  add(params.sha, false);
  add(params.ref, false);
  add(params.task, false);
  add(params.environment, true);
  add(BySpelling(params) ? params.environment : absl::nullopt, false);
  connection.Add(kCountFilters, std::move(values));
}

ListFilter RarestFilter(const Store::ListDeploymentsParams& params,
                        const Rows& counts) {
  ListFilter rarest = ListFilter::kNone;
  int64_t fewest = 0;
  int column = 0;
  for (const ListFilter filter : kFilters) {
    const int64_t count = counts.Int(0, column++);
    if (!ValueOf(params, filter).has_value()) continue;
    if (rarest != ListFilter::kNone && count >= fewest) continue;
    rarest = filter;
    fewest = count;
  }
  return rarest;
}

int64_t PlaceOf(int64_t value) {
  return std::clamp<int64_t>(value, 0, kPlaceMax);
}

const Statement& ListStatement(const Store::ListDeploymentsParams& params,
                               ListFilter leading) {
  const bool is_one = FilterCount(params) == 1;
  switch (leading) {
    case ListFilter::kNone:
      return kListAll;
    case ListFilter::kSha:
      return is_one ? kListBySha : kFilterBySha;
    case ListFilter::kRef:
      return is_one ? kListByRef : kFilterByRef;
    case ListFilter::kTask:
      return is_one ? kListByTask : kFilterByTask;
    case ListFilter::kEnvironment:
      break;
  }
  if (BySpelling(params)) return is_one ? kListBySpelling : kFilterBySpelling;
  return is_one ? kListByEnvironment : kFilterByEnvironment;
}

void AddList(int64_t key, const Store::ListDeploymentsParams& params,
             ListFilter leading, Connection& connection) {
  Values values;
  values.Int(key).Int(PlaceOf(params.offset)).Int(PlaceOf(params.limit));
  const bool by_spelling = BySpelling(params);
  const int filters = FilterCount(params);
  const auto add = [&](const absl::optional<std::string>& text, bool wanted,
                       bool folded) {
    if (text.has_value() && wanted) {
      values.Bytes(IndexKey(folded ? FoldName(*text) : *text));
    } else if (filters > 1) {
      values.Null();
    }
  };
  add(params.sha, true, false);
  add(params.ref, true, false);
  add(params.task, true, false);
  // The statement by one spelling asks for it before the name.
  add(params.environment, !by_spelling, true);
  add(params.environment, by_spelling, false);
  if (filters == 1 && by_spelling) add(params.environment, true, true);
  connection.Add(ListStatement(params, leading), std::move(values));
}

}  // namespace postgres_internal
}  // namespace slipway
