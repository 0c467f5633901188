// Writes the outputs of testdata/transcripts/*.txt anew, in the source tree:
//
//   ./bazelw run //testdata:rewrite_transcripts
//
// It prints the name of each file that it has changed. Exit status 1: it was
// not started like that, there is no transcript, or one cannot be read, written
// or understood; the others are written all the same.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <system_error>

#include "absl/status/statusor.h"
#include "testdata/transcript.h"

namespace {

// Whether all went well.
bool RewriteFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)),
                         std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof()) {
    std::cerr << path.string() << ": cannot be read\n";
    return false;
  }
  const absl::StatusOr<std::string> rewritten =
      slipway::testdata::RewriteTranscript(text);
  if (!rewritten.ok()) {
    std::cerr << path.string() << ": " << rewritten.status().message() << "\n";
    return false;
  }
  if (*rewritten == text) return true;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << *rewritten;
  out.close();
  if (!out) {
    std::cerr << path.string() << ": cannot be written\n";
    return false;
  }
  std::cout << path.string() << "\n";
  return true;
}

}  // namespace

int main() {
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (root == nullptr) {
    std::cerr << "start it with ./bazelw run //testdata:rewrite_transcripts\n";
    return 1;
  }
  const std::filesystem::path folder =
      std::filesystem::path(root) / "testdata" / "transcripts";
  bool all_well = true;
  int files = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".txt") continue;
    ++files;
    all_well = RewriteFile(entry.path()) && all_well;
  }
  if (files == 0) {
    std::cerr << "there are no transcripts in " << folder.string() << "\n";
    return 1;
  }
  return all_well ? 0 : 1;
}
