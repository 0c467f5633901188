#include "slipway/conformance/generator.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using Operations = google::protobuf::RepeatedPtrField<v1::Operation>;

google::protobuf::RepeatedPtrField<v1::RefFixture> Refs() {
  google::protobuf::RepeatedPtrField<v1::RefFixture> refs;
  v1::RefFixture& main = *refs.Add();
  main.set_name("main");
  main.set_form(slipway::v1::REF_FORM_BRANCH);
  main.set_sha(std::string(40, 'a'));
  main.set_is_default_branch(true);
  return refs;
}

// All operations of a walk, and an oracle that has made them.
std::string Play(const OperationWalk& walk, const GeneratorOptions& options,
                 std::vector<v1::Operation>* made = nullptr) {
  Oracle oracle(slipway::v1::Rules(), Refs(), options.others_exist);
  Generator generator(options);
  std::string text;
  for (const OperationStep& step : walk.steps) {
    Operations operations;
    generator.AddOperations(step, oracle, &operations);
    EXPECT_GE(operations.size(), 1);
    for (const v1::Operation& operation : operations) {
      oracle.Apply(operation);
      text += operation.ShortDebugString() + "\n";
      if (made != nullptr) made->push_back(operation);
    }
  }
  return text;
}

TEST(MakeWalk, EqualSeedsGiveEqualWalks) {
  const OperationWalk walk = MakeWalk({}, 7, 3).value();
  EXPECT_EQ(walk.steps, MakeWalk({}, 7, 3).value().steps);
  EXPECT_NE(walk.steps, MakeWalk({}, 7, 4).value().steps);
  EXPECT_NE(walk.steps, MakeWalk({}, 8, 3).value().steps);
  EXPECT_EQ(Play(walk, {}), Play(walk, {}));
}

TEST(MakeWalk, KeepsToItsLimits) {
  WalkOptions options;
  options.steps_max = 12;
  options.parallel_max = 5;
  for (int64_t i = 0; i < 50; ++i) {
    const OperationWalk walk = MakeWalk(options, 1, i).value();
    EXPECT_LE(walk.steps.size(), 7u);
    EXPECT_GE(walk.steps.size(), 1u);
    EXPECT_LE(walk.parallel.size(), 5u);
  }
  options.steps_max = 0;
  options.parallel_max = 0;
  EXPECT_TRUE(MakeWalk(options, 1, 1).value().steps.empty());
}

TEST(MakeWalk, ShrinksToThePlainestStep) {
  // Whatever is accepted, it ends: at one step, all plain.
  rc::Shrinkable<OperationWalk> walk = MakeWalk({}, 1, 1);
  int attempts = 0;
  while (true) {
    rc::Seq<rc::Shrinkable<OperationWalk>> candidates = walk.shrinks();
    rc::Maybe<rc::Shrinkable<OperationWalk>> next = candidates.next();
    while (next && next->value().steps.empty()) next = candidates.next();
    if (!next) break;
    walk = *next;
    ASSERT_LT(++attempts, 10000);
  }
  ASSERT_EQ(walk.value().steps.size(), 1u);
  EXPECT_EQ(walk.value().steps[0], OperationStep{});
}

TEST(Generator, ThePlainestStepsAreTheOrdinaryLife) {
  OperationWalk walk;
  walk.steps.resize(2);
  walk.steps[1][kStepKind] = 80;
  std::vector<v1::Operation> made;
  Play(walk, {}, &made);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].create_deployment().ShortDebugString(),
            R"(binds: "$d1" request { ref: "main" environment: "staging" })");
  EXPECT_EQ(made[1].create_status().ShortDebugString(),
            R"(binds: "$s1" deployment: "$d1" )"
            R"(request { state: STATUS_STATE_SUCCESS })");
  EXPECT_GT(made[1].time_ms(), made[0].time_ms());
}

TEST(Generator, EveryByteMeansSomething) {
  std::set<v1::Operation::CallCase> kinds;
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t choice = 0; choice < kStepChoices; ++choice) {
      OperationWalk walk;
      walk.steps.resize(3);
      walk.steps[1][kStepKind] = 80;
      walk.steps[2].fill(static_cast<uint8_t>(255 - byte));
      walk.steps[2][choice] = static_cast<uint8_t>(byte);
      std::vector<v1::Operation> made;
      Play(walk, {}, &made);
      kinds.insert(made.back().call_case());
    }
  }
  EXPECT_EQ(kinds.size(), 7u);
  EXPECT_EQ(kinds.count(v1::Operation::CALL_NOT_SET), 0u);
}

TEST(Generator, TimesGrowAndSymbolsAreNew) {
  for (int64_t i = 0; i < 100; ++i) {
    std::vector<v1::Operation> made;
    Play(MakeWalk({}, 5, i).value(), {}, &made);
    int64_t time_ms = 0;
    for (const v1::Operation& operation : made) {
      EXPECT_GT(operation.time_ms(), time_ms);
      time_ms = operation.time_ms();
    }
  }
}

// Whether everything about it can be told apart from what others do.
void ExpectOwn(const v1::Operation& operation, const std::string& suffix) {
  const auto is_own = [&](const std::string& name) {
    return absl::EndsWith(name, suffix);
  };
  if (operation.has_create_deployment()) {
    const auto& request = operation.create_deployment().request();
    EXPECT_TRUE(is_own(request.environment()) || is_own(request.task()) ||
                // Refused.
                (request.has_environment() && request.environment().empty()) ||
                request.environment().size() == 512)
        << operation.ShortDebugString();
  }
  if (operation.has_list_deployments()) {
    const auto& list = operation.list_deployments();
    EXPECT_TRUE(is_own(list.environment()) || is_own(list.task()))
        << operation.ShortDebugString();
  }
}

TEST(Generator, InASharedRepositoryEverythingIsItsOwn) {
  GeneratorOptions options;
  options.suffix = "-run-1";
  options.others_exist = true;
  for (int64_t i = 0; i < 300; ++i) {
    std::vector<v1::Operation> made;
    Play(MakeWalk({}, 9, i).value(), options, &made);
    for (const v1::Operation& operation : made) {
      ExpectOwn(operation, options.suffix);
    }
  }
}

TEST(Generator, ClientsHaveSymbolsAndTimesOfTheirOwn) {
  Oracle oracle(slipway::v1::Rules(), Refs());
  Generator generator({});
  Operations operations;
  generator.AddOperations(OperationStep{}, oracle, &operations);
  oracle.Apply(operations[0]);
  Generator first = generator.ForClient(0, oracle);
  Generator second = generator.ForClient(1, oracle);
  operations.Clear();
  first.AddOperations(OperationStep{}, oracle, &operations);
  second.AddOperations(OperationStep{}, oracle, &operations);
  EXPECT_EQ(operations[0].create_deployment().binds(), "$d2a");
  EXPECT_EQ(operations[1].create_deployment().binds(), "$d2b");
  EXPECT_EQ(operations[0].client(), 0);
  EXPECT_EQ(operations[1].client(), 1);
  EXPECT_NE(operations[0].time_ms(), operations[1].time_ms());
}

TEST(Generator, LooksAtEverythingThatEverWas) {
  Oracle oracle(slipway::v1::Rules(), Refs());
  Generator generator({});
  Operations operations;
  for (int i = 0; i < 2; ++i) {
    generator.AddOperations(OperationStep{}, oracle, &operations);
    oracle.Apply(operations[i]);
  }
  v1::Operation deletion;
  deletion.mutable_delete_deployment()->set_deployment("$d1");
  oracle.Apply(deletion);
  Operations look;
  generator.AddLook(oracle, &look);
  ASSERT_EQ(look.size(), 4);
  EXPECT_EQ(look[0].list_statuses().deployment(), "$d1");
  EXPECT_EQ(look[1].get_deployment().deployment(), "$d1");
  EXPECT_EQ(look[2].list_statuses().deployment(), "$d2");
  EXPECT_TRUE(look[3].has_list_deployments());
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
