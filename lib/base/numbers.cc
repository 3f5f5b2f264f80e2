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

std::string with_commas(std::string decimal) {
  constexpr std::size_t kTogether = 3;
  const std::size_t begin = decimal.starts_with('-') ? 1 : 0;
  std::size_t end = decimal.find('.');
  if (end == std::string::npos) end = decimal.size();
  for (std::size_t i = end; i > begin + kTogether; i -= kTogether) {
    decimal.insert(i - kTogether, 1, ',');
  }
  return decimal;
}

}  // namespace surgewatch
