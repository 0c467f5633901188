// How many steps a second the kit makes in process, on one core: operations
// generated, applied to the engine and to the oracle, and compared. The items
// are steps; the look at everything that ends each sequence is part of them.
//
//   ./bazelw run -c opt //engine/conformance:kit_benchmark

#include <cstdint>

#include "benchmark/benchmark.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"

namespace slipway {
namespace conformance {
namespace {

void BM_Steps(benchmark::State& state) {
  InProcessSubject subject({DocumentedProfile().rules(), {}});
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 100;
  int64_t steps = 0;
  int64_t sequences = 0;
  for (auto _ : state) {
    ++options.seed;
    const v1::Report report = Run(options, subject);
    if (report.verdict() != v1::VERDICT_CONFORMS) {
      state.SkipWithError("the engine does not conform");
      return;
    }
    steps += report.steps();
    sequences += report.sequences();
  }
  state.SetItemsProcessed(steps);
  state.counters["sequences"] = benchmark::Counter(
      static_cast<double>(sequences), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Steps)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace conformance
}  // namespace slipway
