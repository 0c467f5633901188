// The checks that the suite for stores is made of, one by one, for whoever
// wants to run them without GoogleTest; store_suite.h makes tests of them.
//
//   for (const slipway::StoreCheck& check : slipway::StoreChecks()) {
//     if (!slipway::Applies(check, params.capabilities)) continue;
//     for (const std::string& finding : check.run(params)) {
//       std::cerr << check.name << ": " << finding << "\n";
//     }
//   }

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_CHECKS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_CHECKS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "slipway/conformance/store/store_under_test.h"

namespace slipway {

struct StoreCheckParams {
  StoreFactory make;
  StoreCapabilities capabilities;
  // Equal seeds give equal walks.
  uint64_t seed = 1;
  // Random walks, and how often each race is run.
  int walks = 60;
  int rounds = 40;
  // How long to look for a shorter walk once one has failed.
  int64_t shrinking_ms_max = 20000;
};

struct StoreCheck {
  // As a test is called: "RacesOnOneRepository".
  std::string name;
  // What must be so, in a sentence.
  std::string claim;
  // The capability without which there is nothing to check; nullptr: none.
  bool StoreCapabilities::*needs = nullptr;
  // What is wrong, for people; empty: nothing. It ends even where the store
  // waits for what never comes, unless it does so for good.
  std::function<std::vector<std::string>(const StoreCheckParams&)> run;
};

// All of them, those that tell most about a broken store first. Thread-safe.
const std::vector<StoreCheck>& StoreChecks();

// Whether a store with `capabilities` is to pass `check`.
bool Applies(const StoreCheck& check, const StoreCapabilities& capabilities);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_STORE_CHECKS_H_
