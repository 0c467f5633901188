// What one repository has answered under idempotency keys (R100), in memory.
// Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_MEMORY_KEYED_ANSWERS_H_
#define SLIPWAY_ENGINE_ADAPTERS_MEMORY_KEYED_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

// Not thread-safe; the store locks around it.
class KeyedAnswers {
 public:
  // Fills in `keyed_answer`, where the command's key has an answer.
  void AddTo(const v1::Command& command, v1::Facts& facts) const;

  // Keeps an answer, in the place of the one that the key had, and forgets
  // those that are too old by now: as many are kept as come in that time.
  void Keep(const v1::Rules& rules, const v1::Command& command,
            const v1::Decision& decision);

  size_t size() const { return answers_.size(); }

 private:
  absl::flat_hash_map<std::string, v1::KeyedAnswer> answers_;
  // The time and the key of each, because clocks step back.
  absl::btree_set<std::pair<int64_t, std::string>> by_time_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_MEMORY_KEYED_ANSWERS_H_
