// What the HTTP server counts; docs/monitoring.md lists it. Without a Telemetry it counts nothing.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>

#include "serve/http_connection.h"
#include "telemetry/telemetry.h"

namespace surgewatch::serve {

class HttpMeters {
 public:
  // Why a request got 503 though nothing is wrong with it; the label of a counter.
  enum class Refused { kQueries, kQueriesOfPeer, kStreams, kStreamsOfPeer, kUnsentBytes };

  HttpMeters(telemetry::Telemetry* telemetry, bool has_streams);

  void answered(int status);
  void cut(HttpConnection::Cut why);
  void refused(Refused why);
  void set_connections(std::size_t count);
  void set_queries(int count);
  void add_streams(int count);
  void add_responses(int count);

 private:
  std::array<prometheus::Counter*, 6> requests_{};  // by hundreds of the status
  std::array<prometheus::Counter*, 6> cuts_{};
  std::array<prometheus::Counter*, 5> refusals_{};
  prometheus::Gauge* connections_ = nullptr;
  prometheus::Gauge* queries_ = nullptr;
  prometheus::Gauge* streams_ = nullptr;
  prometheus::Counter* responses_ = nullptr;
};

}  // namespace surgewatch::serve
