// A program that speaks the protocol of the conformance kit, for its rule in
// Bazel; the implementation is the engine.

#include <unistd.h>

#include <iostream>

#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/v1/subject.pb.h"

int main() {
  slipway::conformance::InProcessSubject implementation({});
  google::protobuf::io::FileInputStream input(STDIN_FILENO);
  slipway::conformance::v1::SubjectRequest request;
  while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(
      &request, &input, nullptr)) {
    slipway::conformance::v1::SubjectResponse response;
    if (request.has_describe()) {
      *response.mutable_capabilities() = *implementation.Describe();
    } else if (request.has_reset()) {
      response.mutable_reset()->set_left_over(*implementation.Reset());
    } else {
      *response.mutable_answer() = *implementation.Apply(request.apply());
    }
    google::protobuf::util::SerializeDelimitedToOstream(response, &std::cout);
    std::cout << std::flush;
    request.Clear();
  }
}
