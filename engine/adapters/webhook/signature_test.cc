#include "slipway/adapters/webhook/signature.h"

#include <string>

#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

TEST(Signature, R82TheVectorOfTheDocumentation) {
  EXPECT_EQ(SignatureOf("It's a Secret to Everybody", "Hello, World!"),
            "sha256="
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
}

TEST(Signature, R82OfRfc4231) {
  EXPECT_EQ(SignatureOf(std::string(20, '\x0b'), "Hi There"),
            "sha256="
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  // A key longer than a block.
  EXPECT_EQ(
      SignatureOf(std::string(131, '\xaa'),
                  "Test Using Larger Than Block-Size Key - Hash Key First"),
      "sha256="
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Signature, R82EveryByteCounts) {
  const std::string signature = SignatureOf("secret", std::string("a\0b", 3));
  EXPECT_NE(SignatureOf("secret", "a"), signature);
  EXPECT_NE(SignatureOf(std::string("secret\0", 7), std::string("a\0b", 3)),
            SignatureOf("secreT", std::string("a\0b", 3)));
  EXPECT_EQ(SignatureOf("secret", std::string("a\0b", 3)), signature);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
