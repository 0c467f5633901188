#include "slipway/adapters/curl/public_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace slipway {
namespace internal {
namespace {

template <size_t Size>
struct Prefix {
  std::array<uint8_t, Size> bytes;
  int bits;
};

using V4 = std::array<uint8_t, 4>;
using V6 = std::array<uint8_t, 16>;

constexpr Prefix<4> kNotPublicV4[] = {
    {{0, 0, 0, 0}, 8},        // this network
    {{10, 0, 0, 0}, 8},       // private
    {{100, 64, 0, 0}, 10},    // shared by a provider's customers
    {{127, 0, 0, 0}, 8},      // this machine
    {{169, 254, 0, 0}, 16},   // link-local; also clouds' metadata
    {{172, 16, 0, 0}, 12},    // private
    {{192, 0, 0, 0}, 24},     // for protocols
    {{192, 0, 2, 0}, 24},     // documentation
    {{192, 88, 99, 0}, 24},   // relays of 6to4
    {{192, 168, 0, 0}, 16},   // private
    {{198, 18, 0, 0}, 15},    // benchmarks
    {{198, 51, 100, 0}, 24},  // documentation
    {{203, 0, 113, 0}, 24},   // documentation
    {{224, 0, 0, 0}, 4},      // multicast
    {{240, 0, 0, 0}, 4},      // reserved; broadcast
};

// All that is given out to hosts.
constexpr Prefix<16> kGlobalV6 = {{0x20}, 3};

constexpr Prefix<16> kNotPublicV6[] = {
    {{0x20, 0x01}, 23},              // for protocols; Teredo, which is a tunnel
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4, which is a tunnel
    {{0x3f, 0xff}, 20},              // documentation
};

// The last four bytes are an IPv4 address.
constexpr Prefix<16> kStandsForV4[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96},  // mapped
    {{0x00, 0x64, 0xff, 0x9b}, 96},                    // translated
};

template <size_t Size>
bool Matches(const Prefix<Size>& prefix,
             const std::array<uint8_t, Size>& address) {
  for (int bit = 0; bit < prefix.bits; bit += 8) {
    const int rest = std::min(prefix.bits - bit, 8);
    const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
    const auto place = static_cast<size_t>(bit) / 8;
    if ((address.at(place) & mask) != (prefix.bytes.at(place) & mask)) {
      return false;
    }
  }
  return true;
}

bool IsPublicV4(const V4& address) {
  return std::none_of(
      std::begin(kNotPublicV4), std::end(kNotPublicV4),
      [&](const Prefix<4>& prefix) { return Matches(prefix, address); });
}

bool IsPublicV6(const V6& address) {
  const auto matches = [&](const Prefix<16>& prefix) {
    return Matches(prefix, address);
  };
  if (std::any_of(std::begin(kStandsForV4), std::end(kStandsForV4), matches)) {
    return IsPublicV4({address[12], address[13], address[14], address[15]});
  }
  return matches(kGlobalV6) && std::none_of(std::begin(kNotPublicV6),
                                            std::end(kNotPublicV6), matches);
}

}  // namespace

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4 = {};
    std::memcpy(&v4, &address, sizeof(v4));
    V4 bytes = {};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return IsPublicV4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6 = {};
    std::memcpy(&v6, &address, sizeof(v6));
    V6 bytes = {};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return IsPublicV6(bytes);
  }
  return false;
}

}  // namespace internal
}  // namespace slipway
