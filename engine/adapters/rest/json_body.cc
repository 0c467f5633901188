#include "slipway/adapters/rest/json_body.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"
#include "slipway/core/names.h"

namespace slipway {
namespace internal {
namespace {

// Builds a JsonBody from the events of the parser. Depth 1 is the inside of the
// body, depth 2 that of a field. Returning false ends the parse: the parser
// itself lets the second half of a surrogate pair pass without the first.
class BodyBuilder
    : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, BodyBuilder> {
 public:
  BodyBuilder(absl::string_view text, const rapidjson::MemoryStream& stream,
              int depth_max, std::initializer_list<absl::string_view> arrays,
              JsonBody* body)
      : text_(text),
        stream_(stream),
        depth_max_(depth_max),
        arrays_(arrays),
        body_(body) {}

  bool Null() { return Scalar(JsonType::kNull); }
  bool Bool(bool value) {
    return Scalar(value ? JsonType::kTrue : JsonType::kFalse);
  }
  bool RawNumber(const char*, rapidjson::SizeType, bool) {
    return Scalar(JsonType::kNumber);
  }
  bool String(const char* data, rapidjson::SizeType size, bool) {
    if (!IsUtf8({data, size})) return false;
    JsonValue* value = Begin(JsonType::kString);
    if (value != nullptr) value->text.assign(data, size);
    End(value, stream_.Tell());
    return true;
  }
  bool Key(const char* data, rapidjson::SizeType size, bool) {
    if (!IsUtf8({data, size})) return false;
    if (depth_ == 1) {
      body_->fields.emplace_back();
      body_->fields.back().name.assign(data, size);
      keeps_elements_ =
          std::find(arrays_.begin(), arrays_.end(),
                    absl::string_view(data, size)) != arrays_.end();
    }
    token_end_ = stream_.Tell();
    return true;
  }
  bool StartObject() { return Open(JsonType::kObject); }
  bool StartArray() { return Open(JsonType::kArray); }
  bool EndObject(rapidjson::SizeType) { return Close(); }
  bool EndArray(rapidjson::SizeType) { return Close(); }

 private:
  bool Scalar(JsonType type) {
    End(Begin(type), stream_.Tell());
    return true;
  }

  // Where a value at this depth goes; nullptr where it is not kept.
  JsonValue* Begin(JsonType type) {
    JsonValue* value = nullptr;
    if (depth_ == 0 && type != JsonType::kObject) {
      body_->problem = JsonProblem::kNotAnObject;
    } else if (depth_ == 1 && body_->problem == JsonProblem::kNone) {
      value = &body_->fields.back().value;
    } else if (depth_ == 2 && keeps_elements_ &&
               body_->problem == JsonProblem::kNone &&
               body_->fields.back().value.type == JsonType::kArray) {
      body_->fields.back().value.elements.emplace_back();
      value = &body_->fields.back().value.elements.back();
    }
    if (value != nullptr) {
      value->type = type;
      value->raw = text_.substr(ValueStart());
    }
    return value;
  }

  // `raw` so far reaches to the end of the text: cut it where the value ended.
  void End(JsonValue* value, size_t token_end) {
    token_end_ = token_end;
    if (value == nullptr) return;
    const size_t start = value->raw.data() - text_.data();
    value->raw = text_.substr(start, token_end_ - start);
  }

  bool Open(JsonType type) {
    JsonValue* value = Begin(type);
    if (depth_ >= depth_max_) return false;
    ++depth_;
    if (depth_ == 2) field_ = value;
    if (depth_ == 3) element_ = value;
    token_end_ = AfterBracket();
    return true;
  }

  bool Close() {
    --depth_;
    End(depth_ == 1   ? field_
        : depth_ == 2 ? element_
                      : nullptr,
        AfterBracket());
    if (depth_ == 1) field_ = nullptr;
    if (depth_ <= 2) element_ = nullptr;
    return true;
  }

  // The iterative parser tells of a bracket before it takes it from the stream.
  size_t AfterBracket() const { return stream_.Tell() + 1; }

  // The first character of the value after the token that ended last.
  size_t ValueStart() const {
    return text_.find_first_not_of(" \t\r\n:,", token_end_);
  }

  const absl::string_view text_;
  const rapidjson::MemoryStream& stream_;
  const int depth_max_;
  const std::initializer_list<absl::string_view> arrays_;
  JsonBody* const body_;
  // Of the field that is being read.
  bool keeps_elements_ = false;
  int depth_ = 0;
  size_t token_end_ = 0;
  JsonValue* field_ = nullptr;
  JsonValue* element_ = nullptr;
};

}  // namespace

const JsonValue* JsonBody::Find(absl::string_view name) const {
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (field->name == name) return &field->value;
  }
  return nullptr;
}

int JsonBody::Count(absl::string_view name) const {
  int count = 0;
  for (const JsonField& field : fields) {
    if (field.name == name) ++count;
  }
  return count;
}

JsonBody ParseJsonBody(absl::string_view text, int depth_max,
                       std::initializer_list<absl::string_view> arrays) {
  JsonBody body;
  if (text.empty()) return body;
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseNumbersAsStringsFlag |
                              rapidjson::kParseValidateEncodingFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  BodyBuilder builder(text, stream, depth_max, arrays, &body);
  const bool parsed = IsUtf8(text) &&
                      !reader.Parse<kFlags>(stream, builder).IsError() &&
                      // The parser takes a NUL for the end.
                      stream.Tell() == text.size();
  if (!parsed) {
    body.problem = JsonProblem::kNotJson;
    body.fields.clear();
  }
  return body;
}

}  // namespace internal
}  // namespace slipway
