// Both sides of its line, by which routes, and what it does without what it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::two_series;
using test::World;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// By day: what goes to the country that is billed (first), by where it comes from (second).
config::Config daily() {
  config::Config config = two_series();
  config.series[0].group_by = {config::Dimension::kShipTo, config::Dimension::kSeller};
  config::Rule rule = test::rule("intermediary", 1);
  rule.parts = 1;
  rule.origins = {"TW", "US"};
  rule.assumed = rule.type->assumes;
  rule.assumed->floor = 10e6;
  rule.fire_at.ratio = 1;
  rule.clear_at.ratio = 0.85;
  config.rules = {rule};
  return config;
}

TEST(Intermediary, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t malaysia : {39, 40}) {
    World world(daily());
    world.bill("CN", 5, 60, "US");
    world.bill("CN", 5, 40, "TW");
    world.bill("CN", 5, 60, "SG");
    world.bill("CN", 5, malaysia, "MY");
    world.bill("CN", 5, 1'000, "CN");  // what a country sends to itself is neither
    world.bill("US", 5, 1'000, "SG");  // another destination
    world.bill("US", 5, 2'000, "TW");
    world.pass(5);
    const auto alerts = world.alerts();
    ASSERT_EQ(alerts.size(), malaysia == 40 ? 1u : 0u);
    if (alerts.empty()) continue;
    const v1::Alert& alert = alerts[0];
    EXPECT_EQ(alert.rule_type(), v1::RULE_TYPE_INTERMEDIARY);
    EXPECT_EQ(alert.subject().at("ship_to"), "CN");
    EXPECT_EQ(alert.observed(), 100e6);
    EXPECT_EQ(alert.expected(), 100e6);
    EXPECT_EQ(alert.ratio(), 1);
    EXPECT_THAT(alert.explanation(),
                HasSubstr("Revenue shipped to CN by way of third countries was 100.00 USD on "
                          "1970-01-06, against 100.00 USD straight from TW and US: 1.000 times. By "
                          "way of SG 60.00 USD, MY 40.00 USD. Inquire: who sends it on"));
    std::vector<std::string> routes;
    for (const v1::Evidence& e : alert.evidence()) {
      if (e.name() == "route") routes.push_back(e.labels().at("seller") + " " + e.text());
    }
    EXPECT_THAT(routes, ElementsAre(HasSubstr("SG 60.00 USD, 60.0 % of what came by way of third"),
                                    HasSubstr("MY 40.00 USD, 40.0 %")));
    EXPECT_EQ(test::evidence(alert, "direct")->value(), 100e6);
    EXPECT_EQ(test::evidence(alert, "window_total")->value(), 1'200e6);
    EXPECT_THAT(test::evidence(alert, "crossed")->text(),
                HasSubstr("first reached with the window that ends with 1970-01-06"));
    EXPECT_THAT(test::evidence(alert, "basis")->text(), HasSubstr("the last leg alone"));
  }
}

TEST(Intermediary, SaysWhenTheLineWasCrossedFirst) {
  World world(daily());
  for (const PaneIndex day : {5, 6, 7}) {
    world.bill("CN", day, 50, "US");
    world.bill("CN", day, 30 * (day - 4), "SG");  // 30, 60, 90
    world.pass(day);
  }
  const auto alerts = world.alerts();
  EXPECT_THAT(briefs(alerts), ElementsAre("1 FIRING ON_TIME 6", "2 FIRING ON_TIME 7"));
  EXPECT_THAT(test::evidence(alerts[1], "crossed")->text(), HasSubstr("ends with 1970-01-07"));
}

TEST(Intermediary, TheFloorStandsForADirectFlowThatHasDriedUp) {
  for (const std::int64_t dollars : {9, 10}) {
    World world(daily());
    world.bill("CN", 5, dollars, "SG");
    world.pass(5);
    const detect::Emissions out = world.take();
    ASSERT_EQ(out.alerts.size(), dollars == 10 ? 1u : 0u);
    EXPECT_FALSE(out.points.back().inconclusive());
    if (out.alerts.empty()) continue;
    EXPECT_EQ(out.alerts[0].expected(), 10e6);
    EXPECT_THAT(out.alerts[0].explanation(),
                HasSubstr("against 0.00 USD straight from TW and US: 1.000 times the floor"));
  }
}

TEST(Intermediary, WhatStatesNoOriginCountsAsDirect) {
  World world(daily());
  world.bill("CN", 5, 50, "US");
  world.bill("CN", 5, 49, "ZZ");
  world.bill("CN", 5, 100, "SG");
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_THAT(alerts, SizeIs(1)) << "wherever that came from, more came by way of others";
  EXPECT_EQ(alerts[0].expected(), 99e6);
  EXPECT_EQ(test::evidence(alerts[0], "unstated_origin")->value(), 49e6);
  EXPECT_EQ(test::evidence(alerts[0], "direct")->value(), 50e6);
  EXPECT_THAT(alerts[0].explanation(), HasSubstr("and 49.00 USD from countries not stated"));
}

TEST(Intermediary, IsInconclusiveWhereWhatStatesNoOriginDecides) {
  for (const std::int64_t unstated : {19, 20}) {
    World world(daily());
    world.bill("CN", 5, 100, "US");
    world.bill("CN", 5, 80, "SG");
    world.bill("CN", 5, unstated, "ZZ");
    world.pass(5);
    const detect::Emissions out = world.take();
    EXPECT_THAT(out.alerts, IsEmpty());
    EXPECT_EQ(out.points.back().inconclusive(), unstated == 20);
  }
}

TEST(Intermediary, IsInconclusiveWhereNothingStatesAnOrigin) {
  for (const std::int64_t unstated : {9, 10}) {  // below the floor, too
    World world(daily());
    world.bill("CN", 5, unstated, "ZZ");
    world.pass(5);
    EXPECT_TRUE(world.take().points.back().inconclusive());
  }
}

TEST(Intermediary, IsInconclusiveForADestinationThatIsNone) {
  for (const char* nowhere : {"ZZ", "other"}) {
    World world(daily());
    world.bill(nowhere, 5, 100, "SG");
    world.pass(5);
    const detect::Emissions out = world.take();
    EXPECT_THAT(out.alerts, IsEmpty());
    EXPECT_TRUE(out.points.back().inconclusive()) << nowhere;
  }
}

TEST(Intermediary, IsInconclusiveForAWindowThatBeginsBeforeTheHistory) {
  config::Config config = daily();
  config.rules[0].window_panes = 3;  // history begins on day 4
  World world(std::move(config));
  world.bill("CN", 5, 100, "SG");
  world.pass(5);
  EXPECT_TRUE(world.take().points.back().inconclusive());
  world.pass(6);
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 6"));
}

TEST(Intermediary, ReturnsMakeNoFlowLessThanNothing) {
  World world(daily());
  world.bill("CN", 5, -500, "US");
  world.bill("CN", 5, 600, "SG");
  world.bill("CN", 5, -20, "MY");
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].observed(), 580e6);
  EXPECT_EQ(alerts[0].expected(), 10e6) << "the floor";
}

}  // namespace
}  // namespace surgewatch
