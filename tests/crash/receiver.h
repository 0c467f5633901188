// A hook of the servers under test, inside of the tester, so that it survives
// them.

#ifndef TESTS_CRASH_RECEIVER_H_
#define TESTS_CRASH_RECEIVER_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slipway/adapters/http/server.h"
#include "slipway/ports/http.h"
#include "slipway/tests/crash/checks.h"

namespace crash {

struct ReceiverParams {
  std::string secret;
  // Answers 500 to one arrival in so many; 0: to none.
  int refuse_one_in = 0;
};

// Thread-safe.
class Receiver : public slipway::HttpHandler {
 public:
  static absl::StatusOr<std::unique_ptr<Receiver>> Start(
      const ReceiverParams& params);
  ~Receiver() override;

  std::string url() const;
  // In the order of their arrival.
  std::vector<Delivery> Deliveries() const;
  size_t count() const;
  // Different events that were taken.
  size_t taken() const;

  slipway::HttpResponse Handle(const slipway::HttpRequest& request) override;

 private:
  explicit Receiver(ReceiverParams params) : params_(std::move(params)) {}

  const ReceiverParams params_;
  mutable std::mutex mutex_;
  std::vector<Delivery> deliveries_;
  std::unique_ptr<slipway::HttpServer> server_;
};

// What one request of a hook says.
Delivery ReadDelivery(const slipway::HttpRequest& request,
                      const std::string& secret);

}  // namespace crash

#endif  // TESTS_CRASH_RECEIVER_H_
