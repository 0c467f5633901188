// A server under test: the conformance kit's calls, over HTTP, as GitHub's REST
// API has them.
//
//   slipway::CurlClient client;
//   slipway::conformance::HttpSubjectOptions options;
//   options.client = &client;
//   options.url = "http://127.0.0.1:8080";
//   options.owner = "octocat";
//   options.repository = "hello-world";
//   slipway::conformance::HttpSubject subject(options);

#ifndef SLIPWAY_ENGINE_CONFORMANCE_HTTP_HTTP_SUBJECT_H_
#define SLIPWAY_ENGINE_CONFORMANCE_HTTP_HTTP_SUBJECT_H_

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/conformance/http/webhook_receiver.h"
#include "slipway/conformance/subject.h"
#include "slipway/ports/http_client.h"

namespace slipway {
namespace conformance {

struct HttpSubjectOptions {
  // Not owned; must outlive the subject.
  HttpClient* client = nullptr;
  // Where the API begins, without a slash at the end:
  // "https://api.example.org", or "https://git.example.org/api/v3".
  std::string url;
  std::string owner;
  std::string repository;
  // Sent as `Authorization: Bearer …`; empty: nothing is sent. It is in nothing
  // that the subject gives out.
  std::string token;
  // The refs of the repository, and the login of the token's owner. Other
  // capabilities are the subject's to say.
  v1::Capabilities known;
  // For one call.
  int64_t timeout_ms = 10'000;

  // Where the server under test sends its webhooks: they are then compared with
  // what was done (R80, R82). Not owned; must outlive the subject. nullptr:
  // nobody listens.
  WebhookReceiver* webhooks = nullptr;
  // How long those that are to come are waited for; after one that did not, at
  // most ten times as long as the others took.
  int64_t webhook_timeout_ms = 5'000;
  // How long it is then waited for what is not to come.
  int64_t webhook_settle_ms = 50;
};

// Tells what was made apart from what was there before: a reset deletes what
// the subject's own calls have made since the last one, the newest first, after
// making active ones inactive.
//
// Thread-safe. An answer with a body that is no JSON is an answer with its code
// and nothing else, and the exchange shows it.
class HttpSubject : public SubjectUnderTest {
 public:
  explicit HttpSubject(HttpSubjectOptions options);

  absl::StatusOr<v1::Capabilities> Describe() override;
  absl::StatusOr<std::string> Reset() override;
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override;
  // What the webhooks said that were not about deployments of before the last
  // reset.
  absl::StatusOr<v1::NotificationsResponse> Notifications(
      const v1::NotificationsRequest& request) override;
  // A line of `curl`; the token is `$TOKEN`.
  std::string DescribeCall(const v1::Operation& operation) override;

 private:
  HttpCall CallOf(const v1::Operation& operation) const;
  // Whether the deployment is gone.
  absl::StatusOr<bool> Delete(int64_t deployment_id);
  // Those of `deliveries` that are about what was made since the last reset.
  v1::NotificationsResponse Told(
      const WebhookReceiver::Deliveries& deliveries) const;

  const HttpSubjectOptions options_;
  std::mutex mutex_;
  // Of the deployments made since the last reset, in the order of the answers.
  std::vector<int64_t> made_;
  // Those made before it.
  std::set<int64_t> earlier_;
  // How long webhooks are waited for, and were.
  int64_t patience_ms_;
  int64_t longest_wait_ms_ = 0;
};

}  // namespace conformance
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_CONFORMANCE_HTTP_HTTP_SUBJECT_H_
