// A subprocess under test: the conformance kit's calls over its standard input
// and output, so that the subject can be written in any language.
//
//   slipway::conformance::SubprocessSubjectOptions options;
//   options.command = "python3 my_subject.py --verbose";
//   slipway::conformance::SubprocessSubject subject(options);
//
// The protocol: the kit writes one `SubjectRequest`, the subject one
// `SubjectResponse`, and so on; each message has its length in bytes in front,
// as a varint (`writeDelimitedTo` in Java, `delimited_message_util.h` in C++).
// The first request is `describe`. When its input ends, the subject ends.
// Standard error goes where the kit's own goes.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_SUBPROCESS_SUBJECT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_SUBPROCESS_SUBJECT_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slipway/conformance/subject.h"

namespace slipway {
namespace conformance {

struct SubprocessSubjectOptions {
  // Run by `/bin/sh -c`, in the directory and with the environment of the kit.
  std::string command;
  // For one request and its response; the first one starts the command.
  int64_t timeout_ms = 10'000;
  // Of a response.
  int64_t response_bytes_max = 16 << 20;
};

// The command is started by the first call, and again by the first one after a
// failure: a subject that crashes does not end the run by itself. It is ended,
// with all processes of its group, when it does not answer in time, when what
// it says is not understood, and when the subject is destroyed.
//
// Thread-safe; calls are made one after the other, so `clients_max` is at most
// 1. Beside what `SubjectUnderTest` says, a call fails with
//   UNAVAILABLE: the command could not be started, or ended; the message says
//     how it ended.
//   DATA_LOSS: the response is no `SubjectResponse`, is not of the kind that
//     was asked for, or is too long.
//   INTERNAL: the subject answered `failure`; the message is its own.
class SubprocessSubject : public SubjectUnderTest {
 public:
  explicit SubprocessSubject(SubprocessSubjectOptions options);
  ~SubprocessSubject() override;

  absl::StatusOr<v1::Capabilities> Describe() override;
  absl::StatusOr<std::string> Reset() override;
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override;
  absl::StatusOr<v1::NotificationsResponse> Notifications(
      const v1::NotificationsRequest& notifications) override;

 private:
  class Pipe;

  // Starts the command where it does not run.
  absl::StatusOr<v1::SubjectResponse> Ask(const v1::SubjectRequest& request);

  const SubprocessSubjectOptions options_;
  std::mutex mutex_;
  // nullptr: it does not run.
  std::unique_ptr<Pipe> pipe_;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_SUBPROCESS_SUBPROCESS_SUBJECT_H_
