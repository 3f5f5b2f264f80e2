// The aggregator: reads the input topics, keeps the panes of the sources it owns and appends what
// changes to the journal.
//
//   poll ──► Source::process ──► panes        (worker thread: owns the sources' state)
//                 │                │
//                 ▼                ▼ every flush interval
//        dead letters, late    Source::flush ──► journal      (flusher thread: only reads panes)
//
// A source starts from the beginning of its partition whenever it is assigned: its panes are a
// function of that prefix, and what the journal already holds is not newer, so that applying it
// again changes nothing. Dead letters and late events are not sent again for offsets that the group
// has committed.
//
// Threads: run() by one thread; progress() by any.
// Errors: run() returns OK after a requested stop; NOT_FOUND for missing topics, INVALID_ARGUMENT
// for topics that do not match; with `strict` UNAVAILABLE where it would otherwise try again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "aggregate/source.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class Aggregator {
 public:
  struct Options {
    std::shared_ptr<const config::Config> config;
    telemetry::Telemetry* telemetry = nullptr;
    bool strict = false;
  };
  explicit Aggregator(Options options);
  ~Aggregator();

  absl::Status run(const Stop& stop);

  // Records processed, and how many of them the journal reflects, over all owned sources.
  struct Progress {
    std::uint64_t processed = 0;
    std::uint64_t journaled = 0;
  };
  Progress progress() const;

 private:
  struct OwnedSource;
  class Session;
  class Meters;

  Options options_;
  kafka::Topics topics_;
  std::unique_ptr<Meters> meters_;
  std::atomic<std::uint64_t> processed_{0};  // written by the worker, read by progress()
  std::atomic<std::uint64_t> journaled_{0};  // written by the flusher, read by progress()
};

}  // namespace surgewatch::services
