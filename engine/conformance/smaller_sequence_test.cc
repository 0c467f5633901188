#include "slipway/conformance/smaller_sequence.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

v1::Sequence Parsed(const std::string& text) {
  v1::Sequence sequence;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &sequence));
  return sequence;
}

constexpr char kTwoDeployments[] = R"pb(
  operations {
    create_deployment {
      binds: "$d1"
      request { ref: "main" }
    }
  }
  operations {
    create_deployment {
      binds: "$d2"
      request { ref: "main" }
    }
  }
  operations { create_status { binds: "$s1" deployment: "$d1" } }
  operations { create_status { binds: "$s2" deployment: "$d2" } }
  operations { list_deployments {} }
  parallel {
    client: 1
    delete_deployment { deployment: "$d1" }
  }
)pb";

// "create $d1", "status $d1 $s1", "list", …
std::vector<std::string> CallsOf(const v1::Sequence& sequence) {
  std::vector<std::string> calls;
  for (const auto* operations :
       {&sequence.operations(), &sequence.parallel()}) {
    for (const v1::Operation& operation : *operations) {
      const std::string before = operations == &sequence.parallel() ? "|" : "";
      if (operation.has_create_deployment()) {
        calls.push_back(before + "create " +
                        operation.create_deployment().binds());
      } else if (operation.has_create_status()) {
        calls.push_back(before + "status " +
                        operation.create_status().deployment() + " " +
                        operation.create_status().binds());
      } else if (operation.has_delete_deployment()) {
        calls.push_back(before + "delete " +
                        operation.delete_deployment().deployment());
      } else if (operation.has_get_status()) {
        calls.push_back(before + "get " + operation.get_status().deployment() +
                        " " + operation.get_status().status());
      } else {
        calls.push_back(before + "list");
      }
    }
  }
  return calls;
}

std::vector<std::vector<std::string>> Smaller(const std::string& text) {
  std::vector<std::vector<std::string>> smaller;
  for (const v1::Sequence& sequence : SmallerSequences(Parsed(text))) {
    smaller.push_back(CallsOf(sequence));
  }
  return smaller;
}

TEST(SmallerSequences, GoWithoutADeploymentACallOrTwo) {
  const std::vector<std::vector<std::string>> smaller =
      Smaller(kTwoDeployments);
  EXPECT_EQ(smaller.size(), 2u + 6u + 15u);
  EXPECT_THAT(smaller[0], ElementsAre("create $d2", "status $d2 $s2", "list"));
  EXPECT_THAT(smaller[1], ElementsAre("create $d1", "status $d1 $s1", "list",
                                      "|delete $d1"));
  EXPECT_THAT(smaller,
              Contains(ElementsAre("create $d1", "create $d2", "status $d1 $s1",
                                   "status $d2 $s2", "list")));
  EXPECT_THAT(smaller, Contains(ElementsAre("create $d2", "status $d1 $s1",
                                            "status $d2 $s2", "|delete $d1")));
}

TEST(SmallerSequences, GoWithoutAField) {
  std::vector<std::string> requests;
  for (const v1::Sequence& sequence : SmallerSequences(Parsed(R"pb(
         operations {
           create_deployment {
             request {
               ref: "main"
               environment: "qa"
               task: "t"
               auto_merge: false
               payload_type: PAYLOAD_TYPE_STRING
               payload: "x"
             }
           }
         }
         operations {
           create_status {
             request { state: STATUS_STATE_ERROR description: "x" }
           }
         }
       )pb"))) {
    if (sequence.operations_size() < 2) continue;
    requests.push_back(
        sequence.operations(0)
            .create_deployment()
            .request()
            .ShortDebugString() +
        " | " +
        sequence.operations(1).create_status().request().ShortDebugString());
  }
  const std::string create = R"(ref: "main" task: "t" )";
  const std::string payload =
      R"(payload_type: PAYLOAD_TYPE_STRING payload: "x" )";
  const std::string status = R"(| state: STATUS_STATE_ERROR)";
  const std::string environment = R"(environment: "qa" )";
  EXPECT_THAT(
      requests,
      ElementsAre(
          create + payload + environment + status + R"( description: "x")",
          create + "auto_merge: false " + environment + status +
              R"( description: "x")",
          create + "auto_merge: false " + payload + environment + status));
}

TEST(SmallerSequences, NothingIsSmallerThanNothing) {
  EXPECT_THAT(SmallerSequences(v1::Sequence()), IsEmpty());
}

TEST(SmallerSequences, LongOnesStayAsTheyAre) {
  v1::Sequence sequence;
  for (int i = 0; i < 20; ++i) sequence.add_operations()->mutable_get_status();
  EXPECT_EQ(SmallerSequences(sequence).size(), 20u) << "no pairs";
  for (int i = 0; i < 100; ++i) sequence.add_operations()->mutable_get_status();
  EXPECT_THAT(SmallerSequences(sequence), IsEmpty());
}

TEST(Renumbered, CountsFromOne) {
  const v1::Sequence renumbered = Renumbered(Parsed(R"pb(
    description: "x"
    operations { create_deployment { binds: "$d4" } }
    operations { create_status { deployment: "$d4" binds: "$s9" } }
    operations { delete_deployment { deployment: "$d2" } }
    parallel { create_deployment { binds: "$d1a" } }
    parallel { get_status { deployment: "$d1a" status: "$s9" } }
    parallel { get_status { deployment: "$d4" status: "$s7b" } }
  )pb"));
  EXPECT_THAT(CallsOf(renumbered),
              ElementsAre("create $d1", "status $d1 $s1", "delete $d0",
                          "|create $d2", "|get $d2 $s1", "|get $d1 $s0"));
  EXPECT_EQ(renumbered.description(), "x");
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
