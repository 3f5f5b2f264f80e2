// Surgewatch's own detectors by name: settings reach them, answers land in their columns, and where
// they have none there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/scenarios/generate.h"
#include "methods/registry.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::methods {
namespace {

using ::testing::HasSubstr;

SeriesTable table_of(const std::vector<std::vector<double>>& all) {
  SeriesTable table;
  for (const std::vector<double>& values : all) {
    table.series.emplace_back();
    for (const double value : values) table.series.back().values.emplace_back(value);
  }
  for (std::size_t t = 1; t <= all.front().size(); ++t) table.times.push_back(std::to_string(t));
  return table;
}

std::vector<double> weekly_counts() { return bench::weekly_series(26, 13, 5).counts; }

TEST(OwnMethods, SurgeRampIsTheDetectorByName) {
  const std::vector<double> counts = weekly_counts();
  const auto answers = run_method("surge+ramp", {}, table_of({counts}));
  ASSERT_TRUE(answers.ok()) << answers.status();
  auto detector = *statistics::SurgeRamp::create(statistics::SurgeRampParameters::weekly());
  int alarms = 0;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    const auto judgement = detector.step(counts[t]);
    const Answer& answer = answers->front()[t];
    ASSERT_EQ(answer.alarm.has_value(), judgement.known()) << t;
    if (!judgement.known()) continue;
    ASSERT_EQ(*answer.alarm, judgement.alarm()) << t;
    ASSERT_EQ(*answer.expected, judgement.surge.expected) << t;
    if (judgement.surge.enough) {
      ASSERT_EQ(*answer.score >= 1, judgement.alarm()) << t;
    }
    alarms += judgement.alarm() ? 1 : 0;
  }
  EXPECT_GT(alarms, 0);
}

TEST(OwnMethods, TooLittleHistoryIsNotAnswered) {
  for (const char* name : {"surge", "ramp", "surge+ramp"}) {
    const auto answers = run_method(name, {}, table_of({weekly_counts()}));
    ASSERT_TRUE(answers.ok()) << name;
    EXPECT_FALSE(answers->front()[50].expected.has_value()) << name;
    EXPECT_FALSE(answers->front()[50].alarm.has_value()) << name;
    EXPECT_TRUE(answers->front()[51].expected.has_value()) << name;
  }
}

TEST(OwnMethods, SurgeAlarmsAboveItsBound) {
  const std::vector<double> counts = weekly_counts();
  const auto answers = run_method("surge", {{"alpha", "0.01"}}, table_of({counts}));
  for (std::size_t t = 52; t < counts.size(); ++t) {
    const Answer& answer = answers->front()[t];
    ASSERT_EQ(*answer.alarm, counts[t] > *answer.upper) << t;
  }
}

TEST(OwnMethods, APeriodOfSevenIsDays) {
  const std::vector<double> counts = bench::daily_series(4, 9, 5).counts;
  const auto answers = run_method("surge+ramp", {{"period", "7"}}, table_of({counts}));
  ASSERT_TRUE(answers.ok());
  auto detector = *statistics::SurgeRamp::create(statistics::SurgeRampParameters::daily());
  for (std::size_t t = 0; t < counts.size(); ++t)
    ASSERT_EQ(answers->front()[t].alarm.value_or(false), detector.step(counts[t]).alarm()) << t;
}

TEST(OwnMethods, EveryPeriodHasAnAnswer) {
  for (const char* period : {"1", "2", "3", "4", "7", "12", "24", "52", "365"}) {
    const auto answers =
        run_method("surge+ramp", {{"period", period}}, table_of({weekly_counts()}));
    ASSERT_TRUE(answers.ok()) << period << ": " << answers.status();
    EXPECT_TRUE(answers->front().back().alarm.has_value()) << period;
  }
}

TEST(OwnMethods, SharesNeedTwoSeries) {
  const auto alone = run_method("share_shift", {}, table_of({weekly_counts()}));
  EXPECT_THAT(std::string(alone.status().message()), HasSubstr("two or more"));
  std::vector<double> steady(100, 50);
  std::vector<double> jumps(100, 50);
  for (std::size_t t = 80; t < 100; ++t) jumps[t] = 150;
  const auto answers = run_method("share_shift", {}, table_of({steady, jumps}));
  ASSERT_TRUE(answers.ok());
  EXPECT_FALSE(*(*answers)[1][79].alarm);
  EXPECT_TRUE(*(*answers)[1][80].alarm);
  EXPECT_EQ(*(*answers)[1][80].details[0], 0.75);
  EXPECT_EQ(*(*answers)[1][80].expected, 100);
}

TEST(OwnMethods, ANewEntityIsSeenOnce) {
  const auto answers = run_method("new_entity", {}, table_of({{0, 0, 3, 0, 9}}));
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ(*answers->front()[1].details[3], 0);
  EXPECT_EQ(*answers->front()[2].details[3], 1);
  EXPECT_EQ(*answers->front()[4].details[3], 0);
}

TEST(OwnMethods, MoneyAgainstAReferenceHasNoInterval) {
  const auto answers = run_method("reference", {{"from", "1"}, {"to", "1"}, {"kind", "money"}},
                                  table_of({{1042, 7697}}));
  ASSERT_TRUE(answers.ok());
  const Answer& answer = answers->front()[1];
  EXPECT_NEAR(*answer.details[0], 7.387, 0.0005);
  EXPECT_NEAR(*answer.details[1], 638.7, 0.05);
  EXPECT_FALSE(answer.details[2].has_value());
  EXPECT_FALSE(answers->front()[0].alarm.has_value());
  EXPECT_FALSE(run_method("reference", {{"from", "3"}, {"to", "2"}}, table_of({{1, 2}})).ok());
}

}  // namespace
}  // namespace surgewatch::methods
