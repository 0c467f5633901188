// What a `WebhookSender` is told: whom to tell, how often, how long.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_OPTIONS_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "slipway/v1/event.pb.h"

namespace slipway {

// Somebody to tell.
struct WebhookHook {
  // "https://…" or "http://…", without user and password. It is kept by the
  // queue, where operators see it: a secret does not belong into it.
  std::string url;
  // What deliveries are signed with (R82); never empty. It is kept in memory
  // only, and in no log, error, metric or delivery.
  std::string secret;
  // EVENT_TYPE_DEPLOYMENT_CREATED, EVENT_TYPE_STATUS_CREATED; empty: both.
  std::vector<v1::EventType> types;
};

struct WebhookOptions {
  // Each URL once, at most `kHooksMax`.
  std::vector<WebhookHook> hooks;
  static constexpr int64_t kHooksMax = 100;

  // Where the API and the pages of people are served, for the addresses in
  // payloads: "https://git.example.org/api/v3" and "https://git.example.org".
  // An empty `html_url` is the same as `api_url`.
  std::string api_url;
  std::string html_url;

  // Whether addresses that are not public may be told (R106): for tests, and
  // where the receivers are on the host's own network.
  bool allow_private_addresses = false;

  // Of one attempt, from the first byte of the connection to the last of the
  // answer; 1 to 60,000.
  int64_t timeout_ms = 10'000;
  static constexpr int64_t kTimeoutMsMax = 60'000;
  // How many deliveries of one hook are under way at once, each of another
  // deployment; 1 to 64.
  int64_t parallel_max = 4;

  // The wait after a failure: from anything up to `first_wait_ms` after the
  // first, doubled with each, to anything up to `wait_ms_max`.
  int64_t first_wait_ms = 1000;
  int64_t wait_ms_max = 3'600'000;
  // A delivery is given up when its first attempt was so long ago; the last
  // attempt is made then.
  int64_t give_up_after_ms = int64_t{3} * 24 * 3'600'000;
  // For how long deliveries are kept once they could have been given up. It
  // counts from when they were enqueued: a delivery is forgotten when
  // `give_up_after_ms + kept_ms` have passed and it is not pending.
  int64_t kept_ms = int64_t{3} * 24 * 3'600'000;

  // How often to look for what is new, or due, without a `Wake`.
  int64_t poll_ms = 250;
  // How often to forget old deliveries and to set the gauges.
  int64_t housekeeping_ms = 5000;
  // For how long a delivery is this sender's while it is under way; longer than
  // `timeout_ms` by the margin at least, so that no other sends it meanwhile.
  // After a crash it is sent again when this has passed.
  int64_t lease_ms = 60'000;
  static constexpr int64_t kLeaseMarginMs = 5000;
  static constexpr int64_t kLeaseMsMax = int64_t{366} * 24 * 3'600'000;
  // How long `Stop` waits for calls in flight before it ends them.
  int64_t stop_wait_ms = 10'000;

  // Of the waits; 0: a random one.
  uint64_t seed = 0;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_WEBHOOK_OPTIONS_H_
