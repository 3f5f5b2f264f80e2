// Both lines, what is told apart and what counts once, and that a typology follows the rules that
// it weighs wherever late data takes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::add_typology;
using test::brief;
using test::briefs;
using test::two_series;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Of what was billed to a region on a day: more than so many dollars.
config::Rule line(const char* name, double dollars) {
  config::Rule rule = test::rule("threshold", 1);
  rule.name = name;
  rule.fire_at.observed = dollars * 1e6;
  rule.clear_at.observed = dollars * 1e6;
  rule.clear_after = 1;
  return rule;
}

// 100 dollars weigh 1, 200 another 2, 300 another 3; it alerts at 3 and pages at 5.
config::Config three_lines(std::int64_t window = 1) {
  config::Config config = two_series();
  config.rules = {line("a", 100), line("b", 200), line("c", 300)};
  add_typology("sum", window, {{"a", 1}, {"b", 2}, {"c", 3}}, &config);
  config.rules.back().fire_at.score = 3;
  config.rules.back().clear_at.score = 3;
  config.rules.back().typology->page_at = 5;
  return config;
}

std::vector<v1::Alert> of_typology(World* world) {
  std::vector<v1::Alert> alerts;
  for (v1::Alert& alert : world->take().alerts) {
    if (alert.rule() == "sum") alerts.push_back(std::move(alert));
  }
  return alerts;
}

TEST(Typology, AlertsAtTheLineAndPagesAtItsOwn) {
  struct Case {
    std::int64_t dollars;
    double score;
    v1::Severity severity;
  };
  for (const Case& is : {Case{199, 0, {}}, Case{200, 3, v1::SEVERITY_INFO},
                         Case{299, 3, v1::SEVERITY_INFO}, Case{300, 6, v1::SEVERITY_WARNING}}) {
    World world(three_lines());
    world.bill("SG", 5, is.dollars);
    world.bill("US", 5, 50);
    world.pass(5);
    const auto alerts = of_typology(&world);
    ASSERT_EQ(alerts.size(), is.score > 0 ? 1U : 0U) << is.dollars;
    if (alerts.empty()) continue;
    EXPECT_EQ(alerts[0].rule_type(), v1::RULE_TYPE_TYPOLOGY);
    EXPECT_EQ(alerts[0].subject().at("region"), "SG");
    EXPECT_EQ(alerts[0].severity(), is.severity);
    EXPECT_EQ(alerts[0].observed(), is.score);
    EXPECT_EQ(alerts[0].expected(), 3);
    EXPECT_EQ(alerts[0].unit(), "weight");
    EXPECT_EQ(alerts[0].ratio(), is.score / 3);
  }
}

TEST(Typology, NamesEachFindingWithItsWeight) {
  World world(three_lines());
  world.bill("SG", 5, 300);
  world.pass(5);
  const auto alerts = of_typology(&world);
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_THAT(alerts[0].explanation(),
              HasSubstr("Findings about region SG weigh 6 on 1970-01-06; the line is 3, that of a "
                        "page 5: c 3, b 2, a 1. Inquire: "));
  std::vector<std::string> named;
  for (const v1::Evidence& one : alerts[0].evidence()) {
    if (one.name() != "finding") continue;
    named.push_back(one.labels().at("rule") + " " + std::to_string(static_cast<int>(one.value())));
    EXPECT_EQ(one.labels().at("rule_type"), "threshold");
  }
  EXPECT_THAT(named, ElementsAre("c 3", "b 2", "a 1"));
  EXPECT_EQ(test::evidence(alerts[0], "score")->value(), 6);
  EXPECT_EQ(test::evidence(alerts[0], "page_line")->value(), 5);
  EXPECT_EQ(test::evidence(alerts[0], "window_total")->unit(), "findings");
}

TEST(Typology, OneRuleNeverPagesAlone) {
  config::Config config = three_lines();
  config.rules.back().typology->findings[0].weight = 100;
  World world(std::move(config));
  world.bill("SG", 5, 100);
  world.pass(5);
  const auto alerts = of_typology(&world);
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].observed(), 100);
  EXPECT_EQ(alerts[0].severity(), v1::SEVERITY_INFO);
  EXPECT_EQ(test::evidence(alerts[0], "tier")->value(), 0);
}

TEST(Typology, ATicketThatBecomesAPageIsARevision) {
  World world(three_lines());
  world.bill("SG", 5, 200);
  world.pass(5);
  EXPECT_EQ(of_typology(&world).at(0).severity(), v1::SEVERITY_INFO);
  world.bill("SG", 6, 300);
  world.pass(6);
  const auto alerts = of_typology(&world);
  ASSERT_THAT(briefs(alerts), ElementsAre("2 FIRING ON_TIME 6"));
  EXPECT_EQ(alerts[0].severity(), v1::SEVERITY_WARNING);
}

TEST(Typology, WhatOneRuleFindsOfManySubjectsCountsOnce) {
  config::Config config = two_series();
  config.rules = {line("a", 100)};
  config.rules[0].per = {0, 1};  // by bill_to and ship_to
  add_typology("sum", 1, {{"a", 1}}, &config);
  config.rules.back().fire_at.score = 2;
  World world(std::move(config));
  world.bill("SG", 5, 100, "US");
  world.bill("SG", 5, 100, "TW");
  world.pass(5);
  EXPECT_THAT(of_typology(&world), IsEmpty());
  for (const v1::SeriesPoint& point : world.take().points) {
    EXPECT_EQ(point.observed(), point.rule() == "sum" ? 1 : point.observed());
  }
}

// A window of three days, in which a rule need not have fired on the same.
TEST(Typology, AFindingCountsForAWindow) {
  World world(three_lines(3));
  world.bill("SG", 5, 100);
  world.pass(5);
  world.bill("TW", 6, 1);
  world.pass(6);
  EXPECT_THAT(of_typology(&world), IsEmpty());
  world.bill("SG", 7, 200);
  world.pass(7);
  const auto alerts = of_typology(&world);
  ASSERT_THAT(briefs(alerts), ElementsAre("1 FIRING ON_TIME 7"));
  EXPECT_THAT(alerts[0].explanation(), HasSubstr("b 2, a 1"));
  // On day 10 nothing of it is left, and after two such windows it is over.
  for (PaneIndex pane = 8; pane <= 12; ++pane) {
    world.bill("TW", pane, 1);
    world.pass(pane);
  }
  const auto ended = of_typology(&world);
  ASSERT_FALSE(ended.empty());
  EXPECT_EQ(ended.back().state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(ended.back().window_end().seconds() / 86'400 - 1, 11);
}

TEST(Typology, LateDataThatTakesAFindingAwayWithdrawsIt) {
  World world(three_lines());
  world.bill("SG", 5, 200);
  world.pass(5);
  EXPECT_THAT(briefs(of_typology(&world)), ElementsAre("1 FIRING ON_TIME 5"));
  world.bill("SG", 5, 150);
  world.flush();
  const auto alerts = of_typology(&world);
  ASSERT_THAT(briefs(alerts), ElementsAre("2 RESOLVED ON_TIME 5"));
  EXPECT_EQ(alerts[0].resolution(), v1::RESOLUTION_DATA_CORRECTED);
  EXPECT_EQ(alerts[0].observed(), 1);
}

TEST(Typology, LateDataThatMakesAFindingRaisesIt) {
  World world(three_lines());
  world.bill("SG", 5, 150);
  world.pass(6);
  EXPECT_THAT(of_typology(&world), IsEmpty());
  world.bill("SG", 5, 300);
  world.flush();
  const auto alerts = of_typology(&world);
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].observed(), 6);
  EXPECT_EQ(alerts[0].window_end().seconds() / 86'400 - 1, 5);
}

TEST(Typology, IsFinalWhenTheRulesAre) {
  World world(three_lines());
  world.bill("SG", 5, 200);
  world.pass(5);
  EXPECT_THAT(briefs(of_typology(&world)), ElementsAre("1 FIRING ON_TIME 5"));
  world.bill("SG", 6, 200);
  world.pass(6);
  world.bill("SG", 7, 200);
  world.pass(7);  // two days of lateness behind day 5
  EXPECT_THAT(briefs(of_typology(&world)), ElementsAre("2 FIRING FINAL 5"));
}

TEST(Typology, WeighsTypologies) {
  config::Config config = three_lines();
  add_typology("of-sums", 1, {{"sum", 2}, {"c", 1}}, &config);
  config.rules.back().fire_at.score = 3;
  config.rules.back().typology->page_at = 3;
  World world(std::move(config));
  world.bill("SG", 5, 300);
  world.bill("US", 5, 200);
  world.pass(5);
  std::vector<std::string> said;
  for (const v1::Alert& alert : world.alerts()) {
    if (alert.rule() == "of-sums") said.push_back(alert.subject().at("region"));
  }
  EXPECT_THAT(said, ElementsAre("SG"));
}

TEST(Typology, WithoutFindingsNothingIsSaid) {
  World world(three_lines());
  for (PaneIndex pane = 5; pane < 400; ++pane) {
    world.bill("SG", pane, 10);
    world.pass(pane);
  }
  for (const v1::SeriesPoint& point : world.take().points) EXPECT_NE(point.rule(), "sum");
}

// What is forgotten is not held against what comes.
TEST(Typology, FindsAgainWhatItHasForgotten) {
  World world(three_lines());
  for (PaneIndex pane = 5; pane < 1'000; ++pane) {
    world.bill("SG", pane, pane % 300 == 5 ? 200 : 10);
    world.bill("US", pane, 100);
    world.pass(pane);
  }
  std::vector<std::string> fired;
  for (const v1::Alert& alert : of_typology(&world)) {
    EXPECT_THAT(alert.subject().at("region"), Not(HasSubstr("US")));
    if (alert.revision() == 1) fired.push_back(brief(alert));
  }
  EXPECT_THAT(fired, ElementsAre("1 FIRING ON_TIME 5", "1 FIRING ON_TIME 305",
                                 "1 FIRING ON_TIME 605", "1 FIRING ON_TIME 905"));
}

}  // namespace
}  // namespace surgewatch
