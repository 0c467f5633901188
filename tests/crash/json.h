// The little of JSON that the tests look at.

#ifndef TESTS_CRASH_JSON_H_
#define TESTS_CRASH_JSON_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/types/optional.h"
#include "google/protobuf/struct.pb.h"

namespace crash {

// nullopt: it is no JSON.
absl::optional<google::protobuf::Value> ParseJson(const std::string& text);
// The field of an object; a null where there is none.
const google::protobuf::Value& FieldOf(const google::protobuf::Value& value,
                                       const std::string& name);
// The number of that field; 0 where there is none.
int64_t NumberOf(const google::protobuf::Value& value, const std::string& name);
// Whether two objects are equal but for these fields. False where one is no
// object.
bool SameObject(const std::string& a, const std::string& b,
                std::initializer_list<const char*> but_for);

}  // namespace crash

#endif  // TESTS_CRASH_JSON_H_
