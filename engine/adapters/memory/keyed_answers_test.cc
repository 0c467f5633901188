#include "slipway/adapters/memory/keyed_answers.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

v1::Command WithKey(const std::string& key) {
  v1::Command command;
  command.set_idempotency_key(key);
  return command;
}

v1::Decision AnswerAt(int64_t time_ms, const std::string& message = "") {
  v1::Decision decision;
  decision.mutable_rejection()->set_message(message);
  decision.set_answered_at_ms(time_ms);
  return decision;
}

// What is kept under a key; "none" where nothing is.
std::string MessageOf(const KeyedAnswers& answers, const std::string& key) {
  v1::Facts facts;
  answers.AddTo(WithKey(key), facts);
  if (!facts.has_keyed_answer()) return "none";
  EXPECT_EQ(facts.keyed_answer().command().idempotency_key(), key);
  return facts.keyed_answer().decision().rejection().message();
}

TEST(KeyedAnswersTest, R100EachKeyHasTheAnswerThatWasKeptLast) {
  KeyedAnswers answers;
  const v1::Rules rules;
  answers.Keep(rules, WithKey("a"), AnswerAt(1, "first"));
  answers.Keep(rules, WithKey("A"), AnswerAt(2, "second"));
  EXPECT_EQ(MessageOf(answers, "a"), "first");
  EXPECT_EQ(MessageOf(answers, "A"), "second");
  EXPECT_EQ(MessageOf(answers, "b"), "none");
  EXPECT_EQ(MessageOf(answers, ""), "none");
  answers.Keep(rules, WithKey("a"), AnswerAt(3, "third"));
  EXPECT_EQ(MessageOf(answers, "a"), "third");
  EXPECT_EQ(answers.size(), 2u);
}

TEST(KeyedAnswersTest, R100OldAnswersAreForgottenAsNewOnesCome) {
  KeyedAnswers answers;
  v1::Rules rules;
  rules.mutable_limits()->set_idempotency_kept_ms(100);
  for (int64_t now_ms = 0; now_ms < 10000; now_ms += 10) {
    answers.Keep(rules, WithKey(absl::StrCat("key", now_ms)), AnswerAt(now_ms));
    EXPECT_LE(answers.size(), 10u);
  }
  EXPECT_EQ(MessageOf(answers, "key9900"), "");
  EXPECT_EQ(MessageOf(answers, "key9890"), "none");
}

TEST(KeyedAnswersTest, R100AClockThatStepsBackHidesNoOldAnswer) {
  KeyedAnswers answers;
  v1::Rules rules;
  rules.mutable_limits()->set_idempotency_kept_ms(100);
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max();
  answers.Keep(rules, WithKey("far"), AnswerAt(kFar));
  answers.Keep(rules, WithKey("old"), AnswerAt(0));
  // Replaced: its old time does not count any more.
  answers.Keep(rules, WithKey("old again"), AnswerAt(0));
  answers.Keep(rules, WithKey("old again"), AnswerAt(150));
  answers.Keep(rules, WithKey("new"), AnswerAt(200));
  EXPECT_EQ(MessageOf(answers, "old"), "none");
  EXPECT_EQ(MessageOf(answers, "old again"), "");
  EXPECT_EQ(MessageOf(answers, "far"), "");
  EXPECT_EQ(answers.size(), 3u);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
