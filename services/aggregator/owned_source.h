// A source that this process owns, and the list of them: what workers, flusher and metrics share.
//
// Threads: one worker owns a source and nothing else writes to its state; the flusher and live
// queries read its panes. Each member says whose it is. The list is for all; its lock is taken at
// rebalances, for a flush and for a live query, never for an event.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "aggregator/input_state.h"
#include "base/time.h"
#include "config/config.h"
#include "kafka/client.h"

namespace surgewatch::services {

struct OwnedSource {
  OwnedSource(SourceId id, kafka::TopicPartition where,
              const std::shared_ptr<const config::Config>& config, std::int64_t committed)
      : source(id, config),
        partition(std::move(where)),
        owner_epoch(wall_clock_micros()),
        input(committed) {}

  aggregate::Source source;
  const kafka::TopicPartition partition;
  const std::int64_t owner_epoch;
  std::int64_t start_offset = 0;
  InputState input;

  // The worker's.
  std::vector<aggregate::Record> gathered;  // polled and not yet processed
  std::int64_t next_offset = 0;

  // Written by the worker, read by the flusher and live queries; relaxed, since each is a figure of
  // its own and nothing else is read on its strength.
  std::atomic<std::int64_t> record_timestamp{0};
  std::atomic<bool> caught_up{false};
  std::atomic<std::uint64_t> processed{0};
  std::atomic<bool> must_wait{false};
  bool is_delivered_to(std::int64_t) const { return true; }

  // The flusher's.
  std::int64_t seen_offset = -1;
  std::chrono::steady_clock::time_point moved_at = std::chrono::steady_clock::now();
  bool idle = false;
  std::uint64_t journaled = 0;
};

using OwnedSources = std::vector<std::shared_ptr<OwnedSource>>;

class OwnedSourceList {
 public:
  void add(std::shared_ptr<OwnedSource> source) {
    const std::lock_guard lock(mutex_);
    sources_.push_back(std::move(source));
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    sources_.clear();
  }
  void remove(const std::shared_ptr<OwnedSource>& source) {
    const std::lock_guard lock(mutex_);
    std::erase(sources_, source);
  }
  // As they are now. One that is removed meanwhile stays readable.
  OwnedSources all() const {
    const std::lock_guard lock(mutex_);
    return sources_;
  }

 private:
  mutable std::mutex mutex_;
  OwnedSources sources_;  // guarded by mutex_
};

}  // namespace surgewatch::services
