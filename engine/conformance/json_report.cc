// The report for programs.

#include <string>

#include "engine/conformance/report_text.h"
#include "google/protobuf/util/json_util.h"
#include "slipway/conformance/reports.h"

namespace slipway {
namespace conformance {

std::string JsonReport(const v1::Report& report) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  // A program finds every field: 0 steps, and lists without an entry.
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(
      internal::Cleaned(report, internal::ControlCharacters::kKept), &json,
      options);
  // Only types that a report has none of cannot be written.
  return status.ok() ? json : "{}\n";
}

}  // namespace conformance
}  // namespace slipway
