// Both sides of its lines, what it says, and what it does without what it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::Batch;
using test::briefs;
using test::evidence;
using test::kDollar;
using test::kInvoices0;
using test::progress;
using test::two_series;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

config::Config since(double ratio, std::optional<double> excess = std::nullopt) {
  config::Config config = two_series();
  config::Rule rule = test::rule("surge_since", 2);
  rule.reference = test::days(10, 11);
  rule.fire_at.ratio = ratio;
  rule.fire_at.excess_over_total = excess;
  config.rules = {rule};
  return config;
}

TEST(SurgeSince, FiresAtTheLineAndNotBelow) {
  for (const std::int64_t dollars : {399, 400}) {
    World world(since(4));
    world.bill("SG", 10, 100);
    world.bill("SG", 13, dollars);
    world.pass(13);
    EXPECT_THAT(briefs(world.alerts()), dollars == 400
                                            ? std::vector<std::string>{"1 FIRING ON_TIME 13"}
                                            : std::vector<std::string>{});
  }
}

TEST(SurgeSince, SaysWhatItSaw) {
  World world(since(4));
  world.bill("SG", 10, 60, "SG");
  world.bill("SG", 11, 40, "SG");
  world.bill("US", 10, 900);
  world.bill("SG", 12, 100, "MY");
  world.bill("SG", 13, 300, "CN");
  world.pass(13);
  const std::vector<v1::Alert> alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  const v1::Alert& alert = alerts[0];
  EXPECT_EQ(alert.observed(), 400e6);
  EXPECT_EQ(alert.expected(), 100e6);
  EXPECT_EQ(alert.upper_bound(), 400e6);
  EXPECT_EQ(alert.ratio(), 4);
  EXPECT_EQ(alert.growth_percent(), 300);
  EXPECT_DOUBLE_EQ(alert.score(), std::log(4.0));
  EXPECT_EQ(alert.window_start().seconds(), 12 * 86'400);
  EXPECT_EQ(alert.window_end().seconds(), 14 * 86'400);
  EXPECT_EQ(alert.onset_time().seconds(), 14 * 86'400);
  EXPECT_EQ(alert.subject().at("bill_to"), "SG");
  EXPECT_EQ(alert.subject_size(), 1);
  EXPECT_EQ(alert.ruleset_version(), "rs-0123456789abcdef");
  EXPECT_EQ(alert.reference_data_version(), "rd-0123456789abcdef");
  EXPECT_EQ(alert.peak().ratio(), 4);
  ASSERT_NE(evidence(alert, "reference_total"), nullptr);
  EXPECT_EQ(evidence(alert, "reference_total")->value(), 100e6);
  EXPECT_DOUBLE_EQ(evidence(alert, "total_ratio")->value(), 0.4);
  EXPECT_DOUBLE_EQ(evidence(alert, "excess_over_total")->value(), 10);
  EXPECT_EQ(evidence(alert, "interval")->text(), "no interval: totals only");
  ASSERT_EQ(alert.contributors_size(), 2);
  const v1::Contributor& top = alert.contributors(0);
  EXPECT_EQ(top.labels().at("ship_to"), "CN");
  EXPECT_EQ(top.amount(), 300e6);
  EXPECT_EQ(top.share(), 0.75);
  EXPECT_THAT(top.text(), HasSubstr("75.0 %"));
  EXPECT_THAT(alert.explanation(), HasSubstr("Inquire"));
}

// An alert of a window of 400 dollars, of whose panes an update says this of the largest document.
v1::Alert with_largest(std::optional<std::int64_t> largest_dollars,
                       std::optional<Measure> kept = Measure::kRevenueUsd) {
  config::Config config = since(4);
  config.series[0].largest_document = kept;
  World world(std::move(config));
  world.apply(Batch(kInvoices0, 1, "billed").update({{"SG", "US"}, 10, 100 * kDollar}));
  Batch batch(kInvoices0, 2, "billed");
  batch.update({{"SG", "US"}, 13, 400 * kDollar});
  if (largest_dollars) {
    batch.record().mutable_panes()->mutable_updates(0)->set_largest_document(*largest_dollars *
                                                                             kDollar);
  }
  world.apply(batch);
  world.apply(progress(kInvoices0, 3, 14 * kMicrosPerDay));
  const auto alerts = world.alerts();
  EXPECT_EQ(alerts.size(), 1u);
  return alerts.empty() ? v1::Alert() : alerts[0];
}

TEST(LargestDocument, IsEvidenceAndSaid) {
  const v1::Alert alert = with_largest(164);
  const v1::Evidence* largest = evidence(alert, "largest_document");
  ASSERT_NE(largest, nullptr);
  EXPECT_DOUBLE_EQ(largest->value(), 0.41);
  EXPECT_EQ(largest->unit(), "share");
  EXPECT_EQ(largest->text(), "164.00 USD: 41.0 % of the window");
  EXPECT_THAT(alert.explanation(),
              HasSubstr(". The largest document is 41.0 % of the window. Inquire"));
}

TEST(LargestDocument, SaysWhereCreditNotesHaveTakenOffTheRest) {
  const v1::Alert alert = with_largest(500);
  EXPECT_EQ(evidence(alert, "largest_document")->value(), 1);
  EXPECT_THAT(alert.explanation(), HasSubstr("is more than the window, which credit notes"));
}

TEST(LargestDocument, IsNotGuessed) {
  v1::Alert alert = with_largest(-164);
  EXPECT_EQ(evidence(alert, "largest_document")->unit(), "none");
  EXPECT_THAT(evidence(alert, "largest_document")->text(), HasSubstr("at most 41.0 %"));
  EXPECT_THAT(alert.explanation(), Not(HasSubstr("largest document")));
  alert = with_largest(-500);
  EXPECT_THAT(evidence(alert, "largest_document")->text(), HasSubstr("not known, since"));
  alert = with_largest(std::nullopt);
  EXPECT_THAT(evidence(alert, "largest_document")->text(), HasSubstr("did not keep it"));
}

TEST(LargestDocument, IsOfTheMeasureThatIsKeptOnly) {
  EXPECT_EQ(evidence(with_largest(164, std::nullopt), "largest_document"), nullptr);
  EXPECT_EQ(evidence(with_largest(164, Measure::kUnits), "largest_document"), nullptr);
}

TEST(SurgeSince, AnotherWindowLengthScalesTheExpected) {
  config::Config config = since(4);
  config.rules[0].window_panes = 1;
  World world(std::move(config));
  world.bill("SG", 10, 100);
  world.bill("SG", 13, 200);
  world.pass(13);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].expected(), 50e6);
}

TEST(SurgeSince, ExcessOverTheWholeMustBeReachedToo) {
  for (const std::int64_t us : {100, 101}) {
    World world(since(2, 2));
    world.bill("SG", 10, 100);
    world.bill("US", 10, 100);
    world.bill("SG", 13, 300);
    world.bill("US", 13, us - 100);  // the whole: 300 or 301 against 200; excess 2 or less
    world.pass(13);
    EXPECT_EQ(world.alerts().size(), us == 100 ? 1u : 0u);
  }
}

// Without a whole there is no answer, so it fires on; of a silence that says a point a day for as
// long as a date is far off.
TEST(SurgeSince, WhatWaitsForAnAnswerSaysNothingWhileAllIsStill) {
  World world(since(4, 1.1));
  world.bill("SG", 10, 100);
  world.bill("US", 10, 900);
  world.bill("SG", 13, 900);
  world.pass(13);
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 13"));
  world.pass(1'000'000);
  const detect::Emissions in_silence = world.take();
  EXPECT_THAT(briefs(in_silence.alerts), ElementsAre("2 FIRING FINAL 13"));
  EXPECT_LT(in_silence.points.size(), 10u);
  world.bill("US", 1'000'001, 900);
  world.pass(1'000'003);
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("3 RESOLVED ON_TIME 1000002"));
}

TEST(SurgeSince, WindowsThatEndWithinTheReferenceAreNotEvaluated) {
  World world(since(0.1));
  world.bill("SG", 9, 1'000);
  world.bill("SG", 10, 100);
  world.pass(11);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  ASSERT_EQ(out.points.size(), 3u);
  EXPECT_FALSE(out.points[2].has_expected());
  EXPECT_FALSE(out.points[2].inconclusive());
  world.bill("SG", 12, 1);
  world.pass(12);
  EXPECT_THAT(world.alerts(), IsEmpty());  // 1 of 100
  world.bill("SG", 13, 9);
  world.pass(13);
  EXPECT_EQ(world.alerts().size(), 1u);
}

TEST(SurgeSince, IsInconclusiveWithoutAReference) {
  World world(since(2));
  world.bill("US", 10, 100);
  world.bill("SG", 13, 1'000'000);
  world.pass(13);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  ASSERT_FALSE(out.points.empty());
  EXPECT_TRUE(out.points.back().inconclusive());
  EXPECT_EQ(world.detector.stats().inconclusive, 1u);
}

TEST(SurgeSince, FiltersChooseSubjectsAndTheWholeStaysWhole) {
  config::Config config = since(2);
  config.rules[0].where = {{0, {config::Dimension::kBillTo, {"SG"}, {}}},
                           {1, {config::Dimension::kShipTo, {}, {"SG"}}}};
  World world(std::move(config));
  for (const std::string country : {"SG", "US"}) {
    world.bill(country, 10, 100);
    world.bill(country, 13, 200);
  }
  world.bill("SG", 13, 5'000, "SG");
  world.pass(13);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].subject().at("bill_to"), "SG");
  EXPECT_EQ(alerts[0].ratio(), 2);
  EXPECT_EQ(evidence(alerts[0], "total_ratio")->value(), 5'400.0 / 200);
}

TEST(SurgeSince, ShadowAndSeverityAreCarried) {
  config::Config config = since(2);
  config.rules[0].shadow = true;
  config.rules[0].severity = config::Severity::kCritical;
  config.rules[0].runbook_url = "https://example.org/r";
  World world(std::move(config));
  world.bill("SG", 10, 100);
  world.bill("SG", 13, 200);
  world.pass(13);
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].mode(), v1::MODE_SHADOW);
  EXPECT_EQ(alerts[0].severity(), v1::SEVERITY_CRITICAL);
  EXPECT_EQ(alerts[0].runbook_url(), "https://example.org/r");
}

TEST(SurgeSince, TheObservedLineKeepsTinyBasesQuiet) {
  for (const std::int64_t line : {400, 401}) {
    config::Config config = since(4);
    config.rules[0].fire_at.observed = static_cast<double>(line) * 1e6;
    World world(std::move(config));
    world.bill("SG", 10, 100);
    world.bill("SG", 13, 400);
    world.pass(13);
    EXPECT_EQ(world.alerts().size(), line == 400 ? 1u : 0u);
  }
}

}  // namespace
}  // namespace surgewatch
