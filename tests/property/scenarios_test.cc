// The false-alarm rate and the detection that docs/detectors.md promises, on one set of series per
// kind: a change that loses them fails here, before anyone runs the benchmark. And the scorer
// itself.
#include <gtest/gtest.h>

#include <vector>

#include "bench/scenarios/generate.h"
#include "bench/scenarios/score.h"
#include "bench/scenarios/shares.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::bench {
namespace {

using statistics::SurgeRamp;
using statistics::SurgeRampParameters;

Score score_of(const std::vector<SimulatedSeries>& all, const SurgeRampParameters& parameters) {
  Score score;
  for (const SimulatedSeries& series : all) {
    SurgeRamp detector = *SurgeRamp::create(parameters);
    std::vector<bool> alarms;
    for (const double count : series.counts) alarms.push_back(detector.step(count).alarm());
    score.add(series, alarms);
  }
  return score;
}

TEST(Scenarios, WeeklyAlarmsAreRareAndFindWhatIsThere) {
  const Score score = score_of(all_weekly(20001), SurgeRampParameters::weekly());
  EXPECT_LE(score.all.rate(), 0.006);
  EXPECT_LE(score.null.rate(), 0.0065);
  EXPECT_LE(score.worst_scenario(), 0.015);
  EXPECT_GE(score.of(EventKind::kSpike).pod(), 0.385);
  EXPECT_GE(score.of(EventKind::kStep).pod(), 0.85);
  EXPECT_GE(score.of(EventKind::kRamp).pod(), 0.85);
}

TEST(Scenarios, DailyAlarmsAreRareAndFindWhatIsThere) {
  std::vector<SimulatedSeries> all;
  for (std::uint64_t seed = 20001; seed < 20009; ++seed)
    for (SimulatedSeries& series : all_daily(seed)) all.push_back(std::move(series));
  const Score score = score_of(all, SurgeRampParameters::daily());
  EXPECT_LE(score.all.rate(), 0.006);
  EXPECT_LE(score.null.rate(), 0.0065);
  EXPECT_LE(score.worst_scenario(), 0.015);
  EXPECT_GE(score.of(EventKind::kSpike).pod(), 0.53);
  EXPECT_GE(score.of(EventKind::kStep).pod(), 0.65);
}

// Ten windows, judged from the third; a spike in windows 5 and 6.
SimulatedSeries small_series(bool with_event) {
  SimulatedSeries series;
  series.scenario = 1;
  series.first_judged = 2;
  series.counts.assign(10, 1);
  series.means.assign(10, 1);
  series.in_event.assign(10, false);
  if (!with_event) return series;
  series.in_event[5] = series.in_event[6] = true;
  series.events.push_back(
      {.kind = EventKind::kSpike, .size = 5, .start = 5, .end = 6, .first_case = 5, .cases = 4});
  return series;
}

std::vector<bool> alarms_at(std::vector<std::size_t> windows) {
  std::vector<bool> alarms(10);
  for (const std::size_t window : windows) alarms[window] = true;
  return alarms;
}

TEST(Scenarios, ScoreCountsAlarmsOutsideEventsAsFalse) {
  Score score;
  score.add(small_series(true), alarms_at({1, 2, 6, 7}));
  EXPECT_EQ(score.all.windows, 6);  // 2 … 9 without 5 and 6
  EXPECT_EQ(score.all.alarms, 2);   // 2 and 7: 1 is before the judged part
  EXPECT_EQ(score.null.windows, 0);
  EXPECT_EQ(score.of(EventKind::kSpike).found, 1);
  EXPECT_EQ(score.of(EventKind::kSpike).delay(), 1);
  score.add(small_series(false), alarms_at({9}));
  EXPECT_EQ(score.null.windows, 8);
  EXPECT_EQ(score.null.alarms, 1);
}

TEST(Scenarios, ScoreMissesAnEventWithoutAlarmInIt) {
  Score score;
  score.add(small_series(true), alarms_at({4, 7}));
  EXPECT_EQ(score.of(EventKind::kSpike).events, 1);
  EXPECT_EQ(score.of(EventKind::kSpike).found, 0);
  SimulatedSeries empty = small_series(true);
  empty.events[0].cases = 0;  // no case came: nothing to find
  score.add(empty, alarms_at({}));
  EXPECT_EQ(score.of(EventKind::kSpike).events, 1);
}

TEST(Scenarios, ASeriesIsAFunctionOfItsSeed) {
  EXPECT_EQ(weekly_series(20, 13, 1).counts, weekly_series(20, 13, 1).counts);
  EXPECT_NE(weekly_series(20, 13, 1).counts, weekly_series(20, 13, 2).counts);
  EXPECT_NE(weekly_series(20, 13, 1).counts, weekly_series(20, 14, 1).counts);
  const ShareScenario shift{.event = ShareEvent::kShift, .odds_ratio = 2};
  EXPECT_EQ(share_series(shift, 1, 1).counts, share_series(shift, 1, 1).counts);
  EXPECT_NE(share_series(shift, 1, 1).counts, share_series(shift, 2, 1).counts);
}

// Mean counts of a region and of the whole, before the change and after it.
struct Means {
  double region[2] = {0, 0};
  double total[2] = {0, 0};
};

Means means_of(const ShareScenario& scenario) {
  Means means;
  for (int repetition = 1; repetition <= 40; ++repetition) {
    const ShareSeries series = share_series(scenario, repetition, 20001);
    for (int i = 0; i < 20; ++i) {
      for (const int after : {0, 1}) {
        const ShareCounts& counts =
            series.counts[static_cast<std::size_t>(series.change - 20 + 20 * after + i)];
        means.region[after] += counts[scenario.region] / 800;
        for (const double count : counts) means.total[after] += count / 800;
      }
    }
  }
  return means;
}

TEST(Scenarios, AShiftKeepsTheWholeAndASurgeKeepsTheShares) {
  for (const ShareSpread spread :
       {ShareSpread::kSingle, ShareSpread::kLots, ShareSpread::kWandering}) {
    const Means shift = means_of({.spread = spread, .event = ShareEvent::kShift, .odds_ratio = 3});
    EXPECT_NEAR(shift.total[0], 100, 3);
    EXPECT_NEAR(shift.total[1], 100, 3);
    EXPECT_NEAR(shift.region[0], 3, 0.5);
    EXPECT_NEAR(shift.region[1], 9 / 1.06, 0.9);
    const Means surge = means_of({.spread = spread, .event = ShareEvent::kSurge});
    EXPECT_NEAR(surge.total[1], 300, 6);
    EXPECT_NEAR(surge.region[1], 9, 0.9);
  }
}

TEST(Scenarios, ShareScoreCountsQuietSurgingAndShiftedWindowsApart) {
  ShareSeries series{.scenario = {.event = ShareEvent::kShift}, .change = 60, .counts = {}};
  series.counts.resize(100);
  std::vector<ShareAlarm> alarms(100, {.known = true, .any = false, .rise = false});
  alarms[51] = alarms[52] = {true, true, true};  // the first is before the judged part
  alarms[61] = {true, true, false};              // another region's
  alarms[63] = {true, true, true};
  alarms[54].known = false;
  ShareScore score;
  score.add(series, alarms);
  EXPECT_EQ(score.quiet_windows, 7);  // 52 … 59 without 54
  EXPECT_EQ(score.false_alarms, 1);
  EXPECT_EQ(score.found, 1);
  EXPECT_EQ(score.delay(), 3);
  series.scenario.event = ShareEvent::kSurge;
  score.add(series, alarms);
  EXPECT_EQ(score.shifts, 1);
  EXPECT_EQ(score.surge_windows, kShareSurgeWindows);
  EXPECT_EQ(score.surge_alarms, 2);
}

TEST(Scenarios, HourlyAlarmsAreRareAndFindWhatIsThere) {
  const Score score = score_of(all_hourly(20001), SurgeRampParameters::hourly());
  EXPECT_LE(score.null.rate(), 0.0085);
  EXPECT_GE(score.of(EventKind::kSpike).pod(), 0.4);
}

}  // namespace
}  // namespace surgewatch::bench
