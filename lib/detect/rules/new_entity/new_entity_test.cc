// Whoever buys for the first time, and the rate of who has no baseline yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/detect/learning.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::evidence;
using test::learning_rule;
using test::live_quietly;
using test::usual;
using test::with;
using test::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NewEntity, IsAnEventOnceTheSeriesIsWarm) {
  for (const PaneIndex first : {5, 20}) {
    World world(with(learning_rule("new_entity")));
    for (PaneIndex day = 0; day < 30; ++day) {
      world.count("SG", day, usual(day));
      world.count("US", day, usual(day));
      if (day >= first) world.count("KZ", day, 20);
      world.pass(day);
    }
    const auto alerts = world.alerts();
    if (first == 5) {
      EXPECT_THAT(alerts, IsEmpty());
      continue;
    }
    ASSERT_FALSE(alerts.empty());
    EXPECT_EQ(briefs(alerts)[0], "1 FIRING ON_TIME 20");
    EXPECT_EQ(alerts[0].subject().at("bill_to"), "KZ");
    EXPECT_EQ(alerts[0].severity(), v1::SEVERITY_INFO) << "as large as its like: a ticket";
    EXPECT_EQ(evidence(alerts[0], "first_seen")->value(), 1);
    EXPECT_EQ(evidence(alerts[0], "others_new")->value(), 0);
    EXPECT_EQ(alerts.back().state(), v1::ALERT_STATE_RESOLVED);
  }
}

TEST(NewEntity, PagesForSizeUnlessManyAreNewTogether) {
  for (const int others : {0, 6}) {
    World world(with(learning_rule("new_entity")));
    live_quietly(&world, {"SG", "US"});
    world.count("KZ", 30, 400);
    for (int i = 0; i < others; ++i) world.count("X" + std::to_string(i), 30, 300);
    world.pass(30);
    for (const v1::Alert& alert : world.alerts()) {
      if (alert.subject().at("bill_to") != "KZ") continue;
      EXPECT_EQ(alert.severity(), others == 0 ? v1::SEVERITY_WARNING : v1::SEVERITY_INFO);
      EXPECT_EQ(evidence(alert, "others_new")->value(), others);
    }
  }
}

TEST(NewEntity, ItsRateIsWatchedUntilItHasABaseline) {
  config::Rule rule = learning_rule("new_entity");
  World world(with(rule));
  for (PaneIndex day = 0; day < 60; ++day) {
    for (const std::string country : {"SG", "US", "TW", "MY"})
      world.count(country, day, 2 + day % 2);
    if (day == 20) world.count("KZ", day, 2);
    if (day > 30) world.count("KZ", day, 12);
    world.pass(day);
  }
  std::vector<std::string> rates;
  for (const v1::Alert& alert : world.alerts()) {
    if (alert.revision() == 1 && evidence(alert, "e_value") != nullptr) {
      rates.push_back(alert.subject().at("bill_to"));
    }
  }
  EXPECT_THAT(rates, ElementsAre("KZ"));
}

}  // namespace
}  // namespace surgewatch
