// A rule on a whole and its parts: one alert for a tree, at the level that explains it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/detect/learning.h"

namespace surgewatch {
namespace {

using test::learning_rule;
using test::usual;
using test::with;
using test::World;
using ::testing::ElementsAre;

config::Rule tree_rule() {
  config::Rule rule = learning_rule("surge");
  rule.rollup = {{}, {0}, {0, 1}};
  rule.per = {0, 1};
  return rule;
}

TEST(Rollup, OneAlertATree) {
  World world(with(tree_rule()));
  for (PaneIndex day = 0; day < 34; ++day) {
    const bool surge = day >= 30;
    for (const std::string country : {"SG", "US"}) {
      world.count(country, day, surge && country == "SG" ? 200 : usual(day), "MY");
      world.count(country, day, usual(day), "VN");
    }
    world.pass(day);
  }
  const auto alerts = world.alerts();
  ASSERT_FALSE(alerts.empty());
  for (const v1::Alert& alert : alerts) {
    EXPECT_EQ(alert.alert_id(), alerts[0].alert_id());
    EXPECT_EQ(alert.subject_size(), 0) << "the whole is at the root";
  }
  std::vector<std::string> parts;
  for (const v1::Evidence& e : alerts.back().evidence()) {
    if (e.name() != "part") continue;
    const auto to = e.labels().find("ship_to");
    parts.push_back(e.labels().at("bill_to") + (to == e.labels().end() ? "" : ">" + to->second));
  }
  EXPECT_THAT(parts, ElementsAre("SG", "SG>MY"));
}

TEST(Rollup, APartIsLookedAtIfItsShareRisesThoughTheWholeStaysAsItWas) {
  World world(with(tree_rule()));
  for (PaneIndex day = 0; day < 40; ++day) {
    const bool shifts = day >= 30;
    world.count("SG", day, shifts ? 3 * usual(day) : usual(day), "MY");
    for (const std::string country : {"US", "TW", "CN", "DE"}) {
      world.count(country, day, shifts ? usual(day) / 2 : usual(day), "MY");
    }
    world.pass(day);
  }
  const auto alerts = world.alerts();
  ASSERT_FALSE(alerts.empty());
  for (const v1::Alert& alert : alerts) {
    EXPECT_EQ(alert.subject().at("bill_to"), "SG");
    EXPECT_EQ(alert.subject_size(), 1) << "not the leaf";
  }
}

}  // namespace
}  // namespace surgewatch
