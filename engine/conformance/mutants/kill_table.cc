// Runs the kit on every mutant with ten seeds, and writes how many sequences it
// took into docs/guides/conformance.md, in the source tree:
//
//   ./bazelw run -c opt //engine/conformance/mutants:kill_table
//
// With names of mutants: only those, shown and not written, with the shortest
// failure. Exit status 1: it was not started like that, a mutant takes too
// long, cannot be read or is taken for something else, or the guide cannot be
// written.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "slipway/conformance/mutants/kill.h"
#include "slipway/conformance/mutants/mutants.h"

namespace slipway {
namespace conformance {
namespace {

constexpr int kSeeds = 10;
constexpr char kBegin[] = "<!-- mutants: begin -->\n";
constexpr char kEnd[] = "<!-- mutants: end -->\n";

std::vector<Kill> KillAll(const Mutant& mutant) {
  std::vector<Kill> kills;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    kills.push_back(TryToKill(mutant, seed, kSequencesToKillMax));
  }
  return kills;
}

std::string LineOf(const Mutant& mutant, const KillSummary& summary) {
  return absl::StrCat("| `", mutant.name, "` | ", mutant.wrong, " | R",
                      mutant.rule, " | ", summary.median, " | ", summary.worst,
                      " | ", summary.steps_median, " | ", summary.steps_worst,
                      " |\n");
}

void Show(const Mutant& mutant, const std::vector<Kill>& kills) {
  std::cout << mutant.name << "\n";
  const Kill* shortest = nullptr;
  for (const Kill& kill : kills) {
    std::cout << "  sequences " << kill.sequences << ", steps " << kill.steps
              << ", rules " << absl::StrJoin(kill.failure.rules(), " ")
              << (kill.killed ? "" : ": it survived")
              << (kill.failure.reproduced() ? "" : ", not again") << ": "
              << kill.failure.summary() << "\n";
    if (kill.killed && (shortest == nullptr || kill.steps < shortest->steps)) {
      shortest = &kill;
    }
  }
  if (shortest == nullptr) return;
  for (const v1::Operation& operation :
       shortest->failure.sequence().operations()) {
    std::cout << "    " << operation.ShortDebugString() << "\n";
  }
  for (const v1::Operation& operation :
       shortest->failure.sequence().parallel()) {
    std::cout << "    at once: " << operation.ShortDebugString() << "\n";
  }
}

// The guide with the table in its place, or at its end.
std::string WithTable(std::string guide, const std::string& table) {
  const std::string marked = absl::StrCat(kBegin, "\n", table, "\n", kEnd);
  const size_t begin = guide.find(kBegin);
  const size_t end = guide.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return absl::StrCat(guide,
                        "\n## What it finds\n\n"
                        "Written by `./bazelw run -c opt "
                        "//engine/conformance/mutants:kill_table`.\n\n",
                        marked);
  }
  return guide.replace(begin, end + sizeof(kEnd) - 1 - begin, marked);
}

int WriteTable(const std::filesystem::path& path) {
  std::string table =
      "| Mutant | What is wrong with it | Rule | Sequences, median | worst | "
      "Steps, median | worst |\n"
      "| --- | --- | --- | ---: | ---: | ---: | ---: |\n";
  bool all_well = true;
  for (const Mutant& mutant : Mutants()) {
    const std::vector<Kill> kills = KillAll(mutant);
    const KillSummary summary = Summarize(mutant, kills);
    table += LineOf(mutant, summary);
    std::cout << LineOf(mutant, summary) << std::flush;
    if (IsGoodEnough(mutant, kills)) continue;
    all_well = false;
    Show(mutant, kills);
  }
  table = absl::StrCat(
      "Of ", kSeeds, " runs each, with the seeds 1 to ", kSeeds,
      ": the sequences up to the failure, and its steps when it was\n"
      "shrunk. Equal calls in a row count as one step, such as the 101 "
      "statuses "
      "without which no cap on pages shows. What\n"
      "goes wrong only between two clients is up to chance, and so are its "
      "figures.\n\n",
      table);
  std::ifstream in(path, std::ios::binary);
  const std::string guide((std::istreambuf_iterator<char>(in)),
                          std::istreambuf_iterator<char>());
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << WithTable(guide.empty() ? "# The conformance kit\n" : guide, table);
  out.close();
  if (!out) {
    std::cerr << path.string() << ": cannot be written\n";
    return 1;
  }
  return all_well ? 0 : 1;
}

int ShowSome(const std::set<std::string>& names) {
  bool all_well = true;
  for (const Mutant& mutant : Mutants()) {
    if (names.count(std::string(mutant.name)) == 0) continue;
    const std::vector<Kill> kills = KillAll(mutant);
    all_well = IsGoodEnough(mutant, kills) && all_well;
    Show(mutant, kills);
  }
  return all_well ? 0 : 1;
}

}  // namespace
}  // namespace conformance
}  // namespace slipway

int main(int argc, char** argv) {
  if (argc > 1) {
    return slipway::conformance::ShowSome(
        std::set<std::string>(argv + 1, argv + argc));
  }
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (root == nullptr) {
    std::cerr << "start it with ./bazelw run -c opt "
                 "//engine/conformance/mutants:kill_table\n";
    return 1;
  }
  return slipway::conformance::WriteTable(std::filesystem::path(root) / "docs" /
                                          "guides" / "conformance.md");
}
