#include "slipway/adapters/http/listen_address.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

TEST(ParseListenAddressTest, ReadsAddressAndPort) {
  const struct {
    absl::string_view value;
    absl::string_view address;
    int port;
  } cases[] = {
      {"127.0.0.1:8080", "127.0.0.1", 8080},
      {"0.0.0.0:0", "0.0.0.0", 0},
      {"[::1]:0", "::1", 0},
      {"[::]:65535", "::", 65535},
      {"[2001:db8::7]:443", "2001:db8::7", 443},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<ListenAddress> listen = ParseListenAddress(c.value);
    ASSERT_TRUE(listen.ok()) << c.value << ": " << listen.status();
    EXPECT_EQ(listen->address, c.address) << c.value;
    EXPECT_EQ(listen->port, c.port) << c.value;
  }
}

TEST(ParseListenAddressTest, SaysWhatIsWrong) {
  const struct {
    absl::string_view value;
    absl::string_view why;
  } cases[] = {
      {"", "has no port"},
      {"127.0.0.1", "has no port"},
      {"8080", "has no port"},
      {":8080", "has no IP address"},
      {"localhost:8080", "has no IP address"},
      {"127.0.0.256:80", "has no IP address"},
      {"[127.0.0.1]:80", "has no IP address"},
      {"[]:80", "has no IP address"},
      {"::1", "goes in brackets"},
      {"::1:8080", "goes in brackets"},
      {"[::1]", "goes in brackets"},
      {"127.0.0.1:", "the port is no number"},
      {"127.0.0.1:http", "the port is no number"},
      {"127.0.0.1:-1", "the port is no number"},
      {"127.0.0.1:+80", "the port is no number"},
      {"127.0.0.1: 80", "the port is no number"},
      {"127.0.0.1:65536", "the port is no number"},
      {"127.0.0.1:99999999999", "the port is no number"},
  };
  for (const auto& c : cases) {
    const absl::Status status = ParseListenAddress(c.value).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.value;
    EXPECT_TRUE(absl::StrContains(status.message(), c.why))
        << c.value << ": " << status;
  }
  EXPECT_FALSE(
      ParseListenAddress(absl::string_view("127.0.0.1\0x:80", 14)).ok());
}

TEST(ListenAddress, WildcardsInAnySpelling) {
  for (const char* address : {"0.0.0.0", "::", "0::0", "0:0:0:0:0:0:0:0",
                              "::ffff:0.0.0.0", "::0.0.0.0"}) {
    EXPECT_TRUE(IsWildcard({address, 80})) << address;
  }
  for (const char* address : {"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.1",
                              "192.0.2.0", "", "localhost"}) {
    EXPECT_FALSE(IsWildcard({address, 80})) << address;
  }
}

}  // namespace
}  // namespace slipway
