// What the HTTP server counts; docs/monitoring.md lists it. Without a Telemetry it counts nothing.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>

#include "telemetry/telemetry.h"

namespace surgewatch::serve {

// Why a connection was closed that would have liked to stay. The names of both enums are labels.
enum class Cut {
  kRequestTime,  // a request did not come in time
  kAnswerTime,   // what we wrote was not taken in time
  kPeer,         // to make room: its peer has as many as it may have
  kFull,         // to make room: there are as many as there may be
  kDescriptors,  // to make room: the process has no more descriptors
  kUnsent,       // to make room: too much of all answers is not sent yet
  kUnasked,      // the client of a stream does not stop sending
};
// Why a query was answered with 503 though nothing is wrong with it.
enum class Refused {
  kPeer,    // its peer has as many as it may have
  kFull,    // there are as many as there may be
  kUnsent,  // too much of earlier answers is not sent yet
};

class HttpMeters {
 public:
  HttpMeters(telemetry::Telemetry* telemetry, bool has_streams);

  void answered(int status);
  void cut(Cut why);
  void refused(Refused why);
  void set_connections(std::size_t count);
  void add_queries(int count);

  void add_streams(int count);
  void add_responses(int count);
  void stream_cut();
  void stream_fell_behind();
  void stream_refused(bool of_peer);

 private:
  std::array<prometheus::Counter*, 6> requests_{};  // by hundreds of the status
  std::array<prometheus::Counter*, 7> cuts_{};
  std::array<prometheus::Counter*, 3> refusals_{};
  prometheus::Gauge* connections_ = nullptr;
  prometheus::Gauge* queries_ = nullptr;
  prometheus::Gauge* streams_ = nullptr;
  prometheus::Counter* responses_ = nullptr;
  prometheus::Counter* streams_cut_ = nullptr;
  prometheus::Counter* streams_behind_ = nullptr;
  prometheus::Counter* streams_full_ = nullptr;
  prometheus::Counter* streams_full_of_peer_ = nullptr;
};

}  // namespace surgewatch::serve
