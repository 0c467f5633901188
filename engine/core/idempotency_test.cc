// R100: the same request under one key is answered once.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/core/testing.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

using google::protobuf::FieldDescriptor;
using internal::AskCreateDeployment;
using internal::AskCreateStatus;
using internal::AskDeleteDeployment;
using internal::Asked;
using internal::AskOfRepository;
using internal::RulesOf;
using internal::SameMessage;
using internal::ViolationsOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr int64_t kDayMs = 86400000;

Asked WithKey(Asked asked) {
  asked.command.set_idempotency_key("key");
  return asked;
}

// The same question a second later, of a host that has kept the answer and
// knows more ids by now.
Asked Again(const Asked& asked) {
  Asked again = asked;
  v1::KeyedAnswer& kept = *again.facts.mutable_keyed_answer();
  *kept.mutable_command() = asked.command;
  *kept.mutable_decision() = asked.Answer();
  again.command.set_time_ms(asked.command.time_ms() + 1000);
  again.command.mutable_ids()->set_first(501);
  again.facts.set_last_id(500);
  return again;
}

// Yes, no and whatever comes of it, by every kind of command.
std::vector<Asked> Questions() {
  std::vector<Asked> questions = {
      AskCreateDeployment(),
      AskCreateStatus("state: STATUS_STATE_SUCCESS"),
      AskCreateStatus("state: STATUS_STATE_WAITING"),  // refused
      AskDeleteDeployment(),
      AskOfRepository("put_repository { id: 1 default_branch: 'main' }"),
      AskOfRepository("delete_repository {}"),
      AskOfRepository("delete_ref { name: 'gone' type: REF_TYPE_TAG }")};
  Asked no_repository = AskDeleteDeployment();
  no_repository.facts.clear_repository();
  questions.push_back(no_repository);
  Asked merged = AskCreateDeployment();
  merged.facts.mutable_ref()->set_contains_default_branch(false);
  merged.facts.set_merge_outcome(v1::MERGE_OUTCOME_MERGED);
  questions.push_back(merged);
  for (Asked& asked : questions) asked = WithKey(asked);
  return questions;
}

TEST(IdempotencyTest, R100TheSameRequestGetsTheFirstAnswer) {
  for (const Asked& asked : Questions()) {
    v1::Decision first = asked.Answer();
    EXPECT_EQ(first.answered_at_ms(), 5000);
    EXPECT_FALSE(first.replayed());
    EXPECT_THAT(RulesOf(first), Contains(100));
    EXPECT_TRUE(KeepsAnswer(asked.command, first));

    Asked again = Again(asked);
    // Nothing of the world counts, nor are there ids to be used.
    for (const bool changed : {false, true}) {
      if (changed) {
        again.facts.clear_repository();
        again.facts.clear_deployment();
        again.command.clear_ids();
      }
      const v1::Decision replayed = again.Answer();
      EXPECT_TRUE(replayed.replayed());
      EXPECT_FALSE(KeepsAnswer(again.command, replayed));
      v1::Decision expected = first;
      expected.set_replayed(true);
      EXPECT_TRUE(SameMessage(replayed, expected));
    }
  }
}

TEST(IdempotencyTest, R100WithoutAKeyNothingIsKeptAndNothingIsReplayed) {
  for (const Asked& with_key : Questions()) {
    Asked asked = with_key;
    asked.command.clear_idempotency_key();
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.answered_at_ms(), 0);
    EXPECT_FALSE(KeepsAnswer(asked.command, decision));
    EXPECT_THAT(RulesOf(decision), Not(Contains(100)));
    Asked again = Again(with_key);
    again.command.clear_idempotency_key();
    EXPECT_FALSE(again.Answer().replayed());
  }
}

TEST(IdempotencyTest, R100WhatMakesAnotherRequest) {
  // clang-format off
  const struct {
    bool same;
    void (*change)(v1::Command& command);
  } cases[] = {
      {true,  [](v1::Command&) {}},
      {true,  [](v1::Command& command) { command.set_time_ms(1); }},
      {true,  [](v1::Command& command) { command.clear_ids(); }},
      {true,  [](v1::Command& command) { command.mutable_repository()->set_owner("OCTO"); }},
      {false, [](v1::Command& command) { command.mutable_repository()->set_owner("else"); }},
      {true,  [](v1::Command& command) { command.mutable_actor()->set_login("renamed"); }},
      {false, [](v1::Command& command) { command.mutable_actor()->set_id(8); }},
      {false, [](v1::Command& command) { command.mutable_create_status()->set_deployment_id(51); }},
      {false, [](v1::Command& command) { command.mutable_create_status()->set_state(v1::STATUS_STATE_ERROR); }},
      {false, [](v1::Command& command) { command.mutable_create_status()->set_description(""); }},
      {false, [](v1::Command& command) { command.mutable_create_status()->set_auto_inactive(true); }},
      {false, [](v1::Command& command) { command.mutable_delete_deployment()->set_deployment_id(50); }},
      {false, [](v1::Command& command) { command.mutable_expectation(); }},
      {false, [](v1::Command& command) { command.mutable_expectation()->add_latest_status_ids(0); }},
  };
  // clang-format on
  const Asked asked = WithKey(AskCreateStatus("state: STATUS_STATE_SUCCESS"));
  for (const auto& c : cases) {
    Asked again = Again(asked);
    c.change(again.command);
    const v1::Decision decision = again.Answer();
    EXPECT_EQ(decision.replayed(), c.same) << again.command.ShortDebugString();
    if (c.same) continue;
    EXPECT_EQ(decision.rejection().reason(), v1::REASON_IDEMPOTENCY_KEY_REUSED);
    EXPECT_EQ(decision.rejection().rule(), 100);
    EXPECT_EQ(decision.rejection().message(),
              "This idempotency key has been used for another request.");
    EXPECT_THAT(RulesOf(decision), ElementsAre(100));
    EXPECT_EQ(decision.answered_at_ms(), 0);
    EXPECT_FALSE(KeepsAnswer(again.command, decision));
  }
}

TEST(IdempotencyTest, R100AnAnswerIsKeptForAWhile) {
  const Asked asked = WithKey(AskCreateStatus("state: STATUS_STATE_SUCCESS"));
  const struct {
    int64_t kept_ms;  // -2: unset
    int64_t later_ms;
    bool replayed;
  } cases[] = {{-2, 0, true},
               {-2, kDayMs - 1, true},
               {-2, kDayMs, false},
               {-2, -4000, true},  // the clock has stepped back
               {1000, 999, true},
               {1000, 1000, false},
               {1, 0, true},
               {0, 0, false},
               {0, -4000, false},
               {-1, 0, false},
               {std::numeric_limits<int64_t>::max(), 100 * kDayMs, true}};
  for (const auto& c : cases) {
    Asked again = Again(asked);
    if (c.kept_ms != -2) {
      again.rules.mutable_limits()->set_idempotency_kept_ms(c.kept_ms);
    }
    again.command.set_time_ms(5000 + c.later_ms);
    const v1::Decision decision = again.Answer();
    EXPECT_EQ(decision.replayed(), c.replayed)
        << c.kept_ms << " " << c.later_ms;
    EXPECT_EQ(decision.answered_at_ms(), c.replayed ? 5000 : 5000 + c.later_ms);
    // Another request may have the key by then.
    again.command.mutable_create_status()->set_description("another");
    EXPECT_EQ(again.Answer().has_acceptance(), !c.replayed);
  }
}

TEST(IsKeptTest, R100EveryTimeHasAnAnswer) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  v1::Rules rules;
  EXPECT_FALSE(IsKept(rules, kMin, kMax));
  EXPECT_FALSE(IsKept(rules, kMin, 0));
  EXPECT_TRUE(IsKept(rules, kMin, kMin));
  EXPECT_TRUE(IsKept(rules, kMax, kMin));
  EXPECT_TRUE(IsKept(rules, kMin, kMin + kDayMs - 1));
  EXPECT_FALSE(IsKept(rules, kMin, kMin + kDayMs));
}

TEST(IdempotencyTest, R100AMergeThatIsAskedForIsNoAnswerYet) {
  Asked asked = WithKey(AskCreateDeployment());
  asked.facts.mutable_ref()->set_contains_default_branch(false);
  const v1::Decision asks = asked.Answer();
  EXPECT_EQ(asks.acceptance().outcome(), v1::OUTCOME_MERGE_REQUIRED);
  EXPECT_EQ(asks.answered_at_ms(), 0);
  EXPECT_FALSE(KeepsAnswer(asked.command, asks));
  asked.facts.set_merge_outcome(v1::MERGE_OUTCOME_CONFLICT);
  const v1::Decision answer = asked.Answer();
  EXPECT_EQ(answer.answered_at_ms(), 5000);
  EXPECT_TRUE(KeepsAnswer(asked.command, answer));
}

TEST(IdempotencyTest, R100WhatNoStoreKeepsIsNobodysAnswer) {
  const Asked asked = WithKey(AskCreateDeployment());
  // clang-format off
  void (*const spoils[])(v1::KeyedAnswer& kept) = {
      [](v1::KeyedAnswer& kept) { kept.Clear(); },
      [](v1::KeyedAnswer& kept) { kept.clear_command(); },
      [](v1::KeyedAnswer& kept) { kept.mutable_command()->set_idempotency_key("KEY"); },
      [](v1::KeyedAnswer& kept) { kept.clear_decision(); },
      [](v1::KeyedAnswer& kept) { kept.mutable_decision()->mutable_rejection(); },
      [](v1::KeyedAnswer& kept) { kept.mutable_decision()->set_replayed(true); },
      [](v1::KeyedAnswer& kept) { kept.mutable_decision()->mutable_acceptance()->set_outcome(v1::OUTCOME_MERGE_REQUIRED); },
  };
  // clang-format on
  for (const auto spoil : spoils) {
    Asked again = Again(asked);
    spoil(*again.facts.mutable_keyed_answer());
    EXPECT_EQ(KeptAnswer(again.rules, again.facts, again.command), nullptr);
    const v1::Decision decision = again.Answer();
    EXPECT_TRUE(decision.has_acceptance());
    EXPECT_FALSE(decision.replayed());
    EXPECT_EQ(decision.answered_at_ms(), 6000);
  }
}

TEST(IdempotencyTest, R4R100WhatKeysMayBe) {
  const struct {
    std::string key;
    const char* violation;
  } cases[] = {
      {std::string(255, 'x'), ""},
      {std::string(256, 'x'),
       "idempotency_key: idempotency_key is too long (maximum is 255 bytes)"},
      {"\xC3\xA4 \n", ""},
      {std::string("\0", 1), ""},
      {"\xC3", "idempotency_key: idempotency_key is not valid UTF-8"},
  };
  for (const auto& c : cases) {
    Asked asked = AskDeleteDeployment();
    asked.command.set_idempotency_key(c.key);
    const v1::Decision decision = asked.Answer();
    if (*c.violation == '\0') {
      EXPECT_TRUE(decision.has_acceptance());
      continue;
    }
    EXPECT_EQ(decision.rejection().reason(), v1::REASON_MALFORMED_COMMAND);
    EXPECT_THAT(ViolationsOf(decision), ElementsAre(c.violation));
    EXPECT_EQ(decision.answered_at_ms(), 0);
    EXPECT_FALSE(KeepsAnswer(asked.command, decision));
  }
  Asked asked = AskDeleteDeployment();
  asked.rules.mutable_limits()->set_idempotency_key_bytes_max(2);
  asked.command.set_idempotency_key("ab");
  EXPECT_TRUE(asked.Answer().has_acceptance());
  asked.command.set_idempotency_key("abc");
  EXPECT_FALSE(asked.Answer().has_acceptance());
}

// Sets every text of `message` in turn, one at a time, and asks each time.
template <typename Ask>
int SpoilEachText(google::protobuf::Message* message, const Ask& ask) {
  const google::protobuf::Reflection* reflection = message->GetReflection();
  int texts = 0;
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      texts += SpoilEachText(reflection->MutableMessage(message, field), ask);
    } else if (field->type() == FieldDescriptor::TYPE_STRING) {
      ++texts;
      if (field->is_repeated()) {
        reflection->AddString(message, field, "\xFF");
      } else {
        reflection->SetString(message, field, "\xFF");
      }
      ask();
      reflection->ClearField(message, field);
    }
  }
  return texts;
}

TEST(IdempotencyTest, R100EveryTextOfAnyRequestMustBeUtf8) {
  const google::protobuf::OneofDescriptor* requests =
      v1::Command::descriptor()->FindOneofByName("request");
  ASSERT_NE(requests, nullptr);
  int texts = 0;
  for (int i = 0; i < requests->field_count(); ++i) {
    Asked asked = WithKey(AskOfRepository(""));
    google::protobuf::Message* request =
        asked.command.GetReflection()->MutableMessage(&asked.command,
                                                      requests->field(i));
    texts += SpoilEachText(request, [&] {
      const v1::Decision decision = asked.Answer();
      EXPECT_EQ(decision.rejection().reason(), v1::REASON_MALFORMED_COMMAND)
          << asked.command.ShortDebugString();
      EXPECT_THAT(
          ViolationsOf(decision),
          Contains("idempotency_key: a command with an idempotency_key must be "
                   "all UTF-8"));
      EXPECT_THAT(RulesOf(decision), IsSupersetOf({8, 100}));
      // Without a key it is a field that is wrong (R4), if it comes to that.
      Asked without = asked;
      without.command.clear_idempotency_key();
      EXPECT_NE(without.Answer().rejection().reason(),
                v1::REASON_MALFORMED_COMMAND);
      // It is not another request's answer either.
      EXPECT_FALSE(Again(asked).Answer().replayed());
    });
  }
  EXPECT_EQ(texts, 19);
}

TEST(IdempotencyTest, R100PayloadsAreBytesSoThatARefusalOfOneIsKept) {
  const Asked asked = WithKey(AskCreateDeployment("payload: '\\377'"));
  EXPECT_EQ(asked.Answer().rejection().reason(), v1::REASON_INVALID_FIELDS);
  EXPECT_TRUE(Again(asked).Answer().replayed());
}

}  // namespace
}  // namespace slipway
