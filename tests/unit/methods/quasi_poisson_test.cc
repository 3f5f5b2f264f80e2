#include "methods/quasi_poisson.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace surgewatch::methods {
namespace {

const std::vector<double> kUnweighted;

// Rows whose fit is known by its own equations: residuals sum to 0 in each group, and over time.
struct Sample {
  std::vector<QuasiPoisson::Row> rows;
  std::vector<double> weights;
};
Sample random_sample(unsigned seed, std::size_t groups, double level) {
  std::mt19937 random(seed);
  Sample sample;
  for (std::size_t i = 0; i < 150; ++i) {
    const double mean =
        level * std::exp(0.004 * static_cast<double>(i) + 0.2 * static_cast<double>(i % groups));
    std::poisson_distribution<int> count(mean);
    sample.rows.push_back({static_cast<double>(i), static_cast<double>(count(random)), i % groups});
    sample.weights.push_back(i % 5 == 0 ? 0.3 : 1.1);
  }
  return sample;
}
QuasiPoisson fitted(const Sample& sample, std::size_t groups, bool slope, bool weighted) {
  QuasiPoisson fit;
  fit.clear(groups);
  for (const auto& row : sample.rows) fit.add(row);
  EXPECT_TRUE(fit.fit(slope, weighted ? sample.weights : kUnweighted));
  return fit;
}

TEST(QuasiPoisson, SolvesTheScoreEquations) {
  for (const bool weighted : {false, true}) {
    for (const std::size_t groups : {1U, 3U, 10U}) {
      const Sample sample = random_sample(7, groups, 4);
      const QuasiPoisson fit = fitted(sample, groups, true, weighted);
      std::vector<double> sums(groups);
      double over_time = 0;
      for (std::size_t i = 0; i < sample.rows.size(); ++i) {
        const double weight = weighted ? sample.weights[i] : 1;
        const double residual = weight * (sample.rows[i].y - fit.mean(i));
        sums[sample.rows[i].group] += residual;
        over_time += residual * sample.rows[i].time;
      }
      for (const double sum : sums) EXPECT_NEAR(sum, 0, 1e-6);
      EXPECT_NEAR(over_time, 0, 1e-3);
    }
  }
}

TEST(QuasiPoisson, WithoutASlopeMeansAreThoseOfTheGroups) {
  QuasiPoisson fit;
  fit.clear(2);
  for (const auto& [y, group] : {std::pair(2.0, 0), {4.0, 0}, {10.0, 1}, {20.0, 1}, {30.0, 1}}) {
    fit.add({static_cast<double>(fit.rows()), y, static_cast<std::size_t>(group)});
  }
  ASSERT_TRUE(fit.fit(false, kUnweighted));
  EXPECT_NEAR(fit.mean(0), 3, 1e-9);
  EXPECT_NEAR(fit.mean(4), 20, 1e-9);
  EXPECT_EQ(fit.freedom(), 3);
  // Pearson: (1 + 1) / 3 + (100 + 0 + 100) / 20, over 3; near, since the last round's weights
  // count.
  EXPECT_NEAR(fit.dispersion(), (2.0 / 3 + 10) / 3, 1e-4);
  EXPECT_NEAR(std::exp(fit.predictor(99, 1)), 20, 1e-8);
}

TEST(QuasiPoisson, LeveragesSumToTheNumberOfCoefficients) {
  const Sample sample = random_sample(3, 4, 6);
  for (const bool slope : {false, true}) {
    const QuasiPoisson fit = fitted(sample, 4, slope, true);
    double sum = 0;
    for (std::size_t i = 0; i < sample.rows.size(); ++i) sum += fit.hat(i);
    EXPECT_NEAR(sum, slope ? 5 : 4, 1e-9);
  }
}

TEST(QuasiPoisson, AGroupOfZerosSpoilsNoOther) {
  Sample sample = random_sample(5, 3, 5);
  for (auto& row : sample.rows) {
    if (row.group == 1) row.y = 0;
  }
  const QuasiPoisson with = fitted(sample, 3, true, false);
  std::erase_if(sample.rows, [](const auto& row) { return row.group == 1; });
  const QuasiPoisson without = fitted(sample, 3, true, false);
  EXPECT_NEAR(with.slope(), without.slope(), 1e-8);
  EXPECT_NEAR(with.predictor(150, 2), without.predictor(150, 2), 1e-7);
  EXPECT_LT(std::exp(with.predictor(150, 1)), 1e-6);
}

TEST(QuasiPoisson, ASlopeThatRowsCannotTellFromGroupsIsLeftOut) {
  QuasiPoisson fit;
  fit.clear(2);
  for (const std::size_t group : {0U, 0U, 1U, 1U}) {
    fit.add({static_cast<double>(group), 3, group});
  }
  ASSERT_TRUE(fit.fit(true, kUnweighted));
  EXPECT_FALSE(fit.has_slope());
  EXPECT_EQ(fit.freedom(), 2);
}

TEST(QuasiPoisson, RefusesWhatLeavesNoDegreeOfFreedom) {
  QuasiPoisson fit;
  fit.clear(2);
  EXPECT_FALSE(fit.fit(true, kUnweighted));
  fit.add({0, 3, 0});
  fit.add({1, 4, 0});
  EXPECT_TRUE(fit.fit(false, kUnweighted));
  EXPECT_FALSE(fit.fit(true, kUnweighted));
  EXPECT_FALSE(fit.has_group(1));
}

}  // namespace
}  // namespace surgewatch::methods
