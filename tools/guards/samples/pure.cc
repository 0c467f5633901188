// Code like the core's: values in, values out.

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace slipway {

absl::StatusOr<std::string> Join(const std::vector<int>& numbers) {
  if (numbers.empty()) return absl::InvalidArgumentError("nothing to join");
  std::map<int, std::string> names;
  for (int number : numbers) names[number] = absl::StrCat(number);
  std::string joined;
  for (const auto& entry : names) absl::StrAppend(&joined, entry.second, ",");
  return joined;
}

}  // namespace slipway
