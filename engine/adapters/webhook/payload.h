// What a webhook sends for an event (R80, R82). Not for users.

#ifndef SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_PAYLOAD_H_
#define SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_PAYLOAD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "slipway/ports/delivery_queue.h"
#include "slipway/ports/http.h"
#include "slipway/v1/repository.pb.h"
#include "slipway/wire/resources.h"

namespace slipway {
namespace internal {

struct WebhookMessage {
  // "deployment" or "deployment_status".
  std::string event;
  std::vector<HttpHeader> headers;
  // One line of JSON.
  std::string body;
};

struct WebhookMessageParams {
  const BaseUrls& base;
  // As it was at the time of the event.
  const v1::Repository& repository;
  const Delivery& delivery;
  // Of the hook.
  absl::string_view secret;
};

// Pure: equal arguments, equal bytes, so that every attempt sends the same.
//
// INVALID_ARGUMENT: others are not told of such an event, or it lacks what they
//   are told.
absl::StatusOr<WebhookMessage> MessageFor(const WebhookMessageParams& params);

}  // namespace internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_WEBHOOK_PAYLOAD_H_
