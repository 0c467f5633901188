// What the tests of the core share: messages written as text, and a question
// that is answered with yes, for a test to bend. Not for users of the engine.

#ifndef SLIPWAY_ENGINE_CORE_TESTING_H_
#define SLIPWAY_ENGINE_CORE_TESTING_H_

#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "slipway/core/decide.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

inline constexpr char kShaA[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
inline constexpr char kShaB[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
inline constexpr char kShaC[] = "cccccccccccccccccccccccccccccccccccccccc";

// Writes `text` over `message`: fields that it names are replaced or, where
// they are messages, merged; elements of lists are added.
inline void MergeText(const std::string& text,
                      google::protobuf::Message* message) {
  google::protobuf::TextFormat::Parser parser;
  EXPECT_TRUE(parser.MergeFromString(text, message)) << text;
}

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  MergeText(text, &message);
  return message;
}

// Equal field by field, and if not, how they differ.
inline ::testing::AssertionResult SameMessage(
    const google::protobuf::Message& a, const google::protobuf::Message& b) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  if (differencer.Compare(a, b)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << differences;
}

// The arguments of `Decide`.
struct Asked {
  v1::Rules rules;
  v1::Facts facts;
  v1::Command command;

  v1::Decision Answer() const { return Decide(rules, facts, command); }
};

// Every question starts as octo/app, whose default branch is "main" and whose
// highest id is 100; ann asks at 5000 with the ids from 101 on.
inline Asked AskOfRepository(const std::string& request) {
  Asked asked;
  asked.facts = FromText<v1::Facts>(R"pb(
    repository { id: 1 owner: "octo" name: "app" default_branch: "main" }
    last_id: 100)pb");
  asked.command = FromText<v1::Command>(R"pb(
    repository { owner: "octo" name: "app" }
    actor { id: 7 login: "ann" }
    time_ms: 5000
    ids { first: 101 count: 10 })pb");
  MergeText(request, &asked.command);
  return asked;
}

// A deployment of the branch "topic", which is up to date and has no contexts,
// to the environment "production", which exists.
inline Asked AskCreateDeployment(const std::string& request = "") {
  Asked asked = AskOfRepository("create_deployment { ref: 'topic' }");
  MergeText(request, asked.command.mutable_create_deployment());
  MergeText(R"pb(
              ref { form: REF_FORM_BRANCH contains_default_branch: true }
              environment { id: 2 name: "production" })pb",
            &asked.facts);
  asked.facts.mutable_ref()->set_sha(kShaA);
  return asked;
}

// A status for the deployment 50, which is in the environment "staging" and
// has no status yet.
inline Asked AskCreateStatus(const std::string& request) {
  Asked asked = AskOfRepository("create_status { deployment_id: 50 }");
  MergeText(request, asked.command.mutable_create_status());
  MergeText(R"pb(
              deployment {
                id: 50
                task: "deploy"
                original_environment: "staging"
                environment: "staging"
                creator { id: 8 login: "bob" }
              }
              environment { id: 2 name: "staging" })pb",
            &asked.facts);
  return asked;
}

// The deletion of the same deployment, which is alone and without a status.
inline Asked AskDeleteDeployment() {
  Asked asked = AskOfRepository("delete_deployment { deployment_id: 50 }");
  MergeText("deployment { id: 50 environment: 'staging' }", &asked.facts);
  asked.facts.set_only_one_in_scope(true);
  return asked;
}

inline std::vector<int> RulesOf(const v1::Decision& decision) {
  return {decision.rules().begin(), decision.rules().end()};
}

// "field: message" of each violation.
inline std::vector<std::string> ViolationsOf(const v1::Decision& decision) {
  std::vector<std::string> violations;
  for (const v1::Violation& violation : decision.rejection().violations()) {
    violations.push_back(violation.field() + ": " + violation.message());
  }
  return violations;
}

// One way to spoil a question, and the refusal that this earns.
struct Defect {
  v1::Reason reason;
  int rule;
  void (*spoil)(Asked& asked);
};

// Where `Reason` lists a reason: its order is that of precedence, whatever the
// numbers are.
inline int PlaceOf(v1::Reason reason) {
  return v1::Reason_descriptor()->FindValueByNumber(reason)->index();
}

// Makes an answer to another request the one under the question's key.
inline void ReuseKey(Asked& asked) {
  asked.command.set_idempotency_key("key");
  v1::KeyedAnswer& kept = *asked.facts.mutable_keyed_answer();
  *kept.mutable_command() = asked.command;
  kept.mutable_command()->mutable_actor()->set_id(4711);
  kept.mutable_decision()->mutable_rejection()->set_reason(
      v1::REASON_REF_NOT_FOUND);
  kept.mutable_decision()->set_answered_at_ms(asked.command.time_ms());
}

// Checks that of `defects`, which are in order of precedence, the first one
// decides, whichever others come with it.
inline void ExpectPrecedence(const Asked& good,
                             const std::vector<Defect>& defects) {
  ASSERT_TRUE(good.Answer().has_acceptance())
      << good.Answer().ShortDebugString();
  for (size_t first = 0; first < defects.size(); ++first) {
    if (first > 0) {
      EXPECT_LT(PlaceOf(defects[first - 1].reason),
                PlaceOf(defects[first].reason));
    }
    for (size_t last = first; last < defects.size(); ++last) {
      for (const bool all_between : {false, true}) {
        Asked asked = good;
        defects[last].spoil(asked);
        for (size_t i = last; all_between && i > first; --i) {
          defects[i].spoil(asked);
        }
        defects[first].spoil(asked);
        const v1::Decision decision = asked.Answer();
        EXPECT_EQ(v1::Reason_Name(decision.rejection().reason()),
                  v1::Reason_Name(defects[first].reason))
            << "with " << v1::Reason_Name(defects[last].reason);
        EXPECT_EQ(decision.rejection().rule(), defects[first].rule)
            << decision.ShortDebugString();
        EXPECT_FALSE(decision.has_acceptance());
      }
    }
  }
}

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_TESTING_H_
