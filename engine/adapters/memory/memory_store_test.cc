// What the store in memory promises beyond what every store does; that is in
// memory_store_suite_test.cc.

#include "slipway/adapters/memory/memory_store.h"

#include <thread>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace {

TEST(MemoryStoreTest, DecidesOnceOnTheCallersThread) {
  MemoryStore store;
  v1::Command put;
  put.mutable_repository()->set_owner("octo");
  put.mutable_repository()->set_name("app");
  put.mutable_put_repository()->set_id(1);
  v1::Command create;
  *create.mutable_repository() = put.repository();
  create.mutable_create_deployment();
  // Of a repository that it has a place for, and of one that it has not.
  for (const v1::Command& command : {create, put, create}) {
    int calls = 0;
    std::thread::id thread;
    v1::Decision decision;
    const absl::Status status =
        store.Transact({DocumentedRules(), command,
                        [&](const v1::Facts&, v1::Decision*) {
                          ++calls;
                          thread = std::this_thread::get_id();
                          return absl::AbortedError("seen");
                        }},
                       &decision);
    EXPECT_EQ(status, absl::AbortedError("seen"));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(thread, std::this_thread::get_id());
  }
}

TEST(MemoryStoreTest, StoresAreApart) {
  MemoryStore one;
  MemoryStore other;
  v1::Command put;
  put.mutable_put_repository()->set_id(1);
  v1::Decision decision;
  ASSERT_TRUE(one.Transact({DocumentedRules(), put,
                            [](const v1::Facts&, v1::Decision* answer) {
                              v1::Event& event =
                                  *answer->mutable_acceptance()->add_events();
                              event.set_type(v1::EVENT_TYPE_REPOSITORY_PUT);
                              event.mutable_put_repository()->set_id(1);
                              return absl::OkStatus();
                            }},
                           &decision)
                  .ok());
  EXPECT_TRUE(one.FindRepositoryById(1)->has_value());
  EXPECT_FALSE(other.FindRepositoryById(1)->has_value());
  EXPECT_TRUE(other.ReadOutbox({put.repository(), 0, 10})->empty());
}

}  // namespace
}  // namespace slipway
