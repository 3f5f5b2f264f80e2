// Against a reference period: both sides of its lines, and what it does without what it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::evidence;
using test::two_series;
using test::World;
using ::testing::IsEmpty;

TEST(ShareShift, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t sg : {399, 400}) {
    config::Config config = two_series();
    config::Rule rule = test::rule("share_shift", 2);
    rule.reference = test::days(10, 11);
    rule.fire_at.points = 30;
    config.rules = {rule};
    World world(std::move(config));
    world.bill("SG", 10, 100);
    world.bill("US", 10, 900);
    world.bill("SG", 13, sg);
    world.bill("US", 13, 1'000 - sg);
    world.pass(13);
    const auto alerts = world.alerts();
    ASSERT_EQ(alerts.size(), sg == 400 ? 1u : 0u);
    if (alerts.empty()) continue;
    EXPECT_DOUBLE_EQ(alerts[0].observed(), 0.4);
    EXPECT_EQ(alerts[0].unit(), "share");
    EXPECT_DOUBLE_EQ(alerts[0].expected(), 0.1);
    EXPECT_DOUBLE_EQ(alerts[0].upper_bound(), 0.4);
    EXPECT_EQ(evidence(alerts[0], "window_total")->value(), 400e6) << "what is at stake";
    EXPECT_EQ(evidence(alerts[0], "whole_before")->value(), 1'000e6);
    EXPECT_EQ(evidence(alerts[0], "whole_now")->value(), 1'000e6);
  }
}

TEST(ShareShift, IsInconclusiveForAWindowThatBeginsBeforeTheHistory) {
  config::Config config = two_series();
  config::Rule rule = test::rule("share_shift", 4);
  rule.reference = test::days(10, 10);
  rule.fire_at.points = 1;
  config.rules = {rule};
  World world(std::move(config));
  world.bill("SG", 10, 10);
  world.bill("US", 10, 90);
  world.bill("SG", 12, 100);
  world.pass(12);
  detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_TRUE(out.points.back().inconclusive());
  world.pass(13);
  EXPECT_EQ(world.alerts().size(), 1u);
}

TEST(ShareShift, IsInconclusiveWithoutAWhole) {
  config::Config config = two_series();
  config::Rule rule = test::rule("share_shift", 1);
  rule.reference = test::days(10, 10);
  rule.fire_at.points = 1;
  config.rules = {rule};
  World world(std::move(config));
  world.bill("SG", 9, 100);
  world.bill("SG", 12, 100);
  world.pass(12);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_TRUE(out.points.back().inconclusive()) << "nothing in the reference";
}

}  // namespace
}  // namespace surgewatch
