// Files that flags name.

#ifndef EXAMPLES_SERVER_TEXT_FILE_H_
#define EXAMPLES_SERVER_TEXT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// All that is in a file.
//
// INVALID_ARGUMENT: it cannot be read; the message names `flag` and says why.
absl::StatusOr<std::string> ReadTextFile(absl::string_view flag,
                                         const std::string& path);

// Makes a file, or makes it anew, whole or not at all, for those who wait for
// it.
//
// INVALID_ARGUMENT: it cannot be written; as above.
absl::Status WriteTextFile(absl::string_view flag, const std::string& path,
                           absl::string_view text);

#endif  // EXAMPLES_SERVER_TEXT_FILE_H_
