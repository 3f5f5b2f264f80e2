// The series behind portable_math.h, and exponential and logarithm without a branch: a loop over
// many arguments then runs several side by side, with the same bits as one after the other.
//
// Detail of portable_math.cc and beta.cc. Accuracy: a few units in the last place.
#pragma once

#include <bit>
#include <cstdint>

namespace surgewatch::statistics::series {

// ln 2 in two parts; the first has 21 trailing zero bits, so that its product with an exponent is
// exact.
inline constexpr double kLn2High = 0x1.62e42feep-1;
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
inline constexpr double kInverseLn2 = 1.4426950408889634;
inline constexpr double kSqrt2 = 1.4142135623730951;
inline constexpr double kHalfSqrt2 = 0.7071067811865476;
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
inline double exp_rest(double r) {
  constexpr Twelve kRest = {1.0 / 6.0,         1.0 / 24.0,         1.0 / 120.0,
                            1.0 / 720.0,       1.0 / 5040.0,       1.0 / 40320.0,
                            1.0 / 362880.0,    1.0 / 3628800.0,    1.0 / 39916800.0,
                            1.0 / 479001600.0, 1.0 / 6227020800.0, 1.0 / 87178291200.0};
  return 1.0 + r * (0.5 + r * kRest.at(r));
}

// log((1 + s) / (1 - s)) - 2 s, over s, for z = s², |s| <= 0.1716.
inline double log_rest(double z) {
  constexpr Twelve kOdd = {2.0 / 3.0,  2.0 / 5.0,  2.0 / 7.0,  2.0 / 9.0,  2.0 / 11.0, 2.0 / 13.0,
                           2.0 / 15.0, 2.0 / 17.0, 2.0 / 19.0, 2.0 / 21.0, 2.0 / 23.0, 2.0 / 25.0};
  return kOdd.at(z) * z;
}

// What is added to a double below 2^51 to leave its nearest integer in the low bits.
inline constexpr double kToWhole = 0x1.8p52;

struct Power {
  double scale;  // 2^n
  double rest;   // e^x = scale (1 + rest)
};

// |x| <= 700.
inline Power power_of_e(double x) {
  const double whole = x * kInverseLn2 + kToWhole;
  const double n = whole - kToWhole;
  const double r = (x - n * kLn2High) - n * kLn2Low;
  const std::uint64_t exponent = std::bit_cast<std::uint64_t>(whole) + 1023;
  return {std::bit_cast<double>(exponent << 52), r * exp_rest(r)};
}

inline double exp_of(double x) {
  const Power power = power_of_e(x);
  return power.scale + power.scale * power.rest;
}

inline double expm1_of(double x) {
  const Power power = power_of_e(x);
  return (power.scale - 1) + power.scale * power.rest;
}

// x > -1, and 1 + x at least 1e-300.
inline double log1p_of(double x) {
  const double y = 1 + x;
  const double lost = (x - (y - 1)) / y;
  // From 1/√2 to √2 in units of the mantissa: shifting the bits by those of √2 carries into the
  // exponent where the mantissa is above it.
  const auto bits = std::bit_cast<std::uint64_t>(y);
  const std::uint64_t moved =
      bits + (0x3ff0000000000000ULL - std::bit_cast<std::uint64_t>(kHalfSqrt2));
  const double exponent =
      std::bit_cast<double>((moved >> 52) | 0x4330000000000000ULL) - (0x1p52 + 1023);
  const double m = std::bit_cast<double>((moved & 0x000fffffffffffffULL) +
                                         std::bit_cast<std::uint64_t>(kHalfSqrt2));
  const double f = m - 1;
  const double s = f / (2 + f);
  return exponent * kLn2High + ((f - s * (f - log_rest(s * s))) + (exponent * kLn2Low + lost));
}

}  // namespace surgewatch::statistics::series
