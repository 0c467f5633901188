// Sequences as steps for people.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/conformance/report_text.h"
#include "slipway/conformance/reports.h"

namespace slipway {
namespace conformance {
namespace {

using internal::Step;

// How much of a text is shown.
constexpr size_t kShownBytesMax = 60;

bool IsPlain(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(c) && !absl::StrContains("._/:@+-", c)) {
      return false;
    }
  }
  return !text.empty() && text.size() <= kShownBytesMax;
}

// In quotes where it is not a plain word.
std::string Shown(absl::string_view text) {
  if (IsPlain(text)) return std::string(text);
  if (text.size() <= kShownBytesMax) return absl::StrCat("\"", text, "\"");
  size_t end = kShownBytesMax;
  // Not in the middle of a character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return absl::StrCat("\"", text.substr(0, end), "…\" (", text.size(),
                      " bytes)");
}

// What a step has beside its object: " (transient, task migrate)".
class Details {
 public:
  void Add(std::string text) { texts_.push_back(std::move(text)); }
  void AddText(absl::string_view name, const std::string& value) {
    Add(absl::StrCat(name, " ", Shown(value)));
  }
  void AddPage(bool has_per_page, int64_t per_page, bool has_page,
               int64_t page) {
    if (has_per_page) Add(absl::StrCat(per_page, " per page"));
    if (has_page) Add(absl::StrCat("page ", page));
  }
  std::string text() const {
    return texts_.empty()
               ? ""
               : absl::StrCat(" (", absl::StrJoin(texts_, ", "), ")");
  }

 private:
  std::vector<std::string> texts_;
};

std::string Binds(const std::string& symbol) {
  return symbol.empty() ? "" : absl::StrCat(" → ", symbol);
}

// The symbol of a row, or the id of one that has none.
std::string Row(const std::string& symbol, int64_t id,
                absl::string_view without) {
  if (!symbol.empty()) return symbol;
  return id == 0 ? std::string(without) : absl::StrCat(id);
}

std::string Text(const v1::CreateDeployment& create) {
  const slipway::v1::CreateDeployment& request = create.request();
  Details details;
  if (request.has_transient_environment()) {
    details.Add(request.transient_environment() ? "transient"
                                                : "transient off");
  }
  if (request.has_production_environment()) {
    details.Add(request.production_environment() ? "production"
                                                 : "production off");
  }
  if (request.has_task()) details.AddText("task", request.task());
  if (request.has_auto_merge()) {
    details.Add(request.auto_merge() ? "auto_merge on" : "auto_merge off");
  }
  if (request.has_required_contexts()) {
    std::vector<std::string> contexts;
    for (const std::string& context : request.required_contexts().contexts()) {
      contexts.push_back(Shown(context));
    }
    details.Add(contexts.empty()
                    ? "no required contexts"
                    : absl::StrCat("required contexts ",
                                   absl::StrJoin(contexts, " and ")));
  }
  if (request.payload_type() != slipway::v1::PAYLOAD_TYPE_UNSPECIFIED) {
    details.AddText(request.payload_type() == slipway::v1::PAYLOAD_TYPE_STRING
                        ? "payload text"
                        : "payload",
                    request.payload());
  }
  if (request.has_description()) {
    details.AddText("description", request.description());
  }
  std::string text =
      absl::StrCat("create deployment of ", Shown(request.ref()));
  if (request.has_environment()) {
    absl::StrAppend(&text, " to ", Shown(request.environment()));
  }
  return absl::StrCat(text, details.text(), Binds(create.binds()));
}

std::string StateText(slipway::v1::StatusState state) {
  if (state == slipway::v1::STATUS_STATE_UNSPECIFIED) {
    return "of a state that does not exist";
  }
  const std::string name = slipway::v1::StatusState_Name(state);
  return name.empty()
             ? absl::StrCat(state)
             : absl::AsciiStrToLower(name.substr(sizeof("STATUS_STATE_") - 1));
}

std::string Text(const v1::CreateStatus& create) {
  const slipway::v1::CreateStatus& request = create.request();
  Details details;
  if (request.has_auto_inactive()) {
    details.Add(request.auto_inactive() ? "auto_inactive on"
                                        : "auto_inactive off");
  }
  if (request.has_environment()) {
    details.AddText("environment", request.environment());
  }
  if (request.has_description()) {
    details.AddText("description", request.description());
  }
  if (request.has_log_url()) details.AddText("log_url", request.log_url());
  if (request.has_target_url()) {
    details.AddText("target_url", request.target_url());
  }
  if (request.has_environment_url()) {
    details.AddText("environment_url", request.environment_url());
  }
  return absl::StrCat(
      "create status ", StateText(request.state()), " on ",
      Row(create.deployment(), create.deployment_id(), "no deployment"),
      details.text(), Binds(create.binds()));
}

std::string Text(const v1::ListDeployments& list) {
  Details details;
  if (list.has_sha()) details.AddText("sha", list.sha());
  if (list.has_ref()) details.AddText("ref", list.ref());
  if (list.has_task()) details.AddText("task", list.task());
  if (list.has_environment()) {
    details.AddText("environment", list.environment());
  }
  details.AddPage(list.has_per_page(), list.per_page(), list.has_page(),
                  list.page());
  return absl::StrCat("list deployments", details.text());
}

std::string Text(const v1::ListStatuses& list) {
  Details details;
  details.AddPage(list.has_per_page(), list.per_page(), list.has_page(),
                  list.page());
  return absl::StrCat(
      "list statuses of ",
      Row(list.deployment(), list.deployment_id(), "no deployment"),
      details.text());
}

std::string Text(const v1::Operation& operation) {
  switch (operation.call_case()) {
    case v1::Operation::kCreateDeployment:
      return Text(operation.create_deployment());
    case v1::Operation::kCreateStatus:
      return Text(operation.create_status());
    case v1::Operation::kDeleteDeployment:
      return absl::StrCat(
          "delete ",
          Row(operation.delete_deployment().deployment(),
              operation.delete_deployment().deployment_id(), "no deployment"));
    case v1::Operation::kGetDeployment:
      return absl::StrCat(
          "get ",
          Row(operation.get_deployment().deployment(),
              operation.get_deployment().deployment_id(), "no deployment"));
    case v1::Operation::kListDeployments:
      return Text(operation.list_deployments());
    case v1::Operation::kListStatuses:
      return Text(operation.list_statuses());
    case v1::Operation::kGetStatus: {
      const v1::GetStatus& get = operation.get_status();
      return absl::StrCat(
          "get status ", Row(get.status(), get.status_id(), "none"), " of ",
          Row(get.deployment(), get.deployment_id(), "no deployment"));
    }
    case v1::Operation::CALL_NOT_SET:
      break;
  }
  return "nothing";
}

}  // namespace

namespace internal {

std::vector<Step> StepsOf(const v1::Sequence& sequence) {
  std::vector<Step> steps;
  const auto add = [&](const v1::Operation& operation, int client) {
    const int number = static_cast<int>(steps.size()) + 1;
    std::string text =
        CleanedText(Text(operation), ControlCharacters::kReplaced);
    for (char& c : text) {
      if (c == '\n' || c == '\t') c = ' ';
    }
    steps.push_back({number, client, std::move(text)});
  };
  for (const v1::Operation& operation : sequence.operations()) {
    add(operation, -1);
  }
  for (const v1::Operation& operation : sequence.parallel()) {
    add(operation, operation.client());
  }
  return steps;
}

}  // namespace internal

std::string DescribeSequence(const v1::Sequence& sequence) {
  std::string text;
  bool parallel = false;
  for (const Step& step : internal::StepsOf(sequence)) {
    if (step.client >= 0 && !parallel) {
      absl::StrAppend(&text, "at the same time:\n");
      parallel = true;
    }
    absl::StrAppend(
        &text, step.number, ". ",
        step.client >= 0 ? absl::StrCat("client ", step.client, ": ") : "",
        step.text, "\n");
  }
  return text;
}

}  // namespace conformance
}  // namespace slipway
