// Both sides of its lines, within one series and between two, and what it does without what it
// needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::two_series;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

config::Config divergence(bool against_shipments) {
  config::Config config = two_series();
  config::Rule rule = test::rule("divergence", 1);
  rule.against_series = against_shipments ? 1 : 0;
  rule.against_position = against_shipments ? 0 : 1;
  rule.fire_at.divergence = 0.75;
  config.rules = {rule};
  return config;
}

TEST(Divergence, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t home : {25, 26}) {
    World world(divergence(false));
    world.bill("SG", 5, home, "SG");
    world.bill("SG", 5, 100 - home, "MY");
    world.bill("MY", 5, 1'000, "SG");  // delivered there, but billed elsewhere
    world.pass(5);
    std::vector<v1::Alert> alerts = world.alerts();
    std::erase_if(alerts, [](const auto& a) { return a.subject().at("bill_to") != "SG"; });
    ASSERT_EQ(alerts.size(), home == 25 ? 1u : 0u);
    if (alerts.empty()) continue;
    EXPECT_EQ(alerts[0].observed(), 100e6);
    EXPECT_EQ(alerts[0].expected(), 25e6);
    EXPECT_EQ(alerts[0].score(), 0.75);
    EXPECT_EQ(alerts[0].comparison(), v1::COMPARISON_SHORTFALL);
    EXPECT_EQ(alerts[0].ratio(), 4);
    EXPECT_EQ(alerts[0].upper_bound(), 100e6);
    EXPECT_THAT(alerts[0].explanation(), HasSubstr("75.0 % was not"));
  }
}

TEST(Divergence, IsInconclusiveIfMostStatesNoDestination) {
  for (const std::int64_t unstated : {50, 51}) {
    World world(divergence(false));
    world.bill("SG", 5, unstated, "ZZ");
    world.bill("SG", 5, 100 - unstated, "MY");
    world.pass(5);
    const detect::Emissions out = world.take();
    EXPECT_EQ(out.alerts.size(), unstated == 50 ? 1u : 0u);
    EXPECT_EQ(out.points.back().inconclusive(), unstated == 51);
  }
}

TEST(Divergence, IsInconclusiveForAWindowThatBeginsBeforeTheHistory) {
  config::Config config = divergence(false);
  // The first watermark is the end of day 5; with two days of lateness, history begins on day 4.
  config.rules[0].window_panes = 3;
  World world(std::move(config));
  world.bill("SG", 5, 100, "MY");
  world.pass(5);
  const detect::Emissions first = world.take();
  EXPECT_THAT(first.alerts, IsEmpty());
  ASSERT_EQ(first.points.size(), 1u);
  EXPECT_TRUE(first.points[0].inconclusive());
  world.pass(6);
  EXPECT_EQ(world.alerts().size(), 1u);
}

TEST(Divergence, ComparesWithAnotherSeriesAtTheCloseOfBoth) {
  World world(divergence(true));
  world.bill("SG", 5, 100);
  world.ship("SG", 5, 20);
  world.ship("US", 5, 80);
  world.pass(5);
  EXPECT_THAT(world.alerts(), IsEmpty()) << "shipments may still come";
  world.pass_shipments(5);
  const detect::Emissions out = world.take();
  ASSERT_EQ(out.alerts.size(), 1u);
  EXPECT_EQ(out.alerts[0].score(), 0.8);
  EXPECT_EQ(out.points.size(), 1u) << "nothing is billed to US: nothing to say";
}

TEST(Divergence, DeliversAtMostWhatWasBilled) {
  World world(divergence(true));
  world.bill("SG", 5, 100);
  world.ship("SG", 5, 200);
  world.pass(5);
  world.pass_shipments(5);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  ASSERT_EQ(out.points.size(), 1u);
  EXPECT_EQ(out.points[0].expected(), 100e6);
}

TEST(Divergence, FiresWhereDeliveriesNeverBegan) {
  for (const bool by_idleness : {false, true}) {
    World world(divergence(true));
    world.apply(test::topology(1, 1));
    world.bill("SG", 5, 100);
    world.pass(5);
    EXPECT_THAT(world.alerts(), IsEmpty()) << "deliveries may still come";
    if (by_idleness) {
      world.apply(test::idle(test::kShipments0, true));
    } else {
      world.pass_shipments(5);
    }
    const auto alerts = world.alerts();
    EXPECT_THAT(briefs(alerts), ElementsAre("1 FIRING ON_TIME 5"));
    ASSERT_EQ(alerts.size(), 1u);
    EXPECT_EQ(alerts[0].score(), 1);
  }
}

TEST(Divergence, FiresWhenDeliveriesStop) {
  for (const bool by_idleness : {false, true}) {
    config::Config config = divergence(true);
    World world(std::move(config));
    world.apply(test::topology(1, 1));
    world.bill("SG", 5, 100);
    world.ship("SG", 5, 100);
    world.pass(5);
    world.pass_shipments(5);
    EXPECT_THAT(world.alerts(), IsEmpty());
    world.bill("SG", 6, 100);
    world.pass(6);
    EXPECT_THAT(world.alerts(), IsEmpty()) << "deliveries may still come";
    if (by_idleness) {
      world.apply(test::idle(test::kShipments0, true));
    } else {
      world.pass_shipments(6);
    }
    EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 6"));
  }
}

TEST(Divergence, WithNothingDeliveredThereHasNoRatio) {
  World world(divergence(false));
  world.bill("SG", 5, 100, "MY");
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].ratio(), 0);
  EXPECT_EQ(alerts[0].growth_percent(), 0);
  EXPECT_EQ(alerts[0].score(), 1);
}

TEST(Divergence, NetCreditsAreNotEvaluatedAndCountAsQuiet) {
  config::Config config = divergence(false);
  config.rules[0].clear_at.divergence = 0.5;
  World world(std::move(config));
  world.bill("SG", 5, 100, "MY");
  world.pass(5);
  world.bill("SG", 6, -50, "MY");
  world.pass(7);
  const detect::Emissions out = world.take();
  EXPECT_THAT(briefs(out.alerts), ElementsAre("1 FIRING ON_TIME 5", "2 RESOLVED ON_TIME 7"));
  ASSERT_EQ(out.points.size(), 3u) << "the silence behind them is said, too";
  EXPECT_EQ(out.points[1].observed(), -50e6);
  EXPECT_FALSE(out.points[1].has_expected());
}

}  // namespace
}  // namespace surgewatch
