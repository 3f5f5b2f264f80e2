#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/detect/learning.h"

namespace surgewatch {
namespace {

using test::evidence;
using test::learning_rule;
using test::live_quietly;
using test::usual;
using test::with;
using test::World;
using ::testing::IsEmpty;

TEST(Ramp, FindsARiseThatIsLittleInAnyOneWindow) {
  config::Rule rule = learning_rule("ramp");
  rule.learning->guard = 26;
  rule.learning->kappa = 1.5;
  World world(with(rule));
  live_quietly(&world, {"SG"}, 0, 60);
  EXPECT_THAT(world.alerts(), IsEmpty());
  PaneIndex found = 0;
  for (PaneIndex day = 60; day < 85 && found == 0; ++day) {
    world.count("SG", day, usual(day) + (day - 59));
    world.pass(day);
    const auto alerts = world.alerts();
    if (alerts.empty()) continue;
    found = day;
    EXPECT_GE(alerts.back().score(), 4.5);
    EXPECT_EQ(alerts.back().rule_type(), v1::RULE_TYPE_RAMP);
    ASSERT_NE(evidence(alerts.back(), "ramp_start"), nullptr);
    EXPECT_GE(evidence(alerts.back(), "ramp_start")->value(), 58 * 86'400);
    EXPECT_GT(evidence(alerts.back(), "ramp_excess")->value(), 20);
    EXPECT_EQ(evidence(alerts.back(), "p_value"), nullptr);
  }
  EXPECT_GT(found, 62);
  EXPECT_LT(found, 80);
}

}  // namespace
}  // namespace surgewatch
