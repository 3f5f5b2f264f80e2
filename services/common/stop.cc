#include "common/stop.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/time/time.h"

namespace surgewatch::services {
namespace {

constexpr int kExitForced = 130;

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  // Wakes the thread when the program ends without a signal.
  sigaddset(&set, SIGUSR1);
  return set;
}

}  // namespace

struct Stop::SignalThread {
  std::atomic<bool> ending{false};  // written by ~Stop before it wakes the thread
  std::thread thread;
};

Stop::Stop() = default;

void Stop::watch_signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that hangs up is an error return, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  signals_ = std::make_unique<SignalThread>();
  signals_->thread = std::thread([this, set] {
    for (int seen = 0;;) {
      int signal_number = 0;
      if (sigwait(&set, &signal_number) != 0) continue;
      if (signals_->ending.load()) return;
      if (signal_number == SIGUSR1) continue;
      if (++seen > 1) _exit(kExitForced);
      request();
    }
  });
}

Stop::~Stop() {
  if (signals_ == nullptr) return;
  signals_->ending.store(true);
  pthread_kill(signals_->thread.native_handle(), SIGUSR1);
  signals_->thread.join();
}

void Stop::request() {
  absl::MutexLock lock(&mutex_);
  requested_ = true;
  flag_.store(true, std::memory_order_relaxed);
}

bool Stop::requested() const {
  absl::MutexLock lock(&mutex_);
  return requested_;
}

bool Stop::wait_for(std::chrono::milliseconds span) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&requested_), absl::FromChrono(span));
}

void Stop::wait() const {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&requested_));
}

}  // namespace surgewatch::services
