// A detector on a real Kafka, in whose topics others write.
#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "integration/detector_fixture.h"
#include "support/hostile_journal.h"
#include "support/log_lines.h"

namespace surgewatch::test {
namespace {

using ::testing::SizeIs;

constexpr SourceId kSource{Topic::kInvoices, 0};

TEST_F(DetectorOnRealKafka, WhatNoOwnerSaysSilencesNobodyAndIsCountedAndNamed) {
  JournalWriter journal(brokers(), config());
  journal.own();
  const LogLines log;
  RunningDetector detector(config());
  const auto hostile = hostile_records(kSource, journal.epoch(), config()->series[0].definition);
  std::map<std::string, int> reasons;
  for (const HostileRecord& one : hostile) {
    journal.append(one.record);
    ++reasons[one.reason];
  }
  for (const v1::JournalRecord& record : mirrored_owners(kSource)) journal.append(record);
  ++reasons["not_the_owner"];
  journal.append_bytes("\xFF\xFF no protobuf");
  ++reasons["unreadable"];
  journal.surge();
  wait_for_all_of(journal, detector);
  EXPECT_THAT(alerts(), SizeIs(1));
  for (const auto& [reason, count] : reasons) {
    const std::string sample = "surgewatch_journal_refused_total{reason=\"" + reason + "\"} ";
    EXPECT_TRUE(wait_until([&] { return detector.shows(sample + std::to_string(count)); }, kLong))
        << sample << count << "\n"
        << detector.metrics();
    EXPECT_EQ(log.count("(reason " + reason + ")"), 1) << reason;
  }
  EXPECT_EQ(log.count("refused at offset"), static_cast<int>(reasons.size()));
  EXPECT_EQ(log.count("\x1b"), 0);
}

struct HostileAlert {
  std::string key, payload;
  std::string reason;  // empty: it can't be told from one of a detector
};

v1::Alert changed(v1::Alert alert, const std::function<void(v1::Alert*)>& change) {
  change(&alert);
  return alert;
}

// `held`: one that is published and holds.
std::vector<HostileAlert> hostile_alerts(const v1::Alert& held) {
  std::vector<HostileAlert> all{{held.alert_id(), "\xFF\xFF", "unreadable"},
                                {"", "", "impossible_id"},
                                {"another", held.SerializeAsString(), "impossible_id"}};
  const auto add = [&](const std::string& reason, const std::function<void(v1::Alert*)>& change) {
    const v1::Alert alert = changed(held, change);
    all.push_back({alert.alert_id(), alert.SerializeAsString(), reason});
  };
  add("impossible_id", [](auto* a) { a->set_alert_id(std::string(1'000, 'x')); });
  for (const std::int32_t revision : {0, -1, INT32_MIN, INT32_MAX}) {
    add("impossible_revision", [&](auto* a) { a->set_revision(revision); });
  }
  add("unreadable", [](auto* a) { a->mutable_window_end()->set_seconds(INT64_MAX); });
  add("too_large", [](auto* a) { a->set_explanation(std::string(700'000, 'x')); });
  add("", [](auto* a) {
    a->set_alert_id("al-of-nobody");
    a->set_rule("never configured\n\x1b[31m");
    a->set_explanation(std::string(400'000, 'x'));
  });
  add("", [](auto* a) {
    a->set_alert_id("al-of-no-state");
    a->set_state(static_cast<v1::AlertState>(77));
    a->set_rule_type(static_cast<v1::RuleType>(-5));
  });
  add("", [](auto* a) {
    a->set_revision(1 << 30);
    a->set_state(v1::ALERT_STATE_RESOLVED);
  });
  return all;
}

TEST_F(DetectorOnRealKafka, WhatIsNoAlertOfItsTopicIsCountedAndWhatHoldsIsSaid) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  const v1::Alert held = alerts()[0];
  std::map<std::string, int> reasons;
  const auto producer = kafka::make_producer(brokers());
  for (const HostileAlert& one : hostile_alerts(held)) {
    ASSERT_EQ(producer->produce(topics_->alerts, 0, one.key, one.payload, {}), absl::OkStatus());
    if (!one.reason.empty()) ++reasons[one.reason];
  }
  ASSERT_EQ(producer->flush(kLong), absl::OkStatus());
  const std::int64_t before = records_in(topics_->alerts);
  const LogLines log;
  RunningDetector detector(config());
  journal.day(3, {{"SG", 90}});
  journal.deliver();
  wait_for_all_of(journal, detector);
  for (const auto& [reason, count] : reasons) {
    EXPECT_TRUE(detector.shows("surgewatch_alerts_malformed_total{reason=\"" + reason + "\"} " +
                               std::to_string(count)))
        << detector.metrics();
    EXPECT_EQ(log.count("(reason " + reason + ")"), 1);
  }
  const auto all = records_of(brokers(), topics_->alerts);
  std::map<std::string, v1::Alert> said;  // the last of each
  for (std::size_t i = static_cast<std::size_t>(before); i < all.size(); ++i) {
    v1::Alert alert;
    ASSERT_TRUE(alert.ParseFromString(all[i].payload));
    said[alert.alert_id()] = alert;
  }
  EXPECT_THAT(said, SizeIs(2));
  EXPECT_EQ(said[held.alert_id()].state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(said[held.alert_id()].observed(), 90);
  EXPECT_GT(said[held.alert_id()].revision(), 1 << 30) << "it only grows";
  EXPECT_EQ(said["al-of-nobody"].resolution(), v1::RESOLUTION_RULE_REMOVED);
  EXPECT_EQ(said["al-of-nobody"].revision(), 2);
}

// While it runs it does not read what it has written.
TEST_F(DetectorOnRealKafka, AJumpOfRevisionsMutesNobodyInTheNextLife) {
  JournalWriter journal(brokers(), config());
  v1::Alert held;
  {
    journal.surge();
    RunningDetector detector(config());
    wait_for_all_of(journal, detector);
    ASSERT_THAT(alerts(), SizeIs(1));
    held = alerts()[0];
    held.set_revision(1'000'000);
    held.set_state(v1::ALERT_STATE_RESOLVED);
    const auto producer = kafka::make_producer(brokers());
    ASSERT_EQ(producer->produce(topics_->alerts, 0, held.alert_id(), held.SerializeAsString(), {}),
              absl::OkStatus());
    ASSERT_EQ(producer->flush(kLong), absl::OkStatus());
    journal.day(3, {{"SG", 90}});
    journal.deliver();
    wait_for_all_of(journal, detector);
  }
  RunningDetector detector(config());
  journal.day(4, {{"SG", 95}});
  journal.deliver();
  wait_for_all_of(journal, detector);
  std::vector<int> revisions;
  for (const v1::Alert& alert : alerts()) revisions.push_back(alert.revision());
  EXPECT_THAT(revisions, ::testing::ElementsAre(1, 1'000'000, 2, 3));
}

}  // namespace
}  // namespace surgewatch::test
