// An aggregator as a thread of the test, with what the test asks of it. Topics and brokers are the
// test's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "aggregator/aggregator.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "support/kafka_clients.h"
#include "support/process.h"
#include "surgewatch/v1/events.pb.h"
#include "surgewatch/v1/journal.pb.h"
#include "telemetry/telemetry.h"

namespace surgewatch::test {

inline constexpr std::chrono::milliseconds kAggregatorPatience{40'000};

inline std::shared_ptr<const config::Config> aggregator_config(const std::string& brokers,
                                                               const std::string& prefix = "",
                                                               const std::string& more = "",
                                                               const std::string& group = "group") {
  auto config = config::parse(
      "series:\n"
      "  - {name: billed, event: invoice, group_by: [bill_to], measures: [units], pane: 1d}\n"
      "  - {name: shipped, event: shipment, group_by: [ship_to], measures: [units], pane: 1d}\n"
      "kafka: {brokers: '" +
          brokers + "', topic_prefix: '" + prefix + "', group_id: '" + prefix + group + "'}\n" +
          more,
      "test.yaml", /*types=*/{});
  EXPECT_TRUE(config.ok()) << config.status();
  return *config;
}

inline constexpr std::int64_t kFirstDay = 1'704'067'200;  // 2024-01-01T00:00:00Z

inline v1::Invoice invoice(const std::string& id, std::int64_t seconds = kFirstDay) {
  v1::Invoice made;
  made.set_invoice_id(id);
  made.set_order_id(id);
  made.mutable_issue_time()->set_seconds(seconds);
  made.mutable_bill_to()->set_country("SG");
  auto* line = made.add_lines();
  line->set_sku("X");
  line->set_quantity(1);
  return made;
}

inline v1::Shipment shipment(const std::string& id, std::int64_t seconds = kFirstDay) {
  v1::Shipment made;
  made.set_shipment_id(id);
  made.set_order_id(id);
  made.mutable_despatch_time()->set_seconds(seconds);
  made.mutable_ship_to()->set_country("SG");
  auto* line = made.add_lines();
  line->set_sku("X");
  line->set_quantity(1);
  return made;
}

class RunningAggregator {
 public:
  explicit RunningAggregator(
      std::shared_ptr<const config::Config> config,
      std::chrono::milliseconds wait_in_place = std::chrono::milliseconds(30'000),
      std::function<void(const services::Aggregator::Visible&)> on_visible = {})
      : aggregator_({.config = std::move(config),
                     .telemetry = &telemetry_,
                     .input_look = std::chrono::milliseconds(250),
                     .wait_in_place = wait_in_place,
                     .on_visible = std::move(on_visible)}) {
    thread_ = std::thread([this] {
      status_ = aggregator_.run(stop_);
      ended_.store(true);
    });
  }
  ~RunningAggregator() { stop(); }

  void stop() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
  }
  bool has_ended() const { return ended_.load(); }
  // Once it has ended.
  const absl::Status& status() const { return status_; }
  services::Aggregator::Progress progress() const { return aggregator_.progress(); }
  bool is_ready() const { return telemetry_.ready(nullptr); }
  // What readiness lacks.
  std::string missing() const {
    std::string missing;
    telemetry_.ready(&missing);
    return missing;
  }
  // Sum of the samples of a metric whose labels contain `labels`.
  double metric(const std::string& name, const std::string& labels = "") const {
    std::istringstream lines(telemetry_.expose());
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("surgewatch_" + name) || line.find(labels) == std::string::npos) {
        continue;
      }
      const char next = line[std::string("surgewatch_" + name).size()];
      if (next == '{' || next == ' ') sum += std::stod(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
  // Unless it has ended before.
  template <typename Condition>
  bool wait_until(Condition condition) const {
    test::wait_until([&] { return has_ended() || condition(); }, kAggregatorPatience);
    return !has_ended() && condition();
  }

 private:
  services::Stop stop_;
  telemetry::Telemetry telemetry_{"test", 1'000};
  services::Aggregator aggregator_;
  std::atomic<bool> ended_{false};
  absl::Status status_;  // written before ended_
  std::thread thread_;
};

}  // namespace surgewatch::test
