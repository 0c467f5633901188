// What a delivery costs beside the network and a durable queue.

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "benchmark/benchmark.h"
#include "slipway/adapters/webhook/payload.h"
#include "slipway/adapters/webhook/testing.h"
#include "slipway/adapters/webhook/webhook_sender.h"

namespace slipway {
namespace internal {
namespace {

// Body, headers and signature of one status.
void BM_Message(benchmark::State& state) {
  TestEngine engine;
  engine.Report(engine.Deploy(), v1::STATUS_STATE_SUCCESS);
  Delivery delivery;
  delivery.guid = "0b989ba4-242f-11e5-81e1-c7b6966d2516";
  const auto entries = *engine.store.ReadAll({0, 100});
  delivery.entry = entries.back();
  const auto repository =
      **engine.store.FindRepository(TestEngine::CommandOn().repository());
  const BaseUrls base{"https://git.example.org", "https://git.example.org"};
  for (auto _ : state) {
    benchmark::DoNotOptimize(MessageFor({base, repository, delivery, kSecret}));
  }
}
BENCHMARK(BM_Message);

// From the stream to what is recorded, on one thread, for a receiver that takes
// no time.
void BM_SendDue(benchmark::State& state) {
  constexpr int kDeliveries = 100;
  TestEngine engine;
  class Taking : public HttpClient {
    absl::StatusOr<HttpResponse> Send(const HttpCall& /*call*/) override {
      return HttpResponse();
    }
  };
  Taking client;
  const auto sender =
      *WebhookSender::Create({&engine.queue, &engine.store, &engine.store,
                              &client, &engine.clock, nullptr},
                             OptionsFor({"https://a.example/"}));
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < kDeliveries; ++i) engine.Deploy();
    state.ResumeTiming();
    benchmark::DoNotOptimize(sender->SendDue());
  }
  state.SetItemsProcessed(state.iterations() * kDeliveries);
}
BENCHMARK(BM_SendDue);

// From `Wake` to the call, over two threads.
void BM_WakeToCall(benchmark::State& state) {
  TestEngine engine;
  class Noting : public HttpClient {
   public:
    absl::StatusOr<HttpResponse> Send(const HttpCall& /*call*/) override {
      called->set_value();
      return HttpResponse();
    }
    std::promise<void>* called = nullptr;
  };
  Noting client;
  WebhookOptions options = OptionsFor({"https://a.example/"});
  options.poll_ms = 3'600'000;
  const auto sender =
      *WebhookSender::Create({&engine.queue, &engine.store, &engine.store,
                              &client, &engine.clock, nullptr},
                             options);
  if (!sender->Start().ok()) state.SkipWithError("no threads");
  for (auto _ : state) {
    state.PauseTiming();
    std::promise<void> called;
    client.called = &called;
    engine.Deploy();
    state.ResumeTiming();
    sender->Wake();
    called.get_future().wait();
    state.PauseTiming();
    while (*engine.queue.CountPending(1) > 0) std::this_thread::yield();
    state.ResumeTiming();
  }
  sender->Stop();
}
BENCHMARK(BM_WakeToCall)->UseRealTime();

}  // namespace
}  // namespace internal
}  // namespace slipway
