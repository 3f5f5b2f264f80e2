// What the parameters of the tests may be: here once, for create(), which refuses what is beyond,
// and for whoever reads parameters from people and wants to say where they are wrong.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace surgewatch::statistics {

// Both ends included.
template <typename Number>
struct Range {
  Number low;
  Number high;

  // False of what is not a number.
  constexpr bool holds(Number value) const { return value >= low && value <= high; }
};

// In windows.
inline constexpr Range<std::int64_t> kPeriodRange{1, 10'000};
inline constexpr Range<std::int64_t> kGuardRange{1, 400};
inline constexpr Range<std::int64_t> kWarmUpRange{4, 400};
// A probability, or a share, of false alarms.
inline constexpr Range<double> kAlphaRange{1e-12, 0.5};
// h, a log likelihood ratio.
inline constexpr Range<double> kThresholdRange{0.5, 50};
// κ, how many times the usual a ramp is.
inline constexpr Range<double> kFactorRange{1.01, 20};
// ψ, by which the odds of a share change.
inline constexpr Range<double> kOddsRatioRange{1.05, 100};

// kInvalidArgument with name, value and range.
absl::Status check_within(const char* name, double value, double low, double high);
template <typename Number>
absl::Status check_within(const char* name, double value, const Range<Number>& range) {
  return check_within(name, value, static_cast<double>(range.low), static_cast<double>(range.high));
}

}  // namespace surgewatch::statistics
