#include "slipway/conformance/subprocess/subprocess_subject.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "slipway/conformance/subprocess/child_process.h"

namespace slipway {
namespace conformance {
namespace {

using Clock = std::chrono::steady_clock;

// How much of garbage is shown.
constexpr size_t kShownBytesMax = 200;
// How long a process whose output is closed may take to say how it ended.
constexpr int kLastWordsMs = 200;

std::string Shown(absl::string_view bytes) {
  return absl::StrCat("\"", absl::CHexEscape(bytes.substr(0, kShownBytesMax)),
                      bytes.size() > kShownBytesMax ? "\" (and more)" : "\"");
}

// Writing to a pipe that is closed is an error for us, not a signal; one that
// was made is taken back.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~NoPipeSignal() {
    if (!was_pending_) {
      const timespec now = {};
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_;
  sigset_t old_;
  bool was_pending_ = false;
};

absl::Status NotUnderstood(absl::string_view what, absl::string_view bytes) {
  return absl::DataLossError(absl::StrCat("the subprocess's response ", what,
                                          "; it begins ", Shown(bytes)));
}

}  // namespace

// The command while it runs.
class SubprocessSubject::Pipe {
 public:
  Pipe(ChildProcess process, const SubprocessSubjectOptions& options)
      : process_(std::move(process)), options_(options) {}

  absl::StatusOr<v1::SubjectResponse> Ask(const v1::SubjectRequest& request) {
    deadline_ = Clock::now() + std::chrono::milliseconds(options_.timeout_ms);
    if (SpokeUnasked()) {
      return NotUnderstood("came before the request", received_);
    }
    absl::Status status = Write(request);
    if (!status.ok()) return status;
    return Read();
  }

 private:
  absl::Status Write(const v1::SubjectRequest& request) {
    const std::string message = request.SerializeAsString();
    std::string bytes;
    for (size_t length = message.size(); true; length >>= 7) {
      bytes.push_back(
          static_cast<char>((length & 0x7F) | (length > 0x7F ? 0x80 : 0)));
      if (length <= 0x7F) break;
    }
    bytes += message;
    const NoPipeSignal no_signal;
    for (absl::string_view rest = bytes; !rest.empty();) {
      const ssize_t written = write(process_.input(), rest.data(), rest.size());
      if (written > 0) {
        rest.remove_prefix(static_cast<size_t>(written));
      } else if (errno == EAGAIN) {
        absl::Status status = WaitFor(process_.input(), POLLOUT);
        if (!status.ok()) return status;
      } else if (errno != EINTR) {
        return Closed();
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<v1::SubjectResponse> Read() {
    while (true) {
      google::protobuf::uint64 length = 0;
      size_t prefix = 0;
      if (ReadLength(&length, &prefix)) {
        if (length > static_cast<uint64_t>(options_.response_bytes_max)) {
          return NotUnderstood(
              absl::StrCat("has a length of ", length, " bytes, of at most ",
                           options_.response_bytes_max),
              received_);
        }
        if (received_.size() - prefix >= length) return Parse(prefix, length);
      } else if (received_.size() >= kVarintBytesMax) {
        return NotUnderstood("has no length in front", received_);
      }
      absl::Status status = Receive();
      if (!status.ok()) return status;
    }
  }

  // False: it is not whole.
  bool ReadLength(google::protobuf::uint64* length, size_t* prefix) const {
    google::protobuf::io::CodedInputStream stream(
        reinterpret_cast<const google::protobuf::uint8*>(received_.data()),
        static_cast<int>(std::min(received_.size(), kVarintBytesMax)));
    if (!stream.ReadVarint64(length)) return false;
    *prefix = static_cast<size_t>(stream.CurrentPosition());
    return true;
  }

  absl::StatusOr<v1::SubjectResponse> Parse(size_t prefix, size_t length) {
    v1::SubjectResponse response;
    const std::string bytes = std::exchange(received_, "");
    if (!response.ParseFromArray(bytes.data() + prefix,
                                 static_cast<int>(length))) {
      return NotUnderstood("is no SubjectResponse", bytes);
    }
    received_ = bytes.substr(prefix + length);
    return response;
  }

  bool SpokeUnasked() {
    char buffer[256];
    const ssize_t count = read(process_.output(), buffer, sizeof(buffer));
    if (count > 0) received_.append(buffer, static_cast<size_t>(count));
    return !received_.empty();
  }

  // At least one byte more.
  absl::Status Receive() {
    while (true) {
      char buffer[16384];
      const ssize_t count = read(process_.output(), buffer, sizeof(buffer));
      if (count > 0) {
        received_.append(buffer, static_cast<size_t>(count));
        return absl::OkStatus();
      }
      if (count == 0) return Closed();
      if (errno == EAGAIN) {
        absl::Status status = WaitFor(process_.output(), POLLIN);
        if (!status.ok()) return status;
      } else if (errno != EINTR) {
        return Closed();
      }
    }
  }

  absl::Status WaitFor(int descriptor, int16_t events) {
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline_ - Clock::now());
      if (left.count() <= 0) {
        return absl::DeadlineExceededError(
            absl::StrCat("the subprocess did not answer in ",
                         options_.timeout_ms, " ms", SoFar()));
      }
      pollfd waited = {descriptor, events, 0};
      const int64_t wait_ms = std::min<int64_t>(left.count() + 1, 1'000'000);
      const int ready = poll(&waited, 1, static_cast<int>(wait_ms));
      if (ready > 0) return absl::OkStatus();
      if (ready < 0 && errno != EINTR) return Closed();
    }
  }

  absl::Status Closed() {
    const auto end = process_.WaitForEnd(kLastWordsMs);
    return absl::UnavailableError(absl::StrCat(
        "the subprocess ",
        end ? absl::StrCat("ended (", *end, ")") : "closed its input or output",
        " before it had answered", SoFar()));
  }

  std::string SoFar() const {
    return received_.empty()
               ? ""
               : absl::StrCat("; what it said begins ", Shown(received_));
  }

  static constexpr size_t kVarintBytesMax = 10;

  ChildProcess process_;
  const SubprocessSubjectOptions& options_;
  Clock::time_point deadline_;
  // What came and is not part of a response yet.
  std::string received_;
};

constexpr size_t SubprocessSubject::Pipe::kVarintBytesMax;

SubprocessSubject::SubprocessSubject(SubprocessSubjectOptions options)
    : options_(std::move(options)) {}

SubprocessSubject::~SubprocessSubject() = default;

absl::StatusOr<v1::SubjectResponse> SubprocessSubject::Ask(
    const v1::SubjectRequest& request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (pipe_ == nullptr) {
    absl::StatusOr<ChildProcess> process =
        ChildProcess::Start(options_.command, ChildProcess::Streams::kPiped);
    if (!process.ok()) {
      return absl::UnavailableError(process.status().message());
    }
    pipe_ = std::make_unique<Pipe>(*std::move(process), options_);
  }
  absl::StatusOr<v1::SubjectResponse> response = pipe_->Ask(request);
  if (response.ok()) {
    if (response->has_failure()) {
      return absl::InternalError(
          absl::StrCat("the subject says: ", response->failure()));
    }
    const bool fits =
        (request.has_describe() && response->has_capabilities()) ||
        (request.has_reset() && response->has_reset()) ||
        (request.has_apply() && response->has_answer()) ||
        (request.has_notifications() && response->has_notifications());
    if (!fits) {
      response = NotUnderstood("is not of the kind that was asked for",
                               response->SerializeAsString());
    }
  }
  if (!response.ok()) pipe_.reset();
  return response;
}

absl::StatusOr<v1::Capabilities> SubprocessSubject::Describe() {
  v1::SubjectRequest request;
  request.mutable_describe();
  absl::StatusOr<v1::SubjectResponse> response = Ask(request);
  if (!response.ok()) return response.status();
  v1::Capabilities capabilities = std::move(*response->mutable_capabilities());
  capabilities.set_clients_max(std::min(capabilities.clients_max(), 1));
  return capabilities;
}

absl::StatusOr<std::string> SubprocessSubject::Reset() {
  v1::SubjectRequest request;
  request.mutable_reset();
  absl::StatusOr<v1::SubjectResponse> response = Ask(request);
  if (!response.ok()) return response.status();
  return response->reset().left_over();
}

absl::StatusOr<v1::Answer> SubprocessSubject::Apply(
    const v1::Operation& operation) {
  v1::SubjectRequest request;
  *request.mutable_apply() = operation;
  absl::StatusOr<v1::SubjectResponse> response = Ask(request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_answer());
}

absl::StatusOr<v1::NotificationsResponse> SubprocessSubject::Notifications(
    const v1::NotificationsRequest& notifications) {
  v1::SubjectRequest request;
  *request.mutable_notifications() = notifications;
  absl::StatusOr<v1::SubjectResponse> response = Ask(request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_notifications());
}

}  // namespace conformance
}  // namespace slipway
