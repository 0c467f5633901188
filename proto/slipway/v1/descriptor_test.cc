// What every message of slipway.v1 must be, so that it reads the same in every
// language and a decision can be written without an allocation.

#include "google/protobuf/descriptor.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"

namespace slipway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceLocation;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// "StatusState" and "STATUS_STATE".
std::string ShoutingName(absl::string_view camel_case) {
  std::string result;
  for (const char c : camel_case) {
    if (absl::ascii_isupper(c) && !result.empty()) result += '_';
    result += absl::ascii_toupper(c);
  }
  return result;
}

// A set of files, and what is wrong with them.
class Checker {
 public:
  // Reads what protoc has written, with comments.
  explicit Checker(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::stringstream bytes;
    bytes << stream.rdbuf();
    EXPECT_TRUE(set_.ParseFromString(bytes.str())) << path;
    for (const FileDescriptorProto& file : set_.file()) {
      EXPECT_NE(pool_.BuildFile(file), nullptr) << file.name();
    }
  }

  // Checks the files of a package; says how many there are.
  int Check(absl::string_view package,
            const std::vector<std::string>& written_by_decide) {
    int files = 0;
    for (const FileDescriptorProto& proto : set_.file()) {
      if (proto.package() != package) continue;
      ++files;
      const FileDescriptor* file = pool_.FindFileByName(proto.name());
      for (int i = 0; i < file->enum_type_count(); ++i) {
        CheckEnum(*file->enum_type(i));
      }
      for (int i = 0; i < file->message_type_count(); ++i) {
        CheckMessage(*file->message_type(i));
      }
    }
    for (const std::string& name : written_by_decide) {
      const Descriptor* message =
          pool_.FindMessageTypeByName(absl::StrCat(package, ".", name));
      if (message == nullptr) {
        Complain(name, "does not exist");
      } else {
        CheckWithoutOneof(*message);
      }
    }
    return files;
  }

  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  void Complain(absl::string_view what, absl::string_view why) {
    complaints_.push_back(absl::StrCat(what, " ", why));
  }

  void CheckEnum(const EnumDescriptor& type) {
    const std::string prefix = absl::StrCat(ShoutingName(type.name()), "_");
    const google::protobuf::EnumValueDescriptor* zero =
        type.FindValueByNumber(0);
    if (zero != type.value(0) ||
        zero->name() != absl::StrCat(prefix, "UNSPECIFIED")) {
      Complain(type.name(),
               absl::StrCat("does not start with ", prefix, "UNSPECIFIED"));
    }
    for (int i = 0; i < type.value_count(); ++i) {
      const std::string& name = type.value(i)->name();
      if (!absl::StartsWith(name, prefix)) {
        Complain(name, absl::StrCat("does not begin with ", prefix));
      }
    }
  }

  void CheckMessage(const Descriptor& message) {
    if (message.options().map_entry()) return;
    SourceLocation location;
    if (!message.GetSourceLocation(&location) ||
        absl::StripAsciiWhitespace(location.leading_comments).empty()) {
      Complain(message.name(), "has no comment");
    }
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (field.is_map()) Complain(field.name(), "is a map");
      if (field.type() == FieldDescriptor::TYPE_FLOAT ||
          field.type() == FieldDescriptor::TYPE_DOUBLE) {
        Complain(field.name(), "is a floating-point number");
      }
      if (field.message_type() != nullptr &&
          field.message_type()->full_name() == "google.protobuf.Any") {
        Complain(field.name(), "is an Any");
      }
    }
    for (int i = 0; i < message.enum_type_count(); ++i) {
      CheckEnum(*message.enum_type(i));
    }
    for (int i = 0; i < message.nested_type_count(); ++i) {
      CheckMessage(*message.nested_type(i));
    }
  }

  // A oneof frees what it held when another of its fields is set, so a message
  // that is used again would allocate again. `optional` does not.
  void CheckWithoutOneof(const Descriptor& message) {
    if (!without_oneof_.insert(message.full_name()).second) return;
    for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
      Complain(message.name(),
               absl::StrCat("has the oneof ", message.oneof_decl(i)->name()));
    }
    for (int i = 0; i < message.field_count(); ++i) {
      const Descriptor* type = message.field(i)->message_type();
      if (type != nullptr) CheckWithoutOneof(*type);
    }
  }

  FileDescriptorSet set_;
  DescriptorPool pool_;
  std::set<std::string> without_oneof_;
  std::vector<std::string> complaints_;
};

TEST(DescriptorTest, EveryFileOfTheSchemaIsInOrder) {
  Checker checker("proto/slipway/v1/descriptors.bin");
  EXPECT_GT(checker.Check("slipway.v1", {"Decision"}), 5);
  EXPECT_THAT(checker.complaints(), IsEmpty());
}

TEST(DescriptorTest, EveryMistakeIsFound) {
  Checker checker("proto/slipway/v1/bad_descriptors.bin");
  EXPECT_EQ(checker.Check("slipway.testdata", {"BadDecision", "Missing"}), 1);
  EXPECT_THAT(
      checker.complaints(),
      UnorderedElementsAre(
          "NoComment has no comment", "counts is a map",
          "ratio is a floating-point number",
          "precise_ratio is a floating-point number", "anything is an Any",
          "Nested has no comment", "BadDecision has the oneof answer",
          "NoUnspecified does not start with NO_UNSPECIFIED_UNSPECIFIED",
          "BADLY_PREFIXED does not begin with BAD_PREFIX_",
          "Missing does not exist"));
}

TEST(DescriptorTest, AnEmptyListOfFilesIsNotedAsSuch) {
  Checker checker("proto/slipway/v1/descriptors.bin");
  EXPECT_EQ(checker.Check("slipway.v0", {}), 0);
}

}  // namespace
}  // namespace slipway
