// Writing JSON: RapidJSON's streaming writer, into a string. Not for users.

#ifndef SLIPWAY_ENGINE_WIRE_JSON_WRITER_H_
#define SLIPWAY_ENGINE_WIRE_JSON_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "rapidjson/writer.h"

namespace slipway {
namespace internal {

// What the writer writes to.
class StringStream {
 public:
  using Ch = char;
  explicit StringStream(std::string* text) : text_(text) {}
  void Put(char c) { text_->push_back(c); }
  void Flush() {}

 private:
  std::string* text_;
};

// Fields and elements, one after the other:
//
//   std::string text;
//   JsonWriter json(&text);
//   json.Open('{');
//   json.Field("id", int64_t{1});
//   json.Close('}');
class JsonWriter {
 public:
  explicit JsonWriter(std::string* text) : stream_(text), writer_(stream_) {}

  void Open(char bracket) {
    bracket == '{' ? writer_.StartObject() : writer_.StartArray();
  }
  void Close(char bracket) {
    bracket == '}' ? writer_.EndObject() : writer_.EndArray();
  }
  void Name(absl::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }
  void Text(absl::string_view value) {
    writer_.String(value.data(),
                   static_cast<rapidjson::SizeType>(value.size()));
  }
  // A value that is JSON already, byte for byte.
  void Raw(absl::string_view json) {
    writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }
  void Null() { writer_.Null(); }

  void Field(absl::string_view name, absl::string_view value) {
    Name(name);
    Text(value);
  }
  void Field(absl::string_view name, int64_t value) {
    Name(name);
    writer_.Int64(value);
  }
  // Not an overload of Field: a pointer would pick it.
  void BoolField(absl::string_view name, bool value) {
    Name(name);
    writer_.Bool(value);
  }
  void NullField(absl::string_view name) {
    Name(name);
    Null();
  }

 private:
  StringStream stream_;
  rapidjson::Writer<StringStream> writer_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_WIRE_JSON_WRITER_H_
