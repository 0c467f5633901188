// Where the engine's rows live.
//
// A store gives the facts for a command and makes the decision durable, in one
// step that nothing comes between:
//
//   absl::Status status = store.Transact(
//       {rules, command,
//        [&](const v1::Facts& facts, v1::Decision* decision) {
//          Decide(rules, facts, command, decision);
//          return absl::OkStatus();
//        }},
//       &decision);
//
// `engine/runner` is the caller; the conformance kit tests implementations.

#ifndef SLIPWAY_ENGINE_PORTS_STORE_H_
#define SLIPWAY_ENGINE_PORTS_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {

// Implementations are thread-safe. Repositories are addressed by name, without
// case (R1). Two transactions on one repository never interleave; those on
// different repositories do not wait for each other, but where the store itself
// has one writer. Every reader sees all of a decision or nothing (R36).
//
// Every method may fail with
//   UNAVAILABLE: the store cannot answer now; trying again may help. After a
//     transaction nothing has changed, unless the method says otherwise.
//   DATA_LOSS: what is stored is damaged.
// and a transaction, where even looking cannot tell any more, with
//   UNKNOWN: it may have happened or not. An idempotency key (R100) makes
//     asking again safe.
// That something does not exist is an answer, not an error.
class Store {
 public:
  virtual ~Store() = default;

  // Writes the decision for `facts`. A status other than OK ends the
  // transaction without a change and is returned from it. It may be called more
  // than once for one transaction, and on another thread than the caller's.
  using Decider =
      absl::FunctionRef<absl::Status(const v1::Facts&, v1::Decision*)>;

  struct TransactParams {
    const v1::Rules& rules;
    // Says which facts are wanted; its time and ids are not looked at.
    const v1::Command& command;
    Decider decide;
  };
  // Hands `decide` the facts for a command (those of `FactsFor`, by rule R36 of
  // one moment) and, where the decision accepts, makes its events, the rows
  // that they change and the outbox entries durable, all or nothing. OK means
  // that `decision` is the answer, rejections included. Nothing is kept of an
  // acceptance on a repository that does not exist, but for put_repository: the
  // rules never give one. A decision that is `replayed` has happened before:
  // nothing changes.
  //
  // Where the command has an idempotency key (R100), the answer is kept under
  // it in the same transaction, a rejection too, and replaces the one that the
  // key had; not where it is `replayed`, asks for a merge, or refuses the key
  // itself (MALFORMED_COMMAND, IDEMPOTENCY_KEY_REUSED), as `KeepsAnswer` of
  // engine/core says, nor where it is about a repository that never was.
  // Answers outlive the deletion of the repository. What is older than the
  // rules' `idempotency_kept_ms` by the time of a later answer may be
  // forgotten.
  virtual absl::Status Transact(const TransactParams& params,
                                v1::Decision* decision) = 0;

  struct FactsParams {
    const v1::Rules& rules;
    const v1::Command& command;
  };
  // The same facts, for a decision that will not be kept.
  virtual absl::StatusOr<v1::Facts> Facts(const FactsParams& params) = 0;

  // The repository of that name or id; nullopt: there is none.
  virtual absl::StatusOr<absl::optional<v1::Repository>> FindRepository(
      const v1::RepositoryName& name) = 0;
  virtual absl::StatusOr<absl::optional<v1::Repository>> FindRepositoryById(
      int64_t id) = 0;

  struct DeploymentParams {
    v1::RepositoryName repository;
    int64_t deployment_id = 0;
  };
  struct DeploymentResult {
    v1::Deployment deployment;
    // Absent: it has no status.
    absl::optional<v1::DeploymentStatus> latest_status;
  };
  // nullopt: there is no such repository, or no such deployment in it.
  virtual absl::StatusOr<absl::optional<DeploymentResult>> FindDeployment(
      const DeploymentParams& params) = 0;

  struct ListDeploymentsParams {
    v1::RepositoryName repository;
    // Those that are given must all hold (R70).
    absl::optional<std::string> sha;
    absl::optional<std::string> ref;
    absl::optional<std::string> task;
    absl::optional<std::string> environment;
    v1::NameMatch environment_match = v1::NAME_MATCH_IGNORE_CASE;
    // How many of the newest to leave out, and how many to give at the most.
    int64_t offset = 0;
    int64_t limit = 30;
  };
  template <typename Row>
  struct Page {
    // Newest first: by id, descending (R70).
    std::vector<Row> rows;
    // Of all that match, on other pages too.
    int64_t total = 0;
  };
  // nullopt: there is no such repository. Past the end: no rows (R71). By any
  // one filter, or none, it costs what it gives, not what the repository has.
  virtual absl::StatusOr<absl::optional<Page<v1::Deployment>>> ListDeployments(
      const ListDeploymentsParams& params) = 0;

  struct ListStatusesParams {
    v1::RepositoryName repository;
    int64_t deployment_id = 0;
    int64_t offset = 0;
    int64_t limit = 30;
  };
  // nullopt: there is no such deployment.
  virtual absl::StatusOr<absl::optional<Page<v1::DeploymentStatus>>>
  ListStatuses(const ListStatusesParams& params) = 0;

  struct StatusParams {
    v1::RepositoryName repository;
    int64_t deployment_id = 0;
    int64_t status_id = 0;
  };
  // nullopt: there is no such status of that deployment.
  virtual absl::StatusOr<absl::optional<v1::DeploymentStatus>> FindStatus(
      const StatusParams& params) = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_PORTS_STORE_H_
