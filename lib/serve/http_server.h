// One HTTP server a service (Boost.Asio and Beast): metrics and health everywhere; the page, the
// alert API and the stream on the gateway. docs/api.md describes what it answers, and
// docs/decisions/0003-asynchronous-http-server.md why it is made as it is.
//
// Threads: one for all connections, which never waits for anything and answers health and readiness
// itself; one that writes out metrics; HttpLimits::query_threads for everything else; one that
// feeds the streams of a gateway. So a slow client costs a socket, and a slow query costs none of
// the probes. What Options points to must outlive the server. Errors: start() answers
// FAILED_PRECONDITION naming address and port if it can't listen. Limits: HttpLimits; requests of
// at most 16 kB and a body of 64 kB (http_reader.h). While the store is loading, requests of the
// API get 503.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "config/config.h"
#include "serve/alert_store.h"
#include "serve/api.h"
#include "telemetry/telemetry.h"

namespace surgewatch::serve {

// What a path answers; called by the server's threads, several at once.
using Answers = std::map<std::string, std::function<api::Reply(const api::Params&)>>;

// What clients may take. A peer is an address: all of a proxy's clients are one, and so is a /64 of
// IPv6. docs/api.md says what happens at each limit, docs/monitoring.md what counts it.
struct HttpLimits {
  // Beyond these a new connection takes the place of the one that has kept us waiting longest. An
  // open stream counts as a stream and no longer as a connection. Together with gRPC's, they stay
  // below the 1,024 descriptors that a process has by default.
  int connections = 512;
  int connections_per_peer = 64;
  int streams = 128;
  int streams_per_peer = 64;
  int query_threads = 4;
  // Queries that are answered or wait for it. Below the limits of connections, so that there is
  // always a connection that waits for its client and not for us.
  int queries = 64;
  int queries_per_peer = 32;
  // Of answers that clients have not taken yet. Beyond it no query is begun, and clients that have
  // taken nothing for pressed_stall_time are cut, the slowest first.
  std::size_t unsent_bytes = std::size_t{256} << 20U;

  std::chrono::milliseconds request_time{5'000};  // from a request's first byte to its last
  std::chrono::milliseconds idle_time{30'000};    // from an answer to the next request
  std::chrono::milliseconds stall_time{3'000};    // a client that takes nothing of what we write
  std::chrono::milliseconds pressed_stall_time{1'000};
  std::chrono::milliseconds answer_time{60'000};  // a client that takes it, but slowly
  std::chrono::milliseconds stop_time{3'000};     // for answers that are being written when we stop
};

class HttpServer {
 public:
  struct Options {
    std::string bind_address = "127.0.0.1";
    int port = 0;                               // 0: a free one
    telemetry::Telemetry* telemetry = nullptr;  // null: no metrics, always ready
    const AlertStore* alerts = nullptr;         // gateway only: turns on /, /api/v1 and the stream
    const config::Config* config = nullptr;     // gateway only: the rules that are watched
    Answers answers = {};                       // more paths
    std::chrono::milliseconds heartbeat{10'000};
    HttpLimits limits = {};
  };
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(const Options& options);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
  // Ends streams, lets answers be written for stop_time, and waits for queries that have begun.
  virtual void stop() = 0;
};

}  // namespace surgewatch::serve
