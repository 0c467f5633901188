#include "engine/conformance/oracle_refs.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace slipway {
namespace conformance {
namespace {

using slipway::v1::CommitContext;
using slipway::v1::RefForm;

const v1::RefFixture* FindNamed(const std::vector<v1::RefFixture>& refs,
                                RefForm form, absl::string_view name) {
  for (const v1::RefFixture& ref : refs) {
    const RefForm its =
        IsBranch(ref) ? slipway::v1::REF_FORM_BRANCH : ref.form();
    if (its == form && ref.name() == name) return &ref;
  }
  return nullptr;
}

bool IsFullSha(absl::string_view text) {
  if (text.size() != 40 && text.size() != 64) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
}

// Of a ref that is there as a SHA, its name is one.
absl::string_view ShaOf(const v1::RefFixture& ref) {
  if (ref.form() == slipway::v1::REF_FORM_SHA && ref.sha().empty()) {
    return ref.name();
  }
  return ref.sha();
}

const v1::RefFixture* FindCommit(const std::vector<v1::RefFixture>& refs,
                                 absl::string_view sha) {
  for (const v1::RefFixture& ref : refs) {
    if (absl::EqualsIgnoreCase(ShaOf(ref), sha)) return &ref;
  }
  return nullptr;
}

const v1::RefFixture* FindQualified(const std::vector<v1::RefFixture>& refs,
                                    absl::string_view name) {
  absl::string_view rest = name;
  absl::ConsumePrefix(&rest, "refs/");
  if (absl::ConsumePrefix(&rest, "heads/")) {
    if (const auto* ref = FindNamed(refs, slipway::v1::REF_FORM_BRANCH, rest)) {
      return ref;
    }
  } else if (absl::ConsumePrefix(&rest, "tags/")) {
    if (const auto* ref = FindNamed(refs, slipway::v1::REF_FORM_TAG, rest)) {
      return ref;
    }
  }
  // One that is a fixture of its own, without its branch or tag.
  return FindNamed(refs, slipway::v1::REF_FORM_QUALIFIED, name);
}

}  // namespace

bool IsBranch(const v1::RefFixture& ref) {
  return ref.form() == slipway::v1::REF_FORM_BRANCH ||
         ref.form() == slipway::v1::REF_FORM_UNSPECIFIED;
}

// In the order of R2. Names compare with case, SHAs without.
FoundRef FindRef(const std::vector<v1::RefFixture>& refs,
                 const std::vector<v1::RefFixture>& former_heads,
                 const std::string& name) {
  FoundRef found;
  if ((found.fixture = FindNamed(refs, slipway::v1::REF_FORM_BRANCH, name))) {
    found.form = slipway::v1::REF_FORM_BRANCH;
  } else if ((found.fixture =
                  FindNamed(refs, slipway::v1::REF_FORM_TAG, name))) {
    found.form = slipway::v1::REF_FORM_TAG;
  } else if (IsFullSha(name) &&
             ((found.fixture = FindCommit(refs, name)) ||
              (found.fixture = FindCommit(former_heads, name)))) {
    found.form = slipway::v1::REF_FORM_SHA;
  } else if ((found.fixture = FindQualified(refs, name))) {
    found.form = slipway::v1::REF_FORM_QUALIFIED;
  }
  if (found.fixture != nullptr) {
    found.sha = absl::AsciiStrToLower(ShaOf(*found.fixture));
    // R14: the default branch itself never is.
    found.is_behind =
        found.fixture->is_behind() && !found.fixture->is_default_branch();
  }
  return found;
}

std::vector<CommitContext> ConsideredContexts(
    const v1::RefFixture& ref, const slipway::v1::CreateDeployment& request) {
  const auto& listed = request.required_contexts().contexts();
  const auto is_listed = [&listed](absl::string_view name) {
    return std::any_of(listed.begin(), listed.end(), [name](const auto& other) {
      return absl::EqualsIgnoreCase(name, other);
    });
  };
  std::vector<CommitContext> considered;
  const auto consider = [&considered](const std::string& name,
                                      slipway::v1::CommitContextState state) {
    considered.emplace_back();
    considered.back().set_context(name);
    considered.back().set_state(state);
  };
  for (const CommitContext& context : ref.contexts()) {
    if (!request.has_required_contexts() || is_listed(context.context())) {
      consider(context.context(), context.state());
    }
  }
  std::stable_sort(considered.begin(), considered.end(),
                   [](const CommitContext& a, const CommitContext& b) {
                     return absl::AsciiStrToLower(a.context()) <
                            absl::AsciiStrToLower(b.context());
                   });
  for (const std::string& name : listed) {
    const bool is_there = std::any_of(
        considered.begin(), considered.end(), [&name](const auto& context) {
          return absl::EqualsIgnoreCase(context.context(), name);
        });
    if (!is_there) consider(name, slipway::v1::COMMIT_CONTEXT_STATE_PENDING);
  }
  return considered;
}

}  // namespace conformance
}  // namespace slipway
