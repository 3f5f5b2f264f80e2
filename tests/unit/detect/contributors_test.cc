// Who and what makes most of a window: single dimensions, whole keys, in the order of what they
// add.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::kDollar;
using test::kInvoices0;
using test::two_series;
using test::World;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A line of 100 dollars a day over all that is billed, or over what `per` tells apart.
config::Config line_of_100(std::vector<std::size_t> per) {
  config::Config config = two_series();
  config::Rule rule = test::rule("threshold", 1);
  rule.per = std::move(per);
  rule.fire_at.observed = 100e6;
  rule.clear_at.observed = 50e6;
  config.rules = {rule};
  return config;
}

// "bill_to=SG ship_to=US 60 0.6".
std::vector<std::string> said(const v1::Alert& alert) {
  std::vector<std::string> lines;
  for (const v1::Contributor& one : alert.contributors()) {
    std::string line;
    for (const auto& [name, value] :
         std::map<std::string, std::string>(one.labels().begin(), one.labels().end())) {
      line += name + "=" + value + " ";
    }
    lines.push_back(line + std::to_string(static_cast<int>(one.amount() / kDollar)) + " of " +
                    std::to_string(static_cast<int>(100 * one.share())));
  }
  return lines;
}

void bill_three(World* world) {
  world->bill("SG", 5, 90, "US");
  world->bill("SG", 5, 40, "MY");
  world->bill("TW", 5, 70, "US");
  world->pass(5);
}

TEST(Contributors, AreTheValuesOfEachDimensionAndTheKeysOfAll) {
  World world(line_of_100({}));
  bill_three(&world);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(said(alerts[0]), ElementsAre("ship_to=US 160 of 80", "bill_to=SG 130 of 65",
                                           "bill_to=SG ship_to=US 90 of 45", "bill_to=TW 70 of 35",
                                           "bill_to=TW ship_to=US 70 of 35", "ship_to=MY 40 of 20",
                                           "bill_to=SG ship_to=MY 40 of 20"));
  EXPECT_EQ(alerts[0].contributors(0).text(), "160.00 USD, 80.0 % of the window");
}

TEST(Contributors, AreNamedOnceWhereOneDimensionIsLeft) {
  World world(line_of_100({0}));
  bill_three(&world);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(said(alerts[0]), ElementsAre("ship_to=US 90 of 69", "ship_to=MY 40 of 30"));
}

TEST(Contributors, AreNoneWhereTheSubjectIsAsFineAsTheSeries) {
  World world(line_of_100({0, 1}));
  world.bill("SG", 5, 190, "US");
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(said(alerts[0]), IsEmpty());
}

TEST(Contributors, TakeOffWhatWasCreditedAndLeaveOutWhatAddsNothing) {
  World world(line_of_100({}));
  world.bill("SG", 5, 150, "US");
  world.bill("SG", 5, -30, "MY");
  world.bill("TW", 5, -20, "US");
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(said(alerts[0]), ElementsAre("bill_to=SG ship_to=US 150 of 150",
                                           "ship_to=US 130 of 130", "bill_to=SG 120 of 120"));
}

TEST(Contributors, AreTheLargestAndOfEqualsTheFirstByName) {
  World world(line_of_100({}));
  for (const char* country : {"SG", "TW", "MY", "US", "CN", "DE"}) {
    world.bill(country, 5, 20, country);
  }
  world.pass(5);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_THAT(said(alerts[0]),
              ElementsAre("bill_to=CN 20 of 16", "bill_to=DE 20 of 16", "bill_to=MY 20 of 16",
                          "ship_to=CN 20 of 16", "ship_to=DE 20 of 16", "ship_to=MY 20 of 16",
                          "bill_to=CN ship_to=CN 20 of 16", "bill_to=DE ship_to=DE 20 of 16",
                          "bill_to=MY ship_to=MY 20 of 16", "bill_to=SG ship_to=SG 20 of 16",
                          "bill_to=TW ship_to=TW 20 of 16"));
}

}  // namespace
}  // namespace surgewatch
