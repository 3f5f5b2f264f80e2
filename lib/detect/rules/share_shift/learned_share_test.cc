// Shares against a baseline of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

config::Rule share_rule() {
  config::Rule rule = learning_rule("share_shift");
  rule.learning->h = 5;
  return rule;
}

TEST(LearnedShare, RisesWhetherTheWholeGrowsOrNot) {
  World world(with(share_rule()));
  live_quietly(&world, {"SG", "TW", "US"});
  EXPECT_THAT(world.alerts(), IsEmpty());
  std::vector<v1::Alert> alerts;
  for (PaneIndex day = 30; day < 36; ++day) {
    world.count("SG", day, 40);
    world.count("TW", day, 10);
    world.count("US", day, 10);
    world.pass(day);
    for (const v1::Alert& alert : world.alerts()) alerts.push_back(alert);
  }
  ASSERT_FALSE(alerts.empty());
  for (const v1::Alert& alert : alerts) EXPECT_EQ(alert.subject().at("bill_to"), "SG");
  EXPECT_NEAR(alerts[0].expected(), 1.0 / 3, 0.02);
  EXPECT_NEAR(alerts[0].observed(), 2.0 / 3, 0.001);
  EXPECT_GE(evidence(alerts[0], "share_evidence")->value(), 5);
  EXPECT_NEAR(evidence(alerts[0], "whole_before")->value(), 60, 4);
}

TEST(LearnedShare, IsQuietIfAllGrow) {
  World world(with(share_rule()));
  live_quietly(&world, {"SG", "TW", "US"});
  for (PaneIndex day = 30; day < 40; ++day) {
    for (const std::string country : {"SG", "TW", "US"}) world.count(country, day, 5 * usual(day));
    world.pass(day);
  }
  EXPECT_THAT(world.alerts(), IsEmpty());
}

TEST(LearnedShare, FallsOnlyIfAsked) {
  for (const auto direction : {config::Direction::kUp, config::Direction::kDown}) {
    config::Rule rule = share_rule();
    rule.learning->direction = direction;
    rule.where = {{0, {config::Dimension::kBillTo, {"SG"}, {}}}};
    World world(with(rule));
    live_quietly(&world, {"SG", "TW", "US"});
    for (PaneIndex day = 30; day < 40; ++day) {
      world.count("SG", day, 3);
      world.count("TW", day, usual(day));
      world.count("US", day, usual(day));
      world.pass(day);
    }
    EXPECT_EQ(world.alerts().empty(), direction == config::Direction::kUp);
  }
}

}  // namespace
}  // namespace surgewatch
