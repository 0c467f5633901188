#include "slipway/conformance/store/store_suite.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

// Replaces `value` by what the environment says, where it says something.
template <typename Number>
void ReadFromEnvironment(const char* variable, Number& value) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return;
  Number number = 0;
  if (absl::SimpleAtoi(text, &number)) {
    value = number;
  } else {
    ADD_FAILURE() << variable << " is not a number: " << text;
  }
}

class CheckTest : public testing::Test {
 public:
  CheckTest(const StoreCheck& check, StoreSuiteParams params)
      : check_(check), params_(std::move(params)) {}

  void TestBody() override {
    if (!Applies(check_, params_.capabilities)) {
      GTEST_SKIP() << "the store has not the capability; not tested: "
                   << check_.claim;
    }
    ReadFromEnvironment("SLIPWAY_STORE_SUITE_SEED", params_.seed);
    ReadFromEnvironment("SLIPWAY_STORE_SUITE_WALKS", params_.walks);
    ReadFromEnvironment("SLIPWAY_STORE_SUITE_ROUNDS", params_.rounds);
    for (const std::string& finding : check_.run(params_)) {
      ADD_FAILURE() << check_.claim << "\n" << finding;
    }
  }

 private:
  const StoreCheck& check_;
  StoreSuiteParams params_;
};

}  // namespace

bool RegisterStoreSuite(const std::string& name,
                        const StoreSuiteParams& params) {
  for (const StoreCheck& check : StoreChecks()) {
    // The type of the fixture has to be testing::Test, as it is in every test
    // of a suite.
    testing::RegisterTest((name + "StoreSuite").c_str(), check.name.c_str(),
                          nullptr, nullptr, __FILE__, __LINE__,
                          [&check, params]() -> testing::Test* {
                            return new CheckTest(check, params);
                          });
  }
  return true;
}

}  // namespace slipway
