#include "base/numbers.h"

#include <charconv>
#include <cmath>

namespace surgewatch {

std::optional<double> parse_finite(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace surgewatch
