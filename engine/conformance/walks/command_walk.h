// Sequences of commands that mostly make sense, made from small numbers.
//
// Commands at random get nowhere: nearly all of them name what does not exist.
// A walk is a list of steps, each a handful of bytes, and a step becomes a
// command only when it is its turn: it picks among the deployments, refs and
// repositories that exist by then, now and then among what does not. So any
// bytes make a walk, a walk with a step taken out is still one, and a byte
// that is nearer to 0 means something plainer: what a test needs to shrink a
// failure to a few readable steps.
//
//   slipway::Model model({slipway::RulesOf(walk)});
//   for (size_t i = 0; i < walk.steps.size(); ++i) {
//     slipway::v1::Command command = slipway::CommandOf(walk.steps[i], i,
//     model);
//     ... model.Execute(command) ...
//   }
//
// All functions are total and pure.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_WALKS_COMMAND_WALK_H_
#define SLIPWAY_ENGINE_CONFORMANCE_WALKS_COMMAND_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "slipway/conformance/walks/model.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/seed.pb.h"

namespace slipway {

// What each byte of a step chooses. A command looks at those that it needs.
enum StepChoice : size_t {
  kStepKind,         // of command
  kStepRepository,   // and the spelling of its name
  kStepSubject,      // which deployment, ref or commit
  kStepValue,        // the state, or the commit that a ref is put to
  kStepEnvironment,  // and its spelling
  kStepFlags,        // transient, production, task, auto_inactive
  kStepMerge,        // auto_merge, or what a ref branched off from
  kStepContexts,     // the required ones, or the one to put
  kStepText,         // payload, descriptions, URLs
  kStepFault,        // mostly none
  kStepMoment,       // whether the clock has stepped back, who acts
  kStepKey,          // an idempotency key, or a request that had one once more
  kStepExpectation,  // of the latest status
  kStepChoices,      // how many there are
};
using WalkStep = std::array<uint8_t, kStepChoices>;

// What each byte of the rules chooses: a preset, or every knob by itself.
inline constexpr size_t kRulesChoices = 22;
using RulesChoice = std::array<uint8_t, kRulesChoices>;

struct CommandWalk {
  RulesChoice rules = {};
  std::vector<WalkStep> steps;
};

// The rules of a walk: the presets often, knobs at random as often, and rarely
// a knob that no version knows.
v1::Rules RulesOf(const CommandWalk& walk);

// The command that a step is when it comes at place `index` of a walk and
// `model` is what the steps before it have led to. It brings its own time and
// ids; ids of a later place are higher.
v1::Command CommandOf(const WalkStep& step, size_t index, const Model& model);

// How many ids a command of a walk brings.
inline constexpr int64_t kWalkIdsPerStep = 100;

// The repositories that walks are about, with branches that are behind, up to
// date and in conflict, for source control in memory.
v1::Seed WalkSeed();

// One line for people: who asks for what, and the answer.
std::string DescribeStep(size_t index, const v1::Command& command,
                         const v1::Decision& decision);

// One line for people: the preset, or what differs from "documented".
std::string DescribeRules(const v1::Rules& rules);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_WALKS_COMMAND_WALK_H_
