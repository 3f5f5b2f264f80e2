// Both sides of its line, the worked example of Singapore, and what it does without what it needs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "config/tables.h"
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

constexpr std::string_view kHeader =
    "iso2,dc_count,it_capacity_mw,it_capacity_asof,vacancy_pct,suggested_accelerator_share_pct,"
    "confidence,dc_count_source,it_capacity_source,vacancy_source\n";

// Chips shipped within three days, against what this table says.
config::Config of_three_days(config::Capacities capacities) {
  config::Config config = two_series();
  auto tables = std::make_shared<config::ReferenceTables>(*config.reference);
  tables->capacities = std::move(capacities);
  config.reference = tables;
  config.series[1].measures = {Measure::kChips};
  config::Rule rule = test::rule("capacity", 3);
  rule.series = 1;
  rule.measure = Measure::kChips;
  rule.assumed = rule.type->assumes;
  rule.fire_at.ratio = 1;
  rule.clear_at.ratio = 0.85;
  config.rules = {rule};
  return config;
}

config::Capacities table(const std::string& rows) {
  config::Problems problems;
  auto capacities = config::read_capacities(std::string(kHeader) + rows, "c.csv",
                                            config::built_in_countries(), &problems);
  EXPECT_TRUE(problems.empty()) << problems.status();
  return capacities;
}

// 100 MW, of which 5 are free at the least, and 10 + 20 × 0.1 = 12 at the most: with the defaults
// 17,142.86 chips of 0.7 kW.
config::Capacities hundred_megawatts() {
  return table("SG,10,100,1970-01-01,5,20,low,[found],[unverified: x],[found]\n");
}

class Chips {
 public:
  explicit Chips(config::Config config) : world(std::move(config)) {}
  void ship(const std::string& country, PaneIndex pane, std::int64_t chips) {
    test::Batch batch(test::kShipments0, ++offset_, "shipped");
    batch.update({{country}, pane, chips});
    batch.record().mutable_panes()->mutable_updates(0)->mutable_measures()->set_chips(chips);
    world.apply(batch);
  }
  void pass(PaneIndex pane) {
    world.apply(test::progress(test::kShipments0, ++offset_, (pane + 1) * kMicrosPerDay));
  }
  // Does not move the watermark.
  void flush() { world.apply(test::progress(test::kShipments0, ++offset_, std::nullopt)); }

  World world;

 private:
  std::int64_t offset_ = 0;
};

TEST(Capacity, FiresWhereTheWholeBandIsOverTheLineAndNotBelow) {
  for (const std::int64_t chips : {17'142, 17'143}) {
    Chips chain(of_three_days(hundred_megawatts()));
    chain.ship("SG", 1, 1);  // history begins
    chain.pass(3);
    chain.ship("SG", 5, chips);
    chain.pass(5);
    const auto alerts = chain.world.alerts();
    ASSERT_EQ(alerts.size(), chips == 17'143 ? 1u : 0u)
        << "the high end of the band is over 4 in both cases";
    if (alerts.empty()) continue;
    const v1::Alert& alert = alerts[0];
    EXPECT_EQ(alert.rule_type(), v1::RULE_TYPE_CAPACITY);
    EXPECT_EQ(alert.observed(), 17'143);
    EXPECT_NEAR(alert.expected(), 12'000 / 0.7, 1e-9);
    EXPECT_NEAR(alert.ratio(), 17'143 * 0.7 / 12'000, 1e-12);
    EXPECT_NEAR(alert.score(), 17'143 * 1.275 / 5'000, 1e-12);
    EXPECT_THAT(
        alert.explanation(),
        HasSubstr(
            "The number of chips shipped to SG was 17,143 in the 3 days to 1970-01-06: 12.0 "
            "to 21.9 MW of IT load, at 0.7 to 1.275 kW a chip. The country's data centres, 10 "
            "of them, hold 100.0 MW (as of 1970-01-01), of which 5.0 to 12.0 MW may be free "
            "for them: 1.00 to 4.37 times that. Basis: shipped, by despatch notices. "));
    EXPECT_THAT(alert.explanation(), HasSubstr("Inquire: where the chips are installed"));
    EXPECT_THAT(test::evidence(alert, "basis")->text(), HasSubstr("shipped"));
    EXPECT_NEAR(test::evidence(alert, "it_load_low")->value(), 12.0001, 1e-9);
    EXPECT_EQ(test::evidence(alert, "country_it_capacity")->value(), 100);
    EXPECT_EQ(test::evidence(alert, "data_centres")->value(), 10);
    EXPECT_NEAR(test::evidence(alert, "chips_per_data_centre")->value(), 1'714.3, 1e-9);
    EXPECT_THAT(test::evidence(alert, "low_confidence")->text(),
                AllOf(HasSubstr("accelerators' part (an assumption), MW;"), HasSubstr("row: low")));
  }
}

TEST(Capacity, FiresBeforeTheCloseSinceMoreCanOnlyRaiseIt) {
  Chips chain(of_three_days(hundred_megawatts()));
  chain.ship("SG", 1, 1);
  chain.pass(3);
  chain.world.alerts();
  chain.ship("SG", 4, 20'000);
  chain.flush();
  EXPECT_THAT(briefs(chain.world.alerts()), ElementsAre("1 FIRING EARLY 4"));
}

TEST(Capacity, IsQuietBelowTheFloor) {
  for (const double floor : {20'000.0, 20'001.0}) {
    config::Config config = of_three_days(hundred_megawatts());
    config.rules[0].assumed->floor = floor;
    Chips chain(std::move(config));
    chain.ship("SG", 5, 20'000);
    chain.pass(5);
    EXPECT_EQ(chain.world.alerts().size(), floor <= 20'000 ? 1u : 0u);
  }
}

TEST(Capacity, WithoutTheCountryInTheTableIsInconclusive) {
  for (const char* country : {"MY", "ZZ", "other"}) {
    Chips chain(of_three_days(hundred_megawatts()));
    chain.ship(country, 5, 1'000'000);
    chain.pass(5);
    const detect::Emissions out = chain.world.take();
    EXPECT_THAT(out.alerts, IsEmpty());
    ASSERT_THAT(out.points, SizeIs(1));
    EXPECT_TRUE(out.points[0].inconclusive()) << country;
    EXPECT_FALSE(out.points[0].has_expected());
    EXPECT_EQ(chain.world.detector.stats().inconclusive, 1u);
  }
}

TEST(Capacity, WithoutAFigureOfTheTableIsInconclusiveAndNotFull) {
  for (const char* row :
       {"SG,10,100,1970-01-01,,20,low,,,\n", "SG,10,100,1970-01-01,5,,low,,,\n"}) {
    Chips chain(of_three_days(table(row)));
    chain.ship("SG", 5, 1'000'000);
    chain.pass(5);
    const detect::Emissions out = chain.world.take();
    EXPECT_THAT(out.alerts, IsEmpty()) << row;
    EXPECT_TRUE(out.points.back().inconclusive()) << row;
  }
  Chips uncounted(of_three_days(table("SG,,100,1970-01-01,5,20,low,,,\n")));
  uncounted.ship("SG", 5, 1'000'000);
  uncounted.pass(5);
  const auto alerts = uncounted.world.alerts();
  ASSERT_THAT(alerts, SizeIs(1)) << "how many data centres there are decides nothing";
  EXPECT_EQ(test::evidence(alerts[0], "data_centres")->unit(), "none");
  EXPECT_EQ(test::evidence(alerts[0], "chips_per_data_centre"), nullptr);
}

TEST(Capacity, TakesTheRowThatIsInForceAtTheWindowsEnd) {
  Chips chain(of_three_days(
      table("SG,10,100,1970-01-01,5,20,low,,,\nSG,20,1000,1970-01-09,5,20,low,,,\n")));
  chain.ship("SG", 5, 20'000);
  chain.pass(5);
  EXPECT_THAT(briefs(chain.world.alerts()), ElementsAre("1 FIRING ON_TIME 5"));
  chain.ship("SG", 8, 20'000);
  chain.pass(
      9);  // of these windows the second has no more than the first, and twenty times the room
  EXPECT_THAT(briefs(chain.world.alerts()),
              ElementsAre("2 FIRING FINAL 5", "3 RESOLVED ON_TIME 9"));
}

TEST(Capacity, OfAWindowBeforeTheHistoryKnowsTheLeastThatItCanBe) {
  for (const std::int64_t chips : {17'142, 17'143}) {
    Chips chain(of_three_days(hundred_megawatts()));
    chain.ship("SG", 5, chips);
    chain.pass(5);
    const detect::Emissions out = chain.world.take();
    EXPECT_EQ(out.alerts.size(), chips == 17'143 ? 1u : 0u);
    EXPECT_EQ(out.points.back().inconclusive(), chips == 17'142);
  }
}

TEST(Capacity, OfMoreReturnsThanShipmentsIsQuiet) {
  Chips chain(of_three_days(hundred_megawatts()));
  chain.ship("SG", 5, -1);
  chain.pass(5);
  const detect::Emissions out = chain.world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_FALSE(out.points.back().inconclusive());
}

// The quarter to 2024-10-27: 7,697 million USD billed, as chips of 30,000 USD; what was delivered
// there is less than 1 % of the company's revenue, so no more than 11,694 of them. The table is the
// one in data/trade.
TEST(Capacity, OfSingaporeFiresAsBilledAndIsQuietAsShipped) {
  for (const bool billed : {true, false}) {
    config::Config config = of_three_days(config::built_in_capacities());
    config.rules[0].assumed->basis = billed ? config::Basis::kBilled : config::Basis::kShipped;
    Chips chain(std::move(config));
    const PaneIndex last = test::day("2024-10-27");
    chain.ship("SG", last - 5, 1);
    chain.pass(last - 3);
    chain.ship("SG", last, billed ? 256'567 : 11'694);
    chain.pass(last);
    const detect::Emissions out = chain.world.take();
    ASSERT_EQ(out.alerts.size(), billed ? 1u : 0u);
    if (!billed) {
      EXPECT_FALSE(out.points.back().inconclusive());
      EXPECT_EQ(out.points.back().observed(), 11'694);
      continue;
    }
    const v1::Alert& alert = out.alerts[0];
    const v1::Evidence& high = *test::evidence(alert, "it_load_high");
    EXPECT_NEAR(high.value(), 327.1, 0.05);
    EXPECT_THAT(high.text(), HasSubstr("327.1 MW at 1.275 kW a chip, 33.2 % of the country's"));
    EXPECT_EQ(test::evidence(alert, "country_it_capacity")->value(), 985);
    EXPECT_NEAR(test::evidence(alert, "room_low")->value(), 19.7, 1e-9);
    EXPECT_EQ(test::evidence(alert, "data_centres")->value(), 99);
    EXPECT_NEAR(test::evidence(alert, "chips_per_data_centre")->value(), 2'592, 0.5);
    EXPECT_GT(test::evidence(alert, "fill_low")->value(), 1);
    EXPECT_THAT(alert.explanation(), HasSubstr("Basis: billed, on the rule's insistence; who is "
                                               "billed need not hold the goods"));
  }
  // 11,694 chips are 14.9 MW at the most: even that fits into what stands empty.
  EXPECT_NEAR(11'694 * 1.275 / 1'000, 14.9, 0.05);
}

}  // namespace
}  // namespace surgewatch
