// What panes sum: five integers, added with checked arithmetic.
//
// Units: revenue in millionths of a US dollar; the others are plain counts. All are signed, since
// credit notes and returns subtract.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace surgewatch {

enum class Measure : std::uint8_t { kDocuments, kUnits, kChips, kRevenueUsd, kTpp };
inline constexpr std::size_t kMeasureCount = 5;
inline constexpr std::array<std::string_view, kMeasureCount> kMeasureNames{
    "documents", "units", "chips", "revenue_usd", "tpp"};

constexpr std::string_view measure_name(Measure measure) {
  return kMeasureNames[static_cast<std::size_t>(measure)];
}
constexpr std::optional<Measure> measure_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    if (kMeasureNames[i] == name) return static_cast<Measure>(i);
  }
  return std::nullopt;
}

struct MeasureValues {
  std::array<std::int64_t, kMeasureCount> values{};

  std::int64_t& operator[](Measure m) { return values[static_cast<std::size_t>(m)]; }
  std::int64_t operator[](Measure m) const { return values[static_cast<std::size_t>(m)]; }

  // Adds, and says whether every sum fitted; one that did not is saturated.
  bool add(const MeasureValues& other) {
    bool fitted = true;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      std::int64_t sum = 0;
      if (__builtin_add_overflow(values[i], other.values[i], &sum)) {
        sum = values[i] < 0 ? INT64_MIN : INT64_MAX;
        fitted = false;
      }
      values[i] = sum;
    }
    return fitted;
  }
  // INT64_MIN becomes INT64_MAX: contributions never hold it.
  MeasureValues negated() const {
    MeasureValues result;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      result.values[i] = values[i] == INT64_MIN ? INT64_MAX : -values[i];
    }
    return result;
  }
  bool is_zero() const { return *this == MeasureValues{}; }

  friend bool operator==(const MeasureValues&, const MeasureValues&) = default;
};

// The same sums in 128 bits: no number of contributions that could ever be made leaves them.
struct WideMeasures {
  __extension__ using Sum = __int128;
  std::array<Sum, kMeasureCount> values{};

  WideMeasures() = default;
  // Any MeasureValues is one.
  WideMeasures(const MeasureValues& narrow) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < kMeasureCount; ++i) values[i] = narrow.values[i];
  }

  Sum operator[](Measure m) const { return values[static_cast<std::size_t>(m)]; }

  void add(const WideMeasures& other) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) values[i] += other.values[i];
  }
  void subtract(const WideMeasures& other) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) values[i] -= other.values[i];
  }
  // Whether each fits 64 bits.
  bool is_narrow() const {
    bool fits = true;
    for (const Sum value : values) fits &= value == static_cast<std::int64_t>(value);
    return fits;
  }
  // The nearest that 64 bits can hold.
  MeasureValues saturated() const {
    MeasureValues result;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      result.values[i] = values[i] > INT64_MAX   ? INT64_MAX
                         : values[i] < INT64_MIN ? INT64_MIN
                                                 : static_cast<std::int64_t>(values[i]);
    }
    return result;
  }

  friend bool operator==(const WideMeasures&, const WideMeasures&) = default;
};

}  // namespace surgewatch
