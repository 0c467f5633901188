// What a ref of a request is, and which contexts of its commit count, as the
// oracle sees it: R2, R14 and R15.
//
//   const FoundRef ref = FindRef(refs, former_heads, request.ref());
//   if (ref.fixture == nullptr) ...  // it resolves to nothing
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CONFORMANCE_ORACLE_REFS_H_
#define SLIPWAY_ENGINE_CONFORMANCE_ORACLE_REFS_H_

#include <string>
#include <vector>

#include "slipway/conformance/v1/subject.pb.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/ref.pb.h"

namespace slipway {
namespace conformance {

struct FoundRef {
  // How it was written.
  slipway::v1::RefForm form = slipway::v1::REF_FORM_UNSPECIFIED;
  // In lower case; empty where it is not known.
  std::string sha;
  // Among those that were looked at; null: there is no such ref.
  const v1::RefFixture* fixture = nullptr;
  // Never the default branch (R14).
  bool is_behind = false;
};

// R2. Of `former_heads` only the SHAs are known.
FoundRef FindRef(const std::vector<v1::RefFixture>& refs,
                 const std::vector<v1::RefFixture>& former_heads,
                 const std::string& name);

// A form that is unset counts.
bool IsBranch(const v1::RefFixture& ref);

// The contexts that count for a request, in the order in which they are told
// (R15). All of them where its list is absent, none where that is empty.
std::vector<slipway::v1::CommitContext> ConsideredContexts(
    const v1::RefFixture& ref, const slipway::v1::CreateDeployment& request);

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_ORACLE_REFS_H_
