// Sequences of operations that mostly make sense, made from small numbers.
//
// Calls at random get nowhere: nearly all of them name what does not exist. A
// walk is a list of steps, each a handful of bytes, and a step becomes an
// operation only when it is its turn: it picks among the deployments, statuses
// and refs that the oracle has by then, now and then among what it has not. So
// any bytes make a walk, a walk with a step taken out is still one, and a byte
// that is nearer to 0 means something plainer: what is needed to shrink a
// failure to a few readable steps.
//
//   rc::Shrinkable<OperationWalk> walk = MakeWalk({}, /*seed=*/1, /*index=*/0);
//   Oracle oracle(rules, capabilities.refs());
//   Generator generator({});
//   for (const OperationStep& step : walk.value().steps) {
//     operations.Clear();
//     generator.AddOperations(step, oracle, &operations);
//     for (const v1::Operation& operation : operations) ...
//   }
//
// What the subject answers is not looked at: equal seeds give equal operations.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_GENERATOR_H_
#define SLIPWAY_ENGINE_CONFORMANCE_GENERATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rapidcheck.h"
#include "slipway/conformance/oracle.h"
#include "slipway/conformance/v1/operation.pb.h"

namespace slipway {
namespace conformance {

// What each byte of a step chooses. An operation looks at those that it needs.
enum StepChoice : size_t {
  kStepKind,         // of operation
  kStepSubject,      // which deployment, or which ref
  kStepValue,        // the state, the filters, or which status
  kStepEnvironment,  // and its spelling
  kStepTransient,    // the flag
  kStepProduction,   // the flag, or auto_inactive
  kStepTask,
  kStepMerge,     // auto_merge, or which page
  kStepContexts,  // the required ones
  kStepText,      // payload and description
  kStepLinks,     // the URLs of a status
  kStepFault,     // mostly none
  kStepPage,      // per_page
  kStepClient,    // who makes the call, where there are several
  kStepChoices,   // how many there are
};
using OperationStep = std::array<uint8_t, kStepChoices>;

struct OperationWalk {
  // Made one after the other.
  std::vector<OperationStep> steps;
  // Made after them, by several clients at the same time.
  std::vector<OperationStep> parallel;
};

struct WalkOptions {
  int64_t steps_max = 30;
  // Of `OperationWalk::parallel`; the steps before it are fewer then.
  int64_t parallel_max = 0;
};

// The walk of that number in the run of that seed. It shrinks by leaving steps
// out, then by making steps plainer. Total, pure.
rc::Shrinkable<OperationWalk> MakeWalk(const WalkOptions& options,
                                       uint64_t seed, int64_t index);

// `walk`, which shrinks as those of `MakeWalk` do. Total, pure.
rc::Shrinkable<OperationWalk> ShrinkableWalk(OperationWalk walk);

struct GeneratorOptions {
  // Not empty: the repository is shared with others and with sequences before
  // this one. Names of environments and tasks then end in it, but for a few
  // deployments to "production" itself, whose task does; and nothing is asked
  // whose answer the others could change.
  std::string suffix;
  // The repository has deployments that this sequence did not make: lists are
  // always filtered by something with the suffix.
  bool others_exist = false;
};

// Makes operations of steps and remembers the symbols that it has given out.
// Copyable. Not thread-safe.
class Generator {
 public:
  explicit Generator(GeneratorOptions options);

  // Adds what `step` is where `oracle` is what the steps before it have led to:
  // one operation, but for the rare steps that fill a list over its page. Each
  // has its time, later than all before.
  void AddOperations(
      const OperationStep& step, const Oracle& oracle,
      google::protobuf::RepeatedPtrField<v1::Operation>* operations);

  // One that goes on from here for one of several clients, from 0: its symbols
  // and times are not those of the others. `oracle` is what has been so far.
  Generator ForClient(int client, const Oracle& oracle) const;

  // Adds the look at everything: of each deployment that there ever was, its
  // statuses, and itself where it is gone; then the list of all, as far as it
  // can be asked for.
  void AddLook(const Oracle& oracle,
               google::protobuf::RepeatedPtrField<v1::Operation>* operations);

  // Knows the symbols of operations that it has not made, and goes on after
  // their times.
  void Adopt(
      const google::protobuf::RepeatedPtrField<v1::Operation>& operations);

  // The same without an oracle that knows which rows there are: every list has
  // one page of 100.
  void AddBlindLook(
      const std::vector<std::string>& deployments,
      google::protobuf::RepeatedPtrField<v1::Operation>* operations);

 private:
  friend class StepInterpreter;

  struct DeploymentSymbol {
    std::string symbol;
    int64_t id = 0;
  };
  struct StatusSymbol {
    std::string symbol;
    // The symbol of its deployment.
    std::string deployment;
  };

  // Learns which of the symbols given out last are bound.
  void Settle(const Oracle& oracle);
  v1::Operation* Add(
      google::protobuf::RepeatedPtrField<v1::Operation>* operations);
  void AddDeploymentLists(
      int64_t pages,
      google::protobuf::RepeatedPtrField<v1::Operation>* operations);
  std::string NextDeployment();
  std::string NextStatus(const std::string& deployment);

  GeneratorOptions options_;
  // What the symbols of a client end in.
  std::string symbol_end_;
  // -1: there is only one.
  int client_ = -1;
  int64_t next_time_ms_;
  int deployment_number_ = 0;
  int status_number_ = 0;
  std::vector<DeploymentSymbol> deployments_;
  std::vector<StatusSymbol> statuses_;
  // From here on, the symbols that are not settled yet.
  size_t deployments_settled_ = 0;
  size_t statuses_settled_ = 0;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_GENERATOR_H_
