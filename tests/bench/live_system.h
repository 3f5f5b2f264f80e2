// A real Kafka with topics of its own, and aggregator and detector as threads of this process: for
// benchmarks that must see inside.
//
// Threads: one; the services have theirs.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "aggregator/aggregator.h"
#include "base/status.h"
#include "common/stop.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "detector/detector_service.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "support/kafka_server.h"
#include "telemetry/telemetry.h"

namespace surgewatch::bench {

inline constexpr std::chrono::milliseconds kPatience{120'000};

[[noreturn]] inline void give_up(const std::string& why) {
  fmt::print(stderr, "benchmark: {}\n", why);
  std::exit(1);
}
inline void must(const absl::Status& status) {
  if (!status.ok()) give_up(message_of(status));
}
template <typename T>
T must(absl::StatusOr<T> result) {
  must(result.status());
  return *std::move(result);
}
inline void must_come_true(const char* what, const std::function<bool()>& condition) {
  if (!test::wait_until(condition, kPatience)) give_up(fmt::format("{} does not come true", what));
}

// A service's run() on a thread, until this goes.
class Running {
 public:
  template <typename Service>
  explicit Running(Service* service) {
    thread_ = std::thread([this, service] { must(service->run(stop_)); });
  }
  ~Running() {
    stop_.request();
    thread_.join();
  }

 private:
  services::Stop stop_;
  std::thread thread_;
};

class LiveSystem {
 public:
  // `yaml`: series and rules; `cpus`: of the workers, one for each, or none.
  LiveSystem(const test::KafkaServer& server, const std::string& name, int partitions, int workers,
             const std::string& yaml, std::span<const int> cpus = {})
      : topics(name + "-"),
        telemetry("benchmark", 1'000),
        config(must(config::parse(
            fmt::format("{}\nkafka: {{brokers: '{}', topic_prefix: '{}-', group_id: '{}'}}\n"
                        "aggregator: {{workers: {}, cpu_affinity: [{}]}}\n",
                        yaml, server.brokers(), name, name, workers, fmt::join(cpus, ", ")),
            "benchmark.yaml", detect::rule_specs()))),
        admin(must(kafka::Admin::create({.brokers = server.brokers()}))) {
    spdlog::set_level(spdlog::level::err);  // an alert a line would be part of what is measured
    must(admin->create_topics(topics.specs(partitions), 1));
  }

  const kafka::Topics topics;
  telemetry::Telemetry telemetry;
  const std::shared_ptr<const config::Config> config;
  const std::unique_ptr<kafka::Admin> admin;
};

}  // namespace surgewatch::bench
