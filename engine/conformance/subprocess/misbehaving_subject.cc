// A subject that goes wrong, for tests: `misbehaving_subject HOW [WHEN]`. WHEN
// is the kind of request: "describe", "reset", "notifications" or "apply",
// which is the default.

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace {

namespace v1 = slipway::conformance::v1;

void Say(const std::string& bytes) { std::cout << bytes << std::flush; }

void Say(const v1::SubjectResponse& response) {
  google::protobuf::util::SerializeDelimitedToOstream(response, &std::cout);
  std::cout << std::flush;
}

v1::SubjectResponse RightKind(const v1::SubjectRequest& request) {
  v1::SubjectResponse response;
  if (request.has_describe()) {
    response.mutable_capabilities()->set_fresh_repository(true);
    response.mutable_capabilities()->set_clients_max(4);
    response.mutable_capabilities()->add_refs()->set_name("main");
  } else if (request.has_reset()) {
    response.mutable_reset()->set_left_over("something");
  } else if (request.has_notifications()) {
    *response.mutable_notifications()->mutable_notifications() =
        request.notifications().expected();
  } else {
    response.mutable_answer()->set_code(404);
  }
  return response;
}

[[noreturn]] void Hang() {
  while (true) poll(nullptr, 0, -1);
}

void GoWrong(const std::string& how, const v1::SubjectRequest& request) {
  if (how == "hang") Hang();
  if (how == "hang_with_child") {
    if (fork() >= 0) Hang();
  }
  if (how == "hang_in_the_middle") {
    Say("\x20\x0a");
    Hang();
  }
  if (how == "exit") std::exit(3);
  if (how == "crash") std::abort();
  if (how == "close") {
    close(STDOUT_FILENO);
    Hang();
  }
  if (how == "close_input") {
    Say(RightKind(request));
    close(STDIN_FILENO);
    Hang();
  }
  if (how == "text") Say("Traceback (most recent call last):\n");
  if (how == "html") Say("<html><body>502 Bad Gateway</body></html>\n");
  if (how == "no_length") Say(std::string(20, '\xff'));
  if (how == "too_long") Say("\xff\xff\xff\xff\x7f");
  if (how == "no_message") Say(std::string("\x03\xff\xff\xff", 4));
  if (how == "wrong_kind") Say(v1::SubjectResponse());
  if (how == "twice") {
    Say(RightKind(request));
    Say(RightKind(request));
  }
  if (how == "failure") {
    v1::SubjectResponse response;
    response.set_failure("the database is gone");
    Say(response);
  }
  if (how == "code_500") {
    v1::SubjectResponse response;
    response.mutable_answer()->set_code(500);
    Say(response);
  }
  if (how == "right") Say(RightKind(request));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc > 1 ? argv[1] : "";
  const std::string when = argc > 2 ? argv[2] : "apply";
  google::protobuf::io::FileInputStream input(STDIN_FILENO);
  bool clean_end = false;
  v1::SubjectRequest request;
  while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(
      &request, &input, &clean_end)) {
    const std::string kind = request.has_describe()        ? "describe"
                             : request.has_reset()         ? "reset"
                             : request.has_notifications() ? "notifications"
                                                           : "apply";
    if (kind == when) {
      GoWrong(how, request);
    } else {
      Say(RightKind(request));
    }
    request.Clear();
  }
  return clean_end ? 0 : 1;
}
