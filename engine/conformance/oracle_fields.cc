#include "engine/conformance/oracle_fields.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace conformance {
namespace {

using slipway::v1::Limits;
using slipway::v1::Rules;

int64_t NameBytesMax(const Limits& limits) {
  return LimitOr(limits.has_name_bytes_max(), limits.name_bytes_max(), 1024);
}

int64_t TextBytesMax(const Limits& limits) {
  return LimitOr(limits.has_text_bytes_max(), limits.text_bytes_max(), 65536);
}

int64_t PayloadBytesMax(const Limits& limits) {
  return LimitOr(limits.has_payload_bytes_max(), limits.payload_bytes_max(),
                 65536);
}

int64_t ContextsMax(const Limits& limits) {
  return LimitOr(limits.has_required_contexts_max(),
                 limits.required_contexts_max(), 1000);
}

int64_t EnvironmentCharactersMax(const Limits& limits) {
  return LimitOr(limits.has_environment_name_characters_max(),
                 limits.environment_name_characters_max(), 255);
}

int64_t DescriptionCharactersMax(const Limits& limits) {
  return LimitOr(limits.has_status_description_characters_max(),
                 limits.status_description_characters_max(), 140);
}

// The code points of a text, or -1 where it is not UTF-8 (R4, RFC 3629).
int64_t CountCharacters(absl::string_view text) {
  // A range of code points, by the length of their encoding.
  constexpr uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  int64_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    const auto first = static_cast<unsigned char>(text[i]);
    size_t length = 1;
    uint32_t code = first;
    if (first >= 0xF0 && first <= 0xF7) {
      length = 4;
      code = first & 0x07u;
    } else if (first >= 0xE0 && first <= 0xEF) {
      length = 3;
      code = first & 0x0Fu;
    } else if (first >= 0xC0 && first <= 0xDF) {
      length = 2;
      code = first & 0x1Fu;
    } else if (first >= 0x80) {
      return -1;
    }
    if (text.size() - i < length) return -1;
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0u) != 0x80u) return -1;
      code = (code << 6u) | (next & 0x3Fu);
    }
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < kLowest[length] || is_surrogate || code > 0x10FFFF) return -1;
    i += length;
  }
  return count;
}

// All that is wrong with the fields of a request.
class FieldChecks {
 public:
  explicit FieldChecks(absl::string_view resource) : resource_(resource) {}

  // R4. `size` is in `unit`.
  void CheckSize(absl::string_view field, int64_t size, int64_t max,
                 absl::string_view unit, bool is_utf8, int rule = 4) {
    if (!is_utf8) {
      Violate(field, "is not valid UTF-8", 4);
    } else if (size > max) {
      Violate(field, absl::StrCat("is too long (maximum is ", max, unit), rule);
    }
  }

  void CheckBytes(absl::string_view field, absl::string_view value,
                  int64_t max) {
    CheckSize(field, static_cast<int64_t>(value.size()), max, " bytes)",
              CountCharacters(value) >= 0);
  }

  void CheckCharacters(absl::string_view field, absl::string_view value,
                       int64_t max, int rule) {
    const int64_t count = CountCharacters(value);
    CheckSize(field, count, max, " characters)", count >= 0, rule);
  }

  // R60.
  void CheckEnvironment(absl::string_view name, const Limits& limits) {
    if (name.empty()) Violate("environment", "can't be blank", 60);
    CheckCharacters("environment", name, EnvironmentCharactersMax(limits), 60);
  }

  // R25.
  void CheckScheme(absl::string_view field, absl::string_view url) {
    if (url.empty() || absl::StartsWithIgnoreCase(url, "http://") ||
        absl::StartsWithIgnoreCase(url, "https://")) {
      return;
    }
    Violate(field, "must use http(s) scheme", 25);
  }

  void Violate(absl::string_view field, absl::string_view complaint, int rule) {
    problems_.emplace_back();
    problems_.back().rule = rule;
    slipway::v1::Violation& violation = problems_.back().violation;
    violation.set_resource(std::string(resource_));
    violation.set_field(std::string(field));
    violation.set_code(slipway::v1::VIOLATION_CODE_CUSTOM);
    violation.set_message(absl::StrCat(field, " ", complaint));
  }

  FieldProblems problems() && { return std::move(problems_); }

 private:
  absl::string_view resource_;
  FieldProblems problems_;
};

}  // namespace

int64_t LimitOr(bool is_set, int64_t value, int64_t by_default) {
  return is_set ? std::max<int64_t>(0, value) : by_default;
}

FieldProblems ProblemsOf(const slipway::v1::CreateDeployment& request,
                         const Rules& rules) {
  const Limits& limits = rules.limits();
  FieldChecks checks("Deployment");
  checks.CheckBytes("ref", request.ref(), NameBytesMax(limits));
  checks.CheckBytes("task", request.task(), NameBytesMax(limits));
  const auto& contexts = request.required_contexts().contexts();
  int64_t longest = 0;
  bool is_utf8 = true;
  for (const std::string& context : contexts) {
    longest = std::max(longest, static_cast<int64_t>(context.size()));
    if (CountCharacters(context) < 0) is_utf8 = false;
  }
  if (contexts.size() > ContextsMax(limits)) {
    checks.CheckSize("required_contexts", contexts.size(), ContextsMax(limits),
                     " contexts)", true);
  } else {
    checks.CheckSize("required_contexts", longest, NameBytesMax(limits),
                     " bytes)", is_utf8);
  }
  // R11: bytes without a kind are no payload.
  if (request.payload_type() != slipway::v1::PAYLOAD_TYPE_UNSPECIFIED) {
    checks.CheckBytes("payload", request.payload(), PayloadBytesMax(limits));
  }
  if (request.has_environment()) {
    checks.CheckEnvironment(request.environment(), limits);
  }
  checks.CheckBytes("description", request.description(), TextBytesMax(limits));
  return std::move(checks).problems();
}

FieldProblems ProblemsOf(const slipway::v1::CreateStatus& request,
                         const Rules& rules) {
  FieldChecks checks("DeploymentStatus");
  switch (request.state()) {
    case slipway::v1::STATUS_STATE_ERROR:
    case slipway::v1::STATUS_STATE_FAILURE:
    case slipway::v1::STATUS_STATE_INACTIVE:
    case slipway::v1::STATUS_STATE_IN_PROGRESS:
    case slipway::v1::STATUS_STATE_QUEUED:
    case slipway::v1::STATUS_STATE_PENDING:
    case slipway::v1::STATUS_STATE_SUCCESS:
      break;
    default:  // WAITING, none, and what nobody knows (R20)
      checks.Violate("state", "is not included in the list", 20);
  }
  checks.CheckCharacters("description", request.description(),
                         DescriptionCharactersMax(rules.limits()), 25);
  if (request.has_environment()) {
    checks.CheckEnvironment(request.environment(), rules.limits());
  }
  const int64_t url_max = TextBytesMax(rules.limits());
  checks.CheckBytes("environment_url", request.environment_url(), url_max);
  checks.CheckScheme("environment_url", request.environment_url());
  const bool log_urls_too =
      rules.log_url_scheme() == slipway::v1::URL_SCHEME_HTTP_OR_HTTPS;
  checks.CheckBytes("log_url", request.log_url(), url_max);
  if (log_urls_too) checks.CheckScheme("log_url", request.log_url());
  checks.CheckBytes("target_url", request.target_url(), url_max);
  if (log_urls_too) checks.CheckScheme("target_url", request.target_url());
  return std::move(checks).problems();
}

}  // namespace conformance
}  // namespace slipway
