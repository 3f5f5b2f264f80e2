// Our exponential and logarithm against the C library's: the last bits may differ, no more.
#include "statistics/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace surgewatch::statistics {
namespace {

double ulps(double ours, double theirs) {
  if (ours == theirs) return 0;
  return std::abs(ours - theirs) / (std::nextafter(std::abs(theirs), INFINITY) - std::abs(theirs));
}

TEST(PortableMath, ExpIsWithinTwoUlpsOfTheCLibrary) {
  for (double x = -700; x < 708; x += 0.0937) ASSERT_LE(ulps(portable_exp(x), std::exp(x)), 2) << x;
}

TEST(PortableMath, ExpNeverOverflowsAndVanishesFarBelow) {
  EXPECT_EQ(portable_exp(1e300), portable_exp(709));
  EXPECT_TRUE(std::isfinite(portable_exp(1e300)));
  EXPECT_EQ(portable_exp(-746), 0);
  EXPECT_EQ(portable_exp(-1e300), 0);
  EXPECT_GT(portable_exp(-744), 0);  // subnormal
  EXPECT_EQ(portable_exp(0), 1);
}

TEST(PortableMath, LogIsWithinTwoUlpsOfTheCLibrary) {
  for (double x = 1e-300; x < 1e300; x *= 1.0913)
    ASSERT_LE(ulps(portable_log(x), std::log(x)), 2) << x;
  for (double x = 0.5; x < 2; x += 0.000917) ASSERT_LE(ulps(portable_log(x), std::log(x)), 2) << x;
  EXPECT_EQ(portable_log(1), 0);
}

TEST(PortableMath, SmallArgumentsKeepTheirDigits) {
  for (double x = 1e-18; x < 0.9; x *= 1.07) {
    ASSERT_LE(ulps(portable_expm1(x), std::expm1(x)), 4) << x;
    ASSERT_LE(ulps(portable_expm1(-x), std::expm1(-x)), 4) << -x;
    ASSERT_LE(ulps(portable_log1p(x), std::log1p(x)), 3) << x;
    ASSERT_LE(ulps(portable_log1p(-x), std::log1p(-x)), 3) << -x;
  }
}

TEST(PortableMath, WavesGoRoundTheCircle) {
  for (const long period : {1L, 7L, 24L, 52L, 168L, 9973L}) {
    for (long k = -2 * period; k <= 2 * period; ++k) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(period);
      const CosSin wave = portable_cos_sin(k, period);
      ASSERT_NEAR(wave.cos, std::cos(angle), 3e-15) << k << "/" << period;
      ASSERT_NEAR(wave.sin, std::sin(angle), 3e-15) << k << "/" << period;
    }
  }
}

TEST(PortableMath, LogGammaAgreesWithTheCLibrary) {
  for (double z = 1e-6; z < 1e12; z *= 1.21) {
    const double expected = std::lgamma(z);
    ASSERT_NEAR(portable_log_gamma(z), expected, 1e-13 * std::max(10.0, std::abs(expected))) << z;
  }
}

}  // namespace
}  // namespace surgewatch::statistics
