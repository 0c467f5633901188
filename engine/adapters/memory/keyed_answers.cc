#include "slipway/adapters/memory/keyed_answers.h"

#include "slipway/core/rules.h"

namespace slipway {
namespace internal {

void KeyedAnswers::AddTo(const v1::Command& command, v1::Facts& facts) const {
  if (command.idempotency_key().empty()) return;
  const auto found = answers_.find(command.idempotency_key());
  if (found != answers_.end()) *facts.mutable_keyed_answer() = found->second;
}

void KeyedAnswers::Keep(const v1::Rules& rules, const v1::Command& command,
                        const v1::Decision& decision) {
  const int64_t now_ms = decision.answered_at_ms();
  const std::string& key = command.idempotency_key();
  while (!by_time_.empty() && !IsKept(rules, by_time_.begin()->first, now_ms)) {
    answers_.erase(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
  }
  v1::KeyedAnswer& answer = answers_[key];
  if (answer.has_decision()) {
    by_time_.erase({answer.decision().answered_at_ms(), key});
  }
  *answer.mutable_command() = command;
  *answer.mutable_decision() = decision;
  by_time_.emplace(now_ms, key);
}

}  // namespace internal
}  // namespace slipway
