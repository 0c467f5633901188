#include "slipway/adapters/rest/request_fields.h"

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "slipway/wire/resources.h"

namespace slipway {
namespace internal {
namespace {

// How much of a wrong value an answer shows.
constexpr size_t kShownBytesMax = 100;
// How many complaints it lists: arrays can be wrong in every element.
constexpr size_t kLinesMax = 100;

// A value as it is shown in an answer, cut between characters.
std::string Shown(const JsonValue& value) {
  if (value.type == JsonType::kNull) return "nil";
  if (value.raw.size() <= kShownBytesMax) return std::string(value.raw);
  size_t size = kShownBytesMax;
  while (size > 0 && (value.raw[size] & 0xC0) == 0x80) --size;
  return absl::StrCat(value.raw.substr(0, size), "...");
}

// Reads fields one by one and gathers what is wrong with them.
class FieldReader {
 public:
  explicit FieldReader(const JsonBody& body) : body_(body) {}

  using SetText = std::function<void(const std::string&)>;
  using SetBool = std::function<void(bool)>;

  void RequireText(absl::string_view name, const SetText& set) {
    if (body_.Find(name) == nullptr) {
      AddLine("\"", name, "\" wasn't supplied.");
    }
    ReadText(name, set);
  }
  void ReadText(absl::string_view name, const SetText& set) {
    const JsonValue* value = Find(name);
    if (value == nullptr) return;
    if (value->type == JsonType::kString) {
      set(value->text);
    } else {
      Complain(name, *value, "a string");
    }
  }
  // The same, where null means that it is not given.
  void ReadNullableText(absl::string_view name, const SetText& set) {
    const JsonValue* value = body_.Find(name);
    if (value != nullptr && value->type == JsonType::kNull) {
      Find(name);
      return;
    }
    ReadText(name, set);
  }
  void ReadBool(absl::string_view name, const SetBool& set) {
    const JsonValue* value = Find(name);
    if (value == nullptr) return;
    if (value->type == JsonType::kTrue || value->type == JsonType::kFalse) {
      set(value->type == JsonType::kTrue);
    } else {
      Complain(name, *value, "a boolean");
    }
  }
  void ReadTexts(absl::string_view name,
                 google::protobuf::RepeatedPtrField<std::string>* texts) {
    const JsonValue& value = *Find(name);
    if (value.type != JsonType::kArray) {
      Complain(name, value, "an array");
      return;
    }
    for (size_t i = 0; i < value.elements.size(); ++i) {
      const JsonValue& element = value.elements[i];
      if (element.type == JsonType::kString) {
        *texts->Add() = element.text;
      } else {
        Complain(absl::StrCat(name, "/", i), element, "a string");
      }
    }
  }
  void ReadPayload(absl::string_view name, v1::CreateDeployment* request) {
    const JsonValue* value = Find(name);
    if (value == nullptr) return;
    if (value->type == JsonType::kObject) {
      request->set_payload_type(v1::PAYLOAD_TYPE_OBJECT);
      request->set_payload(std::string(value->raw));
    } else if (value->type == JsonType::kString) {
      request->set_payload_type(v1::PAYLOAD_TYPE_STRING);
      request->set_payload(value->text);
    } else {
      Complain(name, *value, "an object or a string");
    }
  }
  bool Has(absl::string_view name) const { return body_.Find(name) != nullptr; }

  BodyProblem Problem() const {
    if (given_twice_) return {400, "Problems parsing JSON"};
    if (lines_.empty()) return {};
    return {422, absl::StrCat("Invalid request.\n\n",
                              absl::StrJoin(lines_, "\n"), Rest())};
  }

 private:
  std::string Rest() const {
    if (lines_left_out_ == 0) return "";
    return absl::StrCat("\nAnd ", lines_left_out_, " more.");
  }
  const JsonValue* Find(absl::string_view name) {
    if (body_.Count(name) > 1) given_twice_ = true;
    return body_.Find(name);
  }
  void Complain(absl::string_view name, const JsonValue& value,
                absl::string_view wanted) {
    AddLine("For 'properties/", name, "', ", Shown(value), " is not ", wanted,
            ".");
  }
  template <typename... Parts>
  void AddLine(const Parts&... parts) {
    if (lines_.size() < kLinesMax) {
      lines_.push_back(absl::StrCat(parts...));
    } else {
      ++lines_left_out_;
    }
  }

  const JsonBody& body_;
  bool given_twice_ = false;
  std::vector<std::string> lines_;
  int64_t lines_left_out_ = 0;
};

BodyProblem ProblemOf(const JsonBody& body) {
  switch (body.problem) {
    case JsonProblem::kNone:
      return {};
    case JsonProblem::kNotJson:
      return {400, "Problems parsing JSON"};
    case JsonProblem::kNotAnObject:
      return {400, "Body should be a JSON object"};
  }
  return {};
}

}  // namespace

BodyProblem ReadCreateDeployment(const JsonBody& body,
                                 v1::CreateDeployment* request) {
  if (body.problem != JsonProblem::kNone) return ProblemOf(body);
  FieldReader fields(body);
  fields.RequireText("ref",
                     [&](const std::string& text) { request->set_ref(text); });
  fields.ReadText("task",
                  [&](const std::string& text) { request->set_task(text); });
  fields.ReadBool("auto_merge",
                  [&](bool value) { request->set_auto_merge(value); });
  if (fields.Has("required_contexts")) {
    fields.ReadTexts("required_contexts",
                     request->mutable_required_contexts()->mutable_contexts());
  }
  fields.ReadPayload("payload", request);
  fields.ReadText("environment", [&](const std::string& text) {
    request->set_environment(text);
  });
  fields.ReadNullableText("description", [&](const std::string& text) {
    request->set_description(text);
  });
  fields.ReadBool("transient_environment", [&](bool value) {
    request->set_transient_environment(value);
  });
  fields.ReadBool("production_environment", [&](bool value) {
    request->set_production_environment(value);
  });
  return fields.Problem();
}

BodyProblem ReadCreateStatus(const JsonBody& body, v1::CreateStatus* request) {
  if (body.problem != JsonProblem::kNone) return ProblemOf(body);
  FieldReader fields(body);
  fields.RequireText("state", [&](const std::string& text) {
    request->set_state(StateOfName(text));
  });
  fields.ReadText("target_url", [&](const std::string& text) {
    request->set_target_url(text);
  });
  fields.ReadText("log_url",
                  [&](const std::string& text) { request->set_log_url(text); });
  fields.ReadText("description", [&](const std::string& text) {
    request->set_description(text);
  });
  fields.ReadText("environment", [&](const std::string& text) {
    request->set_environment(text);
  });
  fields.ReadText("environment_url", [&](const std::string& text) {
    request->set_environment_url(text);
  });
  fields.ReadBool("auto_inactive",
                  [&](bool value) { request->set_auto_inactive(value); });
  return fields.Problem();
}

}  // namespace internal
}  // namespace slipway
