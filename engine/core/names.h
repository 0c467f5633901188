// How names are compared, and how text is measured.
//
// Names compare without the case of ASCII letters: `FoldName("QA-Ä")` is
// "qa-Ä". A store keys its rows by the folded name so that its indexes agree
// with the engine:
//
//   rows[slipway::FoldName(environment)]
//
// All functions are total, pure and thread-safe.

#ifndef SLIPWAY_ENGINE_CORE_NAMES_H_
#define SLIPWAY_ENGINE_CORE_NAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {

// The key under which `name` is the same as every other spelling (R1, R15,
// R60).
std::string FoldName(absl::string_view name);

// Whether two names are the same without case. Allocates nothing.
bool SameName(absl::string_view a, absl::string_view b);
bool SameName(const v1::RepositoryName& a, const v1::RepositoryName& b);

// Whether two names are the same under a knob of `Rules`; `unset` is what an
// unset knob means there.
bool Matches(v1::NameMatch match, v1::NameMatch unset, absl::string_view a,
             absl::string_view b);

// "owner/name", as people write it.
std::string FullName(const v1::RepositoryName& name);

// Unicode code points of valid UTF-8; elsewhere the bytes that are not
// continuation bytes (R25).
int64_t CharacterCount(absl::string_view text);

// Whether `text` is UTF-8 by RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CORE_NAMES_H_
