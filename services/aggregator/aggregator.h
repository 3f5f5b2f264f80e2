// The aggregator: reads the input topics, keeps the panes of the sources it owns and appends what
// changes to the journal.
//
//   poll ──► Source::process ──► panes        (workers: each owns the state of its sources)
//                 │                │
//                 ▼                ▼ every flush interval
//        dead letters, late    Source::flush ──► journal      (flusher: only reads panes)
//
// Threads: run() by one thread, which starts the workers (worker.h) and the flusher (flusher.h) and
// waits for them; progress() by any.
// Errors: run() returns OK after a requested stop; NOT_FOUND for missing topics, INVALID_ARGUMENT
// for topics that do not match or a CPU that is not there; with `strict` UNAVAILABLE where it would
// otherwise try again. What ends one worker ends the session, and the next try starts them all; so
// does a record that the journal refuses.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "base/source.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class AggregatorMeters;
class OwnedSourceList;

class Aggregator {
 public:
  // Records [first, next) of a source were delivered by a poll that returned at `polled`, and any
  // thread could read their panes at `visible`.
  struct Visible {
    SourceId source;
    std::int64_t first = 0, next = 0;
    std::chrono::steady_clock::time_point polled, visible;
  };

  struct Options {
    std::shared_ptr<const config::Config> config;
    telemetry::Telemetry* telemetry = nullptr;
    bool strict = false;
    // Its name in the group, where it has one (Consumer::Options); a worker's number comes behind.
    std::string instance_id = {};
    // Where others find the sources that are owned now, e.g. live queries; null: nobody looks.
    std::shared_ptr<OwnedSourceList> sources = nullptr;
    // How often it is looked whether the input topics are still the ones that are read.
    std::chrono::milliseconds input_look{5'000};
    // How long a worker whose side outputs don't go out, or whose corrections the journal doesn't
    // take, waits without polling before it stops fetching and polls on. Well below Kafka's
    // max.poll.interval.ms, of whose 300 s the default is a tenth.
    std::chrono::milliseconds wait_in_place{30'000};
    // For measuring; called by the worker, which waits for it.
    std::function<void(const Visible&)> on_visible = {};
  };
  explicit Aggregator(Options options);
  ~Aggregator();

  absl::Status run(const Stop& stop);

  // Records processed, and how many of them are known to be reflected by the journal, over all
  // owned sources.
  struct Progress {
    std::uint64_t processed = 0;
    std::uint64_t delivered = 0;
  };
  Progress progress() const;

 private:
  class Session;

  Options options_;
  kafka::Topics topics_;
  bool topics_were_there_ = false;  // once, in this life
  std::unique_ptr<AggregatorMeters> meters_;
  std::atomic<std::uint64_t> processed_{0};  // written by the workers, read by progress()
  std::atomic<std::uint64_t> delivered_{0};  // written by the flusher, read by progress()
};

}  // namespace surgewatch::services
