// What one window of one series costs each detector, and how many bytes a series takes.
//
// Counts are overdispersed (φ = 2) and quiet, as nearly all windows are. The series are many, so
// that their state comes from the cache's outer levels, as in a detector that follows thousands.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "bench/scenarios/draw.h"
#include "statistics/first_seen.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/reference_ratio.h"
#include "statistics/share_cusum.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::statistics {
namespace {

constexpr std::size_t kSeries = 64;
constexpr std::size_t kWindows = 512;

std::vector<double> counts_of(double mean) {
  bench::Draw draw(42);
  std::vector<double> counts(kSeries * kWindows);
  for (double& count : counts) count = draw.negative_binomial(mean, 2);
  return counts;
}

// Steps all series, window by window; `state_bytes` is what one series holds.
template <typename Detector, typename Step>
void run(benchmark::State& state, const Detector& fresh, double state_bytes, Step step) {
  std::vector<Detector> series(kSeries, fresh);
  const std::vector<double> counts = counts_of(static_cast<double>(state.range(0)) / 10);
  std::size_t i = 0;
  for (int warm = 0; warm < 120; ++warm)
    for (Detector& detector : series) step(&detector, counts[i++ % counts.size()]);
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(step(&series[next % kSeries], counts[next % counts.size()]));
    ++next;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["bytes_per_series"] = state_bytes;
}

double baseline_bytes(const GammaPoissonParameters& parameters) {
  const double d = 2 + 2 * parameters.season.waves();
  return static_cast<double>(sizeof(GammaPoissonFilter)) + 8 * d * d + 16.0 * parameters.guard;
}

void surge(benchmark::State& state, const GammaPoissonParameters& parameters) {
  run(state, *GammaPoissonFilter::create(parameters), baseline_bytes(parameters),
      [](GammaPoissonFilter* filter, double y) { return filter->step(y).p; });
}
void surge_weekly(benchmark::State& state) { surge(state, GammaPoissonParameters::weekly()); }
void surge_daily(benchmark::State& state) { surge(state, GammaPoissonParameters::daily()); }
void surge_hourly(benchmark::State& state) { surge(state, GammaPoissonParameters::hourly()); }

void surge_with_bound(benchmark::State& state) {
  run(state, *GammaPoissonFilter::create(GammaPoissonParameters::weekly()),
      baseline_bytes(GammaPoissonParameters::weekly()), [](GammaPoissonFilter* filter, double y) {
        const Judgement judgement = filter->step(y);
        return judgement.known ? filter->upper_bound(judgement, 0.005) : 0;
      });
}

// On judgements made beforehand: the ramp test alone.
void ramp(benchmark::State& state) {
  const double mean = static_cast<double>(state.range(0)) / 10;
  RampCusum cusum = *RampCusum::create({});
  Judgement judgement{.known = true, .enough = true, .expected = mean, .variance = 2 * mean};
  judgement.dispersion = 2;
  const std::vector<double> counts = counts_of(mean);
  std::size_t next = 0;
  for (auto _ : state) {
    judgement.observed = counts[next++ % counts.size()];
    benchmark::DoNotOptimize(cusum.step(judgement).evidence);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["bytes_per_series"] = sizeof(RampCusum);
}

void surge_ramp(benchmark::State& state) {
  const SurgeRampParameters parameters = SurgeRampParameters::weekly();
  run(state, *SurgeRamp::create(parameters),
      baseline_bytes(parameters.baseline) + sizeof(SurgeRamp) - sizeof(GammaPoissonFilter),
      [](SurgeRamp* detector, double y) { return detector->step(y).alarm(); });
}

void new_entity(benchmark::State& state) {
  run(state, *NewEntity::create({}), sizeof(NewEntity),
      [](NewEntity* cell, double y) { return cell->step(y).e_value; });
}

// Per region and window, of twenty regions.
void share_shift(benchmark::State& state) {
  constexpr std::size_t kRegions = 20;
  ShareParameters parameters;
  parameters.regions = kRegions;
  ShareCusum cusum = *ShareCusum::create(parameters);
  const std::vector<double> counts = counts_of(static_cast<double>(state.range(0)) / 10);
  std::size_t next = 0;
  for (auto _ : state) {
    const std::size_t at = next % (counts.size() / kRegions) * kRegions;
    bool alarm = cusum.step(std::span<const double>(counts).subspan(at, kRegions)).alarm;
    benchmark::DoNotOptimize(alarm);
    ++next;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRegions));
  state.counters["bytes_per_series"] = 8.0 * (parameters.guard + 3) + sizeof(RegionShare);
}

void reference(benchmark::State& state) {
  const double mean = static_cast<double>(state.range(0)) / 10;
  for (auto _ : state)
    benchmark::DoNotOptimize(compare_with_reference({3 * mean + 7, 1}, {mean + 1, 1})->alarm);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["bytes_per_series"] = sizeof(PeriodTotal);
}

// Tenths of a count per window: 0.2, 5, 50, 1000 and 1000000.
void means(benchmark::internal::Benchmark* benchmark) {
  for (const long tenths : {2L, 50L, 500L, 10'000L, 10'000'000L}) benchmark->Arg(tenths);
}

BENCHMARK(surge_weekly)->Apply(means);
BENCHMARK(surge_daily)->Apply(means);
BENCHMARK(surge_hourly)->Apply(means);
BENCHMARK(surge_with_bound)->Apply(means);
BENCHMARK(ramp)->Apply(means);
BENCHMARK(surge_ramp)->Apply(means);
BENCHMARK(new_entity)->Apply(means);
BENCHMARK(share_shift)->Arg(500);
BENCHMARK(reference)->Arg(500);

}  // namespace
}  // namespace surgewatch::statistics
