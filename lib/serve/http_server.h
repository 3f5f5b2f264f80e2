// One HTTP server a service (cpp-httplib): metrics and health everywhere; the page, the alert API
// and the stream on the gateway. docs/api.md describes what it answers.
//
// Threads: the server has its own, one for each connection that is being served, as many as
// max_streams and some more; what Options points to must outlive it.
// Errors: start() answers FAILED_PRECONDITION naming address and port if it can't listen.
// Limits: requests of 64 kB, 5 s to send one, 5 s to take in what we write; a stream beyond
// max_streams gets 503. So does every request of the API while the store is loading.
#pragma once

#include <chrono>
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

class HttpServer {
 public:
  struct Options {
    std::string bind_address = "127.0.0.1";
    int port = 0;                               // 0: a free one
    telemetry::Telemetry* telemetry = nullptr;  // null: no metrics, always ready
    const AlertStore* alerts = nullptr;         // gateway only: turns on /, /api/v1 and the stream
    const config::Config* config = nullptr;     // gateway only: the rules that are watched
    Answers answers = {};                       // more paths
    int max_streams = 64;
    std::chrono::milliseconds heartbeat{10'000};
  };
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(const Options& options);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
  // Ends streams and waits for the threads, 4 s at most.
  virtual void stop() = 0;
};

}  // namespace surgewatch::serve
