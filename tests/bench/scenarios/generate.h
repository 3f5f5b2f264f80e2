// Series whose outbreaks are known: after Noufaily et al. 2013, and daily ones of our own.
//
// Weekly: 7 parameter sets × trend or none × 0, 1 or 2 waves = 42 scenarios, 624 weeks, judged from
// week 313 on:   μ(t) = exp(θ + βt + Σ_j γ1 cos(2πjt/52) + γ2 sin(2πjt/52)),   variance φμ.
// Repetitions 1-4 have no event to find, 5-12 three spikes of Poisson(k sd) cases spread by a
// lognormal(0, ½) delay (k 2, 3, 5 or 10), 13-16 a step to (1+d)μ for 16 weeks, 17-20 a ramp to
// (1+d)μ over 26 weeks that then holds for 13 (d ½, 1, 2 or 6.4). All have two past outbreaks.
//
// Daily: 6 levels with a weekday pattern, 400 days, judged from day 121 on; repetitions 1-3 without
// event, 4-8 three spikes (k 3, 5, 10), 9-10 a step for 14 days, 11-12 a ramp over 14 days that
// holds for 14 (d ½, 1).
//
// Hourly: 6 levels with a pattern of the day (a cosine, lowest at 4, of .6 or .9) and of the week
// (a factor for its last two days), 1,200 hours, judged from hour 401 on; repetitions 1-3 without
// event, 4-8 three spikes (k 3, 5, 10), 9-10 a step for 24 hours, 11-12 a ramp over 24 hours that
// holds for 24 (d ½, 1).
//
// A series is a function of (scenario, repetition, seed).
// Source: Noufaily et al., An improved algorithm for outbreak detection in multiple surveillance
// systems, Stat. Med. 32 (2013), section 3.1 and table I.
#pragma once

#include <cstdint>
#include <vector>

namespace surgewatch::bench {

enum class EventKind { kSpike, kStep, kRamp };

struct Event {
  EventKind kind = EventKind::kSpike;
  double size = 0;      // k or d
  int start = 0;        // windows count from 0
  int end = 0;          // inclusive
  int first_case = -1;  // -1: none
  double cases = 0;
  bool past = false;  // before the judged part
};

struct SimulatedSeries {
  int scenario = 0;
  int repetition = 0;
  int period = 52;
  int first_judged = 312;
  double phi = 1;
  std::vector<double> counts;
  std::vector<double> injected;  // of the counts, those that events brought
  std::vector<double> means;     // without events
  std::vector<bool> in_event;
  std::vector<Event> events;
};

inline constexpr int kWeeklyScenarios = 42;
inline constexpr int kWeeklyRepetitions = 20;
inline constexpr int kDailyScenarios = 6;
inline constexpr int kDailyRepetitions = 12;
inline constexpr int kHourlyScenarios = 6;
inline constexpr int kHourlyRepetitions = 12;

// Scenario and repetition count from 1.
SimulatedSeries weekly_series(int scenario, int repetition, std::uint64_t seed);
SimulatedSeries daily_series(int scenario, int repetition, std::uint64_t seed);
SimulatedSeries hourly_series(int scenario, int repetition, std::uint64_t seed);

std::vector<SimulatedSeries> all_weekly(std::uint64_t seed);
std::vector<SimulatedSeries> all_daily(std::uint64_t seed);
std::vector<SimulatedSeries> all_hourly(std::uint64_t seed);

}  // namespace surgewatch::bench
