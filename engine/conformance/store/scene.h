// A store under test with the model beside it, and the few lines that a runner
// would be. Not for users.
//
//   Findings findings;
//   Scene scene(params, findings);
//   scene.Send(PutRepository(name, 1));
//   scene.Send(PutBranch(name, "main", 'a'));
//   const int64_t id = scene.Create(CreateDeployment(name, "qa"));
//
// What differs between the two becomes a finding. From the first finding on,
// and where the store could not be opened, nothing is sent any more.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_STORE_SCENE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_STORE_SCENE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/findings.h"
#include "slipway/conformance/store/store_checks.h"
#include "slipway/conformance/store/store_under_test.h"
#include "slipway/conformance/walks/model.h"
#include "slipway/core/rules.h"
#include "slipway/ports/outbox.h"
#include "slipway/ports/store.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

v1::RepositoryName Name(absl::string_view owner, absl::string_view name);

// Commands without time and ids, by ann.
v1::Command PutRepository(const v1::RepositoryName& name, int64_t id);
v1::Command DeleteRepository(const v1::RepositoryName& name);
// `digit`: forty of it are the commit.
v1::Command PutBranch(const v1::RepositoryName& name, absl::string_view branch,
                      char digit);
// Of the branch "main", neither merged nor checked.
v1::Command CreateDeployment(const v1::RepositoryName& name,
                             absl::string_view environment);
v1::Command CreateStatus(const v1::RepositoryName& name, int64_t deployment_id,
                         v1::StatusState state);
v1::Command DeleteDeployment(const v1::RepositoryName& name,
                             int64_t deployment_id);

// The id of the row that a decision has made; 0: none.
int64_t IdOf(const v1::Decision& decision);

// Sends a command to a store as a runner does, but with the ids that follow the
// repository's last one. Pure, as `Store::Decider` wants it. Thread-safe.
absl::StatusOr<v1::Decision> SendTo(Store& store, const v1::Rules& rules,
                                    const v1::Command& command);

class Scene {
 public:
  Scene(const StoreCheckParams& params, Findings& findings,
        v1::Rules rules = DocumentedRules());

  // Whether all has gone well so far.
  bool ok() const { return !handles_.empty() && findings_.empty(); }

  // Only while `ok`.
  StoreHandle& handle(size_t place = 0) {
    return *handles_[place % handles_.size()];
  }
  Store& store(size_t place = 0) { return handle(place).store(); }
  Outbox& outbox(size_t place = 0) { return handle(place).outbox(); }

  const Model& model() const { return model_; }
  const v1::Rules& rules() const { return model_.rules(); }

  // One more handle, where the store can have several; else none.
  void OpenAnother();
  // Closes all handles and opens one, where the store is durable; else nothing.
  void Reopen();

  // Sends a command through store and model with the next second and the next
  // ids, by the handle at `place`, and compares the facts, the answer, the
  // outbox and the rows.
  v1::Decision Send(v1::Command command, size_t place = 0);
  // The same with the command's own time and ids.
  v1::Decision SendAsItIs(const v1::Command& command, size_t place = 0);
  // The same where no must not be the answer; the id of the row that was made.
  int64_t Create(const v1::Command& command, size_t place = 0);

  // A repository with the branches main and topic.
  void Put(const v1::RepositoryName& name, int64_t id);

  // Sends a command past the model; thread-safe.
  v1::Decision SendAlone(const v1::Command& command, size_t place = 0);

  // Everything of every repository that a command has named, by every handle,
  // with what the model says.
  void CompareAll(Effort effort = Effort::kSome);

  // What every repository was as of every position and every time (R103), by
  // the handle at `place`.
  void CompareHistory(size_t place = 0);

  // Everything of a repository, by every handle, with what its stream says: for
  // after `SendAlone`. Gives what the stream says.
  v1::RepositoryState CompareAlone(const v1::RepositoryName& name);

 private:
  using Key = std::pair<std::string, std::string>;

  void Open();
  // Notes what a decision adds to the stream, and compares that.
  void CompareTail(const v1::RepositoryName& name, const v1::Decision& decision,
                   size_t place);
  void CompareStream(const v1::RepositoryName& name, size_t first,
                     int64_t limit, size_t place);
  // Who has which repository's id, and who would be asked for it.
  void CompareRepositoryIds(size_t place);
  void CompareDeletedRows(const v1::RepositoryName& name, size_t place);

  const StoreCheckParams& params_;
  Findings& findings_;
  Model model_;
  std::unique_ptr<StoreUnderTest> subject_;
  std::vector<std::unique_ptr<StoreHandle>> handles_;
  int64_t next_id_ = 1;
  int64_t next_time_ms_ = 1000;
  // What the outbox has of each repository that a command has named.
  std::map<Key, std::vector<OutboxEntry>> streams_;
  // By the last position of a decision: the state after it.
  std::map<Key, std::map<int64_t, v1::RepositoryState>> pasts_;
  // Of these there may be nothing left: the ids of repositories, and of each
  // repository's statuses with their deployments.
  std::set<int64_t> repository_ids_;
  std::map<Key, std::set<std::pair<int64_t, int64_t>>> status_ids_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_STORE_SCENE_H_
