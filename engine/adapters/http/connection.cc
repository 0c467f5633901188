#include "slipway/adapters/http/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace slipway {
namespace http_internal {
namespace {

namespace net = boost::asio;

// A connection keeps a buffer of the first size while idle; bodies, and what a
// closing connection throws away, are read with the second.
constexpr size_t kHeaderReadBytes = 4 << 10;
constexpr size_t kBodyReadBytes = 64 << 10;

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string RandomIdPrefix() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), ":",
                      absl::Hex(random(), absl::kZeroPad8), ":");
}

RequestParser::Limits ParserLimits(const HttpServerOptions& options) {
  RequestParser::Limits limits;
  limits.header_bytes_max = static_cast<size_t>(options.header_bytes_max);
  limits.body_bytes_max = static_cast<size_t>(options.body_bytes_max);
  return limits;
}

absl::string_view View(const boost::beast::flat_buffer& buffer) {
  const net::const_buffer bytes = buffer.data();
  return absl::string_view(static_cast<const char*>(bytes.data()),
                           bytes.size());
}

}  // namespace

ConnectionHost::ConnectionHost(const HttpServerOptions& options,
                               HttpHandler* handler,
                               std::function<void()> on_connection_removed)
    : options(options),
      handler(handler),
      connections(static_cast<size_t>(options.connections_max),
                  std::move(on_connection_removed)),
      workers(options.handler_threads,
              static_cast<size_t>(options.handler_queue_max)),
      id_prefix_(RandomIdPrefix()) {}

std::string ConnectionHost::NextRequestId() {
  return absl::StrCat(id_prefix_,
                      absl::Hex(requests_.fetch_add(1) + 1, absl::kZeroPad8));
}

HttpResponse ConnectionHost::OwnResponse(int status,
                                         absl::string_view request_id) const {
  HttpResponse response =
      ErrorResponse(status, options.documentation_url, request_id);
  response.headers.insert(response.headers.end(),
                          options.own_answer_headers.begin(),
                          options.own_answer_headers.end());
  return response;
}

Connection::Connection(Socket socket, ConnectionHost* host)
    : host_(host), socket_(std::move(socket)), timer_(socket_.get_executor()) {}

Connection::~Connection() {
  // The descriptor is free before the table says that there is room.
  ErrorCode ignored;
  socket_.close(ignored);
  host_->connections.Remove(this);
}

void Connection::Start() {
  host_->connections.Add(shared_from_this());
  net::dispatch(socket_.get_executor(),
                [self = shared_from_this()] { self->AwaitRequest(); });
}

void Connection::CloseIfIdle() {
  net::dispatch(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::kIdle && !self->HasUnreadBytes()) self->Close();
  });
}

void Connection::CutOff() { Close(); }

// Reading.

void Connection::AwaitRequest() {
  parser_.emplace(ParserLimits(host_->options));
  request_complete_ = false;
  phase_ = Phase::kIdle;
  SetDeadline(host_->options.idle_timeout_ms);
  Advance();
}

void Connection::Read() {
  const size_t size =
      phase_ == Phase::kBody ? kBodyReadBytes : kHeaderReadBytes;
  socket_.async_read_some(
      buffer_.prepare(size),
      [self = shared_from_this()](const ErrorCode& error, size_t size) {
        self->OnRead(error, size);
      });
}

void Connection::OnRead(const ErrorCode& error, size_t size) {
  if (phase_ == Phase::kClosed) return;
  if (deadline_passed_) return OnDeadline();
  if (error) {
    // Half a request and then the end: the peer may still listen.
    const bool half = phase_ == Phase::kHeader || phase_ == Phase::kBody;
    if (error == net::error::eof && half) return Refuse(400);
    return Close();
  }
  buffer_.commit(size);
  Advance();
}

void Connection::SkipEmptyLines() {
  // Old clients send one behind a body (RFC 9112 2.2). Those that send nothing
  // else stay idle, and on the idle deadline.
  while (absl::StartsWith(View(buffer_), "\r\n")) buffer_.consume(2);
}

void Connection::Advance() {
  if (phase_ == Phase::kIdle) {
    SkipEmptyLines();
    if (View(buffer_).empty() || View(buffer_) == "\r") {
      if (host_->stopping && !HasUnreadBytes()) return Close();
      // A long body's buffer does not stay with an idle connection.
      if (buffer_.capacity() > 2 * kHeaderReadBytes) buffer_.shrink_to_fit();
      return Read();
    }
    phase_ = Phase::kHeader;
    SetDeadline(host_->options.header_timeout_ms);
  }
  size_t consumed = 0;
  const RequestParser::Progress progress =
      parser_->Feed(View(buffer_), &consumed);
  buffer_.consume(consumed);
  switch (progress) {
    case RequestParser::Progress::kNeedMore:
      return Read();
    case RequestParser::Progress::kHeaderDone:
      return OnHeader();
    case RequestParser::Progress::kDone:
      return Dispatch();
    case RequestParser::Progress::kRefused:
      return Refuse(parser_->refusal());
  }
}

void Connection::OnHeader() {
  phase_ = Phase::kBody;
  SetDeadline(host_->options.body_timeout_ms);
  // Who has begun to send the body does not wait for the word to do so.
  if (!parser_->expects_continue() || buffer_.size() > 0) return Advance();
  net::async_write(socket_,
                   net::const_buffer(kContinue.data(), kContinue.size()),
                   [self = shared_from_this()](const ErrorCode& error, size_t) {
                     if (self->phase_ == Phase::kClosed) return;
                     if (self->deadline_passed_) return self->OnDeadline();
                     if (error) return self->Close();
                     self->Read();
                   });
}

// Answering.

void Connection::Dispatch() {
  phase_ = Phase::kHandling;
  ClearDeadline();
  request_complete_ = true;
  request_ = parser_->TakeRequest();
  request_.id = host_->NextRequestId();
  framing_.head_request = request_.method == "HEAD";
  framing_.http_1_0 = parser_->is_http_1_0();
  if (request_.target == "*") {
    // `OPTIONS *` asks whether anybody is there, and names no resource.
    return Respond(host_->OwnResponse(204, request_.id),
                   parser_->wants_keep_alive());
  }
  if (!host_->workers.Submit(
          [self = shared_from_this()]() mutable { Handle(std::move(self)); })) {
    HttpResponse overloaded = host_->OwnResponse(503, request_.id);
    overloaded.headers.push_back({"Retry-After", "1"});
    Respond(std::move(overloaded), parser_->wants_keep_alive());
  }
}

void Connection::Handle(std::shared_ptr<Connection> self) {
  const ConnectionHost& host = *self->host_;
  HttpResponse response;
  try {
    response = host.handler->Handle(self->request_);
  } catch (...) {
    response.status = 0;
  }
  if (response.status < 200 || response.status > 599) {
    response = host.OwnResponse(500, self->request_.id);
  }
  // The connection goes with the answer, so that it is not closed late
  // because this thread still holds it.
  auto executor = self->socket_.get_executor();
  net::post(executor, [self = std::move(self),
                       response = std::move(response)]() mutable {
    if (self->phase_ == Phase::kClosed) return;
    self->Respond(std::move(response), self->parser_->wants_keep_alive());
  });
}

void Connection::Refuse(int status) {
  framing_.head_request = parser_->is_head();
  framing_.http_1_0 = parser_->is_http_1_0();
  Respond(host_->OwnResponse(status, host_->NextRequestId()),
          /*keep_alive=*/false);
}

void Connection::Respond(HttpResponse response, bool keep_alive) {
  phase_ = Phase::kWriting;
  SetDeadline(host_->options.write_timeout_ms);
  framing_.keep_alive =
      keep_alive && !host_->stopping && !host_->connections.Full();
  response_ = std::move(response);
  response_head_ = ResponseHead(response_, framing_, HttpDateNow());
  const std::array<net::const_buffer, 2> buffers = {
      net::buffer(response_head_), SendsBody(response_, framing_)
                                       ? net::buffer(response_.body)
                                       : net::const_buffer()};
  net::async_write(socket_, buffers,
                   [self = shared_from_this()](const ErrorCode& error, size_t) {
                     self->OnResponseWritten(error);
                   });
}

void Connection::OnResponseWritten(const ErrorCode& error) {
  if (phase_ == Phase::kClosed) return;
  if (deadline_passed_) return OnDeadline();
  if (error) return Close();
  request_ = HttpRequest();
  response_ = HttpResponse();
  if (framing_.keep_alive) return AwaitRequest();
  FinishSending();
}

// Closing.

// Whether the peer has sent what nobody has looked at.
bool Connection::HasUnreadBytes() {
  ErrorCode ignored;
  return buffer_.size() > 0 || socket_.available(ignored) > 0;
}

void Connection::FinishSending() {
  ErrorCode error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || (request_complete_ && !HasUnreadBytes())) return Close();
  phase_ = Phase::kLingering;
  SetDeadline(host_->options.linger_timeout_ms);
  Linger();
}

void Connection::Linger() {
  buffer_.clear();
  socket_.async_read_some(
      buffer_.prepare(kBodyReadBytes),
      [self = shared_from_this()](const ErrorCode& error, size_t size) {
        self->OnLingerRead(error, size);
      });
}

void Connection::OnLingerRead(const ErrorCode& error, size_t size) {
  if (phase_ == Phase::kClosed) return;
  lingered_bytes_ += size;
  const bool enough =
      lingered_bytes_ > static_cast<size_t>(host_->options.linger_bytes_max);
  if (error || deadline_passed_ || enough) return Close();
  Linger();
}

void Connection::Reset() {
  // Without this the system would go on offering the answer to a peer that
  // does not read, and keep its memory for minutes.
  ErrorCode ignored;
  socket_.set_option(net::socket_base::linger(true, 0), ignored);
  Close();
}

void Connection::Close() {
  ErrorCode ignored;
  phase_ = Phase::kClosed;
  timer_.cancel();
  socket_.close(ignored);
}

// Time.

void Connection::SetDeadline(int milliseconds) {
  deadline_ = Clock::now() + std::chrono::milliseconds(milliseconds);
  if (!timer_armed_ || timer_.expiry() > deadline_) ArmTimer();
}

void Connection::ClearDeadline() { deadline_ = Clock::time_point::max(); }

void Connection::ArmTimer() {
  timer_armed_ = true;
  timer_.expires_at(deadline_);
  // The timer does not keep a connection alive that nothing else does.
  timer_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    if (error) return;
    if (auto self = weak.lock()) self->OnTimer();
  });
}

void Connection::OnTimer() {
  if (phase_ == Phase::kClosed) return;
  timer_armed_ = false;
  if (deadline_ == Clock::time_point::max()) return;
  if (Clock::now() < deadline_) return ArmTimer();
  deadline_passed_ = true;
  ErrorCode ignored;
  socket_.cancel(ignored);
}

void Connection::OnDeadline() {
  deadline_passed_ = false;
  switch (phase_) {
    case Phase::kHeader:
    case Phase::kBody:
      return Refuse(408);
    case Phase::kWriting:
      return Reset();
    case Phase::kIdle:
    case Phase::kHandling:
    case Phase::kLingering:
    case Phase::kClosed:
      return Close();
  }
}

}  // namespace http_internal
}  // namespace slipway
