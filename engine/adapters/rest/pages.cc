#include "slipway/adapters/rest/pages.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "slipway/wire/percent_encode.h"

namespace slipway {
namespace internal {
namespace {

// Far past any end, and far from overflowing when it is multiplied.
constexpr int64_t kPageMax = int64_t{1} << 40;

int64_t PositiveOr(const Target& target, absl::string_view name,
                   int64_t otherwise) {
  const std::string* text = target.Find(name);
  int64_t value = 0;
  if (text == nullptr || !absl::SimpleAtoi(*text, &value) || value < 1) {
    return otherwise;
  }
  return value;
}

// What addresses of other pages keep of the query.
constexpr absl::string_view kParameters[] = {"sha", "ref", "task",
                                             "environment", "per_page"};

std::string PageUrl(absl::string_view url, const Target& target, int64_t page) {
  std::string result(url);
  char separator = '?';
  for (const auto& [name, value] : target.query) {
    // What no list knows is not said back: it could be as long as it likes.
    if (std::find(std::begin(kParameters), std::end(kParameters), name) ==
        std::end(kParameters)) {
      continue;
    }
    absl::StrAppend(&result, std::string(1, separator), PercentEncode(name),
                    "=", PercentEncode(value));
    separator = '&';
  }
  absl::StrAppend(&result, std::string(1, separator), "page=", page);
  return result;
}

}  // namespace

PageRequest PageRequestOf(const Target& target, const v1::Limits& limits) {
  PageRequest request;
  const int64_t per_page_max = std::max<int64_t>(limits.per_page_max(), 1);
  request.per_page = std::clamp<int64_t>(
      PositiveOr(target, "per_page", limits.per_page_default()), 1,
      per_page_max);
  request.page = std::min(PositiveOr(target, "page", 1), kPageMax);
  return request;
}

std::string LinkHeader(absl::string_view url, const Target& target,
                       const PageRequest& request, int64_t total) {
  const int64_t last = (total + request.per_page - 1) / request.per_page;
  if (last <= 1) return "";
  std::string header;
  const auto add = [&](absl::string_view relation, int64_t page) {
    absl::StrAppend(&header, header.empty() ? "" : ", ", "<",
                    PageUrl(url, target, page), ">; rel=\"", relation, "\"");
  };
  if (request.page > 1) add("prev", std::min(request.page - 1, last));
  if (request.page < last) {
    add("next", request.page + 1);
    add("last", last);
  }
  if (request.page > 1) add("first", 1);
  return header;
}

}  // namespace internal
}  // namespace slipway
