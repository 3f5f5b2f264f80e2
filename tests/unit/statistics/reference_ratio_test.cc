#include "statistics/reference_ratio.h"

#include <gtest/gtest.h>

#include <cmath>

namespace surgewatch::statistics {
namespace {

// NVIDIA's revenue billed to Singapore: the press's "740 %" is the ratio, not the growth.
TEST(ReferenceRatio, MoneyHasARatioAGrowthAndNoInterval) {
  const RatioEstimate estimate = *compare_with_reference(
      {.total = 7697}, {.total = 1042}, {.kind = TotalKind::kMoney, .fire_ratio = 4});
  EXPECT_NEAR(*estimate.ratio, 7.387, 0.0005);
  EXPECT_NEAR(*estimate.change_percent, 638.7, 0.05);
  EXPECT_NEAR(*estimate.log_ratio, 1.9997, 0.00005);
  EXPECT_FALSE(estimate.interval.has_value());
  EXPECT_FALSE(estimate.p.has_value());
  EXPECT_TRUE(estimate.alarm);
}

// Exact limits of 20 against 10 in equal periods: of the share 20/30, .472 and .827
// (Clopper-Pearson).
TEST(ReferenceRatio, CountsHaveAnExactInterval) {
  const RatioEstimate estimate = *compare_with_reference({.total = 20}, {.total = 10});
  ASSERT_TRUE(estimate.interval.has_value());
  EXPECT_NEAR(estimate.interval->lower / (1 + estimate.interval->lower), 0.47188, 5e-5);
  EXPECT_NEAR(*estimate.interval->upper / (1 + *estimate.interval->upper), 0.82713, 5e-5);
  EXPECT_FALSE(estimate.alarm);
}

TEST(ReferenceRatio, ExposureCounts) {
  const RatioEstimate year =
      *compare_with_reference({.total = 40, .exposure = 1}, {.total = 40, .exposure = 4});
  EXPECT_DOUBLE_EQ(*year.ratio, 4);
  EXPECT_DOUBLE_EQ(year.expected, 10);
  const RatioEstimate same =
      *compare_with_reference({.total = 40, .exposure = 4}, {.total = 40, .exposure = 4});
  EXPECT_NEAR(year.interval->lower, 4 * same.interval->lower, 1e-9);
}

TEST(ReferenceRatio, FiresWhenTheLowerLimitPassesTheRatio) {
  // 100 against 33: ratio 3.03, lower limit 2.03; against 34 it is 1.98.
  EXPECT_TRUE(compare_with_reference({.total = 100}, {.total = 33})->alarm);
  EXPECT_FALSE(compare_with_reference({.total = 100}, {.total = 34})->alarm);
  RatioOptions options;
  options.least_change = 68;
  EXPECT_FALSE(compare_with_reference({.total = 100}, {.total = 33}, options)->alarm);
}

TEST(ReferenceRatio, OverdispersionWidensTheInterval) {
  RatioOptions options;
  const double plain = compare_with_reference({.total = 200}, {.total = 50})->interval->lower;
  options.dispersion = 4;
  EXPECT_LT(compare_with_reference({.total = 200}, {.total = 50}, options)->interval->lower, plain);
  options.interval = IntervalMethod::kLogNormal;
  const RatioEstimate estimate = *compare_with_reference({.total = 200}, {.total = 50}, options);
  const double half = 1.959964 * std::sqrt(4 * (1.0 / 200 + 1.0 / 50));
  EXPECT_NEAR(estimate.interval->lower, 4 * std::exp(-half), 1e-5);
  EXPECT_NEAR(*estimate.interval->upper, 4 * std::exp(half), 1e-3);
}

TEST(ReferenceRatio, NothingInTheReferenceGivesALowerLimitOnly) {
  const RatioEstimate estimate = *compare_with_reference({.total = 12}, {.total = 0});
  EXPECT_TRUE(estimate.new_since_reference);
  EXPECT_FALSE(estimate.ratio.has_value());
  EXPECT_FALSE(estimate.interval->upper.has_value());
  EXPECT_GT(estimate.interval->lower, 2);
  EXPECT_TRUE(estimate.alarm);
  EXPECT_FALSE(compare_with_reference({.total = 0}, {.total = 0})->new_since_reference);
}

TEST(ReferenceRatio, RefusesWhatIsOutOfRange) {
  EXPECT_FALSE(compare_with_reference({.total = -1}, {.total = 3}).ok());
  EXPECT_FALSE(compare_with_reference({.total = 1, .exposure = 0}, {.total = 3}).ok());
  EXPECT_FALSE(compare_with_reference({.total = std::nan("")}, {.total = 3}).ok());
  RatioOptions options;
  options.confidence = 1;
  EXPECT_FALSE(compare_with_reference({.total = 1}, {.total = 3}, options).ok());
}

}  // namespace
}  // namespace surgewatch::statistics
