// The gateway: reads what was published and serves it, over HTTP (page, API, stream, metrics) and
// gRPC. Any number of them may run; each holds all that it serves.
//
//   alerts, surgewatch.series ──► AlertStore ──► HTTP, gRPC
//                                     └────────► surgewatch_alert_active, surgewatch_series_…
//
// Before both topics have been read to their ends nothing is told: history would look like news.
// The same holds again when a topic turns out to be another one under the same name: it is gone,
// its offsets fall, or its records name another identity. Then everything is forgotten, streams
// end, and the topics are read from their beginnings.
//
//   loading ──ends reached──► serving ──another topic, or reading failed──► loading
//                               │ ▲
//               no broker answers ▼ │  not ready; what is known is served still
//
// Threads: start() and run() by one thread; the accessors by any, after start().
// Errors: start() answers FAILED_PRECONDITION if a port is taken; run() as Aggregator's. A topic
// that was there and is gone is waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/seldom.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "serve/alert_store.h"
#include "serve/grpc_server.h"
#include "serve/http_server.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class GatewayMeters;

class Gateway {
 public:
  struct Options {
    std::shared_ptr<const config::Config> config;
    telemetry::Telemetry* telemetry = nullptr;
    bool strict = false;
    serve::Answers answers = {};  // that the HTTP server gives besides its own
  };
  explicit Gateway(Options options);
  ~Gateway();

  // Listens.
  absl::Status start();
  // Reads and serves until asked to stop.
  absl::Status run(const Stop& stop);

  int http_port() const { return http_->port(); }
  int grpc_port() const { return grpc_->port(); }
  const serve::AlertStore& alerts() const { return store_; }
  // Offsets below which both topics have been read.
  struct Position {
    std::int64_t alerts = 0;
    std::int64_t series = 0;
  };
  Position position() const {
    return {alerts_position_.load(std::memory_order_relaxed),
            series_position_.load(std::memory_order_relaxed)};
  }

 private:
  class Reading;
  absl::Status read(const Stop& stop);
  void set_serving(bool loaded, bool reaches_brokers);

  Options options_;
  kafka::Topics topics_;
  serve::AlertStore store_;
  std::unique_ptr<GatewayMeters> meters_;
  std::unique_ptr<serve::HttpServer> http_;
  std::unique_ptr<serve::GrpcServer> grpc_;
  Seldom seldom_;  // run()'s
  bool topics_were_there_ = false;
  std::atomic<std::int64_t> alerts_position_{0};  // written by run()
  std::atomic<std::int64_t> series_position_{0};  // written by run()
};

}  // namespace surgewatch::services
