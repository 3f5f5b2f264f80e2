// The gRPC AlertService with health and reflection.
//
// Threads: gRPC's own. Errors: start() answers FAILED_PRECONDITION naming address and port if it
// can't listen.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "serve/alert_store.h"
#include "telemetry/telemetry.h"

namespace surgewatch::serve {

class GrpcServer {
 public:
  struct Options {
    std::string bind_address = "127.0.0.1";
    int port = 0;  // 0: a free one
    AlertStore* alerts = nullptr;
    telemetry::Telemetry* telemetry = nullptr;
    std::chrono::milliseconds heartbeat{10'000};
  };
  static absl::StatusOr<std::unique_ptr<GrpcServer>> start(const Options& options);
  virtual ~GrpcServer() = default;
  virtual int port() const = 0;
  // Ends streams with UNAVAILABLE and waits for the threads.
  virtual void stop() = 0;
};

// The client side, for `surgewatch subscribe`. Calls `visit` for each response until it answers
// false or the stream ends.
absl::Status subscribe(const std::string& target, const v1::SubscribeRequest& request,
                       const std::function<bool(const v1::SubscribeResponse&)>& visit);

}  // namespace surgewatch::serve
