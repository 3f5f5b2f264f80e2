// One HTTP server a service (cpp-httplib): metrics and health everywhere; the page, the alert API
// and the stream on the gateway.
//
// Threads: the server has its own; the constructor's arguments must outlive it.
// Errors: start() answers FAILED_PRECONDITION naming address and port if it can't listen.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "config/config.h"
#include "serve/alert_store.h"
#include "telemetry/telemetry.h"

namespace surgewatch::serve {

class HttpServer {
 public:
  struct Options {
    std::string bind_address = "127.0.0.1";
    int port = 0;  // 0: a free one
    telemetry::Telemetry* telemetry = nullptr;
    const AlertStore* alerts = nullptr;      // gateway only: turns on /, /api/v1 and the stream
    const config::Config* config = nullptr;  // gateway only: rules and regions for the page
  };
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(const Options& options);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
  // Ends streams and waits for the threads.
  virtual void stop() = 0;
};

}  // namespace surgewatch::serve
