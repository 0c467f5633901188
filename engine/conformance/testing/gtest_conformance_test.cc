#include "slipway/conformance/testing/gtest_conformance.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"

namespace slipway {
namespace conformance {
namespace {

RunOptions SomeSequences() {
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 20;
  return options;
}

TEST(Conforms, TheEngineDoes) {
  InProcessSubject subject({});
  EXPECT_CONFORMS(subject, SomeSequences());
  ASSERT_CONFORMS(subject, SomeSequences());
}

TEST(Conforms, SaysWhatIsWrong) {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    if (answer.code() == 201) answer.set_code(200);
  };
  InProcessSubject subject({{}, hooks});
  const testing::AssertionResult result = Conforms(subject, SomeSequences());
  EXPECT_FALSE(result);
  EXPECT_THAT(std::string(result.message()), testing::HasSubstr("Failure 1: "));
  EXPECT_THAT(std::string(result.message()),
              testing::HasSubstr("DOES NOT CONFORM"));
}

class SilentSubject : public SubjectUnderTest {
 public:
  absl::StatusOr<v1::Capabilities> Describe() override {
    return absl::UnavailableError("it sleeps");
  }
  absl::StatusOr<std::string> Reset() override { return Describe().status(); }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation&) override {
    return Describe().status();
  }
};

TEST(Conforms, ARunThatCouldNotBeMadeIsAFailure) {
  SilentSubject subject;
  const testing::AssertionResult result = Conforms(subject, SomeSequences());
  EXPECT_FALSE(result);
  EXPECT_THAT(std::string(result.message()), testing::HasSubstr("it sleeps"));
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
