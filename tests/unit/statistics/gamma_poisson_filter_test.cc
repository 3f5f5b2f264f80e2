#include "statistics/gamma_poisson_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bench/scenarios/draw.h"
#include "statistics/negative_binomial.h"

namespace surgewatch::statistics {
namespace {

using ::testing::HasSubstr;

GammaPoissonFilter filter_of(const GammaPoissonParameters& parameters) {
  auto filter = GammaPoissonFilter::create(parameters);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return *std::move(filter);
}

// `windows` quiet windows of overdispersed counts.
Judgement run_quiet(GammaPoissonFilter* filter, int windows, double mean, double phi = 1.5,
                    std::uint64_t seed = 7) {
  bench::Draw draw(seed);
  Judgement last;
  for (int i = 0; i < windows; ++i) last = filter->step(draw.negative_binomial(mean, phi));
  return last;
}

TEST(GammaPoissonFilter, SaysNothingUntilItsFirstLevelIsLearned) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  ASSERT_EQ(filter.warm_up_windows(), 52);
  for (int i = 0; i < 51; ++i) ASSERT_FALSE(filter.step(10).known) << i;
  EXPECT_TRUE(filter.step(10).known);
}

TEST(GammaPoissonFilter, LearnsLevelAndDispersion) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  const Judgement last = run_quiet(&filter, 520, 40, 3);
  EXPECT_NEAR(last.expected, 40, 4);
  EXPECT_NEAR(last.dispersion, 3, 0.9);
  EXPECT_NEAR(last.variance,
              last.dispersion * last.expected + last.uncertainty * last.expected * last.expected,
              1e-9);
}

TEST(GammaPoissonFilter, FollowsSeasonAndTrend) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  const auto mean_at = [](int t) {
    return 50 * std::exp(0.002 * t + 0.4 * std::cos(2 * 3.14159265 * t / 52));
  };
  double worst = 0;
  bench::Draw draw(3);
  for (int t = 0; t < 624; ++t) {
    const Judgement judgement = filter.step(draw.poisson(mean_at(t)));
    if (t >= 312) worst = std::max(worst, std::abs(std::log(judgement.expected / mean_at(t))));
  }
  EXPECT_LT(worst, 0.15);
}

TEST(GammaPoissonFilter, AlarmsOnASurgeAndNotBelowIt) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  const Judgement quiet = run_quiet(&filter, 200, 30);
  const double bound = filter.upper_bound(quiet, 0.005);
  EXPECT_GT(bound, quiet.expected);
  const Judgement judged = filter.judge(30);
  const double next_bound = filter.upper_bound(judged, 0.005);
  EXPECT_FALSE(filter.judge(next_bound).alarm);
  EXPECT_TRUE(filter.judge(next_bound + 1).alarm);
}

TEST(GammaPoissonFilter, NeedsFiveCountsInFourWindowsToAlarm) {
  GammaPoissonParameters parameters = GammaPoissonParameters::weekly();
  GammaPoissonFilter filter = filter_of(parameters);
  for (int i = 0; i < 200; ++i) filter.step(i % 50 == 0 ? 1 : 0);
  const Judgement four = filter.judge(4);
  EXPECT_LE(four.p, parameters.alpha);
  EXPECT_FALSE(four.enough);
  EXPECT_FALSE(four.alarm);
  EXPECT_TRUE(filter.judge(5).alarm);
}

TEST(GammaPoissonFilter, ARunningSurgeDoesNotRaiseItsOwnBaselineWithinTheGuard) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  const double before = run_quiet(&filter, 300, 30).expected;
  double after = 0;
  for (int i = 0; i < 26; ++i) after = filter.step(90).expected;
  EXPECT_NEAR(after / before, 1, 0.1);
}

TEST(GammaPoissonFilter, ALevelThatLastsIsAcceptedInTheEnd) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  run_quiet(&filter, 300, 30);
  Judgement last;
  bench::Draw draw(5);
  for (int i = 0; i < 120; ++i) last = filter.step(draw.poisson(90));
  EXPECT_NEAR(last.expected, 90, 15);
}

TEST(GammaPoissonFilter, AWindowWithoutValueIsNotJudgedAndTeachesNothing) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  const double before = run_quiet(&filter, 300, 30).expected;
  for (int i = 0; i < 60; ++i) ASSERT_FALSE(filter.step(std::nullopt).known);
  const Judgement after = filter.step(30);
  ASSERT_TRUE(after.known);
  EXPECT_NEAR(after.expected / before, 1, 0.2);
}

TEST(GammaPoissonFilter, ExposureScalesWhatIsExpected) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  run_quiet(&filter, 300, 30);
  EXPECT_DOUBLE_EQ(filter.judge(10, 0.5).expected, 0.5 * filter.judge(10).expected);
  EXPECT_LT(filter.judge(25, 0.5).p, filter.judge(25).p);
}

TEST(GammaPoissonFilter, LateDataAmendsWhatIsNotLearnedYet) {
  GammaPoissonParameters parameters = GammaPoissonParameters::weekly();
  GammaPoissonFilter amended = filter_of(parameters);
  GammaPoissonFilter plain = filter_of(parameters);
  for (int i = 0; i < 100; ++i) {
    plain.step(i == 90 ? 25 : 20 + i % 5);
    amended.step(20 + i % 5);
  }
  EXPECT_TRUE(amended.amend(10, 25));
  EXPECT_FALSE(amended.amend(27, 25));  // learned already
  EXPECT_FALSE(amended.amend(0, 25));
  EXPECT_EQ(amended.snapshot(), plain.snapshot());
}

TEST(GammaPoissonFilter, MoneyIsJudgedInTypicalDocuments) {
  GammaPoissonParameters parameters = GammaPoissonParameters::weekly();
  parameters.unit = 250'000;
  GammaPoissonFilter money = filter_of(parameters);
  parameters.unit = 1;
  GammaPoissonFilter documents = filter_of(parameters);
  bench::Draw draw(11);
  for (int i = 0; i < 300; ++i) {
    const double count = draw.negative_binomial(12, 2);
    const Judgement of_money = money.step(count * 250'000);
    const Judgement of_documents = documents.step(count);
    ASSERT_DOUBLE_EQ(of_money.p, of_documents.p);
    ASSERT_DOUBLE_EQ(of_money.expected, 250'000 * of_documents.expected);
  }
}

TEST(GammaPoissonFilter, RefusesWhatIsOutOfRangeWithTheRange) {
  GammaPoissonParameters parameters;
  parameters.level_discount = 1.01;
  const auto status = GammaPoissonFilter::create(parameters).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("level_discount = 1.01 is out of range: 0.8 to 1"));
  parameters = {};
  parameters.season.harmonics = 6;
  EXPECT_FALSE(parameters.check().ok());
  parameters = {};
  parameters.dispersion = std::nan("");
  EXPECT_FALSE(parameters.check().ok());
  for (const auto& fine : {GammaPoissonParameters::weekly(), GammaPoissonParameters::daily(),
                           GammaPoissonParameters::hourly()})
    EXPECT_TRUE(fine.check().ok()) << fine.check();
}

TEST(GammaPoissonFilter, SnapshotsOfOthersAreRefused) {
  GammaPoissonFilter filter = filter_of(GammaPoissonParameters::weekly());
  run_quiet(&filter, 100, 5);
  const std::string before = filter.snapshot();
  EXPECT_FALSE(filter.restore(filter_of(GammaPoissonParameters::daily()).snapshot()).ok());
  EXPECT_FALSE(filter.restore(before.substr(0, before.size() - 1)).ok());
  EXPECT_FALSE(filter.restore(before + '\0').ok());
  EXPECT_FALSE(filter.restore("").ok());
  EXPECT_EQ(filter.snapshot(), before);
}

// What the filter's shortcut rests on: no tail needs computing below mean + 1.5 sd.
TEST(GammaPoissonFilter, UpToOneAndAHalfDeviationsAboveIsNoOutlierWhateverTheMean) {
  for (double mean = 1e-6; mean < 1e7; mean *= 1.7) {
    for (double size = 0.1; size < 1e6; size *= 2.3) {
      const NegativeBinomial law{mean, size};
      const double sd = std::sqrt(mean + mean * mean / size);
      const double y = std::floor(mean + 1.5 * sd);
      if (y >= 1) {
        ASSERT_GT(law.upper_tail(y), 0.02) << mean << " " << size;
      }
    }
  }
}

}  // namespace
}  // namespace surgewatch::statistics
