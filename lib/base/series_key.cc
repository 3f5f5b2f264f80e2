#include "base/series_key.h"

#include <fmt/format.h>

#include "base/printable.h"

namespace surgewatch {

std::string key_part(std::string_view dimension, std::string_view value) {
  return fmt::format("{}={}", dimension, printable(value, kUncut, ";="));
}

}  // namespace surgewatch
