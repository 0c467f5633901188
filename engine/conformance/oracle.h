// What a right subject would answer: a model of the rules of docs/spec, written
// from their text as plainly as possible and without a call into engine/core,
// so that the engine and the oracle check each other.
//
//   Oracle oracle(profile.rules(), capabilities.refs());
//   Expectation expected = oracle.Apply(operation);
//   expected.answer.code();   // what the subject has to answer
//   expected.deciding_rule;   // the best guess where it answers another code
//
// It is slow and scans everything; sequences are short.
//
// What it cannot know it leaves unset, and that is not to be compared: creators
// (it makes every call as one and the same caller, so R35 cannot differ), SHAs
// of refs whose fixture has none, and those of merge commits (R13).

#ifndef SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/subject.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace conformance {

// What an operation is to be answered.
struct Expectation {
  // Ids are the oracle's own: `Comparison` matches them with the subject's.
  // Only what the code calls for is filled in. Times are the operations'.
  v1::Answer answer;
  // The rules that had a say in it, by number, ascending, each once. A rule is
  // named where it made a difference or was put to the test, so R13 only where
  // a ref is behind and R72 only where there is more than one page. R36 is
  // never named: only calls in parallel put it to the test.
  std::vector<int> rules;
  // The one of them that decided the code: the best guess where a code is
  // wrong.
  int deciding_rule = 0;
};

// A status of another deployment that came by one and did not retire it, or
// did.
struct OracleEncounter {
  int64_t time_ms = 0;
  // The rule that a subject breaks which has it otherwise: the best guess.
  int rule = 0;
  // Other rules that such a subject may break instead.
  std::vector<int> others;
};

// One deployment with its history, in the oracle's own ids.
struct OracleRecord {
  slipway::v1::Deployment deployment;
  // Oldest first.
  std::vector<slipway::v1::DeploymentStatus> statuses;
  // The rule that a subject breaks which has retired it nevertheless: why a
  // status of another deployment did not (0: none came by). 30: it was no
  // success, or without auto_inactive; 31: its own state, its environment, or
  // it is transient; 32: it is not prior; 33: it is a production deployment;
  // 34: whose flags count, or which environment; 37: its task.
  //
  // Of several statuses that came by, the one that came nearest counts, and of
  // equal ones the latest: nearest is one that only one condition kept from
  // retiring this deployment, best in its own environment.
  int exempted_by = 0;
  // By status id, the rule that a subject breaks which lacks the row: 21 for a
  // row that a caller asked for. For a retirement: 32, 33, 34 or 37, where that
  // rule read otherwise is all that could have spared the deployment, else 31.
  std::map<int64_t, int> appended_by;

  // Every status that came by, in their order.
  std::vector<OracleEncounter> encounters;

  // How near the status of `exempted_by` came; 0: none came by.
  int exempted_nearness = 0;
};

// Copyable: the search for an order of parallel calls tries many.
class Oracle {
 public:
  // `refs` as after a reset. A ref whose form is unset counts as a branch.
  // `others_exist`: the repository has deployments that the kit did not make,
  // so that none of the kit's is the only one in the repository (R41). Of their
  // environments nothing is known: they count as others than the kit's.
  Oracle(const slipway::v1::Rules& rules,
         const google::protobuf::RepeatedPtrField<v1::RefFixture>& refs,
         bool others_exist = false);

  // Answers, and changes its state as a right subject would. `operation` names
  // rows by symbol; ids in it are not looked at. Total: an operation without a
  // call is a 400 by no rule.
  Expectation Apply(const v1::Operation& operation);

  // By the oracle's id, ascending.
  const std::vector<OracleRecord>& records() const { return records_; }
  // The oracle's id of a symbol; 0 where nothing is bound to it. A symbol stays
  // bound when its row is deleted: it is then an id that no row has (R42). A
  // call that makes no row binds nothing.
  int64_t IdOf(const std::string& symbol) const;

  // The refs, as the merges so far have left them. A branch that was merged
  // into is up to date, at a commit whose SHA is not known and which nothing
  // has checked yet.
  const std::vector<v1::RefFixture>& refs() const { return refs_; }

 private:
  // One kind of operation each. They fill in `expected`; its rules in any
  // order.
  void Create(const v1::Operation& operation, Expectation& expected);
  void CreateStatus(const v1::Operation& operation, Expectation& expected);
  void Delete(const v1::DeleteDeployment& call, Expectation& expected);
  void Get(const v1::GetDeployment& call, Expectation& expected) const;
  void List(const v1::ListDeployments& call, Expectation& expected) const;
  void ListStatuses(const v1::ListStatuses& call, Expectation& expected) const;
  void GetStatus(const v1::GetStatus& call, Expectation& expected) const;

  // Where a symbol's deployment is among the records; their number where it is
  // nowhere.
  size_t PlaceOf(const std::string& symbol) const;
  void Bind(const std::string& symbol, int64_t id);
  // The new status of records_[place] comes by all other deployments, and
  // retires them or not (R30 to R37).
  void ComeBy(size_t place, const slipway::v1::DeploymentStatus& status,
              bool auto_inactive, absl::string_view environment_before,
              Expectation& expected);
  void AddStatus(OracleRecord& record,
                 const slipway::v1::DeploymentStatus& status, int rule);
  // What an auto-merge does to the branch of that name (R13).
  void MergeInto(const std::string& branch);

  slipway::v1::Rules rules_;
  std::vector<v1::RefFixture> refs_;
  // Commits that branches pointed at before they were merged into; they stay
  // known (R6).
  std::vector<v1::RefFixture> former_heads_;
  bool others_exist_ = false;
  int64_t last_id_ = 0;
  std::vector<OracleRecord> records_;
  std::map<std::string, int64_t> ids_by_symbol_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_
