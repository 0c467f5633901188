#include "slipway/tests/crash/json.h"

#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"

namespace crash {

using ::google::protobuf::Value;

absl::optional<Value> ParseJson(const std::string& text) {
  Value value;
  if (!google::protobuf::util::JsonStringToMessage(text, &value).ok()) {
    return absl::nullopt;
  }
  return value;
}

const Value& FieldOf(const Value& value, const std::string& name) {
  const auto& fields = value.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? Value::default_instance() : found->second;
}

int64_t NumberOf(const Value& value, const std::string& name) {
  return static_cast<int64_t>(FieldOf(value, name).number_value());
}

bool SameObject(const std::string& a, const std::string& b,
                std::initializer_list<const char*> but_for) {
  absl::optional<Value> first = ParseJson(a);
  absl::optional<Value> second = ParseJson(b);
  if (!first || !second || !first->has_struct_value() ||
      !second->has_struct_value()) {
    return false;
  }
  for (const char* name : but_for) {
    first->mutable_struct_value()->mutable_fields()->erase(name);
    second->mutable_struct_value()->mutable_fields()->erase(name);
  }
  return google::protobuf::util::MessageDifferencer::Equals(*first, *second);
}

}  // namespace crash
