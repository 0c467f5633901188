#include "slipway/conformance/http/signature.h"

#include <string>

#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

// The example of GitHub's documentation.
TEST(SignatureOf, R82IsThatOfGitHub) {
  EXPECT_EQ(SignatureOf("It's a Secret to Everybody", "Hello, World!"),
            "sha256="
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}

// RFC 4231, test cases 2, 6 and 7: a short key, and keys over a block.
TEST(SignatureOf, IsThatOfTheStandard) {
  EXPECT_EQ(SignatureOf("Jefe", "what do ya want for nothing?"),
            "sha256="
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string long_key(131, '\xaa');
  EXPECT_EQ(
      SignatureOf(long_key,
                  "Test Using Larger Than Block-Size Key - Hash Key First"),
      "sha256="
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(
      SignatureOf(long_key,
                  "This is a test using a larger than block-size key and a "
                  "larger than block-size data. The key needs to be hashed "
                  "before being used by the HMAC algorithm."),
      "sha256="
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

// Where the padding goes into another block.
TEST(SignatureOf, TakesBodiesOfEveryLength) {
  std::string last;
  for (size_t size = 0; size < 200; ++size) {
    const std::string signature = SignatureOf("key", std::string(size, 'x'));
    EXPECT_EQ(signature.size(), 7u + 64u);
    EXPECT_NE(signature, last);
    last = signature;
  }
}

}  // namespace
}  // namespace internal
}  // namespace conformance
}  // namespace slipway
