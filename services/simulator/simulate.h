// Sends a scenario's events somewhere: into a file, or to Kafka as producers would.
//
// Threads: one.
// Errors: those of the scenario, the file and Kafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/time.h"
#include "common/progress.h"
#include "common/stop.h"
#include "config/config.h"
#include "files/event_file.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::services {

Micros event_time_of(const v1::Event& event);

// Produces events to the input topics, keyed by order_id.
class EventPublisher {
 public:
  static absl::StatusOr<std::unique_ptr<EventPublisher>> create(const config::Kafka& kafka);

  absl::Status publish(const v1::Event& event);
  absl::Status flush(std::chrono::milliseconds wait) { return producer_->flush(wait); }
  std::uint64_t published() const { return published_; }

 private:
  EventPublisher(const config::Kafka& kafka, std::unique_ptr<kafka::Producer> producer);
  kafka::Topics topics_;
  std::unique_ptr<kafka::Producer> producer_;
  std::string payload_;
  std::uint64_t published_ = 0;
};

// Holds the sending of events back so that event time passes `speed` times as fast as the clock.
class Pacer {
 public:
  explicit Pacer(double speed) : speed_(speed) {}
  // Waits until it is time for an event at `event_time`; false if asked to stop.
  bool wait(Micros event_time, const Stop& stop);

 private:
  double speed_;
  std::optional<Micros> first_event_;
  std::chrono::steady_clock::time_point start_;
};

struct SimulateOptions {
  std::string scenario = "deepseek";
  std::uint64_t events = 20'000;
  std::uint64_t seed = 1;
  std::string out = "-";                     // a file, where `brokers` is empty
  std::optional<files::EventFormat> format;  // by the file's name if absent
  std::string brokers;
  std::string topic_prefix;
  double speed = 0;  // event seconds a second; 0: as fast as it goes
  bool quiet = false;
};

absl::Status simulate(const SimulateOptions& options, const Stop& stop);

}  // namespace surgewatch::services
