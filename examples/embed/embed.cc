#include <iostream>

#include "slipway/adapters/memory/memory_ids.h"
#include "slipway/adapters/memory/memory_store.h"
#include "slipway/adapters/system/system_clock.h"
#include "slipway/runner/runner.h"

int main() {
  slipway::MemoryStore store;
  slipway::SystemClock clock;
  slipway::MemoryIds ids;
  slipway::Runner runner({&store, nullptr, &clock, &ids});

  slipway::v1::Command command;
  command.mutable_repository()->set_owner("octocat");
  command.mutable_repository()->set_name("hello-world");
  command.mutable_actor()->set_id(1);
  command.mutable_actor()->set_login("octocat");
  const auto run = [&] {
    const auto decision = runner.Execute(command);
    if (!decision.ok()) std::cout << decision.status() << "\n";
    if (!decision.ok()) return;
    std::cout << decision->rejection().message();  // empty for a yes
    for (const auto& event : decision->acceptance().events()) {
      std::cout << slipway::v1::EventType_Name(event.type()) << "\n";
    }
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
  command.mutable_delete_deployment()->set_deployment_id(1);
  run();
}
