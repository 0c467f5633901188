#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/scene.h"
// RapidCheck wants it before its own headers.
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/detail/TestListenerAdapter.h"
#include "slipway/conformance/walks/command_walk.h"
#include "slipway/conformance/walks/walk_generator.h"

namespace slipway {
namespace internal {
namespace {

constexpr int kStepsMax = 40;

// What is wrong after some step of a walk, with the steps up to it.
std::vector<std::string> Walk(const StoreCheckParams& params,
                              const CommandWalk& walk) {
  Findings findings;
  Scene scene(params, findings, RulesOf(walk));
  scene.OpenAnother();
  std::vector<std::string> steps = {
      absl::StrCat("rules: ", DescribeRules(scene.rules()))};
  for (size_t i = 0; i < walk.steps.size() && scene.ok(); ++i) {
    const WalkStep& step = walk.steps[i];
    const v1::Command command = CommandOf(step, i, scene.model());
    const v1::Decision decision =
        scene.SendAsItIs(command, step[kStepMoment] % 2);
    steps.push_back(DescribeStep(i, command, decision));
    constexpr uint8_t kReopens = 250;
    if (step[kStepText] >= kReopens) {
      scene.Reopen();
      scene.OpenAnother();
      scene.CompareAll();
    }
  }
  scene.CompareAll();
  scene.Reopen();
  scene.CompareAll();
  scene.CompareHistory();
  std::vector<std::string> found = findings.Get();
  if (!found.empty()) found.insert(found.begin(), absl::StrJoin(steps, "\n"));
  return found;
}

}  // namespace

void CheckWalks(const StoreCheckParams& params, Findings& findings) {
  // Making a failure short is worth some time, but not every store is fast.
  const std::chrono::milliseconds shrinking_max(params.shrinking_ms_max);
  std::chrono::steady_clock::time_point first_failure;
  std::vector<std::string> shortest;

  rc::detail::TestMetadata metadata;
  metadata.id = "walks";
  rc::detail::TestParams test_params;
  test_params.seed = params.seed;
  test_params.maxSuccess = params.walks;
  // Says nothing by itself.
  rc::detail::TestListenerAdapter listener;
  const rc::detail::TestResult result = rc::detail::checkTestable(
      [&] {
        const CommandWalk walk = *WalkGenerator(kStepsMax);
        const auto now = std::chrono::steady_clock::now();
        if (!shortest.empty() && now - first_failure > shrinking_max) return;
        std::vector<std::string> found = Walk(params, walk);
        if (found.empty()) return;
        if (shortest.empty()) first_failure = now;
        // The last one that fails is the shortest.
        shortest = std::move(found);
        RC_FAIL("see below");
      },
      metadata, test_params, listener,
      std::unordered_map<std::string, rc::detail::Reproduce>());
  for (std::string& finding : shortest) findings.Add(std::move(finding));
  if (shortest.empty() && !result.is<rc::detail::SuccessResult>()) {
    std::ostringstream message;
    rc::detail::printResultMessage(result, message);
    findings.Add(message.str());
  }
}

}  // namespace internal
}  // namespace slipway
