// A subject for the conformance kit, as a program of its own: what to write in
// whatever language your implementation has. Here it is the engine itself.
//
//   ./bazelw test //examples/conformance_subject:conformance_test

#include <unistd.h>

#include <iostream>

#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/v1/subject.pb.h"

namespace {

namespace v1 = slipway::conformance::v1;

// Put your implementation here.
slipway::conformance::InProcessSubject implementation({{}, {}});

v1::SubjectResponse Respond(const v1::SubjectRequest& request) {
  v1::SubjectResponse response;
  switch (request.request_case()) {
    case v1::SubjectRequest::kDescribe:
      // What it can do, and the refs that its repository has.
      *response.mutable_capabilities() = *implementation.Describe();
      break;
    case v1::SubjectRequest::kReset:
      // A repository without deployments; says what is left of earlier ones.
      response.mutable_reset()->set_left_over(*implementation.Reset());
      break;
    case v1::SubjectRequest::kApply: {
      // One call of the API, and its answer: the code and what came with it.
      const auto answer = implementation.Apply(request.apply());
      if (answer.ok()) {
        *response.mutable_answer() = *answer;
      } else {
        response.set_failure(answer.status().ToString());
      }
      break;
    }
    case v1::SubjectRequest::kNotifications:  // with `late_notifications` only
    case v1::SubjectRequest::REQUEST_NOT_SET:
      response.set_failure("a request that this subject does not know");
  }
  return response;
}

}  // namespace

int main() {
  // One response for each request, each with its length in front as a varint.
  google::protobuf::io::FileInputStream input(STDIN_FILENO);
  bool clean_end = false;
  v1::SubjectRequest request;
  while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(
      &request, &input, &clean_end)) {
    google::protobuf::util::SerializeDelimitedToOstream(Respond(request),
                                                        &std::cout);
    std::cout << std::flush;  // or both sides wait for each other
    request.Clear();
  }
  return clean_end ? 0 : 1;
}
