// `Decide` into a message that is used again allocates nothing once the message
// has grown to its size.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "engine/core/testing.h"
#include "gtest/gtest.h"
#include "slipway/core/decide.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

// Every other form of `new` and `delete` ends up in these, but for the aligned
// ones, which no message needs.
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace slipway {
namespace {

using internal::AskCreateDeployment;
using internal::AskCreateStatus;
using internal::AskDeleteDeployment;
using internal::Asked;
using internal::AskOfRepository;
using internal::MergeText;

// Long enough not to fit into a std::string itself.
constexpr char kLong[] = "a name that is longer than any small string";

Asked CreateDeployment() {
  Asked asked = AskCreateDeployment();
  v1::CreateDeployment* request = asked.command.mutable_create_deployment();
  request->set_ref(kLong);
  request->set_task(kLong);
  request->set_environment(kLong);
  request->set_description(kLong);
  request->set_payload_type(v1::PAYLOAD_TYPE_STRING);
  request->set_payload(kLong);
  request->mutable_required_contexts()->add_contexts(kLong);
  v1::CommitContext* context = asked.facts.mutable_ref()->add_contexts();
  context->set_context(kLong);
  context->set_state(v1::COMMIT_CONTEXT_STATE_SUCCESS);
  asked.facts.clear_environment();
  return asked;
}

Asked CreateStatusWithRetirement() {
  Asked asked = AskCreateStatus("state: STATUS_STATE_SUCCESS");
  v1::CreateStatus* request = asked.command.mutable_create_status();
  request->set_description(kLong);
  request->set_environment(kLong);
  request->set_environment_url(std::string("https://") + kLong);
  request->set_target_url(kLong);
  asked.command.mutable_actor()->set_login(kLong);
  for (int id = 40; id < 45; ++id) {
    v1::LiveDeployment* live = asked.facts.add_live_deployments();
    live->set_id(id);
    live->set_environment(kLong);
    live->mutable_creator()->set_login(kLong);
  }
  asked.facts.clear_environment();
  return asked;
}

Asked Invalid() {
  Asked asked = CreateStatusWithRetirement();
  MergeText("state: STATUS_STATE_WAITING environment: '' log_url: '\\377'",
            asked.command.mutable_create_status());
  return asked;
}

Asked ContextsFailed() {
  Asked asked = CreateDeployment();
  v1::CreateDeployment* request = asked.command.mutable_create_deployment();
  request->mutable_required_contexts()->add_contexts(
      "another one that was never submitted");
  return asked;
}

Asked MergeRequired() {
  Asked asked = CreateDeployment();
  asked.facts.mutable_ref()->set_contains_default_branch(false);
  return asked;
}

Asked Malformed() {
  Asked asked = CreateDeployment();
  asked.command.clear_ids();
  asked.command.clear_actor();
  return asked;
}

// The first time; to look at what is kept takes memory for a moment.
Asked WithKeyAndExpectation() {
  Asked asked = CreateStatusWithRetirement();
  asked.command.set_idempotency_key(kLong);
  asked.command.mutable_expectation()->add_latest_status_ids(0);
  return asked;
}

std::vector<Asked> Questions() {
  return {CreateDeployment(),
          CreateStatusWithRetirement(),
          WithKeyAndExpectation(),
          AskDeleteDeployment(),
          Invalid(),
          ContextsFailed(),
          MergeRequired(),
          Malformed(),
          AskOfRepository("put_repository { id: 1 default_branch: 'main' }"),
          AskOfRepository("delete_repository {}")};
}

// How many allocations it takes to answer the questions, one after the other,
// into `decision`.
int64_t AllocationsOf(const std::vector<Asked>& questions,
                      v1::Decision* decision) {
  const int64_t before = allocations;
  for (const Asked& asked : questions) {
    Decide(asked.rules, asked.facts, asked.command, decision);
  }
  return allocations - before;
}

TEST(AllocationTest, TheCounterCounts) {
  const int64_t before = allocations;
  delete new int;
  delete[] new int[100];
  EXPECT_EQ(allocations - before, 2);
  v1::Decision decision;
  EXPECT_GT(AllocationsOf({CreateDeployment()}, &decision), 0);
}

TEST(AllocationTest, NoneForCommandsOfOneKind) {
  for (const Asked& asked : Questions()) {
    const std::vector<Asked> question = {asked};
    v1::Decision decision;
    AllocationsOf(question, &decision);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(AllocationsOf(question, &decision), 0)
          << decision.ShortDebugString();
    }
  }
}

TEST(AllocationTest, NoneForCommandsOfDifferentKinds) {
  // In any order, once each kind has been there.
  const std::vector<Asked> questions = Questions();
  std::vector<Asked> backwards(questions.rbegin(), questions.rend());
  v1::Decision decision;
  AllocationsOf(questions, &decision);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(AllocationsOf(questions, &decision), 0);
    EXPECT_EQ(AllocationsOf(backwards, &decision), 0);
  }
}

}  // namespace
}  // namespace slipway
