// A durable store passes the suite for stores: every check but the one for
// stores that decide about several repositories at once.

#include "engine/conformance/store/journal_store.h"

#include "slipway/conformance/store/store_suite.h"

namespace slipway {
namespace internal {
namespace {

StoreSuiteParams Params() {
  StoreSuiteParams params;
  params.make = [] { return JournalStoreUnderTest::Make(JournalFaults()); };
  params.capabilities = JournalCapabilities();
  params.walks = 40;
  params.rounds = 25;
  return params;
}

SLIPWAY_INSTANTIATE_STORE_SUITE(Journal, Params());

}  // namespace
}  // namespace internal
}  // namespace slipway
