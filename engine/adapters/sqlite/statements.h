// Every statement that the store runs, in one place, so that a test can look at
// the plan of each. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_STATEMENTS_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_STATEMENTS_H_

#include <cstddef>

namespace slipway {
namespace internal {

enum class Sql : size_t {
  // Transactions.
  kBegin,
  kBeginImmediate,
  kCommit,
  kRollback,
  kDataVersion,
  kGetNextId,
  kSetNextId,
  // Repositories.
  kFindRepository,
  kFindRepositoryById,
  kInsertRepository,
  kPutRepositoryBody,
  // Environments and labels.
  kFindEnvironment,
  kInsertEnvironment,
  kFindLabel,
  kInsertLabel,
  kUpdateLabelCount,
  kDeleteLabel,
  // Refs and commits.
  kFindRef,
  kPutRef,
  kDeleteRef,
  kFindCommit,
  kPutCommit,
  kFindContext,
  kListContexts,
  kPutContext,
  kDeleteContext,
  // Deployments and statuses.
  kFindDeployment,
  kListLive,
  kNextLiveTask,
  kListLiveByTask,
  kInsertDeployment,
  kMoveDeployment,
  kNoteStatus,
  kDeleteDeployment,
  kInsertStatus,
  kFindStatus,
  kListStatuses,
  kListStatusesBackwards,
  kDeleteStatuses,
  // Ids of deployments, newest first, and from the other end.
  kListIds,
  kListIdsBackwards,
  kListIdsBySha,
  kListIdsByShaBackwards,
  kListIdsByRef,
  kListIdsByRefBackwards,
  kListIdsByTask,
  kListIdsByTaskBackwards,
  kListIdsByEnvironment,
  kListIdsByEnvironmentBackwards,
  kListIdsBySpelling,
  kListIdsBySpellingBackwards,
  // By several filters, along the index of one.
  kFilterIdsBySha,
  kFilterIdsByRef,
  kFilterIdsByTask,
  kFilterIdsByEnvironment,
  kFilterIdsBySpelling,
  // The deletion of a repository, table by table.
  kDropStatuses,
  kDropDeployments,
  kDropEnvironments,
  kDropLabels,
  kDropContexts,
  kDropRefs,
  kDropCommits,
  // The outbox.
  kFindEndOfStream,
  kInsertOutbox,
  kReadOutbox,
  kReadAll,
  // Answers under idempotency keys.
  kFindAnswer,
  kPutAnswer,
  kPruneAnswers,
  // Hooks and deliveries.
  kFindHook,
  kFindHookByUrl,
  kInsertHook,
  kSetCursor,
  kAddPending,
  kInsertDelivery,
  kFindDelivery,
  kListDeliveries,
  kListDue,
  kFindFirstPending,
  kReleaseLeases,
  kLease,
  kSetHead,
  kUpdateDelivery,
  kListEnded,
  kDeleteDelivery,
  kInsertAttempt,
  kListAttempts,
  kDeleteAttempts,
  kCount,  // of them
};

inline constexpr size_t kSqlCount = static_cast<size_t>(Sql::kCount);

// Total; every one but `kCount` has a text.
const char* SqlText(Sql sql);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_STATEMENTS_H_
