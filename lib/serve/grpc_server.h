// The gRPC AlertService with health and reflection.
//
// A subscription reads revisions from the store by offset, and one response of it is on its way at
// a time, so a slow subscriber costs its slot and that response. One that does not take it in time,
// or has fallen behind what is kept, is cut, and told the token to resume with (open_calls.h).
//
//   Subscribe ─► heartbeat with a token ─► revisions that match, each with its token ─► …
//                                     └─► a heartbeat whenever nothing was sent for an interval
//
// Health: of AlertService and of the whole server alike, as set_serving() says.
//
// Threads: gRPC's own, a few however many streams there are, and one that writes to all of them;
// set_serving() by any.
// Errors: start() answers FAILED_PRECONDITION naming address and port if it can't listen. Streams
// end with INVALID_ARGUMENT (not a token of ours), OUT_OF_RANGE (older than what is kept, of
// another topic, or the topic has become another one), RESOURCE_EXHAUSTED (too slow, or too many
// streams), UNAVAILABLE (we are stopping); each message says what to do. While the store is loading
// every call answers UNAVAILABLE with kLoadingMetadata.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "serve/alert_store.h"
#include "telemetry/telemetry.h"

namespace surgewatch::serve {

// Name of the trailing metadata that tells a gateway that is reading from one that is not there.
inline constexpr char kLoadingMetadata[] = "surgewatch-loading";

// What clients may take. A peer is an address (peer.h): all of a proxy's clients are one.
struct GrpcLimits {
  int streams = 256;
  int streams_per_peer = 64;
  // Answers to ListAlerts and GetAlert that are computed or that their client has not taken yet.
  int answers = 64;
  int answers_per_peer = 16;
  // HTTP/2's window swallows heartbeats for hours or days for a client that reads nothing. So a
  // stream ends after this with UNAVAILABLE, and who follows resumes.
  std::chrono::milliseconds stream_age{3'600'000};
  // For a client to take a response in, and a second more for each 128 kB of it.
  std::chrono::milliseconds write_time{10'000};
  // Where all that clients have not taken yet is more than this, those who have not taken theirs
  // for so long are cut, the slowest first, until it no longer is.
  std::size_t unsent_bytes = std::size_t{64} << 20U;
  std::chrono::milliseconds pressed_write_time{1'000};
};

class GrpcServer {
 public:
  struct Options {
    std::string bind_address = "127.0.0.1";
    int port = 0;  // 0: a free one
    AlertStore* alerts = nullptr;
    telemetry::Telemetry* telemetry = nullptr;  // may be null
    std::chrono::milliseconds heartbeat{10'000};
    // How long a token may be ahead of us: a gateway that still reads its topic catches up.
    std::chrono::milliseconds ahead_grace{30'000};
    GrpcLimits limits = {};
  };
  static absl::StatusOr<std::unique_ptr<GrpcServer>> start(const Options& options);
  virtual ~GrpcServer() = default;
  virtual int port() const = 0;
  // What health answers: NOT_SERVING unless true. At start: whether the store is loaded.
  virtual void set_serving(bool serving) = 0;
  // Ends streams with UNAVAILABLE and waits for the threads.
  virtual void stop() = 0;
};

// The client side, for `surgewatch subscribe`. Calls `visit` for each response until it answers
// false (then OK), the stream ends (then its status), or `cancelled` becomes true (then CANCELLED,
// within a tenth of a second). To resume, call again with the last response's resume_token in the
// request; UNAVAILABLE means that this is worth a try, and so do RESOURCE_EXHAUSTED, in a while,
// and is_loading(); OUT_OF_RANGE that it begins with a list.
absl::Status subscribe(const std::string& target, const v1::SubscribeRequest& request,
                       const std::function<bool(const v1::SubscribeResponse&)>& visit,
                       const std::atomic<bool>* cancelled = nullptr);

// All alerts that match, over as many pages as there are; `visit` sees each. The token to subscribe
// with.
absl::StatusOr<std::string> list(const std::string& target, const v1::AlertFilter& filter,
                                 const std::function<void(const v1::Alert&)>& visit);

// The gateway is there and has not read the alerts yet.
bool is_loading(const absl::Status& status);

}  // namespace surgewatch::serve
