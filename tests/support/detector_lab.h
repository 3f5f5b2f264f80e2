// A detector service in the test's process, and a journal that is written by hand: one source, one
// series of days by bill_to, and a rule that fires from four times what the first two days had.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/stop.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "detector/detector_service.h"
#include "kafka/topics.h"
#include "support/kafka_clients.h"
#include "surgewatch/v1/alert.pb.h"
#include "telemetry/telemetry.h"
#include "unit/journal/records.h"

namespace surgewatch::test {

using kafka::milliseconds;

inline constexpr PaneIndex kFirstDay = 19'723;  // 2024-01-01
inline constexpr milliseconds kLong{60'000};

// `kafka`: more settings, such as ", group_id: g2". `rule`: its name and the ratio that it fires
// at.
inline std::string detector_yaml(const std::string& brokers, const std::string& prefix = "",
                                 const std::string& kafka = "", const std::string& rule = "r",
                                 int ratio = 4) {
  return "event_time: {out_of_orderness: 0s, allowed_lateness: 1d}\n"
         "series:\n"
         "  - {name: billed, event: invoice, group_by: [bill_to], measures: [documents, units], "
         "pane: 1d}\n"
         "rules:\n"
         "  - {name: " +
         rule +
         ", type: surge_since, series: billed, measure: units, per: [bill_to], window: 1d, "
         "reference: {start: 2024-01-01, end: 2024-01-03}, fire_at: {ratio: " +
         std::to_string(ratio) + "}}\nkafka: {brokers: \"" + brokers + "\", topic_prefix: \"" +
         prefix + "\"" + kafka + "}\n";
}

inline std::shared_ptr<const config::Config> detector_config(const std::string& brokers,
                                                             const std::string& prefix = "",
                                                             const std::string& kafka = "",
                                                             const std::string& rule = "r",
                                                             int ratio = 4) {
  auto config = config::parse(detector_yaml(brokers, prefix, kafka, rule, ratio),
                              "detector_lab.yaml", detect::rule_specs());
  EXPECT_TRUE(config.ok()) << config.status();
  return *std::move(config);
}

// Appends to a journal, on what it takes to be the way of an aggregator.
class JournalWriter {
 public:
  JournalWriter(const std::string& brokers, std::shared_ptr<const config::Config> config)
      : config_(std::move(config)),
        topic_(kafka::Topics(config_->kafka.topic_prefix).journal),
        producer_(kafka::make_producer(brokers)) {
    append(topology(1, 0));
  }

  void append(const v1::JournalRecord& record) { append_bytes(record.SerializeAsString()); }
  void append_bytes(const std::string& bytes) {
    ASSERT_EQ(producer_->produce(topic_, 0, "k", bytes), absl::OkStatus());
    ++appended_;
  }
  // From here on it owns the source. Nobody else appends, so that the epoch is known.
  void own() {
    epoch_ = appended_;
    v1::JournalRecord claim =
        ownership(kSource, config_->generation, config_->series[0].definition);
    *claim.mutable_ownership()->mutable_topology() = topology(1, 0).topology();
    append(claim);
    say(idle(kSource, false));
  }
  std::int64_t epoch() const { return *epoch_; }
  // Day `number` (from kFirstDay) as a whole, units by country; the source has passed it then.
  void day(PaneIndex number, const std::map<std::string, std::int64_t>& units) {
    Batch batch(kSource, ++offset_, "billed", config_->series[0].definition);
    for (const auto& [country, count] : units) {
      batch.update({{country}, kFirstDay + number, count, 1});
    }
    say(batch);
    say(progress(kSource, offset_, (kFirstDay + number + 1) * kMicrosPerDay));
  }
  // One flush of a back-fill: `days` days of as many subjects, each with 10 units a day, but the
  // first of them with 50 from the third day on. All windows close at its last record.
  void back_fill(PaneIndex days, int subjects) {
    ++offset_;
    for (PaneIndex number = 0; number < days; ++number) {
      Batch batch(kSource, offset_, "billed", config_->series[0].definition);
      for (int subject = 0; subject < subjects; ++subject) {
        batch.update({{"s" + std::to_string(subject)},
                      kFirstDay + number,
                      subject == 0 && number >= 2 ? 50 : 10,
                      1});
      }
      say(batch);
    }
    say(progress(kSource, offset_, (kFirstDay + days) * kMicrosPerDay));
    deliver();
  }
  // Days 0 … 2 of SG, of which the last is a surge that stays for `days` days.
  void surge(PaneIndex days = 1) {
    day(0, {{"SG", 10}});
    day(1, {{"SG", 10}});
    for (PaneIndex i = 0; i < days; ++i) day(2 + i, {{"SG", 50 + i}});
    deliver();
  }
  void deliver() { ASSERT_EQ(producer_->flush(kLong), absl::OkStatus()); }
  // How many records it has appended.
  std::int64_t appended() const { return appended_; }

 private:
  static constexpr SourceId kSource{Topic::kInvoices, 0};

  // As the source's owner, if it is.
  void say(v1::JournalRecord record) {
    if (epoch_.has_value()) record.set_epoch(*epoch_);
    append(record);
  }

  const std::shared_ptr<const config::Config> config_;
  const std::string topic_;
  std::unique_ptr<kafka::Producer> producer_;
  std::int64_t offset_ = 0;
  std::int64_t appended_ = 0;
  std::optional<std::int64_t> epoch_;  // absent: it says all as one who came before all owners
};

// Runs until it is destroyed.
class RunningDetector {
 public:
  explicit RunningDetector(std::shared_ptr<const config::Config> config,
                           milliseconds look_again = milliseconds(30'000),
                           std::size_t transaction_records = 8'000)
      : service_({.config = std::move(config),
                  .telemetry = &telemetry_,
                  .strict = false,
                  .transaction_records = transaction_records,
                  .look_again = look_again}),
        thread_([this] { status_ = service_.run(stop_); }) {}
  ~RunningDetector() { EXPECT_EQ(end(), absl::OkStatus()); }
  void stop() { stop_.request(); }
  absl::Status end() {
    stop();
    if (thread_.joinable()) thread_.join();
    return status_;
  }

  const services::DetectorService& service() const { return service_; }
  // What keeps it from being ready; empty if it is.
  std::string missing() const {
    std::string missing;
    telemetry_.ready(&missing);
    return missing;
  }
  bool ready() const { return missing().empty(); }
  std::string metrics() const { return telemetry_.expose(); }
  // A sample as it is exposed, such as `surgewatch_transactions_retried_total 0`.
  bool shows(const std::string& sample) const {
    return metrics().find("\n" + sample + "\n") != std::string::npos;
  }

 private:
  services::Stop stop_;
  telemetry::Telemetry telemetry_{"detector", 1'000, {}};
  services::DetectorService service_;
  absl::Status status_;
  std::thread thread_;
};

inline std::vector<kafka::Kept> records_of(const std::string& brokers, const std::string& topic) {
  const auto consumer = kafka::make_consumer(brokers, "reader", {.headers = true});
  return kafka::read_to_end(*consumer, {{{topic, 0}, kafka::kBeginning}});
}

inline std::vector<v1::Alert> alerts_of(const std::string& brokers,
                                        const std::string& prefix = "") {
  std::vector<v1::Alert> alerts;
  for (const kafka::Kept& record : records_of(brokers, kafka::Topics(prefix).alerts)) {
    EXPECT_TRUE(alerts.emplace_back().ParseFromString(record.payload));
  }
  return alerts;
}

inline std::vector<v1::SeriesPoint> points_of(const std::string& brokers,
                                              const std::string& prefix = "") {
  std::vector<v1::SeriesPoint> points;
  for (const kafka::Kept& record : records_of(brokers, kafka::Topics(prefix).series)) {
    EXPECT_TRUE(points.emplace_back().ParseFromString(record.payload));
  }
  return points;
}

}  // namespace surgewatch::test
