// What the tests of the REST surface share: a handler over everything in
// memory, at a time that stands still. Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_REST_TESTING_H_
#define SLIPWAY_ENGINE_ADAPTERS_REST_TESTING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_source_control.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/rest/rest_handler.h"
#include "slipway/core/rules.h"
#include "slipway/ports/http.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/actor.pb.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/seed.pb.h"

namespace slipway {
namespace internal {

// 2012-07-20T01:19:13Z.
inline constexpr int64_t kTestTimeMs = 1342747153000;

// The branches "behind" and "conflict" lack main's newest commit; "red" has a
// context that failed.
inline constexpr char kTestSeed[] = R"pb(
  repositories {
    repository {
      id: 1296269
      owner: "octocat"
      name: "Hello-World"
      default_branch: "main"
      visibility: REPOSITORY_VISIBILITY_PUBLIC
    }
    commits { sha: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
    commits {
      sha: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      parent_shas: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    }
    commits {
      sha: "cccccccccccccccccccccccccccccccccccccccc"
      parent_shas: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    }
    commits {
      sha: "dddddddddddddddddddddddddddddddddddddddd"
      parent_shas: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      contexts { context: "build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "test" state: COMMIT_CONTEXT_STATE_FAILURE }
    }
    refs {
      ref {
        name: "main"
        type: REF_TYPE_BRANCH
        sha: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      }
    }
    refs {
      ref {
        name: "behind"
        type: REF_TYPE_BRANCH
        sha: "cccccccccccccccccccccccccccccccccccccccc"
      }
    }
    refs {
      ref {
        name: "conflict"
        type: REF_TYPE_BRANCH
        sha: "cccccccccccccccccccccccccccccccccccccccc"
      }
      conflicts: true
    }
    refs {
      ref {
        name: "red"
        type: REF_TYPE_BRANCH
        sha: "dddddddddddddddddddddddddddddddddddddddd"
      }
    }
  }
)pb";

inline std::unique_ptr<MemorySourceControl> TestSourceControl() {
  v1::Seed seed;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kTestSeed, &seed));
  absl::StatusOr<std::unique_ptr<MemorySourceControl>> source_control =
      MemorySourceControl::Create(seed);
  EXPECT_TRUE(source_control.ok()) << source_control.status();
  return *std::move(source_control);
}

inline v1::Actor Octocat() {
  v1::Actor actor;
  actor.set_id(1);
  actor.set_login("octocat");
  actor.set_type(v1::ACTOR_TYPE_USER);
  return actor;
}

// The value of a header; empty where there is none.
inline std::string Header(const HttpResponse& response,
                          absl::string_view name) {
  const std::string* value = FindHeader(response.headers, name);
  return value == nullptr ? "" : *value;
}

// octocat/Hello-World with a handler in front. What tests want otherwise they
// change before `Start`.
class RestWorld {
 public:
  void Start() {
    source_control_ = TestSourceControl();
    runner_ = std::make_unique<Runner>(
        RunnerParams{&store, source_control_.get(), &clock, &ids_, rules});
    v1::Command command;
    command.mutable_repository()->set_owner("octocat");
    command.mutable_repository()->set_name("Hello-World");
    *command.mutable_actor() = Octocat();
    command.mutable_put_repository()->set_id(1296269);
    command.mutable_put_repository()->set_default_branch("main");
    const absl::StatusOr<v1::Decision> decision = runner_->Execute(command);
    ASSERT_TRUE(decision.ok()) << decision.status();
    ASSERT_TRUE(decision->has_acceptance()) << decision->DebugString();
    rest_ = std::make_unique<RestHandler>(
        RestParams{runner_.get(), &store, dialect, base_url, actor});
  }

  HttpResponse Send(absl::string_view method, absl::string_view target,
                    absl::string_view body = "",
                    std::vector<HttpHeader> headers = {
                        {"Host", "api.example.org"}}) {
    HttpRequest request;
    request.method = std::string(method);
    request.target = std::string(target);
    request.headers = std::move(headers);
    request.body = std::string(body);
    request.id = "1:2:3";
    return SendAs(request);
  }
  HttpResponse SendAs(const HttpRequest& request) {
    return rest_->Handle(request);
  }

  RestDialect dialect = RestDialect::kGitHub;
  std::string base_url;
  v1::Actor actor = Octocat();
  v1::Rules rules = DocumentedRules();
  ManualClock clock{kTestTimeMs};
  MemoryStore store;

 private:
  std::unique_ptr<MemorySourceControl> source_control_;
  MemoryIds ids_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<RestHandler> rest_;
};

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_REST_TESTING_H_
