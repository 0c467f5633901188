#include "slipway/adapters/rest/json_body.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "gtest/gtest.h"

namespace slipway {
namespace internal {
namespace {

std::string Repeated(int count, absl::string_view text) {
  std::string result;
  for (int i = 0; i < count; ++i) absl::StrAppend(&result, text);
  return result;
}

JsonProblem ProblemOf(absl::string_view text, int depth_max = 100) {
  return ParseJsonBody(text, depth_max).problem;
}

TEST(JsonBodyTest, FieldsComeInOrderWithTypesAndText) {
  const std::string text =
      R"({"a":null,"b":true,"c":false,"d":-1.5e3,"e":"\u00e9\n","f":{},"g":[]})";
  const JsonBody body = ParseJsonBody(text, 100);
  ASSERT_EQ(body.problem, JsonProblem::kNone);
  const struct {
    const char* name;
    JsonType type;
    const char* raw;
    const char* decoded;
  } expected[] = {
      // clang-format off
      {"a", JsonType::kNull,   "null",         ""},
      {"b", JsonType::kTrue,   "true",         ""},
      {"c", JsonType::kFalse,  "false",        ""},
      {"d", JsonType::kNumber, "-1.5e3",       ""},
      {"e", JsonType::kString, R"("\u00e9\n")", "\xC3\xA9\n"},
      {"f", JsonType::kObject, "{}",           ""},
      {"g", JsonType::kArray,  "[]",           ""},
      // clang-format on
  };
  ASSERT_EQ(body.fields.size(), std::size(expected));
  for (size_t i = 0; i < body.fields.size(); ++i) {
    SCOPED_TRACE(expected[i].name);
    EXPECT_EQ(body.fields[i].name, expected[i].name);
    EXPECT_EQ(body.fields[i].value.type, expected[i].type);
    EXPECT_EQ(body.fields[i].value.raw, expected[i].raw);
    EXPECT_EQ(body.fields[i].value.text, expected[i].decoded);
  }
}

// Where a value begins and ends is worked out from the parser's position: this
// is what broke first when that was wrong.
TEST(JsonBodyTest, RawTextOfNestedValuesIsExact) {
  const char* values[] = {
      R"({})",
      R"([])",
      R"({ })",
      R"([ 	])",
      R"({"a":{"b":[{"c":[]}]}})",
      R"([[],[[]],{"a":[]}])",
      R"([{"a":1},{"b":2}])",
      R"({"a":"}]","b":"[{\"","c":"\\"})",
      R"({ "a" : [ 1 , 2 ] , "b" : { } })",
      R"([1,"two",null,true,-0.5E-7])",
      R"(12345678901234567890123456789.0)",
      R"("")",
      R"(" , : ")",
      "{\n\t\"a\":\r\n[ ]\n}",
  };
  for (const char* value : values) {
    for (const char* format :
         {R"({"x":$0,"y":1})", R"({"y":1,"x":$0})", "\n{ \"x\" :\t$0 \r\n}\n",
          R"({"y":[$0],"x":$0,"z":{"x":$0}})"}) {
      const std::string text = absl::Substitute(format, value);
      SCOPED_TRACE(text);
      const JsonBody body = ParseJsonBody(text, 100);
      ASSERT_EQ(body.problem, JsonProblem::kNone);
      ASSERT_NE(body.Find("x"), nullptr);
      EXPECT_EQ(body.Find("x")->raw, value);
    }
  }
}

TEST(JsonBodyTest, ElementsOfAnArrayThatIsAskedForAreKeptAndNotWhatIsInThem) {
  const std::string text =
      R"({"list": [ "a" ,[1,["deep"]], {"k":[2]},3,null,"\"" ], "n": 1})";
  const JsonBody body = ParseJsonBody(text, 100, {"n", "list"});
  const JsonValue& list = *body.Find("list");
  EXPECT_EQ(list.raw, R"([ "a" ,[1,["deep"]], {"k":[2]},3,null,"\"" ])");
  ASSERT_EQ(list.elements.size(), 6);
  EXPECT_EQ(list.elements[0].text, "a");
  EXPECT_EQ(list.elements[1].raw, R"([1,["deep"]])");
  EXPECT_TRUE(list.elements[1].elements.empty());
  EXPECT_EQ(list.elements[2].raw, R"({"k":[2]})");
  EXPECT_EQ(list.elements[3].raw, "3");
  EXPECT_EQ(list.elements[4].type, JsonType::kNull);
  EXPECT_EQ(list.elements[5].text, "\"");
  EXPECT_EQ(body.Find("n")->raw, "1");
}

TEST(JsonBodyTest, ElementsOfOtherArraysAreReadAndNotKept) {
  const std::string text =
      R"({"others":["a",[1],{"list":[2]}],"list":["b"],"lists":["c"]})";
  for (const JsonBody& body :
       {ParseJsonBody(text, 100, {"list"}), ParseJsonBody(text, 100)}) {
    EXPECT_EQ(body.problem, JsonProblem::kNone);
    EXPECT_TRUE(body.Find("others")->elements.empty());
    EXPECT_EQ(body.Find("others")->raw, R"(["a",[1],{"list":[2]}])");
    EXPECT_EQ(body.Find("list")->raw, R"(["b"])");
    EXPECT_TRUE(body.Find("lists")->elements.empty());
  }
  EXPECT_EQ(ParseJsonBody(text, 100, {"list"}).Find("list")->elements.size(),
            1u);
  EXPECT_TRUE(ParseJsonBody(text, 100).Find("list")->elements.empty());
  // What is wrong inside of them is still seen.
  EXPECT_EQ(ParseJsonBody(R"({"others":["a",}]})", 100).problem,
            JsonProblem::kNotJson);
}

TEST(JsonBodyTest, AFieldGivenTwiceIsCountedAndTheLastIsFound) {
  const std::string text = R"({"a":1,"\u0061":2,"b":{"a":3}})";
  const JsonBody body = ParseJsonBody(text, 100);
  EXPECT_EQ(body.Count("a"), 2);
  EXPECT_EQ(body.Find("a")->raw, "2");
  EXPECT_EQ(body.Count("c"), 0);
  EXPECT_EQ(body.Find("c"), nullptr);
}

TEST(JsonBodyTest, NothingIsAnEmptyObject) {
  EXPECT_EQ(ProblemOf(""), JsonProblem::kNone);
  EXPECT_TRUE(ParseJsonBody("", 100).fields.empty());
  EXPECT_EQ(ProblemOf(" {} "), JsonProblem::kNone);
}

TEST(JsonBodyTest, WhatIsNoObject) {
  for (const char* text : {"[]", "[{\"a\":1}]", "\"a\"", "1", "null", "true",
                           "false", " [ [ ] ] "}) {
    EXPECT_EQ(ProblemOf(text), JsonProblem::kNotAnObject) << text;
    EXPECT_TRUE(ParseJsonBody(text, 100).fields.empty()) << text;
  }
}

TEST(JsonBodyTest, WhatIsNoJson) {
  const std::string cases[] = {
      " ",
      "{",
      "}",
      "{]",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{,}",
      "{\"a\":1 \"b\":2}",
      "{a:1}",
      "{'a':1}",
      "{} {}",
      "{}x",
      "// {}\n{}",
      "{/**/}",
      "{\"a\":01}",
      "{\"a\":+1}",
      "{\"a\":.5}",
      "{\"a\":1.}",
      "{\"a\":-}",
      "{\"a\":NaN}",
      "{\"a\":Infinity}",
      "{\"a\":0x1}",
      "{\"a\":True}",
      "{\"a\":\"\n\"}",
      "{\"a\":\"\\x\"}",
      "{\"a\":\"\\u00g0\"}",
      "{\"a\":\"\\ud800\"}",
      "{\"a\":\"\\ud800\\u0041\"}",
      "{\"a\":\"\\udc00\"}",
      "{\"a\":[\"\\udc00\"]}",
      "{\"\\udc00\":1}",
      "\xEF\xBB\xBF{}",
      "{\"a\":\"\xFF\"}",
      "{\"a\":\"\xC0\xAF\"}",
      "{\"a\":\"\xED\xA0\x80\"}",
      "{\"a\":\"\xF4\x90\x80\x80\"}",
      std::string("{}\0", 3),
      std::string("{\"a\":\"\0\"}", 9),
      std::string("\0", 1),
      "[",
      "[1,]",
      "\"",
      "tru",
  };
  for (const std::string& text : cases) {
    const JsonBody body = ParseJsonBody(text, 100);
    EXPECT_EQ(body.problem, JsonProblem::kNotJson) << text;
    EXPECT_TRUE(body.fields.empty()) << text;
  }
}

TEST(JsonBodyTest, DepthIsAllowedUpToTheLimit) {
  for (const int depth_max : {1, 2, 3, 100}) {
    SCOPED_TRACE(depth_max);
    // The body itself is the first level.
    const auto arrays = [](int depth) {
      return absl::StrCat("{\"a\":", Repeated(depth - 1, "["), "1",
                          Repeated(depth - 1, "]"), "}");
    };
    const auto objects = [](int depth) {
      return absl::StrCat(Repeated(depth, "{\"a\":"), "1",
                          Repeated(depth, "}"));
    };
    EXPECT_EQ(ProblemOf(arrays(depth_max), depth_max), JsonProblem::kNone);
    EXPECT_EQ(ProblemOf(objects(depth_max), depth_max), JsonProblem::kNone);
    EXPECT_EQ(ProblemOf(arrays(depth_max + 1), depth_max),
              JsonProblem::kNotJson);
    EXPECT_EQ(ProblemOf(objects(depth_max + 1), depth_max),
              JsonProblem::kNotJson);
  }
  EXPECT_EQ(ProblemOf("{}", 0), JsonProblem::kNotJson);
}

TEST(JsonBodyTest, DepthCostsNoStack) {
  const int depth = 1'000'000;
  EXPECT_EQ(ProblemOf(Repeated(depth, "[")), JsonProblem::kNotJson);
  EXPECT_EQ(ProblemOf(absl::StrCat("{\"a\":", Repeated(depth, "["),
                                   Repeated(depth, "]"), "}"),
                      depth + 1),
            JsonProblem::kNone);
}

}  // namespace
}  // namespace internal
}  // namespace slipway
