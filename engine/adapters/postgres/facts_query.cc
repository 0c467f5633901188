#include "slipway/adapters/postgres/facts_query.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "slipway/adapters/postgres/keys.h"
#include "slipway/core/names.h"
#include "slipway/core/refs.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace postgres_internal {
namespace {

#define SLIPWAY_REPOSITORY_COLUMNS \
  "last_id, ids_next, ids_end, position, deployments, stamp_us, body"

constexpr Statement kRepository = {"repository",
                                   "SELECT " SLIPWAY_REPOSITORY_COLUMNS
                                   " FROM slipway_repositories WHERE key = $1"};
constexpr Statement kLockedRepository = {
    "locked_repository", "SELECT " SLIPWAY_REPOSITORY_COLUMNS
                         " FROM slipway_repositories WHERE key = $1 FOR "
                         "UPDATE"};

constexpr Statement kAnswer = {
    "answer",
    "SELECT body FROM slipway_answers WHERE repository = $1 AND key = $2"};

// Where a ref may lead: 1 and 2 a branch and a tag of that name, 3 a qualified
// name, 4 the default branch, 5 a commit.
constexpr Statement kRef = {"ref", R"sql(
WITH place AS (
  SELECT type AS slot, sha FROM slipway_refs
    WHERE repository = $1 AND type IN (1, 2) AND name = $2
  UNION ALL
  SELECT 3, sha FROM slipway_refs
    WHERE repository = $1 AND type = $3 AND name = $4
  UNION ALL
  SELECT 4, sha FROM slipway_refs
    WHERE repository = $1 AND type = 1 AND name =
      (SELECT default_branch FROM slipway_repositories WHERE key = $1)
  UNION ALL
  SELECT 5, CAST($5 AS bytea)
)
SELECT place.slot, place.sha, c.sha IS NOT NULL, c.merge_base,
    (SELECT string_agg(x.body, CAST('' AS bytea) ORDER BY x.name)
       FROM slipway_contexts AS x
       WHERE x.repository = $1 AND x.sha = place.sha)
  FROM place
  LEFT JOIN slipway_commits AS c ON c.repository = $1 AND c.sha = place.sha
)sql"};

constexpr Statement kEnvironment = {
    "environment",
    "SELECT body FROM slipway_environments WHERE repository = $1 AND name = "
    "$2"};

constexpr Statement kStatusDeployment = {
    "status_deployment", "SELECT " SLIPWAY_DEPLOYMENT_COLUMNS R"sql(,
    d.latest_status_id, d.latest_state, d.status_count, e.body
  FROM slipway_deployments AS d
  LEFT JOIN slipway_environments AS e
    ON e.repository = $1 AND e.name = coalesce($3, d.environment)
  WHERE d.repository = $1 AND d.id = $2
)sql"};

// $4 and $5: the highest flags of those that can be retired, and of the one
// that succeeds. Where production is exempt, what stays live there is never
// looked at: a range is always asked of the index, which a set is not.
constexpr Statement kLive = {"live", R"sql(
SELECT l.body
  FROM slipway_deployments AS d
  JOIN slipway_live AS l
    ON l.repository = $1 AND l.environment = coalesce($3, d.environment)
    AND l.flags <= $4
  WHERE d.repository = $1 AND d.id = $2 AND d.flags <= $5
    AND l.id < $6 AND l.id <> $2
  ORDER BY l.id
)sql"};
constexpr Statement kLiveOfTask = {"live_of_task", R"sql(
SELECT l.body
  FROM slipway_deployments AS d
  JOIN slipway_live AS l
    ON l.repository = $1 AND l.environment = coalesce($3, d.environment)
    AND l.flags <= $4 AND l.task = d.task AND l.id > 0
  WHERE d.repository = $1 AND d.id = $2 AND d.flags <= $5
    AND l.id < $6 AND l.id <> $2
  ORDER BY l.id
)sql"};

// Those that a success leaves as they are, because they came later: few, or too
// many to be worth remembering.
constexpr int kAboveMax = 64;
constexpr Statement kLiveAbove = {"live_above", R"sql(
SELECT l.body
  FROM slipway_deployments AS d
  JOIN slipway_live AS l
    ON l.repository = $1 AND l.environment = coalesce($3, d.environment)
    AND l.flags <= $4
  WHERE d.repository = $1 AND d.id = $2 AND l.id > $2
  LIMIT 65
)sql"};

// The last column: how many are in its environment.
constexpr Statement kDoomed = {"doomed", "SELECT " SLIPWAY_DEPLOYMENT_COLUMNS
                                         R"sql(,
    d.latest_status_id, d.latest_state,
    (SELECT CAST(sum(c.count) AS bigint) FROM slipway_counts AS c
       WHERE c.repository = $1 AND c.kind = 4 AND c.value = d.environment)
  FROM slipway_deployments AS d
  WHERE d.repository = $1 AND d.id = $2
)sql"};

constexpr Statement kExistingRef = {
    "existing_ref",
    "SELECT body FROM slipway_refs WHERE repository = $1 AND type = $2 AND "
    "name = $3"};
constexpr Statement kCommit = {
    "commit",
    "SELECT 1 FROM slipway_commits WHERE repository = $1 AND sha = $2"};
constexpr Statement kContext = {
    "context",
    "SELECT body FROM slipway_contexts WHERE repository = $1 AND sha = $2 AND "
    "name = $3"};
constexpr Statement kIdHolder = {
    "id_holder",
    "SELECT body FROM slipway_repositories WHERE repository_id = $1 AND key "
    "<> $2"};

// What a caller's ref may mean beside a branch and a tag of that name.
struct RefCandidates {
  int64_t qualified_type = 0;
  std::string qualified_name;
  absl::optional<std::string> sha;
};

RefCandidates CandidatesOf(const std::string& ref) {
  RefCandidates candidates;
  // Nothing is found, so everything is tried.
  MatchRef(
      ref,
      [&](v1::RefType type, absl::string_view name) -> const std::string* {
        if (name != ref) {
          candidates.qualified_type = type;
          candidates.qualified_name = std::string(name);
        }
        return nullptr;
      },
      [&](absl::string_view sha) {
        candidates.sha = std::string(sha);
        return false;
      });
  return candidates;
}

}  // namespace

int64_t FlagsOf(bool transient, bool production) {
  return (transient ? 2 : 0) + (production ? 1 : 0);
}

absl::Status ReadDeployment(const Rows& rows, int row, int column,
                            v1::Deployment* deployment) {
  absl::Status status = ParseBody(rows.Bytes(row, column), deployment);
  if (!status.ok()) return status;
  if (!rows.IsNull(row, column + 1)) {
    deployment->set_environment(std::string(rows.Bytes(row, column + 1)));
  }
  deployment->set_updated_at_ms(rows.Int(row, column + 2));
  return absl::OkStatus();
}

RetiringFlags RetiringFlagsOf(const v1::Rules& rules) {
  // What is transient is never retired; production only where rules say so.
  const bool is_included =
      rules.production_inactivation() == v1::PRODUCTION_INACTIVATION_INCLUDED;
  const int64_t retired_max = FlagsOf(false, is_included);
  const int64_t any = kFlagsEnd - 1;
  if (rules.inactivation_flags() == v1::FLAGS_OF_SUCCEEDED_DEPLOYMENT) {
    return {any, retired_max};
  }
  return {retired_max, any};
}

FactsQuery::FactsQuery(const v1::Rules& rules, const v1::Command& command,
                       int64_t key, Extent extent)
    : rules_(rules), command_(command), key_(key), extent_(extent) {}

size_t FactsQuery::AddTo(Lock lock, Connection& connection) const {
  const size_t before = connection.size();
  connection.Add(lock == Lock::kNone ? kRepository : kLockedRepository,
                 Values().Int(key_));
  if (!command_.idempotency_key().empty()) {
    connection.Add(kAnswer, Values().Int(key_).Bytes(
                                IndexKey(command_.idempotency_key())));
  }
  switch (command_.request_case()) {
    case v1::Command::kCreateDeployment:
      AddRef(connection);
      connection.Add(kEnvironment,
                     Values().Int(key_).Bytes(IndexKey(FoldName(
                         TargetEnvironment(command_.create_deployment())))));
      break;
    case v1::Command::kCreateStatus:
      AddStatus(connection);
      break;
    case v1::Command::kDeleteDeployment:
      connection.Add(
          kDoomed,
          Values().Int(key_).Int(command_.delete_deployment().deployment_id()));
      break;
    case v1::Command::kPutRepository:
      connection.Add(kIdHolder,
                     Values().Int(command_.put_repository().id()).Int(key_));
      break;
    case v1::Command::kDeleteRef:
      connection.Add(kExistingRef,
                     Values()
                         .Int(key_)
                         .Int(command_.delete_ref().type())
                         .Bytes(IndexKey(command_.delete_ref().name())));
      break;
    case v1::Command::kPutCommitContext:
      connection.Add(kCommit, Values().Int(key_).Bytes(IndexKey(
                                  command_.put_commit_context().sha())));
      break;
    case v1::Command::kDeleteCommitContext: {
      const v1::DeleteCommitContext& request = command_.delete_commit_context();
      connection.Add(kCommit,
                     Values().Int(key_).Bytes(IndexKey(request.sha())));
      connection.Add(kContext,
                     Values()
                         .Int(key_)
                         .Bytes(IndexKey(request.sha()))
                         .Bytes(IndexKey(FoldName(request.context()))));
      break;
    }
    case v1::Command::kDeleteRepository:
    case v1::Command::kPutRef:
    case v1::Command::REQUEST_NOT_SET:
      break;
  }
  return connection.size() - before;
}

void FactsQuery::AddRef(Connection& connection) const {
  const std::string& ref = command_.create_deployment().ref();
  const RefCandidates candidates = CandidatesOf(ref);
  Values values;
  values.Int(key_)
      .Bytes(IndexKey(ref))
      .Int(candidates.qualified_type)
      .Bytes(IndexKey(candidates.qualified_name));
  if (candidates.sha.has_value()) {
    values.Bytes(IndexKey(*candidates.sha));
  } else {
    values.Null();
  }
  connection.Add(kRef, std::move(values));
}

void FactsQuery::AddStatus(Connection& connection) const {
  const v1::CreateStatus& request = command_.create_status();
  const auto values = [&] {
    Values start;
    start.Int(key_).Int(request.deployment_id());
    if (request.has_environment()) {
      start.Bytes(IndexKey(FoldName(request.environment())));
    } else {
      start.Null();
    }
    return start;
  };
  connection.Add(kStatusDeployment, values());
  if (!TriggersInactivation(request)) return;
  // A whole pair of flags is left out where the rules exempt it, so that what
  // stays live is never looked at.
  const RetiringFlags flags = RetiringFlagsOf(rules_);
  const bool every_other =
      rules_.prior_deployments() == v1::PRIOR_DEPLOYMENTS_EVERY_OTHER;
  Values live = values();
  live.Int(flags.live_max)
      .Int(flags.succeeded_max)
      .Int(every_other ? kIdMax + 1 : request.deployment_id());
  connection.Add(
      rules_.inactivation_scope() == v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK
          ? kLiveOfTask
          : kLive,
      std::move(live));
  if (!AsksAbove()) return;
  Values above = values();
  above.Int(flags.live_max);
  connection.Add(kLiveAbove, std::move(above));
}

bool FactsQuery::AsksAbove() const {
  return extent_ == Extent::kMore && command_.has_create_status() &&
         TriggersInactivation(command_.create_status()) &&
         rules_.inactivation_scope() !=
             v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK &&
         rules_.prior_deployments() != v1::PRIOR_DEPLOYMENTS_EVERY_OTHER;
}

absl::Status FactsQuery::Read(const std::vector<Rows>& rows, size_t first,
                              Snapshot* snapshot) const {
  *snapshot = Snapshot();
  size_t place = first;
  v1::Facts& facts = snapshot->facts;
  const Rows& repository = rows[place++];
  snapshot->has_row = !repository.empty();
  if (snapshot->has_row) {
    RepositoryRow& row = snapshot->row;
    row.key = key_;
    row.last_id = repository.Int(0, 0);
    row.ids_next = repository.Int(0, 1);
    row.ids_end = repository.Int(0, 2);
    row.position = repository.Int(0, 3);
    row.deployments = repository.Int(0, 4);
    facts.set_last_id(row.last_id);
    row.stamp_us = repository.Int(0, 5);
    if (!repository.IsNull(0, 6)) {
      absl::Status status =
          ParseBody(repository.Bytes(0, 6), facts.mutable_repository());
      if (!status.ok()) return status;
    }
  }
  if (!command_.idempotency_key().empty()) {
    const Rows& answer = rows[place++];
    if (!answer.empty()) {
      absl::Status status =
          ParseBody(answer.Bytes(0, 0), facts.mutable_keyed_answer());
      if (!status.ok()) return status;
    }
  }
  if (command_.has_put_repository()) {
    const Rows& holder = rows[place];
    if (holder.empty() || holder.IsNull(0, 0)) return absl::OkStatus();
    v1::Repository other;
    absl::Status status = ParseBody(holder.Bytes(0, 0), &other);
    facts.mutable_repository_id_holder()->set_owner(other.owner());
    facts.mutable_repository_id_holder()->set_name(other.name());
    return status;
  }
  if (!facts.has_repository()) return absl::OkStatus();

  const auto read_environment = [&](const Rows& from, int column) {
    if (from.empty() || from.IsNull(0, column)) return absl::OkStatus();
    return ParseBody(from.Bytes(0, column), facts.mutable_environment());
  };
  const auto read_deployment = [&](const Rows& from) {
    facts.set_latest_status_id(from.Int(0, kDeploymentColumnsSize));
    snapshot->latest_state =
        static_cast<v1::StatusState>(from.Int(0, kDeploymentColumnsSize + 1));
    return ReadDeployment(from, 0, 0, facts.mutable_deployment());
  };
  absl::Status status;
  switch (command_.request_case()) {
    case v1::Command::kCreateDeployment:
      status = ReadRef(rows[place], &facts);
      if (status.ok()) status = read_environment(rows[place + 1], 0);
      break;
    case v1::Command::kCreateStatus: {
      const Rows& deployment = rows[place];
      if (deployment.empty()) break;
      status = read_deployment(deployment);
      facts.set_status_count(deployment.Int(0, kDeploymentColumnsSize + 2));
      if (status.ok()) {
        status = read_environment(deployment, kDeploymentColumnsSize + 3);
      }
      if (status.ok() && TriggersInactivation(command_.create_status())) {
        status = ReadLive(rows[place + 1],
                          AsksAbove() ? &rows[place + 2] : nullptr, snapshot);
      }
      break;
    }
    case v1::Command::kDeleteDeployment: {
      const Rows& deployment = rows[place];
      if (deployment.empty()) break;
      status = read_deployment(deployment);
      facts.set_latest_state(snapshot->latest_state);
      const int64_t in_scope =
          rules_.deletion_scope() == v1::DELETION_SCOPE_ENVIRONMENT
              ? deployment.Int(0, kDeploymentColumnsSize + 2)
              : snapshot->row.deployments;
      facts.set_only_one_in_scope(in_scope == 1);
      break;
    }
    case v1::Command::kDeleteRef:
      if (rows[place].empty()) break;
      status = ParseBody(rows[place].Bytes(0, 0), facts.mutable_existing_ref());
      break;
    case v1::Command::kPutCommitContext:
      facts.set_commit_exists(!rows[place].empty());
      break;
    case v1::Command::kDeleteCommitContext: {
      facts.set_commit_exists(!rows[place].empty());
      if (rows[place].empty() || rows[place + 1].empty()) break;
      v1::Commit commit;
      status = ParseBody(rows[place + 1].Bytes(0, 0), &commit);
      if (status.ok() && commit.contexts_size() == 1) {
        facts.mutable_existing_context()->Swap(commit.mutable_contexts(0));
      }
      break;
    }
    default:
      break;
  }
  return status;
}

absl::Status FactsQuery::ReadRef(const Rows& rows, v1::Facts* facts) const {
  constexpr int kSlots = 6;
  absl::optional<std::string> shas[kSlots];
  int row_of[kSlots] = {};
  for (int row = 0; row < rows.size(); ++row) {
    const int64_t slot = rows.Int(row, 0);
    if (slot < 1 || slot >= kSlots || rows.IsNull(row, 1)) continue;
    // A commit that nobody knows is no candidate.
    if (slot == kSlots - 1 && rows.Int(row, 2) == 0) continue;
    shas[slot] = std::string(rows.Bytes(row, 1));
    row_of[slot] = row;
  }
  const std::string& ref = command_.create_deployment().ref();
  int slot_found = 0;
  const absl::optional<RefMatch> match = MatchRef(
      ref,
      [&](v1::RefType type, absl::string_view name) -> const std::string* {
        const int slot = name == ref ? static_cast<int>(type) : 3;
        if (!shas[slot].has_value()) return nullptr;
        slot_found = slot;
        return &*shas[slot];
      },
      [&](absl::string_view) {
        slot_found = 5;
        return shas[5].has_value();
      });
  if (!match.has_value()) return absl::OkStatus();
  const int row = row_of[slot_found];
  if (rows.Int(row, 2) == 0) {
    return absl::DataLossError("PostgreSQL: a ref's commit is missing");
  }
  v1::ResolvedRef& resolved = *facts->mutable_ref();
  resolved.set_form(match->form);
  resolved.set_sha(match->sha);
  resolved.set_contains_default_branch(
      ContainsDefaultBranch(match->sha, rows.Bytes(row, 3),
                            shas[4].has_value() ? &*shas[4] : nullptr));
  if (rows.IsNull(row, 4)) return absl::OkStatus();
  v1::Commit commit;
  absl::Status status = ParseBody(rows.Bytes(row, 4), &commit);
  resolved.mutable_contexts()->Swap(commit.mutable_contexts());
  return status;
}

absl::Status FactsQuery::ReadLive(const Rows& rows, const Rows* above,
                                  Snapshot* snapshot) const {
  v1::Facts& facts = snapshot->facts;
  const std::string& environment =
      TargetEnvironment(facts.deployment(), command_.create_status());
  std::vector<v1::LiveDeployment> all(rows.size());
  for (int row = 0; row < rows.size(); ++row) {
    absl::Status status = ParseBody(rows.Bytes(row, 0), &all[row]);
    if (!status.ok()) return status;
    if (Retires(rules_, facts.deployment(), environment, all[row])) {
      *facts.add_live_deployments() = all[row];
    }
  }
  // The others were not looked for.
  const int64_t flags = FlagsOf(facts.deployment().transient_environment(),
                                facts.deployment().production_environment());
  if (extent_ != Extent::kMore ||
      flags > RetiringFlagsOf(rules_).succeeded_max ||
      rules_.inactivation_scope() ==
          v1::INACTIVATION_SCOPE_ENVIRONMENT_AND_TASK ||
      (above != nullptr && above->size() > kAboveMax)) {
    return absl::OkStatus();
  }
  for (int row = 0; above != nullptr && row < above->size(); ++row) {
    absl::Status status = ParseBody(above->Bytes(row, 0), &all.emplace_back());
    if (!status.ok()) return status;
  }
  snapshot->live = std::move(all);
  return absl::OkStatus();
}

}  // namespace postgres_internal
}  // namespace slipway
