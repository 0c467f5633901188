// The engine over any number of repositories, by the core alone and with whole
// states instead of a store: slow and plain, for others to be compared with.
//
//   slipway::Model model({rules});
//   absl::StatusOr<slipway::v1::Decision> expected = model.Execute(command);
//   absl::StatusOr<slipway::v1::Decision> actual = runner.Execute(command);

#ifndef SLIPWAY_ENGINE_CONFORMANCE_WALKS_MODEL_H_
#define SLIPWAY_ENGINE_CONFORMANCE_WALKS_MODEL_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/ports/source_control.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {

struct ModelParams {
  v1::Rules rules;
  // As in `RunnerParams`. Not owned. To compare with a runner, give each its
  // own over the same seed, because both merge.
  SourceControl* source_control = nullptr;
  // `Decide`, unless a test wants to see a wrong one caught.
  std::function<v1::Decision(const v1::Rules&, const v1::Facts&,
                             const v1::Command&)>
      decide = nullptr;
};

// Not thread-safe.
class Model {
 public:
  explicit Model(ModelParams params);

  // Decides `command`, which brings its time and ids, and folds the events in.
  //
  // DATA_LOSS: the decision's events cannot follow the state, which is then as
  // it was. INTERNAL: source control contradicts itself.
  absl::StatusOr<v1::Decision> Execute(const v1::Command& command);

  // What a store is to know for `command`: `slipway::FactsFor`, the other
  // repository that has the id of a put, and what is kept under its key. To be
  // compared with what `Comparable` makes of a store's facts.
  v1::Facts StoreFacts(const v1::Command& command) const;

  // A store's facts without what stores may differ in: answers that are no
  // longer kept (R100), and the time and ids of the command of one that is.
  v1::Facts Comparable(v1::Facts facts, const v1::Command& command) const;

  // The commands whose answers are kept for a repository, by their keys.
  std::vector<const v1::Command*> KeyedCommands(
      const v1::RepositoryName& name) const;

  // Empty for a repository that never was.
  const v1::RepositoryState& StateOf(const v1::RepositoryName& name) const;

  const v1::Rules& rules() const { return params_.rules; }

 private:
  using Key = std::pair<std::string, std::string>;
  static Key KeyOf(const v1::RepositoryName& name);

  // Puts what source control says of the command's ref into `facts`.
  absl::Status AskSourceControl(const v1::Command& command, v1::Facts& facts);
  absl::StatusOr<v1::MergeOutcome> Merge(const v1::Command& command,
                                         const v1::Facts& facts,
                                         const v1::MergeEffect& merge);

  ModelParams params_;
  std::map<Key, v1::RepositoryState> states_;
  std::map<Key, std::map<std::string, v1::KeyedAnswer>> answers_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_WALKS_MODEL_H_
