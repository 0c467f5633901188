// The engine in memory, and one webhook that is told what it decides:
//
//   webhook http://127.0.0.1:9000/ secret.txt

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "slipway/adapters/curl/curl_client.h"
#include "slipway/adapters/memory/memory_delivery_queue.h"
#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/adapters/webhook/webhook_sender.h"
#include "slipway/runner/runner.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: webhook URL SECRET_FILE\n";
    return 2;
  }
  std::ifstream file(argv[2]);
  std::string secret;
  std::getline(file, secret);
  if (!secret.empty() && secret.back() == '\r') secret.pop_back();
  if (secret.empty()) {
    std::cerr << argv[2] << " has no secret in its first line\n";
    return 1;
  }

  // Store and queue of one database, in your own program.
  slipway::MemoryStore store;
  slipway::MemoryDeliveryQueue queue(&store);
  slipway::SystemClock clock;
  slipway::MemoryIds ids;
  slipway::CurlClient http;
  slipway::Runner runner({&store, nullptr, &clock, &ids});

  slipway::WebhookOptions options;
  options.hooks.push_back({argv[1], secret, {}});
  options.api_url = "https://git.example.org";
  // The receiver of this example is on this machine.
  options.allow_private_addresses = true;
  const auto sender = slipway::WebhookSender::Create(
      {&queue, &store, &store, &http, &clock}, options);
  if (!sender.ok()) {
    std::cerr << sender.status() << "\n";
    return 1;
  }
  const absl::Status started = (*sender)->Start();
  if (!started.ok()) {
    std::cerr << started << "\n";
    return 1;
  }

  slipway::v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name("hello-world");
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  const auto run = [&] {
    const auto decision = runner.Execute(command);
    if (!decision.ok()) std::cerr << decision.status() << "\n";
    // It would go out without this, a quarter of a second later.
    (*sender)->Wake();
  };
  command.mutable_put_repository()->set_id(1296269);
  command.mutable_put_repository()->set_default_branch("main");
  run();
  command.mutable_put_ref()->set_name("main");
  command.mutable_put_ref()->set_type(slipway::v1::REF_TYPE_BRANCH);
  command.mutable_put_ref()->set_sha(std::string(40, 'a'));
  run();
  command.mutable_create_deployment()->set_ref("main");
  run();
  command.mutable_create_status()->set_deployment_id(1);
  command.mutable_create_status()->set_state(slipway::v1::STATUS_STATE_SUCCESS);
  run();

  // A server would go on; this one ends when all is told, or soon.
  const int64_t hook = (*sender)->hooks().front().id;
  for (int i = 0; i < 1000 && (queue.CountPending(hook).value_or(1) > 0 ||
                               (*sender)->ListDeliveries({hook})->size() < 2);
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  (*sender)->Stop();
  const auto deliveries = (*sender)->ListDeliveries({hook});
  if (!deliveries.ok()) return 1;
  for (const slipway::Delivery& delivery : *deliveries) {
    std::cout << "delivery " << delivery.id << ":";
    for (const slipway::DeliveryAttempt& attempt : delivery.attempts) {
      std::cout << " " << attempt.status_code << attempt.error;
    }
    std::cout << "\n";
  }
  return queue.CountPending(hook).value_or(1) > 0 ? 1 : 0;
}
