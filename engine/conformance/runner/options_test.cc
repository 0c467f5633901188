#include "slipway/conformance/runner/options.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace slipway {
namespace conformance {
namespace {

using testing::HasSubstr;

TEST(ParseOptions, ReadsAllOfAUsualCommand) {
  const auto options = ParseOptions({"--url=http://127.0.0.1:8080/",
                                     "--repository=octocat/hello-world",
                                     "--ref=trunk",
                                     "--token",
                                     "t",
                                     "--profile=observed",
                                     "--sequences=5",
                                     "--steps",
                                     "6",
                                     "--seed=18446744073709551615",
                                     "--clients=3",
                                     "--junit=a",
                                     "--json=b",
                                     "--html=c",
                                     "--known_failures=d",
                                     "--update_known_failures",
                                     "--reach_all",
                                     "--history=e",
                                     "--save_failures=g",
                                     "--step_timeout_ms=7"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->url, "http://127.0.0.1:8080");
  EXPECT_EQ(options->owner, "octocat");
  EXPECT_EQ(options->repository, "hello-world");
  EXPECT_EQ(options->ref, "trunk");
  EXPECT_EQ(options->token, "t");
  EXPECT_EQ(options->profile, "observed");
  EXPECT_EQ(options->sequences, 5);
  EXPECT_EQ(options->steps, 6);
  EXPECT_EQ(options->seed, 18446744073709551615U);
  EXPECT_EQ(options->clients, 3);
  EXPECT_EQ(options->junit, "a");
  EXPECT_EQ(options->json, "b");
  EXPECT_EQ(options->html, "c");
  EXPECT_EQ(options->known_failures, "d");
  EXPECT_TRUE(options->update_known_failures);
  EXPECT_TRUE(options->reach_all);
  EXPECT_EQ(options->history, "e");
  EXPECT_EQ(options->save_failures, "g");
  EXPECT_EQ(options->step_timeout_ms, 7);
}

TEST(ParseOptions, HasDefaults) {
  const auto options = ParseOptions({"--in_process"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->sequences, 200);
  EXPECT_EQ(options->steps, 30);
  EXPECT_EQ(options->clients, 1);
  EXPECT_FALSE(options->seed.has_value());
  EXPECT_FALSE(options->help);
}

TEST(ParseOptions, AnAtSignAfterTheHostIsNoUser) {
  const auto options = ParseOptions({"--url=http://x/a@b", "--repository=a/b"});
  EXPECT_TRUE(options.ok()) << options.status();
}

TEST(ParseOptions, AServerThatIsStartedHasAUrl) {
  const auto options =
      ParseOptions({"--server=x {port_file}", "--repository=a/b"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->url, "http://127.0.0.1:{port}");
}

TEST(ParseOptions, AServerThatAsksForAWebhookUrlHasOne) {
  const auto plain = ParseOptions({"--server=x", "--repository=a/b"});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->webhook_listen, "");
  const auto asks =
      ParseOptions({"--server=x --to={webhook_url}", "--repository=a/b",
                    "--webhook_secret_file=s", "--webhook_timeout_ms=7"});
  ASSERT_TRUE(asks.ok()) << asks.status();
  EXPECT_EQ(asks->webhook_listen, "127.0.0.1:0");
  EXPECT_EQ(asks->webhook_secret_file, "s");
  EXPECT_EQ(asks->webhook_timeout_ms, 7);
}

TEST(ParseOptions, SaysInOneLineWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    const char* error;
  } cases[] = {
      {{},
       "give one of --url, --server, --subprocess and --in_process; --help "
       "shows all options"},
      {{"--in_process", "--subprocess=x"},
       "give one of --url, --server, --subprocess and --in_process; --help "
       "shows all options"},
      {{"x"}, "unexpected argument 'x'"},
      {{"--nonsense=1"},
       "there is no option --nonsense; --help shows all options"},
      {{"--=1"}, "there is no option --; --help shows all options"},
      {{"--url"}, "--url needs a value"},
      {{"--url="}, "--url is empty"},
      {{"--url=ftp://x", "--repository=a/b"},
       "--url begins with http:// or https://"},
      {{"--url=https://user:hush@x", "--repository=a/b"},
       "--url has a user in it: give a token by --token_file"},
      {{"--url=https://hush@x/api", "--repository=a/b"},
       "--url has a user in it: give a token by --token_file"},
      {{"--url=http://x", "--repository=a/b", "--ref=c", "--fixtures=d"},
       "give one of --ref and --fixtures, not both"},
      {{"--in_process", "--ref=c"},
       "--repository, --ref, --fixtures, --token, --token_file, "
       "--webhook_listen and --webhook_secret_file are for --url and "
       "--server"},
      {{"--url=http://x"}, "--repository is missing: the server's OWNER/NAME"},
      {{"--url=http://x", "--repository=a"}, "--repository is OWNER/NAME"},
      {{"--url=http://x", "--repository=a/b/c"}, "--repository is OWNER/NAME"},
      {{"--in_process", "--sequences=many"},
       "--sequences is a number from 1 to 1000000000"},
      {{"--in_process", "--clients=5"}, "--clients is a number from 1 to 4"},
      {{"--in_process", "--seed=-1"}, "--seed is a number from 0 on"},
      {{"--in_process=maybe"}, "--in_process is true or false"},
      {{"--in_process", "--token=hush"},
       "--repository, --ref, --fixtures, --token, --token_file, "
       "--webhook_listen and "
       "--webhook_secret_file are for --url and --server"},
      {{"--url=http://x", "--repository=a/b", "--webhook_secret_file=y"},
       "--webhook_secret_file needs --webhook_listen"},
      {{"--url=http://x", "--repository=a/b", "--token=x", "--token_file=y"},
       "give one of --token and --token_file, not both"},
      {{"--in_process", "--update_known_failures"},
       "--update_known_failures needs --known_failures, the file to write"},
      {{"--in_process", "--history=x"},
       "--history needs --clients of 2 or more"},
  };
  for (const auto& c : cases) {
    const auto options = ParseOptions(c.arguments);
    EXPECT_EQ(options.status().message(), c.error);
  }
}

TEST(Usage, NamesEveryOption) {
  EXPECT_TRUE(ParseOptions({"--help"})->help);
  for (const char* name :
       {"--url=URL", "--repository=OWNER/NAME", "--token_file=FILE",
        "--update_known_failures\n", "--save_failures=DIRECTORY"}) {
    EXPECT_THAT(Usage(), HasSubstr(name));
  }
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
