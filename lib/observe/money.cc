#include "observe/money.h"

namespace surgewatch::observe {
namespace {

// ISO C++ has no name for it; GCC and Clang do.
__extension__ using Wide = unsigned __int128;

// False if the product leaves 128 bits. One multiplication where the factor fits 64.
bool multiply(Wide* factor, std::int64_t by) {
  if (*factor >> 64 == 0) [[likely]] {
    *factor *= static_cast<std::uint64_t>(by);
    return true;
  }
  return !__builtin_mul_overflow(*factor, static_cast<Wide>(by), factor);
}

// Half to even. The divisor is a constant, so that the division is a multiplication where the
// product fits 64 bits, and it nearly always does.
template <std::uint64_t kDivisor>
std::optional<std::int64_t> divided(Wide product) {
  Wide quotient = 0;
  std::uint64_t remainder = 0;
  if (product >> 64 == 0) [[likely]] {
    const auto narrow = static_cast<std::uint64_t>(product);
    quotient = narrow / kDivisor;
    remainder = narrow % kDivisor;
  } else {
    quotient = product / kDivisor;
    remainder = static_cast<std::uint64_t>(product % kDivisor);
  }
  constexpr std::uint64_t kHalf = kDivisor / 2;
  if (remainder > kHalf || (remainder == kHalf && (quotient & 1) != 0)) ++quotient;
  if (quotient > static_cast<Wide>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(quotient);
}

}  // namespace

std::optional<std::int64_t> usd_micros(std::int64_t quantity, std::int64_t units,
                                       std::int32_t nanos, std::int64_t usd_per_unit_e9) {
  Wide product = static_cast<Wide>(units) * kNanosPerUnit + static_cast<Wide>(nanos);
  // What leaves 128 bits is far above 2^63 after the division; what stays is exact.
  if (!multiply(&product, quantity)) return std::nullopt;
  // Billionths of a unit times billionths of a dollar a unit; dollars skip their rate of one.
  if (usd_per_unit_e9 == kNanosPerUnit) return divided<1'000>(product);
  if (!multiply(&product, usd_per_unit_e9)) return std::nullopt;
  return divided<1'000'000'000'000>(product);
}

}  // namespace surgewatch::observe
