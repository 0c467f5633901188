// What `Decide` promises of every command: R1, R8 and R17, and that it is total
// and pure. What it makes of each kind of command is tested in the files named
// after them.

#include "slipway/core/decide.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <set>
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
using google::protobuf::Message;
using google::protobuf::Reflection;
using internal::AskCreateDeployment;
using internal::AskCreateStatus;
using internal::AskDeleteDeployment;
using internal::Asked;
using internal::AskOfRepository;
using internal::MergeText;
using internal::RulesOf;
using internal::SameMessage;
using internal::ViolationsOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- R1 and R8 -------------------------------------------------------------

TEST(DecideTest, R1AnUnknownRepositoryIsNotFound) {
  for (const char* request :
       {"create_deployment {}", "create_status {}", "delete_deployment {}",
        "delete_repository {}", "put_ref {}", "delete_ref {}",
        "put_commit_context {}", "delete_commit_context {}"}) {
    Asked asked = AskOfRepository(request);
    asked.facts.clear_repository();
    asked.command.clear_ids();
    const v1::Decision decision = asked.Answer();
    EXPECT_EQ(decision.rejection().reason(), v1::REASON_REPOSITORY_NOT_FOUND);
    EXPECT_EQ(decision.rejection().message(), "Not Found");
    EXPECT_THAT(RulesOf(decision), ElementsAre(1));
  }
}

TEST(DecideTest, R8WhatIsMalformed) {
  constexpr char kTime[] = "time_ms: time_ms is not from 0 to 253402300799999";
  constexpr char kActor[] = "actor: the actor's id is not from 1 to 2^53 - 1";
  constexpr char kIds[] =
      "ids: ids are not all above every id that the repository has seen";
  constexpr char kTooHigh[] = "ids: ids are not all below 2^53";
  // clang-format off
  const struct {
    const char* violation;  // or "" where there is none
    void (*spoil)(Asked& asked);
  } cases[] = {
      {"request: request is not set, or not a known one", [](Asked& asked) { asked.command.clear_request(); }},
      {kTime,  [](Asked& asked) { asked.command.set_time_ms(-1); }},
      {"",     [](Asked& asked) { asked.command.set_time_ms(0); }},
      {"",     [](Asked& asked) { asked.command.set_time_ms(kTimeMaxMs); }},
      {kTime,  [](Asked& asked) { asked.command.set_time_ms(kTimeMaxMs + 1); }},
      {kTime,  [](Asked& asked) { asked.command.set_time_ms(INT64_MIN); }},
      {"owner: owner can't be blank", [](Asked& asked) { asked.command.mutable_repository()->clear_owner(); }},
      {"name: name can't be blank",   [](Asked& asked) { asked.command.mutable_repository()->clear_name(); }},
      {"name: name is not valid UTF-8", [](Asked& asked) { asked.command.mutable_repository()->set_name("\xFF"); }},
      {"",     [](Asked& asked) { asked.command.mutable_repository()->set_name(std::string(1024, 'x')); }},
      {"name: name is too long (maximum is 1024 bytes)", [](Asked& asked) { asked.command.mutable_repository()->set_name(std::string(1025, 'x')); }},
      {"login: login can't be blank", [](Asked& asked) { asked.command.mutable_actor()->clear_login(); }},
      {"login: login is not valid UTF-8", [](Asked& asked) { asked.command.mutable_actor()->set_login("\xFF"); }},
      {kActor, [](Asked& asked) { asked.command.mutable_actor()->clear_id(); }},
      {kActor, [](Asked& asked) { asked.command.mutable_actor()->set_id(-1); }},
      {"",     [](Asked& asked) { asked.command.mutable_actor()->set_id(kIdMax); }},
      {kActor, [](Asked& asked) { asked.command.mutable_actor()->set_id(kIdMax + 1); }},
      {"",     [](Asked& asked) { asked.command.mutable_actor()->set_type(v1::ACTOR_TYPE_BOT); }},
      {"actor: the actor's type is not a known one", [](Asked& asked) { asked.command.mutable_actor()->set_type(static_cast<v1::ActorType>(9)); }},
      {"idempotency_key: idempotency_key is not valid UTF-8", [](Asked& asked) { asked.command.set_idempotency_key("\xFF"); }},
      {"",     [](Asked& asked) { asked.command.set_idempotency_key("key"); }},
      {"expectation: only create_status and delete_deployment have an expectation", [](Asked& asked) { asked.command.mutable_expectation(); }},
      // R17. Two ids are needed.
      {kIds,   [](Asked& asked) { asked.command.clear_ids(); }},
      {kIds,   [](Asked& asked) { asked.command.mutable_ids()->set_first(100); }},
      {"",     [](Asked& asked) { asked.command.mutable_ids()->set_first(101); }},
      {kIds,   [](Asked& asked) { asked.command.mutable_ids()->set_first(0); asked.facts.set_last_id(-5); }},
      {kIds,   [](Asked& asked) { asked.command.mutable_ids()->set_first(INT64_MIN); asked.facts.set_last_id(INT64_MIN); }},
      {kIds,   [](Asked& asked) { asked.facts.set_last_id(INT64_MAX); }},
      {"",     [](Asked& asked) { asked.command.mutable_ids()->set_count(2); }},
      {"ids: ids are 1 where up to 2 are needed",  [](Asked& asked) { asked.command.mutable_ids()->set_count(1); }},
      {"ids: ids are -1 where up to 2 are needed", [](Asked& asked) { asked.command.mutable_ids()->set_count(-1); }},
      {"",     [](Asked& asked) { asked.command.mutable_ids()->set_count(INT64_MAX); }},
      {"",     [](Asked& asked) { asked.command.mutable_ids()->set_first(kIdMax - 1); }},
      {kTooHigh, [](Asked& asked) { asked.command.mutable_ids()->set_first(kIdMax); }},
      {kTooHigh, [](Asked& asked) { asked.command.mutable_ids()->set_first(kIdMax + 1); }},
      {kTooHigh, [](Asked& asked) { asked.command.mutable_ids()->set_first(INT64_MAX); }},
  };
  // clang-format on
  for (const auto& c : cases) {
    Asked asked = AskCreateDeployment();
    asked.facts.clear_environment();
    c.spoil(asked);
    const v1::Decision decision = asked.Answer();
    if (*c.violation == '\0') {
      EXPECT_TRUE(decision.has_acceptance()) << decision.ShortDebugString();
      continue;
    }
    EXPECT_THAT(ViolationsOf(decision), ElementsAre(c.violation));
    EXPECT_EQ(decision.rejection().reason(), v1::REASON_MALFORMED_COMMAND);
    EXPECT_EQ(decision.rejection().message(), "Malformed command");
    EXPECT_EQ(decision.rejection().rule(), 8);
    EXPECT_THAT(RulesOf(decision), Contains(8));
    EXPECT_EQ(decision.rejection().violations(0).resource(), "Command");
  }
}

TEST(DecideTest, R8EveryFaultIsListed) {
  Asked asked;
  asked.rules.set_deletion_scope(static_cast<v1::DeletionScope>(9));
  asked.command.set_time_ms(-1);
  EXPECT_THAT(
      ViolationsOf(asked.Answer()),
      ElementsAre("rules: deletion_scope has something that this "
                  "version does not know",
                  "request: request is not set, or not a known one",
                  "time_ms: time_ms is not from 0 to 253402300799999",
                  "owner: owner can't be blank", "name: name can't be blank",
                  "login: login can't be blank",
                  "actor: the actor's id is not from 1 to 2^53 - 1"));
  asked = AskCreateDeployment();
  asked.command.set_time_ms(-1);
  asked.command.clear_ids();
  EXPECT_EQ(asked.Answer().rejection().violations_size(), 2);
}

TEST(DecideTest, R8ARequestOfALaterSchemaIsMalformed) {
  Asked asked = AskDeleteDeployment();
  asked.command.clear_request();
  // Field 1001, a message.
  ASSERT_TRUE(asked.command.MergeFromString(std::string("\xCA\x3E\x00", 3)));
  EXPECT_EQ(asked.Answer().rejection().reason(), v1::REASON_MALFORMED_COMMAND);
}

TEST(DecideTest, R8UnknownValuesOfEveryKnobAreRefusedForEveryCommand) {
  for (int i = 0; i < v1::Rules::descriptor()->field_count(); ++i) {
    const FieldDescriptor* knob = v1::Rules::descriptor()->field(i);
    if (knob->enum_type() == nullptr) continue;
    for (const Asked& good :
         {AskCreateDeployment(), AskCreateStatus("state: STATUS_STATE_ERROR"),
          AskDeleteDeployment(), AskOfRepository("delete_repository {}")}) {
      Asked asked = good;
      for (int value = 0; value < knob->enum_type()->value_count(); ++value) {
        asked.rules.GetReflection()->SetEnumValue(&asked.rules, knob, value);
        EXPECT_TRUE(asked.Answer().has_acceptance()) << knob->name();
      }
      for (const int value : {-1, knob->enum_type()->value_count()}) {
        asked.rules.GetReflection()->SetEnumValue(&asked.rules, knob, value);
        EXPECT_EQ(asked.Answer().rejection().reason(),
                  v1::REASON_MALFORMED_COMMAND);
        EXPECT_THAT(ViolationsOf(asked.Answer()),
                    ElementsAre(HasSubstr(knob->name())));
      }
    }
  }
}

TEST(DecideTest, R17CommandsThatCreateNoRowNeedNoIds) {
  for (Asked asked :
       {AskDeleteDeployment(), AskOfRepository("delete_repository {}")}) {
    asked.command.clear_ids();
    EXPECT_TRUE(asked.Answer().has_acceptance());
  }
}

TEST(DecideTest, WhatAReusedMessageHeldIsDropped) {
  const Asked yes = AskCreateDeployment();
  Asked no = AskCreateDeployment();
  no.facts.clear_ref();
  v1::Decision decision;
  for (const Asked& asked : {yes, no, yes, no}) {
    Decide(asked.rules, asked.facts, asked.command, &decision);
    EXPECT_TRUE(SameMessage(decision, asked.Answer()));
  }
}

// --- Total and pure --------------------------------------------------------

// Fills messages at random. Equal on every machine: the standard says what
// mt19937 gives, and nothing else of <random> is used.
class Scrambler {
 public:
  explicit Scrambler(uint32_t seed) : random_(seed) {}

  int Below(int end) { return static_cast<int>(random_() % end); }

  // Changes each field, at every depth, once in `one_in` times.
  void Scramble(int one_in, Message* message, int depth = 0) {
    const Reflection* reflection = message->GetReflection();
    for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = message->GetDescriptor()->field(i);
      if (Below(one_in) == 0) {
        Change(field, message, depth);
      } else if (field->message_type() != nullptr && !field->is_repeated() &&
                 reflection->HasField(*message, field)) {
        Scramble(one_in, reflection->MutableMessage(message, field), depth + 1);
      }
    }
  }

  // Random bytes, or some of a message's bytes.
  std::string Bytes(const Message& message) {
    std::string bytes = message.SerializePartialAsString();
    for (int i = Below(8); i > 0; --i) {
      const size_t place = bytes.empty() ? 0 : random_() % bytes.size();
      const char byte = static_cast<char>(Below(256));
      if (bytes.empty() || Below(3) == 0) {
        bytes.insert(place, 1, byte);
      } else if (Below(2) == 0) {
        bytes.erase(place, 1);
      } else {
        bytes[place] = byte;
      }
    }
    return bytes;
  }

 private:
  int64_t Integer() {
    const int64_t integers[] = {std::numeric_limits<int64_t>::min(),
                                -1,
                                0,
                                1,
                                2,
                                49,
                                50,
                                51,
                                100,
                                101,
                                5000,
                                kIdMax,
                                kIdMax + 1,
                                kTimeMaxMs,
                                std::numeric_limits<int64_t>::max()};
    return integers[Below(std::size(integers))];
  }

  std::string Text() {
    const std::string texts[] = {"",
                                 "main",
                                 "MAIN",
                                 "topic",
                                 "staging",
                                 "Staging",
                                 "production",
                                 "deploy",
                                 "build",
                                 "http://x",
                                 "\xFF",
                                 "\xC3\xA4",
                                 "\n",
                                 std::string("\0", 1),
                                 std::string(141, 'x'),
                                 std::string(300, 'x'),
                                 std::string(2000, 'x'),
                                 internal::kShaA,
                                 internal::kShaB};
    return texts[Below(std::size(texts))];
  }

  void Change(const FieldDescriptor* field, Message* message, int depth) {
    const Reflection* reflection = message->GetReflection();
    if (field->is_repeated()) {
      reflection->ClearField(message, field);
      for (int i = Below(4); i > 0; --i) {
        Add(field, message, depth);
      }
      return;
    }
    if (Below(3) == 0) return reflection->ClearField(message, field);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth > 5) return;
        return Scramble(2, reflection->MutableMessage(message, field),
                        depth + 1);
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->SetEnumValue(
            message, field, Below(field->enum_type()->value_count() + 2) - 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection->SetString(message, field, Text());
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->SetBool(message, field, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->SetInt64(message, field, Integer());
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->SetInt32(message, field, Below(200) - 1);
      default:
        FAIL() << "a type that this test does not know: " << field->full_name();
    }
  }

  void Add(const FieldDescriptor* field, Message* message, int depth) {
    const Reflection* reflection = message->GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Scramble(2, reflection->AddMessage(message, field), depth + 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection->AddString(message, field, Text());
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->AddInt64(message, field, Integer());
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->AddInt32(message, field, Below(200) - 1);
      default:
        FAIL() << "a type that this test does not know: " << field->full_name();
    }
  }

  std::mt19937 random_;
};

std::vector<Asked> GoodQuestions() {
  std::vector<Asked> questions = {
      AskCreateDeployment(),
      AskCreateStatus("state: STATUS_STATE_SUCCESS"),
      AskDeleteDeployment(),
      AskOfRepository("put_repository { id: 1 default_branch: 'main' }"),
      AskOfRepository("delete_repository {}"),
      AskOfRepository("put_ref { name: 'topic' type: REF_TYPE_BRANCH }"),
      AskOfRepository("delete_ref { name: 'topic' type: REF_TYPE_BRANCH }"),
      AskOfRepository("put_commit_context { context: 'build' "
                      "state: COMMIT_CONTEXT_STATE_SUCCESS }"),
      AskOfRepository("delete_commit_context { context: 'build' }")};
  MergeText("id: 40 environment: 'staging'",
            questions[1].facts.add_live_deployments());
  questions[1].rules.mutable_limits()->set_statuses_per_deployment_max(50);
  questions[5].command.mutable_put_ref()->set_sha(internal::kShaA);
  questions[6].facts.mutable_existing_ref()->set_name("topic");
  questions[7].command.mutable_put_commit_context()->set_sha(internal::kShaA);
  questions[7].facts.set_commit_exists(true);
  questions[8].command.mutable_delete_commit_context()->set_sha(
      internal::kShaA);
  questions[8].facts.set_commit_exists(true);
  questions[8].facts.mutable_existing_context()->set_context("build");
  // With a key and an expectation, and once more after the answer.
  questions.push_back(questions[1]);
  questions.back().command.set_idempotency_key("key");
  questions.back().command.mutable_expectation()->add_latest_status_ids(0);
  Asked again = questions.back();
  *again.facts.mutable_keyed_answer()->mutable_command() = again.command;
  *again.facts.mutable_keyed_answer()->mutable_decision() = again.Answer();
  again.facts.set_latest_status_id(101);
  questions.push_back(again);
  for (const Asked& asked : questions) {
    EXPECT_TRUE(asked.Answer().has_acceptance())
        << asked.Answer().ShortDebugString();
  }
  return questions;
}

void CheckAcceptance(const Asked& asked, const v1::Acceptance& acceptance) {
  EXPECT_TRUE(v1::Outcome_IsValid(acceptance.outcome()));
  EXPECT_NE(acceptance.outcome(), v1::OUTCOME_UNSPECIFIED);
  const bool merges = acceptance.outcome() == v1::OUTCOME_MERGE_REQUIRED ||
                      acceptance.outcome() == v1::OUTCOME_AUTO_MERGED;
  EXPECT_EQ(acceptance.events().empty(), merges);
  for (const v1::Effect& effect : acceptance.effects()) {
    EXPECT_EQ(effect.type(),
              merges ? v1::EFFECT_TYPE_MERGE : v1::EFFECT_TYPE_NOTIFY);
    EXPECT_EQ(effect.has_merge(), merges);
    if (!merges) {
      EXPECT_EQ(effect.event_index(), 0);
    }
  }
  int64_t next = asked.command.ids().first();
  for (const v1::Event& event : acceptance.events()) {
    EXPECT_TRUE(v1::EventType_IsValid(event.type()));
    EXPECT_NE(event.type(), v1::EVENT_TYPE_UNSPECIFIED);
    EXPECT_EQ(event.time_ms(), asked.command.time_ms());
    if (event.has_deployment()) {
      EXPECT_EQ(event.deployment().id(), next++);
    }
    if (event.has_status()) {
      EXPECT_EQ(event.status().id(), next++);
    }
    if (event.has_environment()) {
      EXPECT_EQ(event.environment().id(), next++);
    }
  }
  EXPECT_LE(next - asked.command.ids().first(),
            IdsNeeded(asked.facts, asked.command));
}

void CheckRejection(const v1::Decision& decision) {
  const v1::Rejection& rejection = decision.rejection();
  EXPECT_TRUE(v1::Reason_IsValid(rejection.reason()));
  EXPECT_NE(rejection.reason(), v1::REASON_UNSPECIFIED);
  EXPECT_FALSE(rejection.message().empty());
  EXPECT_THAT(decision.rules(), Contains(rejection.rule()));
  EXPECT_EQ(!rejection.violations().empty(),
            rejection.reason() == v1::REASON_MALFORMED_COMMAND ||
                rejection.reason() == v1::REASON_INVALID_FIELDS);
  for (const v1::Violation& violation : rejection.violations()) {
    EXPECT_FALSE(violation.resource().empty());
    EXPECT_FALSE(violation.field().empty());
    EXPECT_FALSE(violation.message().empty());
    EXPECT_NE(violation.code(), v1::VIOLATION_CODE_UNSPECIFIED);
  }
  EXPECT_EQ(!rejection.contexts().empty(),
            rejection.reason() == v1::REASON_CONTEXTS_FAILED);
}

// What every answer to any question must be. Notes which ones there were.
class AnswerChecker {
 public:
  void Check(const Asked& asked) {
    const v1::Decision decision = asked.Answer();
    EXPECT_NE(decision.has_acceptance(), decision.has_rejection());
    // Equal questions, equal answers, whatever the message held.
    Decide(asked.rules, asked.facts, asked.command, &reused_);
    EXPECT_TRUE(SameMessage(reused_, decision));
    if (decision.replayed()) {
      // Whatever the host says that the first answer was.
      ++replays_;
      v1::Decision first = decision;
      first.clear_replayed();
      EXPECT_TRUE(SameMessage(first, asked.facts.keyed_answer().decision()));
      return;
    }
    EXPECT_FALSE(decision.rules().empty());
    EXPECT_TRUE(std::is_sorted(decision.rules().begin(), decision.rules().end(),
                               std::less_equal<int>()));
    EXPECT_GT(decision.rules(0), 0);
    if (decision.has_acceptance()) {
      CheckAcceptance(asked, decision.acceptance());
      outcomes_.insert(decision.acceptance().outcome());
    } else {
      CheckRejection(decision);
      reasons_.insert(decision.rejection().reason());
    }
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "rules: " << asked.rules.ShortDebugString()
                    << "\nfacts: " << asked.facts.ShortDebugString()
                    << "\ncommand: " << asked.command.ShortDebugString()
                    << "\ndecision: " << decision.ShortDebugString();
    }
  }

  // Whether every outcome and every reason has been seen.
  void ExpectAllSeen() const {
    for (int i = 1; i < v1::Outcome_ARRAYSIZE; ++i) {
      EXPECT_EQ(outcomes_.count(i), 1u)
          << v1::Outcome_Name(static_cast<v1::Outcome>(i));
    }
    EXPECT_GT(replays_, 0);
    for (int i = 1; i < v1::Reason_ARRAYSIZE; ++i) {
      EXPECT_EQ(reasons_.count(i), 1u)
          << v1::Reason_Name(static_cast<v1::Reason>(i));
    }
  }

 private:
  std::set<int> outcomes_;
  std::set<int> reasons_;
  int replays_ = 0;
  v1::Decision reused_;
};

TEST(DecideIsTotalTest, ScrambledQuestions) {
  Scrambler scrambler(20190301);
  AnswerChecker checker;
  const std::vector<Asked> good = GoodQuestions();
  for (int i = 0; i < 30000 && !HasFailure(); ++i) {
    Asked asked = good[scrambler.Below(static_cast<int>(good.size()))];
    // From a touch to nothing but noise; the rules and what is well-formed
    // about a command less, for else nothing comes further than that.
    const int one_in = 2 << scrambler.Below(6);
    scrambler.Scramble(one_in * 8, &asked.rules);
    scrambler.Scramble(one_in, &asked.facts);
    scrambler.Scramble(one_in * 4, &asked.command);
    checker.Check(asked);
  }
  checker.ExpectAllSeen();
}

TEST(DecideIsTotalTest, RandomBytes) {
  Scrambler scrambler(20190302);
  AnswerChecker checker;
  const std::vector<Asked> good = GoodQuestions();
  for (int i = 0; i < 3000 && !HasFailure(); ++i) {
    const Asked& from = good[scrambler.Below(static_cast<int>(good.size()))];
    Asked asked;
    // What was read before an error stays, and is as good as anything.
    (void)asked.rules.MergeFromString(scrambler.Bytes(from.rules));
    (void)asked.facts.MergeFromString(scrambler.Bytes(from.facts));
    (void)asked.command.MergeFromString(scrambler.Bytes(from.command));
    checker.Check(asked);
  }
}

TEST(DecideTest, EmptyRulesDecideAsTheDocumentedOnes) {
  Scrambler scrambler(20190303);
  const std::vector<Asked> good = GoodQuestions();
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    Asked asked = good[scrambler.Below(static_cast<int>(good.size()))];
    asked.rules.Clear();
    scrambler.Scramble(16, &asked.facts);
    scrambler.Scramble(64, &asked.command);
    const v1::Decision decision = asked.Answer();
    if (decision.has_acceptance()) ++accepted;
    asked.rules = DocumentedRules();
    ASSERT_TRUE(SameMessage(asked.Answer(), decision));
  }
  EXPECT_GT(accepted, 500);
}

TEST(DecideTest, AnAcceptedDecisionIsValidUtf8) {
  // Else it could not be written and read back.
  Scrambler scrambler(20190304);
  const std::vector<Asked> good = GoodQuestions();
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    Asked asked = good[scrambler.Below(static_cast<int>(good.size()))];
    scrambler.Scramble(32, &asked.command);
    const v1::Decision decision = asked.Answer();
    if (decision.has_acceptance()) ++accepted;
    v1::Decision read_back;
    ASSERT_TRUE(read_back.ParseFromString(decision.SerializeAsString()));
    ASSERT_TRUE(SameMessage(read_back, decision));
  }
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace slipway
