#include "slipway/adapters/postgres/keys.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "openssl/sha.h"

namespace slipway {
namespace postgres_internal {
namespace {

// A page of an index holds a third of 8 kB in one entry, which may have two.
constexpr size_t kIndexedBytesMax = 1024;

void FillRandom(void* bytes, size_t size) {
  // At most 256 bytes at once are never given in parts, and the call fails on
  // no kernel that has it.
  if (getentropy(bytes, size) != 0) std::abort();
}

}  // namespace

std::string IndexKey(absl::string_view text) {
  if (text.size() <= kIndexedBytesMax) return std::string(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest.data());
  // Longer than any that is kept as it is, so equal to none of those.
  std::string key(text.substr(0, kIndexedBytesMax));
  key.append(digest.begin(), digest.end());
  return key;
}

std::string RandomId() {
  std::string id(16, '\0');
  FillRandom(&id[0], id.size());
  return id;
}

int64_t RandomKey() {
  uint64_t key = 0;
  while (key == 0) {
    FillRandom(&key, sizeof(key));
    key >>= 1;
  }
  return static_cast<int64_t>(key);
}

std::string UuidOf(const std::string& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string uuid;
  for (size_t i = 0; i < id.size(); ++i) {
    auto byte = static_cast<unsigned char>(id[i]);
    if (i == 6) byte = (byte & 0x0f) | 0x40;
    if (i == 8) byte = (byte & 0x3f) | 0x80;
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid.push_back('-');
    uuid.push_back(kDigits[byte >> 4]);
    uuid.push_back(kDigits[byte & 15]);
  }
  return uuid;
}

}  // namespace postgres_internal
}  // namespace slipway
