#include "slipway/adapters/http/server.h"

#include <fcntl.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "slipway/adapters/http/connection.h"
#include "slipway/adapters/http/worker_pool.h"

namespace slipway {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using http_internal::Connection;
using http_internal::ConnectionHost;
using net::ip::tcp;

absl::Status ValidateOptions(const HttpServerOptions& options) {
  const struct {
    absl::string_view name;
    int value;
  } positive[] = {
      {"io_threads", options.io_threads},
      {"handler_threads", options.handler_threads},
      {"handler_queue_max", options.handler_queue_max},
      {"connections_max", options.connections_max},
      {"backlog_max", options.backlog_max},
      {"header_bytes_max", options.header_bytes_max},
      {"body_bytes_max", options.body_bytes_max},
      {"idle_timeout_ms", options.idle_timeout_ms},
      {"header_timeout_ms", options.header_timeout_ms},
      {"body_timeout_ms", options.body_timeout_ms},
      {"write_timeout_ms", options.write_timeout_ms},
      {"linger_bytes_max", options.linger_bytes_max},
      {"linger_timeout_ms", options.linger_timeout_ms},
      {"accept_retry_ms", options.accept_retry_ms},
      {"shutdown_grace_ms", options.shutdown_grace_ms},
  };
  for (const auto& option : positive) {
    if (option.value < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("HttpServerOptions.", option.name, " is ", option.value,
                       ", less than 1"));
    }
  }
  return absl::OkStatus();
}

absl::Status ListenError(const error_code& error,
                         const HttpServerOptions& options) {
  const std::string message =
      absl::StrCat("cannot listen on ", options.address, " port ",
                   static_cast<int>(options.port), ": ", error.message());
  if (error == net::error::access_denied) {
    return absl::PermissionDeniedError(message);
  }
  if (error == net::error::no_descriptors || error == net::error::no_memory ||
      error == net::error::no_buffer_space) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::UnavailableError(message);
}

// A process that the embedder starts shall not hold our peers' connections.
void CloseOnExec(int descriptor) {
  fcntl(descriptor, F_SETFD, fcntl(descriptor, F_GETFD) | FD_CLOEXEC);
}

}  // namespace

// Members are destroyed from the last to the first: connections that are still
// pending go with `io_`, and find the host that they speak to.
class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, HttpHandler* handler)
      : host_(options, handler, [this] { OnConnectionRemoved(); }),
        io_(options.io_threads),
        work_(io_.get_executor()),
        acceptor_(net::make_strand(io_)),
        accept_retry_(acceptor_.get_executor()) {}

  ~Impl() {
    Shutdown();
    // A handler that outlasted the grace still hands its answer to `io_`.
    host_.workers.StopAndWait();
  }

  absl::Status Listen();
  void StartThreads();
  bool Shutdown();
  uint16_t port() const { return port_; }

 private:
  void RunIo();

  // These run on the acceptor's executor.
  void Accept();
  void OnAccept(const error_code& error, tcp::socket socket);
  void AcceptLater();
  void StopAccepting();

  // On any thread.
  void OnConnectionRemoved();

  // With one thread the loop itself does one thing at a time.
  net::any_io_executor ConnectionExecutor() {
    if (host_.options.io_threads == 1) return io_.get_executor();
    return net::make_strand(io_);
  }

  ConnectionHost host_;
  // The table was full, and `Accept` waits for a connection to leave it.
  std::atomic<bool> accept_paused_{false};
  uint16_t port_ = 0;
  std::mutex shutdown_mutex_;
  std::optional<bool> shutdown_result_;  // guarded by shutdown_mutex_

  net::io_context io_;
  net::executor_work_guard<net::io_context::executor_type> work_;
  tcp::acceptor acceptor_;
  net::steady_timer accept_retry_;
  std::vector<std::thread> io_threads_;
};

absl::Status HttpServer::Impl::Listen() {
  const HttpServerOptions& options = host_.options;
  error_code error;
  const net::ip::address address =
      net::ip::make_address(options.address, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options.address, "\" is no IP address"));
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor_.open(endpoint.protocol(), error);
  if (error) return ListenError(error, options);
  CloseOnExec(acceptor_.native_handle());
  // A server that restarts need not wait for its old connections' last words.
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(options.backlog_max, error);
  if (error) return ListenError(error, options);
  port_ = acceptor_.local_endpoint(error).port();
  if (error) return ListenError(error, options);
  return absl::OkStatus();
}

void HttpServer::Impl::StartThreads() {
  net::post(acceptor_.get_executor(), [this] { Accept(); });
  for (int i = 0; i < host_.options.io_threads; ++i) {
    io_threads_.push_back(http_internal::StartQuietThread([this] { RunIo(); }));
  }
}

void HttpServer::Impl::RunIo() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (...) {
      // Out of memory, most likely. The step that threw held its connection,
      // which is closed by now; the others go on.
    }
  }
}

void HttpServer::Impl::Accept() {
  if (host_.stopping) return;
  accept_paused_ = true;
  if (host_.connections.Full()) return;
  // Somebody left between those two lines, and has called us again already.
  if (!accept_paused_.exchange(false)) return;
  try {
    acceptor_.async_accept(ConnectionExecutor(),
                           [this](const error_code& error, tcp::socket socket) {
                             OnAccept(error, std::move(socket));
                           });
  } catch (const std::bad_alloc&) {
    AcceptLater();
  }
}

void HttpServer::Impl::OnAccept(const error_code& error, tcp::socket socket) {
  if (host_.stopping) return;
  // The peer that we had no descriptor for waits in the system's queue: trying
  // again at once would only spin.
  if (error) return AcceptLater();
  try {
    CloseOnExec(socket.native_handle());
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    std::make_shared<Connection>(std::move(socket), &host_)->Start();
  } catch (const std::bad_alloc&) {
    // This peer is turned away; the loop goes on.
  }
  Accept();
}

void HttpServer::Impl::AcceptLater() {
  accept_retry_.expires_after(
      std::chrono::milliseconds(host_.options.accept_retry_ms));
  accept_retry_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) Accept();
  });
}

void HttpServer::Impl::OnConnectionRemoved() {
  if (!accept_paused_.exchange(false) || host_.stopping) return;
  net::post(acceptor_.get_executor(), [this] { Accept(); });
}

void HttpServer::Impl::StopAccepting() {
  error_code ignored;
  accept_retry_.cancel();
  acceptor_.close(ignored);
  // After the acceptor: who is not in the table by now never will be.
  for (const auto& connection : host_.connections.Snapshot()) {
    connection->CloseIfIdle();
  }
}

bool HttpServer::Impl::Shutdown() {
  std::lock_guard<std::mutex> lock(shutdown_mutex_);
  if (shutdown_result_.has_value()) return *shutdown_result_;
  host_.stopping = true;
  bool answered = true;
  if (!io_threads_.empty()) {
    // Shared, because we may be awake before `set_value` returns.
    auto stopped = std::make_shared<std::promise<void>>();
    net::post(acceptor_.get_executor(), [this, stopped] {
      StopAccepting();
      stopped->set_value();
    });
    stopped->get_future().wait();
    answered = host_.connections.WaitUntilEmpty(
        std::chrono::milliseconds(host_.options.shutdown_grace_ms));
  }
  host_.workers.Stop();
  work_.reset();
  io_.stop();
  for (std::thread& thread : io_threads_) thread.join();
  io_threads_.clear();
  for (const auto& connection : host_.connections.Snapshot()) {
    connection->CutOff();
  }
  error_code ignored;
  acceptor_.close(ignored);
  shutdown_result_ = answered;
  return answered;
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const HttpServerOptions& options, HttpHandler* handler) {
  if (handler == nullptr) return absl::InvalidArgumentError("no handler");
  absl::Status status = ValidateOptions(options);
  if (!status.ok()) return status;
  try {
    auto impl = std::make_unique<Impl>(options, handler);
    status = impl->Listen();
    if (!status.ok()) return status;
    impl->StartThreads();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  } catch (const std::exception& error) {
    // Threads, descriptors of the event loop, memory.
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start the HTTP server: ", error.what()));
  }
}

uint16_t HttpServer::port() const { return impl_->port(); }
bool HttpServer::Shutdown() { return impl_->Shutdown(); }

}  // namespace slipway
