// An `HttpHandler` on sockets: HTTP/1.1 and HTTP/1.0 over TCP.
//
//   slipway::HttpServerOptions options;
//   options.port = 0;  // any free one
//   absl::StatusOr<std::unique_ptr<slipway::HttpServer>> server =
//       slipway::HttpServer::Start(options, &handler);
//   if (!server.ok()) return server.status();
//   std::cout << "listening on port " << (*server)->port() << "\n";
//   …                       // until somebody wants it to end
//   (*server)->Shutdown();  // answers what is in flight, then returns
//
// The server knows no route. It reads a request to its end, has a thread of
// its own call the handler, and sends the answer; it speaks no TLS, which is
// the work of the proxy in front.
//
// Threads. `io_threads` carry the bytes of all connections and never wait, so
// that an idle connection costs some memory (about 6 KiB) and no thread.
// `handler_threads` call the handler, which may block: other connections are
// read, refused and timed out all the same. Nothing ends a handler call but its
// return. Requests of one connection are answered in their order, one at a
// time, pipelined or not.
//
// Refusals. What does not reach the handler is answered in the engine's own
// shape of an error (`message`, `documentation_url`, `status`):
//
//   status                                                       connection
//   400  not HTTP, contradictory lengths, no Host, no path       closes
//   408  header or body did not arrive in time                   closes
//   413  body over `body_bytes_max`                              closes
//   417  an `Expect` other than `100-continue`                   closes
//   431  header over `header_bytes_max`                          closes
//   500  the handler threw, or gave a status outside 200 to 599  stays
//   501  a transfer coding other than `chunked`                  closes
//   503  `handler_queue_max` requests wait already               stays
//
// A connection that closes while its peer still sends first takes what comes,
// within `linger_bytes_max` and `linger_timeout_ms`: else the system would
// reset it, and the peer would lose the answer that says why.

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "slipway/adapters/http/server_options.h"
#include "slipway/ports/http.h"

namespace slipway {

class HttpServer {
 public:
  // Listens, and answers with `handler`, which outlives the server. Returns
  // when connections are accepted. Fails with
  // - `InvalidArgument`: no handler, an option out of range, `address` is no
  //   IP address;
  // - `ResourceExhausted`: the system has no thread or descriptor left;
  // - `PermissionDenied`: the port needs a privilege;
  // - `Unavailable`: the port is taken, or the machine has no such address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const HttpServerOptions& options, HttpHandler* handler);

  // Shuts down, then waits for handler calls that the grace did not see
  // return: they use the handler.
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The port that it listens on; never 0.
  uint16_t port() const;

  // Stops accepting, closes idle connections, answers requests that have
  // begun to arrive (with `Connection: close`), and returns when all
  // connections are closed: after `shutdown_grace_ms` at the latest, by when
  // the rest is cut off. True when nothing was. Thread-safe; a second call
  // waits for the first and says the same. Not for signal handlers, and not
  // for a thread inside the handler, which would wait for itself.
  bool Shutdown();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_H_
