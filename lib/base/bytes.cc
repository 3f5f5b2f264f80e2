#include "base/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "base/status.h"

namespace surgewatch {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array<Unit, 8> kUnits{{
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"KiB", std::int64_t{1} << 10},
    {"MiB", std::int64_t{1} << 20},
    {"GiB", std::int64_t{1} << 30},
    {"TiB", std::int64_t{1} << 40},
}};

constexpr std::array<std::string_view, 7> kPowers{"B", "kB", "MB", "GB", "TB", "PB", "EB"};

}  // namespace

absl::StatusOr<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const std::string_view rest(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  const auto unit = std::ranges::find(kUnits, rest, &Unit::name);
  if (parsed.ptr == text.data() || count < 0 || unit == kUnits.end()) {
    return invalid_argument(
        "'{}' is not an amount of memory; write a number with kB, MB, GB, TB, KiB, MiB, GiB or "
        "TiB, such as 500MB or 16GB",
        text);
  }
  std::int64_t bytes = 0;
  if (parsed.ec != std::errc{} || __builtin_mul_overflow(count, unit->bytes, &bytes)) {
    return out_of_range("'{}' is more than 63 bits hold", text);
  }
  return bytes;
}

std::string format_bytes(Saturating bytes) {
  if (bytes.is_most()) return "more than 18 EB";
  std::uint64_t scale = 1;
  std::size_t power = 0;
  // One digit is behind the point; what would be rounded up to 1,000 is 1 of the next.
  while (power + 1 < kPowers.size() && bytes > Saturating(scale) * 999) {
    scale *= 1'000;
    ++power;
  }
  if (power == 0) return fmt::format("{} B", bytes.value());
  const std::uint64_t tenths = (bytes / (scale / 10)).value();
  return tenths % 10 == 0 ? fmt::format("{} {}", tenths / 10, kPowers[power])
                          : fmt::format("{}.{} {}", tenths / 10, tenths % 10, kPowers[power]);
}

}  // namespace surgewatch
