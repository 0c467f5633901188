#include "slipway/adapters/http/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace {

absl::Status Unusable(absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "listen address \"", value, "\": ", why,
      " (expected \"127.0.0.1:8080\" or \"[::1]:8080\"; port 0 is any free "
      "port)"));
}

bool IsIpAddress(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view value) {
  const size_t colon = value.rfind(':');
  if (colon == absl::string_view::npos) return Unusable(value, "has no port");
  absl::string_view host = value.substr(0, colon);
  const absl::string_view port_text = value.substr(colon + 1);

  const bool bracketed =
      host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  ListenAddress listen;
  listen.address = std::string(host);
  // inet_pton stops at a NUL, the caller's text does not.
  if (host.find('\0') != absl::string_view::npos ||
      !IsIpAddress(bracketed ? AF_INET6 : AF_INET, listen.address)) {
    const bool no_brackets =
        !bracketed && IsIpAddress(AF_INET6, std::string(host));
    return Unusable(value,
                    no_brackets || absl::string_view(host).find(':') !=
                                       absl::string_view::npos
                        ? "an IPv6 address goes in brackets and needs a port"
                        : "has no IP address");
  }

  // SimpleAtoi takes signs and blanks, a port has neither.
  int port = 0;
  if (port_text.empty() || port_text.size() > 5 ||
      !std::all_of(port_text.begin(), port_text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return Unusable(value, "the port is no number from 0 to 65535");
  }
  listen.port = static_cast<uint16_t>(port);
  return listen;
}

bool IsWildcard(const ListenAddress& listen) {
  in_addr v4 = {};
  if (inet_pton(AF_INET, listen.address.c_str(), &v4) == 1) {
    return v4.s_addr == htonl(INADDR_ANY);
  }
  in6_addr v6 = {};
  if (inet_pton(AF_INET6, listen.address.c_str(), &v6) != 1) return false;
  // ::ffff:0.0.0.0 is that of IPv4.
  constexpr int kMappedAt = 12;
  const bool mapped_any =
      IN6_IS_ADDR_V4MAPPED(&v6) &&
      std::all_of(v6.s6_addr + kMappedAt, v6.s6_addr + sizeof(v6.s6_addr),
                  [](uint8_t byte) { return byte == 0; });
  return IN6_IS_ADDR_UNSPECIFIED(&v6) || mapped_any;
}

}  // namespace slipway
