// What must hold of every detector whatever it is fed: finite answers, snapshots that continue to
// the last bit, and the same bits from every compiler.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "bench/scenarios/draw.h"
#include "statistics/first_seen.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/reference_ratio.h"
#include "statistics/share_cusum.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::statistics {
namespace {

using Sequence = std::vector<std::optional<double>>;
using Numbers = std::vector<double>;

Numbers numbers_of(const SurgeRampJudgement& j) {
  return {j.surge.observed,     j.surge.expected,    j.surge.variance,
          j.surge.dispersion,   j.surge.uncertainty, j.surge.p,
          j.pair.observed,      j.pair.expected,     j.pair.p,
          j.ramp.evidence,      j.ramp.excess,       j.surge.known ? 1.0 : 0.0,
          j.alarm() ? 1.0 : 0.0};
}

Numbers numbers_of(const NewEntityJudgement& j) {
  return {j.expected, j.p, j.e_value, j.e_detector, j.null_rate, j.alarm ? 1.0 : 0.0};
}

Numbers numbers_of(const ShareJudgement& j) {
  Numbers all = {j.known ? 1.0 : 0.0, j.total, j.baseline_total, j.dispersion, j.target_evidence};
  for (const RegionShare& region : j.regions)
    for (const double value : {region.share, region.baseline_share, region.count,
                               region.baseline_count, region.evidence_up, region.evidence_down})
      all.push_back(value);
  return all;
}

// Quiet stretches, jumps over twelve orders of magnitude, zeros, gaps, and what no count should be.
Sequence nasty_sequence(std::uint64_t seed, int length) {
  bench::Draw draw(seed);
  Sequence sequence;
  double level = 1;
  while (static_cast<int>(sequence.size()) < length) {
    switch (draw.between(0, 8)) {
      case 0:
        level = std::pow(10.0, 12 * draw.uniform());
        break;
      case 1:
        level = 0;
        break;
      case 2:
        sequence.push_back(std::nullopt);
        break;
      case 3:
        sequence.push_back(kMaxCount);
        break;
      case 4:
        sequence.push_back(draw.between(0, 3) == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                   : -5.0);
        break;
      case 5:
        sequence.push_back(std::numeric_limits<double>::infinity());
        break;
      case 6:
        sequence.push_back(draw.uniform() * 1e-300);
        break;
      default:
        for (long i = draw.between(1, 60); i > 0; --i)
          sequence.push_back(draw.negative_binomial(std::min(level, 1e9), 1 + 10 * draw.uniform()));
    }
  }
  return sequence;
}

std::vector<SurgeRampParameters> surge_shapes() {
  std::vector<SurgeRampParameters> shapes = {
      SurgeRampParameters::weekly(), SurgeRampParameters::daily(), SurgeRampParameters::hourly()};
  SurgeRampParameters bold = SurgeRampParameters::weekly();
  bold.baseline.level_discount = 0.8;
  bold.baseline.slope_discount = 0.8;
  bold.baseline.season_discount = 0.8;
  bold.baseline.guard = 1;
  bold.baseline.level_windows = 4;
  bold.baseline.unit = 1e-6;
  shapes.push_back(bold);
  bold.baseline.unit = 1e15;
  bold.baseline.dispersion = 1e6;
  shapes.push_back(bold);
  return shapes;
}

void expect_finite(const Numbers& numbers, const std::string& where) {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    ASSERT_TRUE(std::isfinite(numbers[i])) << "figure " << i << " of " << where;
}

TEST(StatisticsProperty, NoNanOrInfinityLeavesSurgeRamp) {
  for (const SurgeRampParameters& shape : surge_shapes()) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      SurgeRamp detector = *SurgeRamp::create(shape);
      bench::Draw draw(seed);
      for (const auto& value : nasty_sequence(seed, 700)) {
        const double exposure = draw.between(0, 9) == 0 ? 1e-9 * draw.uniform() : 1;
        const SurgeRampJudgement judgement = detector.step(value, exposure);
        ASSERT_NO_FATAL_FAILURE(
            expect_finite(numbers_of(judgement), "seed " + std::to_string(seed)));
        ASSERT_GE(judgement.surge.p, 0);
        ASSERT_LE(judgement.surge.p, 1);
        if (judgement.known() && seed % 10 == 0) {
          ASSERT_TRUE(std::isfinite(detector.baseline().upper_bound(judgement.surge, 0.005)));
        }
      }
    }
  }
}

TEST(StatisticsProperty, NoNanOrInfinityLeavesNewEntity) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    bench::Draw draw(seed);
    NewEntityParameters parameters;
    parameters.prior = {.shape = std::pow(10.0, 12 * draw.uniform() - 3),
                        .weight = std::pow(10.0, 9 * draw.uniform() - 6)};
    parameters.dispersion = 1 + 50 * draw.uniform();
    NewEntity detector = *NewEntity::create(parameters);
    for (const auto& value : nasty_sequence(seed, 300))
      ASSERT_NO_FATAL_FAILURE(
          expect_finite(numbers_of(detector.step(value)), "seed " + std::to_string(seed)));
  }
}

TEST(StatisticsProperty, NoNanOrInfinityLeavesShareShift) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    ShareParameters parameters;
    parameters.regions = 3;
    parameters.guard = 5;
    parameters.least_total = 1;
    parameters.target = {1, 0, -1};
    ShareCusum detector = *ShareCusum::create(parameters);
    const Sequence values = nasty_sequence(seed, 900);
    for (std::size_t i = 0; i + 2 < values.size(); i += 3) {
      const std::vector<double> counts = {values[i].value_or(0), values[i + 1].value_or(0),
                                          values[i + 2].value_or(0)};
      ASSERT_NO_FATAL_FAILURE(
          expect_finite(numbers_of(detector.step(counts)), "seed " + std::to_string(seed)));
    }
  }
}

TEST(StatisticsProperty, NoNanOrInfinityLeavesReference) {
  for (const double now : {0.0, 1.0, 5.0, 7697.0, 1e12, 1e18}) {
    for (const double reference : {0.0, 1.0, 1042.0, 1e12, 1e18}) {
      for (const double phi : {1.0, 30.0, 1e6}) {
        for (const IntervalMethod method :
             {IntervalMethod::kClopperPearson, IntervalMethod::kLogNormal}) {
          RatioOptions options;
          options.dispersion = phi;
          options.interval = method;
          const RatioEstimate e = *compare_with_reference({now, 0.5}, {reference, 3}, options);
          Numbers all = {e.expected, e.ratio.value_or(0), e.change_percent.value_or(0),
                         e.log_ratio.value_or(0), e.p.value_or(0)};
          if (e.interval.has_value()) {
            all.push_back(e.interval->lower);
            all.push_back(e.interval->upper.value_or(0));
          }
          ASSERT_NO_FATAL_FAILURE(expect_finite(all, "a ratio"));
        }
      }
    }
  }
}

// Two detectors: one runs through, the other is replaced by its snapshot's restoration again and
// again. Every later figure must be the same to the last bit.
template <typename Detector, typename Step>
void expect_snapshots_continue(const Detector& fresh, std::size_t windows, Step step) {
  Detector through = fresh;
  Detector interrupted = fresh;
  for (std::size_t t = 0; t < windows; ++t) {
    if (t % 7 == 3) {
      Detector restored = fresh;
      ASSERT_TRUE(restored.restore(interrupted.snapshot()).ok());
      interrupted = std::move(restored);
    }
    const Numbers a = step(&through, t);
    const Numbers b = step(&interrupted, t);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(std::bit_cast<std::uint64_t>(a[i]), std::bit_cast<std::uint64_t>(b[i]))
          << t << " " << i;
  }
  ASSERT_EQ(through.snapshot(), interrupted.snapshot());
}

TEST(StatisticsProperty, SnapshotsContinueToTheLastBit) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Sequence values = nasty_sequence(seed, 500);
    for (const SurgeRampParameters& shape : surge_shapes()) {
      ASSERT_NO_FATAL_FAILURE(expect_snapshots_continue(
          *SurgeRamp::create(shape), values.size(), [&](SurgeRamp* detector, std::size_t t) {
            return numbers_of(detector->step(values[t]));
          }));
    }
    ASSERT_NO_FATAL_FAILURE(expect_snapshots_continue(
        *NewEntity::create({}), values.size(),
        [&](NewEntity* detector, std::size_t t) { return numbers_of(detector->step(values[t])); }));
    ShareParameters shares;
    shares.regions = 2;
    shares.guard = 5;
    shares.target = {1, 0};
    ASSERT_NO_FATAL_FAILURE(expect_snapshots_continue(
        *ShareCusum::create(shares), values.size() - 1, [&](ShareCusum* detector, std::size_t t) {
          if (!values[t].has_value()) return numbers_of(detector->skip());
          return numbers_of(
              detector->step(std::vector<double>{*values[t], values[t + 1].value_or(3)}));
        }));
  }
}

// Folds the bits of everything that the detectors say of fixed series into one number. It is the
// same for g++ 12 and 14, clang 14, with and without optimisation and sanitizers: whoever changes a
// formula changes it, and nothing else may.
std::uint64_t fold(std::uint64_t sum, const Numbers& numbers) {
  for (const double value : numbers) {
    sum ^= std::bit_cast<std::uint64_t>(value);
    sum *= 0x100000001b3ULL;
    sum ^= sum >> 29;
  }
  return sum;
}

TEST(StatisticsProperty, EveryCompilerGivesTheSameBits) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const SurgeRampParameters& shape : surge_shapes()) {
    for (const double mean : {0.2, 6.0, 300.0, 5e4, 1e9}) {
      bench::Draw draw(99);
      SurgeRamp detector = *SurgeRamp::create(shape);
      for (int t = 0; t < 400; ++t)
        sum = fold(sum, numbers_of(detector.step(draw.negative_binomial(mean, 2))));
    }
  }
  NewEntity entity = *NewEntity::create({});
  ShareParameters two;
  ShareCusum shares = *ShareCusum::create(two);
  bench::Draw draw(100);
  for (int t = 0; t < 400; ++t) {
    sum = fold(sum, numbers_of(entity.step(draw.poisson(3))));
    sum =
        fold(sum, numbers_of(shares.step(std::vector<double>{draw.poisson(40), draw.poisson(60)})));
  }
  const RatioEstimate ratio = *compare_with_reference({120, 1}, {300, 4});
  sum = fold(sum, {*ratio.ratio, *ratio.log_ratio, ratio.interval->lower, *ratio.interval->upper,
                   *ratio.p});
  EXPECT_EQ(sum, 0x28d563113c1e3687ULL) << std::hex << "0x" << sum;
}

}  // namespace
}  // namespace surgewatch::statistics
