#include "methods/distributions.h"

#include <gtest/gtest.h>

#include <cmath>

namespace surgewatch::methods {
namespace {

// Sums of the probabilities themselves, in the order in which they fall.
double poisson_tail_by_sum(double mean, int from) {
  double below = 0, term = std::exp(-mean);
  for (int k = 0; k < from; ++k) {
    below += term;
    term *= mean / (k + 1);
  }
  return 1 - below;
}
double negative_binomial_tail_by_sum(double size, double probability, int from) {
  double below = 0, term = std::pow(probability, size);
  for (int k = 0; k < from; ++k) {
    below += term;
    term *= (size + k) / (k + 1) * (1 - probability);
  }
  return 1 - below;
}

TEST(Tails, AreTheSumsOfTheirProbabilities) {
  for (const int from : {0, 1, 2, 5, 12}) {
    EXPECT_NEAR(poisson_tail(3.7, from), poisson_tail_by_sum(3.7, from), 1e-14) << from;
    EXPECT_NEAR(negative_binomial_tail(2.3, 0.4, from),
                negative_binomial_tail_by_sum(2.3, 0.4, from), 1e-14)
        << from;
  }
}

TEST(Tails, OfAValueBetweenCountsAreThoseOfTheCountAbove) {
  EXPECT_EQ(poisson_tail(3, 2.5), poisson_tail(3, 3));
  EXPECT_EQ(negative_binomial_tail(2, 0.5, 2.5), negative_binomial_tail(2, 0.5, 3));
}

TEST(Quantiles, AreTheLeastCountWhoseTailIsWithinAlpha) {
  for (const double mean : {0.01, 0.7, 4.0, 55.5, 12'345.0, 3e9}) {
    for (const double alpha : {0.3, 0.05, 0.005, 1e-6}) {
      const double poisson = poisson_upper_quantile(mean, alpha);
      EXPECT_LE(poisson_tail(mean, poisson + 1), alpha * (1 + 1e-9)) << mean << ' ' << alpha;
      EXPECT_GT(poisson_tail(mean, poisson), alpha) << mean << ' ' << alpha;
      const double size = mean / 2;
      const double binomial = negative_binomial_upper_quantile(size, 1.0 / 3, alpha);
      EXPECT_LE(negative_binomial_tail(size, 1.0 / 3, binomial + 1), alpha * (1 + 1e-9));
      if (binomial > 0) {
        EXPECT_GT(negative_binomial_tail(size, 1.0 / 3, binomial), alpha);
      }
    }
  }
}

TEST(Quantiles, ReachTheHighestCountsThatAreAllowedAndStop) {
  const double quantile = poisson_upper_quantile(1e12, 0.005);
  EXPECT_NEAR(quantile, 1e12 + 2.5758 * 1e6, 1e3);
  EXPECT_GT(negative_binomial_upper_quantile(1, 1e-13, 0.005), 1e13);
  EXPECT_TRUE(std::isnan(negative_binomial_upper_quantile(1, 1e-19, 0.005)));
}

// A tail that equals alpha but for rounding counts as within it: P(Y > 0) of this one is 1/2.
TEST(Quantiles, SitOnTheBorderWhereTheTailIsAlpha) {
  EXPECT_EQ(negative_binomial_upper_quantile(1, 0.5, 0.5), 0);
  EXPECT_EQ(negative_binomial_upper_quantile(1, 0.5, 0.25), 1);
  EXPECT_EQ(negative_binomial_upper_quantile(1, 0.5, 0.125), 2);
}

TEST(Normal, QuantileAndTailAreInverse) {
  EXPECT_NEAR(normal_upper_quantile(0.001), 3.090232306167813, 1e-14);
  EXPECT_NEAR(normal_upper_quantile(0.025), 1.959963984540054, 1e-14);
  EXPECT_NEAR(normal_tail(normal_upper_quantile(1e-9)), 1e-9, 1e-20);
}

TEST(Student, TwoSidedTailOfKnownTables) {
  EXPECT_NEAR(student_two_sided(2.228138852, 10), 0.05, 1e-9);
  EXPECT_NEAR(student_two_sided(-2.228138852, 10), 0.05, 1e-9);
}

TEST(Surprise, IsFiniteWhereThePValueUnderflows) {
  EXPECT_DOUBLE_EQ(surprise(0.001), 3);
  EXPECT_EQ(surprise(1), 0);
  EXPECT_EQ(surprise(0), 308);
}

}  // namespace
}  // namespace surgewatch::methods
