// Reading the files that a test was given as data.
//
//   for (const std::string& path : FilesIn("testdata/scenarios", ".textproto"))
//     Use(ReadFile(path));

#ifndef SLIPWAY_TESTDATA_FILES_H_
#define SLIPWAY_TESTDATA_FILES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace slipway {
namespace testdata {

// The files of a folder whose names end in `suffix`, sorted. `folder` is as in
// the source tree. Fails the running test where there is no such file, so that
// a test which looks at nothing does not pass.
std::vector<std::string> FilesIn(const std::string& folder,
                                 absl::string_view suffix);

// What a file contains. Fails the running test where it cannot be read.
std::string ReadFile(const std::string& path);

}  // namespace testdata
}  // namespace slipway

#endif  // SLIPWAY_TESTDATA_FILES_H_
