// What is refused, and what is taken, of rules that weigh what others find.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

// Its rules are rules[0] to rules[3]; what is put behind them is rules[4], on line 9.
constexpr std::string_view kBefore = R"(series:
  - {name: billed, event: invoice, group_by: [bill_to, ship_to, family, bill_to.party_id], measures: [chips], pane: 1d}
  - {name: shipped, event: shipment, group_by: [ship_to], measures: [chips], pane: 1d}
rules:
  - {name: a, type: threshold, series: billed, measure: chips, per: [bill_to], window: 7d, fire_at: {observed: 1}}
  - {name: b, type: threshold, series: shipped, measure: chips, per: [ship_to], window: 7d, fire_at: {observed: 1}}
  - {name: lane, type: threshold, series: billed, measure: chips, per: [bill_to, ship_to], window: 7d, fire_at: {observed: 1}}
  - {name: customer, type: threshold, series: billed, measure: chips, per: [family, bill_to.party_id], window: 7d, fire_at: {observed: 1}}
)";
std::string with(const std::string& rule) { return std::string(kBefore) + "  - {" + rule + "}\n"; }
std::string of(const std::string& findings, const std::string& more = "") {
  return with("name: t, type: typology, fire_at: {score: 1}, page_at: {score: 1}, findings: [" +
              findings + "]" + more);
}

TEST(Typologies, HaveDefaults) {
  const auto config = parse_valid(of("{rule: a}, {rule: b, weight: 2.5}"));
  const Rule& rule = config->rules[4];
  ASSERT_TRUE(rule.typology.has_value());
  const Series& series = config->series[rule.series];
  EXPECT_EQ(series.name, "t");
  EXPECT_EQ(series.event, Topic::kRules);
  EXPECT_THAT(series.group_by, ElementsAre(Dimension::kRegion, Dimension::kFoundBy));
  EXPECT_EQ(measure_name(series, rule.measure), "findings");
  EXPECT_EQ(rule.window_panes, 28);
  EXPECT_THAT(rule.per, ElementsAre(0U));
  EXPECT_THAT(rule.parts, Optional(1U));
  EXPECT_THAT(rule.fire_at.score, Optional(1.0));
  EXPECT_THAT(rule.clear_at.score, Optional(0.85));
  EXPECT_EQ(rule.typology->page_at, 1);
  ASSERT_EQ(rule.typology->findings.size(), 2U);
  EXPECT_EQ(rule.typology->findings[0].weight, 1);
  EXPECT_THAT(rule.typology->findings[0].by, ElementsAre(0U));
  EXPECT_EQ(rule.typology->findings[1].weight, 2.5);
  EXPECT_EQ(rule.typology->findings[1].rule, 1U);
  EXPECT_THAT(config->typologies, ElementsAre(4U));
}

TEST(Typologies, AreAboutRegionsLanesAndParties) {
  EXPECT_THAT(problems_of(of("{rule: lane}", ", per: [lane_from, lane_to]")), IsEmpty());
  EXPECT_THAT(problems_of(of("{rule: customer}", ", per: [party]")), IsEmpty());
  EXPECT_THAT(problems_of(of("{rule: lane, by: [ship_to]}")), IsEmpty());
  EXPECT_THAT(problems_of(of("{rule: lane}")),
              ElementsAre(HasSubstr("findings[0]: 'by' is missing; say which of the dimensions of "
                                    "'lane' is region: bill_to and ship_to")));
  EXPECT_THAT(problems_of(of("{rule: customer}")),
              ElementsAre(HasSubstr("which of the dimensions of 'customer' is region")));
  EXPECT_THAT(problems_of(of("{rule: customer, by: [family]}")),
              ElementsAre(HasSubstr("by[0]: 'family' has no values of region")));
  EXPECT_THAT(problems_of(of("{rule: a, by: [ship_to]}")),
              ElementsAre(HasSubstr("'ship_to' is not what rule 'a' is per")));
  EXPECT_THAT(problems_of(of("{rule: a, by: [bill_to, ship_to]}")),
              ElementsAre(HasSubstr("names 2 dimensions, and the typology is per region")));
  EXPECT_THAT(problems_of(of("{rule: a}", ", per: [country]")),
              ElementsAre(HasSubstr("'country' is not what a typology can be about")));
}

TEST(Typologies, NameRulesThatThereAre) {
  EXPECT_THAT(problems_of(of("{rule: lain, by: [ship_to]}")),
              ElementsAre(AllOf(HasSubstr("c.yaml:9:"), HasSubstr("'lain' is not a rule; did you "
                                                                  "mean 'lane'?"))));
  EXPECT_THAT(problems_of(of("{rule: a}, {rule: a}")),
              ElementsAre(HasSubstr("findings[1].rule: 'a' is there twice")));
  EXPECT_THAT(problems_of(of("{weight: 2}")),
              ElementsAre(HasSubstr("findings[0]: 'rule' is missing; name a rule")));
  EXPECT_THAT(problems_of(of("")), ElementsAre(HasSubstr("'findings' is missing")));
  EXPECT_THAT(problems_of(of("{rule: a, weight: 0}, {rule: b}")),
              ElementsAre(HasSubstr("findings[0].weight: 0 is not above 0 and at most 1000")));
}

TEST(Typologies, HaveLinesThatCanBeReached) {
  const std::string two = "name: t, type: typology, findings: [{rule: a}, {rule: b}]";
  EXPECT_THAT(problems_of(with(two + ", fire_at: {score: 2}, page_at: {score: 2}")), IsEmpty());
  EXPECT_THAT(problems_of(with(two + ", fire_at: {score: 2}, page_at: {score: 1}")),
              ElementsAre(HasSubstr("page_at.score: 1 is below fire_at.score, 2")));
  EXPECT_THAT(problems_of(with(two + ", fire_at: {score: 2}, page_at: {score: 3}")),
              ElementsAre(HasSubstr("page_at.score: can't be reached: the weights add up to 2")));
  EXPECT_THAT(problems_of(with(two + ", fire_at: {score: 3}, page_at: {score: 3}")),
              ElementsAre(HasSubstr("fire_at: can't be reached: the weights add up to 2"),
                          HasSubstr("page_at.score: can't be reached")));
  EXPECT_THAT(problems_of(with(two + ", fire_at: {score: 2}")),
              ElementsAre(HasSubstr("'page_at' is missing; say from which score on it pages")));
  EXPECT_THAT(problems_of(with(two + ", page_at: {score: 2}")),
              ElementsAre(HasSubstr("'fire_at' is missing; typology needs at least one of score")));
}

TEST(Typologies, MayWeighOneAnother) {
  const auto config = parse_valid(
      of("{rule: u}, {rule: a}",
         "}\n  - {name: u, type: typology, findings: [{rule: b}], fire_at: {score: 1}, page_at: "
         "{score: 1}"));
  EXPECT_THAT(config->typologies, ElementsAre(5U, 4U)) << "behind what it weighs";
}

TEST(Typologies, DoNotGoRoundInACircle) {
  const std::string lines = ", fire_at: {score: 1}, page_at: {score: 1}";
  EXPECT_THAT(
      problems_of(with("name: t, type: typology, findings: [{rule: u}]" + lines +
                       "}\n  - {name: u, type: typology, findings: [{rule: t}]" + lines)),
      ElementsAre(HasSubstr("c.yaml:10:41: rules[5].findings: go round in a circle: 't' (line 9) "
                            "weighs 'u', which (line 10) weighs 't'; take one of them out")));
  EXPECT_THAT(problems_of(of("{rule: t}")),
              ElementsAre(HasSubstr("go round in a circle: 't' (line 9) weighs 't'; take one of")));
}

TEST(Typologies, DoNotPageForAShadow) {
  const std::string shadow =
      "}\n  - {name: s, type: threshold, series: shipped, measure: chips, per: [ship_to], window: "
      "7d, fire_at: {observed: 1}, mode: shadow";
  EXPECT_THAT(problems_of(of("{rule: s}", shadow)),
              ElementsAre(HasSubstr("findings[0].rule: 's' is in shadow and pages nobody")));
  EXPECT_THAT(problems_of(of("{rule: s}", ", mode: shadow" + shadow)), IsEmpty());
}

TEST(Typologies, AreNoSeriesAndTakeNone) {
  EXPECT_THAT(problems_of(of("{rule: a}", ", series: billed")),
              ElementsAre(HasSubstr("typology takes no series: it adds up what other rules find")));
  EXPECT_THAT(
      problems_of(of("{rule: a}",
                     "}\n  - {name: c, type: threshold, series: t, measure: findings, "
                     "window: 7d, fire_at: {observed: 1}")),
      ElementsAre(HasSubstr("rules[5].series: 't' is a typology, which no rule can watch")));
  EXPECT_THAT(problems_of(with("name: c, type: threshold, series: billed, measure: chips, window: "
                               "7d, fire_at: {observed: 1}, page_at: {score: 1}")),
              ElementsAre(HasSubstr("threshold does not take 'page_at'")));
  EXPECT_THAT(
      problems_of(with("name: billed, type: typology, findings: [{rule: a}], fire_at: {score: 1}, "
                       "page_at: {score: 1}")),
      ElementsAre(HasSubstr("'billed' is the name of a series, and what a rule of type typology "
                            "weighs is a series of the rule's name")));
}

TEST(Typologies, AreInVersionsAndInNoGeneration) {
  const auto one = parse_valid(of("{rule: a}, {rule: b}"));
  const auto heavier = parse_valid(of("{rule: a}, {rule: b, weight: 2}"));
  EXPECT_NE(one->rules[4].version, heavier->rules[4].version);
  EXPECT_EQ(one->rules[0].version, heavier->rules[0].version);
  EXPECT_NE(one->ruleset_version, heavier->ruleset_version);
  EXPECT_EQ(one->generation, heavier->generation);
  EXPECT_EQ(one->generation, parse_valid(kBefore)->generation)
      << "no event counts for more or less by it";
}

}  // namespace
}  // namespace surgewatch::config
