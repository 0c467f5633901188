#include "slipway/examples/server/text_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace {

absl::Status Refuse(absl::string_view flag, absl::string_view what,
                    const std::string& path, int error) {
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", what, " ", path, ": ",
                   std::system_category().message(error)));
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(absl::string_view flag,
                                         const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  file.peek();  // which finds a directory out
  if (file.bad() || !file.is_open()) {
    return Refuse(flag, "cannot read", path, errno);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::Status WriteTextFile(absl::string_view flag, const std::string& path,
                           absl::string_view text) {
  const std::string unfinished = absl::StrCat(path, ".unfinished");
  errno = 0;
  std::ofstream file(unfinished);
  file << text;
  file.close();
  if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(unfinished.c_str());
    return Refuse(flag, "cannot write", path, error);
  }
  return absl::OkStatus();
}
