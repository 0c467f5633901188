// The suite that every implementation of `Store` and `Outbox` passes, as
// GoogleTest tests. A test file of one store is this:
//
//   slipway::StoreSuiteParams Params() {
//     slipway::StoreSuiteParams params;
//     params.make = [] { return std::make_unique<MyStoreUnderTest>(); };
//     params.capabilities.durable = true;
//     return params;
//   }
//
//   SLIPWAY_INSTANTIATE_STORE_SUITE(MyStore, Params());
//
// linked with gtest_main. The tests are called MyStoreStoreSuite.NAME, with the
// names of `StoreChecks`; those for which the store lacks the capability are
// skipped, and say so. In the environment,
//
//   SLIPWAY_STORE_SUITE_SEED=N    walks other walks
//   SLIPWAY_STORE_SUITE_WALKS=N   walks more of them, or fewer
//   SLIPWAY_STORE_SUITE_ROUNDS=N  runs the races more often, or less
//
// (with Bazel: --test_env=SLIPWAY_STORE_SUITE_SEED=7). docs/guides/stores.md
// takes one step by step.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_SUITE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_SUITE_H_

#include <string>

#include "slipway/conformance/store/store_checks.h"
#include "slipway/conformance/store/store_under_test.h"

namespace slipway {

using StoreSuiteParams = StoreCheckParams;

// Registers the tests of one store, before RUN_ALL_TESTS. `name` as in
// `SLIPWAY_INSTANTIATE_STORE_SUITE`. Always true, for a static variable to be
// initialised by it.
bool RegisterStoreSuite(const std::string& name,
                        const StoreSuiteParams& params);

}  // namespace slipway

// At namespace scope. `name`: an identifier, of its own in each test binary.
#define SLIPWAY_INSTANTIATE_STORE_SUITE(name, ...)         \
  [[maybe_unused]] const bool kSlipwayStoreSuiteOf##name = \
      ::slipway::RegisterStoreSuite(#name, __VA_ARGS__)

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_SUITE_H_
