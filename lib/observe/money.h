// Amounts as integers: quantities times prices times rates, exact until one rounding at the end.
#pragma once

#include <cstdint>
#include <optional>

namespace surgewatch::observe {

inline constexpr std::int64_t kNanosPerUnit = 1'000'000'000;

// google.type.Money's rule: nanos within a unit and of the units' sign.
constexpr bool is_valid_money(std::int64_t units, std::int32_t nanos) {
  if (nanos <= -kNanosPerUnit || nanos >= kNanosPerUnit) return false;
  return !(units > 0 && nanos < 0) && !(units < 0 && nanos > 0);
}

// quantity × (units + nanos / 10^9) × usd_per_unit_e9 / 10^9 in millionths of a US dollar, rounded
// half to even; nullopt if that exceeds 64 bits. Requires: nothing is negative.
std::optional<std::int64_t> usd_micros(std::int64_t quantity, std::int64_t units,
                                       std::int32_t nanos, std::int64_t usd_per_unit_e9);

}  // namespace surgewatch::observe
