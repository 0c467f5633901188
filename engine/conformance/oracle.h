// What a right subject would answer: a model of the rules of docs/spec, written
// from their text as plainly as possible and without a call into engine/core,
// so that the engine and the oracle check each other.
//
//   Oracle oracle(profile.rules(), capabilities.refs());
//   Expectation expected = oracle.Apply(operation);
//
// It is slow and scans everything; sequences are short.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_
#define SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "slipway/conformance/v1/answer.pb.h"
#include "slipway/conformance/v1/operation.pb.h"
#include "slipway/conformance/v1/subject.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace conformance {

// What an operation is to be answered.
struct Expectation {
  // Ids are the oracle's own: `Comparison` matches them with the subject's.
  v1::Answer answer;
  // The rules that had a say in it, by number, ascending.
  std::vector<int> rules;
  // The one that decided the code: the best guess where a code is wrong.
  int deciding_rule = 0;
};

// One deployment with its history, in the oracle's own ids.
struct OracleRecord {
  slipway::v1::Deployment deployment;
  std::vector<slipway::v1::DeploymentStatus> statuses;
  // Why the latest success that could have retired it did not: the number of
  // the rule that exempts it (0: none came by).
  int exempted_by = 0;
  // The rule under which a status row was appended to it, by status id.
  std::map<int64_t, int> appended_by;
};

// Copyable: the search for an order of parallel calls tries many.
class Oracle {
 public:
  // `others_exist`: the repository has deployments that the kit did not make.
  Oracle(const slipway::v1::Rules& rules,
         const google::protobuf::RepeatedPtrField<v1::RefFixture>& refs,
         bool others_exist = false);

  // Answers, and changes its state as a right subject would. `operation` names
  // rows by symbol; ids in it are not looked at. Total.
  Expectation Apply(const v1::Operation& operation);

  // By the oracle's id, ascending.
  const std::vector<OracleRecord>& records() const { return records_; }
  // The oracle's id of a symbol; 0 where nothing is bound to it.
  int64_t IdOf(const std::string& symbol) const;

  // The refs, as the merges so far have left them.
  const std::vector<v1::RefFixture>& refs() const { return refs_; }

 private:
  slipway::v1::Rules rules_;
  std::vector<v1::RefFixture> refs_;
  bool others_exist_ = false;
  int64_t last_id_ = 0;
  std::vector<OracleRecord> records_;
  std::map<std::string, int64_t> ids_by_symbol_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_ORACLE_H_
