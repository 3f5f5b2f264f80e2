// Rules that look into orders: what they find is a series of their name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr const char* kGroups = "reference_data: {country_groups: " SURGEWATCH_SOURCE_DIR
                                "/deploy/config/tables/country_groups.csv}\n";

std::string rules(const std::string& lines) { return "rules:\n" + lines; }

TEST(OrderRules, FindASeriesOfTheirName) {
  const auto config = parse_valid(rules("  - {name: diverted, type: order_diversion}\n"));
  ASSERT_THAT(config->series, SizeIs(1));
  const Series& series = config->series[0];
  EXPECT_EQ(series.name, "diverted");
  EXPECT_EQ(series.event, Topic::kOrders);
  EXPECT_THAT(series.group_by, ElementsAreArray(kFindingDimensions));
  EXPECT_THAT(series.measures, ElementsAre(Measure::kDocuments, Measure::kUnits, Measure::kChips));
  EXPECT_EQ(series.pane_length, kMicrosPerDay);
  const Rule& rule = config->rules[0];
  EXPECT_EQ(rule.series, 0u);
  EXPECT_EQ(rule.window_panes, 28);
  EXPECT_EQ(rule.measure, Measure::kDocuments);
  EXPECT_EQ(measure_name(series, rule.measure), "orders");
  EXPECT_THAT(rule.fire_at.observed, Optional(1.0));
  EXPECT_THAT(rule.clear_at.observed, Optional(0.85));
}

TEST(OrderRules, MeasureWhatTheirLineIsDrawnAt) {
  const auto config = parse_valid(
      rules("  - {name: a, type: order_diversion, fire_at: {chips: 512}, clear_at: {chips: 100}}\n"
            "  - {name: b, type: order_diversion, fire_at: {units: 3}, measure: units, pane: 1h, "
            "window: 6h}\n"));
  EXPECT_EQ(config->rules[0].measure, Measure::kChips);
  EXPECT_THAT(config->rules[0].fire_at.observed, Optional(512.0));
  EXPECT_THAT(config->rules[0].clear_at.observed, Optional(100.0));
  EXPECT_EQ(config->rules[1].measure, Measure::kUnits);
  EXPECT_EQ(config->rules[1].window_panes, 6);
}

TEST(OrderRules, MayBeWatchedByOthersWhereverTheyStand) {
  const auto config =
      parse_valid(rules("  - {name: surge-of-them, type: surge, series: diverted, measure: orders, "
                        "per: [destination], window: 7d}\n"
                        "  - {name: diverted, type: order_diversion}\n"));
  EXPECT_EQ(config->rules[0].series, config->rules[1].series);
  EXPECT_EQ(config->rules[0].measure, Measure::kDocuments);
  EXPECT_THAT(problems_of(rules("  - {name: diverted, type: order_diversion}\n"
                                "  - {name: x, type: threshold, series: diverted, measure: orderz, "
                                "window: 7d, fire_at: {observed: 3}}\n")),
              ElementsAre(HasSubstr("'orderz' is not a measure of series 'diverted'; did you mean "
                                    "'orders'?")));
  EXPECT_THAT(problems_of(rules("  - {name: diverted, type: order_diversion}\n"
                                "  - {name: x, type: threshold, series: divertd, measure: orders, "
                                "window: 7d, fire_at: {observed: 3}}\n")),
              ElementsAre(HasSubstr("'divertd' is not a series; did you mean 'diverted'?")));
  EXPECT_THAT(
      problems_of(rules("  - {name: diverted, type: order_diversion, per: [destinatio]}\n")),
      ElementsAre(HasSubstr("did you mean 'destination'?")));
}

TEST(OrderRules, TakeNoSeriesAndShareNoNameWithOne) {
  EXPECT_THAT(problems_of(rules("  - {name: diverted, type: order_diversion, series: billed}\n")),
              ElementsAre(HasSubstr("order_diversion takes no series: it looks into orders")));
  EXPECT_THAT(problems_of("series:\n"
                          "  - {name: diverted, event: invoice, measures: [units], pane: 1d}\n" +
                          rules("  - {name: diverted, type: order_diversion}\n")),
              ElementsAre(HasSubstr("'diverted' is the name of a series, and what a rule of type "
                                    "order_diversion finds is a series of the rule's name")));
}

TEST(OrderRules, HaveOneLine) {
  EXPECT_THAT(problems_of(rules("  - {name: d, type: order_diversion, fire_at: {orders: 1, chips: "
                                "2}}\n")),
              ElementsAre(HasSubstr("a rule on findings has one line: orders, units or chips")));
  EXPECT_THAT(problems_of(rules("  - {name: d, type: order_diversion, fire_at: {orders: 2}, "
                                "clear_at: {chips: 1}}\n")),
              ElementsAre(HasSubstr("names another figure than fire_at does")));
  EXPECT_THAT(problems_of(rules("  - {name: d, type: order_diversion, measure: chips}\n")),
              ElementsAre(HasSubstr("'chips' is not what fire_at is about, orders")));
  EXPECT_THAT(problems_of(rules("  - {name: d, type: order_diversion, fire_at: {ratio: 2}}\n")),
              Contains(HasSubstr("order_diversion does not use 'ratio'")));
}

TEST(OrderRules, TakeWhatTheirTypeDeclares) {
  const auto config = parse_valid(
      kGroups + rules("  - {name: c, type: controlled_destination, classes: [3A090.a], groups: "
                      "[D:5, MO], roles: [end_user], absence_after: 2h}\n"
                      "  - {name: m, type: order_mismatch, deadline: 10d}\n"));
  const OrderSettings& controlled = config->rules[0].orders;
  EXPECT_THAT(controlled.classes, ElementsAre("3A090.a"));
  EXPECT_THAT(controlled.groups, ElementsAre("D:5", "MO"));
  EXPECT_FALSE(controlled.ship_to);
  EXPECT_TRUE(controlled.end_user);
  EXPECT_EQ(controlled.absence_after, 2 * 3'600 * kMicrosPerSecond);
  EXPECT_EQ(config->rules[1].orders.deadline, 10 * kMicrosPerDay);

  const auto defaults =
      parse_valid(kGroups + rules("  - {name: c, type: controlled_destination}\n"))
          ->rules[0]
          .orders;
  EXPECT_THAT(defaults.classes, ElementsAre("3A090.a", "3A090.b"));
  EXPECT_THAT(defaults.groups, ElementsAre("D:1", "D:4", "D:5", "MO"));
  EXPECT_TRUE(defaults.ship_to && defaults.end_user);
}

TEST(OrderRules, NameTheNearestClassGroupAndRole) {
  EXPECT_THAT(problems_of(kGroups + rules("  - {name: c, type: controlled_destination, classes: "
                                          "[3A090.c], groups: [D:9], roles: [shipto]}\n")),
              ElementsAre(HasSubstr("'3A090.c' is not a control class"),
                          HasSubstr("'D:9' is not a group of the table, or a country"),
                          HasSubstr("'shipto' is not a role; did you mean 'ship_to'?")));
  EXPECT_THAT(problems_of(kGroups + rules("  - {name: c, type: controlled_destination, groups: "
                                          "[D:5, D:5], roles: []}\n")),
              ElementsAre(HasSubstr("'D:5' is there twice"), HasSubstr("is empty")));
  EXPECT_THAT(problems_of(rules("  - {name: c, type: controlled_destination}\n")),
              ElementsAre(HasSubstr("needs the groups of countries: name the table in "
                                    "reference_data.country_groups")));
  EXPECT_THAT(problems_of(rules("  - {name: d, type: order_diversion, deadline: 3d}\n")),
              ElementsAre(HasSubstr("order_diversion does not take 'deadline'")));
}

TEST(OrderRules, AreAnotherSeriesWhereTheyFindOtherThings) {
  const auto with = [](const std::string& more) {
    return parse_valid(rules("  - {name: m, type: order_mismatch" + more + "}\n"));
  };
  const auto plain = with("");
  EXPECT_EQ(plain->series[0].definition, with(", deadline: 30d")->series[0].definition);
  EXPECT_NE(plain->series[0].definition, with(", deadline: 29d")->series[0].definition);
  EXPECT_NE(plain->generation, with(", deadline: 29d")->generation);
  EXPECT_EQ(plain->generation, with(", severity: info")->generation) << "what is found is the same";
  EXPECT_NE(plain->rules[0].version, with(", severity: info")->rules[0].version);
}

TEST(Structuring, NeedsACap) {
  const auto with = [](const std::string& more) {
    return rules("  - {name: s, type: structuring" + more + "}\n");
  };
  const auto config = parse_valid(with(", cap: 512"));
  EXPECT_EQ(config->rules[0].orders.cap, 512);
  EXPECT_EQ(config->rules[0].orders.near, 0.8);
  EXPECT_EQ(config->rules[0].fire_at.observed, 3) << "orders";
  EXPECT_THAT(problems_of(with("")),
              ElementsAre(HasSubstr("'cap' is missing; say what orders stay just below")));
  EXPECT_THAT(problems_of(with(", cap: 1, near: 1")),
              ElementsAre(HasSubstr("cap: 1 is not within 2 to 1000000000000"),
                          HasSubstr("near: 1 is not within 0.5 to 0.99")));
  EXPECT_NE(config->series[0].definition,
            parse_valid(with(", cap: 512, near: 0.9"))->series[0].definition);
}

}  // namespace
}  // namespace surgewatch::config
