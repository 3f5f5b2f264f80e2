// Both sides of its line, and what it does of a window that was not seen whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::two_series;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// 300 dollars in three days.
config::Config of_three_days() {
  config::Config config = two_series();
  config::Rule rule = test::rule("threshold", 3);
  rule.fire_at.observed = 300e6;
  rule.clear_at.observed = 200e6;
  config.rules = {rule};
  return config;
}

TEST(Threshold, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t last : {99, 100}) {
    World world(of_three_days());
    world.bill("US", 1, 1);  // history begins
    world.pass(1);
    for (const PaneIndex day : {4, 5}) {
      world.bill("SG", day, 100);
      world.pass(day);
    }
    EXPECT_THAT(world.alerts(), IsEmpty());
    world.bill("SG", 6, last);
    world.pass(6);
    const auto alerts = world.alerts();
    ASSERT_EQ(alerts.size(), last == 100 ? 1u : 0u);
    if (alerts.empty()) continue;
    EXPECT_EQ(alerts[0].rule_type(), v1::RULE_TYPE_THRESHOLD);
    EXPECT_EQ(alerts[0].observed(), 300e6);
    EXPECT_EQ(alerts[0].expected(), 300e6);
    EXPECT_EQ(alerts[0].ratio(), 1);
    EXPECT_EQ(alerts[0].unit(), "revenue_usd");
    EXPECT_EQ(alerts[0].against(), "the line");
    EXPECT_EQ(alerts[0].comparison(), v1::COMPARISON_LINE);
    EXPECT_THAT(alerts[0].explanation(),
                HasSubstr("Revenue billed to SG was 300.00 USD in the 3 days to 1970-01-07, "
                          "100.0 % of the line of 300.00 USD."));
  }
}

TEST(Threshold, FiresBeforeTheCloseSinceMoreCanOnlyRaiseIt) {
  World world(of_three_days());
  world.bill("US", 1, 1);
  world.pass(3);
  world.alerts();
  world.bill("SG", 4, 300);
  world.flush();
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING EARLY 4"));
}

TEST(Threshold, OfAWindowBeforeTheHistoryKnowsTheLeastThatItCanBe) {
  for (const std::int64_t dollars : {299, 300}) {
    World world(of_three_days());
    world.bill("SG", 5, dollars);
    world.pass(5);  // history begins on day 4, the window on day 3
    const detect::Emissions out = world.take();
    EXPECT_EQ(out.alerts.size(), dollars == 300 ? 1u : 0u);
    ASSERT_EQ(out.points.size(), 1u);
    EXPECT_EQ(out.points[0].inconclusive(), dollars == 299);
  }
}

TEST(Threshold, EndsBelowTheOtherLine) {
  World world(of_three_days());
  world.bill("SG", 5, 300);
  world.pass(7);  // of these windows all hold the day
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 5", "2 FIRING FINAL 5"));
  world.pass(9);  // two that don't, in a row
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("3 RESOLVED ON_TIME 9"));
}

}  // namespace
}  // namespace surgewatch
