// Flags that may be given more than once; Abseil keeps the last value only.

#ifndef EXAMPLES_SERVER_REPEATED_FLAG_H_
#define EXAMPLES_SERVER_REPEATED_FLAG_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Every value that the command line gives to a flag with a value, in order:
// --name=VALUE or --name VALUE, with one dash or two, up to "--".
std::vector<std::string> ValuesOfFlag(const std::vector<std::string>& arguments,
                                      absl::string_view name);

#endif  // EXAMPLES_SERVER_REPEATED_FLAG_H_
