// Reads and changes the rows of the engine over one connection. Not for users.
//
// The writer keeps one of these from transaction to transaction, so that what
// every decision needs, and every decision counts, is read and written once for
// many. A reader makes a new one for each of its snapshots.

#ifndef SLIPWAY_ENGINE_ADAPTERS_SQLITE_ROWS_H_
#define SLIPWAY_ENGINE_ADAPTERS_SQLITE_ROWS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "slipway/adapters/sqlite/database.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/environment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

// What deployments are listed by, and counted. Numbers are stored. The value of
// kEnvironment is the environment's name without case.
enum class LabelKind {
  kSha = 1,
  kRef = 2,
  kTask = 3,
  kSpelling = 4,
  kEnvironment = 5
};

// A deployment with the columns beside its body.
struct DeploymentRow {
  int64_t repository = 0;
  v1::Deployment deployment;
  // 0: it has no status.
  int64_t latest_status_id = 0;
  v1::StatusState latest_state = v1::STATUS_STATE_UNSPECIFIED;
  int64_t status_count = 0;
  int64_t environment_id = 0;
  int64_t task_label = 0;
  // Its latest status is not in the file yet.
  bool is_dirty = false;

  // Keeps its memory.
  void Clear() {
    v1::Deployment kept;
    kept.Swap(&deployment);
    *this = DeploymentRow();
    kept.Clear();
    deployment.Swap(&kept);
  }
};

// Not thread-safe. What it gives points into it: until `Clear` or
// `ClearIfLarge`, or until it is deleted.
class Rows {
 public:
  struct Repository {
    int64_t number = 0;
    // Absent: it was deleted, or is about to be put.
    absl::optional<v1::Repository> body;
    int64_t last_id = 0;
    int64_t last_position = 0;
    int64_t last_label = 0;
    int64_t deployment_count = 0;
    // Of decisions whose entries in the outbox are not written yet.
    std::vector<const v1::Acceptance*> unwritten;
    // What some refs are (R2), until one of the repository changes.
    absl::flat_hash_map<std::string, absl::optional<v1::ResolvedRef>> refs;
  };
  struct Environment {
    int64_t repository = 0;
    v1::Environment body;
  };
  struct Label {
    int64_t repository = 0;
    LabelKind kind = LabelKind::kSha;
    std::string value;
    int64_t number = 0;
    int64_t deployment_count = 0;
    bool is_dirty = false;
  };

  explicit Rows(Database& database) : database_(database) {}

  // Forgets what it has read and counted, as after a rollback.
  void Clear();
  // The same where that has become much; only with nothing left to write.
  void ClearIfLarge();

  // An empty message that is used again and again, because a new one takes as
  // long to make as what it says takes to read.
  v1::Facts* EmptyFacts() {
    // Those of a success that retires many would keep their memory.
    if (facts_.live_deployments_size() > kLiveCachedMax)
      v1::Facts().Swap(&facts_);
    facts_.Clear();
    return &facts_;
  }

  // nullptr: there never was one of that name.
  absl::StatusOr<Repository*> FindRepository(const v1::RepositoryName& name);
  // nullptr: there is none.
  absl::StatusOr<Environment*> FindEnvironment(int64_t repository,
                                               absl::string_view name);
  absl::StatusOr<Label*> FindLabel(int64_t repository, LabelKind kind,
                                   absl::string_view value);
  absl::StatusOr<DeploymentRow*> FindDeployment(int64_t repository, int64_t id);
  // How many of them there are in an environment.
  absl::StatusOr<int64_t> CountDeployments(int64_t repository,
                                           absl::string_view environment);

  // Those of `slipway::FactsFor`, and the answer that the command's key has
  // had. `repository`: nullptr where there never was one.
  absl::Status AddFacts(const v1::Rules& rules, const v1::Command& command,
                        Repository* repository, v1::Facts* facts);

  // Everything below changes rows, and leaves some of it in memory until
  // `Flush`, so that what changes several times in a group is written once. A
  // failure leaves it half done: roll back, and `Clear`.

  // Keeps what a decision on the facts of `AddFacts` has changed, and its
  // answer where the command has a key. Ids that it brings are not given by
  // `TakeIds` later. The decision must stay as it is until `Flush` or `Clear`.
  absl::Status Keep(const v1::Rules& rules, const v1::Command& command,
                    Repository* repository, const v1::Decision& decision);
  // The first of `count` ids of the store's source, for a decision that is kept
  // in this transaction, or not at all.
  absl::StatusOr<int64_t> TakeIds(int64_t count);
  // The same for others.
  absl::StatusOr<int64_t> ReserveIds(int64_t count);
  // Writes what is left in memory.
  absl::Status Flush();

  // Grows with every change: what is the same as before has changed nothing.
  int64_t changes() const { return changes_; }
  // For changes that are made past it.
  void NoteChange() { ++changes_; }

  Database& database() { return database_; }

 private:
  // Of live deployments in a set that is remembered; a larger one is asked for
  // each time.
  static constexpr int kLiveCachedMax = 64;
  // The live deployments of an environment that have the same flags: its
  // repository and id, transient, production.
  using LiveKey = std::tuple<int64_t, int64_t, bool, bool>;
  // Their ids, in order.
  using LiveSet = std::vector<int64_t>;

  absl::Status AddRefFacts(Repository& repository, const std::string& ref,
                           v1::Facts* facts);
  absl::StatusOr<absl::optional<v1::ResolvedRef>> Resolve(
      const Repository& repository, const std::string& ref);
  absl::Status AddEnvironmentFact(const Repository& repository,
                                  absl::string_view name, v1::Facts* facts);
  absl::Status AddStatusFacts(const v1::Rules& rules,
                              const v1::CreateStatus& request,
                              const Repository& repository,
                              const DeploymentRow& row, v1::Facts* facts);
  // The row of a query for them, which is kept.
  absl::StatusOr<DeploymentRow*> Remember(int64_t repository,
                                          const Query& query);
  // An empty row among those that are kept.
  DeploymentRow* AddRow(int64_t repository, int64_t id);
  void Forget(const std::pair<int64_t, int64_t>& key);
  // Calls `see` with the live deployments of an environment that have these
  // flags and lower ids than `id_end`, and where `task_label` is not 0 that
  // task; perhaps with others too, and in no order.
  absl::Status ForEachLive(const LiveKey& key, int64_t id_end,
                           int64_t task_label,
                           absl::FunctionRef<void(const DeploymentRow&)> see);
  // nullptr: they are too many to be remembered.
  absl::StatusOr<LiveSet*> FindLive(const LiveKey& key);
  // Remembers that it is live, or is no more.
  void NoteLive(const DeploymentRow& row, bool is_live);
  absl::Status AddDeletionFacts(const v1::Rules& rules,
                                const Repository& repository,
                                const DeploymentRow& row, v1::Facts* facts);
  absl::Status AddAnswer(const v1::Command& command,
                         const Repository& repository, v1::Facts* facts);

  absl::StatusOr<Repository*> InsertRepository(const v1::RepositoryName& name);
  absl::StatusOr<Label*> FindOrAddLabel(Repository& repository, LabelKind kind,
                                        absl::string_view value);
  // That every event finds, because its decision made or saw it.
  absl::StatusOr<Environment*> NeedEnvironment(const Repository& repository,
                                               absl::string_view name);
  absl::Status Apply(const v1::Event& event, Repository& repository);
  absl::Status CreateDeployment(const v1::Deployment& deployment,
                                Repository& repository);
  absl::Status CreateStatus(const v1::DeploymentStatus& status,
                            Repository& repository);
  // To the environment of that name, which exists.
  absl::Status Move(const std::string& environment, Repository& repository,
                    DeploymentRow* row);
  absl::Status DeleteDeployment(int64_t id, Repository& repository);
  absl::Status DeleteRepository(Repository& repository);
  // The entries of the decisions in `unwritten`.
  absl::Status FlushOutbox(Repository& repository);
  absl::Status InsertOutbox(const v1::Acceptance& acceptance,
                            Repository& repository);
  absl::Status KeepAnswer(const v1::Rules& rules, const v1::Command& command,
                          const Repository& repository,
                          const v1::Decision& decision);
  void Count(Label& label, int64_t by);
  // Of a label that must be there.
  absl::Status CountLess(const Repository& repository, LabelKind kind,
                         absl::string_view value);
  absl::Status PutBody(const Repository& repository);
  absl::Status FlushAll();
  absl::Status FlushDeployments();
  // Reads what the next entry of the stream and the next id are.
  absl::Status LoadStream();
  absl::Status Contradiction(absl::string_view what) const;

  // Labels are found by what is in them, without a copy of it.
  using LabelKey = std::tuple<int64_t, LabelKind, absl::string_view>;
  struct LabelHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming)
    size_t operator()(const LabelKey& key) const {
      return absl::Hash<LabelKey>()(key);
    }
    size_t operator()(const std::unique_ptr<Label>& label) const {
      return (*this)(KeyOf(label));
    }
  };
  struct LabelEqual {
    using is_transparent = void;  // NOLINT(readability-identifier-naming)
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return KeyOf(a) == KeyOf(b);
    }
  };
  static const LabelKey& KeyOf(const LabelKey& key) { return key; }
  static LabelKey KeyOf(const std::unique_ptr<Label>& label) {
    return LabelKey(label->repository, label->kind, label->value);
  }

  Database& database_;
  absl::flat_hash_map<std::pair<std::string, std::string>,
                      std::unique_ptr<Repository>>
      repositories_;
  // By repository and folded name.
  absl::flat_hash_map<std::pair<int64_t, std::string>,
                      std::unique_ptr<Environment>>
      environments_;
  absl::flat_hash_set<std::unique_ptr<Label>, LabelHash, LabelEqual> labels_;
  std::vector<Label*> dirty_labels_;
  // By repository and id.
  absl::flat_hash_map<std::pair<int64_t, int64_t>,
                      std::unique_ptr<DeploymentRow>>
      deployments_;
  // Of these, large ones, which are forgotten after each transaction.
  std::vector<std::pair<int64_t, int64_t>> large_deployments_;
  // In the order of their coming; some may be gone.
  std::deque<std::pair<int64_t, int64_t>> arrivals_;
  // To be used again, because their memory takes longer to get than to fill.
  std::vector<std::unique_ptr<DeploymentRow>> spare_rows_;
  std::vector<Repository*> dirty_repositories_;
  // They may have been deleted since.
  std::vector<std::pair<int64_t, int64_t>> dirty_deployments_;
  absl::flat_hash_map<LiveKey, std::unique_ptr<LiveSet>> live_;
  // Not read yet: nullopt.
  struct Stream {
    int64_t last_global_position = 0;
    int64_t next_id = 1;
  };
  absl::optional<Stream> stream_;
  // Above all that has been taken, by decisions that were undone too.
  int64_t next_id_min_ = 1;
  // The stream does not tell the next id.
  bool next_id_is_dirty_ = false;
  int64_t changes_ = 0;
  // Used again and again for what is written.
  std::string bytes_;
  v1::Acceptance entries_;
  v1::LiveDeployment probe_;
  v1::Facts facts_;
};

// Reads a row of the columns that statements.cc lists.
absl::Status ReadDeployment(const Query& query, DeploymentRow* row);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_SQLITE_ROWS_H_
