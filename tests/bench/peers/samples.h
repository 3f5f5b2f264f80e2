// How far a run is and what it has cost, every 20 ms, for peers.py: lines of
//   seconds_of_clock seconds_of_cpu events
// so that start-up, warm-up and steady state can be told apart by the same arithmetic for every
// system.
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

namespace surgewatch::peers {

class Samples {
 public:
  // Each of `counts` is written by one thread and read here; relaxed: figures of their own.
  Samples(const std::string& path, const std::atomic<std::uint64_t>* counts, std::size_t size)
      : file_(std::fopen(path.c_str(), "w")), counts_(counts), size_(size) {
    if (file_ != nullptr) thread_ = std::thread([this] { run(); });
  }
  Samples(const Samples&) = delete;
  Samples& operator=(const Samples&) = delete;
  ~Samples() {
    if (file_ == nullptr) return;
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
    take();
    std::fclose(file_);
  }

 private:
  static double seconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }
  void take() {
    std::uint64_t events = 0;
    for (std::size_t i = 0; i < size_; ++i) events += counts_[i].load(std::memory_order_relaxed);
    std::fprintf(file_, "%.6f %.6f %llu\n", seconds(CLOCK_MONOTONIC),
                 seconds(CLOCK_PROCESS_CPUTIME_ID), static_cast<unsigned long long>(events));
  }
  void run() {
    while (!stop_.load(std::memory_order_relaxed)) {
      take();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::FILE* file_;
  const std::atomic<std::uint64_t>* counts_;
  std::size_t size_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace surgewatch::peers
