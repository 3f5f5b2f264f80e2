// What makes a revision, and that nothing else does: through the whole detector.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::kDollar;
using test::progress;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// One day against day 0, which has 100 dollars: fires at 4 times, ends below 2 for 2 days.
config::Config one_day() {
  config::Config config = test::two_series();
  config::Rule rule = test::rule("surge_since", 1);
  rule.reference = test::days(0, 0);
  rule.fire_at.ratio = 4;
  rule.clear_at.ratio = 2;
  config.rules = {rule};
  return config;
}

class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() {
    world_.bill("SG", 0, 100);
    world_.pass(0);
    world_.take();
  }
  // The day's amount, and the day's end.
  std::vector<std::string> day(PaneIndex pane, std::int64_t dollars) {
    world_.bill("SG", pane, dollars);
    world_.pass(pane);
    return briefs(world_.alerts());
  }
  World world_{one_day()};
};

TEST_F(LifecycleTest, FromFiringToOver) {
  EXPECT_THAT(day(1, 399), IsEmpty());
  EXPECT_THAT(day(2, 400), ElementsAre("1 FIRING ON_TIME 2"));
  EXPECT_THAT(day(3, 400), IsEmpty()) << "as high is no new peak";
  EXPECT_THAT(day(4, 500), ElementsAre("2 FIRING ON_TIME 4"))
      << "and day 2's finality is of no interest";
  EXPECT_THAT(day(5, 199), IsEmpty());
  EXPECT_THAT(day(6, 200), ElementsAre("3 FIRING FINAL 4")) << "not quiet: the run starts again";
  EXPECT_THAT(day(7, 199), IsEmpty());
  EXPECT_THAT(day(8, 199), ElementsAre("4 RESOLVED ON_TIME 8"));
  EXPECT_THAT(day(9, 100), IsEmpty());
  EXPECT_THAT(day(10, 100), ElementsAre("5 RESOLVED FINAL 8"));
  EXPECT_THAT(day(11, 100), IsEmpty());
}

TEST_F(LifecycleTest, ANewCrossingIsANewAlert) {
  world_.bill("SG", 1, 400);
  world_.pass(1);
  const std::string first = world_.alerts().at(0).alert_id();
  day(2, 0);
  day(3, 0);
  world_.bill("SG", 4, 400);
  world_.pass(4);
  std::vector<v1::Alert> alerts = world_.alerts();
  std::erase_if(alerts, [&](const auto& a) { return a.alert_id() == first; });
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].revision(), 1);
  EXPECT_THAT(first, MatchesRegex("al-[0-9a-f]{16}"));
}

TEST_F(LifecycleTest, IdsAreAFunctionOfRuleSubjectAndOnset) {
  const auto id = [](const std::string& name, const std::string& subject, PaneIndex onset) {
    config::Config config = one_day();
    config.rules[0].name = name;
    World world(std::move(config));
    world.bill(subject, 0, 100);
    world.bill(subject, onset, 1'000);
    world.pass(onset);
    return world.alerts().at(0).alert_id();
  };
  EXPECT_EQ(id("r", "SG", 3), id("r", "SG", 3));
  EXPECT_NE(id("r", "SG", 3), id("s", "SG", 3));
  EXPECT_NE(id("r", "SG", 3), id("r", "US", 3));
  EXPECT_NE(id("r", "SG", 3), id("r", "SG", 4));
}

TEST_F(LifecycleTest, ThePeakStaysWhenItIsOver) {
  day(1, 900);
  world_.bill("SG", 2, 0);
  world_.pass(3);
  const auto alerts = world_.alerts();
  ASSERT_FALSE(alerts.empty());
  const v1::Alert& over = alerts.back();
  EXPECT_EQ(over.state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(over.observed(), 0);
  EXPECT_EQ(over.peak().ratio(), 9);
  EXPECT_EQ(over.peak().window_end().seconds(), 2 * 86'400);
  EXPECT_THAT(over.explanation(), HasSubstr("below the line for 2 windows"));
}

TEST_F(LifecycleTest, AnOpenWindowThatHasCrossedIsSaidEarly) {
  world_.bill("SG", 1, 399);
  world_.flush();
  EXPECT_THAT(world_.alerts(), IsEmpty());
  world_.bill("SG", 1, 400);
  EXPECT_THAT(world_.alerts(), IsEmpty()) << "judged at the flush's end";
  world_.flush();
  const auto early = world_.alerts();
  EXPECT_THAT(briefs(early), ElementsAre("1 FIRING EARLY 1"));
  EXPECT_FALSE(early[0].has_peak());
  EXPECT_THAT(early[0].explanation(), HasSubstr("so far"));
  world_.bill("SG", 1, 450);
  world_.flush();
  EXPECT_THAT(world_.alerts(), IsEmpty());
  world_.pass(1);
  const auto closed = world_.alerts();
  EXPECT_THAT(briefs(closed), ElementsAre("2 FIRING ON_TIME 1"));
  EXPECT_EQ(closed[0].alert_id(), early[0].alert_id());
  EXPECT_EQ(closed[0].ratio(), 4.5);
}

TEST_F(LifecycleTest, AnEarlyAlertThatDidNotHoldIsWithdrawn) {
  world_.bill("SG", 1, 400);
  world_.flush();
  world_.take();
  world_.bill("SG", 1, 300);
  world_.pass(1);
  const auto alerts = world_.alerts();
  EXPECT_THAT(briefs(alerts), ElementsAre("2 RESOLVED ON_TIME 1"));
  EXPECT_THAT(alerts[0].explanation(), HasSubstr("no longer reach the line"));
  EXPECT_EQ(world_.detector.stats().alerts_firing, 0u);
}

TEST(Early, NothingWithTwoMovingSidesIsSaidEarly) {
  config::Config config = one_day();
  config.rules[0].fire_at.excess_over_total = 0.1;
  World world(std::move(config));
  world.bill("SG", 0, 100);
  world.pass(0);
  world.bill("SG", 1, 1'000);
  world.flush();
  EXPECT_THAT(world.alerts(), IsEmpty());
  world.pass(1);
  EXPECT_EQ(world.alerts().size(), 1u);
}

TEST(Early, WaitsForTheReferenceToClose) {
  config::Config config = one_day();
  World world(std::move(config));
  world.bill("SG", 0, 100);
  world.bill("SG", 1, 1'000);
  world.flush();
  EXPECT_THAT(world.alerts(), IsEmpty());
  world.pass(0);
  world.bill("SG", 1, 1'001);
  world.flush();
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING EARLY 1"));
}

TEST_F(LifecycleTest, LateDataThatChangesTheReportedWindowRevises) {
  EXPECT_THAT(day(1, 400), ElementsAre("1 FIRING ON_TIME 1"));
  world_.bill("SG", 1, 410);
  world_.flush();
  const auto amended = world_.alerts();
  EXPECT_THAT(briefs(amended), ElementsAre("2 FIRING ON_TIME 1"));
  EXPECT_EQ(amended[0].observed(), 410e6);
  EXPECT_EQ(amended[0].peak().observed(), 410e6);
  world_.bill("US", 1, 5);
  world_.flush();
  EXPECT_THAT(world_.alerts(), IsEmpty()) << "another subject's";
}

TEST_F(LifecycleTest, LateDataOfTheReferenceRevisesToo) {
  day(1, 500);
  world_.bill("SG", 0, 125);
  world_.flush();
  const auto amended = world_.alerts();
  EXPECT_THAT(briefs(amended), ElementsAre("2 FIRING ON_TIME 1"));
  EXPECT_EQ(amended[0].ratio(), 4);
}

TEST_F(LifecycleTest, LateDataThatTakesTheOnsetBelowTheLineWithdraws) {
  day(1, 400);
  world_.bill("SG", 1, 399);
  world_.flush();
  const auto amended = world_.alerts();
  EXPECT_THAT(briefs(amended), ElementsAre("2 RESOLVED ON_TIME 1"));
  EXPECT_EQ(amended[0].observed(), 399e6);
  EXPECT_THAT(amended[0].explanation(), HasSubstr("corrected figures no longer reach the line"));
  EXPECT_THAT(day(2, 100), IsEmpty());
  EXPECT_THAT(day(3, 100), ElementsAre("3 RESOLVED FINAL 1"));
}

TEST_F(LifecycleTest, LateDataCanMakeAClosedWindowFire) {
  EXPECT_THAT(day(1, 399), IsEmpty());
  EXPECT_THAT(day(2, 100), IsEmpty());
  world_.bill("SG", 1, 400);
  world_.flush();
  EXPECT_THAT(briefs(world_.alerts()), ElementsAre("1 FIRING ON_TIME 1"));
  EXPECT_THAT(day(3, 100), ElementsAre("2 RESOLVED ON_TIME 3"));
}

TEST_F(LifecycleTest, CorrectionsBehindFinalityReviseAndWithdraw) {
  day(1, 450);
  EXPECT_THAT(day(3, 250), ElementsAre("2 FIRING FINAL 1"));
  world_.apply(test::Batch(test::kInvoices0, 1'000, "billed")
                   .correct({{"SG", "US"}, 1, -50 * kDollar}, 999));
  world_.apply(progress(test::kInvoices0, 1'000, std::nullopt));
  auto alerts = world_.alerts();
  EXPECT_THAT(briefs(alerts), ElementsAre("3 FIRING FINAL 1"));
  EXPECT_EQ(alerts[0].observed(), 400e6);
  EXPECT_EQ(world_.detector.stats().reopened_panes, 1u);
  world_.apply(test::Batch(test::kInvoices0, 1'001, "billed")
                   .correct({{"SG", "US"}, 1, -1 * kDollar}, 1'000));
  world_.apply(progress(test::kInvoices0, 1'001, std::nullopt));
  alerts = world_.alerts();
  EXPECT_THAT(briefs(alerts), ElementsAre("4 RESOLVED FINAL 1"));
  EXPECT_EQ(alerts[0].observed(), 399e6);
  EXPECT_EQ(alerts[0].resolution(), v1::RESOLUTION_DATA_CORRECTED);
}

TEST_F(LifecycleTest, CorrectionsBeyondTheHorizonChangeNothingAndAreCounted) {
  day(1, 450);
  for (PaneIndex pane = 2; pane < 200; ++pane) day(pane, 250);
  world_.apply(test::Batch(test::kInvoices0, 1'000, "billed")
                   .correct({{"SG", "US"}, 1, -100 * kDollar}, 999));
  world_.apply(progress(test::kInvoices0, 1'000, std::nullopt));
  EXPECT_THAT(world_.alerts(), IsEmpty());
  EXPECT_EQ(world_.detector.stats().too_old, 1u);
}

TEST_F(LifecycleTest, ASourceThatIsBehindHoldsEverything) {
  world_.apply(test::topology(2, 1));
  world_.bill("SG", 1, 400);
  world_.pass(1);
  EXPECT_THAT(briefs(world_.alerts()), ElementsAre("1 FIRING EARLY 1"));
  world_.apply(test::idle(test::kInvoices1, true));
  EXPECT_THAT(briefs(world_.alerts()), ElementsAre("2 FIRING ON_TIME 1"));
}

TEST_F(LifecycleTest, TheEndOfTheInputClosesEverythingForGood) {
  world_.bill("SG", 1, 400);
  world_.bill("SG", 2, 500);
  world_.apply(progress(test::kInvoices0, 1'000, std::nullopt, true));
  EXPECT_THAT(briefs(world_.alerts()),
              ElementsAre("1 FIRING ON_TIME 1", "2 FIRING ON_TIME 2", "3 FIRING FINAL 2"));
  EXPECT_EQ(world_.detector.stats().alerts_firing, 1u);
}

TEST_F(LifecycleTest, PointsComeAtTheCloseAndAgainWhenFiguresChange) {
  world_.bill("SG", 1, 100);
  world_.bill("SG", 2, 100);
  world_.pass(2);
  EXPECT_EQ(world_.take().points.size(), 2u);
  world_.bill("SG", 1, 150);
  world_.flush();
  auto points = world_.take().points;
  ASSERT_EQ(points.size(), 1u) << "at once, not a lateness later";
  EXPECT_EQ(points[0].window_end().seconds(), 2 * 86'400);
  EXPECT_EQ(points[0].observed(), 150e6);
  world_.pass(9);
  points = world_.take().points;
  ASSERT_EQ(points.size(), 1u) << "silence is said once";
  EXPECT_EQ(points[0].window_end().seconds(), 4 * 86'400);
  EXPECT_EQ(points[0].observed(), 0);
}

TEST_F(LifecycleTest, CenturiesOfSilenceCostNothing) {
  day(1, 400);
  const auto before = world_.detector.stats().evaluations;
  world_.bill("SG", 2'000'000, 400);
  world_.pass(2'000'000);
  const auto alerts = briefs(world_.alerts());
  EXPECT_THAT(alerts, ElementsAre("2 RESOLVED ON_TIME 3", "3 RESOLVED FINAL 3",
                                  "1 FIRING ON_TIME 2000000"));
  EXPECT_LT(world_.detector.stats().evaluations - before, 100u);
  EXPECT_THAT(day(2'000'001, 500), ElementsAre("2 FIRING ON_TIME 2000001"));
}

// Ten days of corrections and two of lateness: who has held nothing for thirteen days is forgotten
// once that can't change any more.
TEST_F(LifecycleTest, WhoHasHeldNothingForLongIsForgotten) {
  world_.bill("MY", 5, 100);
  for (PaneIndex pane = 1; pane < 20; ++pane) day(pane, 100);
  EXPECT_EQ(world_.detector.stats().subjects, 2u);
  for (PaneIndex pane = 20; pane < 200; ++pane) day(pane, 100);
  EXPECT_EQ(world_.detector.stats().subjects, 1u);
  EXPECT_EQ(world_.detector.stats().subjects_forgotten, 1u);
  world_.take();
  world_.bill("MY", 200, 100);
  day(200, 100);
  EXPECT_EQ(world_.detector.stats().subjects, 2u);
}

TEST_F(LifecycleTest, ManyWhoBuyOnceAreNotKept) {
  std::uint64_t most = 0;
  for (PaneIndex pane = 1; pane < 600; ++pane) {
    world_.bill("P" + std::to_string(pane), pane, 100);
    world_.pass(pane);
    most = std::max(most, world_.detector.stats().subjects);
  }
  EXPECT_LT(most, 120u);
  // Each says what it bought, and once that it buys no more.
  EXPECT_NEAR(static_cast<double>(world_.take().points.size()), 2 * 600, 30);
}

TEST_F(LifecycleTest, LateDataAfterSilenceIsStillJudged) {
  day(1, 100);
  world_.pass(1'000);
  world_.take();
  world_.bill("SG", 999, 400);
  world_.flush();
  EXPECT_THAT(briefs(world_.alerts()), ElementsAre("1 FIRING ON_TIME 999"));
}

}  // namespace
}  // namespace surgewatch
