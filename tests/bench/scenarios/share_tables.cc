#include "bench/scenarios/share_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "statistics/portable_math.h"
#include "statistics/share_cusum.h"

namespace surgewatch::bench {
namespace {

using statistics::ShareCusum;
using statistics::ShareJudgement;
using statistics::ShareParameters;

constexpr int kRepetitions = 100;
constexpr std::array<double, 3> kMeanTotals = {20, 100, 1000};
constexpr std::array<ShareSpread, 3> kSpreads = {ShareSpread::kSingle, ShareSpread::kLots,
                                                 ShareSpread::kWandering};
constexpr std::array<double, 3> kOddsRatios = {1.5, 2, 3};
constexpr std::array<std::size_t, 2> kShiftingRegions = {1, 5};  // of share .22 and .03

using Alarms = std::vector<ShareAlarm>;

// Every region is watched, both ways.
Alarms share_shift(const ShareSeries& series) {
  ShareParameters parameters;
  parameters.regions = kShareRegions;
  ShareCusum detector = *ShareCusum::create(parameters);
  Alarms alarms;
  for (const ShareCounts& counts : series.counts) {
    const ShareJudgement& judgement = detector.step(counts);
    alarms.push_back(
        {judgement.known, judgement.alarm, judgement.regions[series.scenario.region].alarm_up});
  }
  return alarms;
}

// Höhle's CUSUM as it stands, for one region whose true share it is told, for odds ratio 2, h 5; it
// knows nothing of overdispersion.
Alarms told_shares(const ShareSeries& series) {
  constexpr double kOddsRatio = 2;
  constexpr double kThreshold = 5;
  const std::size_t region = series.scenario.region;
  const double log_odds = statistics::portable_log(kOddsRatio);
  const double log_rest = statistics::portable_log1p(kShares[region] * (kOddsRatio - 1));
  double evidence = 0;
  Alarms alarms;
  for (std::size_t t = 0; t < series.counts.size(); ++t) {
    double total = 0;
    for (const double count : series.counts[t]) total += count;
    if (static_cast<int>(t) >= kShareFirstJudged)
      evidence = std::max(0.0, evidence + series.counts[t][region] * log_odds - total * log_rest);
    const bool alarm = evidence >= kThreshold;
    if (alarm) evidence = 0;
    alarms.push_back({true, alarm, alarm});
  }
  return alarms;
}

struct Method {
  const char* name;
  Alarms (*alarms)(const ShareSeries&);
};
constexpr std::array<Method, 2> kMethods = {
    {{"share_shift", share_shift}, {"told the shares", told_shares}}};

const char* name_of(ShareSpread spread) {
  return spread == ShareSpread::kSingle ? "single"
         : spread == ShareSpread::kLots ? "lots"
                                        : "wandering";
}

// A row of the table: what a method said of the series without shift, and of those with each ψ.
struct Row {
  ShareScore all;
  std::map<double, ShareScore> by_odds_ratio;

  void add(const ShareSeries& series, const Alarms& alarms) {
    all.add(series, alarms);
    if (series.scenario.event == ShareEvent::kShift)
      by_odds_ratio[series.scenario.odds_ratio].add(series, alarms);
  }
};

void print_row(const std::string& set, const char* method, const ShareScenario& scenario,
               const Row& row, std::vector<std::string>* json) {
  fmt::print("{:16} {:9} {:>6} {:>5}  {:8.5f} {:8.5f} {:8.5f} ", method, name_of(scenario.spread),
             scenario.mean_total, kShares[scenario.region], row.all.false_alarm_rate(),
             row.all.false_rise_rate(), row.all.surge_alarm_rate());
  std::string found;
  for (const auto& [odds_ratio, score] : row.by_odds_ratio) {
    fmt::print("  {:.1f}: {:.3f} {:5.2f}", odds_ratio, score.pod(), score.delay());
    found += fmt::format(
        "{}{{\"odds_ratio\": {}, \"shifts\": {}, \"found\": {:.4f}, \"delay\": {:.3f}}}",
        found.empty() ? "" : ", ", odds_ratio, score.shifts, score.pod(), score.delay());
  }
  fmt::print("\n");
  std::fflush(stdout);
  json->push_back(fmt::format(
      "{{\"set\": \"{}\", \"method\": \"{}\", \"mean_total\": {}, \"spread\": \"{}\", "
      "\"share\": {}, \"quiet_windows\": {}, \"fpr\": {:.6f}, \"fpr_region\": {:.6f}, "
      "\"surge_windows\": {}, "
      "\"fpr_in_surge\": {:.6f}, \"shifts\": [{}]}}",
      set, method, scenario.mean_total, name_of(scenario.spread), kShares[scenario.region],
      row.all.quiet_windows, row.all.false_alarm_rate(), row.all.false_rise_rate(),
      row.all.surge_windows, row.all.surge_alarm_rate(), found));
}

void print_head(const std::string& set) {
  fmt::print("\n{}\n{:16} {:9} {:>6} {:>5}  {:>8} {:>8} {:>8}   odds ratio: found, delay\n", set,
             "method", "spread", "total", "share", "FPR", "region", "in surge");
}

// The series of one row: nothing, a surge of the whole, and a shift of each size.
std::vector<ShareSeries> series_of(ShareScenario scenario, std::uint64_t seed, int sets) {
  std::vector<ShareScenario> events;
  for (const ShareEvent event : {ShareEvent::kNone, ShareEvent::kSurge}) {
    scenario.event = event;
    events.push_back(scenario);
  }
  scenario.event = ShareEvent::kShift;
  for (const double odds_ratio : kOddsRatios) {
    scenario.odds_ratio = odds_ratio;
    events.push_back(scenario);
  }
  std::vector<ShareSeries> all;
  for (int set = 0; set < sets; ++set)
    for (const ShareScenario& event : events)
      for (int repetition = 1; repetition <= kRepetitions; ++repetition)
        all.push_back(share_series(event, repetition, seed + static_cast<std::uint64_t>(set)));
  return all;
}

}  // namespace

void judge_shares(std::uint64_t seed, int sets, std::vector<std::string>* json) {
  const std::string set = fmt::format("shares, seeds from {}", seed);
  print_head(set);
  for (const ShareSpread spread : kSpreads) {
    for (const double mean_total : kMeanTotals) {
      for (const std::size_t region : kShiftingRegions) {
        const ShareScenario scenario{.mean_total = mean_total, .spread = spread, .region = region};
        const std::vector<ShareSeries> all = series_of(scenario, seed, sets);
        for (const Method& method : kMethods) {
          Row row;
          for (const ShareSeries& series : all) row.add(series, method.alarms(series));
          print_row(set, method.name, scenario, row, json);
        }
      }
    }
  }
}

void judge_given_shares(const std::vector<ShareSeries>& all, std::vector<std::string>* json) {
  print_head("shares, given");
  std::map<double, std::vector<const ShareSeries*>> by_total;
  for (const ShareSeries& series : all) by_total[series.scenario.mean_total].push_back(&series);
  for (const auto& [mean_total, list] : by_total) {
    for (const Method& method : kMethods) {
      Row row;
      for (const ShareSeries* series : list) row.add(*series, method.alarms(*series));
      print_row("shares, given", method.name, list.front()->scenario, row, json);
    }
  }
}

}  // namespace surgewatch::bench
