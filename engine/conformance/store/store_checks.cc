#include "slipway/conformance/store/store_checks.h"

#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/findings.h"

namespace slipway {
namespace {

StoreCheck Make(const char* name, const char* claim,
                void (*run)(const StoreCheckParams&, internal::Findings&),
                bool StoreCapabilities::*needs = nullptr) {
  return {name, claim, needs, [run](const StoreCheckParams& params) {
            internal::Findings findings;
            run(params, findings);
            return findings.Get();
          }};
}

}  // namespace

const std::vector<StoreCheck>& StoreChecks() {
  using Can = StoreCapabilities;
  static const auto& checks = *new std::vector<StoreCheck>{
      Make("R1R5Repositories",
           "Repositories are found by name without case and by id, keep their "
           "spelling, and never share an id.",
           internal::CheckRepositories),
      Make("R17R42Deletions",
           "What is deleted is nowhere, and its ids are remembered, over the "
           "deletion of the repository too.",
           internal::CheckDeletions),
      Make("R70R71ListsAndPages",
           "Lists are newest first, by every combination of filters, with "
           "totals, in pages of any place and size.",
           internal::CheckListOrderAndPages),
      Make("R80R81Outbox",
           "The outbox has every event of every decision at positions 1, 2, 3, "
           "… with its notify flag, and outlives the repository.",
           internal::CheckOutbox),
      Make("R8R17Numbers", "Ids and times of the whole range are kept.",
           internal::CheckNumbers),
      Make("R1R60Names",
           "Names compare without the case of ASCII letters or with case, each "
           "as the rules say, and by nothing else.",
           internal::CheckNames),
      Make("R4Texts", "Texts of any characters and any length are kept.",
           internal::CheckTexts),
      Make("R11Payloads", "Payloads of any bytes are kept.",
           internal::CheckPayloads),
      Make("FailingDecidersChangeNothing",
           "A decider's status ends the transaction without a change, and is "
           "returned from it.",
           internal::CheckFailingDeciders),
      Make("RejectionsChangeNothing", "A rejection changes nothing.",
           internal::CheckRejections),
      Make("R31WideDecisions",
           "A success that retires many others is kept as a whole.",
           internal::CheckWideDecisions),
      Make("R100Keys",
           "Answers under idempotency keys are kept, refusals too, and nothing "
           "happens a second time.",
           internal::CheckKeys),
      Make("R102AllRepositories",
           "The stream of all repositories has the entries of each in their "
           "order, at positions 1, 2, 3, ….",
           internal::CheckGlobalStream),
      Make("RandomWalks",
           "After every step of a random walk the facts are those of the state "
           "that the outbox adds up to, and so is every query; and as of every "
           "step the state is what it was (R103).",
           internal::CheckWalks),
      Make("R36ReadersSeeNoPart",
           "A reader sees all of a decision or nothing of it.",
           internal::CheckReadersSeeNoPart),
      Make("R36TwoSuccessesAtOnce",
           "Two successes at once behave as one after the other.",
           internal::CheckTwoSuccesses),
      Make(
          "R100RacesForOneKey",
          "Of several that ask the same under one key at once, one is decided, "
          "and all have its answer.",
          internal::CheckKeyRaces),
      Make("R101RacesForOneStatus",
           "Of several that expect the same latest status at once, one has its "
           "way.",
           internal::CheckExpectationRaces),
      Make("R102WritersInParallel",
           "Who follows the stream of all repositories while others write "
           "misses nothing, and sees what has been answered.",
           internal::CheckGlobalStreamRaces),
      Make("RacesOnOneRepository",
           "Callers of one repository overwrite nothing of each other, and ids "
           "fit one order.",
           internal::CheckLostUpdates),
      Make("R5RacesForRepositories",
           "Of several that put one name or one id at once, one has it.",
           internal::CheckRepositoryRaces),
      Make("RacesOnManyRepositories",
           "Callers of several repositories do not disturb each other.",
           internal::CheckManyRepositories),
      Make("RepositoriesDoNotWait",
           "A transaction on one repository does not wait for one on another.",
           internal::CheckParallelRepositories, &Can::parallel_repositories),
      Make("Reopened", "After the store was opened again all is as before.",
           internal::CheckReopen, &Can::durable),
      Make("SeveralHandles",
           "What one handle has committed, every other sees at once.",
           internal::CheckHandles, &Can::several_handles),
      Make("R17Ids",
           "The id source hands out every id once, in an order that all see, "
           "over all its handles and restarts.",
           internal::CheckIds, &Can::ids),
      Make("BrokenConnections",
           "A transaction whose connection broke has happened once (OK) or not "
           "at all (UNAVAILABLE).",
           internal::CheckBrokenConnections, &Can::breakable),
      Make("R104Hooks",
           "A URL has one hook, whoever adds it, which hears of what comes "
           "after that.",
           internal::CheckHooks, &Can::deliveries),
      Make("R104Enqueued",
           "A hook gets a delivery of every event that others are told about "
           "and that it asks for, in the order of the stream.",
           internal::CheckEnqueue, &Can::deliveries),
      Make("R104EnqueuersAtOnce",
           "Several that enqueue at once leave nothing out and do nothing "
           "twice.",
           internal::CheckEnqueueRaces, &Can::deliveries),
      Make("R104ClaimsInOrder",
           "Of each deployment the oldest delivery that is pending is given "
           "when it is due, and holds up no other deployment.",
           internal::CheckClaims, &Can::deliveries),
      Make("R104ClaimsAtOnce",
           "Several that claim at once never have the same delivery, nor two "
           "of one deployment.",
           internal::CheckClaimRaces, &Can::deliveries),
      Make("R104Leases",
           "What was claimed and never recorded is given again when its lease "
           "has run out.",
           internal::CheckLeases, &Can::deliveries),
      Make("R104LateRecords",
           "An attempt that is recorded after its lease is noted, and takes "
           "nothing from whoever has claimed the delivery since.",
           internal::CheckLateRecords, &Can::deliveries),
      Make("R104Recorded",
           "An attempt is kept as it was noted, and its delivery is pending "
           "until it was delivered or given up.",
           internal::CheckRecord, &Can::deliveries),
      Make("R104Redelivered",
           "A delivery is sent again on request, whatever became of it.",
           internal::CheckRedeliver, &Can::deliveries),
      Make("R104DeliveryLists",
           "Deliveries are listed with their attempts, newest first.",
           internal::CheckDeliveryLists, &Can::deliveries),
      Make("R104Pruned", "Old deliveries are forgotten, pending ones never.",
           internal::CheckPrune, &Can::deliveries),
      Make("R104DeliveriesReopened",
           "Hooks, cursors, deliveries, claims and attempts are there after "
           "the store was opened again.",
           internal::CheckDeliveriesReopened, &Can::deliveries),
      Make("SeveralProcesses",
           "Several processes overwrite nothing of each other.",
           internal::CheckProcesses, &Can::several_processes),
      Make("KilledWriters",
           "When a process is killed, what it was told is there, and nothing "
           "is there by half.",
           internal::CheckKilledWriters, &Can::several_processes),
  };
  return checks;
}

bool Applies(const StoreCheck& check, const StoreCapabilities& capabilities) {
  return check.needs == nullptr || capabilities.*check.needs;
}

}  // namespace slipway
