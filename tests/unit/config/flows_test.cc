// What is refused, and what is taken, of rules that compare flows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
}

TEST(Concentration, LooksBackAtMostAMillionPanes) {
  std::string yaml = with(kConcentration + ", window: 200000s, changes_over: 4");
  yaml.replace(yaml.find("pane: 1d"), 8, "pane: 1s");
  EXPECT_THAT(problems_of(yaml), IsEmpty());
  yaml.replace(yaml.find("changes_over: 4"), 15, "changes_over: 5");
  EXPECT_THAT(problems_of(yaml),
              ElementsAre(HasSubstr("looks back 1200000 panes; at most 1000000")));
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
}

}  // namespace
}  // namespace surgewatch::config
