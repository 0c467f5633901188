#include "slipway/tests/crash/receiver.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <set>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "slipway/tests/crash/json.h"

namespace crash {
namespace {

std::string SignatureOf(const std::string& body, const std::string& secret) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), mac,
       &size);
  return absl::StrCat("sha256=",
                      absl::BytesToHexString(absl::string_view(
                          reinterpret_cast<const char*>(mac), size)));
}

std::string HeaderOf(const slipway::HttpRequest& request,
                     const std::string& name) {
  const std::string* value = slipway::FindHeader(request.headers, name);
  return value == nullptr ? "" : *value;
}

}  // namespace

Delivery ReadDelivery(const slipway::HttpRequest& request,
                      const std::string& secret) {
  Delivery delivery;
  delivery.event = HeaderOf(request, "X-GitHub-Event");
  delivery.guid = HeaderOf(request, "X-GitHub-Delivery");
  delivery.is_signed = HeaderOf(request, "X-Hub-Signature-256") ==
                       SignatureOf(request.body, secret);
  const auto body = ParseJson(request.body);
  if (!body.has_value()) return delivery;
  delivery.action = FieldOf(*body, "action").string_value();
  delivery.row_id = NumberOf(FieldOf(*body, delivery.event), "id");
  delivery.deployment_id = NumberOf(FieldOf(*body, "deployment"), "id");
  return delivery;
}

absl::StatusOr<std::unique_ptr<Receiver>> Receiver::Start(
    const ReceiverParams& params) {
  auto receiver = absl::WrapUnique(new Receiver(params));
  slipway::HttpServerOptions options;
  options.port = 0;
  auto server = slipway::HttpServer::Start(options, receiver.get());
  if (!server.ok()) return server.status();
  receiver->server_ = *std::move(server);
  return receiver;
}

// Its threads call `Handle`.
Receiver::~Receiver() { server_.reset(); }

std::string Receiver::url() const {
  return absl::StrCat("http://127.0.0.1:", server_->port(), "/hook");
}

std::vector<Delivery> Receiver::Deliveries() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return deliveries_;
}

size_t Receiver::count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return deliveries_.size();
}

size_t Receiver::taken() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::set<std::pair<std::string, int64_t>> taken;
  for (const Delivery& delivery : deliveries_) {
    if (!delivery.was_refused) taken.emplace(delivery.event, delivery.row_id);
  }
  return taken.size();
}

slipway::HttpResponse Receiver::Handle(const slipway::HttpRequest& request) {
  Delivery delivery = ReadDelivery(request, params_.secret);
  slipway::HttpResponse response;
  std::lock_guard<std::mutex> lock(mutex_);
  delivery.was_refused = params_.refuse_one_in > 0 &&
                         deliveries_.size() % params_.refuse_one_in ==
                             static_cast<size_t>(params_.refuse_one_in) - 1;
  if (delivery.was_refused) response.status = 500;
  deliveries_.push_back(std::move(delivery));
  return response;
}

}  // namespace crash
