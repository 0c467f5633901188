#include "slipway/conformance/subprocess/subprocess_subject.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::HasSubstr;
using testing::Not;

SubprocessSubjectOptions Misbehaving(const std::string& how) {
  SubprocessSubjectOptions options;
  options.command = absl::StrCat(
      "exec engine/conformance/subprocess/misbehaving_subject ", how);
  options.timeout_ms = 20'000;
  return options;
}

v1::Operation SomeCall() {
  v1::Operation operation;
  operation.mutable_get_deployment()->set_deployment_id(7);
  return operation;
}

// What a call ends with after a description that went well.
absl::Status ErrorOf(const SubprocessSubjectOptions& options) {
  SubprocessSubject subject(options);
  EXPECT_TRUE(subject.Describe().ok());
  return subject.Apply(SomeCall()).status();
}

absl::Status ErrorOf(const std::string& how) {
  return ErrorOf(Misbehaving(how));
}

TEST(SubprocessSubject, AsksAndGetsAnswers) {
  SubprocessSubject subject(Misbehaving("right"));
  const absl::StatusOr<v1::Capabilities> capabilities = subject.Describe();
  ASSERT_TRUE(capabilities.ok()) << capabilities.status();
  EXPECT_TRUE(capabilities->fresh_repository());
  EXPECT_EQ(capabilities->refs(0).name(), "main");
  // One pipe carries one call at a time.
  EXPECT_EQ(capabilities->clients_max(), 1);
  const absl::StatusOr<std::string> left_over = subject.Reset();
  ASSERT_TRUE(left_over.ok()) << left_over.status();
  EXPECT_EQ(*left_over, "something");
  for (int i = 0; i < 300; ++i) {
    const absl::StatusOr<v1::Answer> answer = subject.Apply(SomeCall());
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->code(), 404);
  }
}

TEST(SubprocessSubject, AsksForNotifications) {
  SubprocessSubject subject(Misbehaving("right"));
  v1::NotificationsRequest request;
  request.add_expected()->set_event("deployment");
  const auto response = subject.Notifications(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->notifications_size(), 1);
  EXPECT_EQ(response->notifications(0).event(), "deployment");
}

TEST(SubprocessSubject, CarriesMessagesLargerThanAPipe) {
  SubprocessSubject subject(Misbehaving("right"));
  v1::Operation large;
  large.mutable_create_deployment()->mutable_request()->set_payload(
      std::string(1 << 20, 'x'));
  const absl::StatusOr<v1::Answer> answer = subject.Apply(large);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->code(), 404);
}

TEST(SubprocessSubject, AServerErrorIsAnAnswer) {
  EXPECT_TRUE(ErrorOf("code_500").ok());
}

TEST(SubprocessSubject, AHangEndsAtTheTimeLimit) {
  for (const char* how : {"hang", "hang_with_child", "hang_in_the_middle"}) {
    SubprocessSubjectOptions options = Misbehaving(how);
    // For the start, too.
    options.timeout_ms = 2'000;
    const absl::Time begin = absl::Now();
    const absl::Status status = ErrorOf(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << how;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("did not answer in 2000 ms"));
    EXPECT_LT(absl::Now() - begin, absl::Seconds(15)) << how;
  }
}

TEST(SubprocessSubject, AllOfAHangingGroupIsEnded) {
  const std::string file =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/child_pid");
  SubprocessSubjectOptions options;
  options.command = absl::StrCat("sleep 1000 & echo $! > ", file, "; wait");
  options.timeout_ms = 500;
  SubprocessSubject subject(options);
  EXPECT_EQ(subject.Describe().status().code(),
            absl::StatusCode::kDeadlineExceeded);
  pid_t child = 0;
  ASSERT_TRUE(std::ifstream(file) >> child);
  // What is left of it is collected by the system in its own time.
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    std::string state;
    std::ifstream stat(absl::StrCat("/proc/", child, "/stat"));
    std::string number;
    std::string name;
    gone = !(stat >> number >> name >> state) || state == "Z";
    if (!gone) absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_TRUE(gone);
}

TEST(SubprocessSubject, TheEndOfTheSubjectIsUnavailable) {
  const absl::Status exit = ErrorOf("exit");
  EXPECT_EQ(exit.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(exit.message()), HasSubstr("ended (exit status 3)"));
  const absl::Status crash = ErrorOf("crash");
  EXPECT_EQ(crash.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(crash.message()), HasSubstr("ended (signal 6)"));
  const absl::Status close = ErrorOf("close");
  EXPECT_EQ(close.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(close.message()), HasSubstr("closed its input or"));
}

TEST(SubprocessSubject, AClosedInputIsUnavailableAndNoSignal) {
  SubprocessSubject subject(Misbehaving("close_input"));
  ASSERT_TRUE(subject.Describe().ok());
  ASSERT_TRUE(subject.Apply(SomeCall()).ok());
  absl::Status status;
  // It says its answer before it closes.
  for (int i = 0; i < 1000 && status.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(1));
    status = subject.Apply(SomeCall()).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST(SubprocessSubject, ACommandThatDoesNotExistIsUnavailable) {
  SubprocessSubjectOptions options;
  options.command = "exec ./there-is-no-such-command 2>/dev/null";
  SubprocessSubject subject(options);
  const absl::Status status = subject.Describe().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("exit status 127"));
}

TEST(SubprocessSubject, GarbageIsDataLossAndShown) {
  const struct {
    const char* how;
    const char* shown;
  } cases[] = {
      // "T" is taken for a length of 84 bytes that never come.
      {"html", "\"<html><body>502 Bad Gateway"},
      {"no_length", "has no length in front; it begins \"\\xff\\xff"},
      {"too_long", "has a length of 34359738367 bytes, of at most 16777216"},
      {"no_message", "is no SubjectResponse; it begins \"\\x03\\xff"},
      {"wrong_kind", "is not of the kind that was asked for"},
  };
  for (const auto& c : cases) {
    SubprocessSubjectOptions options = Misbehaving(c.how);
    options.timeout_ms = 5'000;
    const absl::Status status = ErrorOf(options);
    const bool waits = status.code() == absl::StatusCode::kDeadlineExceeded;
    EXPECT_TRUE(waits || status.code() == absl::StatusCode::kDataLoss)
        << c.how << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.shown));
  }
  SubprocessSubjectOptions options = Misbehaving("text");
  options.timeout_ms = 2'000;
  const absl::Status status = ErrorOf(options);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("Traceback (most"));
}

TEST(SubprocessSubject, AnswersNobodyAskedForAreDataLoss) {
  SubprocessSubject subject(Misbehaving("twice"));
  absl::Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) {
    status = subject.Apply(SomeCall()).status();
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("came before the request"));
}

TEST(SubprocessSubject, AFailureOfItsOwnIsInternal) {
  const absl::Status status = ErrorOf("failure");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "the subject says: the database is gone");
}

TEST(SubprocessSubject, StartsAgainAfterACrash) {
  SubprocessSubject subject(Misbehaving("exit"));
  EXPECT_FALSE(subject.Apply(SomeCall()).ok());
  EXPECT_TRUE(subject.Reset().ok());
  EXPECT_TRUE(subject.Describe().ok());
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
