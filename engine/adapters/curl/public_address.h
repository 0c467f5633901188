// Which addresses belong to the public internet (R106). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_CURL_PUBLIC_ADDRESS_H_
#define SLIPWAY_ENGINE_ADAPTERS_CURL_PUBLIC_ADDRESS_H_

#include <sys/socket.h>

namespace slipway {
namespace internal {

// False for every address that is not one host of the public internet, by
// IANA's registries of special addresses: this machine and this network,
// private, shared and link-local ones, those for documentation and tests,
// multicast; and for IPv6 addresses that stand for such an IPv4 address, or for
// a tunnel. False for families other than IPv4 and IPv6. Total.
bool IsPublicAddress(const sockaddr& address);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_CURL_PUBLIC_ADDRESS_H_
