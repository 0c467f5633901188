// One peer's connection: reads requests, has them answered, sends the answers,
// and keeps every wait on a deadline.
//
//   auto connection = std::make_shared<Connection>(std::move(socket), &host);
//   connection->Start();  // from here on it keeps itself alive
//
// It is always in one phase, and everything in it runs on the socket's
// executor, one step at a time; only the handler runs elsewhere:
//
//   idle ─► header ─► body ─► handling ─► writing ─► idle …
//               └───────┴─ refused ─────────┘  └──► lingering ─► closed

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_H_

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "slipway/adapters/http/connection_table.h"
#include "slipway/adapters/http/request_parser.h"
#include "slipway/adapters/http/response_head.h"
#include "slipway/adapters/http/server_options.h"
#include "slipway/adapters/http/worker_pool.h"
#include "slipway/ports/http.h"

namespace slipway {
namespace http_internal {

// What connections share and know of their server.
struct ConnectionHost {
  ConnectionHost(const HttpServerOptions& options, HttpHandler* handler,
                 std::function<void()> on_connection_removed);

  // Unique in this process, and across processes but for chance: as GitHub's,
  // hexadecimal numbers between colons.
  std::string NextRequestId();

  // An answer that the handler has no part in, with the headers that the
  // options ask for.
  HttpResponse OwnResponse(int status, absl::string_view request_id) const;

  const HttpServerOptions options;
  HttpHandler* const handler;
  // No request shall be waited for any more.
  std::atomic<bool> stopping{false};
  ConnectionTable connections;
  WorkerPool workers;

 private:
  const std::string id_prefix_;
  std::atomic<uint64_t> requests_{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `host` outlives the connection.
  Connection(Socket socket, ConnectionHost* host);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to read. Thread-safe, once.
  void Start();
  // Closes now if idle. Thread-safe, after `host->stopping` was set, which
  // makes it close after the answer otherwise.
  void CloseIfIdle();
  // Closes at once. Only while no thread runs the socket's executor.
  void CutOff();

 private:
  using ErrorCode = boost::system::error_code;
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    kIdle,
    kHeader,
    kBody,
    kHandling,
    kWriting,
    kLingering,
    kClosed,
  };

  // Reading.
  void AwaitRequest();
  void Read();
  void OnRead(const ErrorCode& error, size_t size);
  void SkipEmptyLines();
  void Advance();
  void OnHeader();

  // Answering.
  void Dispatch();
  static void Handle(std::shared_ptr<Connection> self);
  void Refuse(int status);
  void Respond(HttpResponse response, bool keep_alive);
  void OnResponseWritten(const ErrorCode& error);

  // Closing.
  bool HasUnreadBytes();
  void FinishSending();
  void Linger();
  void OnLingerRead(const ErrorCode& error, size_t size);
  void Reset();
  void Close();

  // Time. The deadline is checked by one timer, which is moved only when it
  // would fire too late: most deadlines are met, and cost a comparison.
  void SetDeadline(int milliseconds);
  void ClearDeadline();
  void ArmTimer();
  void OnTimer();
  void OnDeadline();

  ConnectionHost* const host_;
  Socket socket_;
  Phase phase_ = Phase::kIdle;

  boost::asio::steady_timer timer_;
  bool timer_armed_ = false;
  Clock::time_point deadline_ = Clock::time_point::max();
  // Set with the cancellation of what is pending; its completion acts on it.
  bool deadline_passed_ = false;

  boost::beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  bool request_complete_ = false;
  // The handler's while handling, and then only.
  HttpRequest request_;
  ResponseFraming framing_;
  HttpResponse response_;
  std::string response_head_;
  size_t lingered_bytes_ = 0;
};

}  // namespace http_internal
}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_CONNECTION_H_
