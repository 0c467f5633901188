#include "slipway/examples/server/repeated_flag.h"

#include <cstddef>

#include "absl/strings/strip.h"

std::vector<std::string> ValuesOfFlag(const std::vector<std::string>& arguments,
                                      absl::string_view name) {
  std::vector<std::string> values;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--") break;
    if (!absl::ConsumePrefix(&argument, "-")) continue;
    absl::ConsumePrefix(&argument, "-");
    if (!absl::ConsumePrefix(&argument, name)) continue;
    if (absl::ConsumePrefix(&argument, "=")) {
      values.emplace_back(argument);
    } else if (argument.empty() && i + 1 < arguments.size()) {
      values.push_back(arguments[++i]);
    }
  }
  return values;
}
