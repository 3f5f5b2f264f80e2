// The detector service on the embedded broker.
#include "detector/detector_service.h"

#include <gmock/gmock.h>

#include "detector/published_alerts.h"
#include "support/detector_lab.h"
#include "support/log_lines.h"
#include "support/process.h"

namespace surgewatch::test {
namespace {

using kafka::EmbeddedBroker;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kCoordinatorNotAvailable = 15;

class DetectorServiceTest : public ::testing::Test {
 protected:
  DetectorServiceTest() {
    for (const std::string& topic : {topics_.journal, topics_.alerts, topics_.series}) {
      EXPECT_EQ(broker_->create_topic(topic, 1), absl::OkStatus());
    }
  }
  const std::string& brokers() const { return broker_->brokers(); }
  std::shared_ptr<const config::Config> config(const std::string& rule = "r", int ratio = 4) const {
    // This broker learns only by that time that a member has left.
    return detector_config(
        brokers(), "", ", properties: {session.timeout.ms: '3000', heartbeat.interval.ms: '500'}",
        rule, ratio);
  }

  const std::unique_ptr<EmbeddedBroker> broker_ = *EmbeddedBroker::start();
  const kafka::Topics topics_{""};
};

TEST_F(DetectorServiceTest, PublishesAlertsAndPoints) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  RunningDetector detector(config());
  EXPECT_TRUE(wait_until([&] { return detector.ready(); }, kLong)) << detector.missing();
  EXPECT_EQ(detector.service().position(), journal.appended());
  EXPECT_THAT(alerts_of(brokers()), SizeIs(1));
  EXPECT_THAT(points_of(brokers()), SizeIs(3));
}

TEST_F(DetectorServiceTest, IsNotReadyBeforeItHasAppliedTheJournal) {
  JournalWriter journal(brokers(), config());
  journal.surge(/*days=*/200);
  RunningDetector detector(config());
  // Whenever it is ready, all that the journal held is published.
  ASSERT_TRUE(wait_until([&] { return detector.ready(); }, kLong)) << detector.missing();
  EXPECT_EQ(detector.service().position(), journal.appended());
}

TEST_F(DetectorServiceTest, SpeaksThoughTheCommittedOffsetCouldNotBeReadAtFirst) {
  constexpr int kAsOftenAsItLikes = 10'000;
  broker_->fail_requests(EmbeddedBroker::Request::kOffsetFetch, kAsOftenAsItLikes,
                         kCoordinatorNotAvailable);
  const LogLines log;
  JournalWriter journal(brokers(), config());
  journal.surge();
  RunningDetector detector(config());
  ASSERT_TRUE(wait_until([&] { return log.count("committed offset") > 0; }, kLong));
  EXPECT_FALSE(detector.ready());
  broker_->stop_failing(EmbeddedBroker::Request::kOffsetFetch);
  EXPECT_TRUE(
      wait_until([&] { return detector.ready() && alerts_of(brokers()).size() == 1; }, kLong))
      << detector.missing();
}

TEST_F(DetectorServiceTest, EveryAlertCarriesTheTopicsIdentity) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  std::string identity;
  for (const int life : {1, 2}) {
    RunningDetector detector(config());
    ASSERT_TRUE(wait_until(
        [&] { return detector.ready() && detector.service().position() == journal.appended(); },
        kLong))
        << detector.missing();
    const auto records = records_of(brokers(), topics_.alerts);
    ASSERT_THAT(records, SizeIs(life));
    ASSERT_THAT(records.back().headers, SizeIs(2));
    EXPECT_EQ(records.back().headers[0].name, "topic_identity");
    EXPECT_THAT(records.back().headers[0].value, ::testing::MatchesRegex("[0-9a-f]{16}"));
    if (life == 2) {
      EXPECT_EQ(records.back().headers[0].value, identity);
    }
    identity = records.back().headers[0].value;
    // A new peak.
    journal.day(3, {{"SG", 90}});
    journal.deliver();
  }
}

TEST_F(DetectorServiceTest, ASecondLifeSaysNothingTwice) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  for (const char* life : {"first", "second"}) {
    SCOPED_TRACE(life);
    RunningDetector detector(config());
    ASSERT_TRUE(wait_until(
        [&] { return detector.ready() && detector.service().position() == journal.appended(); },
        kLong))
        << detector.missing();
    EXPECT_THAT(alerts_of(brokers()), SizeIs(1));
  }
}

// Also where there was nothing: then the end that it has seen is all that it knows.
TEST_F(DetectorServiceTest, WhatIsPublishedBehindAnEndThatWasSeenIsReadBackToo) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  for (const int revision : {1, 2}) {
    const auto reader = services::PublishedReader::open(config()->kafka, topics_.alerts);
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_TRUE(
        wait_until([&] { return (*reader)->step().ok() && (*reader)->has_caught_up(); }, kLong));
    {
      RunningDetector detector(config());
      ASSERT_TRUE(wait_until(
          [&] { return detector.ready() && detector.service().position() == journal.appended(); },
          kLong))
          << detector.missing();
    }
    const services::Stop stop;
    const auto published = (*reader)->finish(stop);
    ASSERT_TRUE(published.ok()) << published.status();
    ASSERT_THAT(published->newest, SizeIs(1));
    EXPECT_EQ(published->newest[0].revision(), revision);
    // A new peak.
    journal.day(3, {{"SG", 90}});
    journal.deliver();
  }
}

}  // namespace
}  // namespace surgewatch::test
