// Series of six regions whose shares shift at a known window, for share_shift (D3).
//
// 300 windows, judged from window 53 on: the total is negative binomial with variance 3 × mean, the
// regions' counts given the total are multinomial with shares .40 .22 .15 .12 .08 .03. Events:
//   none    nothing happens
//   shift   from one window on (161 to 220) the odds of one region are ψ times as high, and the
//           total stays what it was
//   surge   for 26 windows every region's mean is three times as high: the shares stay what they
//   were
// Spread of the shares:
//   single     a region's count varies as the multinomial law says
//   lots       as if sold by the two: twice that variance, whatever the total
//   wandering  each window's shares are drawn from a Dirichlet law that gives twice that variance
//   at
//              the mean total, and more where the total is higher
//
// A series is a function of (scenario, repetition, seed).
// Source: the scenario of Höhle, Online change-point detection in categorical time series, 2010.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace surgewatch::bench {

inline constexpr std::size_t kShareRegions = 6;
inline constexpr std::array<double, kShareRegions> kShares = {0.40, 0.22, 0.15, 0.12, 0.08, 0.03};
inline constexpr int kShareWindows = 300;
inline constexpr int kShareFirstJudged = 52;  // windows count from 0
inline constexpr int kShareSurgeWindows = 26;
inline constexpr double kShareSurgeFactor = 3;
// A shift is found if its region rises in so many windows: then the baseline begins to learn it.
inline constexpr int kShareFoundWithin = 26;

enum class ShareSpread { kSingle, kLots, kWandering };
enum class ShareEvent { kNone, kShift, kSurge };

struct ShareScenario {
  double mean_total = 100;
  ShareSpread spread = ShareSpread::kSingle;
  ShareEvent event = ShareEvent::kNone;
  double odds_ratio = 1;   // of a shift
  std::size_t region = 5;  // that shifts
};

using ShareCounts = std::array<double, kShareRegions>;

struct ShareSeries {
  ShareScenario scenario;
  int change = -1;  // the first window of the event
  std::vector<ShareCounts> counts;
};

ShareSeries share_series(const ShareScenario& scenario, int repetition, std::uint64_t seed);

// What a method says of a window.
struct ShareAlarm {
  bool known = false;
  bool any = false;   // of any region, up or down
  bool rise = false;  // of the region that shifts
};

struct ShareScore {
  long quiet_windows = 0;  // judged, before a change
  long false_alarms = 0;
  long false_rises = 0;    // of the region that would shift
  long surge_windows = 0;  // judged, while the whole surges
  long surge_alarms = 0;
  int shifts = 0;
  int found = 0;
  double delay_sum = 0;  // windows from the change to the alarm, 0 for the first

  // alarms[t] for each window of the series.
  void add(const ShareSeries& series, const std::vector<ShareAlarm>& alarms);

  double false_alarm_rate() const { return ratio(false_alarms, quiet_windows); }
  double false_rise_rate() const { return ratio(false_rises, quiet_windows); }
  double surge_alarm_rate() const { return ratio(surge_alarms, surge_windows); }
  double pod() const { return ratio(found, shifts); }
  double delay() const { return found > 0 ? delay_sum / found : 0; }

 private:
  static double ratio(long part, long whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
  }
};

}  // namespace surgewatch::bench
