// Detectors on a real Kafka: a journal, alerts and series points for each test of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/detector_lab.h"
#include "support/kafka_admin.h"
#include "support/kafka_server.h"
#include "support/kafka_server_fixture.h"
#include "support/process.h"

namespace surgewatch::test {

class DetectorOnRealKafka : public KafkaServerFixture {
 protected:
  DetectorOnRealKafka() {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    prefix_ = name + "-";
    topics_ = std::make_unique<kafka::Topics>(prefix_);
    for (const std::string& topic : {topics_->journal, topics_->alerts, topics_->series}) {
      create(topic);
    }
  }

  static const std::string& brokers() { return server_->brokers(); }
  static void create(const std::string& topic) {
    const auto admin = *kafka::Admin::create({.brokers = brokers()});
    ASSERT_TRUE(wait_until([&] { return admin->create_topics({{topic, 1, {}}}, 1).ok(); }, kLong));
  }
  void make_anew(const std::string& topic) const {
    ASSERT_EQ(delete_topic(brokers(), topic), absl::OkStatus());
    create(topic);
  }

  // `properties`: of Kafka's clients, such as "max.poll.interval.ms: '6000'".
  std::shared_ptr<const config::Config> config(const std::string& properties = "",
                                               const std::string& group = "g",
                                               const std::string& rule = "r") const {
    return detector_config(brokers(), prefix_, kafka_settings(properties, group), rule);
  }
  std::string kafka_settings(const std::string& properties, const std::string& group = "g") const {
    return ", group_id: " + prefix_ + group + ", properties: {" + properties + "}";
  }
  std::vector<v1::Alert> alerts() const { return alerts_of(brokers(), prefix_); }
  std::vector<v1::SeriesPoint> points() const { return points_of(brokers(), prefix_); }
  static std::int64_t records_in(const std::string& topic) {
    std::int64_t count = 0;
    const auto consumer = kafka::make_consumer(brokers(), "reader");
    EXPECT_EQ(consumer->assign({{{topic, 0}, kafka::kBeginning}}), absl::OkStatus());
    EXPECT_TRUE(wait_until(
        [&] {
          const auto came =
              consumer->poll(milliseconds(50), 1'000, [&](const kafka::Message&) { ++count; });
          EXPECT_TRUE(came.ok()) << came.status();
          return consumer->at_end();
        },
        kLong));
    return count;
  }
  std::optional<kafka::GroupOffset> committed() const {
    const auto consumer = kafka::make_consumer(brokers(), prefix_ + "g-detector");
    const auto committed = consumer->committed({{topics_->journal, 0}});
    EXPECT_TRUE(committed.ok()) << committed.status();
    return committed.ok() ? (*committed)[0] : std::nullopt;
  }
  void wait_for_all_of(const JournalWriter& journal, const RunningDetector& detector) const {
    ASSERT_TRUE(wait_until(
        [&] { return detector.ready() && detector.service().position() == journal.appended(); },
        kLong))
        << detector.missing() << "; " << detector.service().position();
  }
  // A first life that has published one alert.
  void live_once(JournalWriter& journal) const {
    journal.surge();
    RunningDetector detector(config());
    wait_for_all_of(journal, detector);
    ASSERT_THAT(alerts(), ::testing::SizeIs(1));
  }
  std::string incident_sample(const std::string& name, int value) const {
    return "surgewatch_incident{incident=\"" + name + "\",partition=\"0\",topic=\"" +
           topics_->journal + "\"} " + std::to_string(value);
  }

  static void expect_each_revision_once(const std::vector<v1::Alert>& alerts) {
    std::map<std::string, int> newest;
    for (const v1::Alert& alert : alerts) {
      EXPECT_EQ(alert.revision(), ++newest[alert.alert_id()]) << alert.alert_id();
    }
  }
  static std::string identity_of(const kafka::Kept& record) {
    for (const kafka::Header& header : record.headers) {
      if (header.name == "topic_identity") return header.value;
    }
    return "";
  }

  std::string prefix_;
  std::unique_ptr<kafka::Topics> topics_;
};

}  // namespace surgewatch::test
