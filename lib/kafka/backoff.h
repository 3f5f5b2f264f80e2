// Tries again what may cure itself, at growing intervals.
//
// Threads: retry() blocks the calling thread; the stop token wakes it from any other.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "absl/status/status.h"

namespace surgewatch::kafka {

// Sleeps for `span`, or until a stop is asked for: then false.
bool wait_for(std::chrono::milliseconds span, std::stop_token stop);

struct Backoff {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds limit{5'000};
  // Whether a failure may cure itself.
  std::function<bool(const absl::Status&)> may_retry = [](const absl::Status& status) {
    return absl::IsUnavailable(status);
  };
  // Told of each failure before the wait that follows it; may be empty.
  std::function<void(const absl::Status&, std::chrono::milliseconds)> failed;
  std::function<bool(std::chrono::milliseconds, std::stop_token)> wait = wait_for;
};

// Calls `attempt` until it succeeds, or fails with what trying again can't cure, or a stop is asked
// for: CANCELLED then, with the last failure's message. The waits double from `first` to `limit`,
// the same every time: few of us meet at one broker, so they need no jitter.
absl::Status retry(const Backoff& backoff, std::stop_token stop,
                   const std::function<absl::Status()>& attempt);

}  // namespace surgewatch::kafka
