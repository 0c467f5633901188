// The JSON object in a request's body: parsed once, with bounded depth, into
// its top-level fields. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_JSON_BODY_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_JSON_BODY_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace slipway {
namespace internal {

enum class JsonType { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

// One value. `raw` points into the text that was parsed.
struct JsonValue {
  JsonType type = JsonType::kNull;
  // Its text, byte for byte.
  absl::string_view raw;
  // Of a string: what it stands for.
  std::string text;
  // Of an array that was asked for: its elements; what is inside of those is
  // not kept.
  std::vector<JsonValue> elements;
};

struct JsonField {
  std::string name;
  JsonValue value;
};

enum class JsonProblem {
  kNone,
  // Not JSON by RFC 8259, not UTF-8, half a surrogate pair in a string, or
  // deeper than allowed.
  kNotJson,
  kNotAnObject,
};

// The fields of an object, in the order given, each as often as it was given.
struct JsonBody {
  JsonProblem problem = JsonProblem::kNone;
  std::vector<JsonField> fields;

  // The field of that name; nullptr where there is none. Of several, the last.
  const JsonValue* Find(absl::string_view name) const;
  // How often the field was given.
  int Count(absl::string_view name) const;
};

// Parses `text`, which must outlive the answer. An empty text counts as "{}".
// `arrays` are the fields of whose arrays the elements are kept: a body can
// have a great many that nobody asks for. Total; neither time nor stack grow
// with the depth of what is inside.
JsonBody ParseJsonBody(absl::string_view text, int depth_max,
                       std::initializer_list<absl::string_view> arrays = {});

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_JSON_BODY_H_
