#include "slipway/core/refs.h"

#include <map>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace slipway {
namespace {

// Each commit is a letter, forty times.
std::string Sha(char letter) { return std::string(40, letter); }

class RefsTest : public ::testing::Test {
 protected:
  // What `ref` resolves to: its form and the letter of its commit.
  std::string Match(absl::string_view ref) {
    const absl::optional<RefMatch> match = MatchRef(
        ref,
        [&](v1::RefType type, absl::string_view name) -> const std::string* {
          const auto found = refs_.find({type, std::string(name)});
          return found == refs_.end() ? nullptr : &found->second;
        },
        [&](absl::string_view sha) {
          return commits_.count(std::string(sha));
        });
    if (!match.has_value()) return "none";
    return v1::RefForm_Name(match->form).substr(sizeof("REF_FORM")) + " " +
           match->sha.substr(0, 1);
  }

  std::map<std::pair<int, std::string>, std::string> refs_ = {
      {{v1::REF_TYPE_BRANCH, "main"}, Sha('a')},
      {{v1::REF_TYPE_BRANCH, "both"}, Sha('b')},
      {{v1::REF_TYPE_TAG, "both"}, Sha('c')},
      {{v1::REF_TYPE_TAG, "v1"}, Sha('d')},
      {{v1::REF_TYPE_BRANCH, "heads/odd"}, Sha('e')},
      {{v1::REF_TYPE_BRANCH, "odd"}, Sha('f')},
      {{v1::REF_TYPE_BRANCH, Sha('a')}, Sha('b')},
  };
  std::map<std::string, bool> commits_ = {
      {Sha('a'), true}, {Sha('d'), true}, {std::string(64, 'd'), true}};
};

TEST_F(RefsTest, R2ARefIsABranchATagAShaOrAQualifiedName) {
  const struct {
    std::string ref;
    const char* match;
  } cases[] = {
      {"main", "BRANCH a"},
      {"v1", "TAG d"},
      {"both", "BRANCH b"},    // a branch before a tag
      {Sha('a'), "BRANCH b"},  // a branch before a SHA
      {Sha('d'), "SHA d"},
      {Sha('D'), "SHA d"},              // in either case
      {std::string(64, 'd'), "SHA d"},  // SHA-256
      {Sha('e'), "none"},               // a SHA of no known commit
      {std::string(39, 'd'), "none"},   // not a full SHA
      {std::string(41, 'd'), "none"},
      {Sha('g'), "none"},
      {"refs/heads/main", "QUALIFIED a"},
      {"heads/main", "QUALIFIED a"},
      {"refs/tags/v1", "QUALIFIED d"},
      {"tags/v1", "QUALIFIED d"},
      {"refs/heads/both", "QUALIFIED b"},
      {"refs/tags/both", "QUALIFIED c"},
      {"heads/odd", "BRANCH e"},  // a branch before a qualified name
      {"refs/heads/odd", "QUALIFIED f"},
      {"refs/heads/heads/odd", "QUALIFIED e"},
      {"refs/heads/v1", "none"},  // a tag is no head
      {"refs/tags/main", "none"},
      {"refs/main", "none"},
      {"refs/refs/heads/main", "none"},
      {"refs/heads/tags/v1", "none"},
      {"refs/heads/", "none"},
      {"refs/", "none"},
      {"MAIN", "none"},  // with case
      {"main ", "none"},
      {"", "none"},
  };
  for (const auto& c : cases) EXPECT_EQ(Match(c.ref), c.match) << c.ref;
}

TEST(ContainsDefaultBranchTest, R13ByTheHeadOrTheMergeBase) {
  const std::string head = Sha('a');
  EXPECT_TRUE(ContainsDefaultBranch(Sha('a'), "", &head));
  EXPECT_TRUE(ContainsDefaultBranch(Sha('b'), Sha('a'), &head));
  EXPECT_FALSE(ContainsDefaultBranch(Sha('b'), Sha('c'), &head));
  EXPECT_FALSE(ContainsDefaultBranch(Sha('b'), "", &head));  // not known
  EXPECT_TRUE(ContainsDefaultBranch(Sha('b'), Sha('c'), nullptr));
}

}  // namespace
}  // namespace slipway
