#include "slipway/adapters/webhook/payload.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "slipway/adapters/webhook/signature.h"
#include "slipway/v1/deployment.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/wire/json_writer.h"

namespace slipway {
namespace internal {
namespace {

constexpr char kUserAgent[] = "GitHub-Hookshot/slipway";

void WriteEnd(const WebhookMessageParams& params, JsonWriter& json) {
  json.NullField("workflow");
  json.NullField("workflow_run");
  json.Name("repository");
  WriteRepository(params.base, params.repository, json);
  json.Name("sender");
  WriteUser(params.base, params.delivery.entry.event.actor(), json);
}

}  // namespace

absl::StatusOr<WebhookMessage> MessageFor(const WebhookMessageParams& params) {
  const OutboxEntry& entry = params.delivery.entry;
  const v1::Event& event = entry.event;
  WebhookMessage message;
  JsonWriter json(&message.body);
  json.Open('{');
  json.Field("action", "created");
  if (event.type() == v1::EVENT_TYPE_DEPLOYMENT_CREATED &&
      event.has_deployment()) {
    message.event = "deployment";
    json.Name("deployment");
    WriteDeployment(params.base, params.repository, event.deployment(), json);
  } else if (event.type() == v1::EVENT_TYPE_STATUS_CREATED &&
             event.has_status() && entry.deployment.has_value()) {
    message.event = "deployment_status";
    json.Name("deployment_status");
    WriteStatus(params.base, params.repository, event.status(), json);
    json.Name("deployment");
    WriteDeployment(params.base, params.repository, *entry.deployment, json);
    json.NullField("check_run");
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("no webhook tells of an event ",
                     v1::EventType_Name(event.type()), " like this one"));
  }
  WriteEnd(params, json);
  json.Close('}');
  message.headers = {
      {"Content-Type", "application/json"},
      {"User-Agent", kUserAgent},
      {"Accept", "*/*"},
      {"X-GitHub-Event", message.event},
      {"X-GitHub-Delivery", params.delivery.guid},
      {"X-GitHub-Hook-ID", absl::StrCat(params.delivery.hook_id)},
      {"X-GitHub-Hook-Installation-Target-Type", "repository"},
      {"X-GitHub-Hook-Installation-Target-ID",
       absl::StrCat(params.repository.id())},
      {"X-Hub-Signature-256", SignatureOf(params.secret, message.body)},
  };
  return message;
}

}  // namespace internal
}  // namespace slipway
