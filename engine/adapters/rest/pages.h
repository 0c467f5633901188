// Paging: which page is asked for, and the `Link` header to the others (R71,
// R72). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_PAGES_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_PAGES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "slipway/adapters/rest/target.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace internal {

struct PageRequest {
  // From 1.
  int64_t page = 1;
  // From 1 to the limit.
  int64_t per_page = 30;

  int64_t offset() const { return (page - 1) * per_page; }
};

// What is not a number from 1 counts as not given; more than the limit counts
// as the limit. `limits` has every default filled in.
PageRequest PageRequestOf(const Target& target, const v1::Limits& limits);

// The value of the `Link` header for a list of `total` rows at `url`, with the
// query that was asked for; empty where one page holds all.
std::string LinkHeader(absl::string_view url, const Target& target,
                       const PageRequest& request, int64_t total);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_PAGES_H_
