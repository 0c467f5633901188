#include "engine/conformance/report_text.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
constexpr absl::string_view kRemoved = "(removed)";

// The length of the UTF-8 character that `text` begins with; 0: it is none.
size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
  if (first == 0xED && byte(1) > 0x9F) return 0;  // a surrogate
  if (first == 0xF0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xF4 && byte(1) > 0x8F) return 0;  // beyond Unicode
  return length;
}

// Neither XML nor a terminal takes these; `character` is whole.
bool IsControl(absl::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20) return first != '\t' && first != '\n';
  if (first == 0x7F) return true;
  if (first == 0xC2) return static_cast<unsigned char>(character[1]) < 0xA0;
  return character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
}

// Removes the value of the header `name` wherever one is written: up to the
// quote around it, or up to the end of the line.
void RemoveHeader(absl::string_view name, std::string* text) {
  const std::string lowered = absl::AsciiStrToLower(*text);
  const absl::string_view lower = lowered;
  std::string kept;
  size_t done = 0;
  for (size_t at = lower.find(name); at != absl::string_view::npos;
       at = lower.find(name, at + 1)) {
    if (at < done) continue;
    const size_t value = at + name.size();
    const char before = at == 0 ? '\n' : lower[at - 1];
    const bool quoted = before == '"' || before == '\'';
    size_t end = quoted ? text->find(before, value) : text->find('\n', value);
    if (end == std::string::npos) end = text->size();
    const absl::string_view shown = absl::StripAsciiWhitespace(
        absl::string_view(*text).substr(value, end - value));
    // What a reader is to put in.
    if (shown.empty() || shown == "Bearer $TOKEN") continue;
    absl::StrAppend(&kept, text->substr(done, value - done), " ", kRemoved);
    done = end;
  }
  if (done == 0) return;
  absl::StrAppend(&kept, text->substr(done));
  *text = std::move(kept);
}

// Calls `change` with every string of the message; bytes stay as they are.
template <typename Change>
void ForEachString(Message* message, const Change& change) {
  const Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int size =
        field->is_repeated() ? reflection.FieldSize(*message, field) : 1;
    for (int i = 0; i < size; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ForEachString(field->is_repeated()
                          ? reflection.MutableRepeatedMessage(message, field, i)
                          : reflection.MutableMessage(message, field),
                      change);
      } else if (field->type() == FieldDescriptor::TYPE_STRING) {
        if (field->is_repeated()) {
          reflection.SetRepeatedString(
              message, field, i,
              change(reflection.GetRepeatedString(*message, field, i)));
        } else {
          reflection.SetString(message, field,
                               change(reflection.GetString(*message, field)));
        }
      }
    }
  }
}

// The name of an enum's value without that of its type: "success".
std::string EnumName(const google::protobuf::EnumValueDescriptor& value) {
  // STATUS_STATE_UNSPECIFIED is the first of STATUS_STATE_….
  const std::string& first = value.type()->value(0)->name();
  const size_t prefix = first.rfind("UNSPECIFIED");
  if (prefix == std::string::npos || value.name().size() <= prefix) {
    return value.name();
  }
  return absl::AsciiStrToLower(value.name().substr(prefix));
}

bool IsId(absl::string_view field) {
  return field == "id" || absl::EndsWith(field, "_id");
}

bool IsTime(absl::string_view field) { return absl::EndsWith(field, "_ms"); }

struct FieldValue {
  std::string field;
  // The last part of `field`.
  std::string name;
  std::string value;
};

std::string ValueText(const Message& message, const FieldDescriptor* field,
                      int i) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text =
          repeated ? reflection.GetRepeatedString(message, field, i)
                   : reflection.GetString(message, field);
      return field->type() == FieldDescriptor::TYPE_BYTES
                 ? absl::StrCat("\"", absl::CHexEscape(text), "\"")
                 : absl::StrCat("\"", text, "\"");
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const int64_t number =
          repeated ? reflection.GetRepeatedInt64(message, field, i)
                   : reflection.GetInt64(message, field);
      return IsTime(field->name())
                 ? absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ",
                                    absl::FromUnixMillis(number),
                                    absl::UTCTimeZone())
                 : absl::StrCat(number);
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(repeated
                              ? reflection.GetRepeatedInt32(message, field, i)
                              : reflection.GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (repeated ? reflection.GetRepeatedBool(message, field, i)
                       : reflection.GetBool(message, field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumName(repeated ? *reflection.GetRepeatedEnum(message, field, i)
                               : *reflection.GetEnum(message, field));
    default:
      return "?";  // answers have no other types
  }
}

void Flatten(const Message& message, const std::string& prefix,
             std::vector<FieldValue>* values) {
  const Reflection& reflection = *message.GetReflection();
  const auto* descriptor = message.GetDescriptor();
  for (int f = 0; f < descriptor->field_count(); ++f) {
    const FieldDescriptor* field = descriptor->field(f);
    if (field->name() == "exchange") continue;
    const bool is_message =
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field->is_repeated()) {
      const int size = reflection.FieldSize(message, field);
      for (int i = 0; i < size; ++i) {
        const std::string path =
            absl::StrCat(prefix, field->name(), "[", i, "]");
        if (is_message) {
          Flatten(reflection.GetRepeatedMessage(message, field, i),
                  absl::StrCat(path, "."), values);
        } else {
          values->push_back(
              {path, field->name(), ValueText(message, field, i)});
        }
      }
    } else if (is_message) {
      if (reflection.HasField(message, field)) {
        Flatten(reflection.GetMessage(message, field),
                absl::StrCat(prefix, field->name(), "."), values);
      }
    } else if (reflection.HasField(message, field)) {
      values->push_back({absl::StrCat(prefix, field->name()), field->name(),
                         ValueText(message, field, 0)});
    }
  }
}

}  // namespace

std::string CleanedText(absl::string_view text, ControlCharacters control) {
  std::string cleaned;
  cleaned.reserve(text.size());
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const absl::string_view character =
        text.substr(0, std::max<size_t>(length, 1));
    text.remove_prefix(character.size());
    // The line ends of HTTP are line ends.
    if (character == "\r" && absl::StartsWith(text, "\n")) continue;
    const bool replaced =
        length == 0 ||
        (control == ControlCharacters::kReplaced && IsControl(character));
    absl::StrAppend(&cleaned, replaced ? kReplacement : character);
  }
  for (const absl::string_view name : {"authorization:", "cookie:"}) {
    RemoveHeader(name, &cleaned);
  }
  return cleaned;
}

v1::Report Cleaned(const v1::Report& report, ControlCharacters control) {
  v1::Report cleaned = report;
  ForEachString(&cleaned, [&](const std::string& text) {
    return CleanedText(text, control);
  });
  return cleaned;
}

absl::string_view VerdictName(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_CONFORMS:
      return "conforms";
    case v1::VERDICT_DOES_NOT_CONFORM:
      return "does not conform";
    default:
      return "could not run";
  }
}

absl::string_view OutcomeName(v1::RuleOutcome outcome) {
  switch (outcome) {
    case v1::RULE_OUTCOME_PASSED:
      return "passed";
    case v1::RULE_OUTCOME_FAILED:
      return "failed";
    case v1::RULE_OUTCOME_KNOWN:
      return "known";
    case v1::RULE_OUTCOME_NOT_TESTED:
      return "not tested";
    default:
      return "not reached";
  }
}

absl::string_view LevelName(v1::Level level) {
  switch (level) {
    case v1::LEVEL_REQUIRED:
      return "required";
    case v1::LEVEL_RECOMMENDED:
      return "recommended";
    default:
      return "open";
  }
}

const std::vector<v1::RuleOutcome>& Outcomes() {
  static const auto& outcomes = *new std::vector<v1::RuleOutcome>{
      v1::RULE_OUTCOME_PASSED, v1::RULE_OUTCOME_FAILED, v1::RULE_OUTCOME_KNOWN,
      v1::RULE_OUTCOME_NOT_REACHED, v1::RULE_OUTCOME_NOT_TESTED};
  return outcomes;
}

const std::vector<v1::Level>& Levels() {
  static const auto& levels = *new std::vector<v1::Level>{
      v1::LEVEL_REQUIRED, v1::LEVEL_RECOMMENDED, v1::LEVEL_OPEN};
  return levels;
}

int Count(const v1::Report& report, v1::RuleOutcome outcome, v1::Level level) {
  return static_cast<int>(std::count_if(
      report.rules().begin(), report.rules().end(),
      [&](const v1::RuleResult& rule) {
        return (outcome == v1::RULE_OUTCOME_UNSPECIFIED ||
                OutcomeName(rule.outcome()) == OutcomeName(outcome)) &&
               (level == v1::LEVEL_UNSPECIFIED ||
                LevelName(rule.level()) == LevelName(level));
      }));
}

std::string RuleNames(
    const google::protobuf::RepeatedField<google::protobuf::int32>& rules) {
  return absl::StrJoin(rules, ", ", [](std::string* out, int rule) {
    absl::StrAppend(out, "R", rule);
  });
}

std::string Grouped(int64_t number) {
  std::string digits = absl::StrCat(number);
  const size_t begin = number < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > begin + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string Counted(int64_t number, absl::string_view noun) {
  return absl::StrCat(Grouped(number), " ", noun, number == 1 ? "" : "s");
}

std::string Duration(int64_t ms) {
  if (ms >= 60'000) {
    return absl::StrCat(ms / 60'000, " min ", ms % 60'000 / 1000, " s");
  }
  return absl::StrFormat("%.2f s", static_cast<double>(ms) / 1000);
}

std::vector<FieldPair> FieldPairs(const v1::Failure& failure,
                                  const v1::Capabilities& capabilities) {
  v1::Answer expected = failure.expected();
  if (!capabilities.notifications() && !capabilities.late_notifications()) {
    expected.clear_notifications();
  }
  const bool codes_differ = expected.code() != failure.actual().code();
  std::vector<FieldValue> wanted;
  std::vector<FieldValue> given;
  Flatten(expected, "", &wanted);
  Flatten(failure.actual(), "", &given);
  std::map<std::string, std::string> given_values;
  for (const FieldValue& value : given) {
    given_values[value.field] = value.value;
  }
  std::vector<FieldPair> pairs;
  const auto add = [&](const FieldValue& value, std::string left,
                       std::string right) {
    FieldPair pair{value.field, std::move(left), std::move(right)};
    pair.differs = pair.expected != pair.actual && !IsId(value.name) &&
                   (capabilities.lends_clock() || !IsTime(value.name)) &&
                   (!codes_differ || value.field == "code");
    pairs.push_back(std::move(pair));
  };
  for (const FieldValue& value : wanted) {
    const auto found = given_values.find(value.field);
    if (found == given_values.end()) {
      add(value, value.value, "");
    } else {
      add(value, value.value, found->second);
      given_values.erase(found);
    }
  }
  // What was not expected.
  for (const FieldValue& value : given) {
    if (given_values.count(value.field) > 0) add(value, "", value.value);
  }
  return pairs;
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
