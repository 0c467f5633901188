#include "engine/conformance/http/rest_json.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "rapidjson/document.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using Json = rapidjson::Value;
using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

// Writing ---------------------------------------------------------------------

void WriteText(absl::string_view text, Writer& writer) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void WriteField(absl::string_view name, absl::string_view text,
                Writer& writer) {
  WriteText(name, writer);
  WriteText(text, writer);
}

void WriteField(absl::string_view name, bool value, Writer& writer) {
  WriteText(name, writer);
  writer.Bool(value);
}

// The name of an enum's value without the enum's, as the API has it; a value
// that has none becomes a name that the API does not know.
std::string ApiName(absl::string_view enum_name, absl::string_view prefix) {
  const std::string name =
      absl::AsciiStrToLower(absl::StripPrefix(enum_name, prefix));
  return name.empty() || name == "unspecified" ? "bogus" : name;
}

// Reading ---------------------------------------------------------------------

// Writing a value back recurses, as reading it elsewhere may: what is nested
// deeper is not read.
constexpr int kDepthMax = 500;

bool IsTooDeep(absl::string_view json) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

const Json* Find(const Json& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() ? nullptr : &member->value;
}

std::string TextOf(const Json& object, const char* name) {
  const Json* value = Find(object, name);
  if (value == nullptr || !value->IsString()) return "";
  return std::string(value->GetString(), value->GetStringLength());
}

int64_t NumberOf(const Json& object, const char* name) {
  const Json* value = Find(object, name);
  return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}

bool IsTrue(const Json& object, const char* name) {
  const Json* value = Find(object, name);
  return value != nullptr && value->IsTrue();
}

int64_t TimeOf(const Json& object, const char* name) {
  absl::Time time;
  const std::string text = TextOf(object, name);
  return absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)
             ? absl::ToUnixMillis(time)
             : 0;
}

// The last part of an address, as a number.
int64_t IdInUrl(const std::string& url) {
  int64_t id = 0;
  const size_t slash = url.rfind('/');
  return slash != std::string::npos &&
                 absl::SimpleAtoi(url.substr(slash + 1), &id)
             ? id
             : 0;
}

void ReadCreator(const Json& object, slipway::v1::Actor* creator) {
  const Json* value = Find(object, "creator");
  if (value == nullptr || !value->IsObject()) return;
  creator->set_id(NumberOf(*value, "id"));
  creator->set_login(TextOf(*value, "login"));
}

void ReadPayload(const Json& object, slipway::v1::Deployment* deployment) {
  const Json* value = Find(object, "payload");
  if (value != nullptr && value->IsString()) {
    deployment->set_payload_type(slipway::v1::PAYLOAD_TYPE_STRING);
    deployment->set_payload(value->GetString(), value->GetStringLength());
    return;
  }
  // None comes back as {}, so one that is missing, or no object, must not look
  // like that: its text is what differs.
  deployment->set_payload_type(slipway::v1::PAYLOAD_TYPE_OBJECT);
  if (value == nullptr) return deployment->set_payload("nothing");
  Buffer buffer;
  Writer writer(buffer);
  value->Accept(writer);
  deployment->set_payload(buffer.GetString(), buffer.GetSize());
}

void ReadDeployment(const Json& object, slipway::v1::Deployment* deployment) {
  deployment->set_id(NumberOf(object, "id"));
  deployment->set_ref(TextOf(object, "ref"));
  deployment->set_sha(TextOf(object, "sha"));
  deployment->set_task(TextOf(object, "task"));
  ReadPayload(object, deployment);
  const Json* description = Find(object, "description");
  if (description != nullptr && description->IsString()) {
    deployment->set_description(TextOf(object, "description"));
  }
  deployment->set_original_environment(TextOf(object, "original_environment"));
  deployment->set_environment(TextOf(object, "environment"));
  deployment->set_transient_environment(
      IsTrue(object, "transient_environment"));
  deployment->set_production_environment(
      IsTrue(object, "production_environment"));
  ReadCreator(object, deployment->mutable_creator());
  deployment->set_created_at_ms(TimeOf(object, "created_at"));
  deployment->set_updated_at_ms(TimeOf(object, "updated_at"));
}

slipway::v1::StatusState StateOf(const Json& object) {
  slipway::v1::StatusState state = slipway::v1::STATUS_STATE_UNSPECIFIED;
  slipway::v1::StatusState_Parse(
      absl::StrCat("STATUS_STATE_",
                   absl::AsciiStrToUpper(TextOf(object, "state"))),
      &state);
  return state;
}

void ReadStatus(const Json& object, slipway::v1::DeploymentStatus* status) {
  status->set_id(NumberOf(object, "id"));
  status->set_deployment_id(IdInUrl(TextOf(object, "deployment_url")));
  status->set_state(StateOf(object));
  ReadCreator(object, status->mutable_creator());
  status->set_description(TextOf(object, "description"));
  status->set_environment(TextOf(object, "environment"));
  status->set_environment_url(TextOf(object, "environment_url"));
  status->set_log_url(TextOf(object, "log_url"));
  status->set_target_url(TextOf(object, "target_url"));
  status->set_created_at_ms(TimeOf(object, "created_at"));
}

void ReadContexts(const Json& error, v1::Answer* answer) {
  const Json* contexts = Find(error, "contexts");
  if (contexts == nullptr || !contexts->IsArray()) return;
  for (const Json& value : contexts->GetArray()) {
    slipway::v1::CommitContext* context = answer->add_contexts();
    context->set_context(TextOf(value, "context"));
    slipway::v1::CommitContextState state =
        slipway::v1::COMMIT_CONTEXT_STATE_UNSPECIFIED;
    slipway::v1::CommitContextState_Parse(
        absl::StrCat("COMMIT_CONTEXT_STATE_",
                     absl::AsciiStrToUpper(TextOf(value, "state"))),
        &state);
    context->set_state(state);
  }
}

void ReadError(const Json& body, v1::Answer* answer) {
  answer->set_message(TextOf(body, "message"));
  const Json* errors = Find(body, "errors");
  if (errors != nullptr && errors->IsString()) {
    answer->add_errors(TextOf(body, "errors"));
  }
  if (errors == nullptr || !errors->IsArray()) return;
  for (const Json& error : errors->GetArray()) {
    if (error.IsString()) {
      answer->add_errors(error.GetString(), error.GetStringLength());
    } else if (Find(error, "contexts") != nullptr) {
      ReadContexts(error, answer);
    } else {
      slipway::v1::Violation* violation = answer->add_violations();
      violation->set_resource(TextOf(error, "resource"));
      violation->set_field(TextOf(error, "field"));
      violation->set_message(TextOf(error, "message"));
      slipway::v1::ViolationCode code = slipway::v1::VIOLATION_CODE_UNSPECIFIED;
      slipway::v1::ViolationCode_Parse(
          absl::StrCat("VIOLATION_CODE_",
                       absl::AsciiStrToUpper(TextOf(error, "code"))),
          &code);
      violation->set_code(code);
    }
  }
}

}  // namespace

std::string CreateDeploymentJson(const slipway::v1::CreateDeployment& request) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  WriteField("ref", request.ref(), writer);
  if (request.has_task()) WriteField("task", request.task(), writer);
  if (request.has_auto_merge()) {
    WriteField("auto_merge", request.auto_merge(), writer);
  }
  if (request.has_required_contexts()) {
    WriteText("required_contexts", writer);
    writer.StartArray();
    for (const std::string& context : request.required_contexts().contexts()) {
      WriteText(context, writer);
    }
    writer.EndArray();
  }
  if (request.payload_type() == slipway::v1::PAYLOAD_TYPE_OBJECT) {
    WriteText("payload", writer);
    writer.RawValue(request.payload().data(), request.payload().size(),
                    rapidjson::kObjectType);
  } else if (request.payload_type() == slipway::v1::PAYLOAD_TYPE_STRING) {
    WriteField("payload", request.payload(), writer);
  }
  if (request.has_environment()) {
    WriteField("environment", request.environment(), writer);
  }
  if (request.has_description()) {
    WriteField("description", request.description(), writer);
  }
  if (request.has_transient_environment()) {
    WriteField("transient_environment", request.transient_environment(),
               writer);
  }
  if (request.has_production_environment()) {
    WriteField("production_environment", request.production_environment(),
               writer);
  }
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

std::string CreateStatusJson(const slipway::v1::CreateStatus& request) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  WriteField(
      "state",
      ApiName(slipway::v1::StatusState_Name(request.state()), "STATUS_STATE_"),
      writer);
  if (request.has_description()) {
    WriteField("description", request.description(), writer);
  }
  if (request.has_environment()) {
    WriteField("environment", request.environment(), writer);
  }
  if (request.has_environment_url()) {
    WriteField("environment_url", request.environment_url(), writer);
  }
  if (request.has_log_url()) WriteField("log_url", request.log_url(), writer);
  if (request.has_target_url()) {
    WriteField("target_url", request.target_url(), writer);
  }
  if (request.has_auto_inactive()) {
    WriteField("auto_inactive", request.auto_inactive(), writer);
  }
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

void ReadBody(absl::string_view body, BodyKind kind, v1::Answer* answer) {
  const bool is_row =
      kind == BodyKind::kDeployment || kind == BodyKind::kStatus;
  const bool is_list =
      kind == BodyKind::kDeployments || kind == BodyKind::kStatuses;
  const bool is_asked_for = answer->code() == 200 || answer->code() == 201;
  const auto flawed = [&](absl::string_view flaw) {
    if (is_asked_for && (is_row || is_list)) {
      answer->set_flaw(std::string(flaw));
    }
  };
  if (IsTooDeep(body)) {
    return flawed(absl::StrCat("the body is nested deeper than ", kDepthMax));
  }
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  if (json.HasParseError()) return flawed("the body is no JSON");
  if (answer->code() >= 400 || answer->code() == 202) {
    ReadError(json, answer);
    return;
  }
  if (is_row && !json.IsObject()) return flawed("the body is no JSON object");
  if (is_list && !json.IsArray()) return flawed("the body is no JSON array");
  switch (kind) {
    case BodyKind::kNone:
      break;
    case BodyKind::kDeployment:
      ReadDeployment(json, answer->mutable_deployment());
      break;
    case BodyKind::kStatus:
      ReadStatus(json, answer->mutable_status());
      break;
    case BodyKind::kDeployments:
      for (const Json& row : json.GetArray()) {
        ReadDeployment(row, answer->add_deployments());
      }
      break;
    case BodyKind::kStatuses:
      for (const Json& row : json.GetArray()) {
        ReadStatus(row, answer->add_statuses());
      }
      break;
  }
}

bool ReadWebhook(absl::string_view body, v1::Notification* notification,
                 std::string* repository) {
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  if (json.HasParseError() || !json.IsObject()) return false;
  notification->set_action(TextOf(json, "action"));
  if (const Json* deployment = Find(json, "deployment")) {
    notification->set_deployment_id(NumberOf(*deployment, "id"));
  }
  if (const Json* status = Find(json, "deployment_status")) {
    notification->set_status_id(NumberOf(*status, "id"));
    notification->set_state(StateOf(*status));
  }
  if (const Json* about = Find(json, "repository")) {
    *repository = TextOf(*about, "full_name");
  }
  return true;
}

void ReadLink(absl::string_view link, v1::Answer* answer) {
  for (const absl::string_view part : absl::StrSplit(link, ',')) {
    if (absl::StrContains(part, "rel=\"next\"")) {
      answer->set_has_next_page(true);
    }
    if (!absl::StrContains(part, "rel=\"last\"")) continue;
    const std::pair<absl::string_view, absl::string_view> url =
        absl::StrSplit(part, absl::MaxSplits('?', 1));
    const absl::string_view query = url.second.substr(0, url.second.find('>'));
    for (absl::string_view parameter : absl::StrSplit(query, '&')) {
      int64_t page = 0;
      if (absl::ConsumePrefix(&parameter, "page=") &&
          absl::SimpleAtoi(parameter, &page)) {
        answer->set_last_page(page);
      }
    }
  }
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
