// Event time: microseconds since 1970-01-01T00:00:00Z, in 64 bits, proleptic Gregorian, UTC.
//
// Units and ranges: Micros is an instant or a span. Instants from 0001-01-01 to 9999-12-31 can be
// written. Events lie a century within, so that the ends of every window that the configuration
// allows (10,000 days at most) can be written as well. A timestamp's nanoseconds are rounded down.
// Errors: parsers answer INVALID_ARGUMENT with what was expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace surgewatch {

using Micros = std::int64_t;

inline constexpr Micros kMicrosPerSecond = 1'000'000;
inline constexpr Micros kMicrosPerDay = 86'400 * kMicrosPerSecond;
inline constexpr Micros kMinTime = -62'135'596'800 * kMicrosPerSecond;           // 0001-01-01
inline constexpr Micros kMaxTime = 253'402'300'800 * kMicrosPerSecond - 1;       // 9999-12-31
inline constexpr Micros kMinEventTime = -58'979'923'200 * kMicrosPerSecond;      // 0101-01-01
inline constexpr Micros kMaxEventTime = 250'246'627'200 * kMicrosPerSecond - 1;  // 9899-12-31

// Number of a pane: pane i of length L covers [i * L, (i + 1) * L).
using PaneIndex = std::int64_t;

// Rounds toward minus infinity, so that panes before 1970 have the same length as those after.
constexpr std::int64_t floor_div(std::int64_t numerator, std::int64_t denominator) {
  const std::int64_t quotient = numerator / denominator;
  return quotient - ((numerator % denominator != 0) && ((numerator < 0) != (denominator < 0)));
}
constexpr PaneIndex pane_of(Micros time, Micros pane_length) {
  return floor_div(time, pane_length);
}

// The wall clock, for metrics, marks and names of lives; what is computed from events never asks
// it.
Micros wall_clock_micros();

// "100ms", "30s", "5m", "1h", "7d", also "1h30m"; not negative, at most 10,000 d.
absl::StatusOr<Micros> parse_duration(std::string_view text);

// "2023-05-01": midnight UTC.
absl::StatusOr<Micros> parse_date(std::string_view text);

// "2024-01-01T00:00:00Z", with a fraction of up to 6 digits only where there is one.
std::string format_time(Micros time);

// "2024-01-01", the date that the instant falls on.
std::string format_date(Micros time);

// "7d", "1h30m", "250ms": the shortest form that parse_duration reads back.
std::string format_duration(Micros span);

}  // namespace surgewatch
