// Both sides of its lines, the story's indexes to a tenth, and what it does without what it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
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
using ::testing::SizeIs;

// The whole by bill_to, day by day, each against the day before.
config::Config daily() {
  config::Config config = two_series();
  config::Rule rule = test::rule("concentration", 1);
  rule.per = {};
  rule.parts = 0;
  rule.assumed = rule.type->assumes;
  rule.assumed->changes_over = 1;
  rule.assumed->floor = 100e6;
  rule.fire_at.change = 800;
  config.rules = {rule};
  return config;
}

// Two halves on day 5, an index of 5,000; on day 6 so much of 100 dollars for SG.
void two_days(World* world, std::int64_t singapore) {
  world->bill("SG", 5, 50);
  world->bill("US", 5, 50);
  world->pass(5);
  world->bill("SG", 6, singapore);
  world->bill("US", 6, 100 - singapore);
  world->pass(6);
}
std::vector<v1::Alert> alerts_of_two_days(config::Config config, std::int64_t singapore) {
  World world(std::move(config));
  two_days(&world, singapore);
  return world.alerts();
}

TEST(Concentration, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t singapore : {69, 70}) {  // 5,722 and 5,800
    const auto alerts = alerts_of_two_days(daily(), singapore);
    ASSERT_EQ(alerts.size(), singapore == 70 ? 1u : 0u);
    if (alerts.empty()) continue;
    const v1::Alert& alert = alerts[0];
    EXPECT_EQ(alert.rule_type(), v1::RULE_TYPE_CONCENTRATION);
    EXPECT_TRUE(alert.subject().empty());
    EXPECT_DOUBLE_EQ(alert.observed(), 5'800);
    EXPECT_DOUBLE_EQ(alert.expected(), 5'000);
    EXPECT_DOUBLE_EQ(alert.upper_bound(), 5'800);
    EXPECT_EQ(alert.unit(), "index");
    EXPECT_EQ(alert.measure(), "revenue_usd");
    EXPECT_DOUBLE_EQ(alert.score(), 800);
    EXPECT_DOUBLE_EQ(alert.ratio(), 1.16);
    EXPECT_THAT(
        alert.explanation(),
        HasSubstr(
            "Revenue in all: its concentration over bill_to (HHI) was 5,800.0 on "
            "1970-01-07, against 5,000.0 in the window 1 day before: +800.0; SG has 70.0 % of it, "
            "the two largest 100.0 %. Inquire: "));
    EXPECT_EQ(test::evidence(alert, "window_total")->value(), 100e6);
    EXPECT_EQ(test::evidence(alert, "total_before")->value(), 100e6);
    EXPECT_DOUBLE_EQ(test::evidence(alert, "top_1")->value(), 0.7);
    EXPECT_EQ(test::evidence(alert, "top_1")->labels().at("bill_to"), "SG");
    EXPECT_DOUBLE_EQ(test::evidence(alert, "top_2")->value(), 1);
    EXPECT_EQ(test::evidence(alert, "parts")->value(), 2);
    EXPECT_THAT(test::evidence(alert, "parts")->text(), HasSubstr("hides how they do"));
    EXPECT_EQ(test::evidence(alert, "negative_parts"), nullptr);
  }
}

TEST(Concentration, FiresIfAllLinesThatAreGivenAreReached) {
  for (const double line : {5'799.0, 5'801.0}) {
    config::Config config = daily();
    config.rules[0].fire_at.hhi = line;
    EXPECT_EQ(alerts_of_two_days(std::move(config), 70).size(), line < 5'800 ? 1u : 0u);
  }
  config::Config alone = daily();
  alone.rules[0].fire_at = {};
  alone.rules[0].fire_at.hhi = 4'900;
  EXPECT_EQ(alerts_of_two_days(std::move(alone), 51).size(), 1u) << "whatever the change";
}

TEST(Concentration, IsQuietBelowTheFloorAndWhereItFalls) {
  config::Config config = daily();
  config.rules[0].assumed->floor = 100e6 + 1;
  EXPECT_THAT(alerts_of_two_days(std::move(config), 90), IsEmpty());
  World world(daily());
  world.bill("SG", 5, 100);
  world.pass(5);
  world.bill("SG", 6, 50);
  world.bill("US", 6, 50);
  world.pass(6);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_FALSE(out.points.back().inconclusive());
  EXPECT_EQ(out.points.back().observed(), 5'000);
  EXPECT_EQ(out.points.back().expected(), 10'000);
}

TEST(Concentration, IsInconclusiveWithoutTheWindowToCompareWith) {
  config::Config config = daily();
  config.rules[0].assumed->changes_over = 2;
  World world(std::move(config));  // history begins on day 4
  world.bill("SG", 5, 100);
  world.pass(5);
  world.bill("SG", 6, 100);
  world.pass(6);
  world.bill("SG", 7, 100);
  world.pass(7);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  ASSERT_THAT(out.points, SizeIs(3));
  EXPECT_TRUE(out.points[0].inconclusive()) << "day 3 is before the history";
  EXPECT_EQ(out.points[0].observed(), 10'000) << "what there is, is known";
  EXPECT_TRUE(out.points[1].inconclusive()) << "day 4 holds nothing";
  EXPECT_FALSE(out.points[2].inconclusive());
  config::Config longer = daily();
  longer.rules[0].assumed->changes_over = 4;  // to before the history
  World young(std::move(longer));
  two_days(&young, 90);
  for (const v1::SeriesPoint& point : young.take().points) EXPECT_TRUE(point.inconclusive());
}

TEST(Concentration, IsInconclusiveWhereTheTotalIsNotAboveZero) {
  World world(daily());
  world.bill("SG", 5, 50);
  world.bill("US", 5, 50);
  world.pass(5);
  world.bill("SG", 6, 100);
  world.bill("US", 6, -101);
  world.pass(6);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_TRUE(out.points.back().inconclusive());
}

TEST(Concentration, APartThatCreditNotesOutweighHasNoShareAndIsSaid) {
  World world(daily());
  for (const char* country : {"SG", "US", "MY"}) world.bill(country, 5, 50);
  world.pass(5);
  world.bill("SG", 6, 150);
  world.bill("US", 6, 50);
  world.bill("MY", 6, -20);
  world.pass(6);
  const auto alerts = world.alerts();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_DOUBLE_EQ(alerts[0].observed(), 75 * 75 + 25 * 25);
  EXPECT_EQ(test::evidence(alerts[0], "window_total")->value(), 180e6);
  EXPECT_EQ(test::evidence(alerts[0], "parts")->value(), 2);
  EXPECT_EQ(test::evidence(alerts[0], "negative_parts")->value(), 1);
}

TEST(Concentration, LooksAtThePartsOfEachSubject) {
  config::Config config = daily();
  config.rules[0].per = {0};
  config.rules[0].parts = 1;
  World world(std::move(config));
  for (const char* country : {"SG", "US"}) {
    world.bill(country, 5, 50, "DE");
    world.bill(country, 5, 50, "FR");
  }
  world.pass(5);
  world.bill("SG", 6, 100, "DE");
  world.bill("US", 6, 50, "DE");
  world.bill("US", 6, 50, "FR");
  world.pass(6);
  const auto alerts = world.alerts();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].subject().at("bill_to"), "SG");
  EXPECT_EQ(test::evidence(alerts[0], "top_1")->labels().at("ship_to"), "DE");
  EXPECT_THAT(alerts[0].explanation(),
              HasSubstr("Revenue billed to SG: its concentration over ship_to"));
}

TEST(Concentration, LateDataThatSharesTheSumWithdrawsTheAlert) {
  World world(daily());
  two_days(&world, 90);
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 6"));
  world.bill("US", 6, 80);  // instead of 10
  world.flush();
  const auto alerts = world.alerts();
  EXPECT_THAT(briefs(alerts), ElementsAre("2 RESOLVED ON_TIME 6"));
  EXPECT_EQ(alerts[0].resolution(), v1::RESOLUTION_DATA_CORRECTED);
}

// NVIDIA's reported revenue by billing location (million USD), spread evenly over the 91 days of
// each quarter; data/trade/nvidia_singapore_expected_metrics.csv has the index over its five
// regions.
TEST(Concentration, OfTheReportedQuartersIsAsExpected) {
  constexpr int kReportedQuarters = 8, kQuarterDays = 91;
  const std::map<std::string, std::array<std::int64_t, kReportedQuarters>> reported{
      {"US", {2385, 6043, 6302, 12236, 13496, 13022, 14800, 19939}},
      {"SG", {762, 1042, 2702, 2325, 4037, 5622, 7697, 6328}},
      {"TW", {1796, 2839, 4333, 4437, 4373, 5740, 5153, 5307}},
      {"CN", {1590, 2740, 4030, 1946, 2491, 3667, 5416, 5534}},
      {"ZZ", {659, 843, 753, 1159, 1647, 1989, 2016, 2223}}};
  const std::array<double, kReportedQuarters> expected{2408.3, 2953.4, 2515.7, 3683.3,
                                                       3339.0, 2787.3, 2748.2, 3240.9};
  config::Config config = daily();
  config.rules[0].window_panes = kQuarterDays;
  config.rules[0].assumed->changes_over = 4;
  config.rules[0].fire_at.change = 500;
  World world(std::move(config));
  const PaneIndex first = test::day("2023-01-30");
  for (int day = 0; day < kReportedQuarters * kQuarterDays; ++day) {
    for (const auto& [country, quarters] : reported) {
      const std::int64_t total = quarters[static_cast<std::size_t>(day / kQuarterDays)] * 1'000'000;
      world.bill(country, first + day,
                 total / kQuarterDays + (day % kQuarterDays < total % kQuarterDays ? 1 : 0));
    }
    world.pass(first + day);
  }
  const detect::Emissions out = world.take();
  std::map<PaneIndex, v1::SeriesPoint> points;
  for (const v1::SeriesPoint& point : out.points) {
    points[point.window_end().seconds() / 86'400 - 1] = point;
  }
  for (int q = 0; q < kReportedQuarters; ++q) {
    const v1::SeriesPoint& point = points[first + (q + 1) * kQuarterDays - 1];
    EXPECT_NEAR(point.observed(), expected[static_cast<std::size_t>(q)], 0.05) << q;
    EXPECT_EQ(point.inconclusive(), q < 4) << q;
    if (q < 4) continue;
    EXPECT_NEAR(point.expected(), expected[static_cast<std::size_t>(q - 4)], 0.05) << q;
  }
  // It had risen by 931 in the quarter that ended 2024-04-28, and by less than 500 in the later
  // ones.
  const auto at = [&](std::string_view date) { return points[test::day(date)].firing(); };
  EXPECT_TRUE(at("2024-04-28"));
  EXPECT_FALSE(at("2024-07-28"));
  EXPECT_FALSE(at("2024-10-27"));
  EXPECT_FALSE(at("2025-01-26"));
}

}  // namespace
}  // namespace surgewatch
