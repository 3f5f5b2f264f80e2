// What a configuration may take, and that what may take too much is refused with what takes it.
#include "footprint/footprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "detect/rules/table.h"

namespace surgewatch::footprint {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::shared_ptr<const config::Config> parsed(const std::string& yaml) {
  auto config = config::parse(yaml, "f.yaml", detect::rule_specs());
  EXPECT_TRUE(config.ok()) << config.status();
  return *config;
}

std::string refusal_of(const std::string& yaml) {
  const auto config = parsed(yaml);
  return std::string(check(*config, of(*config)).message());
}

const std::string kParties =
    "series: [{name: s, event: invoice, group_by: [bill_to.party_id], measures: [units], pane: "
    "1s}]\n";

TEST(Footprint, HoldsAnEmptyConfigurationAndAPlainOne) {
  EXPECT_EQ(refusal_of(""), "");
  EXPECT_EQ(refusal_of("series: [{name: s, event: invoice, group_by: [bill_to, family], "
                       "measures: [units], pane: 1d}]"),
            "");
}

TEST(Footprint, RefusesAWindowOfAMillionPanesOfParties) {
  EXPECT_THAT(refusal_of(kParties + R"(
rules:
  - {name: r, type: surge_since, series: s, measure: units, per: [bill_to.party_id], window: 1000000s,
     reference: {start: 2024-01-01, end: 2024-01-05}, fire_at: {ratio: 4}})"),
              AllOf(HasSubstr("f.yaml:1:1: limits.memory: this may take "),
                    HasSubstr(" TB, and 1 TB is the limit"), HasSubstr("f.yaml:4:5: rule r: "),
                    HasSubstr("f.yaml:1:10: series s: ")));
}

TEST(Footprint, RefusesALatenessOfManyShortPanes) {
  EXPECT_THAT(
      refusal_of("event_time: {allowed_lateness: 10000d, correction_horizon: 10000d, "
                 "out_of_orderness: 10000d}\n"
                 "series: [{name: s, event: invoice, group_by: [bill_to], measures: [units], "
                 "pane: 1s}]"),
      AllOf(HasSubstr("series s: "), HasSubstr("event_time.allowed_lateness")));
}

// Each of them alone is within its range.
TEST(Footprint, RefusesWhateverElseMultipliesToTooMuch) {
  const auto parties = [](const std::string& group_by) {
    return "series: [{name: s, event: invoice, group_by: [" + group_by +
           "], measures: [revenue_usd], pane: 1d}]\n";
  };
  const std::string one = parties("bill_to.party_id");
  const auto surge = [](const std::string& more) {
    return "rules: [{name: r, type: surge, series: s, measure: revenue_usd, per: "
           "[bill_to.party_id], window: 1d" +
           more + "}]\n";
  };
  EXPECT_THAT(
      refusal_of(parties("bill_to.party_id, ship_to.party_id, end_user.party_id, sku") +
                 "limits: {alert_revisions: 10000000, text_bytes: 4096, keys_per_series: 1000, "
                 "detector_keys_per_series: 1000}"),
      HasSubstr("gateway: 10,000,000 revisions"));
  EXPECT_THAT(refusal_of("limits: {record_bytes: 100000000}\naggregator: {workers: 16}"),
              HasSubstr("records at hand"));
  EXPECT_THAT(refusal_of("aggregator: {workers: 256}"), HasSubstr("documents, 60 B each: "));
  EXPECT_THAT(refusal_of("limits: {document_memory: 16GB}\naggregator: {workers: 64}"),
              HasSubstr("lower limits.document_memory"));
  EXPECT_THAT(refusal_of(one + surge("") + "limits: {detector_keys_per_series: 100000000}"),
              HasSubstr("lower limits.detector_keys_per_series"));
  EXPECT_THAT(refusal_of(one + surge("") + "event_time: {correction_horizon: 10000d}"),
              HasSubstr("event_time.correction_horizon"));
  EXPECT_THAT(
      refusal_of(one + surge(", period: 10000") + "limits: {detector_keys_per_series: 10000000}"),
      AllOf(HasSubstr("rule r: "), HasSubstr("baselines"), HasSubstr("rule's period")));
}

TEST(Footprint, TakesItWhereTheLimitIsRaisedOrTheKeysAreFewer) {
  EXPECT_EQ(refusal_of(kParties + "limits: {memory: 900TB}"), "");
  EXPECT_NE(refusal_of(kParties), "");
  EXPECT_EQ(refusal_of(kParties + "limits: {keys_per_series: 50, detector_keys_per_series: 50}"),
            "");
}

TEST(Footprint, KnowsHowManyKeysTablesAllow) {
  const auto keys = [](const std::string& series) {
    const auto config =
        parsed("series: [{name: s, event: invoice, " + series + ", measures: [units], pane: 1d}]");
    return config::keys_of(config->series[0], 100'000, *config).value();
  };
  EXPECT_EQ(keys("group_by: []"), 1u);
  // Of ISO 3166-1, ZZ, and `other`.
  EXPECT_GT(keys("group_by: [bill_to]"), 249u);
  EXPECT_LT(keys("group_by: [bill_to]"), 260u);
  EXPECT_EQ(keys("group_by: [bill_to], where: [{field: bill_to, in: [SG, MY]}]"), 3u);
  EXPECT_EQ(keys("group_by: [family]"), 2u);  // unknown, without a catalogue
  EXPECT_EQ(keys("group_by: [control_class]"), 5u);
  EXPECT_EQ(keys("group_by: [family, control_class]"), 5u);
  EXPECT_EQ(keys("group_by: [sku]"), 100'001u);
  EXPECT_EQ(keys("group_by: [bill_to.party_id]"), 100'001u);
}

TEST(Footprint, IsSaidInTheSameWordsEachTime) {
  const auto config = parsed(kParties + "limits: {memory: 900TB}");
  const auto lines = table(*config, of(*config));
  EXPECT_EQ(lines, table(*config, of(*config)));
  EXPECT_THAT(lines.front(), HasSubstr(" of limits.memory, 900 TB:"));
  for (const std::string& line : lines) EXPECT_LT(line.size(), 100u) << line;
}

TEST(Footprint, ChangesNoFigure) {
  const auto plain = parsed(kParties);
  const auto raised = parsed(kParties + "limits: {memory: 900TB}");
  EXPECT_EQ(plain->generation, raised->generation);
  EXPECT_EQ(plain->ruleset_version, raised->ruleset_version);
  // What is remembered decides what counts twice.
  EXPECT_NE(parsed(kParties + "limits: {document_memory: 1GB}")->generation, plain->generation);
  EXPECT_EQ(parsed(kParties + "limits: {document_memory: 4GB}")->generation, plain->generation);
}

}  // namespace
}  // namespace surgewatch::footprint
