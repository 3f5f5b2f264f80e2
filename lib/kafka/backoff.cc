#include "kafka/backoff.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>

namespace surgewatch::kafka {

bool wait_for(std::chrono::milliseconds span, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, span, [] { return false; });
  return !stop.stop_requested();
}

absl::Status retry(const Backoff& backoff, std::stop_token stop,
                   const std::function<absl::Status()>& attempt) {
  std::string last = "before the first attempt";
  for (auto wait = backoff.first; !stop.stop_requested();
       wait = std::min(wait * 2, backoff.limit)) {
    absl::Status status = attempt();
    if (status.ok() || !backoff.may_retry(status)) return status;
    last = std::string(status.message());
    if (backoff.failed) backoff.failed(status, wait);
    if (!backoff.wait(wait, stop)) break;
  }
  return absl::CancelledError("stopped: " + last);
}

}  // namespace surgewatch::kafka
