#include "slipway/adapters/curl/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

bool IsPublic(const std::string& text) {
  sockaddr_storage storage = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    storage.ss_family = AF_INET6;
  } else {
    ADD_FAILURE() << text << " is no address";
  }
  return IsPublicAddress(reinterpret_cast<const sockaddr&>(storage));
}

struct Row {
  const char* address;
  bool is_public;
};

// Spelled in two parts where a reader could take it for a machine of his own.
std::string V4(int first, const std::string& rest) {
  return absl::StrCat(first, ".", rest);
}

TEST(PublicAddress, R106TheEdgesOfEveryRangeOfIPv4) {
  const struct {
    int first;
    const char* rest;
    bool is_public;
  } rows[] = {
      // clang-format off
      {0,   "0.0.0",         false}, {0,   "255.255.255", false}, {1,   "0.0.0",     true},
      {9,   "255.255.255",   true},  {10,  "0.0.0",       false}, {10,  "255.255.255", false}, {11, "0.0.0", true},
      {100, "63.255.255",    true},  {100, "64.0.0",      false}, {100, "127.255.255", false}, {100, "128.0.0", true},
      {126, "255.255.255",   true},  {127, "0.0.0",       false}, {127, "0.0.1",     false}, {127, "255.255.255", false}, {128, "0.0.0", true},
      {169, "253.255.255",   true},  {169, "254.0.0",     false}, {169, "254.169.254", false}, {169, "255.0.0", true},
      {172, "15.255.255",    true},  {172, "16.0.0",      false}, {172, "31.255.255", false}, {172, "32.0.0", true},
      {191, "255.255.255",   true},  {192, "0.0.0",       false}, {192, "0.0.255",   false}, {192, "0.1.0", true},
      {192, "0.2.0",         false}, {192, "0.2.255",     false}, {192, "0.3.0",     true},
      {192, "88.98.255",     true},  {192, "88.99.0",     false}, {192, "88.100.0",  true},
      {192, "167.255.255",   true},  {192, "168.0.0",     false}, {192, "168.255.255", false}, {192, "169.0.0", true},
      {198, "17.255.255",    true},  {198, "18.0.0",      false}, {198, "19.255.255", false}, {198, "20.0.0", true},
      {198, "51.99.255",     true},  {198, "51.100.0",    false}, {198, "51.100.255", false}, {198, "51.101.0", true},
      {203, "0.112.255",     true},  {203, "0.113.0",     false}, {203, "0.113.255", false}, {203, "0.114.0", true},
      {223, "255.255.255",   true},  {224, "0.0.0",       false}, {239, "255.255.255", false},
      {240, "0.0.0",         false}, {255, "255.255.255", false},
      {8,   "8.8.8",         true},  {140, "82.112.3",    true},
      // clang-format on
  };
  for (const auto& row : rows) {
    const std::string address = V4(row.first, row.rest);
    EXPECT_EQ(IsPublic(address), row.is_public) << address;
    // As IPv6 addresses that stand for it.
    EXPECT_EQ(IsPublic("::ffff:" + address), row.is_public) << address;
    EXPECT_EQ(IsPublic("64:ff9b::" + address), row.is_public) << address;
    // The deprecated way to write one is no host of anybody's.
    EXPECT_FALSE(IsPublic("::" + address)) << address;
  }
}

TEST(PublicAddress, R106IPv6) {
  const Row rows[] = {
      // clang-format off
      {"::", false}, {"::1", false}, {"::2", false}, {"1::", false}, {"1fff:ffff::", false},
      {"2000::", true}, {"2001:4860:4860::8888", true}, {"2606:50c0:8000::153", true}, {"3ffe::1", true},
      {"2001::1", false}, {"2001:1ff:ffff::", false}, {"2001:200::", true},
      {"2001:db7:ffff::", true}, {"2001:db8::1", false}, {"2001:db8:ffff::1", false}, {"2001:db9::", true},
      {"2002::1", false}, {"2002:808:808::1", false}, {"2003::", true},
      {"3fff::1", false}, {"3fff:fff:ffff::", false}, {"3fff:1000::", true},
      {"4000::", false}, {"64:ff9b:1::1", false}, {"100::1", false}, {"5f00::1", false},
      {"fc00::1", false}, {"fd12:3456::1", false}, {"fe80::1", false}, {"fec0::1", false},
      {"ff02::1", false}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
      // clang-format on
  };
  for (const Row& row : rows) {
    EXPECT_EQ(IsPublic(row.address), row.is_public) << row.address;
  }
}

TEST(PublicAddress, R106OtherFamiliesAreRefused) {
  sockaddr address = {};
  for (const int family : {AF_UNSPEC, AF_UNIX, AF_NETLINK}) {
    address.sa_family = family;
    EXPECT_FALSE(IsPublicAddress(address)) << family;
  }
}

}  // namespace
}  // namespace internal
}  // namespace slipway
