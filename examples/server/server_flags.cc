#include "slipway/examples/server/server_flags.h"

#include <algorithm>
#include <cstddef>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "slipway/core/rules.h"
#include "slipway/examples/server/repeated_flag.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080",
          "IP address and port to serve on; port 0 picks a free one");
ABSL_FLAG(std::string, port_file, "",
          "file that the port is written to once the server listens; gone at "
          "its end");
ABSL_FLAG(std::string, store, "sqlite:slipway.db",
          "where deployments are kept: sqlite:FILE, which is made where it is "
          "missing; postgresql://USER@HOST/DATABASE, which many servers can "
          "share; or memory, which forgets everything at the end");
ABSL_FLAG(int64_t, store_pages_max, 0,
          "how large the file of --store=sqlite:FILE may get, in pages of 4096 "
          "bytes; 0: as large as the disk lets it");
ABSL_FLAG(std::string, seed, "",
          "text file of a slipway.v1.Seed: the repositories to start with "
          "(default: octocat/hello-world). Those that the store has, or had, "
          "stay as they are. Their branches and commits are kept in memory, "
          "whatever --store is: each start begins with those of the seed");
ABSL_FLAG(std::string, dialect, "github",
          "github (paths from /) or enterprise (paths from /api/v3)");
ABSL_FLAG(std::string, base_url, "",
          "scheme, host and port for the addresses in answers and webhooks "
          "(default: in answers http and the Host header of the request, in "
          "webhooks the address of --listen)");
ABSL_FLAG(std::string, rules, "documented",
          "documented or observed: which preset of rules to follow");
ABSL_FLAG(std::string, webhook, "",
          "URL that is told of deployments and statuses; give it again for "
          "each further one");
ABSL_FLAG(std::string, webhook_secret_file, "",
          "file with the secret that signs what is told; one for each "
          "--webhook, in the same order. A line break at its end is not part "
          "of it");
ABSL_FLAG(bool, webhook_allow_private, true,
          "whether webhooks may go to this machine and to private networks. "
          "This is an example; where others choose the URLs, say "
          "--nowebhook_allow_private");
ABSL_FLAG(int64_t, webhook_timeout_seconds, 10,
          "how long one attempt at a webhook may take: 1 to 60");
ABSL_FLAG(int64_t, webhook_lease_seconds, 60,
          "for how long a delivery is this server's while it sends it; what a "
          "server had under way when it was killed is sent again after that. "
          "At least 5 more than --webhook_timeout_seconds");

namespace {

namespace v1 = slipway::v1;

absl::StatusOr<v1::Rules> RulesOfFlag() {
  const std::string preset = absl::GetFlag(FLAGS_rules);
  if (preset == "documented") return slipway::DocumentedRules();
  if (preset == "observed") return slipway::ObservedRules();
  return absl::InvalidArgumentError(
      absl::StrCat("--rules: '", preset, "' is not documented or observed"));
}

absl::StatusOr<slipway::RestDialect> DialectOfFlag() {
  const std::string dialect = absl::GetFlag(FLAGS_dialect);
  if (dialect == "github") return slipway::RestDialect::kGitHub;
  if (dialect == "enterprise") return slipway::RestDialect::kEnterprise;
  return absl::InvalidArgumentError(
      absl::StrCat("--dialect: '", dialect, "' is not github or enterprise"));
}

// Whatever passes stands in answers and their headers as it is.
absl::Status CheckBaseUrl(const std::string& url) {
  if (url.empty()) return absl::OkStatus();
  absl::string_view host = absl::StripSuffix(url, "/");
  const bool scheme = absl::ConsumePrefix(&host, "http://") ||
                      absl::ConsumePrefix(&host, "https://");
  const bool plain = std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("-._:[]", c);
  });
  if (scheme && plain && !host.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--base_url: '", absl::CEscape(url),
                   "' is not http:// or https:// and a host"));
}

// The values of a flag that may be repeated. `last` is what Abseil has of it.
absl::StatusOr<std::vector<std::string>> ValuesOf(
    const std::vector<std::string>& arguments, absl::string_view name,
    const std::string& last) {
  std::vector<std::string> values = ValuesOfFlag(arguments, name);
  if (!values.empty() ? values.back() == last : last.empty()) return values;
  // Such as by --flagfile, where only one would count.
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, ": give it on the command line itself"));
}

// What hooks need of the other flags.
absl::Status CheckHookFlags(const std::vector<std::string>& arguments,
                            const ServerFlags& flags) {
  if (flags.hooks.empty()) return absl::OkStatus();
  if (!ValuesOfFlag(arguments, "flagfile").empty()) {
    // Nobody would see the hooks that are in it, but for the last.
    return absl::InvalidArgumentError(
        "--webhook: give it without --flagfile, all on the command line");
  }
  if (flags.base_url.empty() && slipway::IsWildcard(flags.listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook needs --base_url: receivers cannot be sent to ",
                     flags.listen.address));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerFlags> ReadFlags(int argc, char** argv) {
  // For --help: every flag of this file.
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "examples/server/server_flags.cc");
  };
  absl::SetFlagsUsageConfig(usage);
  absl::SetProgramUsageMessage(
      "Serves the GitHub Deployments API, with /healthz and /metrics.");
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", rest[1], "'"));
  }

  ServerFlags flags;
  const auto listen = slipway::ParseListenAddress(absl::GetFlag(FLAGS_listen));
  if (!listen.ok()) return listen.status();
  flags.listen = *listen;
  flags.port_file = absl::GetFlag(FLAGS_port_file);
  flags.store = absl::GetFlag(FLAGS_store);
  flags.store_pages_max = absl::GetFlag(FLAGS_store_pages_max);
  if (flags.store_pages_max < 0) {
    return absl::InvalidArgumentError("--store_pages_max is negative");
  }
  flags.seed = absl::GetFlag(FLAGS_seed);
  const auto rules = RulesOfFlag();
  if (!rules.ok()) return rules.status();
  flags.rules = *rules;
  const auto dialect = DialectOfFlag();
  if (!dialect.ok()) return dialect.status();
  flags.dialect = *dialect;
  flags.base_url = absl::GetFlag(FLAGS_base_url);
  absl::Status status = CheckBaseUrl(flags.base_url);
  if (!status.ok()) return status;
  const auto urls =
      ValuesOf(arguments, "webhook", absl::GetFlag(FLAGS_webhook));
  if (!urls.ok()) return urls.status();
  const auto secret_files = ValuesOf(arguments, "webhook_secret_file",
                                     absl::GetFlag(FLAGS_webhook_secret_file));
  if (!secret_files.ok()) return secret_files.status();
  const auto hooks = PairHooks(*urls, *secret_files);
  if (!hooks.ok()) return hooks.status();
  flags.hooks = *hooks;
  status = CheckHookFlags(arguments, flags);
  if (!status.ok()) return status;
  flags.webhook_allow_private = absl::GetFlag(FLAGS_webhook_allow_private);
  flags.hook_times = {absl::GetFlag(FLAGS_webhook_timeout_seconds),
                      absl::GetFlag(FLAGS_webhook_lease_seconds)};
  status = CheckHookTimes(flags.hook_times);
  if (!status.ok()) return status;
  return flags;
}
