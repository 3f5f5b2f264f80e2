// What one subscriber has to hear, in order: revisions by offset, heartbeats, and how it ends. It
// reads from the store as it goes, so nothing is held for a subscriber but the place where it is.
//
//   ahead ──the log catches up──► heartbeat with a token ─► revisions that match, each with its
//     │                                                     token; a heartbeat after each silence
//     └─► OUT_OF_RANGE: it never did, or what is asked for is gone        └─► RESOURCE_EXHAUSTED:
//                                                                             fallen behind
// It knows no connection and no clock: who holds it asks what comes next, writes it, and says when
// that was taken.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "serve/alert_store.h"
#include "serve/token.h"
#include "surgewatch/v1/service.pb.h"

namespace surgewatch::serve {

inline constexpr std::string_view kListAnew =
    "call ListAlerts, then subscribe with the resume_token of its response";

class Subscription {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    std::chrono::milliseconds heartbeat{10'000};
    // How long a token may be ahead of us: a gateway that still reads its topic catches up.
    std::chrono::milliseconds ahead_grace{30'000};
    // It ends after this and is to be resumed, so that one which nobody reads is none for ever.
    std::chrono::milliseconds age{3'600'000};
  };

  // From `now_at`, where the store stood when the subscriber came, or from the place that the
  // request's token names. INVALID_ARGUMENT or OUT_OF_RANGE if that token can't be gone on from.
  static absl::StatusOr<Subscription> begin(const AlertStore* alerts,
                                            const v1::SubscribeRequest& request,
                                            const AlertStore::Place& now_at, const Options& options,
                                            Clock::time_point now);

  struct Next {
    enum class What {
      kWrite,  // `response`, and then say taken()
      kWait,   // until the store has changed, or `until`, which may be now
      kEnd,    // with `status`
    } what = What::kWait;
    Clock::time_point until{};
    absl::Status status{};
  };
  Next next(Clock::time_point now, v1::SubscribeResponse* response);
  // What next() said to write has been.
  void taken(Clock::time_point now);

  // That of the last response which was taken; before the first, the one to begin with.
  const std::string& last_token() const { return last_token_; }
  // Why next() ended it: it was served, and has fallen behind what is kept.
  bool fell_behind() const { return fell_behind_; }

 private:
  Subscription(const AlertStore* alerts, const v1::SubscribeRequest& request,
               const AlertStore::Place& place, const Options& options, Clock::time_point now);

  Next end(const absl::Status& why);
  Next write(v1::SubscribeResponse* response);
  Next write_heartbeat(v1::SubscribeResponse* response);

  const AlertStore* alerts_;
  v1::AlertFilter filter_;
  Options options_;
  AlertStore::Place place_;
  std::string last_token_;
  std::string token_;  // of the response that is being written
  Clock::time_point last_write_;
  Clock::time_point expires_;
  bool may_be_ahead_ = true;
  bool started_ = false;
  bool fell_behind_ = false;
};

}  // namespace surgewatch::serve
