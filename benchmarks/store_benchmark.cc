// The runner on the store in memory, among few deployments and among many: what
// one costs must not grow with how many there are.
//
// One "pair" is what a delivery costs at the least: a deployment is created,
// and its success retires the one before it. All is done in one hot repository.

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "benchmark/benchmark.h"
#include "slipway/adapters/memory/manual_clock.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/core/rules.h"
#include "slipway/runner/runner.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/repository.pb.h"

namespace slipway {
namespace {

std::string Sha(char digit) { return std::string(40, digit); }

// A store with deployments, half of them from "main" and half from "topic"; all
// succeeded, and so only the newest of each environment is still live.
class Population {
 public:
  Population(int64_t deployments, int64_t repositories)
      : clock_(1700000000000), runner_(Params()) {
    for (int64_t i = 0; i < repositories; ++i) {
      const v1::RepositoryName name = NameOf(i);
      v1::Command command = CommandFor(name);
      command.mutable_put_repository()->set_id(i + 1);
      command.mutable_put_repository()->set_default_branch("main");
      Accept(command);
      for (const bool topic : {false, true}) {
        command = CommandFor(name);
        v1::PutRef& ref = *command.mutable_put_ref();
        ref.set_name(topic ? "topic" : "main");
        ref.set_type(v1::REF_TYPE_BRANCH);
        ref.set_sha(Sha(topic ? 'b' : 'a'));
        ref.set_merge_base_sha(Sha('a'));
        Accept(command);
      }
    }
    // The hot repository has its share, or what a page needs if that is more;
    // the others take turns with the rest.
    const int64_t hot =
        repositories == 1 ? deployments
                          : std::max<int64_t>(100, deployments / repositories);
    int64_t hot_count = 0;
    for (int64_t i = 0; i < deployments; ++i) {
      // Spread over the whole time, so that it is not all in one place.
      const bool is_hot = i * hot / deployments != (i + 1) * hot / deployments;
      if (is_hot) {
        Pair(NameOf(0), hot_count++ % 2 == 1);
      } else {
        Pair(NameOf(1 + i % (repositories - 1)), i % 2 == 1);
      }
    }
  }

  static v1::RepositoryName NameOf(int64_t repository) {
    v1::RepositoryName name;
    name.set_owner("octocat");
    name.set_name(absl::StrCat("repository-", repository));
    return name;
  }

  // Creates a deployment of "main" to "staging" or one of "topic" to "qa", and
  // lets it succeed. Its id.
  int64_t Pair(const v1::RepositoryName& repository, bool topic) {
    v1::Command command = CommandFor(repository);
    v1::CreateDeployment& request = *command.mutable_create_deployment();
    request.set_ref(topic ? "topic" : "main");
    request.set_environment(topic ? "qa" : "staging");
    request.set_task(topic ? "migrate" : "deploy");
    const int64_t id = Accept(command).acceptance().events(0).deployment().id();
    command.mutable_create_status()->set_deployment_id(id);
    command.mutable_create_status()->set_state(v1::STATUS_STATE_SUCCESS);
    retired_ = 0;
    const v1::Decision decision = Accept(command);
    for (const v1::Event& event : decision.acceptance().events()) {
      if (event.status().state() == v1::STATUS_STATE_INACTIVE) {
        retired_ = event.status().deployment_id();
      }
    }
    return id;
  }

  // What the last pair retired; 0 for none.
  int64_t retired() const { return retired_; }

  void Delete(const v1::RepositoryName& repository, int64_t id) {
    v1::Command command = CommandFor(repository);
    command.mutable_delete_deployment()->set_deployment_id(id);
    Accept(command);
  }

  MemoryStore& store() { return store_; }

 private:
  RunnerParams Params() {
    RunnerParams params;
    params.store = &store_;
    params.clock = &clock_;
    params.ids = &ids_;
    params.rules = DocumentedRules();
    return params;
  }

  static v1::Command CommandFor(const v1::RepositoryName& repository) {
    v1::Command command;
    *command.mutable_repository() = repository;
    command.mutable_actor()->set_id(1);
    command.mutable_actor()->set_login("octocat");
    return command;
  }

  v1::Decision Accept(const v1::Command& command) {
    absl::StatusOr<v1::Decision> decision = runner_.Execute(command);
    if (decision.ok() && decision->has_acceptance()) {
      return *std::move(decision);
    }
    std::cerr << command.ShortDebugString() << ": " << decision.status() << " "
              << (decision.ok() ? decision->ShortDebugString() : "") << "\n";
    std::abort();
  }

  MemoryStore store_;
  ManualClock clock_;
  MemoryIds ids_;
  Runner runner_;
  int64_t retired_ = 0;
};

// Each is made once and kept, so that runs can be interleaved.
Population& PopulationOf(const benchmark::State& state) {
  static auto& populations =
      *new std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Population>>();
  std::unique_ptr<Population>& population =
      populations[{state.range(0), state.range(1)}];
  if (population == nullptr) {
    population = std::make_unique<Population>(state.range(0), state.range(1));
  }
  return *population;
}

// What this thread has had of the processor, in seconds: unlike the time of
// day, it does not go on while others have it.
double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

// What is retired is deleted outside of the measured time, so that the store
// stays as large as it says.
void Pair(benchmark::State& state) {
  Population& population = PopulationOf(state);
  const v1::RepositoryName hot = Population::NameOf(0);
  for (auto _ : state) {
    const double begin = ThreadSeconds();
    population.Pair(hot, /*topic=*/false);
    state.SetIterationTime(ThreadSeconds() - begin);
    if (population.retired() == 0) {
      state.SkipWithError("nothing was retired");
      return;
    }
    population.Delete(hot, population.retired());
  }
}

// Thirty of the hot repository, by at most one filter.
void List(benchmark::State& state,
          const Store::ListDeploymentsParams& filters) {
  Population& population = PopulationOf(state);
  Store::ListDeploymentsParams params = filters;
  params.repository = Population::NameOf(0);
  for (auto _ : state) {
    const auto page = population.store().ListDeployments(params);
    if (!page.ok() || !page->has_value() || (*page)->rows.size() != 30) {
      state.SkipWithError("not a full page");
      return;
    }
    benchmark::DoNotOptimize(page);
  }
}

int RegisterAll() {
  struct Filter {
    const char* name;
    Store::ListDeploymentsParams params;
  };
  std::vector<Filter> filters(6);
  filters[0].name = "none";
  filters[1].name = "sha";
  filters[1].params.sha = Sha('a');
  filters[2].name = "ref";
  filters[2].params.ref = "main";
  filters[3].name = "task";
  filters[3].params.task = "deploy";
  filters[4].name = "environment";
  filters[4].params.environment = "Staging";
  filters[5].name = "environment_exact";
  filters[5].params.environment = "staging";
  filters[5].params.environment_match = v1::NAME_MATCH_EXACT;

  for (const int64_t repositories : {1000, 1}) {
    for (const int64_t deployments : {1000, 1000000}) {
      const auto with_args = [&](benchmark::internal::Benchmark* registered) {
        registered->ArgNames({"deployments", "repositories"})
            ->Args({deployments, repositories});
        return registered;
      };
      with_args(benchmark::RegisterBenchmark("Pair", Pair))->UseManualTime();
      for (const Filter& filter : filters) {
        const Store::ListDeploymentsParams params = filter.params;
        with_args(benchmark::RegisterBenchmark(
            absl::StrCat("List/", filter.name).c_str(),
            [params](benchmark::State& state) { List(state, params); }));
      }
    }
  }
  return 0;
}

const int kRegistered = RegisterAll();

}  // namespace
}  // namespace slipway
