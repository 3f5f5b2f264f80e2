// The detector service: applies the journal to the state machine and publishes what it says.
//
//   journal ──► Detector::apply ──► one transaction: alerts + series points + journal offset
//
// It starts from the journal's beginning whenever it is assigned, with emission off below the
// offset that its group has committed: what was published once is not published again. Another
// instance waits in the group until this one is gone.
//
// Threads: run() by one thread; position() by any.
// Errors: as Aggregator's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class DetectorService {
 public:
  struct Options {
    std::shared_ptr<const config::Config> config;
    telemetry::Telemetry* telemetry = nullptr;
    bool strict = false;
  };
  explicit DetectorService(Options options);
  ~DetectorService();

  absl::Status run(const Stop& stop);

  // Offset in the journal below which everything is applied and published.
  std::int64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  class Session;
  class Meters;

  Options options_;
  kafka::Topics topics_;
  std::unique_ptr<Meters> meters_;
  std::atomic<std::int64_t> position_{0};  // written by run(), read by position()
};

}  // namespace surgewatch::services
