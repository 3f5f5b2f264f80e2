#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "statistics/surge_ramp.h"
#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(RuleCheck, FillsInDefaults) {
  const Rule rule = parse_valid(kValid)->rules[0];
  EXPECT_EQ(rule.severity, Severity::kWarning);
  EXPECT_FALSE(rule.shadow);
  EXPECT_EQ(rule.window_panes, 91);
  EXPECT_EQ(rule.clear_after, 3);
  EXPECT_THAT(rule.clear_at.ratio, Optional(4 * 0.85));
  EXPECT_THAT(rule.clear_at.excess_over_total, Optional(2 * 0.85));
  EXPECT_EQ(rule.clear_at.observed, std::nullopt);
}

TEST(RuleCheck, SaysWhatIsMissing) {
  EXPECT_THAT(
      problems_of(valid_and("name: r")),
      ElementsAre("c.yaml:21:5: rules[1]: 'type' is missing; write one of " + all_types(),
                  "c.yaml:21:5: rules[1]: 'series' is missing; name the series to watch",
                  "c.yaml:21:5: rules[1]: 'window' is missing; give a multiple of the series' "
                  "pane, such as 7d"));
}

TEST(RuleCheck, NamesAreUnique) {
  EXPECT_THAT(problems_of(valid_and("name: since\ntype: surge\nseries: billed\nmeasure: chips\n"
                                    "window: 7d\nbaseline: 70d\nfire_at: {z: 4}")),
              ElementsAre("c.yaml:21:11: rules[1].name: 'since' is already the name of rules[0]"));
}

TEST(RuleCheck, TellsATypeOfLaterVersionsFromATypo) {
  // As if it had one type alone.
  const RuleSpecs all = detect::rule_specs();
  const auto early = parse(valid_but("type: surge_since", "type: surge"), "c.yaml", all.first(1));
  EXPECT_EQ(all[0]->name, "surge_since");
  EXPECT_THAT(lines_of(message_of(early.status())),
              ElementsAre("c.yaml:14:11: rules[0].type: rule type 'surge' is not in this version; "
                          "it has surge_since"));
  EXPECT_THAT(
      problems_of(valid_but("type: surge_since", "type: surge_sinc")),
      ElementsAre("c.yaml:14:11: rules[0].type: 'surge_sinc' is not a rule type; did you mean "
                  "'surge_since'?"));
  EXPECT_THAT(
      problems_of(valid_but("type: surge_since", "type: unspecified")),
      ElementsAre(StartsWith("c.yaml:14:11: rules[0].type: 'unspecified' is not a rule type; "
                             "known are surge, ")));
}

TEST(RuleCheck, NamesTheNearestSeriesMeasureAndDimension) {
  EXPECT_THAT(problems_of(valid_but("series: billed", "series: biled")),
              ElementsAre("c.yaml:15:13: rules[0].series: 'biled' is not a series; did you mean "
                          "'billed'?"));
  EXPECT_THAT(problems_of(valid_but("measure: revenue_usd", "measure: revenue")),
              ElementsAre("c.yaml:16:14: rules[0].measure: 'revenue' is not a measure of series "
                          "'billed'; known are revenue_usd and chips"));
  EXPECT_THAT(problems_of(valid_but("measure: revenue_usd", "measure: units")),
              ElementsAre(HasSubstr("'units' is not a measure of series 'billed'")));
  EXPECT_THAT(
      problems_of(valid_but("per: [bill_to]", "per: [bil_to]")),
      ElementsAre("c.yaml:17:11: rules[0].per[0]: 'bil_to' is not in the group_by of series "
                  "'billed'; did you mean 'bill_to'?"));
}

TEST(RuleCheck, AWindowIsAMultipleOfThePane) {
  EXPECT_EQ(parse_valid(valid_but("window: 91d", "window: 24h"))->rules[0].window_panes, 1);
  EXPECT_THAT(
      problems_of(valid_but("window: 91d", "window: 25h")),
      ElementsAre("c.yaml:18:13: rules[0].window: 25h is not a multiple of the pane of series "
                  "'billed', 1d"));
  EXPECT_THAT(problems_of(valid_but("window: 91d", "window: 0s")),
              ElementsAre(StartsWith("c.yaml:18:13: rules[0].window: 0s is not within")));
}

TEST(RuleCheck, AWindowHasAtMostAMillionPanes) {
  std::string yaml = valid_but("pane: 1d\n  - name: shipped", "pane: 1s\n  - name: shipped");
  const std::size_t at = yaml.find("91d");
  EXPECT_THAT(problems_of(yaml.replace(at, 3, "1000000s")), ::testing::Not(IsEmpty()));
  const std::string reference = "reference: {start: 2023-05-01, end: 2023-07-31}";
  yaml.replace(yaml.find(reference), reference.size(),
               "reference: {start: 2023-05-01, end: 2023-05-02}");
  EXPECT_THAT(problems_of(yaml), IsEmpty());
  yaml.replace(yaml.find("1000000s"), 8, "1000001s");
  EXPECT_THAT(problems_of(yaml), ElementsAre(HasSubstr("at most 1000000 are allowed")));
}

TEST(RuleCheck, AReferenceLiesOnPaneBordersAndRunsForward) {
  EXPECT_THAT(
      problems_of(valid_but("end: 2023-07-31", "end: 2023-05-01")),
      ElementsAre("c.yaml:19:41: rules[0].reference.end: 2023-05-01 is not after the start, "
                  "2023-05-01"));
  EXPECT_THAT(problems_of(valid_but("end: 2023-07-31", "end: 2023-05-02")), IsEmpty());
  EXPECT_THAT(
      problems_of(valid_but("end: 2023-07-31", "end: 2023-02-30")),
      ElementsAre("c.yaml:19:41: rules[0].reference.end: '2023-02-30' is not a date; write it "
                  "as 2023-05-01"));
  std::string weekly = valid_but("pane: 1d", "pane: 7d");
  EXPECT_THAT(
      problems_of(weekly),
      ElementsAre(
          "c.yaml:19:24: rules[0].reference.start: 2023-05-01 is not on a border "
          "between panes of 7d; the nearest are 2023-04-27T00:00:00Z and "
          "2023-05-04T00:00:00Z",
          StartsWith("c.yaml:19:41: rules[0].reference.end: 2023-07-31 is not on a border")));
}

TEST(RuleCheck, RefusesAFieldOfAnotherTypeAtItsKey) {
  EXPECT_THAT(
      problems_of(valid_but("window: 91d", "window: 91d\n    baseline: 182d")),
      ElementsAre("c.yaml:19:5: rules[0].baseline: surge_since does not take 'baseline'; it "
                  "takes reference, fire_at, clear_at and clear_after"));
}

TEST(RuleCheck, RefusesAFigureOfAnotherType) {
  EXPECT_THAT(problems_of(valid_but("ratio: 4", "z: 4")),
              ElementsAre("c.yaml:20:15: rules[0].fire_at.z: surge_since does not use 'z'; it uses "
                          "ratio, excess_over_total and observed"));
}

TEST(RuleCheck, NeedsAFigureToFireAt) {
  EXPECT_THAT(
      problems_of(valid_but("fire_at: {ratio: 4, excess_over_total: 2}", "fire_at: {}")),
      ElementsAre("c.yaml:20:14: rules[0].fire_at: surge_since needs at least one of ratio, "
                  "excess_over_total and observed"));
  EXPECT_THAT(
      problems_of(valid_but("    fire_at: {ratio: 4, excess_over_total: 2}\n", "")),
      ElementsAre(StartsWith("c.yaml:13:5: rules[0]: 'fire_at' is missing; surge_since needs")));
}

TEST(RuleCheck, FiguresAreAboveZero) {
  EXPECT_THAT(problems_of(valid_but("ratio: 4", "ratio: 0")),
              ElementsAre(StartsWith("c.yaml:20:22: rules[0].fire_at.ratio: 0 is not above 0")));
  EXPECT_THAT(problems_of(valid_but("ratio: 4", "ratio: .nan")),
              ElementsAre(StartsWith("c.yaml:20:22: rules[0].fire_at.ratio: expected a number")));
}

TEST(RuleCheck, ExcessOverTheWholeNeedsASubject) {
  EXPECT_THAT(problems_of(valid_but("    per: [bill_to]\n", "")),
              ElementsAre(HasSubstr("the rule needs 'per'")));
}

TEST(RuleCheck, ObservedRevenueIsGivenInDollarsAndKeptInMicros) {
  const auto observed = [](const std::string& yaml) {
    return parse_valid(yaml)->rules[0].fire_at.observed;
  };
  const std::string dollars = valid_but("ratio: 4", "ratio: 4, observed: 1000000");
  EXPECT_THAT(observed(dollars), Optional(1e12));
  std::string chips = dollars;
  chips.replace(chips.find("measure: revenue_usd"), 20, "measure: chips");
  EXPECT_THAT(observed(chips), Optional(1e6));
}

TEST(RuleCheck, ClearsBelowWhereItFires) {
  const auto with = [](const char* clear) {
    return valid_but("ratio: 4, excess_over_total: 2}",
                     std::string("ratio: 4, excess_over_total: 2}\n    clear_at: ") + clear);
  };
  const Rule rule = parse_valid(with("{ratio: 4}"))->rules[0];
  EXPECT_THAT(rule.clear_at.ratio, Optional(4.0));
  EXPECT_EQ(rule.clear_at.excess_over_total, std::nullopt);
  EXPECT_THAT(
      problems_of(with("{ratio: 4.1}")),
      ElementsAre(StartsWith("c.yaml:21:23: rules[0].clear_at.ratio: is above fire_at.ratio")));
}

TEST(RuleCheck, ARuleOnObservedAloneEndsBelowAPartOfIt) {
  const Rule rule =
      parse_valid(valid_but("ratio: 4, excess_over_total: 2", "observed: 100"))->rules[0];
  EXPECT_THAT(rule.clear_at.observed, Optional(100e6 * 0.85));
}

TEST(RuleCheck, ClearAfterIsAtLeastOnePane) {
  const auto with = [](const char* text) {
    return problems_of(
        valid_but("window: 91d", std::string("window: 91d\n    clear_after: ") + text));
  };
  EXPECT_THAT(with("1"), IsEmpty());
  EXPECT_THAT(with("0"),
              ElementsAre("c.yaml:19:18: rules[0].clear_after: 0 is not within 1 to 10000"));
}

TEST(RuleCheck, WhereFiltersDimensionsOfTheSeries) {
  const auto with = [](const char* text) {
    return valid_but("window: 91d", std::string("window: 91d\n    where: [") + text + "]");
  };
  const Rule rule = parse_valid(with("{field: family, not_in: [unknown]}"))->rules[0];
  ASSERT_THAT(rule.where, SizeIs(1));
  EXPECT_EQ(rule.where[0].position, 2U);
  EXPECT_THAT(
      problems_of(with("{field: sku, in: [A]}")),
      ElementsAre("c.yaml:19:21: rules[0].where[0].field: the group_by of series 'billed' has no "
                  "'sku'; it has bill_to, ship_to and family"));
}

TEST(RuleCheck, ReadsSeverityModeAndRunbook) {
  const auto with = [](const std::string& text) {
    return valid_but("window: 91d", "window: 91d\n    " + text);
  };
  const Rule rule =
      parse_valid(with("severity: critical\n    mode: shadow\n    runbook_url: https://x.test/a"))
          ->rules[0];
  EXPECT_EQ(rule.severity, Severity::kCritical);
  EXPECT_TRUE(rule.shadow);
  EXPECT_EQ(rule.runbook_url, "https://x.test/a");
  EXPECT_THAT(
      problems_of(with("severity: warn")),
      ElementsAre("c.yaml:19:15: rules[0].severity: 'warn' is not a severity; known are info, "
                  "warning and critical"));
  EXPECT_THAT(problems_of(with("mode: lve")), ElementsAre(HasSubstr("did you mean 'live'?")));
  EXPECT_THAT(
      problems_of(with("runbook_url: \"javascript:alert(1)\"")),
      ElementsAre(StartsWith("c.yaml:19:18: rules[0].runbook_url: must start with https://")));
}

constexpr const char* kSurge =
    "name: s\ntype: surge\nseries: billed\nmeasure: chips\nper: [bill_to]\nwindow: 7d\n";

TEST(Surge, LearnsByDefaultsThatFitItsWindow) {
  const auto weekly = *parse_valid(valid_and(kSurge))->rules[1].learning;
  EXPECT_EQ(weekly.method, Method::kSurgeAndRamp);
  EXPECT_EQ(weekly.period, 52);
  EXPECT_EQ(weekly.guard, 26);
  EXPECT_EQ(weekly.warm_up, 26);
  EXPECT_EQ(weekly.alpha, statistics::SurgeRampParameters::weekly().baseline.alpha);
  EXPECT_EQ(weekly.false_discovery_rate, 0.05);
  std::string yaml = valid_and(kSurge);
  yaml.replace(yaml.rfind("window: 7d"), 10, "window: 1d");
  const auto daily = *parse_valid(yaml)->rules[1].learning;
  EXPECT_EQ(daily.period, 7);
  EXPECT_EQ(daily.guard, 7);
  EXPECT_EQ(daily.alpha, statistics::SurgeRampParameters::daily().baseline.alpha);
  EXPECT_EQ(daily.h, statistics::SurgeRampParameters::daily().ramp.threshold);
  EXPECT_EQ(parse_valid(valid_and(std::string(kSurge) + "method: surge"))->rules[1].learning->alpha,
            statistics::GammaPoissonParameters().alpha);
}

TEST(Surge, ParametersHaveRanges) {
  const std::string head = kSurge;
  for (const char* line :
       {"guard: 1", "guard: 400", "warm_up: 4", "warm_up: 400", "period: 1", "period: 10000",
        "alpha: 0.5", "alpha: 1e-12", "false_discovery_rate: 0.5", "kappa: 1.01", "kappa: 20",
        "h: 50", "h: 0.5"}) {
    EXPECT_THAT(problems_of(valid_and(head + line)), IsEmpty()) << line;
  }
  for (const char* line : {"guard: 0", "guard: 401", "warm_up: 3", "warm_up: 401", "period: 0",
                           "period: 10001", "alpha: 0", "alpha: 0.51", "false_discovery_rate: 0.51",
                           "kappa: 1", "kappa: 20.1", "h: 50.1", "h: 0.49"}) {
    EXPECT_EQ(problems_of(valid_and(head + line)).size(), 1u) << line;
  }
  EXPECT_THAT(problems_of(valid_and(head + "guard: 0")),
              ElementsAre("c.yaml:27:12: rules[1].guard: 0 is not within 1 to 400"));
  EXPECT_THAT(problems_of(valid_and(head + "alpha: 0.6")),
              ElementsAre("c.yaml:27:12: rules[1].alpha: 0.6 is not within 1e-12 to 0.5"));
  EXPECT_THAT(problems_of(valid_and(head + "method: srge")),
              ElementsAre(HasSubstr("did you mean 'surge'?")));
  EXPECT_THAT(problems_of(valid_and(head + "odds_ratio: 2")),
              ElementsAre(HasSubstr("surge does not take 'odds_ratio'")));
}

TEST(Surge, ABaselineIsAWarmUpAsADuration) {
  const std::string head = std::string(kSurge) + "fire_at: {z: 4}\n";
  EXPECT_EQ(parse_valid(valid_and(head + "baseline: 182d"))->rules[1].learning->warm_up, 26);
  EXPECT_THAT(
      problems_of(valid_and(head + "baseline: 180d")),
      ElementsAre("c.yaml:28:15: rules[1].baseline: 180d is not a multiple of the window, 7d"));
  EXPECT_THAT(problems_of(valid_and(head + "baseline: 21d")),
              ElementsAre(HasSubstr("has 3 windows")));
  EXPECT_THAT(problems_of(valid_and(head + "baseline: 70d\nwarm_up: 10")),
              ElementsAre(HasSubstr("the same as 'warm_up'")));
}

TEST(Surge, IsCalmBelowARatioOfItsOwn) {
  const auto calm = [](const std::string& lines) {
    return parse_valid(valid_and(std::string(kSurge) + lines))->rules[1].clear_at;
  };
  EXPECT_EQ(calm("").ratio, 1.3);
  EXPECT_EQ(calm("fire_at: {ratio: 1.2, z: 3}").ratio, 1.2);
  EXPECT_EQ(calm("fire_at: {ratio: 1.2, z: 3}").z, std::nullopt);
  EXPECT_EQ(calm("clear_at: {ratio: 1.1}").ratio, 1.1);
}

TEST(Surge, ARollupGoesFromTheWholeToTheParts) {
  const std::string head =
      "name: s\ntype: surge\nseries: billed\nmeasure: chips\nwindow: 7d\nrollup: ";
  const Rule rule = parse_valid(valid_and(head + "[[], [bill_to], [bill_to, family]]"))->rules[1];
  EXPECT_THAT(rule.rollup, ElementsAre(IsEmpty(), ElementsAre(0), ElementsAre(0, 2)));
  EXPECT_THAT(rule.per, ElementsAre(0, 2));
  EXPECT_THAT(problems_of(valid_and(head + "[[]]")), ElementsAre(HasSubstr("at least two levels")));
  EXPECT_THAT(problems_of(valid_and(head + "[[bill_to], [family]]")),
              ElementsAre(HasSubstr("names the dimensions of the level before it")));
  EXPECT_THAT(problems_of(valid_and(head + "[[], [bil_to]]")),
              ElementsAre(HasSubstr("did you mean 'bill_to'?")));
  EXPECT_THAT(problems_of(valid_and(head + "[[], [bill_to]]\nper: [family]")),
              ElementsAre(HasSubstr("leave 'per' out")));
  EXPECT_THAT(problems_of(valid_and(head + "bill_to")), ElementsAre(HasSubstr("expected a list")));
}

TEST(Surge, AnAcceptedLevelNamesASubjectAndADay) {
  const auto with = [](const std::string& accepted) {
    return valid_and(std::string(kSurge) + "accepted: [" + accepted + "]");
  };
  const auto config = parse_valid(with("{subject: {bill_to: SG}, from: 2024-05-01}"));
  const AcceptedLevel& accepted = config->rules[1].accepted.at(0);
  EXPECT_THAT(accepted.values, ElementsAre("SG"));
  EXPECT_EQ(accepted.from, *parse_date("2024-05-01"));
  EXPECT_NE(config->ruleset_version, parse_valid(valid_and(kSurge))->ruleset_version)
      << "what was accepted is part of the rule set";
  EXPECT_THAT(problems_of(with("{subject: {bill_to: SG}}")),
              ElementsAre(HasSubstr("'from' is missing")));
  EXPECT_THAT(problems_of(with("{subject: {bill_to: SG}, from: soon}")),
              ElementsAre(HasSubstr("soon")));
  EXPECT_THAT(problems_of(with("{subject: {family: Hopper}, from: 2024-05-01}")),
              ElementsAre(HasSubstr("names a value for each dimension")));
  EXPECT_THAT(problems_of(with("{subject: {bil_to: SG}, from: 2024-05-01}")),
              ElementsAre(HasSubstr("did you mean 'bill_to'?")));
}

TEST(LearnedTypes, NeedNoFigureToFireAt) {
  for (const char* type : {"surge", "ramp", "new_entity", "share_shift"}) {
    const std::string yaml = "name: s\ntype: " + std::string(type) +
                             "\nseries: billed\nmeasure: chips\nper: [bill_to]\nwindow: 7d\n";
    EXPECT_THAT(problems_of(valid_and(yaml)), IsEmpty()) << type;
    EXPECT_THAT(problems_of(valid_and(yaml + "fire_at: {divergence: 0.5}")),
                ElementsAre(HasSubstr("does not use 'divergence'")));
  }
}

constexpr const char* kShare =
    "name: s\ntype: share_shift\nseries: billed\nmeasure: chips\nper: [bill_to]\nwindow: 7d\n"
    "fire_at: {points: 10}\n";

TEST(ShareShift, ComparesWithAReferenceOrLearns) {
  const std::string head = kShare;
  const std::string reference = "reference: {start: 2023-05-01, end: 2023-07-31}\n";
  const Rule learned = parse_valid(valid_and(head + "baseline: 70d"))->rules[1];
  EXPECT_EQ(learned.learning->warm_up, 10);
  EXPECT_EQ(learned.reference, std::nullopt);
  const Rule period = parse_valid(valid_and(head + reference))->rules[1];
  EXPECT_FALSE(period.learning.has_value());
  EXPECT_TRUE(period.reference.has_value());
  EXPECT_THAT(problems_of(valid_and(head + reference + "guard: 4")),
              ElementsAre("c.yaml:29:5: rules[1].guard: share_shift takes either 'reference' or "
                          "'guard'"));
  EXPECT_THAT(problems_of(valid_and(head + "direction: sideways")),
              ElementsAre(HasSubstr("known are up, down and both")));
}

TEST(ShareShift, PointsAreAtMostAHundred) {
  std::string yaml = valid_and(kShare);
  yaml.replace(yaml.find("points: 10"), 10, "points: 100");
  EXPECT_THAT(problems_of(yaml), IsEmpty());
  yaml.replace(yaml.find("points: 100"), 11, "points: 101");
  EXPECT_THAT(problems_of(yaml), ElementsAre(HasSubstr("101 is not above 0 and at most 100")));
}

std::string divergence(const std::string& per, const std::string& against) {
  return valid_and("name: d\ntype: divergence\nseries: billed\nmeasure: chips\nper: " + per +
                   "\nwindow: 7d\nfire_at: {divergence: 0.5}\nagainst: " + against);
}

TEST(Divergence, ComparesWithAnotherSeries) {
  const Rule rule =
      parse_valid(divergence("[bill_to]", "{series: shipped, dimension: ship_to}"))->rules[1];
  EXPECT_EQ(rule.against_series, 1U);
  EXPECT_EQ(rule.against_position, 0U);
}

TEST(Divergence, ComparesWithinItsOwnSeriesByAnotherDimension) {
  const Rule rule =
      parse_valid(divergence("[bill_to]", "{series: billed, dimension: ship_to}"))->rules[1];
  EXPECT_EQ(rule.against_series, rule.series);
  EXPECT_EQ(rule.against_position, 1U);
  EXPECT_THAT(
      problems_of(divergence("[bill_to]", "{series: billed, dimension: bill_to}")),
      ElementsAre(StartsWith("c.yaml:28:42: rules[1].against.dimension: 'bill_to' is what the "
                             "rule is per")));
}

TEST(Divergence, IsPerExactlyOneCountry) {
  for (const char* per : {"[]", "[family]", "[bill_to, family]"}) {
    EXPECT_THAT(
        problems_of(divergence(per, "{series: shipped, dimension: ship_to}")),
        ElementsAre(StartsWith("c.yaml:25:10: rules[1].per: divergence compares by country")))
        << per;
  }
}

TEST(Divergence, ComparesCountriesWithCountries) {
  EXPECT_THAT(
      problems_of(divergence("[bill_to]", "{series: shipped, dimension: sku}")),
      ElementsAre("c.yaml:28:43: rules[1].against.dimension: 'sku' is not a country dimension"));
  EXPECT_THAT(problems_of(divergence("[bill_to]", "{series: shipped, dimension: end_user}")),
              ElementsAre(HasSubstr("'end_user' is not in the group_by of series 'shipped'")));
}

TEST(Divergence, NeedsWhatItComparesWith) {
  EXPECT_THAT(
      problems_of(divergence("[bill_to]", "{series: shiped, dimension: ship_to}")),
      ElementsAre("c.yaml:28:23: rules[1].against.series: 'shiped' is not a series; did you mean "
                  "'shipped'?"));
  EXPECT_THAT(problems_of(divergence("[bill_to]", "{series: shipped}")),
              ElementsAre(HasSubstr("rules[1].against: 'dimension' is missing")));
  EXPECT_THAT(problems_of(divergence("[bill_to]", "{}")), SizeIs(2));
}

TEST(Divergence, NeedsEqualPanesAndTheSameMeasure) {
  const std::string sound = divergence("[bill_to]", "{series: shipped, dimension: ship_to}");
  std::string hourly = sound;
  hourly.replace(hourly.find("pane: 1d\nrules"), 8, "pane: 1h");
  EXPECT_THAT(
      problems_of(hourly),
      ElementsAre("c.yaml:28:23: rules[1].against.series: the panes of series 'shipped' are 1h "
                  "long, those of series 'billed' 1d"));
  std::string revenue = sound;
  revenue.replace(revenue.rfind("measure: chips"), 14, "measure: revenue_usd");
  EXPECT_THAT(problems_of(revenue),
              ElementsAre("c.yaml:28:23: rules[1].against.series: series 'shipped' has no measure "
                          "'revenue_usd'"));
}

TEST(Divergence, IsAPartOfWhatWasBilled) {
  std::string yaml = divergence("[bill_to]", "{series: shipped, dimension: ship_to}");
  yaml.replace(yaml.find("divergence: 0.5"), 15, "divergence: 1");
  EXPECT_THAT(problems_of(yaml), IsEmpty());
  yaml.replace(yaml.find("divergence: 1"), 13, "divergence: 50");
  EXPECT_THAT(problems_of(yaml), ElementsAre(HasSubstr("50 is not above 0 and at most 1")));
}

TEST(RuleCheck, AProblemOfASeriesIsNotToldAgainForItsRules) {
  EXPECT_THAT(
      problems_of(valid_but("measures: [revenue_usd, chips]", "measures: [revnue_usd, chips]")),
      ElementsAre("c.yaml:5:16: series[0].measures[0]: 'revnue_usd' is not a measure; did you "
                  "mean 'revenue_usd'?"));
}

}  // namespace
}  // namespace surgewatch::config
