// The value of a `--listen` flag: an IP address and a port.
//
//   absl::StatusOr<slipway::ListenAddress> listen =
//       slipway::ParseListenAddress("[::1]:8080");
//   // listen->address == "::1", listen->port == 8080

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_LISTEN_ADDRESS_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_LISTEN_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace slipway {

struct ListenAddress {
  // IPv4 or IPv6, without brackets.
  std::string address;
  // 0 asks the system for a free one.
  uint16_t port = 0;
};

// Reads "IPV4:PORT" or "[IPV6]:PORT". Total and pure; host names are not
// looked up. `InvalidArgument`, with a message for the person who typed it:
// no port, a port that is no decimal number from 0 to 65535, an address that
// is no IP address, an IPv6 address without brackets.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view value);

// Whether it stands for every address of the machine ("0.0.0.0", "::" in any
// spelling), so that nobody can be told to go there.
bool IsWildcard(const ListenAddress& listen);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_LISTEN_ADDRESS_H_
