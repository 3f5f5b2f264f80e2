// The detector service on a real Kafka: what outlives it, what others do to its topics, who else
// would be it.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "integration/detector_fixture.h"
#include "support/log_lines.h"

namespace surgewatch::test {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Who looks at the group's lag sees how far the journal is applied.
TEST_F(DetectorOnRealKafka, WhatGivesRiseToNothingIsCommittedToo) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  const RunningDetector detector(config());
  wait_for_all_of(journal, detector);
  for (int i = 0; i < 5; ++i) journal.append(idle({Topic::kInvoices, 0}, i % 2 == 0));
  journal.deliver();
  EXPECT_TRUE(wait_until(
      [&] {
        const auto offset = committed();
        return offset.has_value() && offset->offset == journal.appended();
      },
      kLong));
  EXPECT_THAT(alerts(), SizeIs(1));
  EXPECT_THAT(points(), SizeIs(3));
}

TEST_F(DetectorOnRealKafka, ASecondLifeGoesOnWhereTheFirstEnded) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  EXPECT_EQ(committed()->offset, journal.appended());
  EXPECT_THAT(committed()->metadata, HasSubstr("transaction=1"));
  const std::size_t points_before = points().size();
  journal.day(3, {{"SG", 90}});
  journal.deliver();
  RunningDetector detector(config());
  wait_for_all_of(journal, detector);
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(2));
  EXPECT_THAT(points(), SizeIs(points_before + 1));
  EXPECT_THAT(committed()->metadata, HasSubstr("transaction=2"));
  std::set<std::string> identities;
  for (const kafka::Kept& record : records_of(brokers(), topics_->alerts)) {
    identities.insert(identity_of(record));
  }
  EXPECT_THAT(identities, SizeIs(1));
}

TEST_F(DetectorOnRealKafka, AJournalWhoseStartHasMovedIsAnIncident) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  ASSERT_EQ(delete_records(brokers(), {topics_->journal, 0}, 3), absl::OkStatus());
  const LogLines log;
  RunningDetector detector(config(), milliseconds(50));
  ASSERT_TRUE(
      wait_until([&] { return detector.shows(incident_sample("journal_start_moved", 1)); }, kLong));
  EXPECT_THAT(detector.missing(), HasSubstr("journal_start_moved"));
  // It has looked again, and says it once.
  EXPECT_TRUE(
      wait_until([&] { return log.count("owns") + log.count("journal_start_moved") > 0; }, kLong));
  EXPECT_EQ(log.count("journal_start_moved: topic '" + topics_->journal + "'"), 1);
  EXPECT_EQ(log.count("another kafka.group_id"), 1);
  EXPECT_EQ(detector.end(), absl::OkStatus());
}

TEST_F(DetectorOnRealKafka, AFirstLifeNeedsTheWholeJournalToo) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  ASSERT_EQ(delete_records(brokers(), {topics_->journal, 0}, 3), absl::OkStatus());
  RunningDetector detector(config());
  EXPECT_TRUE(
      wait_until([&] { return detector.shows(incident_sample("journal_start_moved", 1)); }, kLong));
  EXPECT_THAT(alerts(), IsEmpty());
}

TEST_F(DetectorOnRealKafka, AJournalThatIsAnotherOneIsAnIncidentUntilItIsRestored) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  const auto kept = records_of(brokers(), topics_->journal);
  const kafka::GroupOffset before = *committed();
  const auto producer = kafka::make_producer(brokers());
  const auto restore = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      ASSERT_EQ(producer->produce(topics_->journal, 0, kept[i].key, kept[i].payload, {},
                                  kept[i].timestamp_ms),
                absl::OkStatus());
    }
    ASSERT_EQ(producer->flush(kLong), absl::OkStatus());
  };
  // Longer than the one before, with other times.
  make_anew(topics_->journal);
  JournalWriter another(brokers(), config());
  another.surge(/*days=*/10);
  {
    RunningDetector detector(config(), milliseconds(50));
    ASSERT_TRUE(
        wait_until([&] { return detector.shows(incident_sample("journal_replaced", 1)); }, kLong));
    EXPECT_FALSE(detector.ready());
  }
  // The same records, but not all of them. (Kafka has forgotten what was committed of a topic that
  // was deleted; whoever restores one restores that too.)
  make_anew(topics_->journal);
  restore(0, kept.size() - 1);
  ASSERT_EQ(kafka::make_consumer(brokers(), prefix_ + "g-detector")->commit({before}),
            absl::OkStatus());
  RunningDetector detector(config(), milliseconds(50));
  ASSERT_TRUE(
      wait_until([&] { return detector.shows(incident_sample("journal_replaced", 1)); }, kLong));
  EXPECT_FALSE(detector.ready());
  restore(kept.size() - 1, kept.size());
  ASSERT_TRUE(wait_until([&] { return detector.ready(); }, kLong)) << detector.missing();
  EXPECT_TRUE(detector.shows(incident_sample("journal_replaced", 0)));
  EXPECT_THAT(alerts(), SizeIs(1));
}

TEST_F(DetectorOnRealKafka, ATopicOfAlertsThatIsMadeAnewWhileItRunsHasAnotherIdentity) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  RunningDetector detector(config());
  wait_for_all_of(journal, detector);
  ASSERT_THAT(alerts(), SizeIs(1));
  const std::string before = identity_of(records_of(brokers(), topics_->alerts).front());
  make_anew(topics_->alerts);
  journal.day(3, {{"SG", 90}});
  journal.deliver();
  wait_for_all_of(journal, detector);
  journal.day(4, {{"SG", 95}});
  journal.deliver();
  ASSERT_TRUE(wait_until(
      [&] {
        const auto now = alerts();
        return !now.empty() && now.back().observed() == 95;
      },
      kLong));
  for (const kafka::Kept& record : records_of(brokers(), topics_->alerts)) {
    EXPECT_THAT(identity_of(record), Not(before));
  }
  // What fired already was announced, before anything new.
  EXPECT_EQ(alerts().front().observed(), 50);
  EXPECT_TRUE(detector.shows("surgewatch_alerts_reconciled_total{change=\"announced\"} 1"));
}

TEST_F(DetectorOnRealKafka, WhatAChangedRuleHoldsIsSaidOnce) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  for (const char* life : {"the first with the new rule", "the next"}) {
    SCOPED_TRACE(life);
    RunningDetector detector(config("", "g", "renamed"));
    wait_for_all_of(journal, detector);
    const auto said = alerts();
    ASSERT_THAT(said, SizeIs(3));
    expect_each_revision_once(said);
    for (const v1::Alert& alert : {said[1], said[2]}) {
      if (alert.rule() == "r") {
        EXPECT_EQ(alert.alert_id(), said[0].alert_id());
        EXPECT_EQ(alert.resolution(), v1::RESOLUTION_RULE_REMOVED);
      } else {
        EXPECT_EQ(alert.rule(), "renamed");
        EXPECT_EQ(alert.state(), v1::ALERT_STATE_FIRING);
      }
    }
    EXPECT_NE(said[1].rule(), said[2].rule());
  }
}

// A new group, or one whose offsets Kafka has dropped in its absence.
TEST_F(DetectorOnRealKafka, AGroupWithoutOffsetsEndsNoAlertThatStillHolds) {
  JournalWriter journal(brokers(), config());
  live_once(journal);
  const std::size_t points_before = points().size();
  RunningDetector detector(config("", "another-group"));
  wait_for_all_of(journal, detector);
  EXPECT_THAT(alerts(), SizeIs(1));
  EXPECT_THAT(points(), SizeIs(2 * points_before));
  journal.day(3, {{"SG", 90}});
  journal.deliver();
  wait_for_all_of(journal, detector);
  EXPECT_THAT(alerts(), SizeIs(2));
  expect_each_revision_once(alerts());
}

TEST_F(DetectorOnRealKafka, AStandbyIsReadyAndDoesNotDisturbTheOneThatWorks) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  auto active = std::make_unique<RunningDetector>(config());
  wait_for_all_of(journal, *active);
  std::unique_ptr<RunningDetector> standby;
  // Which of the two has the journal afterwards is the group's choice.
  const LogLines log;
  standby = std::make_unique<RunningDetector>(config());
  ASSERT_TRUE(wait_until(
      [&] { return log.count("stands by") > 0 && standby->ready() && active->ready(); }, kLong))
      << standby->missing() << active->missing();
  for (PaneIndex day = 3; day < 6; ++day) {
    journal.day(day, {{"SG", 50 * day}});
    journal.deliver();
    ASSERT_TRUE(wait_until(
        [&] {
          return std::max(active->service().position(), standby->service().position()) ==
                 journal.appended();
        },
        kLong));
  }
  for (const RunningDetector* detector : {active.get(), standby.get()}) {
    EXPECT_TRUE(detector->shows("surgewatch_transactions_retried_total 0"));
  }
  active.reset();
  journal.day(6, {{"SG", 400}});
  journal.deliver();
  wait_for_all_of(journal, *standby);
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(5));
}

// Of the two that were there, the one that is left has applied all of it by then.
TEST_F(DetectorOnRealKafka, AStandbyGoesOnFromWhatItHasFollowed) {
  JournalWriter journal(brokers(), config());
  journal.surge(/*days=*/100);
  auto active = std::make_unique<RunningDetector>(config());
  wait_for_all_of(journal, *active);
  const LogLines log;
  auto standby = std::make_unique<RunningDetector>(config());
  const auto both_are_ready = [&] { return standby->ready() && active->ready(); };
  ASSERT_TRUE(wait_until(both_are_ready, kLong)) << standby->missing() << active->missing();
  // Before it is in the group, which may give the journal to it at once.
  EXPECT_EQ(log.count("has applied the journal up to offset " + std::to_string(journal.appended())),
            1);
  if (standby->service().position() > 0) std::swap(active, standby);
  journal.day(103, {{"SG", 5'000}});
  journal.deliver();
  ASSERT_TRUE(wait_until(
      [&] { return active->service().position() == journal.appended() && both_are_ready(); },
      kLong));
  ASSERT_TRUE(
      wait_until([&] { return standby->shows("surgewatch_journal_lag_records 0"); }, kLong));
  const int owned = log.count("owns the journal");
  active.reset();
  journal.day(104, {{"SG", 6'000}});
  journal.deliver();
  wait_for_all_of(journal, *standby);
  EXPECT_EQ(log.count("owns the journal"), owned + 1);
  EXPECT_EQ(log.count("owns the journal, applying it from offset 0,"), 0);
  expect_each_revision_once(alerts());
  EXPECT_EQ(alerts().back().observed(), 6'000);
  EXPECT_THAT(points(), SizeIs(104 + 1));
}

// Who comes and stands by takes nothing from the one that works.
TEST_F(DetectorOnRealKafka, ARebalanceThatGivesTheJournalBackBeginsNothingAnew) {
  JournalWriter journal(brokers(), config());
  journal.surge();
  const LogLines log;
  RunningDetector detector(config());
  wait_for_all_of(journal, detector);
  for (int i = 1; i <= 2; ++i) {
    {
      // Of the two it comes second by name, and is given nothing.
      const auto other =
          kafka::make_consumer(brokers(), prefix_ + "g-detector", {.client = {.client_id = "z"}});
      bool is_assigned = false;
      const auto on_assigned = [&](const std::vector<kafka::TopicPartition>& partitions) {
        is_assigned = true;
        EXPECT_THAT(partitions, IsEmpty());
        return std::vector<std::int64_t>(partitions.size(), 0);
      };
      ASSERT_EQ(other->subscribe({topics_->journal}, {.assigned = on_assigned}), absl::OkStatus());
      std::vector<kafka::Kept> ignored;
      ASSERT_EQ(kafka::poll_until(
                    *other, ignored, [&] { return is_assigned; }, kLong),
                absl::OkStatus());
      journal.day(1 + 2 * i, {{"SG", 100 * i}});
      journal.deliver();
      ASSERT_EQ(kafka::poll_until(
                    *other, ignored,
                    [&] { return detector.service().position() == journal.appended(); }, kLong),
                absl::OkStatus());
    }
    journal.day(2 + 2 * i, {{"SG", 100 * i + 50}});
    journal.deliver();
    wait_for_all_of(journal, detector);
  }
  EXPECT_GT(log.count("has the journal again after a rebalance"), 0);
  EXPECT_EQ(log.count("owns the journal"), 1);
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(5));
  EXPECT_THAT(points(), SizeIs(7));
}

// A back-fill whose points are too many for one transaction's time.
TEST_F(DetectorOnRealKafka, ABackFillIsPublishedInManyTransactions) {
  constexpr PaneIndex kDays = 300;
  constexpr int kSubjects = 2'000;
  const auto short_transactions = config(
      "transaction.timeout.ms: '1500', message.timeout.ms: '1400', socket.timeout.ms: '1500'");
  JournalWriter journal(brokers(), short_transactions);
  journal.back_fill(kDays, kSubjects);
  RunningDetector detector(short_transactions);
  wait_for_all_of(journal, detector);
  EXPECT_TRUE(detector.shows("surgewatch_transactions_retried_total 0"));
  EXPECT_EQ(records_in(topics_->series), kDays * kSubjects);
  EXPECT_EQ(committed()->offset, journal.appended());
  EXPECT_THAT(committed()->metadata, Not(HasSubstr("partial")));
}

TEST_F(DetectorOnRealKafka, ARecordThatWasHalfPublishedIsPublishedWhollyInTheNextLife) {
  constexpr PaneIndex kDays = 20;
  constexpr int kSubjects = 10;
  JournalWriter journal(brokers(), config());
  journal.back_fill(kDays, kSubjects);
  LogLines log;
  // After the first transaction of a record's many.
  log.hold_at("rev 1");
  {
    RunningDetector detector(config(), milliseconds(30'000), /*transaction_records=*/30);
    ASSERT_TRUE(wait_until([&] { return log.holds(); }, kLong));
    detector.stop();
    log.release();
  }
  EXPECT_THAT(committed()->metadata, HasSubstr("partial"));
  EXPECT_LT(points().size(), std::size_t{kDays * kSubjects});
  RunningDetector detector(config());
  wait_for_all_of(journal, detector);
  std::set<std::pair<std::string, std::int64_t>> distinct;
  for (const v1::SeriesPoint& point : points()) {
    distinct.emplace(point.subject().at("bill_to"), point.window_start().seconds());
  }
  EXPECT_EQ(distinct.size(), std::size_t{kDays * kSubjects});
  expect_each_revision_once(alerts());
  EXPECT_THAT(committed()->metadata, Not(HasSubstr("partial")));
}

// The moment in which a batch has been taken and the journal has to be given back is short: it is
// tried again and again, while records come without end.
TEST_F(DetectorOnRealKafka, NothingGatheredBeforeARevocationIsPublishedAfterIt) {
  constexpr int kTries = 5;
  const auto configuration = config("heartbeat.interval.ms: '100'");
  JournalWriter journal(brokers(), configuration);
  journal.surge();
  RunningDetector detector(configuration);
  std::atomic<bool> ends = false;
  std::thread writer([&] {
    for (PaneIndex day = 3; !ends; ++day) {
      journal.day(day, {{"SG", 50 * day}});
      journal.deliver();
    }
  });
  std::int64_t position = 0;
  for (int i = 0; i < kTries; ++i) {
    // It has the journal, and has gone on in it.
    ASSERT_TRUE(wait_until([&] { return detector.service().position() > position; }, kLong))
        << detector.missing();
    // Of the two it comes first by name.
    const auto other =
        kafka::make_consumer(brokers(), prefix_ + "g-detector", {.client = {.client_id = "a"}});
    bool is_assigned = false;
    const auto on_assigned = [&](const std::vector<kafka::TopicPartition>& partitions) {
      is_assigned = !partitions.empty();
      return std::vector<std::int64_t>(partitions.size(), 0);
    };
    ASSERT_EQ(other->subscribe({topics_->journal}, {.assigned = on_assigned}), absl::OkStatus());
    std::vector<kafka::Kept> ignored;
    ASSERT_EQ(kafka::poll_until(
                  *other, ignored, [&] { return is_assigned; }, kLong),
              absl::OkStatus());
    const auto before = other->committed({{topics_->journal, 0}});
    ASSERT_EQ(kafka::poll_until(
                  *other, ignored, [&] { return detector.ready(); }, kLong),
              absl::OkStatus());
    const auto after = other->committed({{topics_->journal, 0}});
    ASSERT_TRUE(before.ok() && after.ok());
    EXPECT_EQ(*before, *after);
    position = detector.service().position();
  }
  ends = true;
  writer.join();
  wait_for_all_of(journal, detector);
  expect_each_revision_once(alerts());
}

// Silent for so long that the group gives the journal to somebody else.
TEST_F(DetectorOnRealKafka, ADetectorThatLosesTheJournalPublishesNothingAndStandsBy) {
  const std::string properties =
      "max.poll.interval.ms: '6000', session.timeout.ms: '6000', heartbeat.interval.ms: '500'";
  JournalWriter journal(brokers(), config(properties));
  journal.surge();
  LogLines log;
  log.hold_at("rev 1");
  RunningDetector detector(config(properties));
  ASSERT_TRUE(wait_until([&] { return log.holds(); }, kLong));
  journal.day(3, {{"SG", 90}});
  journal.deliver();
  RunningDetector other(config());
  wait_for_all_of(journal, other);
  EXPECT_THAT(alerts(), SizeIs(2));
  log.release();
  ASSERT_TRUE(wait_until([&] { return detector.ready() && other.ready(); }, kLong))
      << detector.missing() << "; " << other.missing();
  journal.day(4, {{"SG", 95}});
  journal.deliver();
  ASSERT_TRUE(wait_until(
      [&] {
        return std::max(detector.service().position(), other.service().position()) ==
               journal.appended();
      },
      kLong));
  expect_each_revision_once(alerts());
  EXPECT_THAT(alerts(), SizeIs(3));
}

}  // namespace
}  // namespace surgewatch::test
