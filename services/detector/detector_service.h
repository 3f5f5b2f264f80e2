// The detector service: applies the journal to the state machine and publishes what it says.
//
//   journal ──► Detector ──► transactions: alerts + series points + journal offset
//
// It applies the journal from its beginning, silently below the offset that its group has
// committed: what was published once is not published again (tenure.h). It joins the group once it
// has come as far as that, and while another instance has the journal it goes on following what
// that has published (follower.h): so whoever the group gives the journal to can speak at once.
//
// Ready: it is a member of its group, reaches the brokers, and either follows the one that has the
// journal (a standby is ready as one), or has applied and published the journal up to where that
// ended when it was assigned, and publishing works. An incident (a journal that is not whole or
// another one) turns readiness off until it is mended; meanwhile the service looks again now and
// then.
//
// Threads: run() by one thread; position() by any.
// Errors: as Aggregator's. A topic that goes missing while it runs is waited for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/stop.h"
#include "config/config.h"
#include "detect/detector.h"
#include "kafka/topics.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class Refusals;

class DetectorService {
 public:
  struct Options {
    std::shared_ptr<const config::Config> config;
    telemetry::Telemetry* telemetry = nullptr;
    bool strict = false;
    // Its name in the group, where it has one: see Consumer::Options.
    std::string instance_id = {};
    // How many records a transaction has at most. (Its bytes are bounded too.)
    std::size_t transaction_records = detect::Detector::kSaidAtOnce;
    // Between two looks at what is wrong with the journal; between two tries to follow.
    std::chrono::milliseconds look_again{30'000};
  };
  explicit DetectorService(Options options);
  ~DetectorService();

  absl::Status run(const Stop& stop);

  // Offset in the journal below which everything is applied and published.
  std::int64_t position() const { return position_.load(std::memory_order_relaxed); }

  class Meters;

 private:
  class Session;

  absl::Status run_session(const Stop& stop);

  const Options options_;
  const kafka::Topics topics_;
  std::unique_ptr<Meters> meters_;
  std::unique_ptr<Refusals> refusals_;
  std::string incident_;                   // the one that was logged last; empty for none
  bool topics_were_there_ = false;         // once, in this life
  std::atomic<std::int64_t> position_{0};  // written by run(), read by position()
};

}  // namespace surgewatch::services
