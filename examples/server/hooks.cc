#include "slipway/examples/server/hooks.h"

#include <cstddef>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/adapters/webhook/webhook_options.h"
#include "slipway/adapters/webhook/webhook_sender.h"
#include "slipway/examples/server/text_file.h"

namespace {

constexpr int64_t kTimeoutSMax = slipway::WebhookOptions::kTimeoutMsMax / 1000;
constexpr int64_t kLeaseMarginS =
    slipway::WebhookOptions::kLeaseMarginMs / 1000;
constexpr int64_t kLeaseSMax = slipway::WebhookOptions::kLeaseMsMax / 1000;

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  const absl::StatusOr<std::string> text =
      ReadTextFile("--webhook_secret_file", path);
  if (!text.ok()) return text.status();
  const absl::string_view secret =
      absl::StripSuffix(absl::StripSuffix(*text, "\n"), "\r");
  if (secret.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook_secret_file: ", path, " is empty"));
  }
  return std::string(secret);
}

}  // namespace

absl::StatusOr<std::vector<HookFlag>> PairHooks(
    const std::vector<std::string>& urls,
    const std::vector<std::string>& secret_files) {
  if (urls.size() != secret_files.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("each --webhook needs a --webhook_secret_file: there are ",
                     urls.size(), " and ", secret_files.size()));
  }
  std::vector<HookFlag> hooks;
  std::set<std::string> seen;
  for (size_t i = 0; i < urls.size(); ++i) {
    // The sender looks at it as well, but by then it is in the store. URLs may
    // have in them what is nobody's business, so errors name a hook by its
    // number.
    absl::Status status = slipway::CheckWebhookUrl(
        absl::StrCat("--webhook number ", i + 1), urls[i]);
    if (!status.ok()) return status;
    if (!seen.insert(urls[i]).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--webhook number ", i + 1, " is there twice"));
    }
    hooks.push_back({urls[i], secret_files[i]});
  }
  return hooks;
}

absl::Status CheckHookTimes(const HookTimes& times) {
  if (times.timeout_s < 1 || times.timeout_s > kTimeoutSMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook_timeout_seconds is ", times.timeout_s,
                     ", not from 1 to ", kTimeoutSMax));
  }
  const int64_t lease_s_min = times.timeout_s + kLeaseMarginS;
  if (times.lease_s < lease_s_min || times.lease_s > kLeaseSMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook_lease_seconds is ", times.lease_s,
                     ", not from ", lease_s_min, " (", kLeaseMarginS,
                     " more than --webhook_timeout_seconds) to ", kLeaseSMax));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<HookWithSecret>> ReadHooks(
    const std::vector<HookFlag>& flags) {
  std::vector<HookWithSecret> hooks;
  for (const HookFlag& flag : flags) {
    absl::StatusOr<std::string> secret = ReadSecret(flag.secret_file);
    if (!secret.ok()) return secret.status();
    hooks.push_back({flag.url, *std::move(secret)});
  }
  return hooks;
}
