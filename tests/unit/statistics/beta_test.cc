// The beta distribution against Boost.Math's.
#include "statistics/beta.h"

#include <gtest/gtest.h>

#include <boost/math/special_functions/beta.hpp>
#include <cmath>

namespace surgewatch::statistics {
namespace {

// Parameters from tiny to huge, and points from far below the mean to far above it.
TEST(Beta, BothTailsAgreeWithBoost) {
  for (const double a : {1e-3, 0.3, 1.0, 2.5, 30.0, 400.0, 1999.0, 2001.0, 2e4, 1e6}) {
    for (const double b : {1e-3, 0.2, 1.0, 7.0, 150.0, 3e3, 1e5, 1e7}) {
      const double spread = std::sqrt((a + b) / (a * b));  // of the log odds, roughly
      for (const double z : {-8.0, -4.0, -2.5, -1.0, -0.1, 0.05, 0.7, 2.0, 3.0, 6.0}) {
        const double odds = a / b * std::exp(std::max(-30.0, std::min(30.0, z * spread)));
        const double x = odds / (1 + odds);
        const double y = 1 / (1 + odds);
        const BetaTails ours = beta_tails(a, b, odds);
        // Boost takes x, which has lost digits where it is near 1: then ask for the other side.
        const double below = x < 0.5 ? boost::math::ibeta(a, b, x) : boost::math::ibetac(b, a, y);
        const double above = x < 0.5 ? boost::math::ibetac(a, b, x) : boost::math::ibeta(b, a, y);
        const double smaller = std::min(below, above);
        if (smaller < 1e-280) continue;
        const double tolerance = 1e-5;
        const double error = below < above ? ours.below / below - 1 : ours.above / above - 1;
        ASSERT_NEAR(error, 0, tolerance) << a << " " << b << " " << odds;
        ASSERT_NEAR(ours.below + ours.above, 1, 1e-15);
      }
    }
  }
}

TEST(Beta, QuantileInvertsTheDistribution) {
  for (const double a : {0.4, 5.0, 1042.0, 1e5})
    for (const double b : {0.7, 12.0, 7697.0})
      for (const double p : {1e-6, 0.025, 0.5, 0.975}) {
        const double odds = beta_quantile_odds(a, b, p);
        ASSERT_NEAR(odds / (1 + odds) / boost::math::ibeta_inv(a, b, p), 1, 1e-8)
            << a << " " << b << " " << p;
      }
}

}  // namespace
}  // namespace surgewatch::statistics
