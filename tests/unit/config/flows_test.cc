// What is refused, and what is taken, of rules that compare flows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr std::string_view kSeries = R"(series:
  - {name: billed, event: invoice, group_by: [bill_to, family], measures: [revenue_usd, chips], pane: 1d}
  - {name: legs, event: shipment, group_by: [ship_from, ship_to, family], measures: [chips, units], pane: 1d}
rules:
)";

std::string with(const std::string& rule) { return std::string(kSeries) + "  - {" + rule + "}\n"; }

const std::string kConcentration =
    "name: c, type: concentration, series: billed, measure: revenue_usd";
const std::string kCapacity =
    "name: c, type: capacity, series: legs, measure: chips, per: [ship_to]";
const std::string kIntermediary =
    "name: c, type: intermediary, series: legs, measure: chips, per: [ship_to]";

TEST(Concentration, HasDefaults) {
  const auto config = parse_valid(with(kConcentration));
  const Rule& rule = config->rules[0];
  EXPECT_EQ(rule.window_panes, 91);
  EXPECT_EQ(rule.parts, 0U);
  ASSERT_TRUE(rule.assumed.has_value());
  EXPECT_EQ(rule.assumed->changes_over, 4);
  EXPECT_EQ(rule.assumed->floor, 1e12) << "a million dollars, in micros";
  EXPECT_THAT(rule.fire_at.change, Optional(500.0));
  EXPECT_EQ(rule.fire_at.hhi, std::nullopt);
  EXPECT_THAT(rule.clear_at.change, Optional(500 * 0.85));
  const Rule of_chips =
      parse_valid(with("name: c, type: concentration, series: billed, measure: chips"))->rules[0];
  EXPECT_EQ(of_chips.assumed->floor, 1'000);
}

TEST(Concentration, ALineThatIsGivenStandsAlone) {
  const Rule rule = parse_valid(with(kConcentration + ", fire_at: {hhi: 2500}"))->rules[0];
  EXPECT_THAT(rule.fire_at.hhi, Optional(2'500.0));
  EXPECT_EQ(rule.fire_at.change, std::nullopt);
  EXPECT_THAT(problems_of(with(kConcentration + ", fire_at: {hhi: 10001}")),
              ElementsAre(HasSubstr("10001 is not above 0 and at most 10000")));
  EXPECT_THAT(problems_of(with(kConcentration + ", fire_at: {ratio: 2}")),
              ElementsAre(HasSubstr("concentration does not use 'ratio'; it uses change and hhi")));
}

TEST(Concentration, NamesADimensionThatIsNotThatOfItsSubjects) {
  EXPECT_EQ(parse_valid(with(kConcentration + ", parts: family, per: [bill_to]"))->rules[0].parts,
            1U);
  EXPECT_THAT(problems_of(with(kConcentration + ", per: [bill_to]")),
              ElementsAre(HasSubstr("parts: 'bill_to' is what the rule is per")));
  EXPECT_THAT(problems_of(with(kConcentration + ", parts: familie")),
              ElementsAre(HasSubstr("'familie' is not in the group_by of series 'billed'; did you "
                                    "mean 'family'?")));
  EXPECT_THAT(
      problems_of(with("name: c, type: concentration, series: legs, measure: chips")),
      ElementsAre(HasSubstr("rules[0]: 'parts' is missing; name a dimension of the group_by of "
                            "series 'legs', ship_from, ship_to and family")));
}

TEST(Concentration, ParametersHaveRanges) {
  for (const char* sound : {"changes_over: 1", "changes_over: 100", "floor: 1"}) {
    EXPECT_THAT(problems_of(with(kConcentration + ", " + sound)), IsEmpty()) << sound;
  }
  EXPECT_THAT(problems_of(with(kConcentration + ", changes_over: 0")),
              ElementsAre(HasSubstr("changes_over")));
  EXPECT_THAT(problems_of(with(kConcentration + ", changes_over: 101")),
              ElementsAre(HasSubstr("changes_over")));
  EXPECT_THAT(problems_of(with(kConcentration + ", floor: 0.5")),
              ElementsAre(HasSubstr("floor: 0.5 is not within 1 to")));
  EXPECT_THAT(problems_of(with(kConcentration + ", basis: billed")),
              ElementsAre(HasSubstr("concentration does not take 'basis'; it takes parts, ")));
}

TEST(Concentration, LooksBackAtMostAMillionPanes) {
  std::string yaml = with(kConcentration + ", window: 200000s, changes_over: 4");
  yaml.replace(yaml.find("pane: 1d"), 8, "pane: 1s");
  EXPECT_THAT(problems_of(yaml), IsEmpty());
  yaml.replace(yaml.find("changes_over: 4"), 15, "changes_over: 5");
  EXPECT_THAT(problems_of(yaml),
              ElementsAre(HasSubstr("looks back 1200000 panes; at most 1000000")));
}

TEST(Capacity, HasDefaults) {
  const Rule rule = parse_valid(with(kCapacity))->rules[0];
  EXPECT_EQ(rule.window_panes, 180);
  ASSERT_TRUE(rule.assumed.has_value());
  EXPECT_EQ(rule.assumed->basis, Basis::kShipped);
  EXPECT_EQ(rule.assumed->kw_per_chip_low, 0.7);
  EXPECT_EQ(rule.assumed->kw_per_chip_high, 1.275);
  EXPECT_EQ(rule.assumed->new_build_share, 0.1);
  EXPECT_EQ(rule.assumed->refresh_share, 0.1);
  EXPECT_EQ(rule.assumed->floor, 1'000);
  EXPECT_THAT(rule.fire_at.ratio, Optional(1.0));
  EXPECT_THAT(rule.clear_at.ratio, Optional(0.85));
}

TEST(Capacity, OfWhatWasBilledHasToBeAskedFor) {
  const std::string billed =
      "name: c, type: capacity, series: billed, measure: chips, per: [bill_to]";
  EXPECT_THAT(
      problems_of(with(billed)),
      ElementsAre(HasSubstr("per: series 'billed' is of invoices by bill_to, which says not "
                            "where the goods are: take a series of shipments by ship_to or "
                            "end_user, or insist with basis: billed")));
  EXPECT_THAT(problems_of(with(billed + ", basis: shipped")),
              ElementsAre(HasSubstr("basis: series 'billed' is of invoices by bill_to")));
  EXPECT_EQ(parse_valid(with(billed + ", basis: billed"))->rules[0].assumed->basis, Basis::kBilled);
  EXPECT_THAT(problems_of(with(kCapacity + ", basis: billed")),
              ElementsAre(HasSubstr("series 'legs' is of shipments by ship_to, which is the basis "
                                    "'shipped'")));
  EXPECT_THAT(problems_of(with("name: c, type: capacity, series: legs, measure: chips, "
                               "per: [ship_from]")),
              ElementsAre(HasSubstr("is of shipments by ship_from, which says not where")));
  EXPECT_THAT(problems_of(with(billed + ", basis: bill")), ElementsAre(HasSubstr("did you mean")));
}

TEST(Capacity, IsOfChipsByCountry) {
  EXPECT_THAT(problems_of(with("name: c, type: capacity, series: legs, measure: units, "
                               "per: [ship_to]")),
              ElementsAre(HasSubstr("measure: capacity takes chips")));
  EXPECT_THAT(problems_of(with("name: c, type: capacity, series: legs, measure: chips")),
              ElementsAre(HasSubstr("'per' is missing; capacity compares with what")));
  EXPECT_THAT(problems_of(with("name: c, type: capacity, series: legs, measure: chips, "
                               "per: [family]")),
              ElementsAre(HasSubstr("name exactly one country dimension, such as [ship_to]")));
}

TEST(Capacity, ALowLoadIsNotAboveTheHighOne) {
  EXPECT_THAT(problems_of(with(kCapacity + ", kw_per_chip_low: 1.275")), IsEmpty());
  EXPECT_THAT(problems_of(with(kCapacity + ", kw_per_chip_low: 1.3")),
              ElementsAre(HasSubstr("kw_per_chip_low, 1.3, is above kw_per_chip_high, 1.275")));
  EXPECT_THAT(problems_of(with(kCapacity + ", new_build_share: 1.5")),
              ElementsAre(HasSubstr("1.5 is not within 0 to 1")));
}

TEST(Capacity, ItsVersionHasTheTableAndTheGenerationHasNot) {
  const std::filesystem::path directory = ::testing::TempDir();
  const auto load_with = [&](const std::string& name, const char* megawatts) {
    std::ofstream(directory / (name + ".csv"))
        << "iso2,dc_count,it_capacity_mw,it_capacity_asof,vacancy_pct,"
           "suggested_accelerator_share_pct,confidence\nSG,99,"
        << megawatts << ",2024-06-30,2,25,high\n";
    auto config = parse(
        "reference_data: {capacity: " + name + ".csv}\n" +
            with(kCapacity +
                 "}\n  - {name: d, type: concentration, series: billed, measure: revenue_usd"),
        (directory / "c.yaml").string(), detect::rule_specs());
    EXPECT_TRUE(config.ok()) << message_of(config.status());
    return *std::move(config);
  };
  const auto one = load_with("capacity_one", "985");
  const auto two = load_with("capacity_two", "986");
  EXPECT_NE(one->rules[0].version, two->rules[0].version);
  EXPECT_NE(one->ruleset_version, two->ruleset_version);
  EXPECT_EQ(one->rules[1].version, two->rules[1].version) << "which reads no capacities";
  EXPECT_EQ(one->generation, two->generation);
  EXPECT_EQ(one->reference->version, two->reference->version);
}

TEST(Capacity, ATableThatCantBeReadIsAProblem) {
  EXPECT_THAT(problems_of("reference_data: {capacity: none.csv}\n" + with(kCapacity)),
              ElementsAre(HasSubstr("reference_data.capacity: ")));
}

TEST(Intermediary, HasDefaults) {
  const Rule rule = parse_valid(with(kIntermediary))->rules[0];
  EXPECT_EQ(rule.window_panes, 91);
  EXPECT_EQ(rule.parts, 0U);
  EXPECT_THAT(rule.origins, ElementsAre("TW", "US"));
  EXPECT_EQ(rule.assumed->floor, 1'000);
  EXPECT_THAT(rule.fire_at.ratio, Optional(1.0));
}

TEST(Intermediary, ComparesCountriesWithCountries) {
  EXPECT_THAT(problems_of(with(kIntermediary + ", through: family")),
              ElementsAre(HasSubstr("through: 'family' is not a country dimension")));
  EXPECT_THAT(problems_of(with(kIntermediary + ", through: ship_to")),
              ElementsAre(HasSubstr("through: 'ship_to' is what the rule is per")));
  EXPECT_THAT(problems_of(with("name: c, type: intermediary, series: billed, measure: chips, "
                               "per: [bill_to]")),
              ElementsAre(HasSubstr("'through' is missing; name a dimension")));
}

TEST(Intermediary, OriginsAreCountriesOnceEach) {
  EXPECT_THAT(parse_valid(with(kIntermediary + ", origins: [US, KR]"))->rules[0].origins,
              ElementsAre("KR", "US"));
  EXPECT_THAT(problems_of(with(kIntermediary + ", origins: [US, QQ, ZZ, US]")),
              ElementsAre(HasSubstr("origins[1]: 'QQ' is not a country"),
                          HasSubstr("origins[2]: 'ZZ' is not a country"),
                          HasSubstr("origins[3]: 'US' is there twice")));
}

TEST(FlowTypes, AWindowOfTheirOwnFitsThePanesOrHasToBeGiven) {
  std::string yaml = with(kCapacity);
  yaml.replace(yaml.rfind("pane: 1d"), 8, "pane: 7d");
  EXPECT_THAT(problems_of(yaml),
              ElementsAre(HasSubstr("'window' is missing; capacity takes 180d where none is given, "
                                    "which panes of series 'legs', 7d, do not fit")));
  yaml = with(kCapacity + ", window: 182d");
  yaml.replace(yaml.rfind("pane: 1d"), 8, "pane: 7d");
  EXPECT_EQ(parse_valid(yaml)->rules[0].window_panes, 26);
}

TEST(FlowTypes, WhatTheyAssumeIsInTheirVersions) {
  const auto version = [](const std::string& rule) {
    return parse_valid(with(rule))->rules[0].version;
  };
  EXPECT_EQ(version(kConcentration), version(kConcentration + ", changes_over: 4, parts: bill_to"));
  EXPECT_NE(version(kConcentration), version(kConcentration + ", changes_over: 3"));
  EXPECT_NE(version(kConcentration), version(kConcentration + ", parts: family"));
  EXPECT_NE(version(kConcentration), version(kConcentration + ", floor: 5"));
  EXPECT_NE(version(kConcentration), version(kConcentration + ", fire_at: {change: 501}"));
  EXPECT_NE(version(kCapacity), version(kCapacity + ", kw_per_chip_low: 0.6"));
  EXPECT_NE(version(kIntermediary), version(kIntermediary + ", origins: [US]"));
  EXPECT_EQ(version(kIntermediary), version(kIntermediary + ", origins: [US, TW]"));
}

}  // namespace
}  // namespace surgewatch::config
