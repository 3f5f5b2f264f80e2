#include "statistics/portable_math.h"

#include <bit>
#include <cstdint>

namespace surgewatch::statistics {
namespace {

// ln 2 in two parts; the first has 21 trailing zero bits, so that its product with an exponent is
// exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInverseLn2 = 1.4426950408889634;
constexpr double kSqrt2 = 1.4142135623730951;
constexpr double kPi = 3.141592653589793;
constexpr double kHalfLog2Pi = 0.9189385332046727;

// 2^n for n in the normal range.
double power_of_two(int n) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

// c0 + c1 x + … + c11 x^11. After Estrin: the sums of four grow side by side, in half the time of
// Horner's chain.
struct Twelve {
  double c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11;

  constexpr double at(double x) const {
    const double x2 = x * x;
    const double x4 = x2 * x2;
    const double low = (c0 + c1 * x) + (c2 + c3 * x) * x2;
    const double middle = (c4 + c5 * x) + (c6 + c7 * x) * x2;
    const double high = (c8 + c9 * x) + (c10 + c11 * x) * x2;
    return (low + middle * x4) + high * (x4 * x4);
  }
};

// (e^r - 1) / r for |r| <= 0.36: the Taylor series to r^13, its largest two terms added last.
double exp_series(double r) {
  constexpr Twelve kRest = {1.0 / 6.0,         1.0 / 24.0,         1.0 / 120.0,
                            1.0 / 720.0,       1.0 / 5040.0,       1.0 / 40320.0,
                            1.0 / 362880.0,    1.0 / 3628800.0,    1.0 / 39916800.0,
                            1.0 / 479001600.0, 1.0 / 6227020800.0, 1.0 / 87178291200.0};
  return 1.0 + r * (0.5 + r * kRest.at(r));
}

// log((1 + s) / (1 - s)) - 2 s, over s, for z = s², |s| <= 0.1716.
double log_series(double z) {
  constexpr Twelve kOdd = {2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,  2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0,
                           2.0 / 15.0, 2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0, 2.0 / 23.0, 2.0 / 25.0};
  return kOdd.at(z) * z;
}

// cos and sin of x for 0 <= x <= π/4, by their series.
CosSin first_octant(double x) {
  const double z = x * x;
  double cos = 0;
  double sin = 0;
  for (int k = 10; k >= 1; --k) {
    cos = (1.0 - cos) * z / static_cast<double>((2 * k - 1) * (2 * k));
    sin = (1.0 - sin) * z / static_cast<double>((2 * k) * (2 * k + 1));
  }
  return {1.0 - cos, x * (1.0 - sin)};
}

}  // namespace

double portable_exp(double x) {
  if (x > 709.0) x = 709.0;
  if (x < -745.0) return 0;
  const int n = static_cast<int>(x * kInverseLn2 + (x >= 0 ? 0.5 : -0.5));
  const double r = (x - n * kLn2High) - n * kLn2Low;
  const double value = 1.0 + r * exp_series(r);
  if (n < -1000) return value * power_of_two(n + 100) * power_of_two(-100);
  return value * power_of_two(n);
}

double portable_expm1(double x) {
  if (x > -0.35 && x < 0.35) return x * exp_series(x);
  return portable_exp(x) - 1.0;
}

double portable_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > kSqrt2) {
    m *= 0.5;
    ++exponent;
  }
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  // 2 s = f - s f, where f is exact: one rounding fewer.
  return exponent * kLn2High + ((f - s * (f - log_series(s * s))) + exponent * kLn2Low);
}

double portable_log1p(double x) {
  if (x > -0.29 && x < 0.41) {
    const double s = x / (2.0 + x);
    return x - s * (x - log_series(s * s));
  }
  return portable_log(1.0 + x);
}

CosSin portable_cos_sin(long numerator, long denominator) {
  long k = numerator % denominator;
  if (k < 0) k += denominator;
  // 8k/d counts octants; the rest is an exact ratio of integers.
  const long octant = 8 * k / denominator;
  const long rest = 8 * k - octant * denominator;
  const bool odd = octant % 2 == 1;
  const double angle = static_cast<double>(odd ? denominator - rest : rest) /
                       static_cast<double>(denominator) * (kPi / 4);
  const CosSin base = first_octant(angle);
  switch (octant) {
    case 0:
      return {base.cos, base.sin};
    case 1:
      return {base.sin, base.cos};
    case 2:
      return {-base.sin, base.cos};
    case 3:
      return {-base.cos, base.sin};
    case 4:
      return {-base.cos, -base.sin};
    case 5:
      return {-base.sin, -base.cos};
    case 6:
      return {base.sin, -base.cos};
    default:
      return {base.cos, -base.sin};
  }
}

double stirling_error(double z) {
  // Lift a small z: e(z) = e(z + 1) + (z + ½) log(1 + 1/z) - 1.
  double lifted = 0;
  while (z < 10.0) {
    lifted += (z + 0.5) * portable_log1p(1.0 / z) - 1.0;
    z += 1.0;
  }
  const double w = 1.0 / (z * z);
  double sum = -691.0 / 360360.0;
  sum = sum * w + 1.0 / 1188.0;
  sum = sum * w - 1.0 / 1680.0;
  sum = sum * w + 1.0 / 1260.0;
  sum = sum * w - 1.0 / 360.0;
  sum = sum * w + 1.0 / 12.0;
  return lifted + sum / z;
}

double portable_log_gamma(double z) {
  return (z - 0.5) * portable_log(z) - z + kHalfLog2Pi + stirling_error(z);
}

}  // namespace surgewatch::statistics
