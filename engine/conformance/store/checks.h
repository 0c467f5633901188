// The checks, by the file that they are in. Not for users; `StoreChecks` has
// them with their claims.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_CHECKS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_CHECKS_H_

#include "engine/conformance/store/findings.h"
#include "slipway/conformance/store/store_checks.h"

namespace slipway {
namespace internal {

// query_checks.cc: one caller, many questions.
void CheckRepositories(const StoreCheckParams& params, Findings& findings);
void CheckDeletions(const StoreCheckParams& params, Findings& findings);
void CheckListOrderAndPages(const StoreCheckParams& params, Findings& findings);
void CheckOutbox(const StoreCheckParams& params, Findings& findings);
void CheckNumbers(const StoreCheckParams& params, Findings& findings);

// text_checks.cc: names and texts of every kind.
void CheckNames(const StoreCheckParams& params, Findings& findings);
void CheckTexts(const StoreCheckParams& params, Findings& findings);
void CheckPayloads(const StoreCheckParams& params, Findings& findings);

// transaction_checks.cc: all or nothing.
void CheckFailingDeciders(const StoreCheckParams& params, Findings& findings);
void CheckRejections(const StoreCheckParams& params, Findings& findings);
void CheckWideDecisions(const StoreCheckParams& params, Findings& findings);
void CheckReadersSeeNoPart(const StoreCheckParams& params, Findings& findings);

// key_checks.cc: idempotency keys, and expectations.
void CheckKeys(const StoreCheckParams& params, Findings& findings);
void CheckKeyRaces(const StoreCheckParams& params, Findings& findings);
void CheckExpectationRaces(const StoreCheckParams& params, Findings& findings);

// stream_checks.cc: the stream of all repositories.
void CheckGlobalStream(const StoreCheckParams& params, Findings& findings);
void CheckGlobalStreamRaces(const StoreCheckParams& params, Findings& findings);

// race_checks.cc: many callers.
void CheckTwoSuccesses(const StoreCheckParams& params, Findings& findings);
void CheckLostUpdates(const StoreCheckParams& params, Findings& findings);
void CheckRepositoryRaces(const StoreCheckParams& params, Findings& findings);
void CheckManyRepositories(const StoreCheckParams& params, Findings& findings);
void CheckParallelRepositories(const StoreCheckParams& params,
                               Findings& findings);

// walk_check.cc: sequences at random.
void CheckWalks(const StoreCheckParams& params, Findings& findings);

// durable_checks.cc: what only some stores promise.
void CheckReopen(const StoreCheckParams& params, Findings& findings);
void CheckHandles(const StoreCheckParams& params, Findings& findings);
void CheckIds(const StoreCheckParams& params, Findings& findings);
void CheckBrokenConnections(const StoreCheckParams& params, Findings& findings);

// delivery_checks.cc: what is to be sent to webhooks.
void CheckHooks(const StoreCheckParams& params, Findings& findings);
void CheckEnqueue(const StoreCheckParams& params, Findings& findings);
void CheckEnqueueRaces(const StoreCheckParams& params, Findings& findings);
void CheckClaims(const StoreCheckParams& params, Findings& findings);
void CheckClaimRaces(const StoreCheckParams& params, Findings& findings);
void CheckLeases(const StoreCheckParams& params, Findings& findings);
void CheckLateRecords(const StoreCheckParams& params, Findings& findings);
void CheckRecord(const StoreCheckParams& params, Findings& findings);
void CheckRedeliver(const StoreCheckParams& params, Findings& findings);
void CheckDeliveryLists(const StoreCheckParams& params, Findings& findings);
void CheckPrune(const StoreCheckParams& params, Findings& findings);
void CheckDeliveriesReopened(const StoreCheckParams& params,
                             Findings& findings);

// process_checks.cc: likewise, in other processes.
void CheckProcesses(const StoreCheckParams& params, Findings& findings);
void CheckKilledWriters(const StoreCheckParams& params, Findings& findings);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_CHECKS_H_
