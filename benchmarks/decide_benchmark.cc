// One decision by the core alone, into a message that is used again.

#include <string>

#include "benchmark/benchmark.h"
#include "slipway/core/decide.h"
#include "slipway/core/rules.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/rules.pb.h"

namespace slipway {
namespace {

// What every command brings.
v1::Command CommandOfAnyKind() {
  v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name("hello-world");
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  command.set_time_ms(1700000000000);
  command.mutable_ids()->set_first(1000000);
  command.mutable_ids()->set_count(1000);
  return command;
}

v1::Facts FactsOfAnyKind() {
  v1::Facts facts;
  facts.mutable_repository()->set_id(1);
  facts.mutable_repository()->set_owner("octocat");
  facts.mutable_repository()->set_name("hello-world");
  facts.mutable_repository()->set_default_branch("main");
  facts.mutable_environment()->set_id(2);
  facts.mutable_environment()->set_name("staging");
  facts.set_last_id(999999);
  return facts;
}

void Measure(benchmark::State& state, const v1::Facts& facts,
             const v1::Command& command, bool accepted) {
  const v1::Rules rules = DocumentedRules();
  v1::Decision decision;
  for (auto _ : state) {
    Decide(rules, facts, command, &decision);
    benchmark::DoNotOptimize(decision);
  }
  if (decision.has_acceptance() != accepted) {
    state.SkipWithError(decision.ShortDebugString().c_str());
  }
}

void DecideCreateDeployment(benchmark::State& state) {
  v1::Command command = CommandOfAnyKind();
  command.mutable_create_deployment()->set_ref("main");
  command.mutable_create_deployment()->set_environment("staging");
  v1::Facts facts = FactsOfAnyKind();
  facts.mutable_ref()->set_form(v1::REF_FORM_BRANCH);
  facts.mutable_ref()->set_sha(std::string(40, 'a'));
  facts.mutable_ref()->set_contains_default_branch(true);
  Measure(state, facts, command, /*accepted=*/true);
}
BENCHMARK(DecideCreateDeployment);

// A success that retires as many as the argument says.
void DecideSuccess(benchmark::State& state) {
  v1::Command command = CommandOfAnyKind();
  command.mutable_create_status()->set_deployment_id(5000);
  command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
  v1::Facts facts = FactsOfAnyKind();
  facts.mutable_deployment()->set_id(5000);
  facts.mutable_deployment()->set_environment("staging");
  for (int64_t i = 0; i < state.range(0); ++i) {
    v1::LiveDeployment& live = *facts.add_live_deployments();
    live.set_id(1000 + i);
    live.set_environment("staging");
    live.set_task("deploy");
  }
  Measure(state, facts, command, /*accepted=*/true);
}
BENCHMARK(DecideSuccess)->ArgName("retires")->Arg(0)->Arg(1)->Arg(100);

void DecideDeleteDeployment(benchmark::State& state) {
  v1::Command command = CommandOfAnyKind();
  command.mutable_delete_deployment()->set_deployment_id(5000);
  v1::Facts facts = FactsOfAnyKind();
  facts.mutable_deployment()->set_id(5000);
  Measure(state, facts, command, /*accepted=*/true);
}
BENCHMARK(DecideDeleteDeployment);

void DecideRefNotFound(benchmark::State& state) {
  v1::Command command = CommandOfAnyKind();
  command.mutable_create_deployment()->set_ref("nowhere");
  Measure(state, FactsOfAnyKind(), command, /*accepted=*/false);
}
BENCHMARK(DecideRefNotFound);

}  // namespace
}  // namespace slipway
