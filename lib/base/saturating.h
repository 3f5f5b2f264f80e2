// Whole numbers from 0 up that stay at the largest one instead of leaving 64 bits: for what may
// become as large as a configuration says, and is only compared with something and shown.
//
// Threads: a value.
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <utility>

namespace surgewatch {

class Saturating {
 public:
  constexpr Saturating() = default;
  // Any whole number is one; what is below 0 is 0.
  constexpr Saturating(std::integral auto value)  // NOLINT(google-explicit-constructor)
      : value_(std::cmp_less(value, 0) ? 0 : static_cast<std::uint64_t>(value)) {}
  static constexpr Saturating most() { return Saturating(UINT64_MAX); }

  constexpr std::uint64_t value() const { return value_; }
  // It may be more.
  constexpr bool is_most() const { return value_ == UINT64_MAX; }

  friend constexpr Saturating operator+(Saturating a, Saturating b) {
    std::uint64_t sum = 0;
    return __builtin_add_overflow(a.value_, b.value_, &sum) ? most() : Saturating(sum);
  }
  friend constexpr Saturating operator*(Saturating a, Saturating b) {
    std::uint64_t product = 0;
    return __builtin_mul_overflow(a.value_, b.value_, &product) ? most() : Saturating(product);
  }
  // Rounded up.
  friend constexpr Saturating operator/(Saturating a, std::uint64_t by) {
    return a.is_most() ? a : Saturating(a.value_ / by + (a.value_ % by == 0 ? 0 : 1));
  }
  constexpr Saturating& operator+=(Saturating other) { return *this = *this + other; }
  friend constexpr auto operator<=>(Saturating, Saturating) = default;

  // The least power of two that is not below it; of 0 it is 0.
  constexpr Saturating to_power_of_two() const {
    if (value_ == 0) return *this;
    return value_ > std::uint64_t{1} << 63 ? most() : Saturating(std::bit_ceil(value_));
  }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace surgewatch
