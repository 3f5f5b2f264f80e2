#include "observe/money.h"

namespace surgewatch::observe {
namespace {

// ISO C++ has no name for it; GCC and Clang do.
__extension__ using Wide = unsigned __int128;

}  // namespace

std::optional<std::int64_t> usd_micros(std::int64_t quantity, std::int64_t units,
                                       std::int32_t nanos, std::int64_t usd_per_unit_e9) {
  const Wide price_nanos = static_cast<Wide>(units) * kNanosPerUnit + static_cast<Wide>(nanos);
  // Billionths of a unit times billionths of a dollar a unit; dollars skip their rate of one, which
  // keeps most products within 64 bits, where division is cheap.
  const bool is_usd = usd_per_unit_e9 == kNanosPerUnit;
  const std::uint64_t divisor = is_usd ? 1'000 : 1'000'000'000'000;
  const Wide rate = is_usd ? 1 : static_cast<Wide>(usd_per_unit_e9);
  // What leaves 128 bits here is far above 2^63 after the division; what stays is exact.
  Wide product = 0;
  if (__builtin_mul_overflow(price_nanos, static_cast<Wide>(quantity), &product) ||
      __builtin_mul_overflow(product, rate, &product)) {
    return std::nullopt;
  }
  Wide micros = 0;
  std::uint64_t remainder = 0;
  if (product >> 64 == 0) {
    const auto narrow = static_cast<std::uint64_t>(product);
    micros = narrow / divisor;
    remainder = narrow % divisor;
  } else {
    micros = product / divisor;
    remainder = static_cast<std::uint64_t>(product % divisor);
  }
  const std::uint64_t half = divisor / 2;
  if (remainder > half || (remainder == half && (micros & 1) != 0)) ++micros;
  if (micros > static_cast<Wide>(INT64_MAX)) return std::nullopt;
  return static_cast<std::int64_t>(micros);
}

}  // namespace surgewatch::observe
