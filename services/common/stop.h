// How a program is asked to stop: SIGTERM, SIGINT or its own code. The first request lets it drain;
// a second signal ends it at once with exit code 130.
//
// Threads: requested(), wait_for() and request() from any thread. watch_signals() once, before any
// other thread is started, so that all of them inherit the blocked signals.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace surgewatch::services {

class Stop {
 public:
  Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  ~Stop();

  // Starts the thread that turns SIGTERM and SIGINT into requests.
  void watch_signals();

  void request();
  bool requested() const;
  // Sleeps until the request or the end of `span`; true if requested.
  bool wait_for(std::chrono::milliseconds span) const;
  void wait() const;
  // The same answer as requested(), for those who know of atomics and not of us.
  const std::atomic<bool>& flag() const { return flag_; }

 private:
  struct SignalThread;
  mutable absl::Mutex mutex_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> flag_{false};  // follows requested_; nothing else is read on its strength
  std::unique_ptr<SignalThread> signals_;
};

}  // namespace surgewatch::services
