// Compares testdata/transcripts with what the engine says, and tests the
// language that they are written in.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "testdata/files.h"
#include "testdata/transcript.h"

namespace slipway {
namespace testdata {
namespace {

TEST(TranscriptsTest, AreUpToDate) {
  for (const std::string& path : FilesIn("testdata/transcripts", ".txt")) {
    const std::string text = ReadFile(path);
    EXPECT_NE(text.find("\n----\n"), std::string::npos) << path << " is empty";
    const absl::StatusOr<std::string> rewritten = RewriteTranscript(text);
    ASSERT_TRUE(rewritten.ok()) << path << ": " << rewritten.status();
    EXPECT_EQ(text, *rewritten)
        << path << " is out of date. If the engine is right, run\n"
        << "  ./bazelw run //testdata:rewrite_transcripts";
  }
}

TEST(RewriteTranscriptTest, ReplacesOutputsOnly) {
  const absl::StatusOr<std::string> rewritten = RewriteTranscript(
      "# A comment.\n"
      "branch main a1\n"
      "----\n"
      "whatever\n"
      "stood here\n"
      "\n"
      "# Another.\n"
      "show\n"
      "----\n");
  ASSERT_TRUE(rewritten.ok()) << rewritten.status();
  EXPECT_EQ(*rewritten,
            "# A comment.\n"
            "branch main a1\n"
            "----\n"
            "REF_PUT by R6 R81\n"
            "\n"
            "# Another.\n"
            "show\n"
            "----\n"
            "nothing\n");
}

TEST(RewriteTranscriptTest, SaysWhatMakesNoSense) {
  for (const char* text : {
           "sail away\n----\n",
           "----\n",
           "show\n",
           "show me\n----\n",
           "deploy\n----\n",
           "deploy main speed=high\n----\n",
           "deploy main auto_merge=perhaps\n----\n",
           "deploy main merge=perhaps\n----\n",
           "status one success\n----\n",
           "status 1 splendid\n----\n",
           "context a1 ci splendid\n----\n",
           "rules deletion_scope=WORLD\n----\n",
           "limits patience_max=1\n----\n",
           "wait a minute\n----\n",
           "wait -1s\n----\n",
       }) {
    const absl::Status status = RewriteTranscript(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace testdata
}  // namespace slipway
