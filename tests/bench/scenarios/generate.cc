#include "bench/scenarios/generate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bench/scenarios/draw.h"

namespace surgewatch::bench {
namespace {

using statistics::portable_cos_sin;
using statistics::portable_exp;

struct WeeklyParameters {
  double theta;
  double beta;
  double gamma1;
  double gamma2;
  double phi;
};

constexpr std::array<WeeklyParameters, 7> kWeekly = {{
    {0.1, 0.0025, 0.6, 0.6, 1.5},
    {-2, 0.005, 0.1, 0.3, 2},
    {1.5, 0.003, 0.2, -0.4, 1},
    {0.5, 0.002, 0.5, 0.5, 5},
    {2.5, 0.001, 1, 0.1, 3},
    {3.75, 0.001, 0.1, -0.1, 1.1},
    {5, 0.0001, 0.05, 0.01, 1.2},
}};

struct DailyParameters {
  double level;
  double phi;
  double weekend;  // factor on the sixth and seventh day
  double growth;   // of the logarithm, per day
};

constexpr std::array<DailyParameters, kDailyScenarios> kDaily = {{
    {0.5, 1, 0.5, 0},
    {2, 1.5, 0.3, 0},
    {8, 1.2, 0.6, 0.002},
    {20, 3, 0.5, 0},
    {60, 2, 0.4, 0.001},
    {400, 5, 0.7, 0.0005},
}};

struct HourlyParameters {
  double level;
  double phi;
  double swing;    // of the day
  double weekend;  // factor on the sixth and seventh day
};

constexpr std::array<HourlyParameters, kHourlyScenarios> kHourly = {{
    {0.5, 1, 0.6, 0.5},
    {2, 1.5, 0.6, 0.7},
    {8, 1.2, 0.9, 0.5},
    {20, 3, 0.6, 0.4},
    {60, 2, 0.9, 0.6},
    {400, 5, 0.6, 0.7},
}};

constexpr std::array<double, 4> kSpikeSizes = {2, 3, 5, 10};
constexpr std::array<double, 4> kShiftSizes = {0.5, 1, 2, 6.4};

void add_case(SimulatedSeries* series, Event* event, int window, double count) {
  if (count <= 0 || window >= static_cast<int>(series->counts.size())) return;
  series->counts[static_cast<std::size_t>(window)] += count;
  series->injected[static_cast<std::size_t>(window)] += count;
  event->cases += count;
  event->end = std::max(event->end, window);
  if (event->first_case < 0 || window < event->first_case) event->first_case = window;
}

void close_event(SimulatedSeries* series, const Event& event) {
  for (int t = event.start; t <= event.end && t < static_cast<int>(series->counts.size()); ++t)
    series->in_event[static_cast<std::size_t>(t)] = true;
  series->events.push_back(event);
}

void add_spike(SimulatedSeries* series, Draw* draw, int start, double size, bool past) {
  Event event{.kind = EventKind::kSpike, .size = size, .start = start, .end = start, .past = past};
  const double sd = std::sqrt(series->phi * series->means[static_cast<std::size_t>(start)]);
  const double cases = draw->poisson(size * sd);
  for (double i = 0; i < cases; ++i) {
    const int delay = static_cast<int>(portable_exp(0.5 * draw->normal()));
    add_case(series, &event, start + std::min(delay, 20), 1);
  }
  // The event runs from its first case on.
  if (event.first_case >= 0) event.start = event.first_case;
  close_event(series, event);
}

// Rises to 1 + size over `rise` windows (a step: 0), then holds for `hold`.
void add_shift(SimulatedSeries* series, Draw* draw, EventKind kind, int start, int rise, int hold,
               double size) {
  Event event{.kind = kind, .size = size, .start = start, .end = start + rise + hold - 1};
  for (int i = 0; i < rise + hold; ++i) {
    const double share = i < rise ? static_cast<double>(i + 1) / rise : 1;
    const double extra = size * share * series->means[static_cast<std::size_t>(start + i)];
    add_case(series, &event, start + i, draw->negative_binomial(extra, series->phi));
  }
  close_event(series, event);
}

SimulatedSeries quiet_series(int scenario, int repetition, double phi, std::vector<double> means,
                             Draw* draw) {
  SimulatedSeries series;
  series.scenario = scenario;
  series.repetition = repetition;
  series.phi = phi;
  series.means = std::move(means);
  series.in_event.resize(series.means.size());
  series.injected.resize(series.means.size());
  for (const double mean : series.means)
    series.counts.push_back(draw->negative_binomial(mean, phi));
  return series;
}

}  // namespace

SimulatedSeries weekly_series(int scenario, int repetition, std::uint64_t seed) {
  Draw draw(simulate::hash(seed, 52, static_cast<std::uint64_t>(scenario),
                           static_cast<std::uint64_t>(repetition)));
  const WeeklyParameters& p = kWeekly[static_cast<std::size_t>((scenario - 1) / 6)];
  const bool trend = (scenario - 1) / 3 % 2 == 1;
  const int waves = (scenario - 1) % 3;
  std::vector<double> means;
  for (int t = 1; t <= 624; ++t) {
    double log_mean = p.theta + (trend ? p.beta * t : 0);
    for (int j = 1; j <= waves; ++j) {
      const statistics::CosSin wave = portable_cos_sin(static_cast<long>(j) * t, 52);
      log_mean += p.gamma1 * wave.cos + p.gamma2 * wave.sin;
    }
    means.push_back(portable_exp(log_mean));
  }
  SimulatedSeries series = quiet_series(scenario, repetition, p.phi, std::move(means), &draw);
  const auto spike_size = [&draw] {
    return kSpikeSizes[static_cast<std::size_t>(draw.between(0, 3))];
  };
  add_spike(&series, &draw, static_cast<int>(draw.between(60, 160)), spike_size(), true);
  add_spike(&series, &draw, static_cast<int>(draw.between(200, 290)), spike_size(), true);
  if (repetition >= 5 && repetition <= 12)
    for (const int from : {320, 425, 530})
      add_spike(&series, &draw, static_cast<int>(draw.between(from, from + 70)), spike_size(),
                false);
  const double size = kShiftSizes[static_cast<std::size_t>((repetition - 1) % 4)];
  if (repetition >= 13 && repetition <= 16)
    add_shift(&series, &draw, EventKind::kStep, static_cast<int>(draw.between(340, 560)), 0, 16,
              size);
  if (repetition >= 17)
    add_shift(&series, &draw, EventKind::kRamp, static_cast<int>(draw.between(340, 560)), 26, 13,
              size);
  return series;
}

SimulatedSeries daily_series(int scenario, int repetition, std::uint64_t seed) {
  Draw draw(simulate::hash(seed, 7, static_cast<std::uint64_t>(scenario),
                           static_cast<std::uint64_t>(repetition)));
  const DailyParameters& p = kDaily[static_cast<std::size_t>(scenario - 1)];
  std::vector<double> means;
  for (int t = 1; t <= 400; ++t)
    means.push_back(p.level * portable_exp(p.growth * t) * (t % 7 >= 5 ? p.weekend : 1));
  SimulatedSeries series = quiet_series(scenario, repetition, p.phi, std::move(means), &draw);
  series.period = 7;
  series.first_judged = 120;
  const auto spike_size = [&draw] {
    return kSpikeSizes[static_cast<std::size_t>(draw.between(1, 3))];
  };
  add_spike(&series, &draw, static_cast<int>(draw.between(30, 60)), spike_size(), true);
  add_spike(&series, &draw, static_cast<int>(draw.between(75, 105)), spike_size(), true);
  if (repetition >= 4 && repetition <= 8)
    for (const int from : {145, 225, 305})
      add_spike(&series, &draw, static_cast<int>(draw.between(from, from + 60)), spike_size(),
                false);
  const double size = repetition % 2 == 1 ? 0.5 : 1;
  if (repetition == 9 || repetition == 10)
    add_shift(&series, &draw, EventKind::kStep, static_cast<int>(draw.between(180, 340)), 0, 14,
              size);
  if (repetition >= 11)
    add_shift(&series, &draw, EventKind::kRamp, static_cast<int>(draw.between(180, 340)), 14, 14,
              size);
  return series;
}

SimulatedSeries hourly_series(int scenario, int repetition, std::uint64_t seed) {
  Draw draw(simulate::hash(seed, 24, static_cast<std::uint64_t>(scenario),
                           static_cast<std::uint64_t>(repetition)));
  const HourlyParameters& p = kHourly[static_cast<std::size_t>(scenario - 1)];
  std::vector<double> means;
  for (int t = 0; t < 1200; ++t) {
    const double day = portable_exp(-p.swing * portable_cos_sin(t - 4, 24).cos);
    means.push_back(p.level * day * (t / 24 % 7 >= 5 ? p.weekend : 1));
  }
  SimulatedSeries series = quiet_series(scenario, repetition, p.phi, std::move(means), &draw);
  series.period = 24;
  series.first_judged = 400;
  const auto spike_size = [&draw] {
    return kSpikeSizes[static_cast<std::size_t>(draw.between(1, 3))];
  };
  add_spike(&series, &draw, static_cast<int>(draw.between(100, 180)), spike_size(), true);
  add_spike(&series, &draw, static_cast<int>(draw.between(250, 350)), spike_size(), true);
  if (repetition >= 4 && repetition <= 8)
    for (const int from : {450, 700, 950})
      add_spike(&series, &draw, static_cast<int>(draw.between(from, from + 200)), spike_size(),
                false);
  const double size = repetition % 2 == 1 ? 0.5 : 1;
  if (repetition == 9 || repetition == 10)
    add_shift(&series, &draw, EventKind::kStep, static_cast<int>(draw.between(500, 1100)), 0, 24,
              size);
  if (repetition >= 11)
    add_shift(&series, &draw, EventKind::kRamp, static_cast<int>(draw.between(500, 1100)), 24, 24,
              size);
  return series;
}

std::vector<SimulatedSeries> all_weekly(std::uint64_t seed) {
  std::vector<SimulatedSeries> all;
  for (int scenario = 1; scenario <= kWeeklyScenarios; ++scenario)
    for (int repetition = 1; repetition <= kWeeklyRepetitions; ++repetition)
      all.push_back(weekly_series(scenario, repetition, seed));
  return all;
}

std::vector<SimulatedSeries> all_daily(std::uint64_t seed) {
  std::vector<SimulatedSeries> all;
  for (int scenario = 1; scenario <= kDailyScenarios; ++scenario)
    for (int repetition = 1; repetition <= kDailyRepetitions; ++repetition)
      all.push_back(daily_series(scenario, repetition, seed));
  return all;
}

std::vector<SimulatedSeries> all_hourly(std::uint64_t seed) {
  std::vector<SimulatedSeries> all;
  for (int scenario = 1; scenario <= kHourlyScenarios; ++scenario)
    for (int repetition = 1; repetition <= kHourlyRepetitions; ++repetition)
      all.push_back(hourly_series(scenario, repetition, seed));
  return all;
}

}  // namespace surgewatch::bench
