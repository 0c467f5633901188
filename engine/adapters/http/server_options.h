// Where `HttpServer` listens, and every limit that it keeps.
//
//   slipway::HttpServerOptions options;
//   options.address = "0.0.0.0";
//   options.body_bytes_max = 64 << 10;
//
// What happens at each limit is told with it, and for peers in `server.h`.

#ifndef SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_OPTIONS_H_
#define SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "slipway/ports/http.h"

namespace slipway {

// All numbers but `port` are at least 1.
struct HttpServerOptions {
  // An IP address; names are not looked up. See `ParseListenAddress`.
  std::string address = "127.0.0.1";
  // 0 asks the system for a free one.
  uint16_t port = 8080;

  int io_threads = 1;
  int handler_threads = 2;
  // Requests that wait for a handler thread; one more is answered 503.
  int handler_queue_max = 1024;

  // Connections held at a time. Further peers wait, up to `backlog_max` of
  // them, in the system's queue. While the server is full it closes
  // connections with their next answer, so that those who wait get their turn.
  // In the worst case each holds `header_bytes_max` and `body_bytes_max`.
  int connections_max = 4096;
  int backlog_max = 1024;
  // Request line and fields, with all line ends.
  int header_bytes_max = 16 << 10;
  // Without chunk framing.
  int body_bytes_max = 1 << 20;

  // Until the first byte of a request. The connection closes without a word.
  int idle_timeout_ms = 60'000;
  // From a request's first byte to the end of its header: 408.
  int header_timeout_ms = 10'000;
  // From the end of the header to the end of the body: 408.
  int body_timeout_ms = 30'000;
  // To hand a whole answer to the system. Then the connection is reset: the
  // peer does not read.
  int write_timeout_ms = 30'000;

  // What a closing connection takes from a peer that still sends.
  int linger_bytes_max = 32 << 20;
  int linger_timeout_ms = 5'000;

  // The pause after an accept that failed, as without file descriptors.
  int accept_retry_ms = 100;
  // For `Shutdown`, to answer what is in flight.
  int shutdown_grace_ms = 10'000;

  // In the bodies of the server's own errors.
  std::string documentation_url = "https://docs.github.com/rest";
  // On every answer that is the server's own: what the handler puts on each of
  // its answers, so that peers find it whoever answers.
  std::vector<HttpHeader> own_answer_headers;
};

}  // namespace slipway

#endif  // SLIPWAY_ENGINE_ADAPTERS_HTTP_SERVER_OPTIONS_H_
