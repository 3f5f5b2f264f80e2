#include "statistics/negative_binomial.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/negative_binomial.hpp>
#include <boost/math/distributions/poisson.hpp>
#include <cmath>

namespace surgewatch::statistics {
namespace {

TEST(NegativeBinomial, UpperTailAgreesWithBoost) {
  for (const double mean : {0.01, 0.135, 1.0, 4.5, 60.0, 1500.0, 90000.0}) {
    for (const double phi : {1.05, 1.5, 5.0, 80.0}) {
      const NegativeBinomial law = NegativeBinomial::of(mean, phi * mean);
      const boost::math::negative_binomial theirs(mean / (phi - 1), 1 / phi);
      for (const double z : {-1.0, 0.0, 1.0, 2.5, 5.0}) {
        const double y = std::max(1.0, std::round(mean + z * std::sqrt(phi * mean)));
        const double expected = boost::math::cdf(boost::math::complement(theirs, y - 1));
        ASSERT_NEAR(law.upper_tail(y) / expected, 1, 1e-8) << mean << " " << phi << " " << y;
      }
    }
  }
}

TEST(NegativeBinomial, WithoutOverdispersionIsPoisson) {
  for (const double mean : {0.2, 3.0, 50.0, 20000.0}) {
    const NegativeBinomial law = NegativeBinomial::of(mean, mean);
    for (const double z : {0.5, 2.0, 4.0}) {
      const double y = std::round(mean + z * std::sqrt(mean)) + 1;
      const double expected =
          boost::math::cdf(boost::math::complement(boost::math::poisson(mean), y - 1));
      ASSERT_NEAR(law.upper_tail(y) / expected, 1, 1e-5) << mean << " " << y;
    }
  }
}

TEST(NegativeBinomial, NothingIsAtLeastNothing) {
  EXPECT_EQ(NegativeBinomial::of(5, 10).upper_tail(0), 1);
  EXPECT_EQ(NegativeBinomial::of(5, 10).lower_tail(-1), 0);
  EXPECT_NEAR(NegativeBinomial::of(5, 10).lower_tail(3) + NegativeBinomial::of(5, 10).upper_tail(4),
              1, 1e-14);
}

TEST(NegativeBinomial, BoundIsTheSmallestValueThatMeetsTheLevel) {
  for (const double mean : {0.001, 0.135, 2.0, 77.0, 1e4, 1e9, 1e12}) {
    for (const double phi : {1.0, 1.5, 9.0, 1e5}) {
      const NegativeBinomial law = NegativeBinomial::of(mean, phi * mean + 0.01 * mean * mean);
      for (const double alpha : {0.05, 0.005, 1e-6}) {
        const double bound = law.upper_bound(alpha);
        ASSERT_LE(law.upper_tail(bound + 1), alpha) << mean << " " << phi;
        if (bound > 0) {
          ASSERT_GT(law.upper_tail(bound), alpha) << mean << " " << phi;
        }
      }
    }
  }
}

TEST(NegativeBinomial, LogRatioIsThatOfTheProbabilities) {
  const double mean = 12;
  const double phi = 3;
  const NegativeBinomial law = NegativeBinomial::of(mean, phi * mean);
  const double size = mean / (phi - 1);
  const boost::math::negative_binomial null(size, size / (size + mean));
  const boost::math::negative_binomial doubled(size, size / (size + 2 * mean));
  for (const double y : {0.0, 3.0, 12.0, 40.0})
    EXPECT_NEAR(law.log_ratio(y, 2),
                std::log(boost::math::pdf(doubled, y) / boost::math::pdf(null, y)), 1e-9);
}

}  // namespace
}  // namespace surgewatch::statistics
