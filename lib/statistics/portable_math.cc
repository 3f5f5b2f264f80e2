#include "statistics/portable_math.h"

#include <bit>
#include <cstdint>

#include "statistics/portable_series.h"

namespace surgewatch::statistics {
namespace {

constexpr double kPi = 3.141592653589793;
constexpr double kHalfLog2Pi = 0.9189385332046727;

// 2^n for n in the normal range.
double power_of_two(int n) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
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
  const int n = static_cast<int>(x * series::kInverseLn2 + (x >= 0 ? 0.5 : -0.5));
  const double r = (x - n * series::kLn2High) - n * series::kLn2Low;
  const double value = 1.0 + r * series::exp_rest(r);
  if (n < -1000) return value * power_of_two(n + 100) * power_of_two(-100);
  return value * power_of_two(n);
}

double portable_expm1(double x) {
  if (x > -0.35 && x < 0.35) return x * series::exp_rest(x);
  return portable_exp(x) - 1.0;
}

double portable_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > series::kSqrt2) {
    m *= 0.5;
    ++exponent;
  }
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  // 2 s = f - s f, where f is exact: one rounding fewer.
  return exponent * series::kLn2High +
         ((f - s * (f - series::log_rest(s * s))) + exponent * series::kLn2Low);
}

double portable_log1p(double x) {
  if (x > -0.29 && x < 0.41) {
    const double s = x / (2.0 + x);
    return x - s * (x - series::log_rest(s * s));
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
